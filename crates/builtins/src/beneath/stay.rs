//! One step: open a path relative to a folder's handle, without ever leaving that folder. It knows
//! no roots and no rules about names.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path};

/// How often an open is tried again that the kernel gave up because something was being renamed.
const TRIES_MAX: usize = 64;

/// Opens `path` below `folder`. Links are followed as long as they stay below it; `EXDEV` where
/// they do not.
///
/// # Errors
/// What the system says.
pub(super) fn open_below(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES_MAX {
            match openat2(folder, path, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                // An older kernel, or a container that forbids the call.
                Err(Errno::NOSYS | Errno::PERM) => return walk(folder, path, flags, mode),
                done => return done,
            }
        }
        Err(Errno::AGAIN)
    }
    #[cfg(not(target_os = "linux"))]
    walk(folder, path, flags, mode)
}

/// The same, a part at a time, for systems without the call: no link is followed, nothing goes up.
fn walk(folder: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::CurDir => {}
            _ => return Err(Errno::XDEV),
        }
    }
    let between = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Some((last, above)) = parts.split_last() else {
        return rustix::fs::openat(folder, ".", flags, mode);
    };
    let mut at: Option<OwnedFd> = None;
    for part in above {
        let next = match &at {
            Some(at) => rustix::fs::openat(at, *part, between, Mode::empty()),
            None => rustix::fs::openat(folder, *part, between, Mode::empty()),
        };
        at = Some(next.map_err(of_link)?);
    }
    let flags = flags | OFlags::NOFOLLOW;
    let opened = match &at {
        Some(at) => rustix::fs::openat(at, *last, flags, mode),
        None => rustix::fs::openat(folder, *last, flags, mode),
    };
    opened.map_err(of_link)
}

/// A link that is not followed may lead outside.
fn of_link(errno: Errno) -> Errno {
    if errno == Errno::LOOP { Errno::XDEV } else { errno }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::symlink;

    #[test]
    fn both_ways_stay_below() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "s").unwrap();
        std::fs::write(root.join("a/file"), "f").unwrap();
        symlink("../outside", root.join("up")).unwrap();
        symlink(&outside, root.join("abs")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink("a/file", root.join("inside")).unwrap();
        let handle = File::open(&root).unwrap();
        for open in [open_below, walk] {
            let read = |path: &str| open(handle.as_fd(), Path::new(path), OFlags::RDONLY, Mode::empty());
            for path in ["a/file", "./a/./file", "a//file", "."] {
                assert!(read(path).is_ok(), "{path}");
            }
            for path in ["..", "../outside/secret", "a/../../outside/secret", "/etc/passwd"] {
                assert_eq!(read(path).unwrap_err(), Errno::XDEV, "{path}");
            }
            for path in ["up/secret", "abs/secret", "magic/etc/passwd"] {
                assert!(read(path).is_err(), "{path}");
            }
            assert_eq!(read("a/none").unwrap_err(), Errno::NOENT);
        }
        let read = |path: &str| open_below(handle.as_fd(), Path::new(path), OFlags::RDONLY, Mode::empty());
        assert!(read("inside").is_ok() && read("a/b/../file").is_ok(), "links and steps up that stay below");
    }
}
