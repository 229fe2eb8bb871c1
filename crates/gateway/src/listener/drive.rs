//! Drives one call: what it says as it comes, then its answer; cancellation in between.

use protocol::{Error, ErrorKind, Message, Notifier, Reply, ReplyFuture};
use std::task::{Context, Poll};

/// What happens next in a call.
#[derive(Debug)]
pub(super) enum Step {
    /// A notification, or a question to a legacy client.
    Message(Message),
    Done(Reply),
}

/// A call on its way.
pub(super) struct Drive {
    future: Option<ReplyFuture>,
    notifier: Notifier,
    /// The answer, held back until the messages before it are out.
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
            if let Poll::Ready(message) = self.notifier.poll_message(context) {
                return Poll::Ready(Step::Message(message));
            }
            self.go_on(context);
            if self.reply.is_none() {
                return self.notifier.poll_message(context).map(Step::Message);
            }
        }
        match self.notifier.take_message() {
            Some(message) => Poll::Ready(Step::Message(message)),
            None => self.reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Step::Done(reply))),
        }
    }

    /// Lets the call go on without hearing what it says.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        self.notifier.watch(context);
        self.go_on(context);
    }

    fn go_on(&mut self, context: &mut Context<'_>) {
        let Some(future) = &mut self.future else { return };
        if self.notifier.is_cancelled() {
            // What it says with its last breath still goes out.
            self.future = None;
            self.reply = Some(Err(Error::new(ErrorKind::Cancelled, "the client cancelled the call")));
        } else if let Poll::Ready(reply) = future.as_mut().poll(context) {
            self.future = None;
            self.reply = Some(reply);
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
            // The client may still cancel it, or end its session.
            let mut rest = Self::new(future, self.notifier.clone(), Abandoned::Cancel);
            runtime.spawn(async move { while let Step::Message(_) = rest.next().await {} });
        }
    }
}
