//! The files whose change starts a server anew, for whoever develops it. Who watches is
//! `config::FileWatcher`; this waits until they are quiet.

use super::Core;
use super::quiet::Quiet;
use config::{FileWatcher, WatchError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Changes within this time are one.
const QUIET: Duration = Duration::from_millis(200);
/// How long changes without end may put a start off.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(10);
/// Paths that wait; more of them are the same news.
const PATHS_MAX: usize = 16;

/// A file that changed, the first of several.
pub(super) struct Change {
    pub(super) path: PathBuf,
    /// When that was heard.
    pub(super) at: Instant,
}

/// The files of one server, watched as long as this lives.
pub(super) struct Watched {
    server: Arc<Core>,
    /// The watcher while it starts: it walks through folders, and nobody waits for that.
    starting: Option<JoinHandle<Result<FileWatcher, WatchError>>>,
    watcher: Option<FileWatcher>,
    paths: mpsc::Receiver<PathBuf>,
    /// The file that changed first.
    news: Option<Change>,
    quiet: Quiet,
}

impl Watched {
    /// Watches what the entry says, if anything.
    pub(super) fn start(entry: &config::Server, server: &Arc<Core>) -> Self {
        let (changed, paths) = mpsc::channel(PATHS_MAX);
        let files = entry.watch.clone();
        let starting = files.map(|files| tokio::task::spawn_blocking(move || FileWatcher::start(&files, changed)));
        let quiet = Quiet::new(QUIET, QUIET_WAIT_MAX, Instant::now());
        Self { server: server.clone(), starting, watcher: None, paths, news: None, quiet }
    }

    /// Waits for a change, and until nothing more changes. Nothing is lost when the future is dropped.
    pub(super) async fn changed(&mut self) -> Change {
        if let Some(starting) = &mut self.starting {
            match starting.await {
                Ok(Ok(watcher)) => self.watcher = Some(watcher),
                Ok(Err(error)) => {
                    let name = &self.server.name;
                    self.server.log.remark(format!("{error}; after a change run: switchboard restart {name}"));
                }
                Err(error) => tracing::error!(%error, "files cannot be watched: {error}"),
            }
            self.starting = None;
        }
        if self.watcher.is_none() {
            return std::future::pending().await;
        }
        loop {
            let heard = match &self.news {
                None => self.paths.recv().await,
                Some(_) if self.quiet.due() <= Instant::now() => None,
                Some(_) => timeout_at(self.quiet.due(), self.paths.recv()).await.ok().flatten(),
            };
            match (heard, self.news.take()) {
                (Some(path), news) => {
                    let at = Instant::now();
                    self.news = Some(news.unwrap_or(Change { path, at }));
                    self.quiet.stir(at);
                }
                (None, Some(first)) => {
                    self.quiet.acted();
                    return first;
                }
                // The watcher has ended.
                (None, None) => return std::future::pending().await,
            }
        }
    }
}
