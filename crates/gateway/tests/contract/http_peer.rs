//! Servers behind HTTP as the far end of a link: one of HTTP+SSE, whose GET is the way back, and one
//! of streamable HTTP, which answers each POST for itself, by an event.

use crate::wire::{Heard, Wire};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A body that is said piece by piece; dropped when the client hangs up.
struct Said(mpsc::Receiver<Bytes>);

impl Body for Said {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

fn answer(status: StatusCode, said: mpsc::Receiver<Bytes>) -> Result<Response<Said>, Infallible> {
    let answer = Response::builder().status(status).header(header::CONTENT_TYPE, "text/event-stream");
    Ok(answer.body(Said(said)).unwrap())
}

fn taken() -> Result<Response<Said>, Infallible> {
    answer(StatusCode::ACCEPTED, mpsc::channel(1).1)
}

/// Answers every request on every connection by `handle`.
fn serve<F>(socket: TcpListener, handle: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static)
where
    F: Future<Output = Result<Response<Said>, Infallible>> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle.clone())));
        }
    });
}

async fn message(request: Request<Incoming>) -> Option<Value> {
    let body = request.into_body().collect().await.ok()?;
    Some(serde_json::from_slice(&body.to_bytes()).expect("a body is a message"))
}

/// A server of HTTP+SSE. A POST is answered when its message is about to be heard.
pub(crate) struct SsePeer {
    messages: mpsc::Receiver<Value>,
    events: Option<mpsc::Sender<Bytes>>,
}

impl SsePeer {
    /// Waits for the GET on `socket`.
    pub(crate) async fn accept(socket: TcpListener) -> Self {
        let (tell, messages) = mpsc::channel(1);
        let (opened, mut opening) = mpsc::channel(1);
        serve(socket, move |request| {
            let (tell, opened) = (tell.clone(), opened.clone());
            async move {
                if request.method() == Method::GET {
                    let (events, said) = mpsc::channel(1);
                    events.send("event: endpoint\ndata: /messages\n\n".into()).await.unwrap();
                    opened.send(events).await.unwrap();
                    return answer(StatusCode::OK, said);
                }
                if let Some(message) = message(request).await {
                    let _ = tell.send(message).await;
                }
                taken()
            }
        });
        Self { messages, events: opening.recv().await }
    }
}

impl Wire for SsePeer {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(events) = &self.events {
                let _ = events.send(format!("data: {message}\n\n").into()).await;
            }
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            let Some(events) = &self.events else { return Heard::Ended(String::new()) };
            tokio::select! {
                biased;
                message = self.messages.recv() => Heard::Message(message.expect("its sender is here")),
                () = events.closed() => Heard::Ended(String::new()),
            }
        })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.events = None })
    }
}

/// A server of streamable HTTP. A client that hangs up is heard as the notification that it cancels.
pub(crate) struct HttpPeer {
    messages: mpsc::Receiver<Value>,
    waiting: Waiting,
}

/// Who waits for which answer, by id.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Bytes>>>>;

/// A request that is not answered.
struct Unanswered {
    id: Value,
    tell: mpsc::Sender<Value>,
    answered: bool,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if !self.answered {
            let params = json!({"requestId": self.id});
            let _ = self.tell.try_send(json!({"method": "notifications/cancelled", "params": params}));
        }
    }
}

impl HttpPeer {
    pub(crate) fn new(socket: TcpListener) -> Self {
        let (tell, messages) = mpsc::channel(1024);
        let waiting = Waiting::default();
        let waits = waiting.clone();
        serve(socket, move |request| {
            let (tell, waits) = (tell.clone(), waits.clone());
            async move {
                let Some(message) = message(request).await else { return taken() };
                let id = message["id"].clone();
                let (send, answered) = oneshot::channel();
                waits.lock().unwrap().insert(id.to_string(), send);
                tell.send(message).await.unwrap();
                let mut unanswered = Unanswered { id, tell, answered: false };
                let event = answered.await;
                unanswered.answered = true;
                let (said, body) = mpsc::channel(1);
                if let Ok(event) = event {
                    said.send(event).await.unwrap();
                }
                answer(StatusCode::OK, body)
            }
        });
        Self { messages, waiting }
    }
}

impl Wire for HttpPeer {
    fn send(&mut self, message: String) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let parsed: Value = serde_json::from_str(&message).unwrap();
            if let Some(waiting) = self.waiting.lock().unwrap().remove(&parsed["id"].to_string()) {
                let _ = waiting.send(format!("data: {message}\n\n").into());
            }
        })
    }

    fn hear(&mut self) -> BoxFuture<'_, Heard> {
        Box::pin(async move { Heard::Message(self.messages.recv().await.expect("its sender is here")) })
    }

    fn end(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.waiting.lock().unwrap().clear() })
    }
}
