//! How much memory the daemon and its guard hold, from `/proc`. Elsewhere than on Linux nothing
//! is said.

use crate::said::Memory;
use std::path::Path;

/// The resident memory of this process and of its guard.
pub(crate) fn now() -> Memory {
    Memory { daemon_kib: resident_kib(Path::new("/proc/self")), guard_kib: guard_kib() }
}

/// The resident memory of any process of ours.
pub(super) fn of(pid: u32) -> Option<u64> {
    resident_kib(&Path::new("/proc").join(pid.to_string()))
}

fn resident_kib(process: &Path) -> Option<u64> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    field(&status, "VmRSS:")
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The guard is our only child: everything else is started by it.
fn guard_kib() -> Option<u64> {
    let own = u64::from(std::process::id());
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        if field(&status, "PPid:") != Some(own) {
            return None;
        }
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let is_guard = command.split(|byte| *byte == 0).nth(1) == Some(b"__guard");
        if is_guard { field(&status, "VmRSS:") } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_the_status_file() {
        let status = "Name:\tswitchboard\nPPid:\t42\nVmRSS:\t    8120 kB\n";
        assert_eq!(field(status, "VmRSS:"), Some(8120));
        assert_eq!(field(status, "PPid:"), Some(42));
        assert_eq!(field(status, "VmSwap:"), None);
    }
}
