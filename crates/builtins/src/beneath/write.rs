//! Writing a file as a whole: beside its place, to the disk, then into its place with one rename
//! in the same open folder. A reader sees the old content or the new, a crash leaves one of them.

use super::open::system;
use super::stay::open_below;
use super::{Place, Refusal, Roots};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// How deep below its root a file may lie whose folders are made for it.
const FOLDERS_MAX: usize = 64;
/// What the name of a half-written file begins with.
pub(crate) const DRAFT_PREFIX: &str = ".switchboard-";
/// What it ends with.
pub(crate) const DRAFT_SUFFIX: &str = ".draft";

/// A file that was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// Where it really lies.
    pub(crate) path: PathBuf,
    /// What the system says about it.
    pub(crate) metadata: Metadata,
    /// Whether there was none before.
    pub(crate) new: bool,
}

// === impl Roots ===

impl Roots {
    /// Writes a file, in folders that are made when `create_dirs` says so.
    ///
    /// # Errors
    /// It is no plain file, or may not be written.
    pub(crate) fn write(&self, place: &Place, bytes: &[u8], create_dirs: bool) -> Result<Written, Refusal> {
        let name = self.writable_name(place)?;
        let above = place.below.parent().unwrap_or(Path::new(""));
        let (folder, path) = self.folder_to_write(place, above, create_dirs)?;
        let refused = |errno| Refusal::of(errno, &place.asked, &self.shown());
        let before = match rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(refused(errno)),
        };
        if let Some(stat) = &before {
            let asked = || place.asked.clone();
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {}
                FileType::Symlink => return Err(Refusal::Link { path: asked() }),
                FileType::Directory => return Err(Refusal::Folder { path: asked() }),
                _ => return Err(Refusal::Special { path: asked(), kind: "special file" }),
            }
        }
        let draft = draft_name().map_err(|error| system(place, &error))?;
        let mode = before.as_ref().map(|stat| Mode::from_raw_mode(stat.st_mode & 0o7777));
        let written = fill(&folder, &draft, bytes, mode).and_then(|file| {
            rustix::fs::renameat(&folder, &draft, &folder, &name)?;
            Ok(file)
        });
        let file = match written {
            Ok(file) => file,
            Err(error) => {
                // Not there if it could not be made; else our own, under a name that nobody else has.
                let _ = rustix::fs::unlinkat(&folder, &draft, AtFlags::empty());
                return Err(system(place, &error));
            }
        };
        rustix::fs::fsync(&folder).map_err(refused)?;
        let metadata = file.metadata().map_err(|error| system(place, &error))?;
        Ok(Written { path: path.join(&name), metadata, new: before.is_none() })
    }

    /// Makes a folder, with those above it.
    ///
    /// # Errors
    /// It may not be made there.
    pub(crate) fn make_folder(&self, place: &Place) -> Result<PathBuf, Refusal> {
        self.writable_name(place)?;
        Ok(self.folder_to_write(place, &place.below, true)?.1)
    }

    /// Removes a plain file; whether there was one.
    ///
    /// # Errors
    /// It may not be removed.
    pub(crate) fn remove(&self, place: &Place) -> Result<bool, Refusal> {
        let name = self.writable_name(place)?;
        let above = place.below.parent().unwrap_or(Path::new(""));
        let (folder, _) = self.folder_to_write(place, above, false)?;
        match rustix::fs::unlinkat(&folder, &name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Refusal::of(errno, &place.asked, &self.shown())),
        }
    }

    /// The last part of a path that may be written, as far as the path alone tells.
    fn writable_name(&self, place: &Place) -> Result<PathBuf, Refusal> {
        let asked = || place.asked.clone();
        if !place.root.writable {
            return Err(Refusal::ReadOnly { path: asked(), writable: self.writable() });
        }
        self.keep(place, &place.below)?;
        match place.below.components().next_back() {
            Some(Component::Normal(name)) if !ends_as_folder(&place.asked) => Ok(name.into()),
            Some(Component::ParentDir) => Err(Refusal::Outside { path: asked(), roots: self.shown() }),
            _ => Err(Refusal::Folder { path: asked() }),
        }
    }

    /// An open folder below the root in which something may be made, and where it really lies.
    fn folder_to_write(&self, place: &Place, below: &Path, create: bool) -> Result<(OwnedFd, PathBuf), Refusal> {
        let root = place.root.handle()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let refused = |errno| Refusal::of(errno, &place.asked, &self.shown());
        let settled = |opened: OwnedFd| {
            let path = self.settle(place, root.as_fd(), opened.as_fd())?;
            self.keep(place, &self.below(place, &path))?;
            Ok((opened, path))
        };
        match open_below(root.as_fd(), below, flags, Mode::empty()) {
            Ok(opened) => return settled(opened),
            Err(Errno::NOENT) if create => {}
            Err(errno) => return Err(refused(errno)),
        }
        if below.components().count() > FOLDERS_MAX {
            return Err(Refusal::TooDeep { path: place.asked.clone(), folders_max: FOLDERS_MAX });
        }
        // Part by part, each made in a folder that was opened and judged.
        let mut path = PathBuf::new();
        let mut at = settled(open_below(root.as_fd(), &path, flags, Mode::empty()).map_err(refused)?)?;
        for part in below.components() {
            path.push(part);
            let mut opened = open_below(root.as_fd(), &path, flags, Mode::empty());
            if let (Err(Errno::NOENT), Component::Normal(name)) = (&opened, part) {
                match rustix::fs::mkdirat(&at.0, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) => rustix::fs::fsync(&at.0).map_err(refused)?,
                    Err(Errno::EXIST) => {}
                    Err(errno) => return Err(refused(errno)),
                }
                opened = open_below(root.as_fd(), &path, flags, Mode::empty());
            }
            at = settled(opened.map_err(refused)?)?;
        }
        Ok(at)
    }

    fn keep(&self, place: &Place, below: &Path) -> Result<(), Refusal> {
        match self.names().kept_in(below).or_else(|| self.names().hidden_in(below)) {
            Some(name) => Err(Refusal::Kept { path: place.asked.clone(), name }),
            None => Ok(()),
        }
    }
}

/// `a/`, `a/.` and the like mean a folder; `Path` would hide that.
fn ends_as_folder(asked: &str) -> bool {
    asked.ends_with('/') || asked.ends_with("/.") || asked == "."
}

fn draft_name() -> std::io::Result<PathBuf> {
    let number = getrandom::u64().map_err(std::io::Error::other)?;
    Ok(format!("{DRAFT_PREFIX}{number:016x}{DRAFT_SUFFIX}").into())
}

/// Makes a new file and brings it to the disk.
fn fill(folder: &OwnedFd, draft: &Path, bytes: &[u8], mode: Option<Mode>) -> std::io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // A file that takes the place of another is not readable for more people meanwhile.
    let first = if mode.is_some() { Mode::from_raw_mode(0o600) } else { Mode::from_raw_mode(0o666) };
    let mut file = File::from(rustix::fs::openat(folder, draft, flags, first)?);
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        rustix::fs::fchmod(&file, mode)?;
    }
    file.sync_all()?;
    Ok(file)
}
