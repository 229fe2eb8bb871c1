//! Who runs on this machine below a process, read from /proc, and to which tree each belongs.
//! Systems without /proc give an empty list; there the process group alone is signalled. It never
//! signals and never waits.

use std::collections::HashMap;

/// The most processes of one family that are looked at.
const FAMILY_MAX: usize = 4096;

/// One line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    pub(crate) zombie: bool,
    /// Clock ticks since boot; with the pid it names a process for good.
    pub(crate) started: u64,
}

impl Process {
    /// What tells this process from a later one with the same number.
    pub(crate) fn identity(&self) -> (i32, u64) {
        (self.pid, self.started)
    }
}

/// Every process below `root`, parents before children, without `root`.
pub(crate) fn descendants(root: i32) -> Vec<Process> {
    below(root, &table())
}

/// A process and all that descends from it now, found from parent to child: less work than the
/// whole table, but blind to what has lost its parent.
pub(crate) fn family(pid: i32) -> Vec<i32> {
    let mut members = vec![pid];
    let mut at = 0;
    while let Some(parent) = members.get(at).copied().filter(|_| at < FAMILY_MAX) {
        members.extend(children(parent));
        at += 1;
    }
    members
}

/// The children of every thread of a process.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>()).collect()
}

/// Gives each process an owner: the one `claim` names, else its parent's. `processes` must have
/// parents before children.
pub(crate) fn attribute<K: Copy>(
    processes: &[Process],
    mut claim: impl FnMut(&Process) -> Option<K>,
    mut claim_by_marker: impl FnMut(&Process) -> Option<K>,
) -> Vec<(Process, Option<K>)> {
    let mut owners: HashMap<i32, K> = HashMap::new();
    let mut out = Vec::with_capacity(processes.len());
    for process in processes {
        let owner =
            claim(process).or_else(|| owners.get(&process.parent).copied()).or_else(|| claim_by_marker(process));
        if let Some(owner) = owner {
            owners.insert(process.pid, owner);
        }
        out.push((*process, owner));
    }
    out
}

/// The value of an environment variable that `pid` was started with, if we may read it.
pub(crate) fn initial_variable(pid: i32, name: &str) -> Option<String> {
    let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    environ
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .next()
}

/// When a process that runs was started, in clock ticks since boot.
pub(crate) fn started_at(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &stat).filter(|process| !process.zombie).map(|process| process.started)
}

/// The session of a process; 0 for one whose leader is outside of our PID namespace, as in a
/// container that something outside entered. (`rustix::process::getsid` panics on that 0.)
pub(crate) fn session_of(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    parse_stat(pid, &stat).map_or(0, |process| process.session)
}

/// The process table as it is now. Entries that vanish while we read are left out.
fn table() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
            parse_stat(pid, &String::from_utf8_lossy(&stat))
        })
        .collect()
}

/// Reads `/proc/PID/stat`. The name in parentheses may itself hold parentheses and spaces.
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    // Field 22 of proc(5); the four before were fields 3 to 6.
    let started = fields.nth(15)?.parse().ok()?;
    let zombie = matches!(state, "Z" | "X" | "x");
    Some(Process { pid, parent, group, session, zombie, started })
}

fn below(root: i32, table: &[Process]) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in table {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut found = children.remove(&root).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        // Removing makes sure that a table read while pids moved cannot send us in circles.
        let more = children.remove(&process.pid).unwrap_or_default();
        found.extend(more);
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, group: pid, session: pid, zombie: false, started: 0 }
    }

    #[test]
    fn reads_names_with_parentheses() {
        let stat = "42 (a) b (c)) Z 7 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99";
        let read = parse_stat(42, stat).unwrap();
        let expected = Process { pid: 42, parent: 7, group: 8, session: 9, zombie: true, started: 12345 };
        assert_eq!(read, expected);
        assert_eq!(parse_stat(1, "nonsense"), None);
    }

    #[test]
    fn parents_come_before_children() {
        let table = [process(5, 4), process(4, 3), process(3, 1), process(9, 2), process(2, 1)];
        let found: Vec<_> = below(1, &table).iter().map(|process| process.pid).collect();
        assert_eq!(found.len(), 5);
        for pair in [(3, 4), (4, 5), (2, 9)] {
            let at = |pid| found.iter().position(|other| *other == pid).unwrap();
            assert!(at(pair.0) < at(pair.1));
        }
        assert!(below(77, &table).is_empty());
    }

    #[test]
    fn children_belong_to_their_parents_owner() {
        let table = [process(10, 1), process(20, 1), process(11, 10), process(30, 1)];
        let owners = attribute(
            &table,
            |process| (process.pid == 10).then_some('a'),
            |process| (process.pid == 30).then_some('m'),
        );
        let owners: Vec<_> = owners.iter().map(|(process, owner)| (process.pid, *owner)).collect();
        assert_eq!(owners, [(10, Some('a')), (20, None), (11, Some('a')), (30, Some('m'))]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn finds_itself() {
        let own = i32::try_from(std::process::id()).unwrap();
        let table = table();
        assert!(table.iter().any(|process| process.pid == own && !process.zombie));
        assert!(initial_variable(own, "PATH").is_some());
    }
}
