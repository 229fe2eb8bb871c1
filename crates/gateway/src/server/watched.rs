//! The files whose change starts a server anew, for whoever develops it. Who watches is
//! `config::FileWatcher`; this waits until they are quiet.

use super::Core;
use config::FileWatcher;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// Changes within this time are one.
const QUIET: Duration = Duration::from_millis(200);
/// Paths that wait; more of them are the same news.
const PATHS_MAX: usize = 16;

/// The files of one server, watched as long as this lives.
pub(super) struct Watched(Option<(FileWatcher, mpsc::Receiver<PathBuf>)>);

impl Watched {
    /// Watches what the entry says, if anything.
    pub(super) async fn start(entry: &config::Server, server: &Core) -> Self {
        let Some(files) = entry.watch.clone() else { return Self(None) };
        let (changed, receiver) = mpsc::channel(PATHS_MAX);
        // It walks through folders.
        let started = tokio::task::spawn_blocking(move || FileWatcher::start(&files, changed)).await;
        match started {
            Ok(Ok(watcher)) => Self(Some((watcher, receiver))),
            Ok(Err(error)) => {
                server.log.remark(format!("{error}; after a change run: switchboard restart {}", server.name));
                Self(None)
            }
            Err(_) => Self(None),
        }
    }

    /// Waits for a change, and until nothing more changes; the file that changed first.
    pub(super) async fn changed(&mut self) -> PathBuf {
        let Some((_, paths)) = &mut self.0 else { return std::future::pending().await };
        let Some(first) = paths.recv().await else { return std::future::pending().await };
        while let Ok(Some(_)) = tokio::time::timeout(QUIET, paths.recv()).await {}
        first
    }
}
