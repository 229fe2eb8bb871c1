//! A small blocking WebSocket client (RFC 6455): text both ways, masked as clients must, pings answered.
//! It checks nothing of what is said.

use crate::http::{Answer, exchange, exchange_over};
use crate::waiting::SOON;
use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde_json::Value;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Kinds of frames (section 5.2).
const MORE: u8 = 0;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
/// Any will do: nothing on this machine is misled by it.
const MASK: [u8; 4] = [7, 21, 42, 99];

/// What a connection with little room keeps, in bytes.
const ROOM_BYTES: usize = 4096;

/// An open WebSocket. Dropping it hangs up.
#[derive(Debug)]
pub struct WebSocket {
    stream: BufReader<TcpStream>,
}

impl WebSocket {
    /// Opens one, with a token among the subprotocols, as a page does.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn open(address: SocketAddr, path: &str, token: Option<&str>) -> Self {
        match Self::try_open(address, path, token) {
            Ok(socket) => socket,
            Err(answer) => {
                let status = answer.status;
                panic!("expected a WebSocket at {path}, got {status}: {}", answer.text());
            }
        }
    }

    /// As [`Self::open`], with so little room that whoever does not read is felt soon.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    #[track_caller]
    pub fn open_narrow(address: SocketAddr, path: &str, token: Option<&str>) -> Self {
        let stream = narrow(address).expect("expected a connection with little room");
        let answer = exchange_over(stream, request(address, path, token).as_bytes());
        match answer.map(Self::opened) {
            Ok(Ok(socket)) => socket,
            other => panic!("expected a WebSocket at {path}, got {other:?}"),
        }
    }

    /// As [`Self::open`], for tests where a refusal is an outcome.
    ///
    /// # Errors
    /// The answer, where it is not a WebSocket.
    pub fn try_open(address: SocketAddr, path: &str, token: Option<&str>) -> Result<Self, Answer> {
        Self::opened(exchange(address, request(address, path, token).as_bytes()))
    }

    fn opened(answer: Answer) -> Result<Self, Answer> {
        if answer.status != 101 {
            return Err(answer);
        }
        assert_eq!(answer.header("sec-websocket-protocol"), Some("switchboard"));
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Ok(Self { stream: answer.into_stream() })
    }

    /// Says something.
    ///
    /// # Panics
    /// When the other end has gone.
    #[track_caller]
    pub fn say(&mut self, value: &Value) {
        self.send(TEXT, value.to_string().as_bytes()).expect("expected to say something over a WebSocket");
    }

    fn send(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
        let mut frame = vec![0x80 | kind];
        if length < 126 {
            frame.push(0x80 | length as u8);
        } else {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        frame.extend(MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.get_mut().write_all(&frame)
    }

    /// How long the next text may take.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn patience(&self, time: Duration) {
        self.stream.get_ref().set_read_timeout(Some(time)).expect("expected to set a timeout");
    }

    /// The next text as it came; nothing when the other end said goodbye or hung up.
    ///
    /// # Errors
    /// Those of the connection: also when nothing came in time.
    pub fn try_next(&mut self) -> io::Result<Option<String>> {
        let mut text = Vec::new();
        loop {
            let mut head = [0; 2];
            if self.stream.read(&mut head[..1])? == 0 {
                return Ok(None);
            }
            self.stream.read_exact(&mut head[1..])?;
            let length = match head[1] & 0x7f {
                126 => {
                    let mut length = [0; 2];
                    self.stream.read_exact(&mut length)?;
                    u64::from(u16::from_be_bytes(length))
                }
                127 => {
                    let mut length = [0; 8];
                    self.stream.read_exact(&mut length)?;
                    u64::from_be_bytes(length)
                }
                length => u64::from(length),
            };
            let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.stream.read_exact(&mut payload)?;
            match head[0] & 0x0f {
                MORE | TEXT => {
                    text.extend(payload);
                    if head[0] & 0x80 != 0 {
                        return String::from_utf8(text).map(Some).map_err(io::Error::other);
                    }
                }
                CLOSE => return Ok(None),
                PING => self.send(PONG, &payload)?,
                _ => {}
            }
        }
    }

    /// The next message; nothing when the other end said goodbye or hung up.
    ///
    /// # Panics
    /// When none came soon, or it is no JSON.
    #[track_caller]
    pub fn message(&mut self) -> Option<Value> {
        self.patience(SOON);
        let text = self.try_next().expect("expected a message over a WebSocket")?;
        Some(serde_json::from_str(&text).expect("expected JSON in a message"))
    }

    /// The first message for which `fits` holds.
    ///
    /// # Panics
    /// When the other end says goodbye before.
    #[track_caller]
    pub fn that(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        while let Some(message) = self.message() {
            if fits(&message) {
                return message;
            }
            seen.push(message);
        }
        panic!("expected {what} over the WebSocket, which ended after {seen:?}");
    }
}

fn request(address: SocketAddr, path: &str, token: Option<&str>) -> String {
    let bearer = token.map(|token| format!(", bearer.{token}")).unwrap_or_default();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: switchboard{bearer}\r\n\r\n"
    )
}

/// A connection whose system keeps little for who does not read.
fn narrow(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_recv_buffer_size(&socket, ROOM_BYTES)?;
    connect(&socket, &address)?;
    Ok(TcpStream::from(socket))
}
