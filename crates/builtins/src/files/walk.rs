//! Going through the folders below a place: in a fixed order, never through a link, within limits
//! of depth, number and time. It reads no file.

use crate::beneath::{Found, fstat_entry};
use crate::files::list::Item;
use crate::moment::utc;
use rustix::fs::{Dir, Mode, OFlags};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How deep a walk goes at most, whatever is asked for.
pub(super) const DEPTH_MAX: usize = 20;
/// How many entries one walk looks at.
const ENTRIES_MAX: usize = 50_000;
/// How many it answers with.
const FOUND_MAX: usize = 1000;
/// How many of its errors are told.
const ERRORS_MAX: usize = 20;
/// How long it takes.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A walk under way, and what it found.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    /// Names that begin with a dot are looked at too.
    pub(super) include_hidden: bool,
    /// Folders below the first that are gone into.
    pub(super) depth_max: usize,
    /// Whose names count.
    pub(super) wanted: &'a dyn NameRule,
    pub(super) found: Vec<Item>,
    /// Folders that were gone through.
    pub(super) folders: usize,
    pub(super) errors: Vec<String>,
    /// Not everything was looked at, or told.
    pub(super) truncated: bool,
    entries: usize,
    until: Instant,
}

/// Which names a walk answers with, and which folders it never goes into.
pub(super) trait NameRule: std::fmt::Debug {
    fn wants(&self, name: &str) -> bool;
    fn enters(&self, below: &Path) -> bool;
}

// === impl Walk ===

impl<'a> Walk<'a> {
    pub(super) fn new(include_hidden: bool, depth_max: usize, wanted: &'a dyn NameRule) -> Self {
        Walk {
            include_hidden,
            depth_max: depth_max.min(DEPTH_MAX),
            wanted,
            found: Vec::new(),
            folders: 0,
            errors: Vec::new(),
            truncated: false,
            entries: 0,
            until: Instant::now() + TIME_MAX,
        }
    }

    /// Goes through an open folder.
    pub(super) fn go(&mut self, folder: Found) {
        let path = folder.path;
        self.folder(&OwnedFd::from(folder.handle), &path, 0);
    }

    fn folder(&mut self, folder: &OwnedFd, path: &Path, depth: usize) {
        self.folders += 1;
        let names = match self.names(folder) {
            Ok(names) => names,
            Err(error) => return self.failed(path, error),
        };
        for name in names {
            if self.is_over() {
                return;
            }
            let shown = name.to_string_lossy().into_owned();
            // Gone since it was read.
            let Some(facts) = fstat_entry(folder, &name) else { continue };
            let below: PathBuf = path.join(&shown);
            let is_folder = facts.kind == "directory";
            if self.wanted.wants(&shown) {
                self.found.push(Item {
                    name: shown,
                    path: below.display().to_string(),
                    kind: facts.kind,
                    size: facts.size,
                    modified: utc(facts.modified),
                    permissions: format!("{:03o}", facts.mode),
                });
            }
            if is_folder && depth < self.depth_max && self.wanted.enters(&below) {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(folder, &name, flags, Mode::empty()) {
                    Ok(inner) => self.folder(&inner, &below, depth + 1),
                    Err(error) => self.failed(&below, error),
                }
            }
        }
    }

    /// The names in a folder, sorted.
    fn names(&mut self, folder: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." || (!self.include_hidden && bytes.first() == Some(&b'.')) {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.truncated = true;
                break;
            }
            names.push(name.to_owned());
        }
        names.sort();
        Ok(names)
    }

    fn is_over(&mut self) -> bool {
        let over = self.found.len() >= FOUND_MAX || self.entries > ENTRIES_MAX || Instant::now() >= self.until;
        self.truncated |= over;
        over
    }

    pub(super) fn failed(&mut self, path: &Path, error: rustix::io::Errno) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(format!("{}: {}", path.display(), std::io::Error::from(error)));
        } else {
            self.truncated = true;
        }
    }
}
