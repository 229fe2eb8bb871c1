//! What a legacy server asks while it answers, and streams that break in the middle.

use crate::http_peer::{Body, Peer, Seen, empty, events, reply, result};
use crate::{modern_call, noisy_call};
use bytes::Bytes;
use gateway::asking::{Asker, Kinds};
use gateway::upstream::ConnectOptions;
use http::{Method, Response};
use protocol::{Object, Raw};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::sync::mpsc;

/// The handshake of a legacy server, which takes ids 1 and 2; everything else is the test's.
fn legacy(answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static) -> impl Fn(&Seen) -> Response<Body> {
    move |seen| match (&seen.method, seen.body["method"].as_str()) {
        (&Method::POST, Some("server/discover")) => {
            reply(400, &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "not initialized"}}))
        }
        (&Method::POST, Some("initialize")) => {
            result(seen, json!({"protocolVersion": "2025-11-25", "capabilities": {}}))
        }
        (&Method::POST, Some(method)) if method.starts_with("notifications/") => empty(202),
        (&Method::DELETE, _) => empty(204),
        _ => answer(seen),
    }
}

fn question(id: u64) -> Value {
    let params = json!({"message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params})
}

fn accepted() -> Object {
    [("action", Raw::from_static("\"accept\""))].into_iter().collect()
}

#[tokio::test]
async fn a_question_on_the_stream_of_a_call_is_that_calls_and_its_answer_is_posted() {
    let streams: Mutex<Vec<mpsc::Sender<Bytes>>> = Mutex::default();
    let mut peer = Peer::serve(legacy(move |seen| match (&seen.method, seen.body["method"].as_str()) {
        (&Method::GET, _) => empty(405),
        (_, Some("tools/call")) => {
            let (response, stream) = events(vec![question(7)]);
            streams.lock().unwrap().push(stream);
            response
        }
        // The answer to our question: the call ends now.
        _ => {
            let text = json!({"jsonrpc": "2.0", "id": 3, "result": {"ok": "yes"}});
            let stream = streams.lock().unwrap().remove(0);
            stream.try_send(Bytes::from(format!("data: {text}\n\n"))).unwrap();
            empty(202)
        }
    }))
    .await;
    let (connection, _events) = peer.connect(ConnectOptions::new("peer")).await;
    let connection = connection.unwrap();
    let (asker, mut asked) = Asker::new(Kinds::FORM);
    let calling = tokio::spawn(connection.call_asking(modern_call("t"), Some(asker)));
    let question = asked.recv().await.unwrap();
    assert_eq!((&*question.method, &*question.params.text("message").unwrap()), ("elicitation/create", "?"));
    question.answer(Ok(accepted()));
    assert_eq!(calling.await.unwrap().unwrap().text("ok").unwrap(), "yes");
    loop {
        let seen = peer.seen.recv().await.unwrap();
        if seen.body.get("result").is_some() {
            assert_eq!(seen.body, json!({"jsonrpc": "2.0", "id": 7, "result": {"action": "accept"}}));
            break;
        }
    }
}

#[tokio::test]
async fn what_nobody_declared_is_refused_and_roots_are_the_operators() {
    let mut peer = Peer::serve(legacy(|seen| match (&seen.method, seen.body["method"].as_str()) {
        (&Method::GET, _) => empty(405),
        (_, Some("tools/call")) => {
            let roots = json!({"jsonrpc": "2.0", "id": "r", "method": "roots/list"});
            let ping = json!({"jsonrpc": "2.0", "id": "p", "method": "ping"});
            let done = json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": {}});
            events(vec![question(7), roots, ping, done]).0
        }
        _ => empty(202),
    }))
    .await;
    let options = ConnectOptions { roots: vec!["file:///home".to_owned()], ..ConnectOptions::new("peer") };
    let (connection, _events) = peer.connect(options).await;
    let connection = connection.unwrap();
    connection.call(modern_call("t")).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 3 {
        let seen = peer.seen.recv().await.unwrap();
        if seen.body.get("method").is_none() && seen.body.get("id").is_some() {
            answers.push((seen.body["id"].to_string(), seen.body));
        }
    }
    answers.sort_by(|one, other| one.0.cmp(&other.0));
    let [(_, ping), (_, roots), (_, refused)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(ping["result"], json!({}));
    assert_eq!(roots["result"]["roots"][0]["uri"], "file:///home");
    assert_eq!(refused["error"]["code"], -32601);
}

#[tokio::test]
async fn a_question_on_the_sessions_stream_is_the_only_calls() {
    let stream: Mutex<Option<mpsc::Sender<Bytes>>> = Mutex::default();
    let calls: Mutex<Vec<mpsc::Sender<Bytes>>> = Mutex::default();
    let mut peer = Peer::serve(legacy(move |seen| match (&seen.method, seen.body["method"].as_str()) {
        (&Method::GET, _) => {
            let (response, sender) = events(Vec::new());
            *stream.lock().unwrap() = Some(sender);
            response
        }
        (_, Some("tools/call")) => {
            let question = format!("data: {}\n\n", question(7));
            // The GET stream is opened before the first call, as the events of a session are.
            stream.lock().unwrap().as_ref().unwrap().try_send(Bytes::from(question)).unwrap();
            let (response, sender) = events(Vec::new());
            calls.lock().unwrap().push(sender);
            response
        }
        _ => {
            let done = json!({"jsonrpc": "2.0", "id": 3, "result": {"ok": "yes"}});
            calls.lock().unwrap().remove(0).try_send(Bytes::from(format!("data: {done}\n\n"))).unwrap();
            empty(202)
        }
    }))
    .await;
    let (connection, _events) = peer.connect(ConnectOptions::new("peer")).await;
    let connection = connection.unwrap();
    while peer.seen.recv().await.unwrap().method != Method::GET {}
    let (asker, mut asked) = Asker::new(Kinds::ALL);
    let calling = tokio::spawn(connection.call_asking(modern_call("t"), Some(asker)));
    asked.recv().await.unwrap().answer(Ok(accepted()));
    assert_eq!(calling.await.unwrap().unwrap().text("ok").unwrap(), "yes");
}

#[tokio::test]
async fn a_broken_stream_of_a_legacy_server_goes_on_after_the_last_event() {
    let peer = Peer::serve(legacy(|seen| match (&seen.method, seen.body["method"].as_str()) {
        (&Method::GET, _) => match seen.headers.get("last-event-id").map(|id| id.to_str().unwrap()) {
            None => empty(405),
            Some("e1") => {
                let (response, stream) = events(Vec::new());
                let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress",
                    "params": {"progressToken": 3, "progress": 2}});
                stream.try_send(Bytes::from(format!("id: e2\ndata: {progress}\n\n"))).unwrap();
                response
            }
            Some("e2") => {
                let done = json!({"jsonrpc": "2.0", "id": 3, "result": {"ok": "yes"}});
                events(vec![done]).0
            }
            Some(other) => panic!("resumed after {other}"),
        },
        (_, Some("tools/call")) => {
            // A priming event, a pause, and the end.
            let (response, stream) = events(Vec::new());
            stream.try_send(Bytes::from_static(b"id: e1\nretry: 10\ndata:\n\n")).unwrap();
            response
        }
        _ => empty(202),
    }))
    .await;
    let (connection, _events) = peer.connect(ConnectOptions::new("peer")).await;
    let (call, notifier) = noisy_call("t", "mine");
    assert_eq!(connection.unwrap().call(call).await.unwrap().text("ok").unwrap(), "yes");
    assert_eq!(notifier.take().unwrap().params.unwrap().text("progressToken").unwrap(), "mine");
}
