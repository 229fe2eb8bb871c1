//! The suite starts all its clients at once, forty of them, and each brings a switchboard: they take
//! turns, a few at a time, so that none is late because of the others. Drivers find each other by the
//! files of a folder, which whoever runs the suite names; without one there are no turns.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::PathBuf;
use std::thread::park_timeout;
use std::time::Duration;

/// The variable that names the folder.
const FOLDER: &str = "MCP_DRIVER_TURNS";
/// How many drivers work at once.
const AT_ONCE: usize = 6;
/// How often a driver looks whether it is its turn.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits for a turn; it ends when the file is closed.
pub(crate) fn take() -> Option<File> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    loop {
        for slot in 0..AT_ONCE {
            let file = File::options().create(true).append(true).open(folder.join(format!("turn-{slot}"))).ok()?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Some(file);
            }
        }
        park_timeout(GLANCE);
    }
}
