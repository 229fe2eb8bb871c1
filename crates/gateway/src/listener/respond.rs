//! HTTP answers: statuses and headers around bodies.

use super::body::AnswerBody;
use super::drive::{Drive, Step};
use super::edge::Exchange;
use super::session::Session;
use super::work::Work;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response as HttpResponse, StatusCode};
use protocol::{Error, ErrorKind, Id, Message, Output, Response};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Answer = HttpResponse<AnswerBody>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A call of a client that can come back to its stream gets one after this time without an answer.
const STREAM_AFTER: Duration = Duration::from_secs(1);

/// Room for the envelope around a result.
const ENVELOPE_BYTES: usize = 512;

/// Waits for the first thing that happens in a call: an answer is JSON, anything before it opens
/// an event stream.
pub(super) async fn to_call(mut drive: Drive, exchange: Exchange) -> Answer {
    match drive.next().await {
        Step::Done(reply) => {
            let (response, status) = exchange.response(reply);
            message(&response, status)
        }
        first => stream(AnswerBody::call(drive, exchange, first)),
    }
}

/// The same for a legacy client, whose stream goes on when it hangs up.
pub(super) async fn to_session_call(session: &Arc<Session>, mut drive: Drive, exchange: Exchange) -> Answer {
    let step = if session.is_primed() {
        tokio::select! {
            biased;
            step = drive.next() => Some(step),
            () = tokio::time::sleep(STREAM_AFTER) => None,
        }
    } else {
        Some(drive.next().await)
    };
    let said = match step {
        Some(Step::Done(reply)) => {
            let (response, status) = exchange.response(reply);
            return message(&response, status);
        }
        Some(Step::Message(said)) => Some(said),
        None => None,
    };
    stream(AnswerBody::events(Work::one(drive, exchange, said).into_stream(session)))
}

/// The same for a batch: one array if there is nothing but responses, else an event stream.
pub(super) async fn to_batch(session: &Arc<Session>, mut work: Work) -> Answer {
    let mut responses = Vec::new();
    while let Some(message) = work.next().await {
        let more = !matches!(message, Message::Response(_));
        responses.push(message);
        if more {
            let reader = work.after(responses).into_stream(session);
            return stream(AnswerBody::events(reader));
        }
    }
    json(array(&responses), 200)
}

/// Messages as one array.
pub(super) fn array(messages: &[Message]) -> Output {
    let mut out = Output::with_capacity(ENVELOPE_BYTES * messages.len());
    for (index, message) in messages.iter().enumerate() {
        out.push(if index == 0 { b"[" } else { b"," });
        message.write(&mut out);
    }
    out.push(b"]");
    out
}

/// A response as JSON.
pub(super) fn message(response: &Response, status: u16) -> Answer {
    let mut out = Output::with_capacity(ENVELOPE_BYTES);
    response.write(&mut out);
    json(out, status)
}

/// JSON that is already written.
pub(super) fn json(out: Output, status: u16) -> Answer {
    let mut answer = HttpResponse::new(AnswerBody::message(out));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

/// An event stream.
pub(super) fn stream(body: AnswerBody) -> Answer {
    let mut answer = HttpResponse::new(body);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, EVENTS);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    answer
}

/// A status without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = HttpResponse::new(AnswerBody::empty());
    *answer.status_mut() = status;
    answer
}

/// A refusal, with the status of its kind.
pub(super) fn refuse(id: Option<Id>, error: Error) -> Answer {
    let status = error.status();
    let kind = error.kind;
    let mut answer = message(&Response { id, outcome: Err(error) }, status);
    match kind {
        ErrorKind::Unauthorized => {
            answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ErrorKind::MethodNotAllowed => {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST, GET, DELETE"));
        }
        _ => {}
    }
    answer
}
