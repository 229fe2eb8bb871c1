//! Streams of events of legacy clients over HTTP: numbered, kept, and resumed.

use crate::web::{Answer, Web};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn an_answer_in_time_is_plain_json_and_a_late_one_can_be_come_back_to() {
    let web = Web::connect("2025-11-25", json!({})).await;
    assert!(web.call(1, "echo", json!({})).await.json().await.get("result").is_some());
    let begun = Instant::now();
    let mut stream = web.call(2, "gate", json!({})).await;
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    let first = stream.event().await.unwrap();
    assert!(first.data.is_empty() && first.retry_ms.is_some(), "{first:?}");
    let id = first.id.unwrap();
    drop(stream);
    web.fake.gate.add_permits(1);
    let answer = web.get(Some(&id)).await.rest().await;
    assert_eq!(answer, [json!({"jsonrpc": "2.0", "id": 2, "result": {"through": true}})]);
}

#[tokio::test]
async fn only_2025_11_25_is_primed() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let web = Web::connect(version, json!({})).await;
        let primed = version == "2025-11-25";
        for mut stream in [web.call(1, "noisy", json!({})).await, web.get(None).await] {
            let first = stream.event().await.unwrap();
            assert_eq!(first.data.is_empty(), primed, "{version}: {first:?}");
            assert_eq!(first.retry_ms.is_some(), primed, "{version}: {first:?}");
            assert!(first.id.is_some(), "{version}: {first:?}");
        }
    }
}

#[tokio::test]
async fn an_older_client_waits_for_its_plain_answer() {
    let web = Web::connect("2025-06-18", json!({})).await;
    let answering = web.call(1, "gate", json!({}));
    let opening = async {
        tokio::time::sleep(Duration::from_millis(1300)).await;
        web.fake.gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(answering, opening);
    assert_eq!(answer.json().await["result"]["through"], true);
}

#[tokio::test]
async fn unknown_places_are_refused() {
    let web = Web::connect("2025-06-18", json!({})).await;
    let stream = web.call(1, "noisy", json!({})).await;
    assert_eq!(stream.rest().await.len(), 3);
    for bad in ["1-4", "2-0", "0-1", "x", "1", "-1-1", "99999999999999999999-1"] {
        let answer = web.get(Some(bad)).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json().await["error"]["message"].as_str().unwrap().contains("nothing is kept"), "{bad}");
    }
    assert_eq!(web.get(Some("1-3")).await.rest().await, Vec::<Value>::new(), "nothing came after the answer");
}

#[tokio::test]
async fn the_later_of_two_readers_gets_the_rest() {
    let web = Web::connect("2025-06-18", json!({})).await;
    web.fake.gate.add_permits(1);
    let mut early = web.call(1, "steps", json!({"count": 3})).await;
    let (id, _) = early.message().await.unwrap();
    let late = web.get(Some(&id)).await;
    web.fake.gate.add_permits(2);
    assert!(early.message().await.is_none());
    assert_eq!(steps(&late.rest().await), [2, 3]);
}

#[tokio::test]
async fn resuming_a_call_leaves_the_sessions_own_stream_alone_and_that_can_be_resumed_too() {
    let web = Web::connect("2025-06-18", json!({})).await;
    let mut outside = web.get(None).await;
    let (seen, changed) = outside.message().await.unwrap();
    assert_eq!((seen.as_str(), &changed["method"]), ("0-1", &json!("notifications/tools/list_changed")));
    web.fake.gate.add_permits(1);
    let mut stream = web.call(1, "steps", json!({"count": 2})).await;
    let (id, _) = stream.message().await.unwrap();
    drop(stream);
    web.fake.gate.add_permits(1);
    assert_eq!(steps(&web.get(Some(&id)).await.rest().await), [2]);
    // A subscription opens the session's listen anew, which says again that the list changed.
    let subscribe = crate::legacy(2, "resources/subscribe", json!({"uri": "a://b"}));
    assert_eq!(web.post(&subscribe).await.json().await["result"], json!({}));
    assert_eq!(outside.message().await.unwrap().0, "0-2");
    let mut again = web.get(Some("0-0")).await;
    assert!(outside.message().await.is_none(), "the newest stream takes the place of the older one");
    assert_eq!(again.message().await.unwrap().0, "0-1");
    assert_eq!(again.message().await.unwrap().0, "0-2");
}

#[tokio::test]
async fn hanging_up_is_not_cancelling_but_cancelling_is() {
    let web = Web::connect("2025-11-25", json!({})).await;
    let mut stream = web.call(1, "gate", json!({})).await;
    let id = stream.event().await.unwrap().id.unwrap();
    drop(stream);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(web.post(&cancel).await.status, 202);
    let rest = web.get(Some(&id)).await.rest().await;
    assert_eq!(rest[0]["error"]["data"]["kind"], "cancelled", "{rest:?}");
}

fn steps(messages: &[Value]) -> Vec<u64> {
    let (last, before) = messages.split_last().unwrap();
    assert_eq!(last["result"]["done"], true, "the answer comes last");
    before.iter().map(|message| message["params"]["progress"].as_u64().unwrap()).collect()
}

/// Reads up to `count` messages into `all`; returns the id to come back to.
async fn read(stream: &mut Answer, count: usize, all: &mut Vec<Value>) -> Option<String> {
    let mut last = None;
    while all.len() < count {
        let (id, message) = stream.message().await?;
        all.push(message);
        last = Some(id);
    }
    last
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the places where the connection breaks, and whatever is said meanwhile.
    #[test]
    fn a_resumed_stream_loses_and_doubles_nothing(
        count in 1u64..60,
        mut cuts in prop::collection::btree_set(1usize..60, 0..6),
        ahead in 0usize..20,
        new in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        cuts.retain(|cut| *cut <= count as usize);
        let messages = runtime.block_on(async {
            let web = Web::connect(if new { "2025-11-25" } else { "2025-03-26" }, json!({})).await;
            web.fake.gate.add_permits(1);
            let mut stream = web.call(1, "steps", json!({ "count": count })).await;
            let mut messages = Vec::new();
            let mut permits = 1;
            for cut in cuts {
                let until = (cut + ahead).min(count as usize);
                web.fake.gate.add_permits(until.saturating_sub(permits));
                permits = permits.max(until);
                if let Some(last) = read(&mut stream, cut, &mut messages).await {
                    drop(stream);
                    stream = web.get(Some(&last)).await;
                }
            }
            web.fake.gate.add_permits(count as usize - permits);
            read(&mut stream, usize::MAX, &mut messages).await;
            messages
        });
        prop_assert_eq!(steps(&messages), (1..=count).collect::<Vec<_>>());
    }
}
