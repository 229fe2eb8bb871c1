//! The session of a legacy server: opened, renewed when the server forgot it, deleted at the end;
//! and the stream on which the server speaks unasked.

use super::link::{HttpLink, drain};
use super::outage;
use crate::upstream::listen::Backoff;
use crate::upstream::signed::SendError;
use crate::upstream::{ConnectError, Handshake, UpstreamEvent, discover, wire};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode, header as names};
use outbound::relay::Payload;
use protocol::{Era, Error, ErrorKind, LogLevel, Notification, Object, Output, Raw, Version, header};
use std::sync::Arc;
use std::time::Duration;

/// How long a call waits for the log level to be set.
const SET_LEVEL_MAX: Duration = Duration::from_secs(2);
/// How long the first call waits for the session's stream.
const STREAM_MAX: Duration = Duration::from_secs(1);
/// How long the end of a session may take.
const DELETE_MAX: Duration = Duration::from_secs(2);

/// What a legacy server gave us to show with every request.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) id: Option<HeaderValue>,
    version: Option<HeaderValue>,
    /// Counts the sessions of this connection.
    pub(super) generation: u64,
}

impl HttpLink {
    pub(super) fn legacy_headers(&self, session: &Session) -> HeaderMap {
        let mut headers = self.base.clone();
        if let Some(version) = &session.version {
            headers.insert(header::PROTOCOL_VERSION, version.clone());
        }
        if let Some(id) = &session.id {
            headers.insert(header::SESSION_ID, id.clone());
        }
        headers
    }

    /// Opens a session.
    pub(super) async fn initialize(&self, generation: u64) -> Result<Handshake, ConnectError> {
        let id = self.core.next_id();
        let out = wire::request(
            Era::Legacy,
            id,
            "initialize",
            &wire::initialize_params(self.core.options.kinds),
            &self.core.own,
        );
        let answer = self.post(self.base.clone(), out).await.map_err(|error| self.refused(&error))?;
        if let Some(error) = outage(&answer) {
            return Err(error);
        }
        let status = answer.status();
        let session_id = answer.headers().get(header::SESSION_ID).cloned();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            drain(answer).await;
            return Err(ConnectError::NotStreamable { status: status.as_u16() });
        }
        let heard = self.hear(answer, id, None).await.map_err(ConnectError::handshake_of)?;
        let Some(reply) = heard else {
            return Err(match status.as_u16() {
                status @ (400 | 404) => ConnectError::NotStreamable { status },
                status => ConnectError::handshake(format!(
                    "`initialize` was answered with HTTP {status} and no JSON-RPC message"
                )),
            });
        };
        let handshake = discover::initialized(reply)?;
        let sends_version = handshake.version >= Version::V2025_06_18;
        let session = Arc::new(Session {
            id: session_id,
            version: sends_version.then(|| HeaderValue::from_static(handshake.version.as_str())),
            generation,
        });
        let mut out = Output::default();
        Notification::new("notifications/initialized", None).write(&mut out);
        let answer = self.post(self.legacy_headers(&session), out).await.map_err(|error| self.refused(&error))?;
        drain(answer).await;
        self.session.store(session);
        Ok(handshake)
    }

    /// Opens a new session in place of the one that the server forgot; one at a time.
    pub(super) async fn renew(&self, forgotten: u64) -> Result<(), Error> {
        let _turn = self.renewing.lock().await;
        if self.session.load().generation != forgotten {
            return Ok(());
        }
        self.initialize(forgotten + 1).await.map_err(|error| {
            let message = format!("server `{}` forgot our session and gave no new one: {error}", self.core.server());
            let signed_out = matches!(error, ConnectError::NeedsAuth { .. });
            let kind = if signed_out { ErrorKind::NeedsAuth } else { ErrorKind::UpstreamDown };
            Error::new(kind, message).hint(error.hint().to_owned())
        })?;
        self.core.forget_level();
        self.core.report(UpstreamEvent::SessionRenewed);
        self.renewed.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Sets the session's log level.
    pub(super) async fn set_level(&self, level: LogLevel) {
        let params: Object = [("level", Raw::of(level.as_str()))].into_iter().collect();
        let id = self.core.next_id();
        let out = wire::request(Era::Legacy, id, "logging/setLevel", &params, &self.core.own);
        let headers = self.legacy_headers(&self.session.load());
        // A session that cannot be told sends what it likes; each call filters by its own level.
        let _ = tokio::time::timeout(SET_LEVEL_MAX, async {
            if let Ok(answer) = self.post(headers, out).await {
                let _ = self.hear(answer, id, None).await;
            }
        })
        .await;
    }

    /// Ends the session, when there is one.
    pub(in crate::upstream) async fn close(&self) {
        let session = self.session.load_full();
        if session.id.is_none() {
            return;
        }
        // A server that does not hear it forgets the session in its own time.
        let _ = tokio::time::timeout(DELETE_MAX, async {
            if let Ok(answer) =
                self.relay.send_once(Method::DELETE, self.legacy_headers(&session), Payload::default()).await
            {
                drain(answer).await;
            }
        })
        .await;
    }

    /// Keeps the stream open on which a legacy server speaks unasked, where it has one.
    pub(in crate::upstream) async fn hold_stream(self: Arc<Self>) {
        let mut backoff = Backoff::new();
        loop {
            backoff.opened();
            let session = self.session.load_full();
            let opened = self.get(&session, None).await;
            self.streaming.cancel();
            match opened {
                Err(error) if error.ends_all() => {
                    // The owner is told, and ends this with the rest.
                    let _ = self.failed(&error);
                    return;
                }
                Err(_) => {}
                Ok(answer) => match answer.status() {
                    StatusCode::NOT_FOUND if session.id.is_some() => {
                        drain(answer).await;
                        // The next round tells whether it helped.
                        let _ = self.renew(session.generation).await;
                    }
                    status if status.is_success() => {
                        // However it ends, it is opened again.
                        let _ = self.hear_stream(answer).await;
                    }
                    status if status.is_server_error() => drain(answer).await,
                    // No stream here (405), or not for us.
                    _ => return,
                },
            }
            backoff.pause().await;
        }
    }

    /// Waits, shortly and once, until the stream is open or refused: some servers put the questions
    /// of a call on it, and lose them when nobody listens.
    pub(super) async fn until_streaming(&self) {
        if self.core.era() == Era::Legacy && !self.streaming.is_cancelled() {
            // A server that says nothing before it has something to say must not hold calls up.
            let _ = Box::pin(tokio::time::timeout(STREAM_MAX, self.streaming.cancelled())).await;
            self.streaming.cancel();
        }
    }

    /// Opens the stream, after the event `after` where one is named.
    pub(super) async fn get(
        &self,
        session: &Session,
        after: Option<&str>,
    ) -> Result<outbound::relay::Answer, SendError> {
        let mut headers = self.legacy_headers(session);
        headers.remove(names::CONTENT_TYPE);
        headers.insert(names::ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(after) = after.and_then(|after| HeaderValue::from_str(after).ok()) {
            headers.insert("last-event-id", after);
        }
        self.relay.send(Method::GET, headers, Payload::default()).await
    }
}

impl ConnectError {
    fn handshake_of(error: Error) -> Self {
        match error.kind {
            ErrorKind::UpstreamGone | ErrorKind::UpstreamDown => Self::unreachable(error),
            _ => Self::handshake(error.message),
        }
    }
}
