//! Batches of clients up to 2025-03-26.

use crate::web::Web;
use crate::{Peer, legacy};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn call(id: u64, name: &str) -> Value {
    legacy(id, "tools/call", json!({"name": name}))
}

fn ids(batch: &Value) -> Vec<u64> {
    let mut ids: Vec<_> = batch.as_array().unwrap().iter().map(|response| response["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

#[tokio::test]
async fn responses_alone_are_one_array() {
    for version in ["2025-03-26", "2024-11-05"] {
        let web = Web::connect(version, json!({})).await;
        let batch = json!([call(1, "echo"), initialized(), legacy(2, "ping", json!({})), call(3, "echo")]);
        let answers = web.post(&batch).await.json().await;
        assert_eq!(ids(&answers), [1, 2, 3]);
        assert!(answers.as_array().unwrap().iter().all(|answer| answer.get("result").is_some()), "{answers}");
    }
}

#[tokio::test]
async fn what_needs_no_answer_gets_none() {
    let web = Web::connect("2025-03-26", json!({"roots": {}})).await;
    assert_eq!(web.post(&json!([initialized(), initialized()])).await.status, 202);
    let mut stream = web.call(1, "ask", json!({"questions": {"a": {"method": "roots/list"}}})).await;
    let (_, question) = stream.message().await.unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"roots": []}});
    assert_eq!(web.post(&json!([initialized(), answer])).await.status, 202, "answers may come in a batch");
    assert_eq!(stream.message().await.unwrap().1["result"]["got"], json!({"a": {"roots": []}}));
}

#[tokio::test]
async fn a_batch_that_says_more_is_a_stream() {
    let web = Web::connect("2025-03-26", json!({})).await;
    web.fake.gate.add_permits(1);
    let answer = web.post(&json!([call(1, "echo"), call(2, "noisy"), call(3, "gate")])).await;
    assert!(answer.is_stream());
    let messages = answer.rest().await;
    let progress = messages.iter().filter(|message| message["method"] == "notifications/progress").count();
    assert_eq!((messages.len(), progress), (5, 2));
    let responses = messages.into_iter().filter(|message| message.get("id").is_some()).collect();
    assert_eq!(ids(&responses), [1, 2, 3]);
}

#[tokio::test]
async fn calls_of_a_batch_run_at_the_same_time() {
    let web = Web::connect("2025-03-26", json!({})).await;
    let both = json!([call(1, "gate"), call(2, "gate")]);
    let answering = web.post(&both);
    let opening = async {
        while web.fake.calls.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        web.fake.gate.add_permits(2);
    };
    let (answer, ()) = tokio::join!(answering, opening);
    assert_eq!(ids(&answer.json().await), [1, 2]);
}

#[tokio::test]
async fn bad_batches_are_refused_and_bad_messages_alone() {
    let web = Web::connect("2025-03-26", json!({})).await;
    for (batch, says) in
        [(json!([]), "at least one"), (Value::Array((1..=5).map(|id| call(id, "echo")).collect()), "batch_max")]
    {
        let answer = web.post(&batch).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json().await["error"]["message"].as_str().unwrap().contains(says));
    }
    let hello = legacy(2, "initialize", json!({"protocolVersion": "2025-03-26", "capabilities": {}}));
    let answers = web.post(&json!([call(1, "echo"), hello, 7, {"jsonrpc": "2.0", "id": 4}])).await.json().await;
    let code = |id: Value| {
        let found = answers.as_array().unwrap().iter().find(|answer| answer["id"] == id);
        found.unwrap_or_else(|| panic!("expected an answer to {id}: {answers}"))["error"]["code"].clone()
    };
    assert_eq!(code(json!(1)), Value::Null);
    assert_eq!([code(json!(2)), code(json!(null)), code(json!(4))], [-32600, -32600, -32600]);
    for version in ["2025-06-18", "2025-11-25"] {
        let web = Web::connect(version, json!({})).await;
        let answer = web.post(&json!([call(1, "echo")])).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.json().await["error"]["code"], -32600);
    }
}

#[tokio::test]
async fn on_a_pipe_a_batch_is_answered_by_one_line() {
    let mut peer = Peer::connect();
    peer.initialize_as("2025-03-26", json!({})).await;
    assert_eq!(peer.next().await["method"], "notifications/tools/list_changed");
    let answers = peer.ask(json!([call(1, "echo"), initialized(), legacy(2, "ping", json!({}))])).await;
    assert_eq!(ids(&answers), [1, 2]);
    peer.send(&json!([call(3, "noisy"), call(4, "slow")]).to_string()).await;
    for _ in 0..3 {
        assert_eq!(peer.next().await["method"], "notifications/progress");
    }
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}});
    assert_eq!(ids(&peer.ask(json!([cancel])).await), [3], "what is cancelled gets no answer");
    assert_eq!(peer.fake.dropped.load(Ordering::SeqCst), 1);
    peer.send(&json!([initialized()]).to_string()).await;
    assert_eq!(peer.ask(json!([])).await["error"]["code"], -32600);
}
