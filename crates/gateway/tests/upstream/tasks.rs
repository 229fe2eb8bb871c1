//! Tasks of a legacy server, as whoever calls it sees them.

use crate::call;
use crate::pipe_peer::{Peer, connect, legacy, modern};
use gateway::asking::{Asker, Kinds};
use gateway::upstream::{ConnectOptions, Connection, UpstreamEvent, Wanted};
use protocol::{Object, Reply, Version};
use serde_json::{Value, json};
use std::time::Duration;

const MADE: &str = "2026-01-01T00:00:00Z";

fn task(status: &str) -> Value {
    json!({"taskId": "7", "status": status, "createdAt": MADE, "lastUpdatedAt": MADE, "ttl": 60_000, "pollInterval": 5})
}

fn value(object: &Object) -> Value {
    object.to_raw().read().unwrap()
}

async fn old() -> (Connection, Peer) {
    let (connection, peer, events) = legacy(json!({"tasks": {"requests": {"tools": {"call": {}}}}})).await;
    // Nobody reads them here; the queue is bounded.
    drop(events);
    (connection, peer)
}

fn ask(connection: &Connection, method: &str) -> tokio::task::JoinHandle<Reply> {
    tokio::spawn(connection.call(call(Version::MODERN_LATEST, method, r#"{"taskId":"7"}"#)))
}

#[tokio::test]
async fn a_nested_task_is_made_flat() {
    let (connection, mut peer) = old().await;
    let params = r#"{"name":"t","arguments":{},"task":{}}"#;
    let running = tokio::spawn(connection.call(call(Version::MODERN_LATEST, "tools/call", params)));
    let request = peer.next().await;
    assert_eq!(request["params"], json!({"name": "t", "arguments": {}, "task": {}}));
    let related = json!({"io.modelcontextprotocol/related-task": {"taskId": "7"}, "x/y": 1});
    peer.answer(&request, json!({"task": task("working"), "_meta": related})).await;
    assert_eq!(
        value(&running.await.unwrap().unwrap()),
        json!({
            "taskId": "7", "status": "working", "createdAt": MADE, "lastUpdatedAt": MADE, "ttlMs": 60_000,
            "pollIntervalMs": 5, "resultType": "task", "_meta": {"x/y": 1}
        })
    );
}

#[tokio::test]
async fn the_result_of_a_task_stands_in_tasks_get() {
    let (connection, mut peer) = old().await;
    for (status, answer, wanted) in [
        ("completed", Ok(json!({"content": [], "_meta": {"io.modelcontextprotocol/related-task": {}}})), "completed"),
        ("failed", Ok(json!({"content": [], "isError": true})), "completed"),
        ("failed", Err(-32000), "failed"),
    ] {
        let running = ask(&connection, "tasks/get");
        let request = peer.next().await;
        assert_eq!((&request["method"], &request["params"]), (&json!("tasks/get"), &json!({"taskId": "7"})));
        peer.answer(&request, task(status)).await;
        let request = peer.next().await;
        assert_eq!(request["method"], "tasks/result");
        match &answer {
            Ok(result) => peer.answer(&request, result.clone()).await,
            Err(code) => peer.refuse(&request, *code).await,
        }
        let got = value(&running.await.unwrap().unwrap());
        assert_eq!(got["status"], wanted);
        match answer {
            Ok(_) => assert_eq!((&got["result"]["content"], got["result"].get("_meta")), (&json!([]), None)),
            Err(code) => assert_eq!(got["error"], json!({"code": code, "message": "no"})),
        }
    }
    let running = ask(&connection, "tasks/get");
    let request = peer.next().await;
    peer.answer(&request, task("working")).await;
    assert_eq!(value(&running.await.unwrap().unwrap())["status"], "working");
}

#[tokio::test]
async fn cancelling_what_has_ended_is_acknowledged_and_what_is_unknown_is_not() {
    let (connection, mut peer) = old().await;
    for state in [Some(task("completed")), None] {
        let running = ask(&connection, "tasks/cancel");
        let request = peer.next().await;
        assert_eq!(request["method"], "tasks/cancel");
        peer.refuse(&request, -32602).await;
        let request = peer.next().await;
        assert_eq!(request["method"], "tasks/get");
        match &state {
            Some(state) => peer.answer(&request, state.clone()).await,
            None => peer.refuse(&request, -32602).await,
        }
        let reply = running.await.unwrap();
        match state {
            Some(_) => assert!(reply.unwrap().is_empty()),
            None => assert_eq!(reply.unwrap_err().code(), -32602),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_during_a_task_goes_to_who_waits_for_its_result_and_has_time() {
    let (connection, mut peer) = old().await;
    let running = ask(&connection, "tasks/get");
    let request = peer.next().await;
    peer.answer(&request, task("input_required")).await;
    assert_eq!(value(&running.await.unwrap().unwrap())["status"], "input_required");
    let (asker, mut asked) = Asker::new(Kinds::ALL);
    let about_result = call(Version::MODERN_LATEST, "tasks/result", r#"{"taskId":"7"}"#);
    let running = tokio::spawn(connection.call_asking(about_result, Some(asker)));
    let request = peer.next().await;
    assert_eq!(request["method"], "tasks/result");
    let related = json!({"io.modelcontextprotocol/related-task": {"taskId": "7"}});
    let question = json!({"message": "Sure?", "_meta": related});
    peer.say(&json!({"jsonrpc": "2.0", "id": "q", "method": "elicitation/create", "params": question}).to_string())
        .await;
    asked.recv().await.unwrap().answer(Ok(Object::new()));
    assert_eq!(peer.next().await, json!({"jsonrpc": "2.0", "id": "q", "result": {}}));
    // Longer than any other call may be silent.
    tokio::time::sleep(Duration::from_secs(500)).await;
    peer.answer(&request, json!({"content": []})).await;
    assert_eq!(value(&running.await.unwrap().unwrap()), json!({"content": []}));
}

#[tokio::test]
async fn a_modern_server_is_asked_as_it_is() {
    let (connection, mut peer, _events) = modern().await;
    let running = ask(&connection, "tasks/get");
    let request = peer.next().await;
    assert_eq!(request["params"]["taskId"], "7");
    let said = json!({"taskId": "7", "status": "completed", "result": {"n": 1}});
    peer.answer(&request, said.clone()).await;
    assert_eq!(value(&running.await.unwrap().unwrap()), said);
}

#[tokio::test]
async fn a_modern_server_is_listened_to_for_its_tasks() {
    let (connecting, mut peer, mut events) = connect(ConnectOptions::new("peer"));
    let asked = peer.next().await;
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    peer.answer(&asked, json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})).await;
    let connection = connecting.await.unwrap().unwrap();
    connection.subscribe(Wanted { tasks: ["7".to_owned()].into(), ..Wanted::default() });
    let listen = peer.next().await;
    assert_eq!(listen["params"]["notifications"], json!({"taskIds": ["7"]}));
    let declared = &listen["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    assert_eq!(*declared, json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}));
    peer.tell("notifications/tasks", json!({"taskId": "7", "status": "working"})).await;
    let event = events.recv().await.unwrap();
    assert!(matches!(&event, UpstreamEvent::TaskChanged { task, .. } if task == "7"), "{event:?}");
}
