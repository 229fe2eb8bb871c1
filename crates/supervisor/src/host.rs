//! What the whole machine has in use: processor, memory, and the disk that a folder is on, looked up in
//! the moment somebody asks and never otherwise. What one server uses is told by `usage.rs`.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Two questions closer to each other than this get the same processor share.
const SHARE_PERIOD_MIN: Duration = Duration::from_millis(250);

/// What of the machine is in use, in percent; nothing where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HostUsage {
    /// Of all processors since the last question, or since the machine started.
    pub cpu_percent: Option<f64>,
    /// Of the memory, but for what can be had at once.
    pub memory_percent: Option<f64>,
    /// Of the disk, as `df` counts.
    pub disk_percent: Option<f64>,
}

/// Reads what is in use, and remembers the last question.
#[derive(Debug, Default)]
pub struct HostMeter(Mutex<Option<Sample>>);

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    ticks: Ticks,
    percent: Option<f64>,
}

/// Ticks of all processors together since the machine started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ticks {
    all: u64,
    idle: u64,
}

// === impl HostMeter ===

impl HostMeter {
    /// What is in use now. `folder` says which disk is meant. Reads files in `/proc`, and asks the disk.
    pub fn read(&self, folder: &Path) -> HostUsage {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        HostUsage {
            cpu_percent: ticks(&text("/proc/stat")).and_then(|ticks| self.share(ticks, Instant::now())),
            memory_percent: memory(&text("/proc/meminfo")),
            disk_percent: disk(folder),
        }
    }

    fn share(&self, ticks: Ticks, now: Instant) -> Option<f64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.filter(|last| now.saturating_duration_since(last.at) < SHARE_PERIOD_MIN) {
            return last.percent;
        }
        let before = last.map(|last| last.ticks).unwrap_or_default();
        let (all, idle) = (ticks.all.saturating_sub(before.all), ticks.idle.saturating_sub(before.idle));
        let percent = (all > 0).then(|| percent(all.saturating_sub(idle), all));
        *last = Some(Sample { at: now, ticks, percent });
        percent
    }
}

fn percent(part: u64, of: u64) -> f64 {
    (part as f64 / of as f64 * 1000.0).round() / 10.0
}

/// The first line of `/proc/stat` (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal; the time
/// of guests is in that of users already.
fn ticks(stat: &str) -> Option<Ticks> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
    let numbers: Vec<u64> = numbers.filter_map(|number| number.parse().ok()).collect();
    Some(Ticks { all: numbers.iter().sum(), idle: numbers.get(3)? + numbers.get(4)? })
}

fn memory(meminfo: &str) -> Option<f64> {
    let field = |name: &str| -> Option<u64> {
        meminfo.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse().ok())
    };
    let (all, free) = (field("MemTotal:")?, field("MemAvailable:")?);
    (all > 0).then(|| percent(all.saturating_sub(free), all))
}

fn disk(folder: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let used = disk.f_blocks.saturating_sub(disk.f_bfree);
    // What only root may use is not counted as there.
    let all = used + disk.f_bavail;
    (all > 0).then(|| percent(used, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_since_the_last_question() {
        let (meter, now) = (HostMeter::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(meter.share(Ticks { all: 1000, idle: 900 }, now), Some(10.0));
        assert_eq!(meter.share(Ticks { all: 9000, idle: 900 }, now), Some(10.0), "too soon to say");
        assert_eq!(meter.share(Ticks { all: 1100, idle: 925 }, at(1)), Some(75.0));
        assert_eq!(meter.share(Ticks { all: 1100, idle: 925 }, at(2)), None, "no tick passed");
    }

    #[test]
    fn what_the_system_says_is_read() {
        let stat = "cpu  10 20 30 400 50 6 7 8 900 1000\ncpu0 1 2 3 4\n";
        assert_eq!(ticks(stat), Some(Ticks { all: 531, idle: 450 }));
        assert_eq!((ticks("nonsense"), ticks("cpu  1 2")), (None, None));
        assert_eq!(memory("MemTotal:   1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n"), Some(75.0));
        assert_eq!(memory("MemTotal: 0 kB\nMemAvailable: 0 kB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_uses_something() {
        let usage = HostMeter::default().read(Path::new("/"));
        for percent in [usage.cpu_percent, usage.memory_percent, usage.disk_percent] {
            assert!(percent.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{usage:?}");
        }
    }
}
