//! The tasks extension through an endpoint of several servers.

use crate::peer::{Asked, Peer};
use crate::{World, client};
use gateway::Scope;
use protocol::{CallContext, ErrorKind, Version};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A server whose tool `slow` is a task with the id `1`, which ends when it was asked about
/// `rounds` times; and asks for input before when `asks`.
async fn server(rounds: usize, asks: bool) -> Peer {
    let gets = AtomicUsize::new(0);
    Peer::serve(move |asked| answer(asked, rounds, asks, &gets)).await
}

fn answer(asked: &Asked, rounds: usize, asks: bool, gets: &AtomicUsize) -> Result<Value, Value> {
    let flat = |status: &str| json!({"taskId": "1", "status": status, "createdAt": "c", "lastUpdatedAt": "l", "ttlMs": null, "pollIntervalMs": 1});
    let known = || {
        assert_eq!(asked.headers["mcp-name"], asked.params["taskId"].as_str().unwrap(), "the header repeats the body");
        if asked.params["taskId"] == "1" { Ok(()) } else { Err(json!({"code": -32602, "message": "unknown"})) }
    };
    match asked.method.as_str() {
        "server/discover" => Ok(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}, "extensions": {TASKS: {}}}
        })),
        "tools/list" => Ok(json!({"tools": [{"name": "slow", "inputSchema": {"type": "object"}}]})),
        "tools/call" if asked.declares(TASKS) => {
            let mut task = flat("working");
            task["resultType"] = "task".into();
            Ok(task)
        }
        "tools/call" => Err(json!({
            "code": -32021, "message": "needs tasks", "data": {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        })),
        "tasks/get" => {
            known()?;
            if asks {
                let mut task = flat("input_required");
                task["inputRequests"] = json!({"q": {"method": "elicitation/create", "params": {"message": "Sure?"}}});
                return Ok(task);
            }
            let round = gets.fetch_add(1, Ordering::SeqCst) + 1;
            if round < rounds {
                let mut task = flat("working");
                task["statusMessage"] = format!("round {round}").into();
                return Ok(task);
            }
            let mut task = flat("completed");
            task["result"] = json!({"content": [{"type": "text", "text": "done"}]});
            Ok(task)
        }
        "tasks/update" | "tasks/cancel" => known().map(|()| json!({})),
        other => Err(json!({"code": -32601, "message": format!("no {other}")})),
    }
}

fn told(notification: protocol::Notification) -> Value {
    let params: Value = notification.params.unwrap().to_raw().read().unwrap();
    json!({"method": &*notification.method, "params": params})
}

fn modern(principal: &str) -> CallContext {
    client(principal, Version::V2026_07_28, json!({"elicitation": {}, "extensions": {TASKS: {}}}))
}

#[tokio::test]
async fn ids_lead_to_their_servers_and_only_for_their_principal() {
    let (one, two) = (server(1, false).await, server(1, false).await);
    let world = World::before(&[("one", &one), ("two", &two)]).await;
    let me = modern("me");
    let discovered = world.ask(&me, "server/discover", json!({})).await.unwrap();
    assert_eq!(discovered["capabilities"]["extensions"], json!({TASKS: {}}));
    let made = world.ask(&me, "tools/call", json!({"name": "two__slow"})).await.unwrap();
    assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")));
    let id = json!({"taskId": made["taskId"]});
    assert!(made["taskId"].as_str().unwrap().len() > 40, "sealed: {made}");
    let got = world.ask(&me, "tasks/get", id.clone()).await.unwrap();
    assert_eq!((&got["taskId"], &got["status"]), (&made["taskId"], &json!("completed")), "the same id: {got}");
    assert_eq!(got["result"]["content"][0]["text"], "done");
    assert_eq!(world.ask(&me, "tasks/cancel", id.clone()).await.unwrap(), json!({}));
    assert_eq!((one.count("tasks/get"), two.count("tasks/get"), two.count("tasks/cancel")), (0, 1, 1));

    for (who, id) in [(modern("other"), id.clone()), (modern("me"), json!({"taskId": "1"}))] {
        let refused = world.ask(&who, "tasks/get", id).await.unwrap_err();
        assert_eq!((refused.code(), &*refused.message), (-32602, "there is no such task"));
    }
    let at = |name: &str| Scope::Server(name.into());
    assert!(world.ask_at(at("two"), &me, "tasks/get", id.clone()).await.is_ok());
    assert_eq!(world.ask_at(at("one"), &me, "tasks/get", id.clone()).await.unwrap_err().code(), -32602);
    let undeclared = client("me", Version::V2026_07_28, json!({}));
    let refused = world.ask(&undeclared, "tasks/get", id).await.unwrap_err();
    assert_eq!(refused.code(), -32021);
    assert_eq!(
        refused.data.unwrap().as_str(),
        format!(r#"{{"requiredCapabilities":{{"extensions":{{"{TASKS}":{{}}}}}}}}"#)
    );
}

#[tokio::test]
async fn a_client_that_knows_no_tasks_declares_none_and_a_legacy_one_is_waited_for() {
    let one = server(3, false).await;
    let world = World::before(&[("one", &one), ("two", &server(1, false).await)]).await;
    let mut old = client("me", Version::V2025_11_25, json!({}));
    old.progress_token = Some(protocol::Raw::from_static("\"p\""));
    let result = world.ask(&old, "tools/call", json!({"name": "one__slow"})).await.unwrap();
    for round in 1..=2 {
        let progress = told(old.notifier.take().unwrap());
        assert_eq!(
            progress["params"],
            json!({"progressToken": "p", "progress": round, "message": format!("round {round}")})
        );
    }
    assert_eq!(result, json!({"content": [{"type": "text", "text": "done"}]}));
    assert_eq!((one.count("tools/call"), one.count("tasks/get")), (2, 3));
    assert!(one.asked(|asked| asked.method == "tasks/get").await.declares(TASKS));
    // A modern client can do something about it, so it is told.
    let new = client("me", Version::V2026_07_28, json!({}));
    let refused = world.ask(&new, "tools/call", json!({"name": "one__slow"})).await.unwrap_err();
    assert_eq!(refused.code(), -32021);
    assert_eq!(one.count("tools/call"), 3);
}

#[tokio::test]
async fn a_wait_that_is_given_up_cancels_the_task() {
    let one = server(usize::MAX, false).await;
    let world = Arc::new(World::before(&[("one", &one)]).await);
    let waiting = tokio::spawn({
        let world = world.clone();
        async move {
            let old = client("me", Version::V2025_11_25, json!({}));
            world.ask(&old, "tools/call", json!({"name": "one__slow"})).await
        }
    });
    one.asked(|asked| asked.method == "tasks/get").await;
    waiting.abort();
    assert_eq!(one.asked(|asked| asked.method == "tasks/cancel").await.params["taskId"], "1");
}

#[tokio::test]
async fn questions_of_a_task_name_the_server_and_must_be_declared() {
    let (bank, other) = (server(1, true).await, server(1, false).await);
    let world = World::before(&[("bank", &bank), ("other", &other)]).await;
    let me = modern("me");
    let made = world.ask(&me, "tools/call", json!({"name": "bank__slow"})).await.unwrap();
    let id = json!({"taskId": made["taskId"]});
    let got = world.ask(&me, "tasks/get", id.clone()).await.unwrap();
    assert_eq!(got["inputRequests"]["q"]["params"]["message"], "[bank] Sure?");
    let mut update = id.clone();
    update["inputResponses"] = json!({"q": {"action": "accept", "content": {}}});
    assert_eq!(world.ask(&me, "tasks/update", update).await.unwrap(), json!({}));
    let sent = bank.asked(|asked| asked.method == "tasks/update").await;
    assert_eq!(
        (&sent.params["taskId"], &sent.params["inputResponses"]["q"]["action"]),
        (&json!("1"), &json!("accept"))
    );
    let mute = client("me", Version::V2026_07_28, json!({"extensions": {TASKS: {}}}));
    assert_eq!(world.ask(&mute, "tasks/get", id).await.unwrap_err().kind, ErrorKind::UpstreamInvalid);
    let old = client("me", Version::V2025_11_25, json!({}));
    let refused = world.ask(&old, "tools/call", json!({"name": "bank__slow"})).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported, "{refused}");
    bank.asked(|asked| asked.method == "tasks/cancel").await;
}

#[tokio::test]
async fn a_listener_is_told_of_its_own_tasks_under_their_ids() {
    let (one, two) = (server(1, false).await, server(1, false).await);
    let world = Arc::new(World::before(&[("one", &one), ("two", &two)]).await);
    let me = modern("me");
    let made = world.ask(&me, "tools/call", json!({"name": "two__slow"})).await.unwrap();
    let foreign = world.ask(&modern("other"), "tools/call", json!({"name": "one__slow"})).await.unwrap();
    let listener = modern("me");
    let heard = listener.notifier.clone();
    let filter = json!({"notifications": {"taskIds": [made["taskId"], foreign["taskId"], "nonsense"]}});
    let listening = tokio::spawn({
        let world = world.clone();
        async move { world.ask(&listener, "subscriptions/listen", filter).await }
    });
    let acknowledged = told(heard.next().await);
    assert_eq!(acknowledged["params"], json!({"notifications": {"taskIds": [made["taskId"]]}}));
    let wanted = |asked: &Asked| {
        asked.method == "subscriptions/listen" && asked.params["notifications"]["taskIds"] == json!(["1"])
    };
    assert!(two.asked(wanted).await.declares(TASKS));
    two.tell("notifications/tasks", &json!({"taskId": "9", "status": "working"}));
    two.tell("notifications/tasks", &json!({"taskId": "1", "status": "completed", "result": {"n": 1}}));
    let change = told(heard.next().await);
    assert_eq!(change["method"], "notifications/tasks");
    assert_eq!(change["params"], json!({"taskId": made["taskId"], "status": "completed", "result": {"n": 1}}));
    assert_eq!(one.count("subscriptions/listen"), 0, "nobody asked about a task of it");
    listening.abort();
}

#[tokio::test]
async fn only_clients_of_the_experiment_see_which_tools_may_be_tasks() {
    let one = server(1, false).await;
    let world = World::before(&[("one", &one)]).await;
    for (version, wanted) in [
        (Version::V2026_07_28, Value::Null),
        (Version::V2025_06_18, Value::Null),
        (Version::V2025_11_25, json!({"taskSupport": "optional"})),
    ] {
        let listed = world.ask(&client("me", version, json!({})), "tools/list", json!({})).await.unwrap();
        assert_eq!(listed["tools"][0]["execution"], wanted, "{version:?}: {listed}");
    }
}
