//! A modern server over HTTP whose answers the test writes, with an event stream for what it is
//! listened to.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

type Body = BoxBody<Bytes, Infallible>;

/// One request as the server got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) params: Value,
    pub(crate) headers: HeaderMap,
}

/// A server, and what it was asked.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Asked>>>,
    /// Rings whenever it was asked something.
    rung: Arc<Notify>,
    listening: Arc<Mutex<Vec<mpsc::Sender<Bytes>>>>,
}

impl Peer {
    /// Serves with `answer`, which gives a result or an error object.
    pub(crate) async fn serve(answer: impl Fn(&Asked) -> Result<Value, Value> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let peer = Self { url, seen: Arc::default(), rung: Arc::default(), listening: Arc::default() };
        let (answer, serving) = (Arc::new(answer), peer.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, peer) = (answer.clone(), serving.clone());
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|request: Request<Incoming>| {
                        let (answer, peer) = (answer.clone(), peer.clone());
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await?.to_bytes();
                            Ok::<_, hyper::Error>(peer.respond(&*answer, head.headers, &body))
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        peer
    }

    fn respond(
        &self,
        answer: &(impl Fn(&Asked) -> Result<Value, Value> + ?Sized),
        headers: HeaderMap,
        body: &[u8],
    ) -> Response<Body> {
        let message: Value = serde_json::from_slice(body).unwrap_or_default();
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let asked = Asked { method, params: message["params"].clone(), headers };
        let response = if asked.method == "subscriptions/listen" {
            let (sender, receiver) = mpsc::channel(16);
            self.listening.lock().unwrap().push(sender);
            let builder = Response::builder().header("content-type", "text/event-stream");
            builder.body(Stream(receiver).boxed()).unwrap()
        } else {
            let body = match answer(&asked) {
                Ok(result) => json!({"jsonrpc": "2.0", "id": message["id"], "result": result}),
                Err(error) => json!({"jsonrpc": "2.0", "id": message["id"], "error": error}),
            };
            let builder = Response::builder().header("content-type", "application/json");
            builder.body(Full::new(Bytes::from(body.to_string())).boxed()).unwrap()
        };
        self.seen.lock().unwrap().push(asked);
        self.rung.notify_waiters();
        response
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, method: &str, params: &Value) {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let event = Bytes::from(format!("event: message\ndata: {message}\n\n"));
        self.listening.lock().unwrap().retain(|listener| listener.try_send(event.clone()).is_ok());
    }

    /// How many streams it has that are still read.
    pub(crate) fn streams(&self) -> usize {
        self.listening.lock().unwrap().iter().filter(|listener| !listener.is_closed()).count()
    }

    /// Waits until it was asked something that fits; the latest of them.
    pub(crate) async fn asked(&self, fits: impl Fn(&Asked) -> bool) -> Asked {
        loop {
            let rung = self.rung.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if let Some(found) = self.seen.lock().unwrap().iter().rev().find(|asked| fits(asked)) {
                return found.clone();
            }
            rung.await;
        }
    }

    /// How often it was asked `method`.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|asked| asked.method == method).count()
    }
}

impl Asked {
    /// Whether the client declared this extension.
    pub(crate) fn declares(&self, extension: &str) -> bool {
        let capabilities = &self.params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        capabilities["extensions"].get(extension).is_some()
    }
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
