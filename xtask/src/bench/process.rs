//! Starting, watching and stopping the programs of a run, through `/proc`.
//!
//! Only processes that this run started are ever signalled, by their own handle.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// Kernel ticks of user and system time in a second; fixed for programs by the Linux interface.
const TICKS_PER_SECOND: u64 = 100;
/// What a backend's process is called: never a contender's own cost.
const BACKEND: &str = "bench-echo";
/// How long a program may take to stop when asked, before it is killed.
const STOP: Duration = Duration::from_secs(5);

/// The one place where the bench makes a command; proxies and our own settings stay out of it.
#[expect(clippy::disallowed_methods, reason = "xtask runs tools")]
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy().to_lowercase();
        if shown.ends_with("_proxy") || shown.starts_with("switchboard_") {
            command.env_remove(name);
        }
    }
    command
}

/// Asks until it is so or the time is up; says which.
pub(super) fn poll(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        park_timeout(Duration::from_millis(5));
    }
}

/// A started program; stopped when dropped.
pub(super) struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a command with its output in `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("{}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let log = log.to_owned();
        Ok(Self { child, log })
    }

    /// What its processes have used and hold, without the backends that it started.
    pub(super) fn usage(&self) -> Usage {
        let all = processes();
        let own = descendants(&all, self.child.id());
        let mut usage = Usage::default();
        for pid in own.iter().filter(|pid| all[pid].name != BACKEND) {
            usage.ticks += all[pid].ticks;
            let (now, peak) = memory(*pid);
            usage.rss_kib += now;
            usage.peak_kib += peak;
            usage.largest_kib = usage.largest_kib.max(now);
        }
        usage
    }

    /// The end of its log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(1_000)..];
        String::from_utf8_lossy(tail).into_owned()
    }

    /// Asks it to stop, and kills it if it does not.
    pub(super) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        if !poll(STOP, || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))) {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `stop` there is nothing left to do; on the way out of an error nobody listens.
        let _ = self.end();
    }
}

/// CPU time and memory of a contender's own processes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    ticks: u64,
    /// Resident now, all processes.
    pub(super) rss_kib: u64,
    /// Resident now, the largest process: without the guard.
    pub(super) largest_kib: u64,
    /// The sum of each process's highest.
    pub(super) peak_kib: u64,
}

impl Usage {
    /// Microseconds of CPU used since an earlier look.
    pub(super) fn cpu_us_since(&self, earlier: &Self) -> u64 {
        self.ticks.saturating_sub(earlier.ticks) * (1_000_000 / TICKS_PER_SECOND)
    }
}

struct Process {
    parent: u32,
    name: String,
    ticks: u64,
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&stat)?))
    })
    .collect()
}

/// Reads `pid (name) state ppid … utime stime …`; the name may hold blanks and brackets.
fn parse_stat(stat: &str) -> Option<Process> {
    let (head, fields) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process { parent: u32::try_from(number(1)?).ok()?, name: name.to_owned(), ticks: number(11)? + number(12)? })
}

fn descendants(all: &BTreeMap<u32, Process>, root: u32) -> Vec<u32> {
    let mut found: Vec<u32> = all.contains_key(&root).then_some(root).into_iter().collect();
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        let children = all.iter().filter(|(_, process)| process.parent == parent);
        found.extend(children.map(|(pid, _)| *pid));
        next += 1;
    }
    found
}

/// Resident memory now and at its highest, in KiB.
fn memory(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    };
    (kib("VmRSS:").unwrap_or(0), kib("VmHWM:").unwrap_or(0))
}

/// Processes of this machine whose command line holds the word as an argument.
pub(super) fn with_argument(word: &str) -> usize {
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    processes().into_iter().filter(|(pid, process)| process.name == BACKEND && has(pid)).count()
}

/// Runs a command to its end and returns its stdout.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::{descendants, parse_stat, processes};

    #[test]
    fn a_name_with_brackets_is_read() {
        let rest = "S 7 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0";
        let process = parse_stat(&format!("12 (a (b) c) {rest}")).unwrap();
        assert_eq!((process.parent, process.ticks), (7, 42));
        assert_eq!(process.name, "a (b) c");
    }

    #[test]
    fn a_process_is_among_its_own_descendants() {
        let own = std::process::id();
        assert_eq!(descendants(&processes(), own).first(), Some(&own));
    }
}
