//! A handle for something that is no child of the guard, such as a container: whoever runs it hears
//! what the handle wants and says how it ended.

use tokio::sync::{mpsc, watch};

use super::handle::{ExitHow, ExitReport, ProcessHandle};
use super::owner::Command;
use crate::guard::wire::TreeSignal;
use crate::usage::Meter;

/// Wishes that wait; a handle has few, and each is stronger than the last.
const WISHES_MAX: usize = 8;

/// What a handle wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it ends.
    Terminate,
    /// That it is gone. Also what a dropped handle wants.
    Kill,
}

/// The other side of a handle.
#[derive(Debug)]
pub struct Steering {
    commands: mpsc::Receiver<Command>,
    exit: watch::Sender<Option<ExitReport>>,
}

/// A handle, and what it steers. `stdin`: whether it has one, whose end tells it to end.
pub fn steered(stdin: bool) -> (ProcessHandle, Steering) {
    let (sender, commands) = mpsc::channel(WISHES_MAX);
    let (exit, ended) = watch::channel(None);
    let handle = ProcessHandle::new(0, sender, ended, Meter::of_nothing());
    if !stdin {
        handle.ignores_stdin();
    }
    (handle, Steering { commands, exit })
}

// === impl Steering ===

impl Steering {
    /// Waits for the next wish; `Kill` again and again when the handle is gone.
    pub async fn wish(&mut self) -> Wish {
        match self.commands.recv().await {
            Some(Command::Signal { signal: TreeSignal::Term, .. }) => Wish::Terminate,
            _ => Wish::Kill,
        }
    }

    /// It has ended.
    pub fn ended(self, how: ExitHow) {
        self.exit.send_replace(Some(ExitReport::of(how)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StopStep;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn what_is_steered_is_stopped_like_a_process() {
        let (handle, mut steering) = steered(true);
        let stopping = tokio::spawn(async move { handle.stop(Duration::from_secs(2)).await });
        assert_eq!(steering.wish().await, Wish::Terminate);
        assert_eq!(steering.wish().await, Wish::Kill);
        steering.ended(ExitHow::Signal(9));
        let report = stopping.await.unwrap();
        assert_eq!((report.step, report.exit.how), (StopStep::Killed, ExitHow::Signal(9)));
    }

    #[tokio::test]
    async fn a_dropped_handle_wants_it_gone() {
        let (handle, mut steering) = steered(false);
        drop(handle);
        assert_eq!(steering.wish().await, Wish::Kill);
    }
}
