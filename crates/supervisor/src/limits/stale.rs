//! Groups of guards that are no more: who lives in them is killed, and they are removed. A guard
//! is known by process id, start and PID namespace, all in the name of its group, so that what
//! another daemon runs, here or in a container beside us, is never touched.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};

use super::group::{all_processes, clear, kill_in};
use super::hierarchy::{Hierarchies, PREFIX};
use crate::guard::processes::started_at;

/// How long what a dead guard left behind may take to die.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the empty groups of a namespace that we cannot look into are kept.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3600);
const LOOK_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// Which guard a group belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupOwner {
    token: String,
    pid: i32,
    started: u64,
    namespace: u64,
}

// === impl GroupOwner ===

impl GroupOwner {
    /// The guard that this process is.
    pub(crate) fn this_process(token: &str) -> GroupOwner {
        let pid = rustix::process::getpid().as_raw_pid();
        GroupOwner {
            token: token.to_owned(),
            pid,
            started: started_at(pid).unwrap_or_default(),
            namespace: own_namespace(),
        }
    }

    /// What its group is called.
    pub(crate) fn group_name(&self) -> String {
        let GroupOwner { token, pid, started, namespace } = self;
        format!("{PREFIX}{token}-{pid}-{started}-{namespace}")
    }

    fn of_group(name: &str) -> Option<GroupOwner> {
        let mut parts = name.strip_prefix(PREFIX)?.rsplitn(4, '-');
        let namespace = parts.next()?.parse().ok()?;
        let started = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        Some(GroupOwner { token: parts.next()?.to_owned(), pid, started, namespace })
    }

    /// Of another PID namespace nothing can be known: its guard counts as alive.
    fn is_dead(&self) -> bool {
        self.namespace == own_namespace() && started_at(self.pid) != Some(self.started)
    }
}

/// The number of our PID namespace; 0 where there is none to see.
fn own_namespace() -> u64 {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

/// Ends what guards left behind that are dead. Blocks only when there is something.
pub(crate) fn end_of_dead_guards(hierarchies: &Hierarchies) {
    end(&groups(hierarchies, GroupOwner::is_dead));
    let elsewhere = |owner: &GroupOwner| owner.namespace != own_namespace();
    for group in groups(hierarchies, elsewhere).iter().filter(|group| is_abandoned(group)) {
        clear(group);
    }
}

/// Whether nobody lives in a group and nothing was started or ended in it for long.
fn is_abandoned(group: &Path) -> bool {
    let changed = std::fs::metadata(group).and_then(|data| data.modified()).ok();
    let quiet = changed.and_then(|changed| changed.elapsed().ok()).is_some_and(|quiet| quiet > ABANDONED_AFTER);
    quiet && all_processes(group).is_empty()
}

/// Ends what the guard with this token ran; it is dead for whoever asks.
pub(crate) fn end_of_guard(token: &str) {
    end(&groups(&Hierarchies::of_this_process(), |owner| owner.token == token));
}

fn groups(hierarchies: &Hierarchies, wanted: impl Fn(&GroupOwner) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for base in hierarchies.bases() {
        let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
        let named = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_str().and_then(GroupOwner::of_group).is_some_and(|owner| wanted(&owner))
        });
        found.extend(named.map(|entry| entry.path()));
    }
    found
}

fn end(groups: &[PathBuf]) {
    let since = Instant::now();
    let mut left: Vec<&Path> = groups.iter().map(PathBuf::as_path).collect();
    loop {
        for group in &left {
            // Not the group `self`: a daemon that goes on may live there.
            for tree in trees_in(group) {
                kill_in(&tree);
            }
        }
        left.retain(|group| !clear(group) && !trees_in(group).is_empty());
        if left.is_empty() || since.elapsed() > WAIT_MAX {
            return;
        }
        // Nothing to poll: the end of another's child is no event that we could wait for.
        let _ = poll(&mut [], Some(&LOOK_INTERVAL));
    }
}

/// The groups of single trees inside a guard's group: they have numbers for names.
fn trees_in(group: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(group).into_iter().flatten().flatten();
    let numbered = entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok()));
    numbered.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_it_is() {
        let own = GroupOwner::this_process("0a1b");
        assert_eq!(GroupOwner::of_group(&own.group_name()), Some(own.clone()));
        assert!(!own.is_dead());
        assert!(GroupOwner { started: own.started + 1, ..own.clone() }.is_dead());
        assert!(!GroupOwner { namespace: 1, pid: i32::MAX, ..own }.is_dead(), "nothing is known of other namespaces");
        assert_eq!(GroupOwner::of_group("switchboard-of-somebody"), None);
    }
}
