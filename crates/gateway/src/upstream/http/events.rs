//! What comes back on a request: one JSON message, or an event stream with the answer as one of
//! its events.

use super::link::HttpLink;
use crate::upstream::core::{Route, progress_id};
use crate::upstream::{UpstreamEvent, failure};
use ::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures_util::FutureExt as _;
use outbound::relay::Answer;
use protocol::framing::SseDecoder;
use protocol::{Era, Error, Id, Message, Notification, Reply, parse_upstream};
use std::time::Duration;

/// How long the end of a stream is waited for once its answer is there, so that the connection
/// can be used again.
const TAIL_MAX: Duration = Duration::from_secs(2);
/// How often a broken stream is taken up again without any news on it.
const RESUMES_MAX: u32 = 5;
/// The pause before that, unless the server names another.
const RESUME_AFTER: Duration = Duration::from_secs(1);

/// Where a stream can be taken up again.
#[derive(Debug, Default)]
struct Position {
    last_id: Option<String>,
    retry: Option<Duration>,
    /// How often it was taken up since the last event.
    resumed: u32,
}

impl HttpLink {
    /// Reads the answer to the request `id`; `None` when the body holds no JSON-RPC message.
    pub(super) async fn hear(&self, answer: Answer, id: u64, route: Option<&Route>) -> Result<Option<Reply>, Error> {
        if is_event_stream(&answer) && answer.status().is_success() {
            return Ok(Some(Box::pin(self.hear_events(answer, id, route)).await));
        }
        let success = answer.status().is_success();
        let body = answer.collect(self.core.options.frame_bytes_max).await.map_err(|error| self.broken(&error))?;
        if body.is_empty() {
            return Ok(None);
        }
        match parse_upstream(&body, self.core.limits()) {
            Ok((Message::Response(response), dropped)) => {
                self.count(dropped);
                match (response.id.as_ref().map(Id::as_u64), &response.outcome) {
                    (Some(Some(found)), _) if found == id => Ok(Some(response.outcome)),
                    (_, Err(_)) => Ok(Some(response.outcome)),
                    _ => Err(failure::invalid(self.core.server(), "it answers another request")),
                }
            }
            Ok(_) if success => Err(failure::invalid(self.core.server(), "it is no response")),
            Err(error) if success => Err(failure::invalid(self.core.server(), &error.reason)),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    async fn hear_events(&self, mut answer: Answer, id: u64, route: Option<&Route>) -> Reply {
        let mut position = Position::default();
        loop {
            match self.read_events(&mut answer, Some(id), route, &mut position).await {
                Ok(Some(reply)) => {
                    keep(answer);
                    return reply;
                }
                Ok(None) => {}
                Err(error) if position.last_id.is_none() || error.kind != protocol::ErrorKind::UpstreamGone => {
                    return Err(error);
                }
                Err(_) => {}
            }
            answer = self.resume(&mut position).await?;
        }
    }

    /// A legacy server may end a stream before its answer; it goes on after the last event.
    async fn resume(&self, position: &mut Position) -> Result<Answer, Error> {
        let gone = || failure::gone(self.core.server());
        if self.core.era() == Era::Modern || position.last_id.is_none() {
            return Err(gone());
        }
        while position.resumed < RESUMES_MAX {
            position.resumed += 1;
            tokio::time::sleep(position.retry.unwrap_or(RESUME_AFTER)).await;
            let session = self.session.load_full();
            match self.get(&session, position.last_id.as_deref()).await {
                Ok(answer) if answer.status().is_success() && is_event_stream(&answer) => {
                    return Ok(answer);
                }
                Ok(answer) if !answer.status().is_server_error() => return Err(gone()),
                Ok(_) | Err(_) => {}
            }
        }
        Err(gone())
    }

    /// Reads a stream that belongs to no request, to its end.
    pub(super) async fn hear_stream(&self, mut answer: Answer) -> Result<(), Error> {
        self.read_events(&mut answer, None, None, &mut Position::default()).await.map(|_| ())
    }

    /// Reads events up to the answer to `id` or to the end of the stream.
    async fn read_events(
        &self,
        answer: &mut Answer,
        id: Option<u64>,
        route: Option<&Route>,
        position: &mut Position,
    ) -> Result<Option<Reply>, Error> {
        let bytes_max = self.core.options.frame_bytes_max;
        let mut decoder = SseDecoder::new(bytes_max);
        while let Some(chunk) = answer.chunk().await {
            decoder.feed(&chunk.map_err(|error| self.broken(&error))?);
            loop {
                let event = decoder.next_event().map_err(|error| {
                    self.core.report(UpstreamEvent::Oversize { bytes_max });
                    failure::invalid(self.core.server(), error)
                })?;
                let Some(event) = event else { break };
                if let Some(last_id) = event.id {
                    position.last_id = Some(last_id);
                }
                position.retry = event.retry_ms.map(Duration::from_millis).or(position.retry);
                position.resumed = 0;
                let is_message = event.event.is_empty() || event.event == "message";
                if !is_message || event.data.is_empty() {
                    continue;
                }
                if let Some(reply) = self.take_event_data(&event.data, id, route)? {
                    return Ok(Some(reply));
                }
            }
        }
        Ok(None)
    }

    fn take_event_data(&self, data: &Bytes, id: Option<u64>, route: Option<&Route>) -> Result<Option<Reply>, Error> {
        let message = match parse_upstream(data, self.core.limits()) {
            Ok((message, dropped)) => {
                self.count(dropped);
                message
            }
            Err(error) if id.is_some() && error.id.as_ref().and_then(Id::as_u64) == id => {
                return Err(failure::invalid(self.core.server(), &error.reason));
            }
            Err(_) => {
                self.count(1);
                return Ok(None);
            }
        };
        match message {
            Message::Response(response) => {
                let ours = match &response.id {
                    Some(found) => found.as_u64() == id,
                    None => response.outcome.is_err(),
                };
                Ok((id.is_some() && ours).then_some(response.outcome))
            }
            Message::Notification(notification) => {
                self.take_notification(notification, id, route);
                Ok(None)
            }
            Message::Request(request) => {
                self.core.take_request(request, route.and_then(Route::asker), self.responder());
                Ok(None)
            }
        }
    }

    fn take_notification(&self, notification: Notification, id: Option<u64>, route: Option<&Route>) {
        match (notification.method.as_str(), route) {
            ("notifications/progress", Some(route)) => {
                if progress_id(&notification) == id {
                    route.progress(notification);
                }
            }
            ("notifications/progress", None) => {}
            ("notifications/message", Some(route)) => route.log(notification),
            ("notifications/message", None) => self.log_aside(notification),
            _ => self.core.take_event(notification),
        }
    }

    /// A log message on the session's own stream is the only call's in flight, when there is just
    /// one (protocol.md section 2.2, row 11).
    fn log_aside(&self, notification: Notification) {
        let logging = self.logging();
        match logging.only() {
            Some(only) => only.log(notification),
            None => {
                drop(logging);
                self.core.take_event(notification);
            }
        }
    }

    fn count(&self, dropped: u32) {
        if dropped > 0 {
            self.core.report(UpstreamEvent::DroppedMembers(dropped));
        }
    }
}

pub(in crate::upstream) fn is_event_stream(answer: &Answer) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

/// Reads on to the end of a stream whose answer is there. It mostly is there already, or comes
/// with the next packet; only then a task waits for it.
fn keep(mut answer: Answer) {
    if matches!(answer.chunk().now_or_never(), Some(None | Some(Err(_)))) {
        return;
    }
    tokio::spawn(tokio::time::timeout(TAIL_MAX, super::link::drain(answer)));
}
