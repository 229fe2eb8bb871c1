//! A small HTTP server whose answers the test writes.

use bytes::Bytes;
use gateway::upstream::{ConnectError, ConnectOptions, Connection, UpstreamEvent, connect_http};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// What the gateway sent.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A server, how many connections it was sent, and what it heard.
pub(crate) struct Peer {
    pub(crate) url: String,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) seen: mpsc::Receiver<Seen>,
}

impl Peer {
    /// Serves with `answer`, which gets each request.
    pub(crate) async fn serve(answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel(256);
        let connections = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (answer, tell) = (answer.clone(), tell.clone());
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request: Request<Incoming>| {
                        let (answer, tell) = (answer.clone(), tell.clone());
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.map_err(Error::other)?.to_bytes();
                            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                            let seen =
                                Seen { method: head.method, path: head.uri.to_string(), headers: head.headers, body };
                            let response = answer(&seen);
                            let _ = tell.send(seen).await;
                            let hangs_up = response.extensions().get::<HangsUp>().is_some();
                            // An error closes the connection without a word.
                            if hangs_up { Err(Error::other("on purpose")) } else { Ok(response) }
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, connections, seen }
    }

    /// The next request with this JSON-RPC method.
    pub(crate) async fn next(&mut self, method: &str) -> Seen {
        loop {
            let seen = self.seen.recv().await.unwrap();
            if seen.body["method"] == method {
                return seen;
            }
        }
    }

    /// Connects to it.
    pub(crate) async fn connect(
        &self,
        options: ConnectOptions,
    ) -> (Result<Connection, ConnectError>, mpsc::Receiver<UpstreamEvent>) {
        let (events, seen) = mpsc::channel(64);
        let headers = vec![(http::header::AUTHORIZATION, "Bearer secret".to_owned().into())];
        (connect_http(&self.url, headers, options, events).await, seen)
    }
}

/// Marks what is no answer.
#[derive(Clone)]
struct HangsUp;

/// No answer: the connection is closed.
pub(crate) fn hangs_up() -> Response<Body> {
    let mut response = empty(200);
    response.extensions_mut().insert(HangsUp);
    response
}

/// A JSON body.
pub(crate) fn reply(status: u16, body: &Value) -> Response<Body> {
    let builder = Response::builder().status(status).header("content-type", "application/json");
    builder.body(Full::new(Bytes::from(body.to_string())).boxed()).unwrap()
}

/// An empty body.
pub(crate) fn empty(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Full::new(Bytes::new()).boxed()).unwrap()
}

/// The result of a request.
pub(crate) fn result(seen: &Seen, result: Value) -> Response<Body> {
    reply(200, &json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": result}))
}

/// A discover result with these capabilities.
pub(crate) fn discovered(seen: &Seen, capabilities: Value) -> Response<Body> {
    result(seen, json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities}))
}

/// An event stream of these messages, which ends after them when its sender is dropped.
pub(crate) fn events(messages: Vec<Value>) -> (Response<Body>, mpsc::Sender<Bytes>) {
    let (sender, receiver) = mpsc::channel(16);
    for message in messages {
        sender.try_send(Bytes::from(format!("event: message\ndata: {message}\n\n"))).unwrap();
    }
    let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    (response.body(Stream(receiver).boxed()).unwrap(), sender)
}

struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
