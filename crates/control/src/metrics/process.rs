//! Figures of this process, from `/proc`, under the names that Prometheus knows them by. Elsewhere than
//! on Linux nothing is said.

use std::fs;

/// Ticks of a second in `/proc` (`USER_HZ`), which is the same on every Linux that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What there is to know, each with the name of its metric.
pub(super) fn figures() -> Vec<(&'static str, f64)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (stat, status, limits) = (read("/proc/self/stat"), read("/proc/self/status"), read("/proc/self/limits"));
    let descriptors = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    let found = [
        ("process_cpu_seconds_total", cpu_seconds(&stat)),
        ("process_resident_memory_bytes", kib(&status, "VmRSS:")),
        ("process_virtual_memory_bytes", kib(&status, "VmSize:")),
        // The one that reads the folder is among them.
        ("process_open_fds", descriptors.map(|open| open - 1.0)),
        ("process_max_fds", limit(&limits)),
        ("process_threads", field(&status, "Threads:")),
        ("process_start_time_seconds", start_seconds(&stat, &read("/proc/stat"))),
    ];
    found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The fields behind the name of the program, which may hold anything; the first is field 3.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map_or_else(Vec::new, |(_, rest)| rest.split_whitespace().collect())
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    let fields = fields(stat);
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    // Fields 14 and 15: utime, stime (proc_pid_stat(5)).
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn start_seconds(stat: &str, system: &str) -> Option<f64> {
    // Field 22: ticks from boot to start.
    let ticks: f64 = fields(stat).get(19)?.parse().ok()?;
    Some(field(system, "btime")? + ticks / TICKS_PER_SECOND)
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kib(status: &str, name: &str) -> Option<f64> {
    Some(field(status, name)? * 1024.0)
}

fn limit(limits: &str) -> Option<f64> {
    field(limits, "Max open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 4 0 1000 5 6";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_seconds(stat, "cpu 1 2\nbtime 100\n"), Some(110.0));
        assert_eq!(limit("Limit  Soft\nMax open files            1024    4096  files\n"), Some(1024.0));
        assert_eq!(cpu_seconds(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_known() {
        let figures = figures();
        assert_eq!(figures.len(), 7);
        assert!(
            figures.iter().all(|(name, value)| *value > 0.0 || *name == "process_cpu_seconds_total"),
            "{figures:?}"
        );
    }
}
