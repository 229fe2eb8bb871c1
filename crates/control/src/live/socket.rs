//! `GET /api/live`: a reader over a WebSocket. It says what it wants, gets snapshots and then what
//! changes; it may say something else at any time. One that does not read is given a snapshot when it
//! does, and one that has gone away without a word is found out by pings.

use super::frame::{Frame, json};
use super::handshake::{Socket, upgrade};
use super::hub::{Coming, Joined};
use super::topic::{Sight, Subscription, Topics};
use super::{Live, Ticket, sees_only};
use crate::access::Asker;
use crate::{Control, Problem};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::ErrorKind;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as Piece;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

/// How long a reader may be silent before it is asked whether it is there.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// How many such questions in a row may stay without an answer.
const PINGS_MAX: u32 = 2;
/// How long a reader may take nothing before it is left.
const STUCK_MAX: Duration = Duration::from_secs(60);
/// How long the goodbye may take.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// What is larger goes in pieces of this size (RFC 6455 section 5.4): a socket keeps a buffer of the
/// largest that it ever sent, and there are many sockets.
const PIECE_BYTES: usize = 3 * 1024;

/// What a reader says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Subscribe(Subscription),
    Ping,
}

/// A reader.
struct Reader {
    socket: Socket,
    live: Live,
    principal: Option<Arc<str>>,
    joined: Option<(Joined, Sight)>,
    heard: Instant,
    pings: u32,
}

/// Why a reader woke.
enum Woken {
    Said(Message),
    Frame(Frame),
    Missed,
    Silent,
    /// The reader or the daemon has gone.
    Gone(CloseCode),
}

/// What happens, over a WebSocket: say `{"type":"subscribe","topics":["overview"]}`.
#[utoipa::path(get, path = "/api/live", responses((status = 101, description = "The WebSocket; snapshots, then what changes"), (status = 426, description = "The request asks for no WebSocket", body = Problem, content_type = "application/problem+json"), (status = 503, description = "Too many readers", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn live(State(control): State<Control>, asker: Asker, request: Request) -> Response {
    let ticket = match control.live.ticket() {
        Ok(ticket) => ticket,
        Err(problem) => return problem.into_response(),
    };
    let (live, shutdown) = (control.live.clone(), control.parts.shutdown.clone());
    upgrade(request, move |socket| async move {
        let principal = sees_only(&asker);
        let reader = Reader { socket, live, principal, joined: None, heard: Instant::now(), pings: 0 };
        reader.hold(&shutdown, ticket).await;
    })
}

// === impl Reader ===

impl Reader {
    async fn hold(mut self, shutdown: &CancellationToken, _ticket: Ticket) {
        let code = loop {
            let done = match self.woken(shutdown).await {
                Woken::Gone(code) => break code,
                Woken::Said(message) => self.said(message).await,
                Woken::Frame(frame) => self.send(frame).await,
                Woken::Missed => match self.joined.take() {
                    Some((joined, sight)) => self.join(joined.topics, sight, Coming::Resync).await,
                    None => Some(()),
                },
                Woken::Silent => self.ask().await,
            };
            if done.is_none() {
                return;
            }
        };
        let goodbye = CloseFrame { code, reason: Utf8Bytes::default() };
        // Who does not want to hear it has gone already.
        let _ = timeout(FAREWELL_MAX, self.socket.close(Some(goodbye))).await;
    }

    async fn woken(&mut self, shutdown: &CancellationToken) -> Woken {
        let frame = async {
            match &mut self.joined {
                Some((joined, _)) => joined.live.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => Woken::Gone(CloseCode::Away),
            said = self.socket.next() => match said {
                Some(Ok(message)) => Woken::Said(message),
                Some(Err(_)) | None => Woken::Gone(CloseCode::Normal),
            },
            frame = frame => match frame {
                Ok(frame) => Woken::Frame(frame),
                Err(RecvError::Lagged(_)) => Woken::Missed,
                Err(RecvError::Closed) => Woken::Gone(CloseCode::Away),
            },
            () = sleep_until(self.heard + SILENCE_MAX * (self.pings + 1)) => Woken::Silent,
        }
    }

    async fn said(&mut self, message: Message) -> Option<()> {
        (self.heard, self.pings) = (Instant::now(), 0);
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return None,
            // A ping is answered with what is sent next.
            Message::Ping(_) => return self.flush().await,
            _ => return Some(()),
        };
        let refused = match serde_json::from_str(&text) {
            Ok(Said::Ping) => return self.write([Utf8Bytes::from_static(r#"{"type":"pong"}"#)]).await,
            Ok(Said::Subscribe(subscription)) => match subscription.read(self.principal.clone()) {
                Ok((topics, sight)) => return self.join(topics, sight, Coming::New).await,
                Err(refused) => refused,
            },
            Err(error) => format!("this is no message of a reader: {error}"),
        };
        let problem = Problem::new(ErrorKind::InvalidParams, refused);
        let problem = problem.hint(r#"say {"type":"subscribe","topics":["overview"]}, or {"type":"ping"}"#);
        self.write([format!(r#"{{"type":"error","problem":{}}}"#, json(&problem)).into()]).await
    }

    async fn join(&mut self, topics: Topics, sight: Sight, coming: Coming) -> Option<()> {
        // The former place is left first.
        self.joined = None;
        let mut joined = self.live.places.join(topics, sight.clone(), coming).await?;
        let frames = std::mem::take(&mut joined.frames);
        self.joined = Some((joined, sight));
        self.write(frames.into_iter().map(|frame| frame.text)).await
    }

    /// Sends a frame and those that came with it, at once.
    async fn send(&mut self, first: Frame) -> Option<()> {
        let Some((joined, sight)) = &mut self.joined else { return Some(()) };
        let topics = joined.topics;
        let mut frames = vec![first];
        loop {
            match joined.live.try_recv() {
                Ok(frame) => frames.push(frame),
                Err(TryRecvError::Lagged(_)) => {
                    let sight = sight.clone();
                    return self.join(topics, sight, Coming::Resync).await;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.write(frames.into_iter().filter(|frame| topics.has(frame.topic)).map(|frame| frame.text)).await
    }

    async fn write(&mut self, texts: impl IntoIterator<Item = Utf8Bytes> + Send) -> Option<()> {
        for text in texts {
            for piece in pieces(text) {
                timeout(STUCK_MAX, self.socket.feed(piece)).await.ok()?.ok()?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Option<()> {
        timeout(STUCK_MAX, self.socket.flush()).await.ok()?.ok()
    }

    /// Asks a silent reader whether it is there.
    async fn ask(&mut self) -> Option<()> {
        self.pings += 1;
        if self.pings > PINGS_MAX {
            return None;
        }
        timeout(STUCK_MAX, self.socket.send(Message::Ping(bytes::Bytes::new()))).await.ok()?.ok()
    }
}

/// A text in one frame, or in several where it is large. A piece may end inside a character.
fn pieces(text: Utf8Bytes) -> impl Iterator<Item = Message> + Send {
    let mut rest = bytes::Bytes::from(text);
    let mut opcode = Some(Data::Text);
    std::iter::from_fn(move || {
        let data = opcode?;
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        opcode = (!rest.is_empty()).then_some(Data::Continue);
        Some(Message::Frame(Piece::message(piece, OpCode::Data(data), rest.is_empty())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_goes_in_pieces_and_an_empty_text_in_one() {
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let text = "x".repeat(length);
            let frames: Vec<_> = pieces(text.clone().into()).collect();
            assert_eq!(frames.len(), length.div_ceil(PIECE_BYTES).max(1));
            let heads = frames.iter().enumerate().map(|(at, frame)| match frame {
                Message::Frame(piece) => {
                    let header = piece.header();
                    let data = if at == 0 { Data::Text } else { Data::Continue };
                    assert_eq!((header.is_final, header.opcode), (at + 1 == frames.len(), OpCode::Data(data)));
                    piece.payload().to_vec()
                }
                other => panic!("{other:?} is no frame"),
            });
            assert_eq!(heads.flatten().collect::<Vec<u8>>(), text.as_bytes());
        }
    }
}
