//! Bodies of answers: a message in chunks, or a stream of events that drives its call.

use super::drive::{Drive, Step};
use super::edge::Exchange;
use super::session::Stream;
use super::sse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use protocol::Output;
use std::collections::VecDeque;
use std::convert::Infallible;
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
    /// The notifications of a call, then its answer.
    Call(Box<CallStream>),
    /// What a legacy session is told outside of its calls.
    Session(Box<SessionStream>),
    /// A whole conversation: the event stream of HTTP+SSE.
    Conversation(Box<sse::Events>),
}

pub(super) struct CallStream {
    drive: Drive,
    exchange: Exchange,
    /// What happened before the stream was opened.
    first: Option<Step>,
    ended: bool,
    alive: Interval,
}

pub(super) struct SessionStream {
    stream: Stream,
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

    pub(super) fn session(stream: Stream) -> Self {
        Self::Session(Box::new(SessionStream { stream, alive: keep_alive() }))
    }
}

pub(super) fn keep_alive() -> Interval {
    let mut alive = interval(KEEP_ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is due at once.
    alive.reset();
    alive
}

/// The message as one event.
fn event(message: impl FnOnce(&mut Output)) -> Bytes {
    let mut written = Output::with_capacity(512);
    message(&mut written);
    // A line break between tokens would end the field.
    let written = protocol::framing::one_line(written.into_bytes());
    let mut event = Vec::with_capacity(written.len() + 24);
    event.extend_from_slice(b"event: message\ndata: ");
    event.extend_from_slice(&written);
    event.extend_from_slice(b"\n\n");
    event.into()
}

impl CallStream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let step = match self.first.take() {
            Some(step) => step,
            None => match self.drive.poll(context) {
                Poll::Ready(step) => step,
                Poll::Pending => {
                    return self.alive.poll_tick(context).map(|_| Some(Bytes::from_static(b":\n\n")));
                }
            },
        };
        self.alive.reset();
        Poll::Ready(Some(match step {
            Step::Notification(notification) => {
                let notification = self.exchange.notification(notification);
                event(|out| notification.write(out))
            }
            Step::Done(reply) => {
                self.ended = true;
                let (response, _) = self.exchange.response(reply);
                event(|out| response.write(out))
            }
        }))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match self.get_mut() {
            Self::Message(chunks, left) => {
                let chunk = chunks.pop_front();
                *left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                Poll::Ready(chunk)
            }
            Self::Call(call) => call.poll(context),
            Self::Conversation(events) => events.poll(context),
            Self::Session(session) => match session.stream.poll(context) {
                Poll::Ready(Some(notification)) => {
                    session.alive.reset();
                    Poll::Ready(Some(event(|out| notification.write(out))))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => session.alive.poll_tick(context).map(|_| Some(Bytes::from_static(b":\n\n"))),
            },
        };
        data.map(|data| data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Message(chunks, _) if chunks.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Message(_, left) => SizeHint::with_exact(*left),
            _ => SizeHint::default(),
        }
    }
}
