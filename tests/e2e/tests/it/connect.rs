//! `switchboard connect`: a client's stdin and stdout, through the running daemon or without one,
//! both eras on one stream.

use e2e::{
    Client, Home, LEGACY, Legacy, Modern, SOON, Switchboard, Talk, Tree, await_some, eventually, misbehave, script,
};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn request(id: i64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

#[track_caller]
fn text(response: &Value) -> String {
    let text = response["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("expected the result of a tool, got {response}")).to_owned()
}

/// Speaks both eras on one stream; gives the process id of the server behind it.
fn converse(talk: &mut Talk) -> String {
    let discovered = talk.ask(&Modern::message(json!(1), "server/discover", json!({})));
    let versions = &discovered["result"]["supportedVersions"];
    assert!(versions.is_array(), "expected a modern discovery before any handshake: {discovered}");
    let pid = json!({"name": "one__pid", "arguments": {}});
    let called = talk.ask(&Modern::message(json!("two"), "tools/call", pid.clone()));
    assert_eq!(called["result"]["resultType"], "complete", "expected a modern result: {called}");
    let process = text(&called);
    let hello = talk.ask(&Legacy::hello(LEGACY));
    assert_eq!(hello["result"]["protocolVersion"], LEGACY, "expected a handshake on the same stream: {hello}");
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    let listed = talk.ask(&request(3, "tools/list", json!({})));
    let names: Vec<&str> =
        listed["result"]["tools"].as_array().unwrap().iter().filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(names, ["one__count", "one__echo", "one__pid", "one__sleep"], "expected the tools: {listed}");
    let called = talk.ask(&request(4, "tools/call", pid.clone()));
    assert!(called["result"].get("resultType").is_none(), "expected a legacy result: {called}");
    assert_eq!(text(&called), process, "expected the same process for both eras");
    let called = talk.ask(&Modern::message(json!(5), "tools/call", pid));
    assert_eq!(called["result"]["resultType"], "complete", "expected a modern result after the handshake: {called}");
    let broken = r#"{"jsonrpc":"2.0","id":6,"method":"#;
    talk.say(broken);
    talk.hear("an error for a broken line", |message| message["error"]["code"] == -32700);
    assert_eq!(talk.ask(&request(7, "ping", json!({})))["result"], json!({}), "expected the stream to go on");
    process
}

/// Progress, a cancellation and another call beside them on one stream.
fn converse_at_once(talk: &mut Talk) {
    let sleep = |ms: u64, token: &str| {
        let meta = json!({"progressToken": token});
        json!({"name": "one__sleep", "arguments": {"ms": ms}, "_meta": meta})
    };
    talk.say(&request(10, "tools/call", sleep(60_000, "long")).to_string());
    talk.hear("progress of the long call", |message| message["params"]["progressToken"] == "long");
    talk.say(&Modern::message(json!(11), "tools/call", sleep(61_000, "longer")).to_string());
    talk.hear("progress of the longer call", |message| message["params"]["progressToken"] == "longer");
    for id in [10, 11] {
        let params = json!({"requestId": id});
        talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}).to_string());
    }
    let echo = talk.ask(&request(12, "tools/call", json!({"name": "one__echo", "arguments": {"text": "beside"}})));
    assert_eq!(text(&echo), "beside", "expected another call to be answered meanwhile");
}

#[test]
fn through_the_running_daemon() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let mut command = board.home().command();
    command.arg("connect");
    let mut talk = Talk::start(command);
    let process = converse(&mut talk);
    let same = board.modern().text("one__pid", json!({}));
    assert_eq!(process, same, "expected the daemon's own server behind the stream");
    converse_at_once(&mut talk);
    let code = talk.hang_up();
    assert_eq!(code, Some(0), "expected a good end when the client closes its side");
    assert_eq!(board.modern().text("one__pid", json!({})), same, "expected the daemon to go on");
}

/// What a shell pipes into `switchboard connect`: the whole conversation at once, then the end.
#[track_caller]
fn piped(mut command: Command) -> String {
    command.arg("connect").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let sleep = json!({"name": "one__sleep", "arguments": {"ms": 700}});
    let lines = [
        Legacy::hello(LEGACY),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        request(2, "tools/call", sleep.clone()),
        Modern::message(json!(3), "tools/call", sleep),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "expected a good end: {ended:?}");
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn what_was_asked_is_answered_after_the_end_of_the_input() {
    let config = misbehave("one", "ok", "dual");
    let (board, home) = (Switchboard::start(&config), Home::new(&config));
    let mut alone = home.command();
    alone.arg("--config").arg(home.config());
    for command in [board.home().command(), alone] {
        let said = piped(command);
        let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for id in [2, 3] {
            let answer = answers.iter().find(|answer| answer["id"] == id);
            assert_eq!(text(answer.unwrap_or_else(|| panic!("expected an answer to {id}: {said}"))), "slept 700");
        }
    }
}

#[test]
fn a_client_that_is_gone_cancels_its_calls() {
    let tape = |home: &Home| {
        let tape = home.place("tape");
        home.write_config(&script("one", &format!("tee {} | $SERVER ok legacy", tape.display())));
        tape
    };
    let (home, alone) = (Home::new(""), Home::new(""));
    let tapes = [tape(&home), tape(&alone)];
    let board = home.start();
    let mut command = alone.command();
    command.arg("--config").arg(alone.config());
    for (mut command, tape) in [board.home().command(), command].into_iter().zip(tapes) {
        command.arg("connect").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let meta = json!({"progressToken": "long"});
        let sleep = json!({"name": "one__sleep", "arguments": {"ms": 60_000}, "_meta": meta});
        writeln!(input, "{}\n{}", Legacy::hello(LEGACY), request(1, "tools/call", sleep)).unwrap();
        let mut lines = BufReader::new(output).lines();
        let begins = lines.any(|line| line.unwrap().contains("\"progressToken\":\"long\""));
        assert!(begins, "expected progress of the call");
        let left = Instant::now();
        drop((input, lines));
        eventually(SOON, "a cancellation at the server", || {
            fs::read_to_string(&tape).is_ok_and(|sent| sent.contains("notifications/cancelled"))
        });
        assert!(left.elapsed() < Duration::from_secs(5), "nobody waits for answers: {:?}", left.elapsed());
        let status = await_some(SOON, "the end of the program", || child.try_wait().unwrap());
        assert!(status.success(), "expected a good end: {status}");
    }
}

#[test]
fn several_streams_share_one_daemon() {
    let board = Switchboard::start(&misbehave("one", "ok", "legacy"));
    let mut talks: Vec<Talk> = (0..4)
        .map(|_| {
            let mut command = board.home().command();
            command.arg("connect");
            Talk::start(command)
        })
        .collect();
    let pids: Vec<String> = talks.iter_mut().map(converse).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "expected one process behind all streams: {pids:?}");
    for talk in talks {
        assert_eq!(talk.hang_up(), Some(0), "expected a good end");
    }
}

#[test]
fn without_a_daemon() {
    let home = Home::new(&misbehave("one", "ok", "dual"));
    let mut command = home.command();
    command.arg("connect").arg("--config").arg(home.config());
    let mut talk = Talk::start(command);
    converse(&mut talk);
    converse_at_once(&mut talk);
    let tree = Tree::of(talk.pid());
    assert!(tree.processes().len() >= 2, "expected a guard and a server below it: {tree:?}");
    assert_eq!(talk.hang_up(), Some(0), "expected a good end when the client closes its side");
    eventually(SOON, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}
