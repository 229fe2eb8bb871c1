//! One contender in one scenario: backends up, contender up, calls through it, all down.

use super::BenchArgs;
use super::contender::Contender;
use super::process::{Program, command, output, poll, with_argument};
use super::scenario::{Cell, DUMMIES, Scenario};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Ports from here on are tried, in blocks: the backends', and the contender's after them.
const FIRST_PORT: u16 = 21_400;
const BLOCK: u16 = 64;
/// How long a contender may take to list all tools.
const START_LIMIT: &str = "30";

/// What stays the same in a run.
pub(super) struct Rig {
    bin: PathBuf,
    work: PathBuf,
    seconds: f64,
    starts: usize,
}

/// Where one measurement takes place.
pub(super) struct Site {
    pub(super) scenario: Scenario,
    pub(super) bin: PathBuf,
    /// A folder of its own.
    pub(super) folder: PathBuf,
    /// The first backend's port.
    pub(super) base: u16,
    /// The contender's port.
    pub(super) port: u16,
}

/// What one contender did in one scenario and round.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) contender: &'static str,
    pub(super) scenario: Scenario,
    pub(super) round: u32,
    /// Milliseconds from spawn to the full list, nothing stored; empty for direct.
    pub(super) cold_ms: Vec<f64>,
    /// The same with what an earlier start left on disk.
    pub(super) stored_ms: Option<f64>,
    /// MiB after the first list: all own processes, and the largest of them.
    pub(super) idle_mib: Option<(f64, f64)>,
    pub(super) peak_mib: Option<f64>,
    /// Processes of the stdio backend while 64 sessions were open, at most.
    pub(super) processes: Option<usize>,
    pub(super) cells: BTreeMap<&'static str, Measured>,
    /// See `noise`, before and after.
    pub(super) noise: f64,
}

impl Row {
    /// Calls that failed or were answered wrongly.
    pub(super) fn errors(&self) -> u64 {
        self.cells.values().map(|cell| cell.errors).sum()
    }
}

/// One cell's figures.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) rps: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// CPU of the contender's own processes; `None` for direct.
    pub(super) cpu_us: Option<f64>,
    pub(super) errors: u64,
}

impl Site {
    pub(super) fn backend_url(&self, index: u16) -> String {
        format!("http://127.0.0.1:{}/mcp", self.base + index)
    }

    /// The folder for a contender's state.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A word in the command line of this site's stdio backends, to count them by.
    fn mark(&self) -> String {
        format!("bench-{}-{}", std::process::id(), self.port)
    }

    pub(super) fn stdio_backend(&self) -> Vec<String> {
        let program = self.bin.join("bench-echo").display().to_string();
        let (tools, mark) = (DUMMIES.to_string(), self.mark());
        let args = ["--stdio", "--tools", &tools, "--mark", &mark].map(str::to_owned);
        std::iter::once(program).chain(args).collect()
    }
}

impl Rig {
    pub(super) fn new(root: &Path, args: &BenchArgs) -> Result<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| root.join("target"), |folder| root.join(folder));
        let work = target.join("bench");
        fs::create_dir_all(&work)?;
        Ok(Self { bin: target.join("release"), work, seconds: args.seconds(), starts: args.starts() })
    }

    /// Measures everything there is to measure about one contender in one scenario.
    pub(super) fn measure(&self, contender: &Contender, scenario: Scenario, round: u32) -> Result<Row> {
        let site = self.site(contender, scenario)?;
        let backends = self.start_backends(&site)?;
        let mut row = Row {
            contender: contender.name(),
            scenario,
            round,
            cold_ms: Vec::new(),
            stored_ms: None,
            idle_mib: None,
            peak_mib: None,
            processes: None,
            cells: BTreeMap::new(),
            noise: 0.0,
        };
        for _ in 0..self.starts {
            fs::remove_dir_all(site.data()).or_else(ignore_missing)?;
            fs::create_dir_all(site.data())?;
            let Some((program, spent)) = self.start(contender, &site)? else {
                break;
            };
            row.cold_ms.push(spent);
            self.stop(program, &site)?;
        }
        let started = self.start(contender, &site)?;
        let program = started.map(|(program, spent)| {
            row.stored_ms = Some(spent);
            program
        });
        if let Some(usage) = program.as_ref().map(Program::usage) {
            row.idle_mib = Some((mib(usage.rss_kib), mib(usage.largest_kib)));
        }
        for cell in scenario.cells() {
            if cell.version > "2026" && !contender.speaks_modern() {
                continue;
            }
            let (measured, processes) = self.cell(contender, &site, cell, program.as_ref())?;
            row.cells.insert(cell.name, measured);
            row.processes = row.processes.max(processes);
        }
        row.peak_mib = program.as_ref().map(|program| mib(program.usage().peak_kib));
        if let Some(program) = program {
            self.stop(program, &site)?;
        }
        backends.map_or(Ok(()), Program::stop)?;
        Ok(row)
    }

    fn site(&self, contender: &Contender, scenario: Scenario) -> Result<Site> {
        let folder = self.work.join(format!("{}-{}", contender.name(), scenario.name().replace(' ', "-")));
        fs::remove_dir_all(&folder).or_else(ignore_missing)?;
        fs::create_dir_all(&folder)?;
        let free = |base: &u16| (*base..base + BLOCK).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        let mut blocks = (0..64).map(|block| FIRST_PORT + block * BLOCK);
        let base = blocks.find(free).context("no free ports")?;
        let bin = self.bin.clone();
        Ok(Site { scenario, bin, folder, base, port: base + BLOCK - 1 })
    }

    fn start_backends(&self, site: &Site) -> Result<Option<Program>> {
        if site.scenario == Scenario::Stdio {
            return Ok(None);
        }
        let mut echo = command(self.bin.join("bench-echo"));
        echo.args(["--listen", &format!("127.0.0.1:{}", site.base)]);
        echo.args(["--count", &site.scenario.backends().to_string()]);
        echo.args(["--tools", &DUMMIES.to_string()]);
        let program = Program::start(&mut echo, &site.folder.join("backends.log"))?;
        // They are bound in order, so the last one answers when all do.
        let last = site.backend_url(site.scenario.backends() - 1);
        let waited = self.wait(&last, 1, unix_ns()?);
        waited.with_context(|| format!("the backends: {}", program.log_tail()))?;
        Ok(Some(program))
    }

    /// Starts a contender and waits for its full list: the milliseconds since just before.
    fn start(&self, contender: &Contender, site: &Site) -> Result<Option<(Program, f64)>> {
        let Some(mut command) = contender.command(site)? else {
            return Ok(None);
        };
        let since = unix_ns()?;
        let program = Program::start(&mut command, &site.folder.join("log"))?;
        let spent = self.wait(&contender.url(site), site.scenario.tools(), since);
        let spent =
            spent.with_context(|| format!("it never listed all tools; its log ends: {}", program.log_tail()))?;
        Ok(Some((program, spent)))
    }

    /// Stops a contender and sees that its stdio backends end with it.
    fn stop(&self, program: Program, site: &Site) -> Result<()> {
        program.stop()?;
        let mark = site.mark();
        let gone = poll(Duration::from_secs(5), || with_argument(&mark) == 0);
        ensure!(gone, "it left {} backend processes behind", with_argument(&mark));
        Ok(())
    }

    fn wait(&self, url: &str, tools: usize, since: u128) -> Result<f64> {
        let mut wait = self.load("wait");
        wait.args(["--url", url, "--timeout", START_LIMIT]);
        wait.args(["--tools", &tools.to_string(), "--since", &since.to_string()]);
        let report: Value = serde_json::from_str(&output(&mut wait)?)?;
        report["list_ms"].as_f64().with_context(|| format!("{report}"))
    }

    fn load(&self, mode: &str) -> Command {
        let mut load = command(self.bin.join("bench-load"));
        load.arg(mode);
        load
    }

    fn cell(
        &self,
        contender: &Contender,
        site: &Site,
        cell: &Cell,
        program: Option<&Program>,
    ) -> Result<(Measured, Option<usize>)> {
        let piped = site.scenario == Scenario::Stdio && matches!(contender, Contender::Direct);
        let mut load = self.load(if piped { "stdio" } else { "http" });
        load.args(["--op", cell.op, "--proto", cell.version]);
        load.args(["--bytes", &cell.bytes.to_string(), "--secs", &self.seconds.to_string()]);
        if piped {
            load.args(["--depth", &cell.conns.to_string(), "--"]).args(site.stdio_backend());
        } else {
            load.args(["--conns", &cell.conns.to_string(), "--url", &contender.url(site)]);
        }
        let before = program.map(Program::usage);
        let (report, processes) = self.run_load(&mut load, site)?;
        let number = |key: &str| report[key].as_f64().with_context(|| format!("{cell:?}: {report}"));
        let used = program.zip(before).map(|(program, before)| program.usage().cpu_us_since(&before));
        let errors = report["errors"].as_u64().unwrap_or(0);
        let total = number("total")?;
        if total < 1.0 {
            bail!("{}: not one right reply: {report}", cell.name);
        }
        let cpu_us = used.map(|used| used as f64 / total);
        let (rps, p50_us, p99_us) = (number("rps")?, number("p50_us")?, number("p99_us")?);
        let processes = (site.scenario == Scenario::Stdio && program.is_some()).then_some(processes);
        Ok((Measured { rps, p50_us, p99_us, cpu_us, errors }, processes))
    }

    /// Runs the load, counting the stdio backend's processes meanwhile.
    fn run_load(&self, load: &mut Command, site: &Site) -> Result<(Value, usize)> {
        let mut child = load.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let mark = site.mark();
        let mut most = 0;
        let limit = Duration::from_secs_f64(self.seconds + 60.0);
        // Once in the window is enough; more looks would cost the CPU that is being measured.
        let early = Duration::from_secs_f64(self.seconds / 2.0);
        poll(early, || matches!(child.try_wait(), Ok(Some(_))));
        if site.scenario == Scenario::Stdio {
            most = with_argument(&mark);
        }
        if !poll(limit, || matches!(child.try_wait(), Ok(Some(_)))) {
            child.kill()?;
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let report = serde_json::from_str(&text).with_context(|| format!("bench-load said `{text}`"))?;
        Ok((report, most))
    }
}

fn ignore_missing(why: std::io::Error) -> std::io::Result<()> {
    if why.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(why) }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}

fn unix_ns() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}
