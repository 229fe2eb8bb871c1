//! Streamable HTTP in front of the backend: sessions of the legacy era, mirrored headers of the
//! modern one.
//!
//! It answers with JSON only, never with an event stream, and has no GET stream (405).

use crate::backend::{Answer, Backend, Mirrored};
use bench::{Failure, MODERN, Served};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

struct Endpoint {
    backend: Arc<Backend>,
    /// Sessions are numbers given out in order, so a known one is a smaller one.
    next_session: AtomicU64,
}

/// Serves the same backend on every port until the process ends.
pub(crate) async fn serve(backend: Arc<Backend>, ip: IpAddr, ports: RangeInclusive<u16>) -> Result<(), Failure> {
    let mut listeners = JoinSet::new();
    for port in ports {
        let endpoint = Arc::new(Endpoint { backend: Arc::clone(&backend), next_session: AtomicU64::new(1) });
        listeners.spawn(bench::serve(SocketAddr::new(ip, port), move |request| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.serve(request).await }
        }));
    }
    // A listener only ever ends by failing.
    while let Some(ended) = listeners.join_next().await {
        ended??;
    }
    Ok(())
}

impl Endpoint {
    async fn serve(&self, request: Request<Incoming>) -> Served<Full<Bytes>> {
        if request.method() == Method::DELETE {
            return Ok(empty(StatusCode::OK));
        }
        if request.method() != Method::POST {
            return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let header = |name| header(&head.headers, name);
        let modern = header("mcp-protocol-version") == MODERN;
        let mirrored = modern.then(|| Mirrored { method: header("mcp-method"), name: header("mcp-name") });
        let session = header("mcp-session-id");
        let known = self.knows(session);
        if !modern && !session.is_empty() && !known {
            return Ok(empty(StatusCode::NOT_FOUND));
        }
        let mut out = Vec::with_capacity(256);
        let answer = self.backend.answer(&body, modern, mirrored.as_ref(), &mut out);
        let initialized = answer == Answer::Initialized;
        if !modern && !initialized && !known {
            return Ok(empty(StatusCode::BAD_REQUEST));
        }
        let status = match answer {
            Answer::Silence => return Ok(empty(StatusCode::ACCEPTED)),
            Answer::Refused(status) if modern => StatusCode::from_u16(status),
            _ => Ok(StatusCode::OK),
        };
        let mut response = Response::new(Full::new(Bytes::from(out)));
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if initialized {
            let number = self.next_session.fetch_add(1, Ordering::Relaxed);
            if let Ok(value) = HeaderValue::from_str(&format!("session-{number}")) {
                headers.insert("mcp-session-id", value);
            }
        }
        Ok(response)
    }

    fn knows(&self, session: &str) -> bool {
        let number = session.strip_prefix("session-").and_then(|n| n.parse().ok());
        number.is_some_and(|n: u64| n < self.next_session.load(Ordering::Relaxed))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
