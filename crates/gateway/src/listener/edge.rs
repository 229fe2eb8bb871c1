//! One exchange with a client: which request is answered, and in which era's words.

use crate::era;
use protocol::{Era, Error, ErrorKind, Id, Message, Object, Reply, Response, Text, meta};

/// A request that is being answered.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) id: Id,
    pub(super) method: Text,
    pub(super) era: Era,
}

impl Exchange {
    fn is_listen(&self) -> bool {
        self.method == *"subscriptions/listen"
    }

    /// A message before the answer as this client must see it: those of a subscription carry its id.
    pub(super) fn outgoing(&self, mut message: Message) -> Message {
        if self.is_listen()
            && let Message::Notification(notification) = &mut message
        {
            let mut params = notification.params.take().unwrap_or_default();
            self.tag(&mut params);
            notification.params = Some(params);
        }
        message
    }

    /// The response, and the HTTP status it has when it is the whole answer.
    pub(super) fn response(&self, reply: Reply) -> (Response, u16) {
        let outcome = reply.map(|mut result| match self.era {
            Era::Modern => {
                if self.is_listen() {
                    self.tag(&mut result);
                }
                era::modern(&self.method, result)
            }
            Era::Legacy => era::legacy(&self.method, result),
        });
        let status = match (&outcome, self.era) {
            (Err(error), Era::Modern) => error.status(),
            // A legacy session is told in-band; only the door and the session speak in statuses.
            _ => 200,
        };
        (Response { id: Some(self.id.clone()), outcome: outcome.map_err(|error| self.shown(error)) }, status)
    }

    fn tag(&self, object: &mut Object) {
        let mut tagged = object.object("_meta").unwrap_or_default();
        tagged.set(meta::SUBSCRIPTION_ID, self.id.raw().clone());
        object.set("_meta", tagged.to_raw());
    }

    /// Bugs of ours are logged here, once; the caller gets the message.
    fn shown(&self, error: Error) -> Error {
        if error.kind == ErrorKind::Internal {
            tracing::error!(method = %self.method, cause = error.cause.as_deref().unwrap_or(""), "a call failed for a reason of ours: {error}");
        }
        error
    }
}
