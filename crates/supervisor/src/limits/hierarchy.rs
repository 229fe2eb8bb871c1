//! Which cgroup file systems are mounted, and where in them this process lives. It reads
//! `/proc/self`; it makes and changes nothing. Systems without cgroups have none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Controller;

/// What the groups of every guard are called at the beginning.
pub(crate) const PREFIX: &str = "switchboard-";
/// The group inside a guard's own in which daemon and guard live, where they had to make room.
pub(crate) const SELF_GROUP: &str = "self";

/// One hierarchy as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where groups are made: the group that the daemon was started in.
    pub(crate) base: PathBuf,
    /// Where this process is now.
    pub(crate) home: PathBuf,
}

/// All hierarchies that concern us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    /// Of cgroup v2, with or without controllers.
    pub(crate) unified: Option<Hierarchy>,
    /// Of cgroup v1, by controller.
    pub(crate) v1: BTreeMap<Controller, Hierarchy>,
}

// === impl Hierarchies ===

impl Hierarchies {
    /// Those of this process.
    pub(crate) fn of_this_process() -> Hierarchies {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    /// Every place where groups are made.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Path> {
        self.unified.iter().chain(self.v1.values()).map(|hierarchy| hierarchy.base.as_path())
    }
}

fn parse(mounts: &str, memberships: &str) -> Hierarchies {
    let mut found = Hierarchies::default();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let mut left = left.split(' ').skip(3);
        let (Some(root), Some(point)) = (left.next(), left.next()) else { continue };
        let mut right = right.split(' ');
        let (kind, options) = (right.next().unwrap_or_default(), right.nth(1).unwrap_or_default());
        match kind {
            "cgroup2" if found.unified.is_none() => {
                found.unified = membership(memberships, str::is_empty).map(|path| hierarchy(root, point, path));
            }
            "cgroup" => {
                for controller in Controller::ALL {
                    let listed = |list: &str| list.split(',').any(|one| one == controller.name());
                    if listed(options)
                        && let Some(path) = membership(memberships, listed)
                    {
                        found.v1.entry(controller).or_insert_with(|| hierarchy(root, point, path));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// The path in the line of `/proc/self/cgroup` whose controllers are the wanted ones.
fn membership(memberships: &str, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    memberships.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        wanted(controllers).then_some(path)
    })
}

fn hierarchy(root: &str, point: &str, path: &str) -> Hierarchy {
    let below = if root == "/" { path } else { path.strip_prefix(root).unwrap_or("") };
    // A path outside of what is mounted here cannot be walked to: the mount is all there is.
    let below = if below.starts_with("/..") { "" } else { below };
    let home = Path::new(point).join(below.trim_start_matches('/'));
    let moved = home.file_name().is_some_and(|name| name == SELF_GROUP);
    let of_guard = home.parent().filter(|_| moved);
    let of_guard = of_guard
        .filter(|group| group.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX)));
    let base = of_guard.and_then(Path::parent).unwrap_or(&home).to_owned();
    Hierarchy { base, home }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_where_they_are_mounted() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n\
            36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let memberships = "9:name=systemd:/\n4:memory:/jobs/1\n2:cpu,cpuacct:/\n0::/\n";
        let found = parse(mounts, memberships);
        let at = |path: &str| Hierarchy { base: path.into(), home: path.into() };
        assert_eq!(found.unified, Some(at("/sys/fs/cgroup/unified/")));
        assert_eq!(found.v1[&Controller::Memory], at("/sys/fs/cgroup/memory/jobs/1"));
        assert_eq!(found.v1[&Controller::Cpu], at("/sys/fs/cgroup/cpu,cpuacct/"));
        assert!(!found.v1.contains_key(&Controller::Pids));
    }

    #[test]
    fn who_moved_aside_makes_groups_where_it_was_before() {
        let mounts = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = parse(mounts, "0::/user/one.service/switchboard-a-1-2-3/self\n").unified.unwrap();
        assert_eq!(found.base, Path::new("/sys/fs/cgroup/user/one.service"));
        assert!(found.home.ends_with("switchboard-a-1-2-3/self"));
        // A switchboard that is a server of another stays inside of what that gave it.
        let inner = parse(mounts, "0::/switchboard-a-1-2-3/7\n").unified.unwrap();
        assert_eq!(inner.base, inner.home);
    }

    #[test]
    fn a_container_sees_only_its_part() {
        let mounts = "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let found = parse(mounts, "0::/docker/abc/x\n").unified.unwrap();
        assert_eq!(found.base, Path::new("/sys/fs/cgroup/x"));
        let outside = parse("1 1 0:1 / /cg rw - cgroup2 c rw\n", "0::/../elsewhere\n").unified.unwrap();
        assert_eq!(outside.base, Path::new("/cg/"));
        assert_eq!(parse("", ""), Hierarchies::default());
    }
}
