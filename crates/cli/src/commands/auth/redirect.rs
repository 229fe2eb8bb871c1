//! Where the browser comes back to: one page on loopback, open until the right answer has come.
//!
//! Anything on this machine, and any page in a browser, can knock here. Only a GET of the one path
//! under the one name, with the `state` of this sign-in, is taken; nothing of it is repeated.

use crate::report::Report;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use outbound::oauth::Pending;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many connections are open at once; browsers open some that they never use.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may take to say what it wants.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);
const PATH: &str = "/callback";
const DONE: &str = "<!doctype html><title>Switchboard</title><p>Switchboard has its answer. You can close this page.";
const NOTHING: &str = "<!doctype html><title>Switchboard</title><p>There is nothing here.";

/// The listener.
pub(super) struct Landing {
    listener: TcpListener,
    port: u16,
}

impl Landing {
    /// Listens on `port` of loopback; where that is taken and not `fixed`, on any.
    ///
    /// # Errors
    /// When the port is taken.
    pub(super) async fn bind(port: u16, fixed: bool) -> Result<Self, Report> {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(_) if !fixed && port != 0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
            bound => bound,
        };
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?.port(), listener)));
        let (port, listener) = bound.map_err(|error| {
            Report::failed(format!("port {port} on 127.0.0.1 cannot be listened on"))
                .cause(error)
                .hint("end what uses it, or name another `redirect_port` that is registered for the client")
        })?;
        Ok(Self { listener, port })
    }

    /// The redirect URI.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The query of the answer to `pending`.
    ///
    /// # Errors
    /// When nobody can be let in any more.
    pub(super) async fn wait(self, pending: &Pending) -> Result<String, Report> {
        let (sender, mut queries) = mpsc::channel(CONNECTIONS_MAX);
        let mut open = JoinSet::new();
        let host = format!("127.0.0.1:{}", self.port);
        loop {
            tokio::select! {
                biased;
                query = queries.recv() => {
                    if let Some(Knock { query, answer }) = query {
                        let mine = pending.is_mine(&query);
                        // Who knocked may have left.
                        let _ = answer.send(mine);
                        if mine {
                            // The page that says so is still on its way.
                            let _ = tokio::time::timeout(HEADER_TIME_MAX, open.join_next()).await;
                            return Ok(query);
                        }
                    }
                }
                Some(_) = open.join_next(), if !open.is_empty() => {}
                accepted = self.listener.accept(), if open.len() < CONNECTIONS_MAX => {
                    let (stream, _) = accepted.map_err(|error| {
                        Report::failed("the browser cannot be let in").cause(error)
                    })?;
                    open.spawn(serve(stream, host.clone(), sender.clone()));
                }
            }
        }
    }
}

/// A query that came to the right place, and where to say whether it was the right one.
struct Knock {
    query: String,
    answer: tokio::sync::oneshot::Sender<bool>,
}

async fn serve(stream: TcpStream, host: String, queries: mpsc::Sender<Knock>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (host, queries) = (host.clone(), queries.clone());
        async move {
            let taken = match query(&request, &host) {
                Some(query) => knock(query, &queries).await,
                None => false,
            };
            Ok::<_, Infallible>(page(taken))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME_MAX).keep_alive(false);
    // A browser that leaves has left.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn knock(query: String, queries: &mpsc::Sender<Knock>) -> bool {
    let (answer, told) = tokio::sync::oneshot::channel();
    match queries.send(Knock { query, answer }).await {
        Ok(()) => told.await.unwrap_or(false),
        Err(_) => false,
    }
}

fn query(request: &Request<Incoming>, host: &str) -> Option<String> {
    let named = request.headers().get(header::HOST).is_some_and(|name| name == host);
    let asked = request.method() == Method::GET && request.uri().path() == PATH;
    (named && asked).then(|| request.uri().query().unwrap_or_default().to_owned())
}

fn page(taken: bool) -> Response<Full<Bytes>> {
    let (status, text) = if taken { (StatusCode::OK, DONE) } else { (StatusCode::NOT_FOUND, NOTHING) };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}
