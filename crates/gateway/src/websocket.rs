//! A WebSocket as a byte stream of newline-delimited JSON: one message per text frame
//! (protocol.md section 1.4), so that listeners and links of byte streams serve it unchanged.
//!
//! Pings are answered while reading, and sent while the other end is silent: one that went away
//! without a word is found out by those it does not answer. The handshake is not done here, and nothing here knows what
//! a message means: a frame that is no text becomes a line that is no JSON, and a message over the
//! limit a line over the limit, so that whoever reads says of it what it says of any other stream.

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use protocol::framing::one_line;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, tungstenite};

/// The subprotocol that MCP is known by.
pub(crate) const SUBPROTOCOL: &str = "mcp";
/// How long the other end may take to say goodbye too.
const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// How long the other end may be silent before it is asked whether it is there.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How many pings in a row may stay without an answer.
const PINGS_MAX: u32 = 2;
/// Sizes of the buffers of one socket, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// How a socket is to be set up whose messages may have `frame_bytes_max` bytes.
pub(crate) fn limits(frame_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(frame_bytes_max))
        .max_frame_size(Some(frame_bytes_max))
}

/// Takes a socket apart into the two ends of a byte stream. Dropping the writing end, or shutting
/// it down, closes the whole socket: WebSocket has no half that stays open.
pub(crate) fn split<S: Wire>(socket: WebSocketStream<S>) -> (Reader<S>, Writer<S>) {
    let frame_bytes_max = socket.get_config().max_message_size.unwrap_or(usize::MAX);
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
    let state = State { socket: Some(socket), goodbye, broken: false, stuck: false };
    let shared = Arc::new(Shared(Mutex::new(state)));
    let reader = Reader {
        shared: shared.clone(),
        line: Bytes::new(),
        padding: 0,
        line_end: false,
        ended: false,
        frame_bytes_max,
        alive: None,
        heard: true,
        pings: 0,
        flushing: false,
    };
    (reader, Writer { shared, line: BytesMut::new(), farewell: None })
}

/// What a WebSocket runs over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Wire for S {}

struct Shared<S>(Mutex<State<S>>);

struct State<S> {
    /// Taken by whoever says goodbye.
    socket: Option<WebSocketStream<S>>,
    /// What is said at the end.
    goodbye: CloseFrame,
    /// Nothing that comes can be read as frames any more.
    broken: bool,
    /// Whoever writes waits for the other end to take something. Whether that is there is for the
    /// system to find out: a ping would wait too.
    stuck: bool,
}

/// The reading end: lines.
pub(crate) struct Reader<S> {
    shared: Arc<Shared<S>>,
    /// What is left of the message that is being handed out.
    line: Bytes,
    /// How many bytes stand for a message that was too long to be kept.
    padding: usize,
    /// Whether the end of the line is still owed.
    line_end: bool,
    ended: bool,
    frame_bytes_max: usize,
    /// Ticks once for each [`SILENCE_MAX`]; made when first read.
    alive: Option<Interval>,
    /// Whether anything came since the last tick.
    heard: bool,
    /// Pings since anything came.
    pings: u32,
    /// A ping is not out yet.
    flushing: bool,
}

/// The writing end: takes lines.
pub(crate) struct Writer<S: Wire> {
    shared: Arc<Shared<S>>,
    /// The beginning of a line whose end has not come yet.
    line: BytesMut,
    farewell: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> Shared<S> {
    fn with<T>(&self, act: impl FnOnce(&mut State<S>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Wire> Shared<S> {
    /// Says goodbye, unless somebody did already.
    fn farewell(&self) -> Option<impl Future<Output = ()> + Send + use<S>> {
        let (socket, goodbye, broken) =
            self.with(|state| state.socket.take().map(|socket| (socket, state.goodbye.clone(), state.broken)))?;
        Some(async move {
            // Whoever does not answer in time is left.
            let _ = tokio::time::timeout(FAREWELL_MAX, say_goodbye(socket, goodbye, broken)).await;
        })
    }
}

/// Closes in the way of RFC 6455 section 7: our close frame goes out, and what still comes is read
/// until the other end has closed, since closing on unread bytes would take back what we sent.
async fn say_goodbye<S: Wire>(mut socket: WebSocketStream<S>, goodbye: CloseFrame, broken: bool) {
    // It fails when the other end said goodbye first; reading on answers that.
    let _ = socket.send(Message::Close(Some(goodbye))).await;
    if broken {
        let wire = socket.get_mut();
        let _ = wire.shutdown().await;
        let _ = tokio::io::copy(wire, &mut tokio::io::sink()).await;
    } else {
        while let Some(Ok(_)) = socket.next().await {}
    }
}

// === impl Reader ===

impl<S: Wire> Reader<S> {
    /// Hands out what is left of a message; whether there was anything.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let before = buffer.filled().len();
        let count = self.line.len().min(buffer.remaining());
        buffer.put_slice(&self.line.split_to(count));
        let count = self.padding.min(buffer.remaining());
        buffer.initialize_unfilled_to(count).fill(b' ');
        buffer.advance(count);
        self.padding -= count;
        if self.line_end && self.line.is_empty() && self.padding == 0 && buffer.remaining() > 0 {
            buffer.put_slice(b"\n");
            self.line_end = false;
        }
        buffer.filled().len() > before
    }

    fn take(&mut self, message: Option<tungstenite::Result<Message>>) -> io::Result<()> {
        match message {
            Some(Ok(Message::Text(text))) => self.line = one_line(text.into()),
            Some(Ok(Message::Binary(bytes))) => {
                self.line = format!("a binary frame of {} bytes", bytes.len()).into();
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Close(_))) | None => {
                self.ended = true;
                return Ok(());
            }
            Some(Err(error)) => {
                self.ended = true;
                let reason = match error {
                    Error::Capacity(_) => {
                        self.padding = self.frame_bytes_max.saturating_add(1);
                        let reason = format!("a message is larger than {} bytes", self.frame_bytes_max);
                        (CloseCode::Size, reason)
                    }
                    Error::Utf8(_) => (CloseCode::Invalid, "a text frame is not UTF-8".to_owned()),
                    // A connection that is cut off is an end like any other.
                    Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => return Ok(()),
                    Error::Protocol(error) => (CloseCode::Protocol, error.to_string()),
                    Error::Io(error) => return Err(error),
                    _ => return Ok(()),
                };
                self.shared.with(|state| {
                    state.broken = true;
                    state.goodbye = CloseFrame { code: reason.0, reason: reason.1.into() };
                });
                self.line_end = self.padding > 0;
                return Ok(());
            }
        }
        self.line_end = true;
        Ok(())
    }
}

impl<S: Wire> Reader<S> {
    /// Nothing came yet: asks whether the other end is there, and ends when it says nothing to that.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let alive = self.alive.get_or_insert_with(|| {
            let mut alive = interval_at(Instant::now() + SILENCE_MAX, SILENCE_MAX);
            alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
            alive
        });
        while alive.poll_tick(context).is_ready() {
            if std::mem::take(&mut self.heard) {
                continue;
            }
            if self.pings >= PINGS_MAX {
                self.ended = true;
                let reason = "pings were not answered".into();
                self.shared.with(|state| state.goodbye = CloseFrame { code: CloseCode::Away, reason });
                return Poll::Ready(());
            }
            let asked = self.shared.with(|state| state.ping());
            self.pings += u32::from(asked);
            self.flushing |= asked;
        }
        if self.flushing {
            self.flushing = self.shared.with(|state| state.flush(context)).is_pending();
        }
        Poll::Pending
    }
}

impl<S: Wire> State<S> {
    /// Puts a ping among what is to be sent; whether that could be done.
    fn ping(&mut self) -> bool {
        let ping = Message::Ping(Bytes::new());
        let socket = self.socket.as_mut().filter(|_| !self.stuck);
        // Why it cannot be sent is said to whoever reads next.
        socket.is_some_and(|socket| Pin::new(socket).start_send(ping).is_ok())
    }

    /// Sends what is to be sent. Whoever writes does that too, and is not to be disturbed while it
    /// waits: there is one place only for who is to be woken.
    fn flush(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.socket.as_mut().filter(|_| !self.stuck) {
            Some(socket) => Pin::new(socket).poll_flush(context).map(|_| ()),
            None => Poll::Ready(()),
        }
    }
}

impl<S: Wire> AsyncRead for Reader<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let reader = self.get_mut();
        loop {
            if buffer.remaining() == 0 || reader.give(buffer) || reader.ended {
                return Poll::Ready(Ok(()));
            }
            let message = reader.shared.with(|state| match &mut state.socket {
                Some(socket) => Pin::new(socket).poll_next(context),
                None => Poll::Ready(None),
            });
            match message {
                Poll::Ready(message) => {
                    (reader.heard, reader.pings) = (true, 0);
                    reader.take(message)?;
                }
                Poll::Pending => ready!(reader.poll_silence(context)),
            }
        }
    }
}

// === impl Writer ===

impl<S: Wire> Writer<S> {
    fn with<T>(
        &self,
        act: impl FnOnce(Pin<&mut WebSocketStream<S>>) -> Poll<tungstenite::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = self.shared.with(|state| {
            let polled = state.socket.as_mut().map(|socket| act(Pin::new(socket)));
            state.stuck = matches!(polled, Some(Poll::Pending));
            polled
        });
        match polled {
            Some(polled) => polled.map_err(io_error),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        error => io::Error::other(error),
    }
}

impl<S: Wire> AsyncWrite for Writer<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let writer = self.get_mut();
        let mut taken = 0;
        while let Some(length) = memchr::memchr(b'\n', &bytes[taken..]) {
            match writer.with(|socket| socket.poll_ready(context)) {
                Poll::Ready(ready) => ready?,
                Poll::Pending if taken > 0 => return Poll::Ready(Ok(taken)),
                Poll::Pending => return Poll::Pending,
            }
            writer.line.extend_from_slice(&bytes[taken..taken + length]);
            let text = Utf8Bytes::try_from(writer.line.split().freeze());
            let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            ready!(writer.with(|socket| Poll::Ready(socket.start_send(Message::Text(text)))))?;
            taken += length + 1;
        }
        writer.line.extend_from_slice(&bytes[taken..]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|socket| socket.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let writer = self.get_mut();
        if writer.farewell.is_none()
            && let Some(farewell) = writer.shared.farewell()
        {
            writer.farewell = Some(Box::pin(farewell));
        }
        match &mut writer.farewell {
            Some(farewell) => farewell.as_mut().poll(context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Wire> Drop for Writer<S> {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && let Some(farewell) = self.shared.farewell()
        {
            runtime.spawn(farewell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    async fn pair(
        frame_bytes_max: usize,
    ) -> (Reader<DuplexStream>, Writer<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = tokio::io::duplex(1 << 20);
        let ours = WebSocketStream::from_raw_socket(near, Role::Server, Some(limits(frame_bytes_max))).await;
        let (reader, writer) = split(ours);
        (reader, writer, WebSocketStream::from_raw_socket(far, Role::Client, None).await)
    }

    #[tokio::test]
    async fn a_message_is_a_line_and_a_line_is_a_message() {
        let (reader, mut writer, mut peer) = pair(1000).await;
        peer.send(Message::text("{\"a\":\r\n1}")).await.unwrap();
        peer.send(Message::Ping("hello".into())).await.unwrap();
        peer.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        peer.send(Message::text("last")).await.unwrap();
        let mut lines = BufReader::with_capacity(3, reader).lines();
        for expected in ["{\"a\":  1}", "a binary frame of 3 bytes", "last"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(expected));
        }
        writer.write_all(b"one\ntwo\nthr").await.unwrap();
        writer.write_all(b"ee\n").await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::Pong("hello".into()));
        for expected in ["one", "two", "three"] {
            assert_eq!(peer.next().await.unwrap().unwrap(), Message::text(expected));
        }
    }

    #[tokio::test]
    async fn a_message_too_long_is_a_line_too_long_and_the_end_with_a_reason() {
        let (mut reader, mut writer, mut peer) = pair(100).await;
        peer.send(Message::text("x".repeat(5000))).await.unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).await.unwrap();
        assert_eq!((text.len(), text.last()), (102, Some(&b'\n')), "one byte more than is allowed, and the line's end");
        let closing = tokio::spawn(async move {
            writer.write_all(b"refused\n").await.unwrap();
            writer.shutdown().await.unwrap();
        });
        assert_eq!(peer.next().await.unwrap().unwrap(), Message::text("refused"));
        let Some(Ok(Message::Close(Some(goodbye)))) = peer.next().await else { panic!("expected a goodbye") };
        assert_eq!((goodbye.code, goodbye.reason.as_str()), (CloseCode::Size, "a message is larger than 100 bytes"));
        drop(peer);
        closing.await.unwrap();
    }

    #[tokio::test]
    async fn either_end_may_say_goodbye() {
        let (mut reader, writer, mut peer) = pair(100).await;
        peer.close(None).await.unwrap();
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
        drop(writer);
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(_)))), "it is answered");
        let (mut reader, writer, mut peer) = pair(100).await;
        drop(writer);
        assert!(matches!(peer.next().await, Some(Ok(Message::Close(Some(_))))), "dropping is closing");
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_asked_and_left_when_it_does_not_answer() {
        let (reader, _writer, mut peer) = pair(100).await;
        let mut lines = BufReader::new(reader).lines();
        let begun = Instant::now();
        let answering = async {
            // Reading answers the pings.
            for _ in 0..10 {
                assert!(matches!(peer.next().await, Some(Ok(Message::Ping(_)))));
            }
            peer.send(Message::text("still here")).await.unwrap();
        };
        let (line, ()) = tokio::join!(lines.next_line(), answering);
        assert_eq!(line.unwrap().as_deref(), Some("still here"));
        assert!(begun.elapsed() >= SILENCE_MAX * 10);
        let begun = Instant::now();
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(begun.elapsed() <= SILENCE_MAX * 4, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_holds_the_writer_up() {
        let (_reader, mut writer, peer) = pair(100).await;
        let line = [vec![b'x'; 64 * 1024], b"\n".to_vec()].concat();
        let flood = async {
            for _ in 0..10_000 {
                writer.write_all(&line).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(200), flood).await.is_err(), "the memory would not end");
        drop(peer);
    }
}
