//! The trees of the guard: each child with everything it started, found again after `setsid`,
//! after its parents died, and by its marker. It finds, signals and counts; when a tree must end
//! is decided by its caller.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitStatus, kill_process, kill_process_group};

use super::MARKER_VARIABLE;
use super::processes::{Process, attribute, children, descendants, family, initial_variable};
use crate::limits::ProcessLimits;
use crate::limits::group::{Group, Groups};

/// How long a killed tree may take before it is reported as gone with what is left.
const KILL_WAIT_MAX: Duration = Duration::from_secs(3);

/// How often a child that has just been started is looked at for children of its own.
const SETTLE_ROUNDS: usize = 4;

/// One child and all it started.
#[derive(Debug)]
struct Tree {
    main: Pid,
    /// How the main process ended, once it has been reaped.
    status: Option<WaitStatus>,
    /// Set when everything must go: on a kill, and when the main process has ended.
    ending_since: Option<Instant>,
    /// Members ever seen, so that one stays ours when its parents are gone.
    seen: HashSet<(i32, u64)>,
    /// Members other than the main process that were killed.
    killed: HashSet<(i32, u64)>,
    group: Group,
}

/// A tree that is gone.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) id: u64,
    pub(crate) status: Option<WaitStatus>,
    pub(crate) killed: u32,
    pub(crate) left: u32,
    /// The memory limit that somebody was killed for, in bytes.
    pub(crate) out_of_memory: Option<u64>,
}

/// Whose a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Tree(u64),
    /// Of a tree that has already been reported gone.
    Past,
}

/// All trees of this guard.
#[derive(Debug)]
pub(crate) struct Trees {
    own: Pid,
    marker_prefix: String,
    trees: BTreeMap<u64, Tree>,
    /// Since when processes are being killed that no tree owns.
    strays_since: Option<Instant>,
    groups: Groups,
}

impl Trees {
    pub(crate) fn new(own: Pid, token: &str) -> Trees {
        let groups = Groups::new(token);
        Trees { own, marker_prefix: format!("{token}-"), trees: BTreeMap::new(), strays_since: None, groups }
    }

    /// What a child's environment carries so that its tree can be found.
    pub(crate) fn marker(&self, id: u64) -> String {
        format!("{}{id}", self.marker_prefix)
    }

    /// Starts a child inside of groups that limit it.
    pub(crate) fn start<E>(
        &mut self,
        id: u64,
        limits: ProcessLimits,
        launch: impl FnOnce(&str) -> Result<Pid, E>,
    ) -> Result<&Group, E> {
        let mut group = self.groups.prepare(id, limits);
        group.enter();
        let launched = launch(&self.marker(id));
        group.leave();
        let main = match launched {
            Ok(main) => main,
            Err(error) => {
                self.groups.remove(group);
                return Err(error);
            }
        };
        group.restrict(main);
        let (seen, killed) = (HashSet::new(), HashSet::new());
        let tree = Tree { main, status: None, ending_since: None, seen, killed, group };
        self.trees.insert(id, tree);
        Ok(&self.trees[&id].group)
    }

    /// Puts a child that was started outside into its group. Apart from the start, since the first
    /// move after a while takes the kernel some milliseconds.
    pub(crate) fn settle(&self, id: u64) {
        let Some(tree) = self.trees.get(&id).filter(|tree| tree.group.wants_adoption()) else {
            return;
        };
        let main = tree.main.as_raw_pid();
        let mut adopted = HashSet::new();
        for _ in 0..SETTLE_ROUNDS {
            // What it has started meanwhile, and what of that has lost its parent already.
            let marker = self.marker(id);
            let is_main = |pid: &i32| self.trees.values().any(|tree| tree.main.as_raw_pid() == *pid);
            let orphans = children(self.own.as_raw_pid()).into_iter().filter(|pid| !is_main(pid));
            let ours = orphans.filter(|pid| initial_variable(*pid, MARKER_VARIABLE).as_ref() == Some(&marker));
            let members: Vec<i32> = ours.flat_map(family).chain(family(main)).collect();
            let new: Vec<i32> = members.into_iter().filter(|pid| adopted.insert(*pid)).collect();
            if new.is_empty() {
                return;
            }
            new.into_iter().filter_map(Pid::from_raw).for_each(|pid| tree.group.adopt(pid));
        }
    }

    /// The main process of a tree.
    pub(crate) fn main(&self, id: u64) -> Option<Pid> {
        self.trees.get(&id).map(|tree| tree.main)
    }

    /// Removes what empty groups of ours are left.
    pub(crate) fn remove_groups(&mut self) {
        for tree in std::mem::take(&mut self.trees).into_values() {
            self.groups.remove(tree.group);
        }
        self.groups.remove_all();
    }

    /// A child of ours was reaped: an adopted orphan, or a main process, whose tree then ends.
    pub(crate) fn reaped(&mut self, pid: Pid, status: WaitStatus) {
        let of_pid = |tree: &&mut Tree| tree.main == pid && tree.status.is_none();
        if let Some(tree) = self.trees.values_mut().find(of_pid) {
            tree.status = Some(status);
            tree.ending_since.get_or_insert_with(Instant::now);
        }
    }

    pub(crate) fn kill(&mut self, id: u64) {
        if let Some(tree) = self.trees.get_mut(&id) {
            tree.ending_since.get_or_insert_with(Instant::now);
        }
    }

    /// Asks every member of a tree to end. A stopped member is woken to hear it.
    pub(crate) fn terminate(&mut self, id: u64) {
        let Some(main) = self.trees.get(&id).filter(|tree| tree.status.is_none()) else {
            return;
        };
        let main = main.main;
        let members = self.members();
        signal_group(main, Signal::TERM);
        for (process, owner) in members {
            if owner == Some(Owner::Tree(id)) && process.group != main.as_raw_pid() {
                signal(process.pid, Signal::TERM);
                signal(process.pid, Signal::CONT);
            }
        }
        signal_group(main, Signal::CONT);
    }

    /// Whether a sweep has something to do.
    pub(crate) fn unfinished(&self) -> bool {
        self.strays_since.is_some() || self.trees.values().any(|tree| tree.ending_since.is_some())
    }

    /// Kills what must go and returns the trees of which nothing is left. To be called again,
    /// while `unfinished`, whenever a child ended or a short time has passed.
    pub(crate) fn sweep(&mut self) -> Vec<Gone> {
        for tree in self.trees.values() {
            if tree.ending_since.is_some() && tree.status.is_none() {
                signal_group(tree.main, Signal::KILL);
            }
        }
        let mut alive: HashMap<u64, u32> = HashMap::new();
        let mut strays = false;
        for (process, owner) in self.members() {
            if process.zombie {
                continue;
            }
            match owner {
                Some(Owner::Tree(id)) => {
                    let Some(tree) = self.trees.get_mut(&id) else {
                        continue;
                    };
                    if tree.ending_since.is_some() {
                        *alive.entry(id).or_default() += 1;
                        if process.pid != tree.main.as_raw_pid() {
                            tree.killed.insert(process.identity());
                        }
                        signal(process.pid, Signal::KILL);
                    }
                }
                None if !self.trees.is_empty() => {}
                Some(Owner::Past) | None => {
                    strays = true;
                    signal(process.pid, Signal::KILL);
                }
            }
        }
        // What was forked since we looked, and what no table leads to any more.
        for tree in self.trees.values().filter(|tree| tree.ending_since.is_some()) {
            tree.group.kill();
        }
        let gone = self.take_gone(&alive);
        // The last tree took its owner away from what may be left: look once more.
        let look_again = strays || (!gone.is_empty() && self.trees.is_empty());
        self.strays_since = look_again
            .then(|| self.strays_since.unwrap_or_else(Instant::now))
            .filter(|since| since.elapsed() < KILL_WAIT_MAX);
        gone
    }

    /// Kills everything below the guard. Returns whether something is still alive.
    pub(crate) fn kill_everything(&mut self) -> bool {
        for tree in self.trees.values() {
            if tree.status.is_none() {
                signal_group(tree.main, Signal::KILL);
            }
        }
        let mut alive = false;
        for tree in self.trees.values() {
            tree.group.kill();
            alive |= !tree.group.is_empty();
        }
        for process in descendants(self.own.as_raw_pid()) {
            if !process.zombie {
                alive = true;
                signal(process.pid, Signal::KILL);
            }
        }
        alive || self.trees.values().any(|tree| tree.status.is_none())
    }

    fn take_gone(&mut self, alive: &HashMap<u64, u32>) -> Vec<Gone> {
        let over = |(id, tree): (&u64, &Tree)| {
            let since = tree.ending_since?;
            let left = alive.get(id).copied().unwrap_or(0);
            let done = tree.status.is_some() && left == 0 && tree.group.is_empty();
            (done || since.elapsed() >= KILL_WAIT_MAX).then_some((*id, left))
        };
        let over: Vec<(u64, u32)> = self.trees.iter().filter_map(over).collect();
        let mut gone = Vec::with_capacity(over.len());
        for (id, left) in over {
            let Some(tree) = self.trees.remove(&id) else { continue };
            let out_of_memory = tree.group.out_of_memory();
            self.groups.remove(tree.group);
            let killed = u32::try_from(tree.killed.len()).unwrap_or(u32::MAX);
            gone.push(Gone { id, status: tree.status, killed, left, out_of_memory });
        }
        gone
    }

    /// Every process below the guard with its owner; remembers who belongs to which tree.
    fn members(&mut self) -> Vec<(Process, Option<Owner>)> {
        let processes = descendants(self.own.as_raw_pid());
        let members = attribute(&processes, |process| self.claim(process), |process| self.claim_by_marker(process));
        for (process, owner) in &members {
            if let Some(Owner::Tree(id)) = owner
                && let Some(tree) = self.trees.get_mut(id)
            {
                tree.seen.insert(process.identity());
            }
        }
        members
    }

    fn claim(&self, process: &Process) -> Option<Owner> {
        let owns = |tree: &Tree| {
            let main = tree.main.as_raw_pid();
            tree.seen.contains(&process.identity()) || [process.pid, process.group, process.session].contains(&main)
        };
        let owner = self.trees.iter().find(|(_, tree)| owns(tree));
        owner.map(|(id, _)| Owner::Tree(*id))
    }

    fn claim_by_marker(&self, process: &Process) -> Option<Owner> {
        let marker = initial_variable(process.pid, MARKER_VARIABLE)?;
        let id = marker.strip_prefix(&self.marker_prefix)?.parse().ok()?;
        if self.trees.contains_key(&id) { Some(Owner::Tree(id)) } else { Some(Owner::Past) }
    }
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // Gone in the meantime, or not ours to signal: the next look at the table says which.
        let _ = kill_process(pid, signal);
    }
}

fn signal_group(main: Pid, signal: Signal) {
    // As above.
    let _ = kill_process_group(main, signal);
}
