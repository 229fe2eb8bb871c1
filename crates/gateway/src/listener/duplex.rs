//! One conversation over a byte stream: stdin and stdout, or a socket. Newline-delimited JSON,
//! both eras on the same stream (protocol.md sections 1.4 and 1.22).
//!
//! A request with modern `_meta` is served modern, whatever came before; `initialize` opens the
//! stream's one legacy session.

use super::dialogue::DialogueLimits;
use super::drive::{Abandoned, Drive, Step};
use super::edge::Exchange;
use super::modern;
use super::respond;
use super::session::{Next, Session, fresh_key};
use super::work::Work;
use crate::DRAIN_TIME_MAX;
use bytes::Bytes;
use config::Limits;
use protocol::framing::{Line, LineDecoder, one_line};
use protocol::{
    Came, Era, Error, ErrorKind, Id, Message, Notification, Notifier, Output, ParseError, ParseLimits, ParseReason,
    Principal, Request, Response, Service, Version, parse_client, split_batch,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How a conversation is served.
#[derive(Debug, Clone)]
pub struct DuplexSettings {
    /// Who is at the other end.
    pub principal: Principal,
    /// Longest line, in bytes, and deepest nesting.
    pub parse_limits: ParseLimits,
    /// What bounds the dialogue; `calls_max` counts the requests of both eras.
    pub dialogue: DialogueLimits,
}

const WRITES_MAX: usize = 64;
/// How often it is looked whether an end that says no more still reads.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl DuplexSettings {
    /// The settings that follow from the limits in force.
    #[must_use]
    pub fn new(principal: Principal, limits: &Limits) -> Self {
        Self {
            principal,
            parse_limits: ParseLimits {
                bytes_max: limits.frame_bytes_max,
                depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
            },
            dialogue: DialogueLimits::of(limits),
        }
    }
}

/// One conversation.
struct Conversation {
    service: Arc<dyn Service>,
    settings: DuplexSettings,
    /// What servers that keep state for each session tell this conversation by.
    key: Arc<str>,
    writes: mpsc::Sender<Bytes>,
    session: Mutex<Option<Arc<Session>>>,
    /// Modern requests in flight, to cancel them by notification.
    calls: Mutex<HashMap<Id, InFlight>>,
}

/// A modern request in flight.
struct InFlight {
    notifier: Notifier,
    /// It is not answered before it is cancelled.
    endless: bool,
}

/// Serves the conversation until the other end closes its side, or until `shutdown`; what is in
/// flight is still answered then, for at most [`DRAIN_TIME_MAX`]. An end that can read no more has
/// given everything up, which cancels it: when writing fails, and when the future that `gone` makes
/// of the reader resolves after the other end has closed its side ([`unread`]).
///
/// # Errors
/// Those of the stream.
pub async fn serve<R, W, G>(
    reader: R,
    writer: W,
    gone: impl FnOnce(&R) -> G,
    service: Arc<dyn Service>,
    settings: DuplexSettings,
    shutdown: CancellationToken,
) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
    G: Future<Output = ()>,
{
    serve_closing(reader, writer, gone, |_| false, service, settings, shutdown).await
}

/// The same where `close` can see to it that nothing more is written to us (and says whether it
/// did). What was written before is then still read and refused, so that the other end knows of
/// everything that it said whether it was done.
pub(super) async fn serve_closing<R, W, G>(
    mut reader: R,
    writer: W,
    gone: impl FnOnce(&R) -> G,
    close: impl FnOnce(&R) -> bool,
    service: Arc<dyn Service>,
    settings: DuplexSettings,
    shutdown: CancellationToken,
) -> std::io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
    G: Future<Output = ()>,
{
    let (writes, queue) = mpsc::channel(WRITES_MAX);
    let writing = tokio::spawn(write(writer, queue));
    let mut lines = LineDecoder::new(settings.parse_limits.bytes_max);
    let conversation = Arc::new(Conversation {
        service,
        settings,
        key: fresh_key(),
        writes,
        session: Mutex::default(),
        calls: Mutex::default(),
    });
    let calls = TaskTracker::new();
    let mut close = Some(close);
    let read = loop {
        while let Some(line) = lines.next_line() {
            conversation.clone().line(line, &calls).await;
        }
        let read = tokio::select! {
            () = idle_after(&shutdown, &calls), if close.is_some() => {
                match close.take().is_some_and(|close| close(&reader)) {
                    true => continue,
                    false => break Ok(()),
                }
            }
            read = reader.read_buf(lines.buffer()) => read,
        };
        match read {
            Ok(0) => {
                conversation.last_answers(gone(&reader), &calls).await;
                break Ok(());
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    calls.close();
    if let Some(session) = conversation.session() {
        session.close();
    }
    conversation.cancel(|_| true);
    calls.wait().await;
    drop(conversation);
    let written = writing.await.map_err(std::io::Error::other)?;
    read.and(written)
}

/// Resolves when no call is in flight after `shutdown`, or that took too long. Whoever drains takes
/// no new calls.
async fn idle_after(shutdown: &CancellationToken, calls: &TaskTracker) {
    shutdown.cancelled().await;
    calls.close();
    // What was asked is answered, if that does not take for ever.
    let _ = tokio::time::timeout(DRAIN_TIME_MAX, calls.wait()).await;
}

/// Resolves when nobody reads any more what is written to `end`, a pipe or a socket; never where
/// the system does not tell. A TCP socket tells only after something was written.
pub fn unread(end: BorrowedFd<'_>) -> impl Future<Output = ()> + Send + use<> {
    let end = end.try_clone_to_owned();
    async move {
        let Ok(end) = end else { return std::future::pending().await };
        let broken = PollFlags::ERR | PollFlags::HUP;
        loop {
            // No flags are wanted: those of a broken end come unasked.
            let mut polled = [PollFd::new(&end, PollFlags::empty())];
            if poll(&mut polled, Some(&Timespec::default())).is_ok() && polled[0].revents().intersects(broken) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut queue: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(first) = queue.recv().await {
        writer.write_all(&first).await?;
        while let Ok(next) = queue.try_recv() {
            writer.write_all(&next).await?;
        }
        writer.flush().await?;
    }
    // The other end may have gone, and then it needs no goodbye.
    let _ = writer.shutdown().await;
    Ok(())
}

impl Conversation {
    /// The other end says no more: what it asked is answered while it may still read.
    async fn last_answers(&self, gone: impl Future<Output = ()>, calls: &TaskTracker) {
        calls.close();
        self.cancel(|call| call.endless);
        tokio::select! {
            () = gone => {}
            () = self.writes.closed() => {}
            _ = tokio::time::timeout(DRAIN_TIME_MAX, calls.wait()) => {}
        }
    }

    /// Cancels those of the modern requests.
    fn cancel(&self, which: impl Fn(&InFlight) -> bool) {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.values().filter(|call| which(call)).for_each(|call| call.notifier.cancel());
    }

    async fn line(self: Arc<Self>, line: Line, calls: &TaskTracker) {
        let bytes = match line {
            Line::Text(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => return,
            Line::Text(bytes) => bytes,
            Line::TooLong => {
                let message = format!("a message is larger than {} bytes", self.settings.parse_limits.bytes_max);
                return self
                    .refuse(None, Error::new(ErrorKind::TooLarge, message).hint("raise limits.frame_bytes_max"))
                    .await;
            }
        };
        match parse_client(&bytes, self.settings.parse_limits) {
            Err(error) => self.unreadable(error, bytes, calls).await,
            Ok(Message::Request(request)) => self.request(request, calls).await,
            Ok(Message::Notification(notification)) => self.notification(&notification),
            Ok(Message::Response(response)) => {
                if let Some(session) = self.session() {
                    session.answered(response);
                }
            }
        }
    }

    /// What is no message: a batch, where the session may send one, or an error.
    async fn unreadable(self: Arc<Self>, error: ParseError, bytes: Bytes, calls: &TaskTracker) {
        match (&error.reason, &error.id, self.session()) {
            (ParseReason::Batch, _, Some(session)) if session.may_batch() => self.batch(&bytes, &session, calls).await,
            // An answer gets no answer.
            (ParseReason::Outcome, Some(id), Some(session)) => session.spoiled(id.clone()),
            _ => self.refuse(error.id.clone(), error.into()).await,
        }
    }

    async fn batch(self: Arc<Self>, bytes: &Bytes, session: &Arc<Session>, calls: &TaskTracker) {
        let limits = self.settings.parse_limits;
        let items = match split_batch(bytes, limits.depth_max, session.limits.batch_max) {
            Ok(items) => items,
            Err(error) => return self.refuse(None, error.into()).await,
        };
        let mut work = Work::batch(session, items, limits);
        calls.spawn(async move {
            let mut responses = Vec::new();
            while let Some(message) = work.next().await {
                match message {
                    Message::Response(response) if is_cancelled(&response.outcome) => {}
                    Message::Response(response) => responses.push(Message::Response(response)),
                    message => self.send(&message).await,
                }
            }
            if !responses.is_empty() {
                self.write(respond::array(&responses)).await;
            }
        });
    }

    async fn request(self: Arc<Self>, request: Request, calls: &TaskTracker) {
        if calls.len() >= self.settings.dialogue.calls_max {
            let message = format!("{} requests are in flight already", self.settings.dialogue.calls_max);
            return self.refuse(Some(request.id), Error::new(ErrorKind::Overloaded, message)).await;
        }
        let asked = modern::version_in(request.params.as_ref());
        if request.method == *"initialize" && asked.is_none() {
            return self.initialize(request).await;
        }
        let id = request.id.clone();
        let exchange = |era| Exchange { id: request.id.clone(), method: request.method.clone(), era };
        match (asked, self.session()) {
            (Some(version), _) if Version::parse(&version).is_none() => {
                self.refuse(Some(id), modern::unsupported_version(&version)).await
            }
            (None, Some(session)) => {
                let exchange = exchange(Era::Legacy);
                match session.request(request, Came::default()) {
                    Next::Answered(reply) => self.send(&Message::Response(exchange.response(reply).0)).await,
                    Next::Call(drive) => {
                        calls.spawn(self.drive(drive, exchange));
                    }
                }
            }
            (None, None) if request.method == *"ping" => {
                self.send(&Message::Response(exchange(Era::Legacy).response(Ok(protocol::Object::new())).0)).await
            }
            (_, _) => {
                let exchange = exchange(Era::Modern);
                let notifier = Notifier::bounded(self.settings.dialogue.queue_max);
                match modern::call(request, self.settings.principal.clone(), notifier.clone(), None) {
                    Err(error) => self.refuse(Some(id), error).await,
                    Ok(_) if self.is_in_flight(&id) => {
                        let message = "a request with this id is in flight already";
                        self.refuse(Some(id), Error::new(ErrorKind::InvalidRequest, message)).await;
                    }
                    Ok(mut call) => {
                        call.context.session = Some(self.key.clone());
                        let endless = exchange.method == *"subscriptions/listen";
                        let in_flight = InFlight { notifier: notifier.clone(), endless };
                        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id, in_flight);
                        let drive = Drive::new(self.service.call(call), notifier, Abandoned::Cancel);
                        calls.spawn(self.drive(drive, exchange));
                    }
                }
            }
        }
    }

    async fn initialize(self: &Arc<Self>, request: Request) {
        if self.session().is_some() {
            return self
                .refuse(Some(request.id), Error::new(ErrorKind::InvalidRequest, "the session is initialized already"))
                .await;
        }
        let opened = Session::open(
            &request,
            self.settings.principal.clone(),
            self.service.clone(),
            self.settings.dialogue,
            self.key.clone(),
        )
        .await;
        match opened {
            Err(error) => self.refuse(Some(request.id), error).await,
            Ok((session, result)) => {
                *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
                let exchange = Exchange { id: request.id, method: request.method, era: Era::Legacy };
                self.send(&Message::Response(exchange.response(Ok(result)).0)).await;
                let conversation = Arc::downgrade(self);
                tokio::spawn(async move {
                    let stream = session.stream();
                    while let Some(message) = stream.next().await {
                        let Some(conversation) = conversation.upgrade() else { return };
                        conversation.send(&message).await;
                    }
                });
            }
        }
    }

    fn notification(&self, notification: &Notification) {
        if let Some(session) = self.session() {
            session.notify(notification);
        }
        if notification.method == *"notifications/cancelled" {
            let id = notification.params.as_ref().and_then(|params| params.get("requestId")).and_then(Id::of);
            let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(call) = id.and_then(|id| calls.get(&id)) {
                call.notifier.cancel();
            }
        }
    }

    async fn drive(self: Arc<Self>, mut drive: Drive, exchange: Exchange) {
        loop {
            match drive.next().await {
                Step::Message(message) => self.send(&exchange.outgoing(message)).await,
                Step::Done(reply) => {
                    self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&exchange.id);
                    // A cancelled request gets no answer (protocol.md section 1.4).
                    if !is_cancelled(&reply) {
                        self.send(&Message::Response(exchange.response(reply).0)).await;
                    }
                    return;
                }
            }
        }
    }

    /// Whether a modern request has this id: one of two could not be cancelled any more.
    fn is_in_flight(&self, id: &Id) -> bool {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn refuse(&self, id: Option<Id>, error: Error) {
        self.send(&Message::Response(Response { id, outcome: Err(error) })).await;
    }

    async fn send(&self, message: &Message) {
        let mut out = Output::with_capacity(512);
        message.write(&mut out);
        self.write(out).await;
    }

    async fn write(&self, out: Output) {
        let mut line = Vec::from(one_line(out.into_bytes()));
        line.push(b'\n');
        // A writer that is gone has told the reader; there is nobody left to tell.
        let _ = self.writes.send(line.into()).await;
    }
}

fn is_cancelled(outcome: &Result<protocol::Object, Error>) -> bool {
    matches!(outcome, Err(error) if error.kind == ErrorKind::Cancelled)
}
