//! What the system says about processes: who descends from whom, and who is still there. Linux
//! only, read from `/proc`.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;

/// The variable by which a guard marks what it starts.
const MARKER: &str = "SWITCHBOARD_INSTANCE=";

/// A process, told apart from a later one with the same number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks since boot.
    started: u64,
    parent: u32,
    /// Its command line, for messages.
    pub command: String,
}

/// The processes that a daemon had at some moment.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    processes: Vec<Process>,
    markers: Vec<String>,
}

/// The processes that run now; a dead one that nobody has collected does not count.
fn running() -> BTreeMap<u32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything, brackets included.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(Process { pid, started: fields.get(19)?.parse().ok()?, parent: fields.get(1)?.parse().ok()?, command })
}

fn marker(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let found = variables.find(|variable| variable.starts_with(MARKER.as_bytes()))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

impl Process {
    /// Kills it, unless it is gone already.
    pub fn kill(&self) {
        kill(self.pid);
    }
}

/// Kills the process `pid`, unless it is gone already.
pub fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // Whether it was still there is for the test to see.
    let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
}

impl Tree {
    /// All that descends from `root` now, without itself, and what bears the same marks.
    #[must_use]
    pub fn of(root: u32) -> Self {
        let all = running();
        let mut family = vec![root];
        let mut at = 0;
        while let Some(&parent) = family.get(at) {
            family.extend(all.values().filter(|process| process.parent == parent).map(|process| process.pid));
            at += 1;
        }
        family.remove(0);
        let mut markers: Vec<String> = family.iter().filter_map(|&pid| marker(pid)).collect();
        markers.sort();
        markers.dedup();
        let marked = all.keys().copied().filter(|&pid| marker(pid).is_some_and(|mark| markers.contains(&mark)));
        family.extend(marked);
        family.sort_unstable();
        family.dedup();
        let processes = family.iter().filter_map(|pid| all.get(pid).cloned()).collect();
        Self { processes, markers }
    }

    /// The processes of the tree.
    #[must_use]
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Those that are still there, and any that bear the same marks.
    #[must_use]
    pub fn alive(&self) -> Vec<Process> {
        let marked = |process: &Process| marker(process.pid).is_some_and(|mark| self.markers.contains(&mark));
        let same = |process: &Process| {
            self.processes.iter().any(|seen| (seen.pid, seen.started) == (process.pid, process.started))
        };
        running().into_values().filter(|process| same(process) || marked(process)).collect()
    }
}
