//! What this process uses, from `/proc`. Elsewhere than on Linux nothing is said.

use std::fs;
use std::time::Duration;
use tokio::time::Instant;

/// Clock ticks per second in `/proc/*/stat`: 100 on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// Looks at this process now and then.
#[derive(Debug, Default)]
pub(crate) struct Process {
    last: Option<(Instant, Duration)>,
}

/// What it uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Used {
    /// Resident memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Percent of one core since the last look.
    pub(crate) cpu_percent: f64,
}

// === impl Process ===

impl Process {
    /// What it uses now. Reads two small files.
    pub(crate) fn sample(&mut self) -> Option<Used> {
        let memory_bytes = memory(&fs::read_to_string("/proc/self/status").ok()?)?;
        let cpu = time(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let now = Instant::now();
        let cpu_percent = self.last.map_or(0.0, |(then, before)| {
            let passed = now.saturating_duration_since(then).max(Duration::from_millis(1));
            100.0 * cpu.saturating_sub(before).as_secs_f64() / passed.as_secs_f64()
        });
        self.last = Some((now, cpu));
        Some(Used { memory_bytes, cpu_percent: (cpu_percent * 10.0).round() / 10.0 })
    }
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Fields 14 and 15 of proc(5): time in user and kernel mode.
fn time(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_ascii_whitespace().skip(11).map(|field| field.parse::<u64>().unwrap_or(0));
    Some(Duration::from_millis((ticks.next()? + ticks.next()?) * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_behind_any_name() {
        assert_eq!(time("7 (a) b) S 1 2 3 4 5 6 7 8 9 10 300 20 0 0"), Some(Duration::from_millis(3200)));
        assert_eq!(memory("Name:\tx\nVmRSS:\t    8120 kB\n"), Some(8120 * 1024));
        assert_eq!((time("nonsense"), memory("nonsense")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let mut process = Process::default();
        assert!(process.sample().unwrap().memory_bytes > 100_000);
        assert!(process.sample().unwrap().cpu_percent >= 0.0);
    }
}
