//! `cargo xtask bench`: what a call through the switchboard costs, beside calling directly and
//! beside the least gateway there is, all from one run.
//!
//! Everything is on loopback and every loop is bounded. It judges by ratios within the run, never
//! by absolute figures: the machine is shared between the load, the contender and the backend.
//! It does not gate anything by itself; it prints which goals are met.

mod contender;
mod goals;
mod peers;
mod process;
mod report;
mod rig;
mod scenario;
mod search;
mod table;

use anyhow::{Context, Result, bail};
use contender::Contender;
use rig::{Rig, Row};
use scenario::Scenario;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Flags of `cargo xtask bench`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    /// Something else than calls
    #[command(subcommand)]
    pub what: Option<What>,
    /// One short round: a look, not a result
    #[arg(long)]
    pub quick: bool,
    /// Also run nginx as a plain hop and mcp-proxy 0.6.0 (installs them into target/peers)
    #[arg(long)]
    pub peers: bool,
    /// Also run this earlier build of the switchboard, as `before`
    #[arg(long, value_name = "PROGRAM")]
    pub against: Option<std::path::PathBuf>,
    /// Interleaved rounds; the tables show medians over them
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Write the tables into BENCH.md
    #[arg(long)]
    pub write: bool,
}

/// What else is measured.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum What {
    /// How well, how fast and how surely tools are found for texts
    Search(search::SearchArgs),
}

impl BenchArgs {
    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds.clamp(1, 50) }
    }

    /// Seconds of each measured window.
    fn seconds(&self) -> f64 {
        if self.quick { 0.4 } else { 1.5 }
    }

    /// Starts from nothing in each round; the cold start is their median.
    fn starts(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }

    /// The command that makes the same tables again.
    fn command(&self) -> String {
        let mut command = String::from("cargo xtask bench");
        if self.quick {
            command.push_str(" --quick");
        } else if self.rounds != 3 {
            command.push_str(&format!(" --rounds {}", self.rounds));
        }
        if self.peers {
            command.push_str(" --peers");
        }
        if self.against.is_some() {
            command.push_str(" --against PROGRAM");
        }
        command
    }
}

/// Builds, measures and prints; with `--write` also updates `BENCH.md`.
///
/// # Errors
/// A build or a contender of ours failed, or calls through the switchboard went wrong (the tables
/// are printed first in that case). A peer that fails is left out with a note.
pub(crate) fn run(root: &Path, args: &BenchArgs) -> Result<()> {
    if let Some(What::Search(args)) = &args.what {
        return search::run(root, args);
    }
    build(root)?;
    let rig = Rig::new(root, args)?;
    let mut notes = Vec::new();
    let contenders = contenders(root, args, &mut notes);
    let mut rows = Vec::new();
    for round in 0..args.rounds() {
        for scenario in Scenario::ALL {
            let present = contenders.iter().filter(|one| one.takes_part_in(scenario));
            let mut order: Vec<&Contender> = present.collect();
            // Every other round backwards, so that a drift of the machine favours nobody.
            if round % 2 == 1 {
                order.reverse();
            }
            for contender in order {
                measure(&rig, contender, scenario, round, &mut rows, &mut notes)?;
            }
        }
    }
    report::keep_calm(&mut rows, &mut notes);
    let text = report::render(&rows, &args.command(), &notes);
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    if args.write {
        report::write(root, &text)?;
    }
    let failed: u64 = rows.iter().filter(|row| row.contender == "switchboard").map(Row::errors).sum();
    if failed > 0 {
        bail!("{failed} calls through the switchboard failed; see the column `errors`");
    }
    Ok(())
}

fn contenders(root: &Path, args: &BenchArgs, notes: &mut Vec<String>) -> Vec<Contender> {
    let mut contenders = vec![Contender::Direct, Contender::Floor, Contender::Switchboard];
    contenders.extend(args.against.clone().map(Contender::Before));
    if args.peers {
        match peers::nginx(root) {
            Ok(program) => contenders.push(Contender::Nginx(program)),
            Err(why) => notes.push(format!("nginx left out: {why:#}")),
        }
        match peers::mcp_proxy(root) {
            Ok(program) => contenders.push(Contender::McpProxy(program)),
            Err(why) => notes.push(format!("mcp-proxy left out: {why:#}")),
        }
    }
    contenders
}

fn measure(
    rig: &Rig,
    contender: &Contender,
    scenario: Scenario,
    round: u32,
    rows: &mut Vec<Row>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let before = noise();
    let began = Instant::now();
    match rig.measure(contender, scenario, round) {
        Ok(mut row) => {
            row.noise = before.max(noise());
            let mut progress = std::io::stderr();
            writeln!(
                progress,
                "round {} {:<12} {:<12} {:5.1} s",
                round + 1,
                scenario.name(),
                contender.name(),
                began.elapsed().as_secs_f64()
            )?;
            rows.push(row);
            Ok(())
        }
        Err(why) if contender.is_peer() => {
            let (name, scenario) = (contender.name(), scenario.name());
            notes.push(format!("{name} failed in {scenario}, round {}: {why:#}", round + 1));
            Ok(())
        }
        Err(why) => Err(why.context(format!("{}, {}", contender.name(), scenario.name()))),
    }
}

fn build(root: &Path) -> Result<()> {
    let args = ["build", "--release", "-p", "bench", "-p", "cli"];
    let status = process::command("cargo").args(args).current_dir(root).status();
    let status = status.context("cargo did not start")?;
    if !status.success() {
        bail!("cargo {} failed", args.join(" "));
    }
    Ok(())
}

/// Seconds that a fixed amount of work takes now: what neighbours do to the machine.
fn noise() -> f64 {
    let began = Instant::now();
    let mut mixed = 0_u64;
    for step in 0..30_000_000_u64 {
        mixed = black_box(mixed.rotate_left(5) ^ step);
    }
    black_box(mixed);
    began.elapsed().as_secs_f64()
}
