//! `GET /api/events?topics=a,b&server=&level=`: the same as over the WebSocket, as server-sent events. A
//! reader that comes back with `Last-Event-ID` gets what it missed, or a snapshot where too much or too
//! long ago was missed.

use super::hub::{Coming, Joined};
use super::topic::{Filter, Sight, Subscription};
use super::{Live, Ticket, sees_only};
use crate::access::Asker;
use crate::asked::Query;
use crate::{Control, Problem};
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use protocol::ErrorKind;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

/// How long nothing may be sent before a comment is: who has gone is found out by that.
const SILENCE_MAX: Duration = Duration::from_secs(90);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Topics with commas between: overview, servers, calls, logs, goals, memory, cache, catalog, history.
    topics: String,
    /// Only these servers, with commas between.
    #[serde(default)]
    server: String,
    /// Lines of logs that look at least this bad: trace, debug, info, warn, error.
    level: Option<String>,
}

/// A reader.
struct Reader {
    live: Live,
    sight: Sight,
    joined: Joined,
    shutdown: CancellationToken,
    _ticket: Ticket,
}

/// What happens, as server-sent events: snapshots, then what changes.
#[utoipa::path(get, path = "/api/events", params(Wanted, ("Last-Event-ID" = Option<String>, Header, description = "The last event that was read")), responses((status = OK, description = "Events", body = String, content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(control): State<Control>,
    asker: Asker,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ticket = control.live.ticket()?;
    let words = |text: &str| text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let filter = Filter { server: words(&wanted.server), level: wanted.level };
    let subscription = Subscription { topics: words(&wanted.topics), filter };
    let refused = |what: String| {
        let problem = Problem::new(ErrorKind::InvalidParams, what);
        problem.hint("name topics: /api/events?topics=overview,servers")
    };
    if subscription.topics.is_empty() {
        return Err(refused("no topic is named".to_owned()));
    }
    let (topics, sight) = subscription.read(sees_only(&asker)).map_err(refused)?;
    // Whatever is no number of ours is as good as none.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let coming = last.map_or(Coming::New, Coming::After);
    let joined = control.live.places.join(topics, sight.clone(), coming).await;
    let joined = joined.ok_or_else(|| Problem::new(ErrorKind::Draining, "the daemon is shutting down"))?;
    let shutdown = control.parts.shutdown.clone();
    let reader = Reader { live: control.live.clone(), sight, joined, shutdown, _ticket: ticket };
    let body = stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await?;
        Some((Ok::<_, Infallible>(chunk), reader))
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response())
}

// === impl Reader ===

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let first: Vec<u8> = self.joined.frames.drain(..).flat_map(|frame| frame.event()).collect();
            if !first.is_empty() {
                return Some(first.into());
            }
            let received = tokio::select! {
                () = self.shutdown.cancelled() => return None,
                received = timeout(SILENCE_MAX, self.joined.live.recv()) => received,
            };
            match received {
                Ok(Ok(frame)) if self.joined.topics.has(frame.topic) => return Some(frame.event()),
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(_))) => {
                    let topics = self.joined.topics;
                    self.joined = self.live.places.join(topics, self.sight.clone(), Coming::Resync).await?;
                }
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}
