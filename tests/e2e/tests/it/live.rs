//! `/api/live`, `/api/events` and `/api/history` of the built binary with real servers: a snapshot, then
//! what happens and nothing else, to everybody who may see it.

use e2e::{Answer, Client, Home, Load, SOON, Switchboard, WebSocket, await_some, misbehave, send};
use serde_json::{Value, json};

fn board() -> Switchboard {
    Switchboard::start(&(misbehave("one", "ok", "dual") + &misbehave("two", "ok", "dual")))
}

fn open(board: &Switchboard) -> WebSocket {
    WebSocket::open(board.address(), "/api/live", Some(&board.token()))
}

fn subscribe(socket: &mut WebSocket, topics: &[&str]) -> Vec<Value> {
    socket.say(&json!({ "type": "subscribe", "topics": topics }));
    let snapshots: Vec<Value> = topics.iter().map(|_| socket.message().unwrap()).collect();
    // They come in an order of their own.
    let of = |topic: &&str| snapshots.iter().find(|frame| frame["type"] == "snapshot" && frame["topic"] == **topic);
    topics.iter().map(|topic| of(topic).unwrap_or_else(|| panic!("expected {topic}: {snapshots:?}")).clone()).collect()
}

fn delta<'a>(topic: &'a str, fits: impl Fn(&Value) -> bool + 'a) -> impl Fn(&Value) -> bool + 'a {
    move |frame: &Value| frame["type"] == "delta" && frame["topic"] == topic && fits(frame)
}

fn is_state(name: &'static str, state: &'static str) -> impl Fn(&Value) -> bool {
    delta("servers", move |frame| frame["changed"][name]["state"] == state)
}

fn headers(board: &Switchboard, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = ("Authorization".to_owned(), format!("Bearer {}", board.token()));
    more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain([own]).collect()
}

fn get(board: &Switchboard, path: &str) -> Value {
    let answer = send(board.address(), "GET", path, &headers(board, &[]), b"");
    assert_eq!(answer.status, 200, "{path}");
    answer.last().1
}

/// A call in the name of whoever holds the token.
fn call(board: &Switchboard, tool: &str, arguments: Value) {
    let body = json!({ "name": tool, "arguments": arguments }).to_string();
    let kind = [("Content-Type", "application/json")];
    let answer = send(board.address(), "POST", "/api/call", &headers(board, &kind), body.as_bytes());
    let status = answer.status;
    assert_eq!(status, 200, "{}", answer.text());
}

#[test]
fn a_reader_sees_what_is_and_then_what_happens() {
    let board = board();
    let mut socket = open(&board);
    let snapshots = subscribe(&mut socket, &["overview", "servers", "calls", "logs", "catalog"]);
    let [overview, servers, calls, logs, catalog] = &snapshots[..] else { panic!("{snapshots:?}") };
    assert_eq!((&overview["data"]["servers"]["total"], &overview["data"]["catalog"]["tools"]), (&json!(2), &json!(8)));
    assert_eq!(servers["data"]["one"]["state"], "ready");
    assert!(servers["data"]["one"]["memory_kib"].as_u64().is_some_and(|kib| kib > 0), "{servers}");
    assert!(logs["data"]["items"].as_array().unwrap().iter().any(|line| line["server"] == "one"), "{logs}");
    assert!(calls["data"]["items"].is_array() && catalog["data"]["version"].is_u64());
    call(&board, "one.echo", json!({ "text": "hunter2" }));
    // The call and the figures are told in either order.
    let (mut called, mut counted) = (None, None);
    let is_call = delta("calls", |frame| frame["items"][0]["server"] == "one");
    let is_figure = delta("overview", |frame| frame["changed"]["calls_per_minute"] == 1);
    while called.is_none() || counted.is_none() {
        let frame = socket.that("the call and the figures", |frame| is_call(frame) || is_figure(frame));
        let place = if is_call(&frame) { &mut called } else { &mut counted };
        *place = Some(frame);
    }
    let (frame, figures) = (called.unwrap(), counted.unwrap());
    let item = &frame["items"][0];
    assert_eq!((&item["name"], &item["outcome"], &item["principal"]), (&json!("echo"), &json!("ok"), &json!("token")));
    assert!(item["arguments"].is_null() && !frame.to_string().contains("hunter2"), "{frame}");
    assert!(item["total_us"].as_u64().is_some() && item["stages"][0]["to_us"].is_u64(), "{item}");
    assert!(figures["changed"]["uptime_ms"].is_null(), "{figures}");
    assert!(board.cli(&["stop", "two"]).code == Some(0));
    let mut seqs = vec![frame["seq"].as_u64(), figures["seq"].as_u64()];
    seqs.sort_unstable();
    let count = |frame: &Value| frame["changed"]["servers"]["by_state"]["stopped"] == 1;
    seqs.push(socket.that("the count of those that stopped", delta("overview", count))["seq"].as_u64());
    let stopped = socket.that("a server that stopped", is_state("two", "stopped"));
    assert!(stopped["changed"]["two"]["tools"].is_u64(), "{stopped}");
    seqs.push(stopped["seq"].as_u64());
    assert!(seqs.is_sorted() && seqs[0] > logs["seq"].as_u64(), "{seqs:?}");
    socket.say(&json!({ "type": "ping" }));
    socket.that("a pong", |frame| frame["type"] == "pong");
    socket.say(&json!({ "type": "subscribe", "topics": ["nonsense"] }));
    let refused = socket.that("a refusal", |frame| frame["type"] == "error");
    assert!(refused["problem"]["title"].as_str().unwrap().contains("`nonsense` is no topic"), "{refused}");
}

#[test]
fn looking_is_no_change_and_filters_hold() {
    let board = board();
    let mut socket = open(&board);
    let filter = json!({ "server": ["one"], "level": "warn" });
    socket.say(&json!({ "type": "subscribe", "topics": ["servers", "logs", "catalog"], "filter": filter }));
    let snapshot = socket.message().unwrap();
    assert_eq!(snapshot["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["one"]);
    for path in ["/api/servers", "/api/overview", "/api/history", "/api/why"] {
        get(&board, path);
    }
    board.cli_json(&["status"]);
    for (server, state) in [("two", "stopped"), ("one", "stopped")] {
        assert!(board.cli(&["stop", server]).code == Some(0));
        board.server_in(server, state);
    }
    // Of all that, what concerns `one`, and nothing for having been looked at.
    let frames: Vec<Value> = std::iter::from_fn(|| socket.message())
        .scan(false, |done, frame| {
            let last = std::mem::replace(done, is_state("one", "stopped")(&frame));
            (!last).then_some(frame)
        })
        .collect();
    let told = |frame: &&Value| frame["type"] == "delta" && frame["topic"] == "servers";
    let told: Vec<_> = frames.iter().filter(told).map(|frame| frame["changed"].as_object().unwrap()).collect();
    assert!(told.iter().all(|changed| changed.keys().eq(["one"])), "{frames:?}");
    // Its way down, and perhaps a figure that was measured.
    assert!(told.len() <= 6, "{frames:?}");
    assert!(frames.iter().all(|frame| !frame.to_string().contains("\"two\"")), "{frames:?}");
}

#[test]
fn s_24_nobody_sees_the_calls_of_another_and_nobody_their_arguments() {
    let board = board();
    let mut owner = open(&board);
    let mut other = WebSocket::open(board.address(), "/api/live", None);
    let topics = ["calls", "servers", "logs"];
    for socket in [&mut owner, &mut other] {
        subscribe(socket, &topics);
    }
    call(&board, "one.echo", json!({ "text": "hunter2" }));
    assert!(board.cli(&["stop", "two"]).code == Some(0));
    // Who asks anew is told first what happened so far.
    let until_the_end = |socket: &mut WebSocket| {
        socket.say(&json!({ "type": "subscribe", "topics": topics }));
        let mut seen = Vec::new();
        loop {
            let frame = socket.message().unwrap();
            seen.push(frame.to_string());
            if frame["type"] == "snapshot" && frame["topic"] == "calls" {
                return seen;
            }
        }
    };
    let (mine, theirs) = (until_the_end(&mut owner), until_the_end(&mut other));
    assert!(mine.iter().any(|frame| frame.contains("\"principal\":\"token\"")), "{mine:?}");
    for frame in &theirs {
        assert!(!frame.contains("\"principal\":\"token\"") && !frame.contains("hunter2"), "{frame}");
    }
    assert!(mine.iter().all(|frame| !frame.contains("hunter2")), "{mine:?}");
    // Who comes later sees no more of it.
    let late = subscribe(&mut WebSocket::open(board.address(), "/api/live", None), &["calls"]);
    assert!(!late[0].to_string().contains("\"token\""), "{late:?}");
    let mut own = WebSocket::open(board.address(), "/api/live", None);
    subscribe(&mut own, &["calls"]);
    board.modern().call("one__echo", json!({ "text": "mine" }));
    own.that("a call of one's own", delta("calls", |frame| frame["items"][0]["principal"] == "anonymous-loopback"));
}

fn events(board: &Switchboard, last: Option<&str>) -> Answer {
    let last: Vec<(&str, &str)> = last.iter().map(|last| ("Last-Event-ID", *last)).collect();
    let answer = send(board.address(), "GET", "/api/events?topics=servers", &headers(board, &last), b"");
    assert!(answer.status == 200 && answer.is_stream());
    answer
}

#[test]
fn a_stream_of_events_goes_on_where_it_was_left_and_begins_anew_after_a_restart() {
    let board = board();
    let mut stream = events(&board, None);
    assert_eq!(stream.next_event().unwrap()["type"], "snapshot");
    assert!(board.cli(&["stop", "two"]).code == Some(0));
    let stopped = stream.event_that("the stop", is_state("two", "stopped"));
    drop(stream);
    assert!(board.cli(&["start", "two"]).code == Some(0));
    board.server_in("two", "ready");
    let last = stopped["seq"].to_string();
    let mut stream = events(&board, Some(&last));
    let first = stream.next_event().unwrap();
    assert!(first["type"] == "delta" && first["seq"].as_u64() > stopped["seq"].as_u64(), "{first}");
    if !is_state("two", "ready")(&first) {
        stream.event_that("the start", is_state("two", "ready"));
    }
    let mut socket = open(&board);
    subscribe(&mut socket, &["servers"]);
    let board = board.restart();
    assert!(stream.next_event().is_none() && socket.message().is_none(), "expected the end of both");
    let again = events(&board, Some(&last)).next_event().unwrap();
    assert_eq!((&again["type"], &again["resync"]), (&json!("snapshot"), &json!(true)));
    assert!(again["seq"].as_u64() > stopped["seq"].as_u64(), "{again}");
}

#[test]
fn a_reader_that_does_not_read_holds_up_nobody_and_gets_a_snapshot() {
    let board = board();
    let mut slow = WebSocket::open_narrow(board.address(), "/api/live", Some(&board.token()));
    slow.say(&json!({ "type": "subscribe", "topics": ["calls"] }));
    let mut quick = open(&board);
    subscribe(&mut quick, &["calls", "servers"]);
    let address = board.address();
    let load = Load::start(2, |_| {
        let client = e2e::Modern::new(address, "/mcp");
        move |turn: usize| match client.call("one__echo", json!({ "text": turn.to_string() }))["isError"] {
            Value::Bool(true) => Err("a call failed".to_owned()),
            _ => Ok(()),
        }
    });
    // Many more frames than the socket of the slow one and its place in the queue hold.
    let mut frames = 0;
    while frames < 150 {
        frames += usize::from(quick.message().unwrap()["topic"] == "calls");
    }
    let (calls, failures) = load.stop();
    assert!(failures.is_empty() && calls > 100, "{calls} {failures:?}");
    assert!(board.cli(&["stop", "two"]).code == Some(0));
    quick.that("the stop", is_state("two", "stopped"));
    let resync = slow.that("a snapshot again", |frame| frame["resync"] == true);
    assert!(resync["type"] == "snapshot" && resync["data"]["items"].as_array().unwrap().len() <= 200, "{resync}");
}

#[test]
fn readers_have_a_limit_with_a_name() {
    let board = Home::new("[limits]\nlive_clients_max = 1\n").start();
    let token = board.token();
    // A request that does not become a reader takes no place.
    let (status, problem) = send(board.address(), "GET", "/api/live", &[], b"").last();
    assert_eq!(status, 426, "{problem}");
    let first = open(&board);
    let refused = WebSocket::try_open(board.address(), "/api/live", Some(&token)).err().unwrap();
    let (status, problem) = refused.last();
    assert_eq!(status, 503);
    assert!(problem["title"].as_str().unwrap().contains("live_clients_max"), "{problem}");
    drop(first);
    await_some(SOON, "the place of who left", || WebSocket::try_open(board.address(), "/api/live", Some(&token)).ok());
}

#[test]
fn charts_survive_a_restart() {
    let board = board();
    for turn in 0..5 {
        call(&board, "one.echo", json!({ "text": turn.to_string() }));
    }
    let calls = |board: &Switchboard, window: &str| {
        let history = get(board, &format!("/api/history?window={window}"));
        let points = history["points"].as_array().unwrap().clone();
        assert_eq!(history["window"], window);
        points.iter().map(|point| point["calls"].as_u64().unwrap()).sum::<u64>()
    };
    await_some(SOON, "five calls in the history", || (calls(&board, "15m") == 5).then_some(()));
    let board = board.restart();
    for window in ["15m", "24h", "7d"] {
        assert_eq!(calls(&board, window), 5, "{window}");
    }
    let (status, problem) = send(board.address(), "GET", "/api/history?window=1y", &headers(&board, &[]), b"").last();
    assert_eq!(status, 400, "{problem}");
}

#[test]
fn the_predecessors_socket_tells_all_at_first_and_then_what_changed() {
    let board = board();
    let mut socket = WebSocket::open(board.address(), "/ws", Some(&board.token()));
    let state = |frame: &Value, name: &str| {
        let servers = frame["data"]["servers"]["servers"].as_array().cloned().unwrap_or_default();
        servers.iter().find(|server| server["name"] == name).map(|server| server["status"].clone())
    };
    let first = socket.message().unwrap();
    assert!(first["type"] == "initial" && first["timestamp"].is_string(), "{first}");
    for part in ["status", "servers", "goals", "logs"] {
        assert!(!first["data"][part].is_null(), "{part} is missing: {first}");
    }
    assert_eq!(state(&first, "two"), Some(json!("running")), "{first}");
    assert!(board.cli(&["stop", "two"]).code == Some(0));
    let stopped = |frame: &Value| frame["type"] == "update" && state(frame, "two") == Some(json!("stopped"));
    socket.that("an update with the server that stopped", stopped);
    // Who has lost something asks, and gets all of it though nothing changed.
    socket.say(&json!({ "type": "refresh" }));
    let again = socket.that("what was asked for", |frame| frame["type"] == "update");
    assert_eq!(state(&again, "two"), Some(json!("stopped")));
}
