//! Calls over HTTP.

use crate::http_peer::{Body, Peer, Seen, discovered, empty, events, hangs_up, reply, result};
use crate::{call, modern_call, noisy_call};
use gateway::upstream::{ConnectError, ConnectOptions, List, UpstreamEvent};
use http::{Method, Response};
use protocol::header::MirroredParam;
use protocol::{Delivery, Era, ErrorKind, Version};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

fn options() -> ConnectOptions {
    ConnectOptions::new("peer")
}

fn error(seen: &Seen, status: u16, code: i64) -> Response<Body> {
    reply(
        status,
        &json!({"jsonrpc": "2.0", "id": seen.body["id"], "error": {"code": code, "message": "Mcp-Param-Region differs"}}),
    )
}

/// A legacy server: sessions `s1`, `s2`, …; `forgotten` says which is not known.
fn legacy(sessions: Arc<AtomicUsize>, answer: impl Fn(&Seen) -> Response<Body>) -> impl Fn(&Seen) -> Response<Body> {
    move |seen| {
        let session = seen.headers.get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        let known = format!("s{}", sessions.load(Ordering::SeqCst));
        match (&seen.method, seen.body["method"].as_str()) {
            (&Method::POST, Some("server/discover")) => reply(
                400,
                &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "Bad Request: Server not initialized"}}),
            ),
            (&Method::POST, Some("initialize")) => {
                let number = sessions.fetch_add(1, Ordering::SeqCst) + 1;
                let mut response = result(seen, json!({"protocolVersion": "2025-11-25", "capabilities": {}}));
                response.headers_mut().insert("mcp-session-id", format!("s{number}").parse().unwrap());
                response
            }
            (&Method::GET, _) => empty(405),
            (&Method::DELETE, _) => empty(204),
            _ if session.as_deref() != Some(known.as_str()) => empty(404),
            (_, Some(method)) if method.starts_with("notifications/") => empty(202),
            _ => answer(seen),
        }
    }
}

#[tokio::test]
async fn a_modern_call_carries_its_headers_and_reuses_its_connection() {
    let mut peer = Peer::serve(|seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({"tools": {}})),
        _ => result(seen, json!({"ok": "yes"})),
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    let region = MirroredParam { header: "mcp-param-region".to_owned(), path: vec!["region".to_owned()] };
    connection.set_mirrored(HashMap::from([("é".to_owned(), vec![region])]));
    for _ in 0..20 {
        let call = call(Version::MODERN_LATEST, "tools/call", r#"{"name":"é","arguments":{"region":"eu"}}"#);
        assert_eq!(connection.call(call).await.unwrap().text("ok").unwrap(), "yes");
    }
    let seen = peer.next("tools/call").await;
    for (name, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?w6k=?="),
        ("mcp-param-region", "eu"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", "Bearer secret"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(seen.headers[name], value);
    }
    assert_eq!(peer.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_answer_may_come_as_an_event_stream_with_progress() {
    let peer = Peer::serve(|seen| {
        if seen.body["method"] == "server/discover" {
            return discovered(seen, json!({}));
        }
        let token = &seen.body["params"]["_meta"]["progressToken"];
        let (response, _) = events(vec![
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}),
            json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 12345, "progress": 1}}),
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}}),
            json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "debug", "data": 1}}),
            json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": {"ok": "yes"}}),
        ]);
        response
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    for _ in 0..10 {
        let (call, heard) = noisy_call("t", "mine");
        assert_eq!(connection.call(call).await.unwrap().text("ok").unwrap(), "yes");
        assert_eq!(heard.take().unwrap().params.unwrap().text("progressToken").unwrap(), "mine");
        assert_eq!(heard.take().unwrap().method, "notifications/message");
        assert!(heard.take().is_none());
    }
    assert!(peer.connections.load(Ordering::Relaxed) <= 3, "streams are read to their end, so connections are kept");
}

#[tokio::test]
async fn a_legacy_server_gets_its_session_and_none_of_the_modern_headers() {
    let mut peer = Peer::serve(legacy(Arc::default(), |seen| result(seen, json!({"ok": "yes"})))).await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    assert_eq!(connection.handshake().era, Era::Legacy);
    connection.call(modern_call("t")).await.unwrap();
    let seen = peer.next("tools/call").await;
    assert_eq!(seen.headers["mcp-session-id"], "s1");
    assert_eq!(seen.headers["mcp-protocol-version"], "2025-11-25");
    assert!(!seen.headers.contains_key("mcp-method") && !seen.headers.contains_key("mcp-name"));
    assert!(seen.body["params"].get("_meta").is_none());
    connection.close().await;
    while let Some(seen) = peer.seen.recv().await {
        if seen.method == Method::DELETE {
            assert_eq!(seen.headers["mcp-session-id"], "s1");
            break;
        }
    }
}

#[tokio::test]
async fn a_forgotten_session_is_renewed_once_for_all_calls() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let peer = Peer::serve(legacy(sessions.clone(), |seen| result(seen, json!({"ok": "yes"})))).await;
    let (connection, mut events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    connection.call(modern_call("t")).await.unwrap();
    sessions.fetch_add(10, Ordering::SeqCst);
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(connection.call(modern_call("t")))).collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().text("ok").unwrap(), "yes");
    }
    assert_eq!(sessions.load(Ordering::SeqCst), 12, "one new session, not eight");
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::SessionRenewed));
}

#[tokio::test]
async fn dropping_a_call_closes_a_modern_stream_and_tells_a_legacy_server() {
    let kept: Arc<Mutex<Option<mpsc::Sender<bytes::Bytes>>>> = Arc::default();
    let keep = kept.clone();
    let mut peer = Peer::serve(move |seen| {
        if seen.body["method"] == "server/discover" {
            return discovered(seen, json!({}));
        }
        let (response, sender) = events(Vec::new());
        *keep.lock().unwrap() = Some(sender);
        response
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let running = tokio::spawn(connection.unwrap().call(modern_call("slow")));
    peer.next("tools/call").await;
    let sender = kept.lock().unwrap().take().unwrap();
    running.abort();
    sender.closed().await;

    let held: Arc<Mutex<Vec<mpsc::Sender<bytes::Bytes>>>> = Arc::default();
    let hold = held.clone();
    let mut peer = Peer::serve(legacy(Arc::default(), move |_| {
        let (response, sender) = events(Vec::new());
        hold.lock().unwrap().push(sender);
        response
    }))
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    let running = tokio::spawn(connection.call(modern_call("slow")));
    let request = peer.next("tools/call").await;
    running.abort();
    let cancelled = peer.next("notifications/cancelled").await;
    assert_eq!(cancelled.body["params"]["requestId"], request.body["id"]);
    assert_eq!(cancelled.headers["mcp-session-id"], "s1");
}

#[tokio::test]
async fn what_a_status_says_about_the_handshake() {
    for (status, expected) in [
        (401, ConnectError::Unauthorized { status: 401 }),
        (403, ConnectError::Unauthorized { status: 403 }),
        (503, ConnectError::Unreachable { message: "it answered with HTTP 503".to_owned() }),
    ] {
        let peer = Peer::serve(move |_| empty(status)).await;
        assert_eq!(peer.connect(options()).await.0.unwrap_err(), expected);
    }
    let peer = Peer::serve(|_| empty(404)).await;
    assert_eq!(peer.connect(options()).await.0.unwrap_err(), ConnectError::NotStreamable { status: 404 });
    let peer = Peer::serve(|seen| error(seen, 404, -32601)).await;
    assert_eq!(peer.connect(options()).await.0.unwrap().handshake().era, Era::Modern);
    let (events, _seen) = mpsc::channel(1);
    let refused = gateway::upstream::connect_http("http://127.0.0.1:1/mcp", Vec::new(), options(), events).await;
    assert!(matches!(refused.unwrap_err(), ConnectError::Unreachable { .. }));
}

#[tokio::test]
async fn errors_of_a_modern_server_in_their_forms() {
    let peer = Peer::serve(|seen| match seen.body["params"]["name"].as_str() {
        Some("mismatch") => error(seen, 400, -32020),
        Some("capability") => error(seen, 400, -32021),
        Some("outage") => empty(502),
        Some("accepted") => empty(202),
        Some("other") => reply(200, &json!({"jsonrpc": "2.0", "id": 7777, "result": {}})),
        Some("garbage") => reply(200, &Value::from("hello")),
        _ => discovered(seen, json!({})),
    })
    .await;
    let (connection, mut events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    for (name, kind) in [
        ("mismatch", ErrorKind::UpstreamInvalid),
        ("capability", ErrorKind::Upstream),
        ("outage", ErrorKind::UpstreamDown),
        ("accepted", ErrorKind::UpstreamInvalid),
        ("other", ErrorKind::UpstreamInvalid),
        ("garbage", ErrorKind::UpstreamInvalid),
    ] {
        assert_eq!(connection.call(modern_call(name)).await.unwrap_err().kind, kind, "{name}");
    }
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::HeadersOutdated));
}

#[tokio::test]
async fn when_to_come_again_is_kept_of_429_and_503() {
    let peer = Peer::serve(|seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({})),
        _ => {
            let status = seen.body["params"]["name"].as_str().and_then(|name| name.parse().ok()).unwrap_or(500);
            let mut answer = empty(status);
            answer.headers_mut().insert("retry-after", "7".parse().unwrap());
            answer
        }
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    let failed = async |status: &str| {
        let error = connection.call(modern_call(status)).await.unwrap_err();
        (error.delivery, error.retry_after_ms.map(std::num::NonZeroU32::get))
    };
    assert_eq!(failed("429").await, (protocol::Delivery::Unsent, Some(7000)));
    assert_eq!(failed("503").await, (protocol::Delivery::Unknown, Some(7000)));
    assert_eq!(failed("500").await, (protocol::Delivery::Unknown, None));
    assert_eq!(failed("404").await, (protocol::Delivery::Refused, None));
}

#[tokio::test]
async fn who_is_hung_up_on_asks_again_and_calls_a_tool_only_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let peer = Peer::serve(move |seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({"tools": {}})),
        // Every other one meets the end of its connection, as when the server has closed it just now.
        _ if counted.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => hangs_up(),
        _ => result(seen, json!({"tools": []})),
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    connection.call(call(Version::MODERN_LATEST, "tools/list", "{}")).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2, "expected it to be asked twice");
    let error = connection.call(modern_call("add")).await.unwrap_err();
    assert_eq!((error.kind, error.delivery), (ErrorKind::UpstreamGone, Delivery::Unknown), "{error:?}");
    assert_eq!(count.load(Ordering::SeqCst), 3, "expected the tool to be called once");
}

#[tokio::test]
async fn an_answer_over_the_limit_fails_its_call() {
    let peer = Peer::serve(|seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({})),
        _ => result(seen, json!({"text": "x".repeat(100_000)})),
    })
    .await;
    let (connection, _events) = peer.connect(ConnectOptions { frame_bytes_max: 50_000, ..options() }).await;
    assert_eq!(connection.unwrap().call(modern_call("t")).await.unwrap_err().kind, ErrorKind::UpstreamInvalid);
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let text = "x".repeat(1_000_000);
    let expected = text.clone();
    let peer = Peer::serve(move |seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({})),
        _ => result(seen, json!({"text": text})),
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    for _ in 0..3 {
        assert_eq!(connection.call(modern_call("t")).await.unwrap().text("text").unwrap(), expected.as_str());
    }
    assert_eq!(peer.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn list_changes_come_over_the_listen_request() {
    let kept: Arc<Mutex<Vec<mpsc::Sender<bytes::Bytes>>>> = Arc::default();
    let keep = kept.clone();
    let mut peer = Peer::serve(move |seen| {
        if seen.body["method"] == "server/discover" {
            return discovered(seen, json!({"tools": {"listChanged": true}}));
        }
        let (response, sender) = events(vec![
            json!({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}),
            json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}}),
        ]);
        keep.lock().unwrap().push(sender);
        response
    })
    .await;
    let (connection, mut events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    let listen = peer.next("subscriptions/listen").await;
    assert_eq!(listen.body["params"]["notifications"], json!({"toolsListChanged": true}));
    assert!(matches!(events.recv().await.unwrap(), UpstreamEvent::ListChanged(List::Tools)));
    drop(connection);
    let sender = kept.lock().unwrap().pop().unwrap();
    sender.closed().await;
}

#[tokio::test]
async fn a_call_whose_headers_are_outdated_is_sent_again_with_the_right_ones() {
    let mut peer = Peer::serve(|seen| match seen.body["method"].as_str() {
        Some("server/discover") => discovered(seen, json!({"tools": {}})),
        Some("tools/list") => {
            let region = json!({"type": "string", "x-mcp-header": "Region"});
            let schema = json!({"type": "object", "properties": {"region": region}});
            result(seen, json!({"tools": [{"name": "t", "inputSchema": schema}]}))
        }
        _ if seen.headers.contains_key("mcp-param-region") => result(seen, json!({"ok": "yes"})),
        _ => error(seen, 400, -32020),
    })
    .await;
    let (connection, _events) = peer.connect(options()).await;
    let connection = connection.unwrap();
    let call = || call(Version::MODERN_LATEST, "tools/call", r#"{"name":"t","arguments":{"region":"eu"}}"#);
    assert_eq!(connection.call(call()).await.unwrap().text("ok").unwrap(), "yes");
    assert!(peer.next("tools/call").await.headers.get("mcp-param-region").is_none());
    assert_eq!(peer.next("tools/call").await.headers["mcp-param-region"], "eu");
    assert_eq!(connection.call(call()).await.unwrap().text("ok").unwrap(), "yes");
    assert_eq!(peer.next("tools/call").await.headers["mcp-param-region"], "eu", "at once, from now on");
}
