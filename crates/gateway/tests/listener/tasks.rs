//! Clients that speak the experimental tasks of 2025-11-25, before a service that speaks the
//! extension.

use crate::{Peer, legacy};
use protocol::{Call, Error, ErrorKind, Object, Raw, Reply, ReplyFuture, Service};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Makes a task of `slow`, which ends when it was asked about twice; `asks` wants input first,
/// `quick` is never a task. Writes down what it was asked.
#[derive(Default)]
struct Fake {
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Service for Fake {
    fn call(&self, call: Call) -> ReplyFuture {
        let capabilities = call.context.client.capabilities.as_ref().map_or("{}", Raw::as_str);
        let mut params: Value = call.params.to_raw().read().unwrap();
        params["declared"] = json!(capabilities.contains("io.modelcontextprotocol/tasks"));
        params["apps"] = json!(capabilities.contains("io.modelcontextprotocol/ui"));
        let method = call.method.to_string();
        self.seen.lock().unwrap().push((method.clone(), params.clone()));
        let asked = self.seen.lock().unwrap().iter().filter(|(seen, _)| *seen == method).count();
        Box::pin(async move { answer(&method, &params, asked) })
    }
}

fn answer(method: &str, params: &Value, asked: usize) -> Reply {
    let flat = |status: &str| {
        json!({"taskId": params["taskId"].as_str().unwrap_or("sealed"), "status": status, "createdAt": "c",
               "lastUpdatedAt": "l", "ttlMs": 1000, "pollIntervalMs": 1})
    };
    let result = match (method, params["name"].as_str().or_else(|| params["taskId"].as_str())) {
        ("server/discover", _) => json!({"capabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}),
        ("tools/call", Some("quick")) => json!({"content": [], "isError": true}),
        ("tools/call", _) if params["declared"] == true => {
            let mut task = flat("working");
            task["resultType"] = "task".into();
            task
        }
        ("tools/call", _) => json!({"content": ["waited"]}),
        ("tasks/get", Some("sealed")) if asked > 1 => {
            let mut task = flat("completed");
            task["result"] = json!({"content": ["done"]});
            task
        }
        ("tasks/get", Some("sealed")) => flat("working"),
        ("tasks/get", Some("other")) => flat("working"),
        ("tasks/cancel", _) => json!({}),
        _ => return Err(Error::new(ErrorKind::InvalidParams, "there is no such task")),
    };
    Ok(Object::of(&Raw::of(&result)).unwrap())
}

async fn connect(version: &str) -> (Peer, Arc<Mutex<Vec<(String, Value)>>>, Value) {
    let fake = Fake::default();
    let seen = fake.seen.clone();
    let mut peer = Peer::before(Arc::new(fake), crate::fake::Fake::default());
    // The extension of tasks means nothing in the old dialect.
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/ui": {}, "io.modelcontextprotocol/tasks": {}}});
    let params =
        json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "c", "version": "1"}});
    let answer = peer.ask(legacy(0, "initialize", params)).await;
    peer.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    (peer, seen, answer["result"]["capabilities"].clone())
}

#[tokio::test]
async fn a_task_is_made_asked_about_and_its_result_read() {
    let (mut peer, seen, capabilities) = connect("2025-11-25").await;
    assert_eq!(capabilities, json!({"tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}}));
    let call = legacy(1, "tools/call", json!({"name": "slow", "task": {"ttl": 1000}}));
    let made = peer.ask(call).await["result"].clone();
    let task = json!({"taskId": "sealed", "status": "working", "createdAt": "c", "lastUpdatedAt": "l", "ttl": 1000,
                      "pollInterval": 1});
    assert_eq!(made, json!({"task": task}));
    let (_, sent) = seen.lock().unwrap().iter().find(|(method, _)| method == "tools/call").cloned().unwrap();
    assert_eq!(sent["declared"], true);
    assert_eq!(peer.ask(legacy(2, "tasks/get", json!({"taskId": "sealed"}))).await["result"], task);
    let result = peer.ask(legacy(3, "tasks/result", json!({"taskId": "sealed"}))).await["result"].clone();
    let related = json!({"io.modelcontextprotocol/related-task": {"taskId": "sealed"}});
    assert_eq!(result, json!({"content": ["done"], "_meta": related}));
    let listed = peer.ask(legacy(4, "tasks/list", json!({}))).await["result"].clone();
    assert_eq!(listed["tasks"][0]["status"], "completed", "{listed}");
    let refused = peer.ask(legacy(5, "tasks/cancel", json!({"taskId": "sealed"}))).await;
    assert_eq!(refused["error"]["code"], -32602, "it has ended: {refused}");
    let cancelled = peer.ask(legacy(6, "tasks/cancel", json!({"taskId": "other"}))).await;
    assert_eq!(cancelled["result"]["status"], "cancelled", "{cancelled}");
    let unknown = peer.ask(legacy(7, "tasks/get", json!({"taskId": "x"}))).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
}

#[tokio::test]
async fn an_answer_that_came_at_once_is_kept_as_a_task_that_has_ended() {
    let (mut peer, seen, _) = connect("2025-11-25").await;
    let made = peer.ask(legacy(1, "tools/call", json!({"name": "quick", "task": {"ttl": 5}}))).await;
    let task = made["result"]["task"].clone();
    assert_eq!((&task["status"], &task["ttl"]), (&json!("failed"), &json!(5)), "{made}");
    let result = peer.ask(legacy(2, "tasks/result", json!({"taskId": task["taskId"]}))).await["result"].clone();
    assert_eq!((&result["isError"], &result["content"]), (&json!(true), &json!([])));
    assert_eq!(peer.ask(legacy(3, "tasks/get", json!({"taskId": task["taskId"]}))).await["result"], task);
    let asked = seen.lock().unwrap().iter().filter(|(method, _)| method.starts_with("tasks/")).count();
    assert_eq!(asked, 0, "nobody else knows of it");
}

#[tokio::test]
async fn who_asks_for_no_task_declares_nothing() {
    for (version, params) in
        [("2025-11-25", json!({"name": "slow"})), ("2025-06-18", json!({"name": "slow", "task": {}}))]
    {
        let (mut peer, seen, capabilities) = connect(version).await;
        assert_eq!(capabilities.get("tasks").is_some(), version == "2025-11-25");
        assert_eq!(capabilities.get("extensions"), None, "{capabilities}");
        let answer = peer.ask(legacy(1, "tools/call", params)).await;
        assert_eq!(answer["result"], json!({"content": ["waited"]}));
        let (_, sent) = seen.lock().unwrap().iter().find(|(method, _)| method == "tools/call").cloned().unwrap();
        assert_eq!((&sent["declared"], sent.get("task")), (&json!(false), None));
        assert_eq!(sent["apps"], true, "other extensions are passed on");
    }
}
