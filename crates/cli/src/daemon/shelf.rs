//! Files of the data folder for what finding tools would have to make or learn again: the index, which is
//! a cache, and what was called after which search. They are read when somebody searches first.

use crate::data_folder::DataFolder;
use crate::store_files::replace;
use gateway::finder::{Kept, Shelf};
use std::io;
use std::path::PathBuf;

/// The largest such file that is read, in bytes.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The files.
pub(super) struct Files {
    index: PathBuf,
    uses: PathBuf,
    decisions: PathBuf,
}

// === impl Files ===

impl Files {
    pub(super) fn of(data: &DataFolder) -> Self {
        Self {
            index: data.root.join("search.idx"),
            uses: data.root.join("uses"),
            decisions: data.root.join("exposure.json"),
        }
    }

    fn path(&self, kept: Kept) -> &PathBuf {
        match kept {
            Kept::Index => &self.index,
            Kept::Uses => &self.uses,
            Kept::Decisions => &self.decisions,
        }
    }
}

impl Shelf for Files {
    fn read(&self, kept: Kept) -> Option<Vec<u8>> {
        let path = self.path(kept);
        let read = match std::fs::metadata(path) {
            Ok(found) if found.len() > BYTES_MAX => {
                Err(io::Error::other(format!("it is larger than {BYTES_MAX} bytes")))
            }
            Ok(_) => std::fs::read(path),
            Err(error) => Err(error),
        };
        match read {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, "{} cannot be read: {error}; what it held is made anew", path.display());
                None
            }
        }
    }

    fn write(&self, kept: Kept, bytes: &[u8]) {
        let path = self.path(kept);
        if let Err(error) = replace(path, bytes) {
            tracing::warn!(%error, "{} cannot be written: {error}; is there room on the disk?", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Environment;

    #[test]
    fn each_has_a_file_and_nothing_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of(&DataFolder::new(folder.path().to_owned(), &Environment::default()));
        assert_eq!(files.read(Kept::Index), None);
        files.write(Kept::Index, b"index");
        files.write(Kept::Uses, b"uses");
        assert_eq!(files.read(Kept::Index).as_deref(), Some(&b"index"[..]));
        assert_eq!(files.read(Kept::Uses).as_deref(), Some(&b"uses"[..]));
    }
}
