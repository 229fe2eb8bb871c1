//! A disk that is soon full: a file system in memory over a folder, gone when the value is dropped.
//! It needs a user who may mount; without one, the test that wants it is left out, with a line.

use crate::programs::{command, run};
use crate::waiting::SOON;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A disk.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

// === impl SmallDisk ===

impl SmallDisk {
    /// Mounts a disk of so many KiB over a folder, which is made where there is none.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn over(folder: &Path, kib: u32) -> Option<Self> {
        fs::create_dir_all(folder).expect("expected a folder to mount a disk over");
        let size = format!("size={kib}k,mode=700");
        let mounted = run(command("mount").args(["-t", "tmpfs", "-o", &size, "small"]).arg(folder), SOON);
        if mounted.code != Some(0) {
            crate::tell(&format!("skipped: no small disk can be mounted here: {}", mounted.stderr.trim()));
            return None;
        }
        Some(Self { folder: folder.to_owned() })
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// When the file cannot be made.
    pub fn fill(&self) {
        let mut file = File::create(self.folder.join("filling")).expect("expected a file that fills the disk");
        // Ever smaller pieces, until none fits.
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Gives back what was taken.
    ///
    /// # Panics
    /// When it was not taken.
    pub fn empty(&self) {
        fs::remove_file(self.folder.join("filling")).expect("expected the file that fills the disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still has it open keeps it until it ends.
        let _ = run(command("umount").arg("--lazy").arg(&self.folder), SOON);
    }
}
