//! What one message of a client asks for, a request or a batch of them, as one sequence of
//! messages; and the task that carries it on when its answer has become a stream of events.

use super::drive::{Drive, Step};
use super::edge::Exchange;
use super::events::{Reader, Writer};
use super::session::{Next, Session};
use bytes::Bytes;
use protocol::{Came, Era, Message, ParseLimits, ParseReason, Response, parse_client};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Calls that are answered together.
#[derive(Default)]
pub(super) struct Work {
    /// What is to be said before anything else.
    said: VecDeque<Message>,
    calls: Vec<(Drive, Exchange)>,
}

impl Work {
    /// One call, of which `said` has happened.
    pub(super) fn one(drive: Drive, exchange: Exchange, said: Option<Message>) -> Self {
        let said = said.map(|message| exchange.outgoing(message));
        Self { said: said.into_iter().collect(), calls: vec![(drive, exchange)] }
    }

    /// Begins everything in a batch.
    pub(super) fn batch(session: &Arc<Session>, items: Vec<Bytes>, limits: ParseLimits) -> Self {
        let mut work = Self::default();
        for item in items {
            match parse_client(&item, limits) {
                Ok(Message::Request(request)) => {
                    let exchange =
                        Exchange { id: request.id.clone(), method: request.method.clone(), era: Era::Legacy };
                    match session.request(request, Came::default()) {
                        Next::Answered(reply) => work.said.push_back(Message::Response(exchange.response(reply).0)),
                        Next::Call(drive) => work.calls.push((drive, exchange)),
                    }
                }
                Ok(Message::Notification(notification)) => session.notify(&notification),
                Ok(Message::Response(response)) => session.answered(response),
                Err(error) => match (error.reason == ParseReason::Outcome, error.id.clone()) {
                    (true, Some(id)) => session.spoiled(id),
                    (_, id) => {
                        work.said.push_back(Message::Response(Response { id, outcome: Err(error.into()) }));
                    }
                },
            }
        }
        work
    }

    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty() && self.calls.is_empty()
    }

    /// The same, with `said` before everything else.
    pub(super) fn after(mut self, said: impl IntoIterator<Item = Message>) -> Self {
        let rest = std::mem::take(&mut self.said);
        self.said.extend(said);
        self.said.extend(rest);
        self
    }

    /// The next message; `None` when all calls have been answered.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Some(message) = self.said.pop_front() {
            return Poll::Ready(Some(message));
        }
        for index in 0..self.calls.len() {
            let (drive, exchange) = &mut self.calls[index];
            match drive.poll(context) {
                Poll::Pending => {}
                Poll::Ready(Step::Message(message)) => return Poll::Ready(Some(exchange.outgoing(message))),
                Poll::Ready(Step::Done(reply)) => {
                    let (response, _) = exchange.response(reply);
                    self.calls.swap_remove(index);
                    return Poll::Ready(Some(Message::Response(response)));
                }
            }
        }
        if self.calls.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// The next message; `None` when all calls have been answered.
    pub(super) async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// Lets the calls go on while nobody has room for what they say.
    fn advance(&mut self, context: &mut Context<'_>) {
        self.calls.iter_mut().for_each(|(drive, _)| drive.advance(context));
    }

    /// Carries the work on in a task of its own, whoever reads its stream.
    pub(super) fn into_stream(self, session: &Arc<Session>) -> Reader {
        let (writer, reader) = session.log.open(session.is_primed());
        let (mut work, session) = (self, session.clone());
        tokio::spawn(async move {
            std::future::poll_fn(|context| work.poll_onto(&writer, &session, context)).await;
        });
        reader
    }

    fn poll_onto(&mut self, writer: &Writer, session: &Session, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if writer.poll_room(context).is_pending() {
                self.advance(context);
                return Poll::Pending;
            }
            match ready!(self.poll(context)) {
                None => return Poll::Ready(()),
                // A question is of no use on a stream that nobody reads, if there is one that is read.
                Some(message) if is_asking(&message) && !writer.is_read() && session.is_listening() => {
                    session.say_outside(message);
                }
                Some(message) => writer.say(&message),
            }
        }
    }
}

/// Questions, and taking them back.
fn is_asking(message: &Message) -> bool {
    match message {
        Message::Request(_) => true,
        Message::Notification(notification) => notification.method == *"notifications/cancelled",
        Message::Response(_) => false,
    }
}
