//! Servers behind HTTP+SSE.

use crate::http_peer::{Body, Peer, Seen, empty, events, reply, result};
use crate::{modern_call, noisy_call};
use bytes::Bytes;
use gateway::upstream::{
    ConnectError, ConnectOptions, Connection, UpstreamEvent, connect_http, connect_sse, connect_url,
};
use http::{HeaderName, Method, Response};
use protocol::{Era, ErrorKind};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A server whose stream the test writes and whose POSTs `posted` answers.
struct SsePeer {
    peer: Peer,
    streams: mpsc::Receiver<mpsc::Sender<Bytes>>,
    stream: Option<mpsc::Sender<Bytes>>,
}

type Connecting = tokio::task::JoinHandle<Result<Connection, ConnectError>>;

fn headers() -> Vec<(HeaderName, SecretString)> {
    vec![(http::header::AUTHORIZATION, "Bearer secret".to_owned().into())]
}

fn options() -> ConnectOptions {
    ConnectOptions::new("peer")
}

/// Takes every message.
fn taken(_: &Seen) -> Response<Body> {
    empty(202)
}

impl SsePeer {
    async fn serve(posted: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> Self {
        let (opened, streams) = mpsc::channel(8);
        let peer = Peer::serve(move |seen| {
            if seen.method == Method::POST {
                return posted(seen);
            }
            let (response, stream) = events(Vec::new());
            opened.try_send(stream).unwrap();
            response
        })
        .await;
        Self { peer, streams, stream: None }
    }

    fn connect(&self, options: ConnectOptions) -> (Connecting, mpsc::Receiver<UpstreamEvent>) {
        let (events, seen) = mpsc::channel(64);
        let url = self.peer.url.clone();
        (tokio::spawn(async move { connect_sse(&url, headers(), options, events).await }), seen)
    }

    /// Takes the GET and says where to post.
    async fn open(&mut self, endpoint: &str) {
        self.stream = Some(self.streams.recv().await.unwrap());
        self.raw(&format!("event: endpoint\ndata: {endpoint}\n\n")).await;
    }

    async fn raw(&self, text: &str) {
        self.stream.as_ref().unwrap().send(Bytes::from(text.to_owned())).await.unwrap();
    }

    async fn answer(&self, request: &Value, result: Value) {
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "result": result});
        self.raw(&format!("event: message\ndata: {answer}\n\n")).await;
    }

    /// The next message but news.
    async fn next(&mut self) -> Seen {
        loop {
            let seen = self.peer.seen.recv().await.unwrap();
            if seen.method == Method::POST && seen.body["method"] != "notifications/initialized" {
                return seen;
            }
        }
    }

    async fn initialize(&mut self) {
        self.open("/messages?session=7").await;
        let asked = self.next().await.body;
        assert_eq!(asked["method"], "initialize");
        self.answer(&asked, json!({"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}})).await;
    }
}

/// A connection to a server that takes POSTs with `posted`.
async fn connected(
    options: ConnectOptions,
    posted: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
) -> (Connection, SsePeer, mpsc::Receiver<UpstreamEvent>) {
    let mut peer = SsePeer::serve(posted).await;
    let (connecting, events) = peer.connect(options);
    peer.initialize().await;
    (connecting.await.unwrap().unwrap(), peer, events)
}

#[tokio::test]
async fn calls_are_answered_out_of_order_over_one_stream() {
    let (connection, mut peer, _events) = connected(options(), taken).await;
    assert_eq!((connection.handshake().era, connection.handshake().version.as_str()), (Era::Legacy, "2024-11-05"));
    let calls: Vec<_> = (0..100).map(|n| tokio::spawn(connection.call(modern_call(&format!("t{n}"))))).collect();
    let mut asked = Vec::new();
    for _ in 0..100 {
        asked.push(peer.next().await);
    }
    for request in asked.iter().rev() {
        assert_eq!(request.path, "/messages?session=7");
        assert_eq!(request.headers["authorization"], "Bearer secret");
        assert_eq!(request.headers["content-type"], "application/json");
        peer.answer(&request.body, json!({"content": request.body["params"]["name"]})).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap().text("content").unwrap(), format!("t{n}").as_str());
    }
    assert!(peer.streams.try_recv().is_err(), "one GET");
}

#[tokio::test]
async fn messages_keep_their_order_and_a_dropped_call_is_cancelled() {
    let (connection, mut peer, _events) = connected(options(), taken).await;
    for round in 0..20 {
        let running = tokio::spawn(connection.call(modern_call(&format!("slow{round}"))));
        let request = peer.next().await.body;
        running.abort();
        let cancelled = peer.next().await.body;
        assert_eq!(cancelled["method"], "notifications/cancelled");
        assert_eq!(cancelled["params"]["requestId"], request["id"]);
    }
    let (call, heard) = noisy_call("noisy", "token");
    let running = tokio::spawn(connection.call(call));
    let request = peer.next().await.body;
    let params = json!({"progressToken": request["params"]["_meta"]["progressToken"], "progress": 1});
    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params});
    peer.raw(&format!("data: {progress}\n\n")).await;
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
    assert_eq!(heard.take().unwrap().params.unwrap().text("progressToken").unwrap(), "token");
}

#[tokio::test]
async fn what_the_server_asks_is_answered_with_a_post() {
    let options = ConnectOptions { roots: vec!["file:///a".to_owned()], ..options() };
    let (_connection, mut peer, _events) = connected(options, taken).await;
    peer.raw("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":\"q\",\"method\":\"roots/list\"}\n\n").await;
    let answer = peer.next().await.body;
    assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "q", "result": {"roots": [{"uri": "file:///a"}]}}));
}

/// Some servers answer a POST only when its request is done.
#[tokio::test]
async fn a_post_that_stays_open_holds_nothing_up() {
    let held: Arc<std::sync::Mutex<Vec<mpsc::Sender<Bytes>>>> = Arc::default();
    let holding = held.clone();
    let (connection, mut peer, _events) = connected(options(), move |seen| {
        if seen.body["params"]["name"] != "held" {
            return empty(202);
        }
        let (response, open) = events(Vec::new());
        holding.lock().unwrap().push(open);
        response
    })
    .await;
    let first = tokio::spawn(connection.call(modern_call("held")));
    let first_request = peer.next().await.body;
    let second = tokio::spawn(connection.call(modern_call("quick")));
    let second_request = peer.next().await.body;
    peer.answer(&second_request, json!({"n": "second"})).await;
    assert_eq!(second.await.unwrap().unwrap().text("n").unwrap(), "second");
    peer.answer(&first_request, json!({"n": "first"})).await;
    assert_eq!(first.await.unwrap().unwrap().text("n").unwrap(), "first");
    assert_eq!(held.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_post_that_fails_fails_its_request_alone() {
    let (connection, mut peer, _events) = connected(options(), |seen| match seen.body["params"]["name"].as_str() {
        Some("gone") => empty(404),
        Some("broken") => empty(500),
        Some("said") => reply(400, &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "so"}})),
        _ => empty(202),
    })
    .await;
    let waiting = tokio::spawn(connection.call(modern_call("waits")));
    let request = peer.next().await.body;
    for (name, kind, text) in [
        ("gone", ErrorKind::UpstreamDown, "HTTP 404"),
        ("broken", ErrorKind::UpstreamDown, "HTTP 500"),
        ("said", ErrorKind::Upstream, "so"),
    ] {
        let error = connection.call(modern_call(name)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{name}");
        assert!(error.message.contains(text), "{error}");
    }
    peer.answer(&request, json!({})).await;
    waiting.await.unwrap().unwrap();
}

/// The server was replaced by one that never heard of this conversation, and the stream did not end.
#[tokio::test]
async fn a_server_that_forgot_the_conversation_ends_the_link() {
    let (connection, _peer, _events) = connected(options(), |seen| match seen.body["method"].as_str() {
        Some("tools/call") => empty(404),
        _ => empty(202),
    })
    .await;
    for _ in 0..2 {
        assert_eq!(connection.call(modern_call("lost")).await.unwrap_err().kind, ErrorKind::UpstreamDown);
    }
    connection.closed().await;
}

#[tokio::test]
async fn events_that_are_no_use_hurt_only_the_call_concerned() {
    let options = ConnectOptions { frame_bytes_max: 2000, ..options() };
    let (connection, mut peer, mut events) = connected(options, taken).await;
    let running = tokio::spawn(connection.call(modern_call("fine")));
    let request = peer.next().await.body;
    peer.raw(": a comment\n\nevent: ping\ndata: x\n\nevent: endpoint\ndata: http://elsewhere/\n\ndata: garbage\n\n")
        .await;
    peer.raw("data:\n\nevent: message\n\n").await;
    peer.answer(&request, json!({"ok": "yes"})).await;
    assert_eq!(running.await.unwrap().unwrap().text("ok").unwrap(), "yes");
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::StdoutNoise(line) if line == "garbage"));
    let running = tokio::spawn(connection.call(modern_call("big")));
    let request = peer.next().await.body;
    peer.answer(&request, json!({"text": "x".repeat(5000)})).await;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamInvalid);
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::Oversize { bytes_max: 2000 }));
    let running = tokio::spawn(connection.call(modern_call("small")));
    let request = peer.next().await.body;
    peer.answer(&request, json!({})).await;
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_link() {
    let (connection, mut peer, _events) = connected(options(), taken).await;
    let running = tokio::spawn(connection.call(modern_call("waits")));
    peer.next().await;
    peer.stream = None;
    assert_eq!(running.await.unwrap().unwrap_err().kind, ErrorKind::UpstreamGone);
    connection.closed().await;
    assert_eq!(connection.call(modern_call("late")).await.unwrap_err().kind, ErrorKind::UpstreamGone);
}

#[tokio::test]
async fn closing_the_link_closes_the_stream() {
    let (connection, peer, _events) = connected(options(), taken).await;
    connection.close().await;
    connection.closed().await;
    let stream = peer.stream.clone().unwrap();
    stream.closed().await;
}

#[tokio::test]
async fn an_endpoint_elsewhere_is_refused() {
    for (endpoint, reason) in [
        ("http://example.com/messages", "away from the origin"),
        ("//127.0.0.1:1/messages", "away from the origin"),
        ("ftp://127.0.0.1/", "only http and https"),
    ] {
        let mut peer = SsePeer::serve(taken).await;
        let (connecting, _events) = peer.connect(options());
        peer.open(endpoint).await;
        let error = connecting.await.unwrap().unwrap_err();
        assert!(matches!(&error, ConnectError::Handshake { message } if message.contains(reason)), "{error}");
    }
    let mut peer = SsePeer::serve(taken).await;
    let (connecting, _events) = peer.connect(options());
    drop(peer.streams.recv().await);
    let error = connecting.await.unwrap().unwrap_err();
    assert!(matches!(&error, ConnectError::Handshake { message } if message.contains("ended before")), "{error}");
}

#[tokio::test]
async fn what_a_status_says_about_the_stream() {
    for (status, expected) in [
        (401, ConnectError::Unauthorized { status: 401 }),
        (503, ConnectError::Unreachable { message: "it answered with HTTP 503".to_owned() }),
        (404, ConnectError::Handshake { message: "GET was answered with HTTP 404 and no event stream".to_owned() }),
    ] {
        let peer = Peer::serve(move |_| empty(status)).await;
        let (events, _seen) = mpsc::channel(1);
        assert_eq!(connect_sse(&peer.url, headers(), options(), events).await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn a_url_alone_is_tried_as_streamable_http_and_then_as_a_stream() {
    for status in [400, 404, 405] {
        let mut peer = SsePeer::serve(move |seen| empty(if seen.path == "/mcp" { status } else { 202 })).await;
        let (events, _seen) = mpsc::channel(64);
        let url = peer.peer.url.clone();
        let connecting = tokio::spawn(async move { connect_url(&url, headers(), options(), events).await });
        assert_eq!(peer.next().await.body["method"], "server/discover");
        assert_eq!(peer.next().await.body["method"], "initialize");
        peer.initialize().await;
        assert_eq!(connecting.await.unwrap().unwrap().handshake().version.as_str(), "2024-11-05");
        let (events, _seen) = mpsc::channel(64);
        let declared = connect_http(&peer.peer.url, headers(), options(), events).await;
        assert_eq!(declared.unwrap_err(), ConnectError::NotStreamable { status });
    }
    let peer = SsePeer::serve(|seen| match seen.body["method"].as_str() {
        Some("initialize") => result(seen, json!({"protocolVersion": "2025-03-26", "capabilities": {}})),
        Some("server/discover") => empty(400),
        _ => empty(202),
    })
    .await;
    let (events, _seen) = mpsc::channel(64);
    let connection = connect_url(&peer.peer.url, headers(), options(), events).await.unwrap();
    assert_eq!(connection.handshake().version.as_str(), "2025-03-26", "no fallback where none is needed");
    let peer = Peer::serve(|_| empty(404)).await;
    let (events, _seen) = mpsc::channel(64);
    let error = connect_url(&peer.url, headers(), options(), events).await.unwrap_err();
    assert!(error.to_string().contains("neither streamable HTTP"), "{error}");
}
