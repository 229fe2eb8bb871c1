//! Servers behind HTTP+SSE, the transport of 2024-11-05: one GET whose event stream carries all
//! that the server says, and a POST for each message to it (protocol.md sections 1.22 and 1.23).
//!
//! Here the two become a byte stream of lines; ids, calls, cancelling and what the server asks are
//! the duplex link's affair, as for any pipe. The end of the stream is the end of the link.

mod events;
mod post;

use super::duplex::connect_known;
use super::http::{base_headers, connect_http, is_event_stream, outage};
use super::{ConnectError, ConnectOptions, Connection, EraChoice, UpstreamEvent};
use crate::upstream::signed::SignedRelay;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use events::Events;
use outbound::relay::{Payload, Relay, Target};
use post::Poster;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How much may be on its way between a writer and the POSTs, in bytes.
const PIPE_BYTES: usize = 64 * 1024;

/// Opens the event stream at `url` and shakes hands over it; the server is a legacy one.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_sse(
    url: &str,
    headers: Vec<(HeaderName, SecretString)>,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let target = Target::parse(url).map_err(ConnectError::unreachable)?.within(options.connect_timeout);
    let headers = base_headers(headers)?;
    let limit = options.startup_timeout;
    let opened = timeout(limit, open(&target, &headers, &options)).await;
    let (reader, endpoint) = opened.unwrap_or(Err(ConnectError::Timeout { seconds: limit.as_secs().max(1) }))?;
    let options = ConnectOptions { era: EraChoice::Legacy, ..options };
    let relay = SignedRelay::new(Relay::new(endpoint), options.sign_in.clone());
    let poster = Poster::new(relay, headers, &options);
    let (writer, lines) = tokio::io::duplex(PIPE_BYTES);
    connect_known(reader, writer, options, events, |link| drop(tokio::spawn(poster.run(link.clone(), lines)))).await
}

/// Shakes hands with the server at `url`, whichever transport over HTTP it speaks: streamable HTTP
/// first, HTTP+SSE where that is refused.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_url(
    url: &str,
    headers: Vec<(HeaderName, SecretString)>,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let status = match connect_http(url, headers.clone(), options.clone(), events.clone()).await {
        Err(ConnectError::NotStreamable { status }) => status,
        connected => return connected,
    };
    match connect_sse(url, headers, options, events).await {
        Err(ConnectError::Handshake { message }) => Err(ConnectError::handshake(format!(
            "it speaks neither streamable HTTP (`initialize` was answered with HTTP {status}) nor HTTP+SSE ({message})"
        ))),
        connected => connected,
    }
}

/// Opens the stream and waits for the event that says where messages go.
async fn open(
    target: &Target,
    headers: &HeaderMap,
    options: &ConnectOptions,
) -> Result<(Events, Target), ConnectError> {
    let mut headers = headers.clone();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
    let answer = SignedRelay::new(Relay::new(target.clone()), options.sign_in.clone())
        .send(Method::GET, headers, Payload::default())
        .await
        .map_err(|error| error.to_connect_error(&options.server))?;
    if let Some(error) = outage(&answer) {
        return Err(error);
    }
    if !answer.status().is_success() || !is_event_stream(&answer) {
        let status = answer.status().as_u16();
        return Err(ConnectError::handshake(format!("GET was answered with HTTP {status} and no event stream")));
    }
    let mut events = Events::new(answer, options.frame_bytes_max);
    let endpoint = events.endpoint().await?;
    let endpoint = target
        .join(&endpoint)
        .map_err(|error| ConnectError::handshake(format!("its `endpoint` event cannot be followed: {error}")))?;
    Ok((events, endpoint))
}
