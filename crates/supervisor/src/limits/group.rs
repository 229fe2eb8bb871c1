//! The cgroups of single trees: made before a child is started, entered by the guard for the
//! moment of the start so that not even the first fork of the child is outside, killed and removed
//! at the end. Only the guard makes groups. What cannot be enforced is collected as text.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, getpid, getppid, kill_process};

use super::hierarchy::{Hierarchies, Hierarchy, SELF_GROUP};
use super::rlimit::{PerProcess, restrict};
use super::stale::{GroupOwner, end_of_dead_guards};
use super::{Controller, ProcessLimits, mebibytes};

/// The file through which a group is read and entered.
const PROCS: &str = "cgroup.procs";
/// The period that a share of the processor is counted in, in microseconds.
const CPU_PERIOD_US: u64 = 100_000;

/// The guard's side of all groups.
#[derive(Debug)]
pub(crate) struct Groups {
    hierarchies: Hierarchies,
    /// The name of our group in every hierarchy.
    name: String,
    /// Groups that could not be removed yet.
    leftover: Vec<PathBuf>,
}

/// The groups of one tree, one per hierarchy that is needed.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// In cgroup v2, for killing and counting.
    unified: Option<PathBuf>,
    /// Every group with the place that the guard goes back to.
    places: Vec<Place>,
    memory: Option<Memory>,
    limits: ProcessLimits,
    /// Whether the guard enters before it starts the child; else the child is moved afterwards,
    /// which costs the start nothing.
    enters: bool,
    /// Whether memory is left to a limit of each process.
    data_only: bool,
    not_enforced: Vec<String>,
}

#[derive(Debug)]
struct Place {
    group: PathBuf,
    home: PathBuf,
}

#[derive(Debug)]
struct Memory {
    group: PathBuf,
    /// Where the kernel counts who was killed for using too much.
    events: &'static str,
    limit: u64,
}

// === impl Groups ===

impl Groups {
    /// Those of the guard that this process is; ends what dead guards left behind.
    pub(crate) fn new(token: &str) -> Groups {
        let hierarchies = Hierarchies::of_this_process();
        end_of_dead_guards(&hierarchies);
        Groups { hierarchies, name: GroupOwner::this_process(token).group_name(), leftover: Vec::new() }
    }

    /// The groups for a child that is about to be started.
    pub(crate) fn prepare(&mut self, id: u64, limits: ProcessLimits) -> Group {
        let mut group = Group { limits, ..Group::default() };
        if let Some(memory) = limits.memory_bytes {
            self.limit(&mut group, id, Controller::Memory, |place, old| limit_memory(place, memory, old));
            group.data_only = group.memory.is_none();
            if let Some(limited) = &mut group.memory {
                limited.limit = memory;
            }
        }
        if let Some(percent) = limits.cpu_percent {
            self.limit(&mut group, id, Controller::Cpu, |place, old| limit_cpu(place, percent, old));
        }
        if let Some(most) = limits.processes {
            self.limit(&mut group, id, Controller::Pids, |place, _| write(place, "pids.max", &most.to_string()));
        }
        group.enters = !group.places.is_empty();
        if group.unified.is_none()
            && let Some(unified) = self.hierarchies.unified.clone()
            && let Ok(place) = self.make(&unified, id)
        {
            group.unified = Some(place.clone());
            group.places.push(Place { group: place, home: unified.home });
        }
        group
    }

    /// Makes the group of `id` with one controller and sets its limit; says so where that fails.
    fn limit(
        &mut self,
        group: &mut Group,
        id: u64,
        controller: Controller,
        set: impl Fn(&Path, bool) -> io::Result<()>,
    ) {
        match self.try_limit(id, controller, set) {
            Ok((place, home, old)) => {
                if controller == Controller::Memory {
                    let events = if old { "memory.oom_control" } else { "memory.events" };
                    group.memory = Some(Memory { group: place.clone(), events, limit: 0 });
                }
                if !old {
                    group.unified = Some(place.clone());
                }
                if group.places.iter().all(|known| known.group != place) {
                    group.places.push(Place { group: place, home });
                }
            }
            Err(why) => group.not_enforced.push(not_enforced(controller, &group.limits, &why)),
        }
    }

    /// The group, where to go back to, and whether it is of v1.
    fn try_limit(
        &mut self,
        id: u64,
        controller: Controller,
        set: impl Fn(&Path, bool) -> io::Result<()>,
    ) -> Result<(PathBuf, PathBuf, bool), String> {
        let name = controller.name();
        let old = self.hierarchies.v1.get(&controller).cloned();
        let is_old = old.is_some();
        let hierarchy = match (old, &self.hierarchies.unified) {
            (Some(old), _) => old,
            (None, Some(_)) => self.delegated(controller)?,
            (None, None) => return Err(format!("this host has no cgroups with the controller `{name}`")),
        };
        let refused = |error: io::Error| format!("the cgroup {} cannot be used: {error}", hierarchy.base.display());
        let place = self.make(&hierarchy, id).map_err(refused)?;
        set(&place, is_old).map_err(refused)?;
        Ok((place, hierarchy.home, is_old))
    }

    /// The hierarchy of v2 with a controller handed down to the groups of trees. A group hands
    /// nothing down while processes live in it: daemon and guard move aside when they are alone.
    fn delegated(&mut self, controller: Controller) -> Result<Hierarchy, String> {
        let name = controller.name();
        let Some(unified) = self.hierarchies.unified.clone() else {
            return Err("this host has no cgroups".to_owned());
        };
        let offered = fs::read_to_string(unified.base.join("cgroup.controllers")).unwrap_or_default();
        if !offered.split_ascii_whitespace().any(|one| one == name) {
            return Err(format!("no cgroup with the controller `{name}` is offered to this process"));
        }
        let own = unified.base.join(&self.name);
        let refused = |error: io::Error| {
            let base = unified.base.display();
            format!(
                "the cgroup {base} hands the controller `{name}` to nobody ({error}); a service with Delegate=yes may"
            )
        };
        make_folder(&own).map_err(refused)?;
        let wanted = format!("+{name}");
        let mut home = unified.home.clone();
        if write(&unified.base, "cgroup.subtree_control", &wanted).is_err() {
            home = self.move_aside(&unified, &own).map_err(refused)?;
            write(&unified.base, "cgroup.subtree_control", &wanted).map_err(refused)?;
        }
        write(&own, "cgroup.subtree_control", &wanted).map_err(refused)?;
        let moved = Hierarchy { base: unified.base.clone(), home };
        self.hierarchies.unified = Some(moved.clone());
        Ok(moved)
    }

    fn move_aside(&self, unified: &Hierarchy, own: &Path) -> io::Result<PathBuf> {
        let ours = [Some(getpid()), getppid()];
        let here = processes(&unified.base);
        let alone = here.iter().all(|pid| ours.iter().flatten().any(|our| our.as_raw_pid() == *pid));
        if here.is_empty() || !alone {
            return Err(io::Error::other("other processes live in it"));
        }
        let aside = own.join(SELF_GROUP);
        make_folder(&aside)?;
        for pid in here {
            write(&aside, PROCS, &pid.to_string())?;
        }
        Ok(aside)
    }

    fn make(&self, hierarchy: &Hierarchy, id: u64) -> io::Result<PathBuf> {
        let own = hierarchy.base.join(&self.name);
        make_folder(&own)?;
        let place = own.join(id.to_string());
        make_folder(&place)?;
        Ok(place)
    }

    /// Removes the groups of a tree that is gone; what cannot be removed yet is tried again.
    pub(crate) fn remove(&mut self, group: Group) {
        self.leftover.extend(group.places.into_iter().map(|place| place.group));
        self.leftover.retain(|place| !clear(place));
    }

    /// Removes everything of this guard that is empty.
    pub(crate) fn remove_all(&mut self) {
        self.leftover.retain(|place| !clear(place));
        for base in self.hierarchies.bases() {
            clear(&base.join(&self.name));
        }
    }
}

// === impl Group ===

impl Group {
    /// Moves the guard in, where something is limited: what it starts now is born inside.
    pub(crate) fn enter(&mut self) {
        if !self.enters {
            return;
        }
        for place in &self.places {
            // Never in where there is no way out: who stays inside is killed with the tree.
            if let Err(error) = write(&place.home, PROCS, "0").and_then(|()| write(&place.group, PROCS, "0")) {
                let group = place.group.display();
                self.not_enforced.push(format!("*: the cgroup {group} cannot be entered: {error}"));
            }
        }
    }

    /// Moves the guard out again.
    pub(crate) fn leave(&self) {
        if !self.enters {
            return;
        }
        for place in &self.places {
            // What could be entered from there can be left to there.
            let _ = write(&place.home, PROCS, "0");
        }
    }

    /// Sets the limits that bind each process, on a child that has just been started.
    pub(crate) fn restrict(&mut self, pid: Pid) {
        if let Some(most) = self.limits.open_files
            && let Err(error) = restrict(pid, PerProcess::OpenFiles, most)
        {
            self.not_enforced.push(format!("open_files = {most}: {error}"));
        }
        if let Some(most) = self.limits.memory_bytes.filter(|_| self.data_only)
            && let Err(error) = restrict(pid, PerProcess::Data, most)
        {
            self.not_enforced.push(format!("memory: not even each process alone is held to it: {error}"));
        }
    }

    /// Whether its processes were started outside, because nothing of them is limited.
    pub(crate) fn wants_adoption(&self) -> bool {
        !self.enters && !self.places.is_empty()
    }

    /// Moves a process in that was started outside.
    pub(crate) fn adopt(&self, pid: Pid) {
        for place in &self.places {
            // It may have ended.
            let _ = write(&place.group, PROCS, &pid.as_raw_pid().to_string());
        }
    }

    /// Where its processes are counted, in cgroup v2.
    pub(crate) fn unified(&self) -> Option<&Path> {
        self.unified.as_deref()
    }

    /// What of its limits this host cannot enforce, and why.
    pub(crate) fn not_enforced(&self) -> &[String] {
        &self.not_enforced
    }

    /// Kills whoever is inside.
    pub(crate) fn kill(&self) {
        match &self.unified {
            Some(unified) => kill_in(unified),
            None => self.places.iter().take(1).for_each(|place| kill_in(&place.group)),
        }
    }

    /// Whether nobody is inside.
    pub(crate) fn is_empty(&self) -> bool {
        let place = self.unified.as_deref().or_else(|| self.places.first().map(|place| place.group.as_path()));
        place.is_none_or(|place| all_processes(place).is_empty())
    }

    /// The memory limit in bytes, when the kernel has killed somebody for going over it.
    pub(crate) fn out_of_memory(&self) -> Option<u64> {
        let memory = self.memory.as_ref()?;
        let events = fs::read_to_string(memory.group.join(memory.events)).ok()?;
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok());
        killed.is_some_and(|killed| killed > 0).then_some(memory.limit)
    }
}

fn not_enforced(controller: Controller, limits: &ProcessLimits, why: &str) -> String {
    let key = controller.key();
    match (controller, limits) {
        (Controller::Memory, ProcessLimits { memory_bytes: Some(most), .. }) => format!(
            "{key}: the whole is not limited, each process alone is held to {} of data ({why})",
            mebibytes(*most)
        ),
        (Controller::Pids, _) => format!("{key}: not limited ({why}; RLIMIT_NPROC counts all processes of a user)"),
        _ => format!("{key}: not limited ({why})"),
    }
}

fn limit_memory(place: &Path, bytes: u64, old: bool) -> io::Result<()> {
    let bytes = bytes.to_string();
    if old {
        write(place, "memory.limit_in_bytes", &bytes)?;
        // Not every kernel accounts for swap.
        let _ = write(place, "memory.memsw.limit_in_bytes", &bytes);
        return Ok(());
    }
    write(place, "memory.max", &bytes)?;
    // As above; and half a tree is no server any more.
    let _ = write(place, "memory.swap.max", "0");
    let _ = write(place, "memory.oom.group", "1");
    Ok(())
}

fn limit_cpu(place: &Path, percent: u32, old: bool) -> io::Result<()> {
    let quota = u64::from(percent) * CPU_PERIOD_US / 100;
    if old {
        write(place, "cpu.cfs_period_us", &CPU_PERIOD_US.to_string())?;
        return write(place, "cpu.cfs_quota_us", &quota.to_string());
    }
    write(place, "cpu.max", &format!("{quota} {CPU_PERIOD_US}"))
}

/// Kills whoever is in a group, and in those below.
pub(crate) fn kill_in(place: &Path) {
    if write(place, "cgroup.kill", "1").is_ok() {
        return;
    }
    // An older kernel, or cgroup v1.
    for pid in all_processes(place) {
        if let Some(pid) = Pid::from_raw(pid) {
            // Gone in the meantime, or in another namespace: the next look says which.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Removes a group with those below it. Returns whether it is gone.
pub(crate) fn clear(place: &Path) -> bool {
    for below in folders(place) {
        clear(&below);
    }
    match fs::remove_dir(place) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The processes of one group alone. 0 is one that our namespace cannot see.
pub(crate) fn processes(place: &Path) -> Vec<i32> {
    let text = fs::read_to_string(place.join(PROCS)).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The same with the groups below, which a server may have made.
pub(crate) fn all_processes(place: &Path) -> Vec<i32> {
    let mut found = processes(place);
    for below in folders(place) {
        found.extend(all_processes(&below));
    }
    found
}

fn folders(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Writes to a file that the kernel made: one that is not there is not created.
fn write(place: &Path, file: &str, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(place.join(file))?;
    io::Write::write_all(&mut file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like cgroup v2 with these controllers, as far as plain files can.
    fn unified(controllers: &str) -> (tempfile::TempDir, Groups) {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().to_owned();
        fs::write(base.join("cgroup.controllers"), controllers).unwrap();
        fs::write(base.join("cgroup.subtree_control"), "").unwrap();
        fs::write(base.join(PROCS), "").unwrap();
        let hierarchy = Hierarchy { home: base.clone(), base };
        let hierarchies = Hierarchies { unified: Some(hierarchy), ..Hierarchies::default() };
        (folder, Groups { hierarchies, name: "switchboard-t-1-1-1".into(), leftover: Vec::new() })
    }

    #[test]
    fn what_cannot_be_enforced_is_said_with_the_reason() {
        let (_folder, mut groups) = unified("hugetlb");
        let limits =
            ProcessLimits { memory_bytes: Some(64 << 20), cpu_percent: Some(50), processes: Some(5), open_files: None };
        let group = groups.prepare(1, limits);
        let said = group.not_enforced().join("\n");
        assert!(said.contains("memory: the whole is not limited, each process alone is held to 64 MiB"), "{said}");
        assert!(said.contains("cpu: not limited (no cgroup with the controller `cpu` is offered"), "{said}");
        assert!(said.contains("processes: not limited"), "{said}");
        assert!(group.data_only && !group.enters && group.unified().is_some());
    }

    #[test]
    fn v2_gets_its_limits_in_its_own_words() {
        let (folder, mut groups) = unified("cpu memory pids");
        // The kernel makes these with the folders.
        let own = folder.path().join("switchboard-t-1-1-1");
        let place = own.join("7");
        fs::create_dir_all(&place).unwrap();
        fs::write(own.join("cgroup.subtree_control"), "").unwrap();
        for file in ["memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max", PROCS] {
            fs::write(place.join(file), "").unwrap();
        }
        fs::write(place.join("memory.events"), "oom 1\noom_kill 1\n").unwrap();
        let limits = ProcessLimits {
            memory_bytes: Some(1 << 20),
            cpu_percent: Some(150),
            processes: Some(9),
            ..ProcessLimits::default()
        };
        let group = groups.prepare(7, limits);
        assert_eq!(group.not_enforced(), [] as [String; 0]);
        let read = |file: &str| fs::read_to_string(place.join(file)).unwrap();
        assert_eq!((read("memory.max").as_str(), read("cpu.max").as_str()), ("1048576", "150000 100000"));
        assert_eq!((read("pids.max").as_str(), read("memory.oom.group").as_str()), ("9", "1"));
        assert_eq!(group.out_of_memory(), Some(1 << 20));
        assert!(group.enters && group.is_empty() && group.places.len() == 1);
    }

    #[test]
    fn a_host_without_cgroups_is_a_host() {
        let mut groups = Groups { hierarchies: Hierarchies::default(), name: "x".into(), leftover: Vec::new() };
        let mut group = groups.prepare(1, ProcessLimits { processes: Some(1), ..ProcessLimits::default() });
        group.enter();
        group.leave();
        group.kill();
        assert!(group.is_empty() && group.out_of_memory().is_none());
        assert_eq!(group.not_enforced().len(), 1);
        groups.remove(group);
        groups.remove_all();
    }
}
