//! The daemon's side of starting processes: `Guard` asks the guard process and hands back pipes
//! and a handle. It neither restarts nor interprets what a child says.

mod handle;
mod orphans;
mod owner;
mod process;
mod steering;

pub use handle::{ExitHow, ExitReport, ProcessHandle, StopReport, StopStep};
pub use process::GuardProcess;
pub use steering::{Steering, Wish, steered};

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

use crate::guard::SpawnFailure;
use crate::limits::ProcessLimits;
use owner::{Command, Owner, Stdio};

/// Requests that wait for the guard; more wait in their callers.
const COMMANDS_MAX: usize = 256;
/// Size of the pipes for stdin and stdout, in bytes. Larger than the default 64 KiB, so that one
/// frame of that size is one wake-up; small enough that a hundred servers stay under the soft
/// limit of 64 MiB of pipes that an ordinary user has.
const PIPE_BYTES: usize = 256 * 1024;

/// Starts processes. The seam between those who want a process and the guard.
pub trait Spawner: Send + Sync {
    /// Starts a process. Dropping the future, or the last handle of what it gives, kills it.
    fn spawn(&self, request: SpawnRequest) -> BoxFuture<'_, Result<Spawned, SpawnError>>;
}

/// What to start. The environment is complete: nothing is inherited.
#[derive(Clone)]
pub struct SpawnRequest {
    /// A name, looked up in the PATH of `env`, or a path (relative to `cwd`).
    pub program: String,
    /// Its arguments, without the program itself.
    pub args: Vec<String>,
    /// Every variable the child gets; one marker of ours is added.
    pub env: Vec<(String, String)>,
    /// Where it starts; none means the daemon's own folder.
    pub cwd: Option<PathBuf>,
    /// What it may use with all it starts.
    pub limits: ProcessLimits,
}

/// Shows neither arguments nor values of the environment: both hold secrets.
impl std::fmt::Debug for SpawnRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpawnRequest").field("program", &self.program).field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

/// A running child. Dropping `stdin` closes it, which is how a well-behaved server is told to end.
#[derive(Debug)]
pub struct Spawned {
    /// The process id of its main process.
    pub pid: u32,
    /// Writes to the child.
    pub stdin: pipe::Sender,
    /// What the child answers.
    pub stdout: pipe::Receiver,
    /// What the child complains about.
    pub stderr: pipe::Receiver,
    /// Ends it and waits for its end.
    pub handle: ProcessHandle,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The guard tried and could not.
    #[error(transparent)]
    Failed(#[from] SpawnFailure),
    /// The guard died with the request in its hands; the next request starts a new one.
    #[error("the guard process died while it was starting `{program}`")]
    GuardDied {
        /// What was to be started.
        program: String,
    },
    /// There is no guard and none could be started.
    #[error("the guard process could not be started: {reason}")]
    NoGuard {
        /// What the system said.
        reason: String,
    },
    /// No pipes could be made for the child, or the request cannot be written down.
    #[error("`{program}` could not be prepared: {source}")]
    Preparation {
        /// What was to be started.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

impl SpawnError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SpawnError::Failed(failure) => failure.hint(),
            SpawnError::GuardDied { .. } | SpawnError::NoGuard { .. } => None,
            SpawnError::Preparation { .. } => Some("check `ulimit -n`".into()),
        }
    }

    /// Whether the same request can succeed later without anybody changing anything.
    pub fn can_pass(&self) -> bool {
        !matches!(
            self,
            SpawnError::Failed(
                SpawnFailure::NotFound { .. }
                    | SpawnFailure::NotExecutable { .. }
                    | SpawnFailure::WrongFormat { .. }
                    | SpawnFailure::InterpreterMissing { .. }
                    | SpawnFailure::CwdMissing { .. }
            )
        )
    }
}

/// The daemon's hold on its guard process. Clones share it; when the last clone and the last
/// process handle are gone, the guard kills what still runs and ends.
#[derive(Debug, Clone)]
pub struct Guard {
    commands: mpsc::Sender<Command>,
}

impl Guard {
    /// Starts the guard process `exe __guard` and the task that owns it. Must be called inside a
    /// tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// What the system says when `exe` cannot be started.
    pub fn start(exe: &Path) -> io::Result<Guard> {
        Guard::adopt(GuardProcess::launch(exe)?)
    }

    /// Takes over a guard process that was started before the runtime.
    ///
    /// # Errors
    ///
    /// The runtime refuses the socket.
    pub fn adopt(process: GuardProcess) -> io::Result<Guard> {
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let owner = Owner::new(process, commands.downgrade(), queue)?;
        tokio::spawn(owner.run());
        Ok(Guard { commands })
    }

    /// Kills every process and ends the guard; returns when all of them are gone. Later requests
    /// are refused.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).await.is_ok() {
            // An error means that the owner has ended: closed as well.
            let _ = closed.await;
        }
    }

    async fn start_process(&self, request: SpawnRequest) -> Result<Spawned, SpawnError> {
        let program = request.program.clone();
        let refuse = |source| SpawnError::Preparation { program: program.clone(), source };
        let (ours, theirs) = pipes().map_err(refuse)?;
        let (reply, answer) = oneshot::channel();
        let command = Command::Spawn { request, stdio: theirs, reply };
        if self.commands.send(command).await.is_err() {
            return Err(SpawnError::NoGuard { reason: "it has been closed".into() });
        }
        let (pid, handle) = match answer.await {
            Ok(result) => result?,
            Err(_) => return Err(SpawnError::GuardDied { program }),
        };
        let Stdio { stdin, stdout, stderr } = ours;
        Ok(Spawned {
            pid,
            stdin: pipe::Sender::from_owned_fd(stdin).map_err(refuse)?,
            stdout: pipe::Receiver::from_owned_fd(stdout).map_err(refuse)?,
            stderr: pipe::Receiver::from_owned_fd(stderr).map_err(refuse)?,
            handle,
        })
    }
}

impl Spawner for Guard {
    fn spawn(&self, request: SpawnRequest) -> BoxFuture<'_, Result<Spawned, SpawnError>> {
        Box::pin(self.start_process(request))
    }
}

/// Three pipes: our ends and the child's.
fn pipes() -> io::Result<(Stdio, Stdio)> {
    let (their_stdin, stdin) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stdout, their_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, their_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
    enlarge(&stdin);
    enlarge(&stdout);
    let theirs = Stdio { stdin: their_stdin, stdout: their_stdout, stderr: their_stderr };
    Ok((Stdio { stdin, stdout, stderr }, theirs))
}

#[cfg(target_os = "linux")]
fn enlarge(pipe: &OwnedFd) {
    // A refusal (the user's limit of pipe memory) leaves a pipe that works.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

#[cfg(not(target_os = "linux"))]
fn enlarge(_: &OwnedFd) {}
