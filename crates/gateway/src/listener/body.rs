//! Bodies of answers: a message in chunks, or a stream of events that drives its call.

use super::beside::{BesideBody, BodyError};
use super::drive::{Drive, Step};
use super::edge::Exchange;
use super::events::{self, Reader};
use super::session::Stream;
use super::sse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use protocol::{Message, Output};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A comment goes out on a silent stream this often, so that nobody takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The body of an answer.
pub(super) enum AnswerBody {
    /// A whole message.
    Message(VecDeque<Bytes>, u64),
    /// The notifications of a modern call, then its answer.
    Call(Box<CallStream>),
    /// What a legacy client asked for, carried on elsewhere.
    Events(Box<EventStream>),
    /// What a legacy session is told outside of its calls.
    Session(Box<SessionStream>),
    /// A whole conversation: the event stream of HTTP+SSE.
    Conversation(Box<sse::Events>),
    /// What is served beside MCP.
    Beside(Box<BesideBody>),
}

pub(super) struct CallStream {
    drive: Drive,
    exchange: Exchange,
    /// What happened before the stream was opened.
    first: Option<Step>,
    ended: bool,
    alive: Interval,
}

pub(super) struct EventStream {
    reader: Reader,
    alive: Interval,
}

pub(super) struct SessionStream {
    stream: Stream,
    /// What is to be said first.
    first: VecDeque<Bytes>,
    alive: Interval,
}

impl AnswerBody {
    pub(super) fn empty() -> Self {
        Self::Message(VecDeque::new(), 0)
    }

    pub(super) fn message(out: Output) -> Self {
        let len = out.len() as u64;
        Self::Message(out.into_chunks(), len)
    }

    pub(super) fn call(drive: Drive, exchange: Exchange, first: Step) -> Self {
        Self::Call(Box::new(CallStream { drive, exchange, first: Some(first), ended: false, alive: keep_alive() }))
    }

    pub(super) fn events(reader: Reader) -> Self {
        Self::Events(Box::new(EventStream { reader, alive: keep_alive() }))
    }

    pub(super) fn session((stream, first): (Stream, VecDeque<Bytes>)) -> Self {
        Self::Session(Box::new(SessionStream { stream, first, alive: keep_alive() }))
    }
}

pub(super) fn keep_alive() -> Interval {
    let mut alive = interval(KEEP_ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once.
    alive.reset();
    alive
}

/// Comments go out while nothing else does.
fn or_alive(polled: Poll<Option<Bytes>>, alive: &mut Interval, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
    match polled {
        Poll::Ready(frame) => {
            alive.reset();
            Poll::Ready(frame)
        }
        Poll::Pending => alive.poll_tick(context).map(|_| Some(Bytes::from_static(b":\n\n"))),
    }
}

impl CallStream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let step = match self.first.take() {
            Some(step) => Poll::Ready(step),
            None => self.drive.poll(context),
        };
        let frame = step.map(|step| {
            let message = match step {
                Step::Message(message) => self.exchange.outgoing(message),
                Step::Done(reply) => {
                    self.ended = true;
                    Message::Response(self.exchange.response(reply).0)
                }
            };
            Some(events::frame(None, &message))
        });
        or_alive(frame, &mut self.alive, context)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let data = match self.get_mut() {
            Self::Message(chunks, left) => {
                let chunk = chunks.pop_front();
                *left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                Poll::Ready(chunk)
            }
            Self::Call(call) => call.poll(context),
            Self::Conversation(events) => events.poll(context),
            Self::Events(events) => or_alive(events.reader.poll(context), &mut events.alive, context),
            Self::Session(session) => {
                let polled = match session.first.pop_front() {
                    Some(frame) => Poll::Ready(Some(frame)),
                    None => session.stream.poll_event(context),
                };
                or_alive(polled, &mut session.alive, context)
            }
            Self::Beside(body) => return Pin::new(body.as_mut()).poll_frame(context),
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Message(chunks, _) => chunks.is_empty(),
            Self::Beside(body) => body.is_end_stream(),
            _ => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Message(_, left) => SizeHint::with_exact(*left),
            Self::Beside(body) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
