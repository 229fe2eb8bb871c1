//! Keys that stand before the calls of a server: each with two values that let other calls through.

use super::{Row, differ, of_server};
use e2e::{Client as _, SOON, Switchboard, eventually, misbehave};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Which of three calls in a row are refused; the third is of another tool.
fn refused(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.modern();
    let tools = ["good__echo", "good__echo", "good__pid"];
    json!(tools.map(|tool| client.call(tool, json!({"text": "x"}))["isError"] == true))
}

/// Whether the first result is given again after another call.
fn kept(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.modern();
    let first = client.text("good__count", json!({"of": 1}));
    client.text("good__count", json!({"of": 2}));
    json!(client.text("good__count", json!({"of": 1})) == first)
}

/// How many calls with a large result were answered from memory.
fn hits(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.modern();
    (0..2).for_each(|_| drop(client.text("good__echo", json!({"text": "x".repeat(4000)}))));
    board.cli_json(&["cache", "stats"])["all"]["hits"].clone()
}

/// The breaker after it opened, a pause, and one success.
fn after_a_success(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.modern();
    client.failure("good__lost", json!({}));
    eventually(SOON, "calls to be let through again", || {
        client.call("good__echo", json!({"text": "again"}))["isError"] != true
    });
    board.server("good")["breaker"].is_null().into()
}

/// How often a program was started again for one call that ends it.
fn deaths(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    board.modern().failure("good__die", json!({}));
    eventually(SOON, "its end to be seen", || board.server("good")["restarts"].as_u64() > Some(0));
    json!(board.server_in("good", "ready")["restarts"].as_u64() > Some(1))
}

/// How many members of a group answer.
fn members(board: &Switchboard) -> Value {
    for name in ["a", "b"] {
        board.server_in(name, "ready");
    }
    let client = board.modern();
    let pids: BTreeSet<String> = (0..30).map(|_| client.text("pool__pid", json!({}))).collect();
    json!(pids.len())
}

fn rows() -> Vec<Row> {
    let cache = |more: &str| format!("tools.safe = [\"*\"]\ncache = {{ tools = [\"*\"]{more} }}");
    let cached = |key, more: &str, see| {
        let texts = ["", more].map(|more| format!("{}{}\n", misbehave("good", "ok", "dual"), cache(more)));
        Row { key, texts, see }
    };
    let trials = |trials: u32| {
        let keys =
            format!("request_timeout = \"100ms\"\nbreaker = {{ failures = 1, pause = \"50ms\", trials = {trials} }}");
        format!("{}{keys}\n", misbehave("good", "lie-ids", "dual"))
    };
    let dies = |attempts: u32| {
        let keys = format!("tools.safe = [\"*\"]\nretry = {{ attempts = {attempts}, delay = \"10ms\" }}");
        format!("{}{keys}\n", misbehave("good", "die-on-call", "dual"))
    };
    let pool = |weight: u32| {
        let member = |name, keys: &str| format!("{}group = \"pool\"\n{keys}\n", misbehave(name, "ok", "dual"));
        member("a", "") + &member("b", &format!("weight = {weight}"))
    };
    vec![
        of_server("servers.rate_limit.calls_per_second", ["", "rate_limit.calls_per_second = 1"], refused),
        of_server(
            "servers.rate_limit.burst",
            ["rate_limit = { calls_per_second = 1, burst = 1 }", "rate_limit = { calls_per_second = 1, burst = 9 }"],
            refused,
        ),
        of_server(
            "servers.rate_limit.calls_per_second_per_client",
            ["rate_limit.calls_per_second_per_tool = 1", "rate_limit.calls_per_second_per_client = 1"],
            refused,
        ),
        of_server(
            "servers.rate_limit.calls_per_second_per_tool",
            ["", "rate_limit.calls_per_second_per_tool = 1"],
            refused,
        ),
        Row { key: "servers.breaker.trials", texts: [1, 99].map(trials), see: after_a_success },
        Row { key: "servers.retry.attempts", texts: [0, 2].map(dies), see: deaths },
        cached("servers.cache.ttl", ", ttl = \"1ms\"", kept),
        cached("servers.cache.entries", ", entries = 1", kept),
        cached("servers.cache.bytes", ", bytes = \"1KiB\"", hits),
        Row { key: "servers.weight", texts: [1, 1_000_000].map(pool), see: members },
    ]
}

#[test]
fn every_key_before_calls_changes_something_that_can_be_seen() {
    differ(rows());
}
