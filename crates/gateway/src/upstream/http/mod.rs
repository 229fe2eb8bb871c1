//! Servers behind streamable HTTP: each message is a POST, answered by JSON or by an event stream
//! (protocol.md sections 1.3, 1.5 and 1.22).

mod date;
mod events;
mod link;
mod session;

pub(super) use events::is_event_stream;
pub(super) use link::{DRAIN_BYTES_MAX, HttpLink, drain};

use super::connection::Link;
use super::core::Core;
use super::discover::{self, Verdict};
use super::signed::SignedRelay;
use super::{ConnectError, ConnectOptions, Connection, EraChoice, Handshake, UpstreamEvent, wire};
use ::http::{HeaderMap, HeaderName, HeaderValue, header};
use outbound::relay::{Relay, Target};
use protocol::{Era, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Shakes hands with the server at `url`, finding out the era where it is not declared.
///
/// # Errors
/// Why there is no connection.
pub async fn connect_http(
    url: &str,
    headers: Vec<(HeaderName, SecretString)>,
    options: ConnectOptions,
    events: mpsc::Sender<UpstreamEvent>,
) -> Result<Connection, ConnectError> {
    let target = Target::parse(url).map_err(ConnectError::unreachable)?.within(options.connect_timeout);
    let limit = options.startup_timeout;
    let relay = SignedRelay::new(Relay::new(target), options.sign_in.clone());
    let link = HttpLink::new(Core::new(options, events), relay, base_headers(headers)?);
    let agreed = timeout(limit, agree(&link)).await;
    let handshake = agreed.unwrap_or(Err(ConnectError::Timeout { seconds: limit.as_secs().max(1) }))?;
    link.core.agree(&handshake);
    Ok(Connection::new(Link::Http(link), handshake))
}

/// What every request carries; the entry's own headers come last and win.
pub(super) fn base_headers(own: Vec<(HeaderName, SecretString)>) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::with_capacity(8 + own.len());
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("switchboard/", env!("CARGO_PKG_VERSION"))));
    for (name, secret) in own {
        let mut value = HeaderValue::from_str(secret.expose_secret())
            .map_err(|_| ConnectError::handshake(format!("the value of its header `{name}` cannot be sent")))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

async fn agree(link: &HttpLink) -> Result<Handshake, ConnectError> {
    let options = &link.core.options;
    match (options.era, options.remembered) {
        (EraChoice::Legacy, _) => link.initialize(0).await,
        (EraChoice::Modern, _) => match probe(link).await? {
            Verdict::Modern(handshake) => Ok(handshake),
            Verdict::Refused(error) => Err(error),
            Verdict::Legacy => {
                Err(ConnectError::handshake("it does not answer `server/discover` as a modern server does"))
            }
        },
        (EraChoice::Auto, Some(Era::Legacy)) => match link.initialize(0).await {
            Err(error @ (ConnectError::Handshake { .. } | ConnectError::NotStreamable { .. })) => {
                match probe(link).await? {
                    Verdict::Modern(handshake) => Ok(handshake),
                    _ => Err(error),
                }
            }
            agreed => agreed,
        },
        (EraChoice::Auto, _) => match probe(link).await? {
            Verdict::Modern(handshake) => Ok(handshake),
            Verdict::Refused(error) => Err(error),
            Verdict::Legacy => link.initialize(0).await,
        },
    }
}

/// Asks `server/discover` in the modern way. Outages and missing credentials say nothing about
/// the era.
async fn probe(link: &HttpLink) -> Result<Verdict, ConnectError> {
    let id = link.core.next_id();
    let params = protocol::Object::new();
    let out = wire::request(Era::Modern, id, "server/discover", &params, &link.core.own);
    let answer =
        link.post(link.modern_headers("server/discover", &params), out).await.map_err(|error| link.refused(&error))?;
    let status = answer.status();
    if let Some(error) = outage(&answer) {
        return Err(error);
    }
    match link.hear(answer, id, None).await {
        Ok(Some(reply)) => Ok(discover::judge(&reply, Some(status.as_u16()))),
        Err(error) if error.kind == ErrorKind::UpstreamGone => Err(ConnectError::unreachable(error)),
        Ok(None) | Err(_) => Ok(Verdict::Legacy),
    }
}

/// What no handshake can go on from.
pub(super) fn outage(answer: &outbound::relay::Answer) -> Option<ConnectError> {
    match answer.status().as_u16() {
        status @ (401 | 403) => Some(ConnectError::Unauthorized { status }),
        status @ 500..=599 => Some(ConnectError::unreachable(format_args!("it answered with HTTP {status}"))),
        status @ 300..=399 => {
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            Some(ConnectError::handshake(format!("it redirects (HTTP {status}) to {to}; use that URL if you trust it")))
        }
        _ => None,
    }
}
