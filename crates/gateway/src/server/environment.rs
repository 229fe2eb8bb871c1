//! What the owners of servers work with: the same for all of them.

use super::Needs;
use super::desired::Wishes;
use super::install::Installs;
use crate::changes::Changes;
use crate::hub::Hub;
use config::Limits;
use outbound::oauth::Vault;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use supervisor::services::Containers;
use supervisor::{LogWriter, ServerLog, Spawner};
use tokio::sync::{Semaphore, mpsc};

/// How many remote servers may be starting at once (handshake and lists).
const REMOTE_STARTING_MAX: usize = 64;

/// How long a start keeps its place among those that start at once.
const PLACE_TIME_MAX: Duration = Duration::from_secs(1);

/// What the owners of servers work with.
#[derive(Clone)]
pub struct Environment {
    /// Starts processes.
    pub spawner: Arc<dyn Spawner>,
    /// The process environment that children get a part of.
    pub process: Arc<config::Environment>,
    /// Limits in force.
    pub limits: Arc<Limits>,
    /// Answers `roots/list` of servers.
    pub roots: Arc<[String]>,
    /// Who hears of changed resources.
    pub hub: Arc<Hub>,
    /// Who watches hears here of servers that are not as they were.
    pub changes: Arc<Changes>,
    /// Where facts go.
    pub facts: mpsc::Sender<Fact>,
    /// How many servers may be starting at once.
    pub starting: Starting,
    /// How many checks of their health run at once.
    pub probes: Arc<Semaphore>,
    /// Writes the log files; none keeps logs in memory only.
    pub logs: Option<(LogWriter, PathBuf)>,
    /// Keeps what was signed in to; none signs in to nothing.
    pub vault: Option<Arc<dyn Vault>>,
    /// Makes the servers inside this program.
    pub inside: Inside,
    /// What servers depend on.
    pub needs: Arc<Needs>,
    /// Runs containers.
    pub containers: Arc<dyn Containers>,
    /// What was installed for servers.
    pub(crate) installs: Arc<Installs>,
    /// Which servers people stopped.
    pub(crate) wishes: Wishes,
}

/// Places for servers that are starting.
#[derive(Debug, Clone)]
pub struct Starting {
    local: Arc<Semaphore>,
    remote: Arc<Semaphore>,
}

/// Makes the service of an entry whose server is inside this program, or says why it cannot.
pub type Inside = Arc<dyn Fn(&config::Server) -> Result<Arc<dyn protocol::Service>, String> + Send + Sync>;

/// What an owner reports.
#[derive(Debug)]
pub enum Fact {
    /// The server of this name was listed anew, or could not be listed.
    Listed(Arc<str>),
}

impl Starting {
    /// As many as the limits say.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            local: Arc::new(Semaphore::new(limits.startup_concurrency)),
            remote: Arc::new(Semaphore::new(REMOTE_STARTING_MAX)),
        }
    }
}

impl Environment {
    /// What was installed in earlier runs, by the marks in `folder`.
    pub(crate) fn installs(folder: Option<PathBuf>) -> Arc<Installs> {
        Arc::new(Installs::new(folder))
    }

    pub(super) fn log(&self, reduced: &str) -> ServerLog {
        match &self.logs {
            Some((writer, folder)) => ServerLog::in_file(writer, folder.join(format!("{reduced}.log"))),
            None => ServerLog::in_memory(),
        }
    }

    /// Does the work of a start when there is a place for it: programs are heavy, connections are
    /// not. Who needs longer than most waits for something, and gives its place to the next.
    pub(super) async fn in_turn<T>(&self, entry: &config::Server, work: impl Future<Output = T>) -> T {
        let places = match entry.is_ours() {
            true => &self.starting.local,
            false => &self.starting.remote,
        };
        let place = places.acquire().await;
        let hold = async move {
            tokio::time::sleep(PLACE_TIME_MAX).await;
            drop(place);
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            done = work => done,
            never = hold => match never {},
        }
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
