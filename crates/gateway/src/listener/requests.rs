//! What is done with one HTTP request to an MCP endpoint, by method and era (protocol.md sections
//! 1.3 and 1.22). Which endpoint it is, and whether it may come in at all, is decided before.

use super::body::AnswerBody;
use super::drive::{Abandoned, Drive};
use super::edge::Exchange;
use super::events;
use super::http::Shared;
use super::modern;
use super::respond::{self, Answer};
use super::session::{Next, Session, fresh_key};
use super::work::Work;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request as HttpRequest, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use protocol::{
    Came, Era, Error, ErrorKind, Id, Message, Notifier, ParseError, ParseReason, Principal, Request, Service, Version,
    header, parse_client, split_batch,
};
use std::sync::Arc;

impl Shared {
    pub(super) async fn post(
        &self,
        request: HttpRequest<Incoming>,
        principal: Principal,
        service: Arc<dyn Service>,
        came: Came,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        if let Err(error) = check_content(&parts.headers) {
            return respond::refuse(None, error);
        }
        let body = match self.read(&parts.headers, body).await {
            Ok(body) => body,
            Err(error) => return respond::refuse(None, error),
        };
        let message = match parse_client(&body, self.parse_limits) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error, body, &parts.headers, parts.uri.path(), &principal).await,
        };
        let version = match parts.headers.get(header::PROTOCOL_VERSION).map(HeaderValue::to_str) {
            None => None,
            Some(Ok(version)) => Some(version.trim()),
            Some(Err(_)) => {
                return respond::refuse(
                    None,
                    Error::new(ErrorKind::HeaderMismatch, "the header `mcp-protocol-version` is not text"),
                );
            }
        };
        match version {
            Some(version) if Version::is_modern_date(version) => {
                self.modern(message, (version, &parts.headers), principal, service, came).await
            }
            Some(version) if Version::parse(version).is_none() => {
                respond::refuse(id_of(&message), modern::unsupported_version(version))
            }
            _ => match modern_without_header(&message) {
                Some(refusal) => refusal,
                None => self.legacy(message, (&parts.headers, parts.uri.path()), principal, service, came).await,
            },
        }
    }

    /// What is no message: a batch, where its session may send one, or an error.
    async fn unreadable(
        &self,
        error: ParseError,
        body: Bytes,
        headers: &HeaderMap,
        path: &str,
        principal: &Principal,
    ) -> Answer {
        let refusal = || {
            let id = error.id.clone();
            respond::refuse(id, Error { kind: bad_status(&error.clone().into()), ..error.clone().into() })
        };
        if !matches!(error.reason, ParseReason::Batch | ParseReason::Outcome)
            || is_modern(headers)
            || !headers.contains_key(header::SESSION_ID)
        {
            return refusal();
        }
        let session = match self.session(headers, path, principal) {
            Ok((_, session)) => session,
            Err(error) => return respond::refuse(None, error),
        };
        match (&error.reason, &error.id) {
            (ParseReason::Batch, _) if session.may_batch() => {}
            (ParseReason::Outcome, Some(id)) => {
                session.spoiled(id.clone());
                return refusal();
            }
            _ => return refusal(),
        }
        match split_batch(&body, self.parse_limits.depth_max, session.limits.batch_max) {
            Err(error) => respond::refuse(None, error.into()),
            Ok(items) => {
                let work = Work::batch(&session, items, self.parse_limits);
                if work.is_empty() {
                    return respond::empty(StatusCode::ACCEPTED);
                }
                respond::to_batch(&session, work).await
            }
        }
    }

    /// The whole body, within the limit.
    pub(super) async fn read(&self, headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, Error> {
        let bytes_max = self.parse_limits.bytes_max;
        let too_large = || {
            let message = format!("the body is larger than {bytes_max} bytes (limit `body_bytes_max`)");
            Error::new(ErrorKind::TooLarge, message).hint("raise limits.body_bytes_max if such requests are meant")
        };
        let announced = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        if announced.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large());
        }
        let mut whole = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Error::new(ErrorKind::BadHttp, "the body ended before it was complete").cause(error)
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.is_empty() && joined.is_empty() {
                whole = data;
                if body.is_end_stream() {
                    break;
                }
                continue;
            }
            if joined.is_empty() {
                joined.reserve(announced.unwrap_or(whole.len() + data.len()).min(bytes_max));
                joined.extend_from_slice(&whole);
            }
            joined.extend_from_slice(&data);
            if joined.len() > bytes_max {
                return Err(too_large());
            }
        }
        if whole.len() > bytes_max {
            return Err(too_large());
        }
        Ok(if joined.is_empty() { whole } else { joined.freeze() })
    }

    async fn modern(
        &self,
        message: Message,
        head: (&str, &HeaderMap),
        principal: Principal,
        service: Arc<dyn Service>,
        came: Came,
    ) -> Answer {
        let request = match message {
            Message::Request(request) => request,
            Message::Notification(_) => return respond::empty(StatusCode::ACCEPTED),
            Message::Response(_) => {
                let error = Error::new(ErrorKind::InvalidRequest, "clients send no responses in 2026-07-28")
                    .hint("answers to questions go into `inputResponses` of a retry");
                return respond::refuse(None, error);
            }
        };
        let id = request.id.clone();
        match self.modern_call(request, head, principal, &service, came) {
            Ok((drive, exchange)) => respond::to_call(drive, exchange).await,
            Err(error) => respond::refuse(Some(id), error),
        }
    }

    fn modern_call(
        &self,
        request: Request,
        (version, headers): (&str, &HeaderMap),
        principal: Principal,
        service: &Arc<dyn Service>,
        came: Came,
    ) -> Result<(Drive, Exchange), Error> {
        if Version::parse(version).is_none() {
            return Err(modern::unsupported_version(version));
        }
        modern::check_headers(headers, &request)?;
        let param_headers = modern::param_headers(headers)?;
        let exchange = Exchange { id: request.id.clone(), method: request.method.clone(), era: Era::Modern };
        let notifier = Notifier::bounded(self.dialogue.queue_max);
        let mut call = modern::call(request, principal, notifier.clone(), Some(param_headers))?;
        call.context.came = came;
        Ok((Drive::new(service.call(call), notifier, Abandoned::Cancel), exchange))
    }

    async fn legacy(
        &self,
        message: Message,
        (headers, path): (&HeaderMap, &str),
        principal: Principal,
        service: Arc<dyn Service>,
        came: Came,
    ) -> Answer {
        if let Message::Request(request) = &message
            && request.method == *"initialize"
        {
            return self.initialize(request, path, principal, service).await;
        }
        let session = match self.session(headers, path, &principal) {
            Ok((_, session)) => session,
            Err(error) => {
                return respond::refuse(id_of(&message), error);
            }
        };
        match message {
            Message::Request(request) => {
                let exchange = Exchange { id: request.id.clone(), method: request.method.clone(), era: Era::Legacy };
                match session.request(request, came) {
                    Next::Call(drive) => respond::to_session_call(&session, drive, exchange).await,
                    Next::Answered(reply) => {
                        let (response, status) = exchange.response(reply);
                        respond::message(&response, status)
                    }
                }
            }
            Message::Notification(notification) => {
                session.notify(&notification);
                respond::empty(StatusCode::ACCEPTED)
            }
            Message::Response(response) => {
                session.answered(response);
                respond::empty(StatusCode::ACCEPTED)
            }
        }
    }

    async fn initialize(
        &self,
        request: &Request,
        path: &str,
        principal: Principal,
        service: Arc<dyn Service>,
    ) -> Answer {
        let opened = Session::open(request, principal, service, self.dialogue, fresh_key()).await;
        let kept = opened.and_then(|(session, result)| Ok((self.sessions.insert(session, path, self.room())?, result)));
        let exchange = Exchange { id: request.id.clone(), method: request.method.clone(), era: Era::Legacy };
        match kept {
            Err(error) => respond::refuse(Some(request.id.clone()), error),
            Ok((session_id, result)) => {
                let (response, status) = exchange.response(Ok(result));
                let mut answer = respond::message(&response, status);
                if let Ok(session_id) = HeaderValue::from_str(&session_id) {
                    answer.headers_mut().insert(header::SESSION_ID, session_id);
                }
                answer
            }
        }
    }

    fn session(&self, headers: &HeaderMap, path: &str, principal: &Principal) -> Result<(String, Arc<Session>), Error> {
        let missing = || {
            Error::new(ErrorKind::MissingSession, "the header `mcp-session-id` is missing")
                .hint("initialize first, or speak 2026-07-28 with its headers")
        };
        let id = headers.get(header::SESSION_ID).ok_or_else(missing)?.to_str().map_err(|_| missing())?;
        let session = self.sessions.find(id, principal, path, self.session_limits)?;
        Ok((id.to_owned(), session))
    }

    pub(super) fn get(&self, request: &HttpRequest<Incoming>, principal: &Principal) -> Answer {
        if is_modern(request.headers()) {
            return respond::refuse(
                None,
                Error::new(ErrorKind::MethodNotAllowed, "2026-07-28 has no GET stream")
                    .hint("send subscriptions/listen"),
            );
        }
        let opened = self
            .session(request.headers(), request.uri().path(), principal)
            .and_then(|(_, session)| events_of(&session, request.headers()));
        match opened {
            Ok(body) => respond::stream(body),
            Err(error) => respond::refuse(None, error),
        }
    }

    pub(super) fn delete(&self, request: &HttpRequest<Incoming>, principal: &Principal) -> Answer {
        if is_modern(request.headers()) {
            return respond::refuse(
                None,
                Error::new(ErrorKind::MethodNotAllowed, "2026-07-28 has no sessions to delete"),
            );
        }
        match self.session(request.headers(), request.uri().path(), principal) {
            Ok((id, _)) => {
                self.sessions.remove(&id);
                respond::empty(StatusCode::NO_CONTENT)
            }
            Err(error) => respond::refuse(None, error),
        }
    }
}

/// The session's own stream, or the one that the client comes back to.
fn events_of(session: &Arc<Session>, headers: &HeaderMap) -> Result<AnswerBody, Error> {
    let last = headers.get(header::LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?").trim());
    let Some(last) = last.filter(|last| !last.is_empty()) else { return Ok(AnswerBody::session(session.events())) };
    match events::parse_id(last)? {
        (events::OUTSIDE, number) => Ok(AnswerBody::session(session.events_after(number)?)),
        (stream, number) => Ok(AnswerBody::events(session.log.resume(stream, number)?)),
    }
}

fn id_of(message: &Message) -> Option<Id> {
    if let Message::Request(request) = message { Some(request.id.clone()) } else { None }
}

fn is_modern(headers: &HeaderMap) -> bool {
    headers.get(header::PROTOCOL_VERSION).and_then(|value| value.to_str().ok()).is_some_and(Version::is_modern_date)
}

/// A body that speaks modern under a header that does not gets told which header is missing.
fn modern_without_header(message: &Message) -> Option<Answer> {
    let Message::Request(request) = message else { return None };
    let modern = modern::version_in(request.params.as_ref()).is_some_and(|version| Version::is_modern_date(&version));
    if !modern && request.method != *"server/discover" {
        return None;
    }
    let error = Error::new(
        ErrorKind::HeaderMismatch,
        "the body speaks 2026-07-28 but the header `mcp-protocol-version` does not say so",
    );
    Some(respond::refuse(
        Some(request.id.clone()),
        error.hint("send MCP-Protocol-Version, Mcp-Method and Mcp-Name as headers"),
    ))
}

pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Error> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let json = text(CONTENT_TYPE).is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        return Err(Error::new(ErrorKind::BadHttp, "the body must be application/json")
            .hint("send the header Content-Type: application/json"));
    }
    let accepts = text(ACCEPT).is_none_or(|value| {
        value.contains("application/json") || value.contains("text/event-stream") || value.contains("*/*")
    });
    if accepts {
        return Ok(());
    }
    Err(Error::new(ErrorKind::BadHttp, "the Accept header allows neither application/json nor text/event-stream"))
}

/// What cannot be read at all is always answered with a status, in either era.
fn bad_status(error: &Error) -> ErrorKind {
    match error.kind {
        ErrorKind::InvalidParams => ErrorKind::MissingMeta,
        kind => kind,
    }
}
