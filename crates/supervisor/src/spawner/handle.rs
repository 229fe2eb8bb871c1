//! The handle of one running child and the report of its end. It asks the owner of the guard; it
//! holds no pipe and no process itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::owner::Command;
use crate::guard::wire::TreeSignal;
use crate::limits::mebibytes;
use crate::usage::Meter;

/// Ends one child and waits for its end. Clones share the child; when the last one is dropped, the
/// child's whole tree is killed.
#[derive(Debug, Clone)]
pub struct ProcessHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: u64,
    commands: mpsc::Sender<Command>,
    exit: watch::Receiver<Option<ExitReport>>,
    meter: Meter,
    /// Whether its stdin tells it nothing: then a stop begins with TERM.
    deaf: AtomicBool,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitHow {
    /// It returned this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// The guard died; the child was killed in consequence.
    GuardDied,
    /// The guard was closed; the child was killed in consequence.
    GuardClosed,
    /// It was killed and the system does not let go of it.
    Unkillable,
    /// It is a container, and its engine hung up: how it ended is not known.
    EngineGone,
}

/// The end of a child: nothing of what it started is left, except what `left` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExitReport {
    /// How its main process ended.
    pub how: ExitHow,
    /// Processes it had left behind, killed with it.
    pub killed: u32,
    /// Processes of its tree that cannot be killed (waiting in the kernel).
    pub left: u32,
    /// The memory limit in bytes, where the kernel killed somebody of its tree for going over it.
    pub out_of_memory: Option<u64>,
}

/// The last measure that `stop` needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopStep {
    /// It ended by itself when its stdin closed.
    StdinClosed,
    /// It ended on TERM.
    Terminated,
    /// It had to be killed.
    Killed,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopReport {
    /// The last measure that was needed.
    pub step: StopStep,
    /// The end.
    pub exit: ExitReport,
}

impl ProcessHandle {
    pub(super) fn new(
        id: u64,
        commands: mpsc::Sender<Command>,
        exit: watch::Receiver<Option<ExitReport>>,
        meter: Meter,
    ) -> ProcessHandle {
        let deaf = AtomicBool::new(false);
        ProcessHandle { inner: Arc::new(Inner { id, commands, exit, meter, deaf }) }
    }

    /// Reads what its tree uses; holding it keeps nothing alive.
    pub fn meter(&self) -> Meter {
        self.inner.meter.clone()
    }

    /// From now on `stop` begins with TERM: the end of its stdin, which it has seen already, tells
    /// it nothing.
    pub fn ignores_stdin(&self) {
        self.inner.deaf.store(true, Ordering::Relaxed);
    }

    /// Waits until the child and all it started are gone.
    pub async fn wait(&self) -> ExitReport {
        let mut exit = self.inner.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(report) => (*report).unwrap_or(ExitReport::of(ExitHow::GuardDied)),
            // The owner of the guard ended, with the runtime: the guard kills everything then.
            Err(_) => ExitReport::of(ExitHow::GuardClosed),
        }
    }

    /// The report, if the child has ended.
    pub fn exited(&self) -> Option<ExitReport> {
        *self.inner.exit.borrow()
    }

    /// Sends TERM to the whole tree.
    pub async fn terminate(&self) {
        self.signal(TreeSignal::Term).await;
    }

    /// Kills the whole tree. `wait` tells when it is gone.
    pub async fn kill(&self) {
        self.signal(TreeSignal::Kill).await;
    }

    /// Ends a child whose stdin the caller has dropped: waits, sends TERM, waits, kills. The first
    /// two steps get half of `stop_timeout` each.
    pub async fn stop(&self, stop_timeout: Duration) -> StopReport {
        let patience = stop_timeout / 2;
        if !self.inner.deaf.load(Ordering::Relaxed)
            && let Ok(exit) = timeout(patience, self.wait()).await
        {
            return StopReport { step: StopStep::StdinClosed, exit };
        }
        self.terminate().await;
        if let Ok(exit) = timeout(patience, self.wait()).await {
            return StopReport { step: StopStep::Terminated, exit };
        }
        self.kill().await;
        StopReport { step: StopStep::Killed, exit: self.wait().await }
    }

    async fn signal(&self, signal: TreeSignal) {
        if self.exited().is_none() {
            let command = Command::Signal { id: self.inner.id, signal };
            // No owner, no guard, no child.
            let _ = self.inner.commands.send(command).await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.exit.borrow().is_some() {
            return;
        }
        let kill = Command::Signal { id: self.id, signal: TreeSignal::Kill };
        let Err(mpsc::error::TrySendError::Full(kill)) = self.commands.try_send(kill) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let commands = self.commands.clone();
            runtime.spawn(async move { commands.send(kill).await });
        }
    }
}

impl ExitReport {
    pub(super) fn of(how: ExitHow) -> ExitReport {
        ExitReport { how, killed: 0, left: 0, out_of_memory: None }
    }

    /// Whether it ended by itself with status 0.
    pub fn is_success(&self) -> bool {
        self.how == ExitHow::Code(0)
    }

    /// What a person can do about it, where the status alone says it.
    pub fn hint(&self) -> Option<&'static str> {
        if self.out_of_memory.is_some() {
            return Some("raise resources.memory of the server, or find out what it keeps");
        }
        match self.how {
            ExitHow::Code(126) => Some("a shell found the command and may not run it"),
            ExitHow::Code(127) => Some("a shell did not find the command; check `command` and PATH"),
            ExitHow::Signal(9) => Some("nobody here sent it: the system may be out of memory (see dmesg)"),
            _ => None,
        }
    }
}

impl fmt::Display for ExitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            ExitHow::Code(code) => write!(f, "exited with status {code}")?,
            ExitHow::Signal(number) => match signal_name(number) {
                Some(name) => write!(f, "ended by signal {number} ({name})")?,
                None => write!(f, "ended by signal {number}")?,
            },
            ExitHow::GuardDied => f.write_str("killed because the guard process died")?,
            ExitHow::GuardClosed => f.write_str("killed because the daemon closed its guard")?,
            ExitHow::Unkillable => f.write_str("killed, but the system does not let go of it")?,
            ExitHow::EngineGone => f.write_str("the container engine hung up")?,
        }
        if let Some(limit) = self.out_of_memory {
            write!(f, ": it used more than its memory limit of {}", mebibytes(limit))?;
        }
        if self.killed > 0 {
            write!(f, ", {} left behind and killed", processes(self.killed))?;
        }
        if self.left > 0 {
            write!(f, ", {} cannot be killed", processes(self.left))?;
        }
        Ok(())
    }
}

fn processes(count: u32) -> String {
    if count == 1 { "1 process".into() } else { format!("{count} processes") }
}

fn signal_name(number: i32) -> Option<&'static str> {
    signal_hook::low_level::signal_name(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_that_memory_was_the_reason() {
        let out_of_memory = Some(64 << 20);
        let exit = ExitReport { out_of_memory, ..ExitReport::of(ExitHow::Signal(9)) };
        let expected = "ended by signal 9 (SIGKILL): it used more than its memory limit of 64 MiB";
        assert_eq!(exit.to_string(), expected);
        assert!(exit.hint().is_some_and(|hint| hint.contains("resources.memory")));
    }

    #[test]
    fn says_how_it_ended() {
        let report = |how, killed, left| ExitReport { how, killed, left, out_of_memory: None }.to_string();
        assert_eq!(report(ExitHow::Code(3), 0, 0), "exited with status 3");
        assert_eq!(report(ExitHow::Signal(15), 1, 0), "ended by signal 15 (SIGTERM), 1 process left behind and killed");
        assert_eq!(
            report(ExitHow::Unkillable, 0, 2),
            "killed, but the system does not let go of it, 2 processes cannot be killed"
        );
    }
}
