//! What of some limits this host will presumably not enforce, for whoever asks before anything is
//! started. It looks at the same places as `group.rs` and makes nothing: what a child really got is
//! said by its meter.

use std::fs;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::getpid;

use super::hierarchy::{Hierarchies, Hierarchy};
use super::{Controller, ProcessLimits};

/// The keys of `resources` among `limits` that a daemon started by this process could not enforce,
/// each with the reason. One that runs as a service of its own may be given more.
pub fn not_enforceable(limits: ProcessLimits) -> Vec<String> {
    foreseen(limits, &Hierarchies::of_this_process())
}

fn foreseen(limits: ProcessLimits, hierarchies: &Hierarchies) -> Vec<String> {
    let wanted = Controller::ALL.into_iter().filter(|controller| match controller {
        Controller::Memory => limits.memory_bytes.is_some(),
        Controller::Cpu => limits.cpu_percent.is_some(),
        Controller::Pids => limits.processes.is_some(),
    });
    wanted
        .filter_map(|controller| Some(format!("{}: {}", controller.key(), obstacle(controller, hierarchies)?)))
        .collect()
}

/// Why this controller cannot be used.
fn obstacle(controller: Controller, hierarchies: &Hierarchies) -> Option<String> {
    let name = controller.name();
    match (hierarchies.v1.get(&controller), &hierarchies.unified) {
        (Some(old), _) => read_only(&old.base),
        (None, Some(unified)) => not_handed_down(name, unified),
        (None, None) => Some(format!("this host has no cgroups with the controller `{name}`")),
    }
}

fn read_only(base: &Path) -> Option<String> {
    let error = access(base, Access::WRITE_OK).err()?;
    Some(format!("the cgroup {} cannot be used: {error}", base.display()))
}

/// A group hands a controller down if it does so already, or if nobody lives in it but us.
fn not_handed_down(name: &str, unified: &Hierarchy) -> Option<String> {
    let base = &unified.base;
    let holds = |file: &str, word: &str| {
        let text = fs::read_to_string(base.join(file)).unwrap_or_default();
        text.split_ascii_whitespace().any(|one| one == word)
    };
    if !holds("cgroup.controllers", name) {
        return Some(format!("no cgroup with the controller `{name}` is offered to this process"));
    }
    if holds("cgroup.subtree_control", name) {
        return read_only(base);
    }
    let members = fs::read_to_string(base.join("cgroup.procs")).unwrap_or_default();
    let own = getpid().as_raw_pid().to_string();
    // The root may hand down whoever lives in it; only there is no type.
    let crowded = base.join("cgroup.type").exists() && members.lines().any(|pid| pid != own);
    match crowded {
        true => Some(format!("other processes live in the cgroup {}", base.display())),
        false => read_only(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &Path| Hierarchy { base: path.to_owned(), home: path.to_owned() };
        let hierarchies = Hierarchies { unified: Some(at(folder.path())), ..Hierarchies::default() };
        let limits =
            ProcessLimits { memory_bytes: Some(1), cpu_percent: Some(1), processes: Some(1), open_files: Some(1) };
        fs::write(folder.path().join("cgroup.controllers"), "memory pids").unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "memory").unwrap();
        assert_eq!(
            foreseen(limits, &hierarchies),
            ["cpu: no cgroup with the controller `cpu` is offered to this process"]
        );
        fs::write(folder.path().join("cgroup.type"), "domain").unwrap();
        fs::write(folder.path().join("cgroup.procs"), "1\n").unwrap();
        let said = foreseen(limits, &hierarchies);
        assert!(said[1].starts_with("processes: other processes live in"), "{said:?}");
        assert_eq!(foreseen(limits, &Hierarchies::default()).len(), 3);
        assert!(foreseen(ProcessLimits::default(), &Hierarchies::default()).is_empty());
    }
}
