//! What the owner of a server is told: a queue in which nothing is lost. Each command stands in it
//! once, and those that somebody waits for as often as somebody waits, so it cannot grow.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

/// What an owner is told.
#[derive(Debug)]
pub enum Command {
    /// A call wants it: if it sleeps, it wakes.
    Wake,
    /// A person wants it up: it is started, now, whatever it was.
    Start,
    /// A person wants it stopped: it stays so until it is started, over a restart of ours too.
    /// Answered when it has ended.
    Down(oneshot::Sender<()>),
    /// End it and start it again now.
    Restart,
    /// What it lacked may be there now: where it is down, it is tried at once. Why, for its log.
    TryAgain(&'static str),
    /// An instance was found sick: it is ended and started again as the restart policy says.
    Recover {
        /// Which one, from 0.
        instance: usize,
        /// What was found, in words for a person.
        reason: String,
    },
    /// A person signed in or out.
    SignInChanged,
    /// Read its lists again.
    Refresh,
    /// End it for good and answer then. `hasty` does not wait for calls in flight.
    Stop {
        /// Who waits for the end.
        done: oneshot::Sender<()>,
        /// Whether calls in flight are cut off.
        hasty: bool,
    },
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// `None` when nobody reads it any more.
    queue: Mutex<Option<VecDeque<Command>>>,
    rung: Notify,
}

impl Inbox {
    /// A queue that somebody reads, or will.
    pub(super) fn open() -> Self {
        Self { queue: Mutex::new(Some(VecDeque::new())), rung: Notify::new() }
    }

    /// Queues a command; one of the same kind that waits for its turn is repeated by it. Whoever
    /// waits for an owner that is gone is answered at once, since the command is dropped.
    pub(super) fn push(&self, command: Command) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &mut *queue else { return };
        if !matches!(command, Command::Down(_) | Command::Stop { .. }) {
            queue.retain(|waiting| discriminant(waiting) != discriminant(&command));
        }
        queue.push_back(command);
        self.rung.notify_one();
    }

    /// The next command, when there is one.
    pub(super) async fn next(&self) -> Command {
        loop {
            let first =
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(VecDeque::pop_front);
            match first {
                Some(command) => return command,
                None => self.rung.notified().await,
            }
        }
    }

    /// Waits until somebody wants the end at once; the command stays in the queue.
    pub(super) async fn hastens(&self) {
        let is_hasty = |command: &Command| matches!(command, Command::Stop { hasty: true, .. });
        loop {
            let hastens = match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(queue) => queue.iter().any(is_hasty),
                None => false,
            };
            if hastens {
                return;
            }
            self.rung.notified().await;
        }
    }

    /// Nobody reads it any more: what waits is dropped.
    pub(super) fn close(&self) {
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_lost_and_nothing_piles_up() {
        let inbox = Inbox::open();
        let (done, answered) = oneshot::channel();
        inbox.push(Command::Down(done));
        for _ in 0..1000 {
            inbox.push(Command::Wake);
            inbox.push(Command::Recover { instance: 0, reason: "old".to_owned() });
        }
        inbox.push(Command::Recover { instance: 0, reason: "new".to_owned() });
        inbox.push(Command::Start);
        assert!(matches!(inbox.next().await, Command::Down(_)));
        assert!(answered.await.is_err());
        assert!(matches!(inbox.next().await, Command::Wake));
        assert!(matches!(inbox.next().await, Command::Recover { reason, .. } if reason == "new"));
        assert!(matches!(inbox.next().await, Command::Start));
    }

    #[tokio::test]
    async fn haste_is_seen_and_nothing_is_taken() {
        let inbox = Inbox::open();
        let stop = |hasty| Command::Stop { done: oneshot::channel().0, hasty };
        inbox.push(stop(false));
        let hastens = inbox.hastens();
        tokio::pin!(hastens);
        assert!(futures_util::poll!(hastens.as_mut()).is_pending());
        inbox.push(stop(true));
        hastens.await;
        assert!(matches!(inbox.next().await, Command::Stop { hasty: false, .. }));
        assert!(matches!(inbox.next().await, Command::Stop { hasty: true, .. }));
    }

    #[tokio::test]
    async fn nobody_waits_for_an_owner_that_is_gone() {
        let inbox = Inbox::open();
        inbox.close();
        let (done, answered) = oneshot::channel();
        inbox.push(Command::Down(done));
        assert!(answered.await.is_err());
    }
}
