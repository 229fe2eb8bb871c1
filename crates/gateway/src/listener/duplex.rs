//! One conversation over a byte stream: stdin and stdout, or a socket. Newline-delimited JSON,
//! both eras on the same stream (protocol.md sections 1.4 and 1.22).
//!
//! A request with modern `_meta` is served modern, whatever came before; `initialize` opens the
//! stream's one legacy session.

use super::drive::{Abandoned, Drive, Step};
use super::edge::Exchange;
use super::modern;
use super::session::{Next, Session, fresh_key};
use bytes::Bytes;
use protocol::framing::{Line, LineDecoder, one_line};
use protocol::{
    Era, Error, ErrorKind, Id, Message, Notification, Notifier, Output, ParseLimits, Principal, Request, Response,
    Service, Version, parse_client,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
    /// How many notifications wait on one call or session.
    pub queue_max: usize,
    /// How many requests may be in flight.
    pub calls_max: usize,
}

const WRITES_MAX: usize = 64;

/// One conversation.
struct Conversation {
    service: Arc<dyn Service>,
    settings: DuplexSettings,
    /// What servers that keep state for each session tell this conversation by.
    key: Arc<str>,
    writes: mpsc::Sender<Bytes>,
    session: Mutex<Option<Arc<Session>>>,
    /// Modern requests in flight, to cancel them by notification.
    calls: Mutex<HashMap<Id, Notifier>>,
}

/// Serves the conversation until the other end closes its side, which cancels its calls, or until
/// `shutdown` and no call is in flight any more.
///
/// # Errors
/// Those of the stream.
pub async fn serve<R, W>(
    mut reader: R,
    writer: W,
    service: Arc<dyn Service>,
    settings: DuplexSettings,
    shutdown: CancellationToken,
) -> std::io::Result<()>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send + 'static,
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
    loop {
        while let Some(line) = lines.next_line() {
            conversation.clone().line(line, &calls).await;
        }
        let read = tokio::select! {
            () = idle_after(&shutdown, &calls) => break,
            read = reader.read_buf(lines.buffer()) => read?,
        };
        if read == 0 {
            break;
        }
    }
    if let Some(session) = conversation.session() {
        session.close();
    }
    for call in conversation.calls.lock().unwrap_or_else(PoisonError::into_inner).values() {
        call.cancel();
    }
    calls.close();
    calls.wait().await;
    drop(conversation);
    writing.await.map_err(std::io::Error::other)?
}

/// Resolves when no call is in flight after `shutdown`. Whoever drains takes no new calls, and puts
/// a limit on the time.
async fn idle_after(shutdown: &CancellationToken, calls: &TaskTracker) {
    shutdown.cancelled().await;
    calls.close();
    calls.wait().await;
}

async fn write<W: AsyncWrite + Unpin>(mut writer: W, mut queue: mpsc::Receiver<Bytes>) -> std::io::Result<()> {
    while let Some(first) = queue.recv().await {
        writer.write_all(&first).await?;
        while let Ok(next) = queue.try_recv() {
            writer.write_all(&next).await?;
        }
        writer.flush().await?;
    }
    Ok(())
}

impl Conversation {
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
            Err(error) => self.refuse(error.id.clone(), error.into()).await,
            Ok(Message::Request(request)) => self.request(request, calls).await,
            Ok(Message::Notification(notification)) => self.notification(&notification),
            // Nobody asked anything: there are no questions to clients yet.
            Ok(Message::Response(_)) => {}
        }
    }

    async fn request(self: Arc<Self>, request: Request, calls: &TaskTracker) {
        if calls.len() >= self.settings.calls_max {
            let message = format!("{} requests are in flight already", self.settings.calls_max);
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
                match session.request(request) {
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
                let notifier = Notifier::bounded(self.settings.queue_max);
                match modern::call(request, self.settings.principal.clone(), notifier.clone(), None) {
                    Err(error) => self.refuse(Some(id), error).await,
                    Ok(mut call) => {
                        call.context.session = Some(self.key.clone());
                        self.calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id, notifier.clone());
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
            self.settings.queue_max,
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
                    while let Some(notification) = stream.next().await {
                        let Some(conversation) = conversation.upgrade() else { return };
                        conversation.send(&Message::Notification(notification)).await;
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
                call.cancel();
            }
        }
    }

    async fn drive(self: Arc<Self>, mut drive: Drive, exchange: Exchange) {
        loop {
            match drive.next().await {
                Step::Notification(notification) => {
                    self.send(&Message::Notification(exchange.notification(notification))).await
                }
                Step::Done(reply) => {
                    self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&exchange.id);
                    // A cancelled request gets no answer (protocol.md section 1.4).
                    let cancelled = matches!(&reply, Err(error) if error.kind == ErrorKind::Cancelled);
                    if !cancelled {
                        self.send(&Message::Response(exchange.response(reply).0)).await;
                    }
                    return;
                }
            }
        }
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
        let mut line = Vec::from(one_line(out.into_bytes()));
        line.push(b'\n');
        // A writer that is gone has told the reader; there is nobody left to tell.
        let _ = self.writes.send(line.into()).await;
    }
}
