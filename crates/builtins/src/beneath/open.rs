//! Opening what lies at a place: to read it, to list it, to look at it. Names are judged on where
//! the opened thing really lies, not on the path that was asked for. It writes nothing.

use super::stay::open_below;
use super::{Place, Refusal, Roots};
use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Stat};
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How `fstatfs` marks files that the kernel makes up: `/proc` and `/sys` (linux/magic.h).
#[cfg(target_os = "linux")]
const MADE_UP: [i64; 2] = [0x9fa0, 0x6265_6572];

/// Something that was opened or looked at.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it really lies.
    pub(crate) path: PathBuf,
    /// What the system says about it.
    pub(crate) metadata: Metadata,
    pub(crate) handle: File,
}

/// What a listing says about one entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntryFacts {
    /// `file`, `directory`, `symlink` or `other`.
    pub(crate) kind: &'static str,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    /// Permission bits.
    pub(crate) mode: u32,
}

// === impl Roots ===

impl Roots {
    /// Looks at what lies at `place` without opening it, whatever it is.
    ///
    /// # Errors
    /// Nothing lies there, or not for who asks.
    pub(crate) fn look(&self, place: &Place) -> Result<Found, Refusal> {
        self.open(place, LOOK)
    }

    /// Opens a file to read it.
    ///
    /// # Errors
    /// It is no plain file, or not for who asks.
    pub(crate) fn open_file(&self, place: &Place) -> Result<Found, Refusal> {
        // The first look keeps devices and FIFOs from being opened at all; the second judges what
        // was opened, which may be something else by then.
        plain(place, &self.look(place)?)?;
        let found = self.open(place, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        plain(place, &found)?;
        Ok(found)
    }

    /// Reads a file, at most `bytes_max` bytes.
    ///
    /// # Errors
    /// It is larger, no plain file, or not for who asks.
    pub(crate) fn read(&self, place: &Place, bytes_max: u64) -> Result<(Vec<u8>, Found), Refusal> {
        let found = self.open_file(place)?;
        let too_large = |bytes| Refusal::TooLarge { path: place.asked.clone(), bytes, bytes_max };
        if found.metadata.len() > bytes_max {
            return Err(too_large(found.metadata.len()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.metadata.len()).unwrap_or_default());
        // It may grow while it is read.
        let read = (&found.handle).take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| system(place, &error))?;
        match u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
            length if length > bytes_max => Err(too_large(length)),
            _ => Ok((bytes, found)),
        }
    }

    /// Opens a folder to list it or to make files in it.
    ///
    /// # Errors
    /// It is no folder, or not for who asks.
    pub(crate) fn open_folder(&self, place: &Place) -> Result<Found, Refusal> {
        self.open(place, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Whether we may read and write what lies at `place`.
    ///
    /// # Errors
    /// Nothing lies there, or not for who asks.
    pub(crate) fn access(&self, place: &Place) -> Result<(bool, bool), Refusal> {
        let found = self.look(place)?;
        let may = |access| {
            let flags = AtFlags::EACCESS;
            match found.metadata.is_dir() {
                true => rustix::fs::accessat(&found.handle, ".", access, flags).is_ok(),
                false => false,
            }
        };
        let writable = place.root.writable && self.names().kept_in(&self.below(place, &found.path)).is_none();
        Ok((may(Access::READ_OK), writable && may(Access::WRITE_OK)))
    }

    pub(super) fn open(&self, place: &Place, flags: OFlags) -> Result<Found, Refusal> {
        let root = place.root.handle()?;
        self.judge(place, &place.below)?;
        let opened = open_below(root.as_fd(), &place.below, flags, Mode::empty());
        let opened = opened.map_err(|errno| Refusal::of(errno, &place.asked, &self.shown()))?;
        let path = self.settle(place, root.as_fd(), opened.as_fd())?;
        let handle = File::from(opened);
        let metadata = handle.metadata().map_err(|error| system(place, &error))?;
        Ok(Found { path, metadata, handle })
    }

    /// Where an opened thing really lies; refused where its names are not to be touched.
    pub(super) fn settle(
        &self,
        place: &Place,
        root: BorrowedFd<'_>,
        opened: BorrowedFd<'_>,
    ) -> Result<PathBuf, Refusal> {
        let below = match (real_path(root), real_path(opened)) {
            (Some(root), Some(opened)) => match opened.strip_prefix(&root) {
                Ok(below) => below.to_owned(),
                // Moved out since it was opened.
                Err(_) => return Err(Refusal::Outside { path: place.asked.clone(), roots: self.shown() }),
            },
            _ => place.below.clone(),
        };
        self.judge(place, &below)?;
        // Joined with nothing, a path would end with a slash.
        Ok(place.root.path.join(below).components().collect())
    }

    fn judge(&self, place: &Place, below: &Path) -> Result<(), Refusal> {
        match self.names().hidden_in(below) {
            Some(name) => Err(Refusal::Hidden { path: place.asked.clone(), name }),
            None => Ok(()),
        }
    }

    /// The part of a real path that lies below its root.
    pub(super) fn below(&self, place: &Place, path: &Path) -> PathBuf {
        path.strip_prefix(&place.root.path).unwrap_or(path).to_owned()
    }
}

/// What opens nothing: a handle that only names a file.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
/// Elsewhere a look opens, but waits for nobody.
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

/// The path of an open file as the kernel knows it; none without `/proc`.
fn real_path(handle: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).ok().filter(|path| path.is_absolute())
}

/// Refuses what is no file with content of its own.
fn plain(place: &Place, found: &Found) -> Result<(), Refusal> {
    let kind = found.metadata.file_type();
    let path = place.asked.clone();
    if kind.is_dir() {
        return Err(Refusal::Folder { path });
    }
    if !kind.is_file() {
        let kind = match kind {
            kind if kind.is_fifo() => "FIFO",
            kind if kind.is_socket() => "socket",
            kind if kind.is_block_device() || kind.is_char_device() => "device",
            _ => "special file",
        };
        return Err(Refusal::Special { path, kind });
    }
    match is_made_up(found.handle.as_fd()) {
        true => Err(Refusal::Special { path, kind: "file of the kernel" }),
        false => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn is_made_up(handle: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(handle).is_ok_and(|found| MADE_UP.contains(&found.f_type))
}

#[cfg(not(target_os = "linux"))]
fn is_made_up(_: BorrowedFd<'_>) -> bool {
    false
}

pub(super) fn system(place: &Place, error: &std::io::Error) -> Refusal {
    Refusal::System { path: place.asked.clone(), reason: error.to_string() }
}

/// Looks at one entry of an open folder; a link is looked at, not followed.
pub(crate) fn fstat_entry(folder: &OwnedFd, name: &std::ffi::CStr) -> Option<EntryFacts> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(EntryFacts::of(&stat))
}

// === impl EntryFacts ===

impl EntryFacts {
    fn of(stat: &Stat) -> EntryFacts {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => "file",
            FileType::Directory => "directory",
            FileType::Symlink => "symlink",
            _ => "other",
        };
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or_default());
        EntryFacts {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified: UNIX_EPOCH + seconds,
            mode: stat.st_mode & 0o7777,
        }
    }
}
