//! Calls over a pipe, many at a time, told apart by ids of ours.

use super::outbox::{Outbox, Refused};
use super::waiting::{Waiter, Waiting};
use crate::asking::Asker;
use crate::upstream::core::{Core, Route, title};
use crate::upstream::questions::Asking;
use crate::upstream::{failure, wire};
use protocol::{Call, CallContext, Error, LogLevel, Notification, Object, Output, Raw, Reply};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A pipe to a server.
pub(in crate::upstream) struct DuplexLink {
    pub(in crate::upstream) core: Core,
    pub(super) outbox: Arc<Outbox>,
    pub(super) waiting: Waiting,
    /// When the server first said anything.
    pub(super) first_output: OnceLock<Instant>,
    /// Nothing comes any more.
    pub(super) gone: CancellationToken,
}

/// A request that was written and not answered: dropping it cancels it.
struct Unanswered<'a> {
    link: &'a DuplexLink,
    id: u64,
    answered: bool,
}

impl DuplexLink {
    /// Answers one call of a client.
    pub(in crate::upstream) async fn call(self: Arc<Self>, call: Call, asker: Option<Asker>) -> Reply {
        let _slot = self.core.admit()?;
        let patience = self.core.patience(&call.method, &call.context, asker.as_ref());
        let mut asking = self.core.enter(&call, asker.as_ref(), &patience).await?;
        if let Some(level) = self.core.level_to_set(&call.context) {
            self.set_level(level);
        }
        let route = Route::new(&call.context, &patience, asker);
        let (mut unanswered, answer) = self.send(&call.method, &call.params, &call.context, Some(route))?;
        match patience.wait_for(pin!(answer)).await {
            Ok(Ok(reply)) => {
                unanswered.answered = true;
                asking.iter_mut().for_each(Asking::answered);
                self.core.settle(&call.method, &call.context.client, reply)
            }
            Ok(Err(_)) => Err(failure::gone(self.core.server())),
            Err(expired) => Err(expired.error(self.core.server(), &title(&call.method, &call.params))),
        }
    }

    /// A request of our own with the time limits of a call.
    pub(in crate::upstream) async fn request(&self, method: &str, params: &Object) -> Reply {
        let patience = self.core.patience(method, &self.core.own, None);
        match patience.wait_for(pin!(self.listen(method, params))).await {
            Ok(reply) => reply,
            Err(expired) => Err(expired.error(self.core.server(), method)),
        }
    }

    /// A request of our own that may stay open for ever.
    pub(in crate::upstream) async fn listen(&self, method: &str, params: &Object) -> Reply {
        let (mut unanswered, answer) = self.send(method, params, self.core.own_for(method), None)?;
        let reply = answer.await.map_err(|_| failure::gone(self.core.server()))?;
        unanswered.answered = true;
        reply
    }

    /// A request of our own that nobody cancels, whatever becomes of it.
    pub(super) fn ask(&self, method: &str, params: &Object) -> Result<oneshot::Receiver<Reply>, Error> {
        let (mut unanswered, answer) = self.send(method, params, &self.core.own, None)?;
        unanswered.answered = true;
        Ok(answer)
    }

    /// Sets the log level; the pipe keeps the order, so nobody waits for the answer.
    fn set_level(&self, level: LogLevel) {
        let params: Object = [("level", Raw::of(level.as_str()))].into_iter().collect();
        // A session that cannot be told sends what it likes; each call filters by its own level.
        let _ = self.ask("logging/setLevel", &params);
    }

    fn send(
        &self,
        method: &str,
        params: &Object,
        context: &CallContext,
        route: Option<Route>,
    ) -> Result<(Unanswered<'_>, oneshot::Receiver<Reply>), Error> {
        let id = self.core.next_id();
        let out = wire::request(self.core.era(), id, method, params, context);
        let (answer, answered) = oneshot::channel();
        if !self.waiting.insert(id, Waiter { answer, route }) {
            return Err(failure::gone(self.core.server()).unsent());
        }
        if let Err(refused) = self.outbox.push(out) {
            self.waiting.remove(id);
            return Err(self.refused(refused));
        }
        Ok((Unanswered { link: self, id, answered: false }, answered))
    }

    fn refused(&self, refused: Refused) -> Error {
        match refused {
            Refused::Full => failure::overloaded(
                self.core.server(),
                "it does not read its input; the queue limit of",
                super::QUEUE_BYTES_MAX,
            ),
            Refused::Ended => failure::gone(self.core.server()).unsent(),
        }
    }

    /// Writes a notification of a client.
    pub(in crate::upstream) fn notify(&self, notification: &Notification) {
        let mut out = Output::default();
        notification.write(&mut out);
        // A pipe that has ended needs no news.
        let _ = self.outbox.push(out);
    }

    /// Fails the request `id`: it did not get through.
    pub(in crate::upstream) fn fail(&self, id: u64, error: Error) {
        if let Some(waiter) = self.waiting.remove(id) {
            // The caller may have gone meanwhile.
            let _ = waiter.answer.send(Err(error));
        }
    }

    /// Closes the server's stdin and fails what waits.
    pub(in crate::upstream) fn close(&self) {
        self.outbox.close();
        self.waiting.end();
    }

    /// Whether nothing can be sent any more; what was sent may still be answered.
    pub(in crate::upstream) fn is_closed(&self) -> bool {
        self.outbox.has_ended()
    }

    /// Resolves when the server's output has ended.
    pub(in crate::upstream) async fn closed(&self) {
        self.gone.cancelled().await;
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.answered && self.link.waiting.remove(self.id).is_some() {
            // A pipe that has ended needs no cancelling.
            let _ = self.link.outbox.push(wire::cancelled(self.id, "the caller does not wait any more"));
        }
    }
}
