//! Drives one call: its notifications as they come, then its answer; cancellation in between.

use protocol::{Error, ErrorKind, Notification, Notifier, Reply, ReplyFuture};
use std::task::{Context, Poll};

/// What happens next in a call.
#[derive(Debug)]
pub(super) enum Step {
    Notification(Notification),
    Done(Reply),
}

/// A call on its way.
pub(super) struct Drive {
    future: Option<ReplyFuture>,
    notifier: Notifier,
    /// The answer, held back until the notifications before it are out.
    reply: Option<Reply>,
    /// What to do when whoever waits goes away.
    abandoned: Abandoned,
}

/// What becomes of a call whose client hangs up (protocol.md section 2.2, row 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abandoned {
    /// Modern: hanging up is cancelling.
    Cancel,
    /// Legacy: only saying so is; the call goes on and its answer is dropped.
    GoesOn,
}

impl Drive {
    pub(super) fn new(future: ReplyFuture, notifier: Notifier, abandoned: Abandoned) -> Self {
        Self { future: Some(future), notifier, reply: None, abandoned }
    }

    /// The next step; nothing comes after [`Step::Done`].
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if self.reply.is_none() {
            if let Poll::Ready(notification) = self.notifier.poll_next(context) {
                return Poll::Ready(Step::Notification(notification));
            }
            if self.notifier.is_cancelled() {
                self.future = None;
                return Poll::Ready(Step::Done(Err(Error::new(ErrorKind::Cancelled, "the client cancelled the call"))));
            }
            let Some(future) = &mut self.future else { return Poll::Pending };
            match future.as_mut().poll(context) {
                Poll::Pending => return self.notifier.poll_next(context).map(Step::Notification),
                Poll::Ready(reply) => {
                    self.future = None;
                    self.reply = Some(reply);
                }
            }
        }
        match self.notifier.take() {
            Some(notification) => Poll::Ready(Step::Notification(notification)),
            None => self.reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Step::Done(reply))),
        }
    }

    /// The next step.
    pub(super) async fn next(&mut self) -> Step {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.notifier.close();
        if self.abandoned == Abandoned::GoesOn
            && let Some(future) = self.future.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}
