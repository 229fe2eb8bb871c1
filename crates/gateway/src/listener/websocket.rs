//! WebSocket clients: they upgrade on the endpoints of HTTP, `/mcp` and `/mcp/<server>`, and hold
//! one conversation, a message per text frame (protocol.md section 1.4).
//!
//! The doorkeeper has let the request in before this file sees it: browsers send cookies and no
//! preflight with a WebSocket, so its Origin is all that tells a page's from a program's.

use super::duplex::{self, DuplexSettings};
use super::http::Shared;
use super::respond::{self, Answer};
use crate::websocket::{self, SUBPROTOCOL};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use protocol::{Error, ErrorKind, Principal, Service};
use std::sync::Arc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The only version there is (RFC 6455).
const VERSION: HeaderValue = HeaderValue::from_static("13");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// The conversations that one HTTP connection turned into: at most one.
#[derive(Debug)]
pub(super) struct Upgrades {
    pub(super) conversations: TaskTracker,
    pub(super) shutdown: CancellationToken,
}

/// Whether a request wants to become a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    names(headers, &UPGRADE, "websocket")
}

impl Shared {
    /// Answers a request that wants to become a WebSocket, and holds the conversation once it is
    /// one.
    pub(super) fn upgrade(
        &self,
        mut request: Request<Incoming>,
        principal: Principal,
        service: Arc<dyn Service>,
        upgrades: &Upgrades,
    ) -> Answer {
        if !self.on_loopback {
            let error = Error::new(
                ErrorKind::Denied,
                "WebSocket clients are served on loopback only, and this listener is open to other machines",
            );
            let hint = "connect over HTTP, which checks a token; WebSocket and TCP get authentication with a later \
                        version";
            return with_status(respond::refuse(None, error.hint(hint)), StatusCode::FORBIDDEN);
        }
        let accept = match accept_key(request.headers()) {
            Ok(accept) => accept,
            Err(refusal) => return *refusal,
        };
        let settings = DuplexSettings { principal, ..self.sockets.clone() };
        let asked_for_ours = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let upgrading = hyper::upgrade::on(&mut request);
        let shutdown = upgrades.shutdown.clone();
        upgrades.conversations.spawn(async move {
            // A client that hangs up in the middle is no event worth a line.
            let Ok(upgraded) = upgrading.await else { return };
            let limits = websocket::limits(settings.parse_limits.bytes_max);
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
            let (reader, writer) = websocket::split(socket);
            // Closing a WebSocket closes both ways.
            let gone = |_: &websocket::Reader<_>| std::future::ready(());
            let _ = duplex::serve(reader, writer, gone, service, settings, shutdown).await;
        });
        let mut answer = respond::empty(StatusCode::SWITCHING_PROTOCOLS);
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, WEBSOCKET);
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if asked_for_ours {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        answer
    }
}

/// The key of the answer, when the request is one of RFC 6455 for our subprotocol.
fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Box<Answer>> {
    let bad = |message: &'static str| Box::new(respond::refuse(None, Error::new(ErrorKind::BadHttp, message)));
    if !names(headers, &CONNECTION, "upgrade") {
        return Err(bad("an upgrade needs the header `Connection: Upgrade`"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        let mut refusal = with_status(*bad("only version 13 of WebSocket is spoken"), StatusCode::UPGRADE_REQUIRED);
        refusal.headers_mut().insert(SEC_WEBSOCKET_VERSION, VERSION);
        refusal.headers_mut().insert(UPGRADE, WEBSOCKET);
        return Err(Box::new(refusal));
    }
    if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) && !names(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(bad("the only subprotocol spoken here is `mcp`"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let accept = key.and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
    accept.ok_or_else(|| bad("the header `Sec-WebSocket-Key` is missing or not valid"))
}

/// Whether a header that lists words has this one.
fn names(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

fn with_status(mut answer: Answer, status: StatusCode) -> Answer {
    *answer.status_mut() = status;
    answer
}
