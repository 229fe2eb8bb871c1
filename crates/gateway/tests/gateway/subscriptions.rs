//! Subscriptions to resources that outlive what stood behind them: a server that is replaced, a
//! list that grows.

use crate::peer::{Asked, Peer};
use crate::{World, client, configuration};
use protocol::Version;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinHandle;

/// A server of as many resources as `count` says.
async fn library(count: Arc<AtomicUsize>) -> Peer {
    Peer::serve(move |asked| match &*asked.method {
        "server/discover" => {
            let resources = json!({"listChanged": true, "subscribe": true});
            Ok(json!({"supportedVersions": ["2026-07-28"], "capabilities": {"resources": resources}}))
        }
        "resources/list" => {
            let shown = 0..count.load(Ordering::SeqCst);
            let resources: Vec<Value> =
                shown.map(|n| json!({"uri": format!("a://{n}"), "name": n.to_string()})).collect();
            Ok(json!({"resources": resources}))
        }
        "resources/templates/list" => Ok(json!({"resourceTemplates": []})),
        other => Err(json!({"code": -32601, "message": other})),
    })
    .await
}

/// Subscribes to `uri` and waits for the acknowledgement.
async fn subscribed(world: &Arc<World>, uri: &str) -> JoinHandle<Result<Value, protocol::Error>> {
    let listener = client("me", Version::V2026_07_28, json!({}));
    let (heard, world) = (listener.notifier.clone(), world.clone());
    let filter = json!({"notifications": {"resourceSubscriptions": [uri]}});
    let listening = tokio::spawn(async move { world.ask(&listener, "subscriptions/listen", filter).await });
    assert_eq!(heard.next().await.method, "notifications/subscriptions/acknowledged");
    listening
}

fn asks_for(uri: &'static str) -> impl Fn(&Asked) -> bool {
    move |asked| {
        let wanted = &asked.params["notifications"]["resourceSubscriptions"];
        asked.method == "subscriptions/listen" && *wanted == json!([uri])
    }
}

#[tokio::test]
async fn a_server_that_takes_the_place_of_another_is_told_what_is_wanted() {
    let (old, new) = (library(Arc::new(1.into())).await, library(Arc::new(1.into())).await);
    let world = Arc::new(World::before(&[("lib", &old)]).await);
    let listening = subscribed(&world, "a://0").await;
    old.asked(asks_for("a://0")).await;
    world.gateway.apply(configuration(&format!("[servers.lib]\nurl = {:?}\n", new.url))).await.unwrap();
    new.asked(asks_for("a://0")).await;
    listening.abort();
}

#[tokio::test]
async fn a_resource_that_comes_later_is_subscribed_to_then() {
    let count = Arc::new(AtomicUsize::new(1));
    let lib = library(count.clone()).await;
    let world = Arc::new(World::before(&[("lib", &lib)]).await);
    let listening = subscribed(&world, "a://1").await;
    lib.asked(|asked| asked.method == "subscriptions/listen").await;
    count.store(2, Ordering::SeqCst);
    lib.tell("notifications/resources/list_changed", &json!({}));
    lib.asked(asks_for("a://1")).await;
    listening.abort();
}

#[tokio::test]
async fn nothing_is_missed_while_another_resource_is_subscribed_to() {
    let lib = library(Arc::new(2.into())).await;
    let world = Arc::new(World::before(&[("lib", &lib)]).await);
    let first = subscribed(&world, "a://0").await;
    lib.asked(asks_for("a://0")).await;
    let second = subscribed(&world, "a://1").await;
    let both = json!(["a://0", "a://1"]);
    lib.asked(|asked| asked.params["notifications"]["resourceSubscriptions"] == both).await;
    assert!(lib.streams() >= 2, "the old stream stands until the new one does");
    first.abort();
    second.abort();
}
