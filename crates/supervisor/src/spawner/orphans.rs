//! What a guard that was killed leaves behind: its trees come to this process, the subreaper, and
//! are killed here. It touches neither our other children nor what lives under another guard.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

use crate::guard::processes::{Process, attribute, descendants, initial_variable, session_of};
use crate::guard::{GUARD_ARGUMENT, MARKER_VARIABLE};
use crate::limits::stale::end_of_guard;

/// How long the trees of a dead guard may take to die.
const WAIT_MAX: Duration = Duration::from_secs(3);
const LOOK_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };

/// Kills every tree of the guard with this token. `mains` are the main processes it reported.
/// Blocks for some milliseconds: not for a runtime's thread.
pub(super) fn kill_orphans(token: &str, mains: &[i32]) {
    let since = Instant::now();
    let prefix = format!("{token}-");
    let mut seen: HashSet<(i32, u64)> = HashSet::new();
    kill_groups(mains);
    end_of_guard(token);
    while kill_once(&prefix, mains, &mut seen) && since.elapsed() < WAIT_MAX {
        // Nothing to poll: killed processes end without an event we could wait for.
        let _ = poll(&mut [], Some(&LOOK_INTERVAL));
    }
}

/// Under whom a process below us lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    DeadGuard,
    OtherGuard,
}

/// Kills and reaps who is there. Returns whether to look again.
fn kill_once(prefix: &str, mains: &[i32], seen: &mut HashSet<(i32, u64)>) -> bool {
    let own = getpid().as_raw_pid();
    let own_session = session_of(own);
    let processes = descendants(own);
    let known = |process: &Process| {
        let leads = [process.pid, process.group, process.session];
        let ours = seen.contains(&process.identity()) || leads.iter().any(|pid| mains.contains(pid));
        if ours {
            Some(Owner::DeadGuard)
        } else {
            (process.parent == own && is_guard(process.pid)).then_some(Owner::OtherGuard)
        }
    };
    let adopted = |process: &Process| {
        let marked = || initial_variable(process.pid, MARKER_VARIABLE).is_some_and(|marker| marker.starts_with(prefix));
        // A guard leads a session: what came from below it cannot be in ours, what we started is.
        let foreign = process.parent == own && process.session != own_session;
        (!process.zombie && (foreign || marked())).then_some(Owner::DeadGuard)
    };
    let members = attribute(&processes, known, adopted);
    let mut found = false;
    for (process, owner) in members {
        let (Some(Owner::DeadGuard), Some(pid)) = (owner, Pid::from_raw(process.pid)) else {
            continue;
        };
        found = true;
        seen.insert(process.identity());
        if !process.zombie {
            // Gone in the meantime: the next look says so.
            let _ = kill_process(pid, Signal::KILL);
        } else if process.parent == own {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
    found
}

/// Whether a child of ours is a guard that lives.
fn is_guard(pid: i32) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).nth(1) == Some(GUARD_ARGUMENT.as_bytes())
}

/// On Linux the table of processes is enough; elsewhere there is no other way to find a child.
#[cfg(not(target_os = "linux"))]
fn kill_groups(mains: &[i32]) {
    for main in mains.iter().filter_map(|main| Pid::from_raw(*main)) {
        let _ = rustix::process::kill_process_group(main, Signal::KILL);
    }
}

#[cfg(target_os = "linux")]
fn kill_groups(_: &[i32]) {}
