//! Which file a child was started from, so that whoever asks later can see that another one lies
//! there now. It looks at what the file system says of the file and reads none of it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A program as it was when a child was started from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    path: PathBuf,
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Program {
    /// The file at `path` as it is now; nothing if there is none.
    pub(crate) fn at(path: &Path) -> Option<Program> {
        let found = std::fs::metadata(path).ok()?;
        Some(Program {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }

    /// Where it lay, when something else or nothing lies there now.
    pub(crate) fn replaced(&self) -> Option<&Path> {
        (Program::at(&self.path).as_ref() != Some(self)).then_some(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_at_its_place_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("program");
        assert_eq!(Program::at(&place), None);
        std::fs::write(&place, "one").unwrap();
        let program = Program::at(&place).unwrap();
        assert_eq!(program.replaced(), None);
        let (draft, kept) = (folder.path().join("draft"), folder.path().join("kept"));
        std::fs::write(&draft, "two").unwrap();
        std::fs::rename(&place, &kept).unwrap();
        assert_eq!(program.replaced(), Some(&*place), "nothing lies there");
        std::fs::rename(&draft, &place).unwrap();
        assert_eq!(program.replaced(), Some(&*place));
        std::fs::rename(&kept, &place).unwrap();
        assert_eq!(program.replaced(), None, "the first one is back");
        std::fs::write(&place, "more").unwrap();
        assert_eq!(program.replaced(), Some(&*place), "written over");
    }
}
