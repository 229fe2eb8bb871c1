//! A switchboard with Redis: results that outlive it, the server `cache` in Redis, and what a Redis that
//! is gone, slow, full, flushed or lying does to callers, which is nothing (faults.md F-32, F-33).

use e2e::{Client, Home, Redis, SOON, Switchboard, eventually, misbehave};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longer than a call may take while Redis does not answer, on a machine that is busy.
const LONG: Duration = Duration::from_secs(5);

/// A server whose process id is a result that is kept, beside the server `cache`.
fn config(redis: &Redis) -> String {
    let keys = "tools.safe = [\"pid\", \"count\"]\ncache = { tools = [\"pid\", \"count\"] }\n";
    format!("[cache]\nurl = \"{}\"\n", redis.url()) + &misbehave("s", "ok", "dual") + keys
}

fn board(redis: &Redis) -> Switchboard {
    let board = Home::new(&config(redis)).offering("cache").start();
    board.server_in("s", "ready");
    board.server_in("cache", "ready");
    board
}

fn pid(board: &Switchboard) -> String {
    board.modern().text("s__pid", json!({}))
}

/// What a tool of ours answers, failed or not.
fn answer(board: &Switchboard, tool: &str, arguments: Value) -> Value {
    let result = board.modern().call(tool, arguments);
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|_| panic!("expected JSON: {result}"))
}

#[test]
fn results_outlive_the_daemon_and_are_forgotten_when_they_are_cleared() {
    let Some(redis) = Redis::start() else { return };
    let mut board = board(&redis);
    let first = pid(&board);
    assert_eq!(board.cli_json(&["cache", "stats"])["all"]["entries"], 1);
    board.kill9();
    let board = board.restart();
    board.server_in("s", "ready");
    assert_eq!(pid(&board), first, "expected the result of the process that is gone");
    assert_eq!(board.cli_json(&["cache", "clear"])["results"], 1);
    let second = pid(&board);
    assert_ne!(second, first, "expected the call to be made");
    assert_eq!(pid(&board), second);
    redis.say(&["FLUSHALL"]);
    assert_eq!(pid(&board), second, "expected the call to be made again");
}

#[test]
fn whatever_redis_does_no_call_fails_and_none_is_wrong() {
    let Some(mut redis) = Redis::start() else { return };
    let board = board(&redis);
    let client = board.modern();
    let (mut number, right) = (0, pid(&board));
    // Each call is another one, so that none can be answered from what was kept before.
    let mut ten_calls = |what: &str| {
        let began = Instant::now();
        for _ in 0..10 {
            number += 1;
            let text = client.text("s__pid", json!({ "number": number }));
            assert_eq!(text, right, "while Redis is {what}");
        }
        assert!(began.elapsed() < LONG, "ten calls took {:?} while Redis is {what}", began.elapsed());
    };
    ten_calls("well");
    redis.say(&["CONFIG", "SET", "maxmemory", "1"]);
    ten_calls("full");
    redis.say(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.hold();
    ten_calls("slow");
    redis.release();
    eventually(SOON, "Redis to be used again", || answer(&board, "cache_ping", json!({}))["success"] == true);
    redis.tell(&["DEBUG", "SLEEP", "1"]);
    ten_calls("asleep");
    redis.kill();
    ten_calls("gone");
    redis.run();
    eventually(SOON, "Redis to be used again", || answer(&board, "cache_ping", json!({}))["success"] == true);
    ten_calls("back");
    // What it has of us becomes nonsense: another type, half a gigabyte that somebody wrote, JSON that is no result.
    let keys = redis.say(&["EVAL", "return table.concat(redis.call('keys','switchboard:results:*'),' ')", "0"]);
    let keys: Vec<&str> = keys.split(' ').collect();
    assert!(keys.len() >= 10, "expected kept results: {keys:?}");
    for (index, key) in keys.iter().enumerate() {
        match index % 3 {
            0 => {
                redis.say(&["DEL", key]);
                redis.say(&["RPUSH", key, "x"]);
            }
            1 => drop(redis.say(&["SETRANGE", key, "50000000", "x"])),
            _ => drop(redis.say(&["SET", key, r#"{"content":[{"type":"text","text":"a lie"}]}"#, "PX", "600000"])),
        }
    }
    let again: Vec<String> =
        (number - 9..=number).map(|number| client.text("s__pid", json!({ "number": number }))).collect();
    assert!(again.iter().all(|text| *text == right), "expected every lie to be a miss: {again:?}");
    let failed = board.server("s")["breaker"].as_str().map(str::to_owned);
    assert_eq!(failed, None, "expected the server to have nothing to do with it");
}

#[test]
fn results_that_could_not_be_cleared_do_not_come_back() {
    let Some(redis) = Redis::start() else { return };
    let board = board(&redis);
    let client = board.modern();
    let first = client.text("s__count", json!({}));
    assert_eq!(client.text("s__count", json!({})), first);
    redis.hold();
    assert_eq!(board.cli_json(&["cache", "clear"])["results"], 0);
    redis.release();
    eventually(SOON, "Redis to be used again", || answer(&board, "cache_ping", json!({}))["success"] == true);
    assert_ne!(client.text("s__count", json!({})), first, "expected what was cleared to stay away");
}

#[test]
fn the_server_cache_says_so_when_redis_fails_and_keeps_nothing_back() {
    let Some(mut redis) = Redis::start() else { return };
    let mut board = board(&redis);
    let kept = answer(&board, "cache_set", json!({"key": "k", "value": {"n": 1}, "ttl": 3600}));
    assert_eq!(kept, json!({"success": true, "key": "k"}));
    board.kill9();
    let board = board.restart();
    board.server_in("cache", "ready");
    assert_eq!(answer(&board, "cache_get", json!({"key": "k"}))["value"], json!({"n": 1}));
    redis.kill();
    let lost = board.modern().call("cache_set", json!({"key": "k", "value": "lost"}));
    let why: Value = serde_json::from_str(lost["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&lost["isError"], &why["type"]), (&json!(true), &json!("connection")), "{lost}");
    let told = board.cli(&["cache", "set", "k", "lost"]);
    assert!(told.code == Some(1) && told.stderr.contains("cache.url"), "expected the next step: {told:?}");
    redis.run();
    eventually(SOON, "Redis to be used again", || {
        answer(&board, "cache_set", json!({"key": "k", "value": "new"}))["success"] == true
    });
    assert_eq!(answer(&board, "cache_get", json!({"key": "k"}))["value"], "new");
}

#[test]
fn redis_may_take_as_long_as_the_configuration_says() {
    let Some(redis) = Redis::start() else { return };
    let config = format!("[cache]\nurl = \"{}\"\ntimeout = \"40ms\"\n", redis.url());
    let board = Home::new(&config).offering("cache").start();
    board.server_in("cache", "ready");
    // A connection that stands is what becomes slow.
    assert_eq!(answer(&board, "cache_ping", json!({}))["success"], true);
    redis.hold();
    let slow = answer(&board, "cache_set", json!({"key": "k", "value": "x"}));
    redis.release();
    let why = slow["error"].as_str().unwrap_or_default();
    assert!(slow["type"] == "connection" && why.contains("within 40 ms"), "expected the time: {slow}");
}

#[test]
fn the_cache_in_this_process_holds_as_much_as_the_configuration_says() {
    let board = Home::new("[cache]\nentries_max = 3\nbytes_max = \"2KiB\"\n").offering("cache").start();
    board.server_in("cache", "ready");
    for key in ["a", "b", "c", "d"] {
        answer(&board, "cache_set", json!({"key": key, "value": "x"}));
    }
    assert_eq!(answer(&board, "cache_keys", json!({}))["keys"], json!(["b", "c", "d"]), "expected the oldest to go");
    let large = answer(&board, "cache_set", json!({"key": "large", "value": "x".repeat(2000)}));
    assert_eq!(large["type"], "validation", "expected it to find no room: {large}");
    answer(&board, "cache_set", json!({"key": "large", "value": "x".repeat(1500)}));
    let left = answer(&board, "cache_keys", json!({}))["keys"].clone();
    assert_eq!(left, json!(["d", "large"]), "expected others to make room");
}

#[test]
fn keys_are_used_from_the_command_line() {
    let board = Home::new("").offering("cache").start();
    board.server_in("cache", "ready");
    let said = |args: &[&str]| {
        let ended = board.cli(&[&["cache"], args].concat());
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
        ended.stdout
    };
    said(&["set", "greeting", "hello world"]);
    said(&["set", "object", r#"{"a": [1, 2]}"#, "--ttl", "1000"]);
    assert_eq!(said(&["get", "greeting"]), "hello world\n");
    assert_eq!(said(&["get", "object"]), "{\"a\":[1,2]}\n");
    assert_eq!(said(&["ttl", "greeting"]), "for ever\n");
    assert_eq!(said(&["ttl", "none"]), "not there\n");
    said(&["expire", "greeting", "1000"]);
    assert!(said(&["ttl", "greeting"]).ends_with(" s\n"));
    assert_eq!(said(&["keys"]), "greeting\nobject\n");
    assert_eq!(said(&["keys", "g*"]), "greeting\n");
    assert_eq!(said(&["exists", "greeting", "none"]), "1 of 2\n");
    said(&["mset", "a=1", "b=x=y"]);
    assert!(said(&["mget", "a", "b"]).contains("x=y"));
    assert_eq!(
        (said(&["incr", "a", "4"]), said(&["decr", "a"]), said(&["incr", "a", "-9"])),
        ("5\n".into(), "4\n".into(), "-5\n".into())
    );
    assert_eq!(said(&["ping"]), "PONG\n");
    assert!(said(&["info"]).contains("embedded"));
    assert_eq!(board.cli_json(&["cache", "get", "b"]), json!({"key": "b", "value": "x=y", "found": true}));
    assert_eq!(board.cli_json(&["cache", "delete", "a", "none"]), json!({"deleted": 1}));
    // It is the same person who comes over HTTP.
    assert_eq!(answer(&board, "cache_get", json!({"key": "b"}))["found"], true);
    let none = board.cli(&["cache", "get", "none"]);
    assert!(none.code == Some(1) && none.stderr.contains("`none`"), "{none:?}");
    let wrong = board.cli(&["cache", "set", "k", "v", "--ttl", "0"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("`ttl`"), "{wrong:?}");
    assert_eq!(board.cli(&["cache", "mset", "novalue"]).code, Some(2));
    said(&["flush"]);
    assert_eq!(said(&["keys"]), "");
    let home = board.stop();
    let alone = home.cli(&["cache", "get", "b"]);
    assert!(alone.code == Some(3) && alone.stderr.contains("switchboard"), "expected how to start it: {alone:?}");
}

#[test]
fn a_switchboard_without_the_server_says_that_there_is_no_such_tool() {
    let board = Switchboard::start("");
    let ended = board.cli(&["cache", "get", "k"]);
    assert!(ended.code != Some(0) && ended.stderr.contains("cache"), "{ended:?}");
}
