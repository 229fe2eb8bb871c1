//! HTTP+SSE, the transport of 2024-11-05: `GET /sse` opens a conversation and is its answers, each
//! an event; what the client says comes as `POST /messages?session=…` (protocol.md section 1.23).
//!
//! What is said is the affair of `duplex.rs`, as on any byte stream: here requests become its
//! lines, and its lines events. A conversation lives as long as its GET.

use super::body::{AnswerBody, keep_alive};
use super::duplex::{self, DuplexSettings};
use super::http::Shared;
use super::legacy::fresh_id;
use super::requests::check_content;
use super::respond::{self, Answer};
use bytes::{Buf as _, Bytes};
use http::{HeaderValue, Method, Request as HttpRequest, StatusCode, header};
use hyper::body::Incoming;
use protocol::framing::one_line;
use protocol::{Error, ErrorKind, Principal, Service};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

/// Where messages are posted.
pub(super) const MESSAGES_PATH: &str = "/messages";

/// How many messages wait for a conversation that is busy.
const INBOX_MAX: usize = 4;
/// How long a POST waits for a place among them.
const INBOX_WAIT: Duration = Duration::from_secs(10);
/// How much may wait for a client that does not read its events, in bytes.
const PIPE_BYTES: usize = 64 * 1024;
/// How much of it becomes one chunk, at most.
const CHUNK_BYTES: usize = 16 * 1024;

/// The conversations of a listener.
#[derive(Default)]
pub(super) struct Conversations {
    open: Mutex<HashMap<String, Open>>,
    draining: CancellationToken,
}

/// Where the messages of one conversation go, and who may send them.
struct Open {
    principal: Principal,
    inbox: mpsc::Sender<Bytes>,
}

/// The body of the GET.
pub(super) struct Events {
    /// The event that says where to post.
    endpoint: Option<Bytes>,
    lines: DuplexStream,
    buffer: Box<[u8]>,
    /// An event has begun and not ended.
    within: bool,
    alive: Interval,
    _place: Place,
}

/// A place among the conversations; given back when the body is dropped.
struct Place {
    conversations: Arc<Conversations>,
    id: String,
}

/// Posted messages as lines.
struct Inbox {
    messages: mpsc::Receiver<Bytes>,
    line: Bytes,
    ends: bool,
}

impl Shared {
    /// Opens a conversation.
    pub(super) fn open_sse(
        &self,
        request: &HttpRequest<Incoming>,
        principal: Principal,
        service: Arc<dyn Service>,
    ) -> Answer {
        if request.method() != Method::GET {
            return not_allowed("GET", "GET opens the event stream, whose first event says where to POST");
        }
        let (inbox, messages) = mpsc::channel(INBOX_MAX);
        let open = Open { principal: principal.clone(), inbox };
        let limit = self.session_limits.sessions_max;
        let place = match self.conversations.open(open, limit.saturating_sub(self.sessions.len()), limit) {
            Ok(place) => place,
            Err(error) => return respond::refuse(None, error),
        };
        let (writer, lines) = tokio::io::duplex(PIPE_BYTES);
        let settings = DuplexSettings { principal, parse_limits: self.parse_limits, dialogue: self.dialogue };
        let reader = Inbox { messages, line: Bytes::new(), ends: false };
        // The conversation ends with its GET, and then nobody can read any more.
        let gone = |_: &Inbox| std::future::ready(());
        tokio::spawn(duplex::serve(reader, writer, gone, service, settings, self.conversations.draining.clone()));
        let endpoint = format!("event: endpoint\ndata: {MESSAGES_PATH}?session={}\n\n", place.id);
        respond::stream(AnswerBody::Conversation(Box::new(Events {
            endpoint: Some(endpoint.into()),
            lines,
            buffer: vec![0; CHUNK_BYTES].into(),
            within: false,
            alive: keep_alive(),
            _place: place,
        })))
    }

    /// Takes a message to a conversation; its answer is an event.
    pub(super) async fn take_message(&self, request: HttpRequest<Incoming>, principal: &Principal) -> Answer {
        if request.method() != Method::POST {
            return not_allowed("POST", "messages are posted; the events are at /sse");
        }
        match self.hand_over(request, principal).await {
            Ok(()) => respond::empty(StatusCode::ACCEPTED),
            Err(error) => respond::refuse(None, error),
        }
    }

    async fn hand_over(&self, request: HttpRequest<Incoming>, principal: &Principal) -> Result<(), Error> {
        let (parts, body) = request.into_parts();
        let unknown = || {
            Error::new(ErrorKind::UnknownSession, "there is no such conversation (any more)")
                .hint("open one with GET /sse and post to where its first event says")
        };
        let query = parts.uri.query().unwrap_or_default();
        let id = query.split('&').find_map(|pair| pair.strip_prefix("session=")).ok_or_else(|| {
            Error::new(ErrorKind::MissingSession, "the URL names no session")
                .hint("post to where the first event of GET /sse says")
        })?;
        let inbox = self.conversations.find(id, principal).ok_or_else(unknown)?;
        check_content(&parts.headers)?;
        let body = self.read(&parts.headers, body).await?;
        if !body.trim_ascii_start().starts_with(b"{") && !body.trim_ascii_start().starts_with(b"[") {
            return Err(Error::new(ErrorKind::Parse, "the body is no JSON-RPC message"));
        }
        match tokio::time::timeout(INBOX_WAIT, inbox.send(one_line(body))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(unknown()),
            Err(_) => Err(Error::new(ErrorKind::Overloaded, "the conversation takes no more messages for now")
                .hint("read its events: answers that nobody reads hold it up")),
        }
    }
}

fn not_allowed(allowed: &'static str, hint: &'static str) -> Answer {
    let error = Error::new(ErrorKind::MethodNotAllowed, format!("the endpoint serves {allowed} only"));
    let mut answer = respond::refuse(None, error.hint(hint));
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

// === impl Conversations ===

impl Conversations {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Ends each when its calls in flight have ended.
    pub(super) fn drain(&self) {
        self.draining.cancel();
    }

    fn open(self: &Arc<Self>, open: Open, places: usize, limit: usize) -> Result<Place, Error> {
        let id = fresh_id()?;
        let mut all = self.lock();
        if all.len() >= places {
            let message = format!("{limit} sessions are open already (limit `sessions_max`)");
            return Err(Error::new(ErrorKind::Overloaded, message)
                .hint("close event streams, end sessions with DELETE or raise limits.sessions_max"));
        }
        all.insert(id.clone(), open);
        drop(all);
        Ok(Place { conversations: self.clone(), id })
    }

    /// Where messages go, for whoever opened the conversation; a stranger learns no more.
    fn find(&self, id: &str, principal: &Principal) -> Option<mpsc::Sender<Bytes>> {
        self.lock().get(id).filter(|open| open.principal == *principal).map(|open| open.inbox.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Without its sender the inbox ends, and with it the conversation.
        self.conversations.lock().remove(&self.id);
    }
}

// === impl Events ===

impl Events {
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(endpoint) = self.endpoint.take() {
            return Poll::Ready(Some(endpoint));
        }
        let mut read = ReadBuf::new(&mut self.buffer);
        match Pin::new(&mut self.lines).poll_read(context, &mut read) {
            Poll::Ready(Ok(())) if !read.filled().is_empty() => {
                self.alive.reset();
                let chunk = framed(read.filled(), &mut self.within);
                Poll::Ready(Some(chunk))
            }
            Poll::Ready(_) => Poll::Ready(None),
            // A comment would be a part of an event that has begun.
            Poll::Pending if self.within => Poll::Pending,
            Poll::Pending => self.alive.poll_tick(context).map(|_| Some(Bytes::from_static(b":\n\n"))),
        }
    }
}

/// Pieces of lines as pieces of events.
fn framed(piece: &[u8], within: &mut bool) -> Bytes {
    let mut events = Vec::with_capacity(piece.len() + 64);
    for part in piece.split_inclusive(|byte| *byte == b'\n') {
        if !std::mem::replace(within, true) {
            events.extend_from_slice(b"event: message\ndata: ");
        }
        events.extend_from_slice(part);
        if part.ends_with(b"\n") {
            events.extend_from_slice(b"\n");
            *within = false;
        }
    }
    events.into()
}

// === impl Inbox ===

impl AsyncRead for Inbox {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ends {
            match ready!(self.messages.poll_recv(context)) {
                Some(line) => (self.line, self.ends) = (line, true),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.line.len().min(buffer.remaining());
        buffer.put_slice(&self.line[..count]);
        self.line.advance(count);
        if self.line.is_empty() && buffer.remaining() > 0 {
            buffer.put_slice(b"\n");
            self.ends = false;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    #[test]
    fn a_conversation_is_its_openers_alone_and_ends_with_its_place() {
        let all = Arc::new(Conversations::default());
        let open = |name: &str| {
            let (inbox, messages) = mpsc::channel(1);
            (Open { principal: Principal::new(name), inbox }, messages)
        };
        let (ann, mut messages) = open("ann");
        let place = all.open(ann, 1, 1).unwrap();
        assert!(all.find(&place.id, &Principal::new("ann")).is_some());
        assert!(all.find(&place.id, &Principal::new("bob")).is_none());
        let refused = all.open(open("bob").0, 1, 1).err().unwrap();
        assert_eq!((refused.kind, all.len()), (ErrorKind::Overloaded, 1));
        drop(place);
        assert_eq!(messages.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(all.open(open("bob").0, 1, 1).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_is_kept_alive_between_events_only() {
        let all = Arc::new(Conversations::default());
        let open = Open { principal: Principal::new("ann"), inbox: mpsc::channel(1).0 };
        let (mut writer, lines) = tokio::io::duplex(64);
        let mut events = Events {
            endpoint: None,
            lines,
            buffer: vec![0; 64].into(),
            within: false,
            alive: keep_alive(),
            _place: all.open(open, 1, 1).unwrap(),
        };
        let mut next = async || std::future::poll_fn(|context| events.poll(context)).await;
        assert_eq!(next().await.unwrap(), ":\n\n");
        writer.write_all(b"{\"a\":").await.unwrap();
        assert_eq!(next().await.unwrap(), "event: message\ndata: {\"a\":");
        assert!(tokio::time::timeout(Duration::from_secs(100), next()).await.is_err());
        writer.write_all(b"1}\n").await.unwrap();
        assert_eq!(next().await.unwrap(), "1}\n\n");
        drop(writer);
        assert_eq!(next().await, None);
    }

    #[test]
    fn lines_become_events_however_they_are_cut() {
        let text = b"{\"a\":1}\n{\"bb\":22}\n";
        let expected = b"event: message\ndata: {\"a\":1}\n\nevent: message\ndata: {\"bb\":22}\n\n";
        for at in 0..=text.len() {
            let mut within = false;
            let both = [framed(&text[..at], &mut within), framed(&text[at..], &mut within)].concat();
            assert_eq!((&both[..], within), (&expected[..], false), "cut at {at}");
        }
    }
}
