//! What a running tree uses: memory, processor, processes, looked up in the moment somebody asks
//! and never otherwise. From the tree's cgroup where it has one, else from the table of processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::guard::processes::family;
use crate::guard::program::Program;
use crate::limits::group::all_processes;

/// Clock ticks per second in `/proc/PID/stat`: 100 on every architecture that Linux tells
/// programs about (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;
/// Two questions closer to each other than this get the same processor share.
const SHARE_PERIOD_MIN: Duration = Duration::from_millis(250);

/// What a tree uses now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Resident memory in bytes; pages that processes share count for each of them.
    pub memory_bytes: u64,
    /// Percent of one core since the last question, or since the start.
    pub cpu_percent: f64,
    /// Processes.
    pub processes: usize,
}

/// Reads what one tree uses. Clones share the memory of the last question.
#[derive(Debug, Clone)]
pub struct Meter {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pid: u32,
    group: Option<PathBuf>,
    not_enforced: Vec<String>,
    /// What its main process was started from.
    program: Option<Program>,
    last: Mutex<Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    cpu: Duration,
    percent: Option<f64>,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(pid: u32, group: Option<PathBuf>, not_enforced: Vec<String>) -> Meter {
        let last = Sample { at: Instant::now(), cpu: Duration::ZERO, percent: None };
        Meter { inner: Arc::new(Inner { pid, group, not_enforced, program: None, last: Mutex::new(last) }) }
    }

    /// Of a tree that was started from this file; before the meter has clones.
    pub(crate) fn of_program(mut self, program: Option<Program>) -> Meter {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.program = program;
        }
        self
    }

    /// For what is no process of this machine: it reads nothing.
    pub(crate) fn of_nothing() -> Meter {
        Meter::new(u32::MAX, None, Vec::new())
    }

    /// What of the limits of the tree this host cannot enforce, and why.
    pub fn not_enforced(&self) -> &[String] {
        &self.inner.not_enforced
    }

    /// The place of the file that it was started from, where another one or none lies there now: a
    /// start would run something else. Asks the file system.
    pub fn replaced_program(&self) -> Option<&Path> {
        self.inner.program.as_ref()?.replaced()
    }

    /// What it uses; nothing when it has ended, or the system does not tell. Reads files in
    /// `/proc`, some for each process.
    pub fn read(&self) -> Option<Usage> {
        let (members, grouped) = self.members();
        let running = members.iter().filter_map(|pid| figures(*pid));
        let (mut memory_bytes, mut cpu, mut processes) = (0, Duration::ZERO, 0);
        for (resident, used) in running {
            memory_bytes += resident;
            cpu += used;
            processes += 1;
        }
        if processes == 0 {
            return None;
        }
        // The group remembers those that have ended, too.
        let cpu = grouped.unwrap_or(cpu);
        Some(Usage { memory_bytes, cpu_percent: self.share(cpu, Instant::now()), processes })
    }

    /// The processes, and the processor time of their group.
    fn members(&self) -> (Vec<i32>, Option<Duration>) {
        if let Some(group) = &self.inner.group {
            let members = all_processes(group);
            if !members.is_empty() {
                let stat = fs::read_to_string(group.join("cpu.stat")).unwrap_or_default();
                let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")?.trim().parse().ok());
                return (members, used.map(Duration::from_micros));
            }
        }
        (i32::try_from(self.inner.pid).map(family).unwrap_or_default(), None)
    }

    fn share(&self, cpu: Duration, now: Instant) -> f64 {
        let mut last = self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(last.at);
        if let Some(percent) = last.percent.filter(|_| passed < SHARE_PERIOD_MIN) {
            return percent;
        }
        let used = cpu.saturating_sub(last.cpu);
        let percent = 100.0 * used.as_secs_f64() / passed.max(Duration::from_millis(1)).as_secs_f64();
        *last = Sample { at: now, cpu, percent: Some(percent) };
        percent
    }
}

/// Resident bytes and processor time of one process, that of its collected children included.
fn figures(pid: i32) -> Option<(u64, Duration)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // A dead one that nobody has collected has no memory.
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = ticks(&stat)?;
    Some((resident.trim().parse::<u64>().ok()? * 1024, Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)))
}

/// Fields 14 to 17 of proc(5): own time and that of collected children, in user and kernel mode.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields = rest.split_ascii_whitespace().skip(11).take(4);
    let numbers: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    (numbers.len() == 4).then(|| numbers.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_since_the_last_question() {
        let meter = Meter::new(1, None, Vec::new());
        let start = meter.inner.last.lock().unwrap().at;
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(meter.share(Duration::from_secs(1), after(2)), 50.0);
        assert_eq!(meter.share(Duration::from_secs(4), after(4)), 150.0);
        let soon = after(4) + Duration::from_millis(10);
        assert_eq!(meter.share(Duration::from_secs(9), soon), 150.0, "too soon to say");
        assert_eq!(meter.share(Duration::from_secs(3), after(6)), 0.0, "time that went backwards");
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        assert_eq!(ticks("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 0 0"), Some(127));
        assert_eq!(ticks("nonsense"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let usage = Meter::new(std::process::id(), None, Vec::new()).read().unwrap();
        assert!(usage.memory_bytes > 100_000 && usage.processes >= 1, "{usage:?}");
        assert_eq!(Meter::new(u32::MAX >> 1, None, Vec::new()).read(), None);
    }
}
