//! The beginning of a WebSocket on a route of ours (RFC 6455 section 4.2): checks the request, answers
//! it, and gives the socket when the connection has become one. What is said over it is not known here.

use crate::Problem;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use protocol::ErrorKind;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The subprotocol that is answered where it is offered: a browser that offers one needs one back.
const SUBPROTOCOL: &str = "switchboard";
/// The only version there is.
const VERSION: HeaderValue = HeaderValue::from_static("13");
/// The largest message of a reader, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Sizes of the buffers of one socket, in bytes: there are many, and they are mostly silent.
const BUFFER_BYTES: (usize, usize) = (1024, 4 * 1024);

/// A WebSocket of a reader.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The answer to a request to become a WebSocket; `hold` gets the socket then.
pub(crate) fn upgrade<F>(mut request: Request, hold: impl FnOnce(Socket) -> F + Send + 'static) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let accept = match accept_key(request.headers()) {
        Ok(accept) => accept,
        Err(problem) => return refusal(problem),
    };
    let is_offered = names(request.headers(), &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A reader that hangs up in the middle is no event worth a line.
        let Ok(upgraded) = upgrading.await else { return };
        let limits = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES.0)
            .write_buffer_size(BUFFER_BYTES.1)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        Box::pin(hold(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await))
            .await;
    });
    let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if is_offered {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    answer
}

fn refusal(problem: Problem) -> Response {
    let mut answer = problem.into_response();
    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, VERSION);
    answer
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let bad = |status, what: &str| {
        let problem = Problem { status, ..Problem::new(ErrorKind::BadHttp, what) };
        problem.hint("open it as a WebSocket, or read the same as server-sent events at /api/events")
    };
    if !names(headers, &UPGRADE, "websocket") || !names(headers, &CONNECTION, "upgrade") {
        return Err(bad(426, "this is a WebSocket, and the request does not ask for one"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(bad(426, "only version 13 of WebSocket is spoken"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let accept = key.and_then(|key| HeaderValue::try_from(derive_accept_key(key.as_bytes())).ok());
    accept.ok_or_else(|| bad(400, "the header `Sec-WebSocket-Key` is missing or not valid"))
}

/// Whether a header that lists words has this one.
fn names(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}
