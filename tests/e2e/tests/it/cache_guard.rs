//! Prompt caches of clients: lists keep their bytes, whoever works is told of a change when it pauses, and
//! the audit says what a change has cost.

use e2e::{Client, SOON, Switchboard, eventually, misbehave, send};
use serde_json::{Value, json};
use std::thread;
use std::time::Instant;

fn is_change(event: &Value) -> bool {
    event["method"] == "notifications/tools/list_changed"
}

/// The body of `tools/list` as it comes.
#[track_caller]
fn listed(board: &Switchboard) -> String {
    board.modern().open(json!("list"), "tools/list", json!({})).text()
}

#[test]
fn a_server_that_lists_the_same_in_another_order_changes_nothing() {
    let board =
        Switchboard::start(&(misbehave("turns", "shuffle", "dual") + &misbehave("grows", "change-list", "dual")));
    board.server_in("turns", "ready");
    board.server_in("grows", "ready");
    let client = board.modern();
    let mut listen =
        client.open(json!("mine"), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    listen.event_that("the acknowledgement", |event| event["method"] == "notifications/subscriptions/acknowledged");
    let first = listed(&board);
    let lists = || client.text("turns__lists", json!({})).parse::<u64>().unwrap();
    for _ in 0..3 {
        let before = lists();
        client.text("turns__shuffle", json!({}));
        eventually(SOON, "the tools to be listed again", || lists() > before);
        assert_eq!(listed(&board), first, "expected the same bytes");
    }
    // Had any of these been a change, it would have been told before the one that is.
    client.text("grows__grow", json!({}));
    listen.event_that("the change of the other server", is_change);
    assert!(listed(&board).contains("grows__grown_1"));
    let board = board.restart();
    board.server_in("turns", "ready");
    let names = |list: &str| {
        let list: Value = serde_json::from_str(list).unwrap();
        let tools = list["result"]["tools"].as_array().unwrap().clone();
        tools.into_iter().filter(|tool| tool["name"].as_str().unwrap().starts_with("turns__")).collect::<Vec<_>>()
    };
    let text = |tools: Vec<Value>| tools.iter().map(Value::to_string).collect::<Vec<_>>();
    assert_eq!(text(names(&listed(&board))), text(names(&first)), "and the same over a restart");
}

#[test]
fn who_works_is_told_when_it_pauses_and_who_is_idle_at_once() {
    let settings = "catalog.change_quiet = \"1s\"\n";
    let servers = misbehave("grows", "change-list", "dual") + &misbehave("other", "ok", "dual");
    let board = Switchboard::start(&format!("{settings}{servers}"));
    board.server_in("grows", "ready");
    board.server_in("other", "ready");
    let (busy, idle) = (board.legacy(), board.legacy());
    let (mut busy_stream, mut idle_stream) = (busy.listen(), idle.listen());
    assert_eq!(busy.tools(), idle.tools());
    let answered = thread::scope(|scope| {
        let call = scope.spawn(|| {
            busy.call("other__sleep", json!({"ms": 3_000}));
            Instant::now()
        });
        eventually(SOON, "the call to be on its way", || board.server("other")["in_flight"] == 1);
        board.modern().text("grows__grow", json!({}));
        idle_stream.event_that("a change, at once", is_change);
        assert!(!call.is_finished(), "expected the idle one to be told while the other works");
        call.join().unwrap()
    });
    busy_stream.event_that("a change, when it pauses", is_change);
    assert!(answered.elapsed().as_millis() >= 500, "expected it to be told a while after its call");
    assert!(busy.tools().contains(&"grows__grown_1".to_owned()));
}

#[test]
fn the_audit_says_how_many_tokens_of_how_many_sessions_a_change_broke() {
    let board = Switchboard::start(&misbehave("grows", "change-list", "dual"));
    board.server_in("grows", "ready");
    let (one, two, third) = (board.legacy(), board.legacy(), board.legacy());
    let former = one.result("tools/list", json!({}))["tools"].clone();
    two.tools();
    let mut stream = third.listen();
    board.modern().text("grows__grow", json!({}));
    stream.event_that("the change", is_change);
    // Who has read nothing has nothing that could break, and who reads twice has paid once.
    third.tools();
    one.tools();
    two.tools();
    one.tools();
    let vocabulary = tiktoken_rs::o200k_base_singleton();
    let cost: usize =
        former.as_array().unwrap().iter().map(|tool| vocabulary.encode_ordinary(&tool.to_string()).len()).sum();
    let told = || {
        let events = board.cli_json(&["audit"])["events"].as_array().cloned().unwrap_or_default();
        let told = events.into_iter().filter(|event| event["what"] == "catalog_changed");
        told.map(|event| (event["details"]["sessions"].as_u64(), event["details"]["tokens"].as_u64()))
            .fold((0, 0), |sum, one| (sum.0 + one.0.unwrap_or(0), sum.1 + one.1.unwrap_or(0)))
    };
    eventually(SOON, "both sessions in the audit", || told().0 == 2);
    assert_eq!(told().1, 2 * cost as u64);
    let metrics = send(board.address(), "GET", "/metrics", &[], b"").text();
    let line = format!("switchboard_cache_broken_tokens_total {}", 2 * cost);
    assert!(metrics.lines().any(|said| said.starts_with(&line)), "{line}");
}
