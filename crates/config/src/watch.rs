//! Says when a configuration file may have changed. Folders are watched, not files: editors
//! replace files, and a file that does not exist yet may appear.
//!
//! It does not read anything; whoever listens loads again and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::Sender;

/// How long the files must be quiet before a change is told.
pub const QUIET: Duration = Duration::from_millis(200);

/// Events that wait for the thread; more are the same news.
const EVENTS_MAX: usize = 64;

/// Why files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system refused, for instance because too many folders are watched already.
    #[error("configuration files cannot be watched: {0}")]
    Notify(#[from] notify::Error),
    /// No thread could be started.
    #[error("configuration files cannot be watched: {0}")]
    Thread(#[from] std::io::Error),
}

/// Watches files until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

// === impl Watcher ===

impl Watcher {
    /// Watches `files` and sends `()` once they changed and were quiet for 200 ms. If the channel
    /// is full the news is already waiting, so it is not sent again. Folders that do not exist are
    /// left out. Fails if the system cannot watch at all.
    pub fn start(files: &[PathBuf], changed: Sender<()>) -> Result<Watcher, WatchError> {
        let mut folders: BTreeMap<PathBuf, BTreeSet<OsString>> = BTreeMap::new();
        for file in files {
            // A link is watched where it stands and where it points.
            for path in [Some(file.clone()), file.canonicalize().ok()].into_iter().flatten() {
                let folder = path.parent().unwrap_or(Path::new("."));
                if let (Ok(folder), Some(name)) = (folder.canonicalize(), path.file_name()) {
                    folders.entry(folder).or_default().insert(name.to_owned());
                }
            }
        }
        let (sender, events) = sync_channel::<()>(EVENTS_MAX);
        let names = folders.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error means that events were lost: look again.
            let concerns = event.map_or(true, |event| concerns(&names, &event));
            if concerns {
                // A full queue holds the same news already.
                let _full = sender.try_send(());
            }
        })?;
        for folder in folders.keys() {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        std::thread::Builder::new().name("config-watch".to_owned()).spawn(move || tell(&events, &changed))?;
        Ok(Watcher { _watcher: watcher })
    }
}

/// Whether nothing was written to `files` from `reading` on, nor before it for as long as a watcher
/// waits. What was read from them since `reading` is whole then: a file that is being written may be
/// empty at that moment, and an empty file is a configuration too.
///
/// The moment is that before the first byte was read: on a busy machine a reading may take longer
/// than the quiet that it is to prove.
#[must_use]
pub fn are_quiet(files: &[PathBuf], reading: SystemTime) -> bool {
    let now = SystemTime::now();
    let written = files.iter().filter_map(|file| file.metadata().ok()?.modified().ok());
    // A time to come says that some clock is wrong.
    let mut written = written.filter(|time| *time <= now);
    written.all(|time| reading.duration_since(time).is_ok_and(|age| age >= QUIET))
}

fn concerns(names: &BTreeMap<PathBuf, BTreeSet<OsString>>, event: &notify::Event) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    event.need_rescan()
        || event.paths.iter().any(|path| {
            let folder = path.parent().and_then(|folder| names.get(folder));
            let name = path.file_name();
            folder.is_some_and(|names| name.is_some_and(|name| names.contains(name)))
        })
}

/// Waits for news, then for quiet, then tells it; ends when the watcher or the listener is gone.
fn tell(events: &Receiver<()>, changed: &Sender<()>) {
    while events.recv().is_ok() {
        loop {
            match events.recv_timeout(QUIET) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let told = changed.try_send(());
        if matches!(told, Err(tokio::sync::mpsc::error::TrySendError::Closed(()))) {
            return;
        }
    }
}
