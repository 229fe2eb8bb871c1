//! A client over HTTP: one connection for each request, so that dropping an answer hangs up.

use crate::dialogue;
use crate::fake::Fake;
use bytes::Bytes;
use gateway::listener::{DoorSettings, Http};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use protocol::framing::{SseDecoder, SseEvent};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// A legacy client with its session.
pub(crate) struct Web {
    address: SocketAddr,
    version: &'static str,
    pub(crate) session: String,
    pub(crate) fake: Fake,
}

/// An answer whose body is still coming.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    body: Incoming,
    events: SseDecoder,
    connection: AbortHandle,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Web {
    /// Starts a listener and initializes a session of `version`.
    pub(crate) async fn connect(version: &'static str, capabilities: Value) -> Self {
        let fake = Fake::default();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let of = dialogue();
        let limits = config::Limits {
            session_queue_max: of.queue_max,
            session_calls_max: of.calls_max,
            rounds_max: of.rounds_max,
            batch_max: of.batch_max,
            ..config::Limits::default()
        };
        let http = Http::before(socket, Arc::new(fake.clone()), DoorSettings::default(), &limits);
        let address = http.address().unwrap();
        tokio::spawn(http.serve(CancellationToken::new()));
        let mut web = Self { address, version, session: String::new(), fake };
        let client = json!({"name": "c", "version": "1"});
        let params = json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": client});
        let answer = web.post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})).await;
        web.session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
        assert_eq!(answer.json().await["result"]["protocolVersion"], version);
        web
    }

    /// A client of the same listener with another session.
    pub(crate) fn with_session(&self, session: &str) -> Self {
        Self { address: self.address, version: self.version, session: session.to_owned(), fake: self.fake.clone() }
    }

    pub(crate) async fn send(&self, method: Method, last_event: Option<&str>, body: String) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection).abort_handle();
        let mut request = Request::builder().method(method).uri("/mcp").header("host", "localhost");
        request = request.header("accept", "application/json, text/event-stream");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if !self.session.is_empty() {
            request = request.header("mcp-session-id", &self.session).header("mcp-protocol-version", self.version);
        }
        if let Some(last_event) = last_event {
            request = request.header("last-event-id", last_event);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        Answer { status: parts.status, headers: parts.headers, body, events: SseDecoder::new(1 << 20), connection }
    }

    pub(crate) async fn post(&self, message: &Value) -> Answer {
        self.send(Method::POST, None, message.to_string()).await
    }

    pub(crate) async fn get(&self, last_event: Option<&str>) -> Answer {
        self.send(Method::GET, last_event, String::new()).await
    }

    pub(crate) async fn delete(&self) -> Answer {
        self.send(Method::DELETE, None, String::new()).await
    }

    pub(crate) async fn call(&self, id: u64, name: &str, arguments: Value) -> Answer {
        let params = json!({"name": name, "arguments": arguments, "_meta": {"progressToken": "t"}});
        self.post(&crate::legacy(id, "tools/call", params)).await
    }

    /// Sends an answer to a question, which is accepted whatever it is.
    pub(crate) async fn reply(&self, id: &Value, result: Value) {
        let answer = self.post(&json!({"jsonrpc": "2.0", "id": id, "result": result})).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
    }
}

impl Answer {
    pub(crate) fn is_stream(&self) -> bool {
        self.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream")
    }

    /// The body, which must be one message.
    pub(crate) async fn json(mut self) -> Value {
        assert!(!self.is_stream(), "expected JSON and no stream");
        let body = (&mut self.body).collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn event(&mut self) -> Option<SseEvent> {
        assert!(self.is_stream(), "expected a stream: {} {:?}", self.status, self.headers);
        loop {
            if let Some(event) = self.events.next_event().unwrap() {
                return Some(event);
            }
            let frame = self.body.frame().await?;
            self.events.feed(&frame.unwrap().into_data().unwrap());
        }
    }

    /// The next message of the stream, and the id of its event; priming is passed over.
    pub(crate) async fn message(&mut self) -> Option<(String, Value)> {
        loop {
            let event = self.event().await?;
            if !event.data.is_empty() {
                let id = event.id.expect("expected every event to have an id");
                return Some((id, serde_json::from_slice(&event.data).unwrap()));
            }
        }
    }

    /// The rest of the stream.
    pub(crate) async fn rest(mut self) -> Vec<Value> {
        let mut messages = Vec::new();
        while let Some((_, message)) = self.message().await {
            messages.push(message);
        }
        messages
    }
}
