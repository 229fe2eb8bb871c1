//! The HTTP listener: `/mcp`, `/mcp/<server>` and `/health`, for clients of every revision.
//!
//! Which era a request belongs to is decided here, by the table of protocol.md section 1.22;
//! what each era then asks for is in `modern.rs`, `legacy.rs` and `session.rs`.

use super::body::AnswerBody;
use super::doorkeeper::{DoorSettings, Doorkeeper};
use super::drive::{Abandoned, Drive};
use super::edge::Exchange;
use super::legacy::{SessionLimits, Sessions};
use super::modern;
use super::respond::{self, Answer};
use super::session::{Next, Session};
use crate::{Door, Gateway, Scope};
use bytes::{Bytes, BytesMut};
use config::Limits;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use protocol::{
    Era, Error, ErrorKind, Id, Message, Notifier, ParseLimits, Principal, Request, Service, Version, header,
    parse_client,
};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long accepting rests after the system refused a connection, so that it is not asked in a circle.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The HTTP listener of a gateway.
pub struct Http {
    socket: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    gateway: Arc<Gateway>,
    all: Arc<dyn Service>,
    doorkeeper: Doorkeeper,
    sessions: Sessions,
    session_limits: SessionLimits,
    parse_limits: ParseLimits,
    queue_max: usize,
    connections_max: usize,
}

/// Tells how many sessions a listener holds.
#[derive(Clone)]
pub struct SessionCount(Arc<Shared>);

impl SessionCount {
    /// Sessions of legacy clients, now.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.sessions.len()
    }
}

impl Http {
    /// A listener on `socket`.
    #[must_use]
    pub fn new(socket: TcpListener, gateway: Arc<Gateway>, settings: DoorSettings, limits: &Limits) -> Self {
        let shared = Shared {
            all: Arc::new(Door::new(gateway.clone(), Scope::All)),
            gateway,
            doorkeeper: Doorkeeper::new(settings),
            sessions: Sessions::default(),
            session_limits: SessionLimits { sessions_max: limits.sessions_max, idle_max: limits.session_idle_timeout },
            parse_limits: ParseLimits {
                bytes_max: limits.body_bytes_max,
                depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
            },
            queue_max: limits.session_queue_max,
            connections_max: limits.connections_max,
        };
        Self { socket, shared: Arc::new(shared) }
    }

    /// The address it listens on.
    ///
    /// # Errors
    /// Those of the system.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// To ask later how many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> SessionCount {
        SessionCount(self.shared.clone())
    }

    /// Serves until `shutdown`, then lets calls in flight end; returns when all connections have
    /// closed. Whoever drains puts a limit on the time.
    pub async fn serve(self, shutdown: CancellationToken) {
        let places = Arc::new(Semaphore::new(self.shared.connections_max));
        let connections = TaskTracker::new();
        loop {
            let place = tokio::select! {
                () = shutdown.cancelled() => break,
                place = places.clone().acquire_owned() => place,
            };
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (shared, shutdown) = (self.shared.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _place = place;
                        serve_connection(stream, shared, shutdown).await;
                    });
                }
                // Out of file descriptors, most likely: the next connection may fare better.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        self.shared.sessions.end_streams();
        connections.close();
        connections.wait().await;
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>, shutdown: CancellationToken) {
    // Without it small answers wait for an acknowledgement: 40 ms instead of 0.2 ms.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // A client that hangs up in the middle is no event worth a line.
        _ = &mut connection => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

impl Shared {
    async fn answer(&self, request: HttpRequest<Incoming>) -> Answer {
        let principal = match self.doorkeeper.admit(request.headers()) {
            Ok(principal) => principal,
            Err(error) => return respond::refuse(None, error),
        };
        if request.uri().path() == "/health" {
            return self.health();
        }
        let Some(service) = self.endpoint(request.uri().path()) else {
            let error = Error::new(ErrorKind::UnknownEndpoint, format!("there is nothing at {}", request.uri().path()));
            return respond::refuse(
                None,
                error.hint("the endpoints are /mcp, /mcp/<server> and /health; see: switchboard list"),
            );
        };
        match *request.method() {
            Method::POST => self.post(request, principal, service).await,
            Method::GET => self.get(&request, &principal),
            Method::DELETE => self.delete(&request, &principal),
            _ => respond::refuse(
                None,
                Error::new(ErrorKind::MethodNotAllowed, "the endpoint serves POST, GET and DELETE"),
            ),
        }
    }

    fn health(&self) -> Answer {
        let draining = self.gateway.is_draining();
        let mut out = protocol::Output::default();
        out.push_str(if draining { "{\"status\":\"draining\"}" } else { "{\"status\":\"ok\"}" });
        respond::json(out, if draining { 503 } else { 200 })
    }

    fn endpoint(&self, path: &str) -> Option<Arc<dyn Service>> {
        let rest = path.strip_prefix("/mcp")?;
        match rest.strip_prefix('/') {
            None if rest.is_empty() => Some(self.all.clone()),
            Some("") => Some(self.all.clone()),
            Some(name) => {
                let scope = Scope::Server(name.into());
                self.gateway.view(&scope).map(|_| Arc::new(Door::new(self.gateway.clone(), scope)) as Arc<dyn Service>)
            }
            None => None,
        }
    }

    async fn post(&self, request: HttpRequest<Incoming>, principal: Principal, service: Arc<dyn Service>) -> Answer {
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
            Err(error) => {
                let id = error.id.clone();
                return respond::refuse(id, Error { kind: bad_status(&error.clone().into()), ..error.into() });
            }
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
                self.modern(message, version, &parts.headers, principal, service).await
            }
            Some(version) if Version::parse(version).is_none() => {
                respond::refuse(id_of(&message), modern::unsupported_version(version))
            }
            _ => match modern_without_header(&message) {
                Some(refusal) => refusal,
                None => self.legacy(message, &parts.headers, parts.uri.path(), principal, service).await,
            },
        }
    }

    /// The whole body, within the limit.
    async fn read(&self, headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, Error> {
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
        version: &str,
        headers: &HeaderMap,
        principal: Principal,
        service: Arc<dyn Service>,
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
        match self.modern_call(request, version, headers, principal, &service) {
            Ok((drive, exchange)) => respond::to_call(drive, exchange).await,
            Err(error) => respond::refuse(Some(id), error),
        }
    }

    fn modern_call(
        &self,
        request: Request,
        version: &str,
        headers: &HeaderMap,
        principal: Principal,
        service: &Arc<dyn Service>,
    ) -> Result<(Drive, Exchange), Error> {
        if Version::parse(version).is_none() {
            return Err(modern::unsupported_version(version));
        }
        modern::check_headers(headers, &request)?;
        let param_headers = modern::param_headers(headers)?;
        let exchange = Exchange { id: request.id.clone(), method: request.method.clone(), era: Era::Modern };
        let notifier = Notifier::bounded(self.queue_max);
        let call = modern::call(request, principal, notifier.clone(), Some(param_headers))?;
        Ok((Drive::new(service.call(call), notifier, Abandoned::Cancel), exchange))
    }

    async fn legacy(
        &self,
        message: Message,
        headers: &HeaderMap,
        path: &str,
        principal: Principal,
        service: Arc<dyn Service>,
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
                match session.request(request) {
                    Next::Call(drive) => respond::to_call(drive, exchange).await,
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
            Message::Response(_) => respond::empty(StatusCode::ACCEPTED),
        }
    }

    async fn initialize(
        &self,
        request: &Request,
        path: &str,
        principal: Principal,
        service: Arc<dyn Service>,
    ) -> Answer {
        let opened = Session::open(request, principal, service, self.queue_max).await;
        let kept = opened
            .and_then(|(session, result)| Ok((self.sessions.insert(session, path, self.session_limits)?, result)));
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

    fn get(&self, request: &HttpRequest<Incoming>, principal: &Principal) -> Answer {
        if is_modern(request.headers()) {
            return respond::refuse(
                None,
                Error::new(ErrorKind::MethodNotAllowed, "2026-07-28 has no GET stream")
                    .hint("send subscriptions/listen"),
            );
        }
        match self.session(request.headers(), request.uri().path(), principal) {
            Ok((_, session)) => respond::stream(AnswerBody::session(session.stream())),
            Err(error) => respond::refuse(None, error),
        }
    }

    fn delete(&self, request: &HttpRequest<Incoming>, principal: &Principal) -> Answer {
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

fn check_content(headers: &HeaderMap) -> Result<(), Error> {
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
