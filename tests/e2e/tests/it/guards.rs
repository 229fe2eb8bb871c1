//! What stands before the calls of a server: places, rates, breaker, sizes; what is sent again and
//! what is not; what is answered from memory; groups; tools that changed since they were approved.

use e2e::{Client, Modern, SOON, Switchboard, await_some, entry_at, eventually, kill, misbehave};
use serde_json::{Value, json};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A server `s` that misbehaves as `mode` says, with `keys` in its entry.
fn one(mode: &str, keys: &str) -> Switchboard {
    let board = Switchboard::start(&(misbehave("s", mode, "dual") + keys));
    board.server_in("s", "ready");
    board
}

/// Calls aside.
fn aside(board: &Switchboard, tool: &'static str, arguments: Value) -> JoinHandle<Value> {
    let client = board.modern();
    thread::spawn(move || client.call(tool, arguments))
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

fn pid(client: &dyn Client, tool: &str) -> u32 {
    client.text(tool, json!({})).parse().unwrap()
}

/// Waits until the server has so many calls, those that wait included.
fn busy_with(board: &Switchboard, server: &str, calls: u64) {
    eventually(SOON, &format!("{calls} calls with {server}"), || board.server(server)["in_flight"] == calls);
}

#[test]
fn a_breaker_opens_after_failures_and_closes_after_successes() {
    let keys = "request_timeout = \"100ms\"\nbreaker = { failures = 2, pause = \"600ms\", trials = 2 }\n";
    let board = one("lie-ids", keys);
    let client = board.modern();
    assert_eq!(client.text("s__echo", json!({"text": "well"})), "well");
    for _ in 0..2 {
        let why = client.failure("s__lost", json!({}));
        assert!(why.contains("did not answer"), "expected a timeout: {why}");
    }
    let refused = client.call("s__echo", json!({"text": "?"}));
    let why = text(&refused);
    assert!(why.contains("breaker is open") && why.contains("did not answer"), "expected the reason: {refused}");
    let error = &refused["_meta"]["dev.switchboard/error"];
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 600), "expected when to come again: {refused}");
    let said = board.server("s")["breaker"].as_str().unwrap_or_default().to_owned();
    assert!(said.starts_with("open") || said.starts_with("half-open"), "expected the breaker in the status: {said}");
    eventually(SOON, "calls to be let through again", || {
        text(&client.call("s__echo", json!({"text": "again"}))) == "again"
    });
    eventually(SOON, "the breaker to close", || {
        client.call("s__echo", json!({"text": "again"}));
        board.server("s")["breaker"].is_null()
    });
}

#[test]
fn calls_wait_for_a_place_in_their_order_and_no_more_than_may() {
    let config = "[limits]\ncalls_waiting_max = 2\n".to_owned()
        + &misbehave("s", "ok", "dual")
        + "max_concurrent = 1\n"
        + &misbehave("other", "ok", "dual");
    let board = Switchboard::start(&config);
    board.server_in("s", "ready");
    let first = aside(&board, "s__sleep", json!({"ms": 1500}));
    busy_with(&board, "s", 1);
    let second = aside(&board, "s__count", json!({}));
    busy_with(&board, "s", 2);
    let third = aside(&board, "s__count", json!({}));
    busy_with(&board, "s", 3);
    let client = board.modern();
    let why = client.failure("s__echo", json!({"text": "?"}));
    assert!(why.contains("max_concurrent") && why.contains("calls_waiting_max"), "expected the limits: {why}");
    assert_eq!(client.text("other__echo", json!({"text": "free"})), "free", "expected others to be spared");
    assert_eq!(text(&first.join().unwrap()), "slept 1500");
    let order = [second, third].map(|call| text(&call.join().unwrap()).to_owned());
    assert_eq!(order, ["2", "3"], "expected them in the order in which they came");
    busy_with(&board, "s", 0);
}

#[test]
fn who_comes_too_often_is_told_when_to_come_again() {
    let board = one("ok", "rate_limit = { calls_per_second = 2, burst = 3 }\n");
    let client = board.modern();
    let refused = await_some(SOON, "a call to be refused", || {
        Some(client.call("s__echo", json!({"text": "x"}))).filter(|result| result["isError"] == true)
    });
    assert!(text(&refused).contains("rate_limit.calls_per_second"), "expected the limit: {refused}");
    let error = &refused["_meta"]["dev.switchboard/error"];
    assert_eq!((&error["kind"], &error["retryable"]), (&json!("overloaded"), &json!(true)), "{refused}");
    assert!(error["retry_after_ms"].as_u64().is_some_and(|ms| ms <= 500), "expected a time: {refused}");
    eventually(SOON, "the next to be let in", || client.call("s__echo", json!({"text": "x"}))["isError"] != true);
}

#[test]
fn a_result_that_is_too_large_fails_alone() {
    let board = one("huge-result=5000", "response_max = 1000\n");
    let client = board.modern();
    let why = client.failure("s__huge", json!({}));
    assert!(why.contains("`response_max`"), "expected the limit: {why}");
    assert_eq!(client.text("s__echo", json!({"text": "small"})), "small");
}

#[test]
fn a_safe_call_survives_the_end_of_its_instance_and_an_unsafe_one_does_not() {
    let board = one("ok", "tools.safe = [\"sleep\"]\n");
    let client = board.modern();
    let before = pid(&client, "s__pid");
    let safe = aside(&board, "s__sleep", json!({"ms": 300}));
    busy_with(&board, "s", 1);
    kill(before);
    let result = safe.join().unwrap();
    assert_eq!(text(&result), "slept 300", "expected it to be sent again: {result}");
    let after = pid(&client, "s__pid");
    assert_ne!(after, before, "expected another process");

    board.rewrite_config(&misbehave("s", "ok", "dual"));
    eventually(SOON, "the entry to be adjusted", || board.cli_json(&["reload"])["same"] == 1);
    let lost = aside(&board, "s__sleep", json!({"ms": 5000}));
    busy_with(&board, "s", 1);
    kill(pid(&client, "s__pid"));
    let result = lost.join().unwrap();
    assert_eq!(result["isError"], true, "expected it not to be sent again: {result}");
    assert!(text(&result).contains("ended or hung up"), "expected the reason: {result}");
}

#[test]
fn results_are_kept_and_given_again_until_they_are_cleared() {
    let keys = "tools.safe = [\"count\", \"sleep\"]\ncache = { tools = [\"count\", \"echo\", \"sleep\"] }\n";
    let board = one("ok", keys);
    let client = board.modern();
    let first = client.text("s__count", json!({}));
    assert_eq!(client.text("s__count", json!({})), first, "expected the kept result");
    assert_eq!(board.legacy().text("s__count", json!({})), first, "expected it in either era");
    assert_ne!(client.text("s__count", json!({"other": 1})), first, "expected another call to be made");
    client.text("s__echo", json!({"text": "not known to be read-only"}));
    let stats = board.cli_json(&["cache", "stats"]);
    assert_eq!(stats["all"], json!({"hits": 2, "misses": 2, "hit_rate": 0.5, "entries": 2}), "{stats}");
    let cleared = board.cli_json(&["cache", "clear", "s.count"]);
    assert_eq!(cleared["results"], 2, "expected both results to be forgotten: {cleared}");
    assert_ne!(client.text("s__count", json!({})), first, "expected the call to be made again");
    eventually(SOON, "records that say so", || {
        let found = board.cli_json(&["logs", "--calls", "--grep", "\"cached\":true"]);
        found["calls"].as_array().is_some_and(|calls| calls.len() == 2)
    });
}

#[test]
fn equal_calls_at_the_same_time_are_one() {
    let board = one("ok", "tools.safe = [\"sleep\"]\ncache = { tools = [\"sleep\"] }\n");
    let calls: Vec<_> = (0..6).map(|_| aside(&board, "s__sleep", json!({"ms": 400}))).collect();
    for call in calls {
        assert_eq!(text(&call.join().unwrap()), "slept 400");
    }
    let count = board.modern().text("s__count", json!({}));
    assert_eq!(count, "2", "expected one call beside this one");
    let cache = &board.server("s")["cache"];
    assert_eq!((&cache["hits"], &cache["misses"]), (&json!(5), &json!(1)), "{cache}");
}

/// Two servers of one group; `a` comes first.
fn pair(mode: &str, keys: &str) -> Switchboard {
    let member = |name: &str, priority: u32| {
        misbehave(name, mode, "dual") + &format!("group = \"pool\"\npriority = {priority}\n{keys}")
    };
    let board = Switchboard::start(&(member("a", 1) + &member("b", 2)));
    board.server_in("a", "ready");
    board.server_in("b", "ready");
    board
}

#[test]
fn a_group_is_one_server_and_its_members_stand_in_for_each_other() {
    let board = pair("ok", "tools.safe = [\"sleep\", \"pid\"]\n");
    let client = board.modern();
    let tools = client.tools();
    assert!(tools.contains(&"pool__pid".to_owned()), "expected the tools of the group: {tools:?}");
    assert!(tools.iter().all(|name| name.starts_with("pool__")), "expected no member's own names: {tools:?}");
    let (a, b) = (Modern::new(board.address(), "/mcp/a"), Modern::new(board.address(), "/mcp/b"));
    let own = [pid(&a, "pid"), pid(&b, "pid")];
    assert_eq!(pid(&client, "pool__pid"), own[0], "expected the best member");
    assert_eq!(board.server("a")["group"], "pool");

    let safe = aside(&board, "pool__sleep", json!({"ms": 700}));
    busy_with(&board, "a", 1);
    kill(own[0]);
    let during = pid(&client, "pool__pid");
    assert_ne!(during, own[0], "expected somebody else to answer");
    let result = safe.join().unwrap();
    assert_eq!(text(&result), "slept 700", "expected the other member to take it over: {result}");
    eventually(SOON, "the best member to answer again", || {
        let now = pid(&client, "pool__pid");
        now != own[0] && now != own[1]
    });
}

#[test]
fn an_unsafe_call_does_not_go_to_a_second_member() {
    let board = pair("die-on-call", "");
    let client = board.modern();
    let why = client.failure("pool__die", json!({}));
    assert!(why.contains("`a`") && why.contains("ended or hung up"), "expected the reason: {why}");
    assert_eq!(board.server("b")["calls"], 0, "expected the other member to be spared");
    assert_eq!(client.text("pool__echo", json!({"text": "still"})), "still");
}

#[test]
fn a_group_loses_no_safe_call_while_its_members_are_killed() {
    let board = Arc::new(pair("ok", "tools.safe = [\"*\"]\n"));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let client = board.modern();
            thread::spawn(move || {
                let turns = 0..60;
                let text = |turn| client.call("pool__sleep", json!({"ms": 20 + caller * 7 + turn % 5}));
                turns.map(text).filter(|result| result["isError"] == true).collect::<Vec<_>>()
            })
        })
        .collect();
    for name in ["a", "b"] {
        let client = Modern::new(board.address(), &format!("/mcp/{name}"));
        kill(pid(&client, "pid"));
        eventually(SOON, "the member to be back", || {
            let server = board.server(name);
            server["state"] == "ready" && server["restarts"] == 1
        });
    }
    let failed: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    assert!(failed.is_empty(), "expected no safe call to fail: {failed:?}");
}

#[test]
fn tools_that_changed_since_they_were_approved_are_reported() {
    let board = one("change-list", "");
    let client = board.modern();
    assert!(board.server("s")["changed_tools"].is_null(), "expected the first listing to be approved");
    client.text("s__grow", json!({}));
    eventually(SOON, "the new tool to be reported", || board.server("s")["changed_tools"] == json!(["grown_1"]));
    let status = board.cli(&["status"]);
    assert!(status.stdout.contains("switchboard approve-tools s"), "expected what to do: {}", status.stdout);
    let changed = board.cli_json(&["tools", "s", "--changed"]);
    assert_eq!(changed["tools"][0]["own"], "grown_1", "{changed}");
    assert_eq!(changed["tools"][0]["unapproved"], "new", "{changed}");
    let log = board.cli(&["logs", "s"]).stdout;
    assert!(log.contains("changed since they were approved: grown_1"), "expected a remark: {log}");
    let approved = board.cli_json(&["approve-tools", "s"]);
    assert_eq!(approved["tools"], json!(["grown_1"]), "{approved}");
    assert!(board.server("s")["changed_tools"].is_null(), "expected nothing to report");
    eventually(SOON, "who approved it to be written down", || {
        let events = board.cli_json(&["audit"])["events"].clone();
        let last = events.as_array().and_then(|events| events.last()).cloned().unwrap_or_default();
        last["what"] == "tools_approved" && last["on"] == "s" && last["details"] == json!({"tools": ["grown_1"]})
    });
}

#[test]
fn a_server_that_does_not_finish_its_connection_is_told_from_a_slow_one() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/mcp", silent.local_addr().unwrap());
    let board = Switchboard::start(&(entry_at("s", &url) + "connect_timeout = \"100ms\"\n"));
    eventually(SOON, "the phase and its key in the reason", || {
        board.server("s")["reason"].as_str().is_some_and(|reason| reason.contains("connect_timeout"))
    });
}
