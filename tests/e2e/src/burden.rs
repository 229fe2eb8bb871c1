//! What a process takes of the machine, as Linux tells in `/proc`: memory, descriptors, time of a
//! processor. And what nobody has collected. It judges nothing.

use crate::processes::Tree;
use std::fs;
use std::time::Duration;

/// The clock of `/proc/*/stat` ticks a hundred times a second on every Linux that we test on.
const TICK: Duration = Duration::from_millis(10);

/// What some processes take together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burden {
    /// Memory in use, in KiB.
    pub resident_kib: u64,
    /// The most memory that was ever in use, in KiB.
    pub peak_kib: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Time of processors that was used until now.
    pub busy: Duration,
}

impl Burden {
    /// Of one process; of one that is gone, nothing.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|line| line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().ok()).unwrap_or(0)
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<u32>().ok()).unwrap_or(0);
        Self {
            resident_kib: kib("VmRSS"),
            peak_kib: kib("VmHWM"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
            busy: TICK * (ticks(11) + ticks(12)),
        }
    }

    /// Of a switchboard: the daemon and its guard, not the servers.
    #[must_use]
    pub fn of_daemon(pid: u32) -> Self {
        let tree = Tree::of(pid);
        let guards = tree.processes().iter().filter(|process| process.command.contains("__guard"));
        guards.map(|guard| Self::of(guard.pid)).fold(Self::of(pid), |sum, one| Self {
            resident_kib: sum.resident_kib + one.resident_kib,
            peak_kib: sum.peak_kib + one.peak_kib,
            descriptors: sum.descriptors + one.descriptors,
            busy: sum.busy + one.busy,
        })
    }
}

/// Processes that have ended and that `root` or a descendant of it should have collected.
#[must_use]
pub fn zombies(root: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let family: Vec<u32> = Tree::of(root).processes().iter().map(|process| process.pid).chain([root]).collect();
    let dead = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
        let mut fields = rest.split(' ');
        let is_dead = fields.next() == Some("Z");
        is_dead && fields.next().and_then(|parent| parent.parse().ok()).is_some_and(|parent| family.contains(&parent))
    };
    pids.filter(dead).collect()
}
