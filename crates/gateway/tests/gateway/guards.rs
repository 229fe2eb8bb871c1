//! What a server says of its tools counts as long as it is what was approved; kept results are of one
//! principal; members of a group are one to a client.

use crate::peer::{Asked, Peer};
use crate::{World, client};
use protocol::{CallContext, Version};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A server with the tool `read`, which says that it only reads and how often it was called, and the
/// tool `write`; `about` is in the description of both.
async fn server(about: Arc<AtomicU64>) -> Peer {
    let calls = AtomicU64::new(0);
    Peer::serve(move |asked| answer(asked, about.load(Ordering::Relaxed), &calls)).await
}

fn answer(asked: &Asked, about: u64, calls: &AtomicU64) -> Result<Value, Value> {
    let tool = |name: &str, reads: bool| {
        json!({"name": name, "description": format!("version {about}"), "inputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": reads}})
    };
    match asked.method.as_str() {
        "server/discover" => Ok(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": true}}
        })),
        "tools/list" => Ok(json!({"tools": [tool("read", true), tool("write", false)]})),
        "tools/call" => {
            let count = calls.fetch_add(1, Ordering::Relaxed) + 1;
            let asks = asked.params["arguments"]["ask"] == true && asked.params.get("requestState").is_none();
            Ok(match asks {
                true => json!({"resultType": "input_required", "requestState": "s"}),
                false => json!({"content": [{"type": "text", "text": count.to_string()}]}),
            })
        }
        _ => Err(json!({"code": -32601, "message": "not here"})),
    }
}

fn me() -> CallContext {
    client("me", Version::V2026_07_28, json!({}))
}

async fn call(world: &World, who: &CallContext, tool: &str, arguments: Value) -> String {
    let result = world.ask(who, "tools/call", json!({"name": tool, "arguments": arguments})).await.unwrap();
    result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn results_are_kept_of_tools_that_only_read_for_who_asked() {
    let peer = server(Arc::default()).await;
    let world = World::guarding(&[("s", &peer)], "cache.tools = [\"*\"]").await;
    let you = client("you", Version::V2026_07_28, json!({}));
    assert_eq!(call(&world, &me(), "s__read", json!({"a": 1, "b": 2})).await, "1");
    assert_eq!(call(&world, &me(), "s__read", json!({"b": 2, "a": 1})).await, "1");
    assert_eq!(call(&world, &you, "s__read", json!({"a": 1, "b": 2})).await, "2");
    assert_eq!(call(&world, &me(), "s__write", json!({})).await, "3");
    assert_eq!(call(&world, &me(), "s__write", json!({})).await, "4");
    let ask = json!({"name": "s__read", "arguments": {"ask": true}});
    for _ in 0..2 {
        let asked = world.ask(&me(), "tools/call", ask.clone()).await.unwrap();
        assert_eq!(asked["resultType"], "input_required", "questions are not kept");
    }
    assert_eq!(peer.count("tools/call"), 6);
}

#[tokio::test]
async fn a_definition_that_changed_says_nothing_until_it_is_approved() {
    let about = Arc::new(AtomicU64::new(1));
    let peer = server(about.clone()).await;
    let world = World::guarding(&[("s", &peer)], "cache.tools = [\"read\"]").await;
    let server = world.gateway.snapshot().servers["s"].clone();
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "1");
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "1");
    about.store(2, Ordering::Relaxed);
    let changed = async {
        while server.guards.unapproved().len() < 2 {
            peer.tell("notifications/tools/list_changed", &json!({}));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), changed).await.unwrap();
    let named: Vec<_> = server.guards.unapproved().into_iter().map(|one| (one.tool, one.new)).collect();
    assert_eq!(named, [("read".to_owned(), false), ("write".to_owned(), false)]);
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "2");
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "3");
    assert_eq!(world.gateway.approve_tools(&server), 2);
    assert!(server.guards.unapproved().is_empty());
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "4");
    assert_eq!(call(&world, &me(), "s__read", json!({})).await, "4");
    assert_eq!(world.gateway.cache_figures(&server).await.unwrap().entries, 1);
}

#[tokio::test]
async fn the_answer_to_a_question_goes_to_the_member_that_asked() {
    let (a, b) = (server(Arc::default()).await, server(Arc::default()).await);
    let world = World::guarding(&[("a", &a), ("b", &b)], "group = \"pool\"").await;
    for _ in 0..12 {
        let ask = json!({"name": "pool__read", "arguments": {"ask": true}});
        let before = [a.count("tools/call"), b.count("tools/call")];
        let asked = world.ask(&me(), "tools/call", ask.clone()).await.unwrap();
        let mut answer = ask;
        answer["requestState"] = asked["requestState"].clone();
        world.ask(&me(), "tools/call", answer).await.unwrap();
        let after = [a.count("tools/call") - before[0], b.count("tools/call") - before[1]];
        assert!(after == [2, 0] || after == [0, 2], "both rounds at one member, not {after:?}");
    }
    assert!(a.count("tools/call") > 0 && b.count("tools/call") > 0, "equals share the calls");
}
