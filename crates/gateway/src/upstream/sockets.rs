//! Servers behind a socket: TCP and Unix sockets carry lines as a pipe does, a WebSocket one
//! message per text frame (protocol.md section 1.4). Beyond connecting they are pipes.
//!
//! Whoever holds the link tries again when a socket closes; nothing here does.

use super::signed::{SendError, Unsigned, signed};
use super::{ConnectError, ConnectOptions, Connection, UpstreamEvent, connect_duplex};
use crate::websocket;
use ::http::{HeaderName, HeaderValue, header};
use outbound::oauth::Challenge;
use outbound::relay::{Stream, Target};
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Connects to the server that listens on `address` (host and port) and shakes hands.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_tcp(
    address: &str,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let stream = in_time(options.connect_timeout, TcpStream::connect(address))
        .await
        .map_err(|error| unreachable(address, error))?;
    // Without it small messages wait for an acknowledgement: 40 ms instead of 0.2 ms.
    stream.set_nodelay(true).map_err(|error| unreachable(address, error))?;
    outbound::relay::watch(&stream);
    let (reader, writer) = stream.into_split();
    connect_duplex(reader, writer, options, events).await
}

/// Connects to the server that listens on the socket at `path` and shakes hands.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_unix(
    path: &Path,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let connected = in_time(options.connect_timeout, UnixStream::connect(path)).await;
    let (reader, writer) = connected.map_err(|error| unreachable(path.display(), error))?.into_split();
    connect_duplex(reader, writer, options, events).await
}

/// Connects to the WebSocket server at `url` (`ws` or `wss`) with `headers` in its handshake, and
/// the token of the sign-in where there is one, and shakes hands.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_websocket(
    url: &str,
    headers: Vec<(HeaderName, SecretString)>,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let time = options.connect_timeout;
    let target = target(url)?.within(time);
    let opening = Opening { url, target: &target, headers: &headers, frame_bytes_max: options.frame_bytes_max, time };
    let opened = match &options.sign_in {
        None => opening.open(None).await.map_err(Refused::Socket),
        Some(sign_in) => signed(sign_in, None, |token| opening.unless_challenged(token)).await,
    };
    let socket = opened.map_err(|error| match error {
        Refused::Socket(error) => refused(&target, error),
        Refused::Unsigned(unsigned) => SendError::from(unsigned).to_connect_error(&options.server),
    })?;
    let (reader, writer) = websocket::split(socket);
    connect_duplex(reader, writer, options, events).await
}

fn target(url: &str) -> Result<Target, ConnectError> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let same = match scheme.to_ascii_lowercase().as_str() {
        "ws" => "http",
        "wss" => "https",
        _ => return Err(ConnectError::handshake("its URL begins neither with ws:// nor with wss://")),
    };
    Target::parse(&format!("{same}://{rest}")).map_err(|error| ConnectError::handshake(error.to_string()))
}

/// A WebSocket that is to be opened.
struct Opening<'a> {
    url: &'a str,
    target: &'a Target,
    headers: &'a [(HeaderName, SecretString)],
    frame_bytes_max: usize,
    time: Duration,
}

/// Why it was not.
enum Refused {
    Socket(Error),
    Unsigned(Unsigned),
}

impl From<Unsigned> for Refused {
    fn from(unsigned: Unsigned) -> Self {
        Self::Unsigned(unsigned)
    }
}

impl Opening<'_> {
    async fn unless_challenged(
        &self,
        token: Option<HeaderValue>,
    ) -> Result<Result<WebSocketStream<Stream>, Challenge>, Refused> {
        match self.open(token).await {
            Ok(socket) => Ok(Ok(socket)),
            Err(Error::Http(answer)) => match Challenge::read(answer.status(), answer.headers()) {
                Some(challenge) => Ok(Err(challenge)),
                None => Err(Refused::Socket(Error::Http(answer))),
            },
            Err(error) => Err(Refused::Socket(error)),
        }
    }

    async fn open(&self, token: Option<HeaderValue>) -> tungstenite::Result<WebSocketStream<Stream>> {
        match self.shake(token.clone(), true).await {
            // A server that knows no subprotocols is spoken to without one.
            Err(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol))) => {
                self.shake(token, false).await
            }
            shaken => shaken,
        }
    }

    async fn shake(
        &self,
        token: Option<HeaderValue>,
        subprotocol: bool,
    ) -> tungstenite::Result<WebSocketStream<Stream>> {
        let request = self.request(token, subprotocol)?;
        let stream = Stream::connect(self.target).await.map_err(|error| Error::Io(std::io::Error::other(error)))?;
        let shaking = client_async_with_config(request, stream, Some(websocket::limits(self.frame_bytes_max)));
        let shaken: tungstenite::Result<(_, Response)> = tokio::time::timeout(self.time, shaking)
            .await
            .unwrap_or_else(|_| Err(Error::Io(std::io::Error::other(late(self.time)))));
        Ok(shaken?.0)
    }

    fn request(&self, token: Option<HeaderValue>, subprotocol: bool) -> tungstenite::Result<Request> {
        let mut request = self.url.into_client_request()?;
        let all = request.headers_mut();
        all.insert(header::USER_AGENT, HeaderValue::from_static(concat!("switchboard/", env!("CARGO_PKG_VERSION"))));
        if subprotocol {
            all.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(websocket::SUBPROTOCOL));
        }
        for (name, secret) in self.headers {
            let mut value = HeaderValue::from_str(secret.expose_secret())?;
            value.set_sensitive(true);
            all.insert(name, value);
        }
        all.extend(token.map(|value| (header::AUTHORIZATION, value)));
        Ok(request)
    }
}

/// What a failed handshake means.
fn refused(target: &Target, error: Error) -> ConnectError {
    let authority = target.authority();
    let answer = match error {
        Error::Http(answer) => answer,
        Error::Io(error) => return ConnectError::unreachable(error),
        error => return ConnectError::handshake(format!("{authority} opens no WebSocket: {error}")),
    };
    match answer.status().as_u16() {
        status @ (401 | 403) => ConnectError::Unauthorized { status },
        status @ 500..=599 => ConnectError::unreachable(format_args!("it answered with HTTP {status}")),
        status @ 300..=399 => {
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            ConnectError::handshake(format!("it redirects (HTTP {status}) to {to}; use that URL if you trust it"))
        }
        status => ConnectError::handshake(format!("{authority} opens no WebSocket at this URL: HTTP {status}")),
    }
}

async fn in_time<T>(time: Duration, connecting: impl Future<Output = std::io::Result<T>>) -> std::io::Result<T> {
    tokio::time::timeout(time, connecting).await.unwrap_or_else(|_| Err(std::io::Error::other(late(time))))
}

fn late(time: Duration) -> String {
    format!("no connection within {} s (`connect_timeout`)", time.as_secs_f32())
}

fn unreachable(address: impl Display, error: std::io::Error) -> ConnectError {
    ConnectError::unreachable(format_args!("cannot connect to {address}: {error}"))
}
