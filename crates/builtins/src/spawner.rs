//! The seam to whoever starts processes: what is to run, what it prints, how it ends. The program
//! hands in an implementation over its supervisor; nothing here starts anything.

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use tokio::io::AsyncRead;

/// Starts processes.
pub trait Spawner: Send + Sync {
    /// Starts one with its stdin closed. Dropping the future, or the [`Process`] that it gives,
    /// kills it with all that it started.
    fn spawn(&self, order: Order) -> BoxFuture<'_, Result<Running, SpawnRefused>>;
}

/// What to start. The environment is complete: nothing is inherited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The file that is run: an absolute path.
    pub program: PathBuf,
    /// Its arguments, without the program itself.
    pub args: Vec<String>,
    /// Every variable that it gets.
    pub env: Vec<(String, String)>,
    /// The folder in which it starts.
    pub cwd: PathBuf,
    /// What it may use.
    pub limits: Limits,
}

/// What one process with all that it starts may use; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory of a command with all that it starts, in bytes.
    pub memory_bytes: Option<u64>,
    /// Processor time of a command with all that it starts, in percent of one core.
    pub cpu_percent: Option<u32>,
    /// Processes and threads of a command with all that it starts.
    pub processes: Option<u32>,
    /// Open files of each process.
    pub open_files: Option<u64>,
}

/// A process that runs.
pub struct Running {
    /// What it prints.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// What it complains about.
    pub stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// Ends it and waits for its end.
    pub process: Box<dyn Process>,
}

/// The hold on a process and all that it started.
pub trait Process: Send + Sync {
    /// Waits until all of them are gone.
    fn wait(&self) -> BoxFuture<'_, Exit>;
    /// Asks all of them to end.
    fn terminate(&self) -> BoxFuture<'_, ()>;
    /// Kills all of them.
    fn kill(&self) -> BoxFuture<'_, ()>;
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It was ended for this reason, as in "went over its memory limit".
    Ended(String),
}

/// Why there is no process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpawnRefused {
    /// What happened and why.
    pub message: String,
    /// What a person can do about it.
    pub next: Option<String>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Running").finish_non_exhaustive()
    }
}
