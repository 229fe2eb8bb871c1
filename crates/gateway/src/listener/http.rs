//! The HTTP listener: `/mcp`, `/mcp/<server>`, `/mcp/p/<profile>`, the same below `/sse`, and `/health`,
//! for clients of every revision.
//!
//! Connections and endpoints are this file's affair; what is done with one request is in
//! `requests.rs`.

use super::accepting::Accepting;
use super::beside::Beside;
use super::body::AnswerBody;
use super::dialogue::DialogueLimits;
use super::doorkeeper::{ANONYMOUS, DoorSettings, Doorkeeper};
use super::duplex::DuplexSettings;
use super::legacy::{SessionLimits, Sessions};
use super::respond::{self, Answer};
use super::sse::{self, Conversations};
use super::websocket::{self, Upgrades};
use crate::{Door, Gateway, Scope, trace};
use config::Limits;
use http::{HeaderMap, Method, Request as HttpRequest};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use protocol::{Came, Error, ErrorKind, ParseLimits, Principal, Service, TraceHeaders};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The HTTP listener of a gateway.
pub struct Http {
    socket: TcpListener,
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    /// Absent when the listener stands before one service.
    gateway: Option<Arc<Gateway>>,
    all: Arc<dyn Service>,
    doorkeeper: Doorkeeper,
    pub(super) sessions: Sessions,
    pub(super) session_limits: SessionLimits,
    pub(super) parse_limits: ParseLimits,
    /// Conversations over HTTP+SSE.
    pub(super) conversations: Arc<Conversations>,
    pub(super) dialogue: DialogueLimits,
    /// What WebSocket conversations are served with.
    pub(super) sockets: DuplexSettings,
    /// Whether only this machine can reach the listener.
    pub(super) on_loopback: bool,
    places: Arc<Semaphore>,
    /// What is served where no endpoint of MCP is.
    beside: OnceLock<Arc<dyn Beside>>,
}

/// Tells how many sessions a listener holds.
#[derive(Clone)]
pub struct SessionCount(Arc<Shared>);

impl SessionCount {
    /// Sessions of legacy clients, now; each conversation over HTTP+SSE is one.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.sessions.len() + self.0.conversations.len()
    }
}

impl Http {
    /// A listener on `socket`.
    #[must_use]
    pub fn new(socket: TcpListener, gateway: Arc<Gateway>, settings: DoorSettings, limits: &Limits) -> Self {
        let all = Arc::new(Door::new(gateway.clone(), Scope::All));
        Self::with(socket, all, Some(gateway), settings, limits)
    }

    /// A listener on `socket` whose only endpoint is `service`, at `/mcp`.
    #[must_use]
    pub fn before(socket: TcpListener, service: Arc<dyn Service>, settings: DoorSettings, limits: &Limits) -> Self {
        Self::with(socket, service, None, settings, limits)
    }

    fn with(
        socket: TcpListener,
        all: Arc<dyn Service>,
        gateway: Option<Arc<Gateway>>,
        settings: DoorSettings,
        limits: &Limits,
    ) -> Self {
        let shared = Shared {
            all,
            gateway,
            doorkeeper: Doorkeeper::new(settings),
            sessions: Sessions::default(),
            session_limits: SessionLimits { sessions_max: limits.sessions_max, idle_max: limits.session_idle_timeout },
            parse_limits: ParseLimits {
                bytes_max: limits.body_bytes_max,
                depth_max: u32::try_from(limits.depth_max).unwrap_or(u32::MAX),
            },
            conversations: Arc::default(),
            dialogue: DialogueLimits::of(limits),
            sockets: DuplexSettings::new(Principal::new(ANONYMOUS), limits),
            on_loopback: socket.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            places: Arc::new(Semaphore::new(limits.connections_max)),
            beside: OnceLock::new(),
        };
        Self { socket, shared: Arc::new(shared) }
    }

    /// Serves something beside MCP as well. What was said first counts.
    #[must_use]
    pub fn with_beside(self, beside: Arc<dyn Beside>) -> Self {
        // A second one would have to know of the first.
        let _ = self.shared.beside.set(beside);
        self
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

    /// The places of its connections, for listeners that share them.
    #[must_use]
    pub fn places(&self) -> Arc<Semaphore> {
        self.shared.places.clone()
    }

    /// Serves until `shutdown`, then lets calls in flight end; returns when all connections have
    /// closed. Whoever drains puts a limit on the time.
    pub async fn serve(self, shutdown: CancellationToken) {
        let places = self.places();
        let connections = TaskTracker::new();
        let mut accepting = Accepting::default();
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
                    accepting.worked();
                    let (shared, shutdown) = (self.shared.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _place = place;
                        serve_connection(stream, shared, shutdown).await;
                    });
                }
                Err(error) => accepting.refused(&error).await,
            }
        }
        drop(self.socket);
        self.shared.sessions.end_streams();
        self.shared.conversations.drain();
        connections.close();
        connections.wait().await;
    }
}

async fn serve_connection(stream: TcpStream, shared: Arc<Shared>, shutdown: CancellationToken) {
    // Without it small answers wait for an acknowledgement: 40 ms instead of 0.2 ms.
    let _ = stream.set_nodelay(true);
    let upgrades = Arc::new(Upgrades { conversations: TaskTracker::new(), shutdown: shutdown.clone() });
    let conversations = upgrades.conversations.clone();
    let service = hyper::service::service_fn(move |request| {
        let (shared, upgrades) = (shared.clone(), upgrades.clone());
        async move { Ok::<_, Infallible>(shared.answer(request, &upgrades).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let connection = connection.with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        // A client that hangs up in the middle is no event worth a line.
        _ = &mut connection => {}
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    conversations.close();
    conversations.wait().await;
}

impl Shared {
    async fn answer(&self, request: HttpRequest<Incoming>, upgrades: &Upgrades) -> Answer {
        let at = Instant::now();
        if let Some(beside) = self.beside.get().filter(|_| !is_of_mcp(request.uri().path())) {
            return match self.doorkeeper.admit_beside(&request) {
                Ok(()) => beside.answer(request).await.map(|body| AnswerBody::Beside(Box::new(body))),
                Err(error) => respond::refuse(None, error),
            };
        }
        let principal = match self.doorkeeper.admit(request.headers()) {
            Ok(principal) => principal,
            Err(error) => return respond::refuse(None, error),
        };
        match request.uri().path() {
            "/health" => return self.health(),
            sse::MESSAGES_PATH => return self.take_message(request, &principal).await,
            path => {
                if let Some(service) = self.endpoint(path, "/sse") {
                    return self.open_sse(&request, principal, service);
                }
            }
        }
        let Some(service) = self.endpoint(request.uri().path(), "/mcp") else {
            let error = Error::new(ErrorKind::UnknownEndpoint, format!("there is nothing at {}", request.uri().path()));
            let known = "the endpoints are /mcp, /mcp/<server>, /mcp/p/<profile>, the same below /sse, and /health; see: switchboard list";
            return respond::refuse(None, error.hint(known));
        };
        match *request.method() {
            Method::POST => {
                let came = self.came(at, request.headers());
                self.post(request, principal, service, came).await
            }
            Method::GET if websocket::is_wanted(request.headers()) => {
                self.upgrade(request, principal, service, upgrades)
            }
            Method::GET => self.get(&request, &principal),
            Method::DELETE => self.delete(&request, &principal),
            _ => respond::refuse(
                None,
                Error::new(ErrorKind::MethodNotAllowed, "the endpoint serves POST, GET and DELETE"),
            ),
        }
    }

    /// How a call comes in whose request came `at` this moment and has just been let in.
    fn came(&self, at: Instant, headers: &HeaderMap) -> Came {
        let admitted = Some(Instant::now().into_std());
        let is_traced = self.gateway.as_ref().is_some_and(|gateway| gateway.tracing.is_on());
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let trace = if is_traced { text(trace::PARENT) } else { None };
        let trace = trace.map(|parent| Arc::new(TraceHeaders { parent, state: text(trace::STATE) }));
        Came { at: Some(at.into_std()), admitted, trace, entered: None }
    }

    fn health(&self) -> Answer {
        let draining = self.gateway.as_ref().is_some_and(|gateway| gateway.is_draining());
        let mut out = protocol::Output::default();
        out.push_str(if draining { "{\"status\":\"draining\"}" } else { "{\"status\":\"ok\"}" });
        respond::json(out, if draining { 503 } else { 200 })
    }

    /// The limits of sessions that remain beside the conversations over HTTP+SSE.
    pub(super) fn room(&self) -> SessionLimits {
        let sessions_max = self.session_limits.sessions_max.saturating_sub(self.conversations.len());
        SessionLimits { sessions_max, ..self.session_limits }
    }

    /// What is served at `path`, below `root`.
    fn endpoint(&self, path: &str, root: &str) -> Option<Arc<dyn Service>> {
        match Scope::of_path(path.strip_prefix(root)?)? {
            Scope::All => Some(self.all.clone()),
            scope => {
                let gateway = self.gateway.as_ref().filter(|gateway| gateway.view(&scope).is_some())?;
                Some(Arc::new(Door::new(gateway.clone(), scope)))
            }
        }
    }
}

/// Whether a path is that of an endpoint of MCP, or would be if it had a server of that name.
fn is_of_mcp(path: &str) -> bool {
    let below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    path == "/health" || path == sse::MESSAGES_PATH || below("/mcp") || below("/sse")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beside_never_takes_an_endpoint_of_mcp() {
        for path in ["/mcp", "/mcp/", "/mcp/time", "/sse", "/sse/time", "/messages", "/health"] {
            assert!(is_of_mcp(path), "{path}");
        }
        for path in ["/", "/api/status", "/mcpx", "//mcp", "/%6dcp", "/metrics", "/ws", "/healthy"] {
            assert!(!is_of_mcp(path), "{path}");
        }
    }
}
