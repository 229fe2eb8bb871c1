//! HTTP+SSE, the transport of 2024-11-05, on both sides: conversations at `/sse` that do right and
//! wrong things, servers of others behind it, and clients of others before it.

use crate::fleet::free_port;
use e2e::{
    Answer, Client as _, Home, Listening, Peers, Played, SOON, Step, Switchboard, await_some, command, entry_at,
    eventually, misbehave, play, require_peers, script, send,
};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// A client of 2024-11-05 that says what the test says.
struct Conversation {
    address: SocketAddr,
    stream: Answer,
    endpoint: String,
}

fn json_headers() -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), "application/json".to_owned())]
}

impl Conversation {
    #[track_caller]
    fn open(board: &Switchboard, path: &str) -> Self {
        let mut stream = send(board.address(), "GET", path, &[], b"");
        assert!(stream.status == 200 && stream.is_stream(), "expected an event stream: {stream:?}");
        assert_eq!(stream.header("x-accel-buffering"), Some("no"));
        let endpoint = stream.next_data().unwrap_or_default();
        let id = endpoint.strip_prefix("/messages?session=").unwrap_or_default();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "expected 128 bits: {endpoint}");
        Self { address: board.address(), stream, endpoint }
    }

    #[track_caller]
    fn initialized(board: &Switchboard, path: &str) -> Self {
        let mut conversation = Self::open(board, path);
        let params = json!({
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}
        });
        let answer = conversation.ask("init", "initialize", params);
        assert_eq!(answer["result"]["protocolVersion"], "2024-11-05", "{answer}");
        conversation.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        conversation
    }

    fn post(&self, body: &str) -> Answer {
        send(self.address, "POST", &self.endpoint, &json_headers(), body.as_bytes())
    }

    #[track_caller]
    fn say(&self, message: Value) {
        let answer = self.post(&message.to_string());
        assert_eq!(answer.status, 202, "expected it to be taken: {answer:?}");
    }

    fn request(&self, id: &str, method: &str, params: Value) {
        self.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    fn call(&self, id: &str, tool: &str, arguments: Value) {
        self.request(id, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}}));
    }

    fn answer(&mut self, id: &str) -> Value {
        self.stream.event_that(&format!("the answer to {id}"), |event| event["id"] == id)
    }

    fn ask(&mut self, id: &str, method: &str, params: Value) -> Value {
        self.request(id, method, params);
        self.answer(id)
    }
}

/// A switchboard whose one server writes down what it is told.
fn tapped() -> (Switchboard, PathBuf) {
    let home = Home::new("");
    let tape = home.place("tape");
    home.write_config(&script("one", &format!("tee {} | $SERVER ok legacy", tape.display())));
    let board = home.start();
    assert_eq!(board.modern().tools().len(), 4, "expected the tools of the server");
    (board, tape)
}

#[track_caller]
fn was_cancelled(tape: &PathBuf, ms: u64) {
    await_some(SOON, "a cancellation at the server", || {
        let text = fs::read_to_string(tape).ok()?;
        let sent: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let call = sent.iter().find(|message| message["params"]["arguments"]["ms"] == ms)?;
        sent.iter().find(|message| {
            message["method"] == "notifications/cancelled" && message["params"]["requestId"] == call["id"]
        })?;
        Some(())
    });
}

#[test]
fn a_conversation_of_2024() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let mut all = Conversation::initialized(&board, "/sse");
    let listed = all.ask("list", "tools/list", json!({}));
    assert_eq!(listed["result"]["tools"].as_array().map(Vec::len), Some(4), "{listed}");
    all.call("slow", "one__sleep", json!({"ms": 700}));
    all.call("quick", "one__echo", json!({"text": "é\n\u{2028}x"}));
    let mut seen = Vec::new();
    while let Some(event) = all.stream.next_event() {
        if event["id"] == "quick" {
            assert_eq!(event["result"]["content"][0]["text"], "é\n\u{2028}x", "{event}");
        }
        seen.push(event);
        if seen.iter().any(|event| event["id"] == "slow") {
            break;
        }
    }
    let at = |id: &str| seen.iter().position(|event| event["id"] == id);
    assert!(at("quick") < at("slow") && at("quick").is_some(), "expected answers out of order: {seen:?}");
    let token =
        |event: &Value| event["method"] == "notifications/progress" && event["params"]["progressToken"] == "slow";
    assert!(seen.iter().any(token), "expected progress: {seen:?}");
    let mut one = Conversation::initialized(&board, "/sse/one");
    one.call("own", "echo", json!({"text": "own name"}));
    assert_eq!(one.answer("own")["result"]["content"][0]["text"], "own name");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}
    });
    let modern = one.ask("modern", "tools/list", json!({"_meta": meta}));
    assert_eq!(modern["result"]["resultType"], "complete", "expected both eras on one stream: {modern}");
    assert_eq!(board.cli_json(&["status"])["sessions"], 2);
    drop((all, one));
    eventually(SOON, "no session left", || board.cli_json(&["status"])["sessions"] == 0);
}

#[test]
fn cancelling_and_hanging_up_reach_the_server() {
    let (board, tape) = tapped();
    let mut conversation = Conversation::initialized(&board, "/sse");
    conversation.call("a", "one__sleep", json!({"ms": 30001}));
    conversation.stream.event_that("progress", |event| event["method"] == "notifications/progress");
    let params = json!({"requestId": "a", "reason": "no need"});
    conversation.say(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}));
    was_cancelled(&tape, 30001);
    conversation.call("b", "one__sleep", json!({"ms": 30002}));
    conversation.stream.event_that("progress", |event| event["params"]["progressToken"] == "b");
    let endpoint = conversation.endpoint.clone();
    drop(conversation);
    was_cancelled(&tape, 30002);
    eventually(SOON, "the session to be forgotten", || {
        send(board.address(), "POST", &endpoint, &json_headers(), b"{}").status == 404
    });
}

#[test]
fn what_is_wrong_gets_the_status_it_deserves() {
    let config =
        "[limits]\nbody_bytes_max = \"64KiB\"\nsessions_max = 1\n".to_owned() + &misbehave("one", "ok", "dual");
    let board = Switchboard::start(&config);
    let mut conversation = Conversation::initialized(&board, "/sse");
    let text: Vec<(String, String)> = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    let page: Vec<(String, String)> =
        [json_headers(), vec![("Origin".to_owned(), "http://evil.example".to_owned())]].concat();
    let unknown = format!("/messages?session={}", "0".repeat(32));
    let own = conversation.endpoint.clone();
    let huge = format!("{{\"x\":\"{}\"}}", "x".repeat(70_000));
    for (method, path, headers, body, status) in [
        ("POST", unknown.as_str(), &json_headers(), "{}", 404),
        ("POST", "/messages", &json_headers(), "{}", 400),
        ("GET", &own, &Vec::new(), "", 405),
        ("POST", "/sse", &json_headers(), "{}", 405),
        ("GET", "/sse/nobody", &Vec::new(), "", 404),
        ("POST", &own, &text, "{}", 400),
        ("POST", &own, &json_headers(), "", 400),
        ("POST", &own, &json_headers(), "hello", 400),
        ("POST", &own, &json_headers(), &huge, 413),
        ("POST", &own, &page, "{}", 403),
        ("GET", "/sse", &page, "", 403),
        ("GET", "/sse", &Vec::new(), "", 503),
    ] {
        let answer = send(board.address(), method, path, headers, body.as_bytes());
        let case = format!("{method} {path}");
        assert_eq!(answer.status, status, "{case}");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some(if path == "/sse" { "GET" } else { "POST" }), "{case}");
        }
        let (_, error) = answer.last();
        assert!(error["error"]["message"].is_string(), "expected to be told why: {case}: {error}");
    }
    assert_eq!(conversation.post("{\"jsonrpc\":").status, 202);
    let said = conversation.stream.event_that("a refusal", |event| event["error"].is_object());
    assert_eq!((&said["id"], &said["error"]["code"]), (&Value::Null, &json!(-32700)), "{said}");
    assert_eq!(conversation.ask("alive", "ping", json!({}))["result"], json!({}));
    drop(conversation);
    eventually(SOON, "a place for the next", || send(board.address(), "GET", "/sse", &[], b"").status == 200);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let deaf = Conversation::initialized(&board, "/sse");
    let text = "x".repeat(1_000_000);
    for number in 0..24 {
        deaf.call(&format!("big{number}"), "one__echo", json!({"text": text}));
    }
    let mut other = Conversation::initialized(&board, "/sse");
    other.call("mine", "one__echo", json!({"text": "still here"}));
    assert_eq!(other.answer("mine")["result"]["content"][0]["text"], "still here");
    drop(deaf);
    eventually(SOON, "one session left", || board.cli_json(&["status"])["sessions"] == 1);
}

#[test]
fn calls_in_flight_end_before_the_stream_does() {
    let mut board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let mut conversation = Conversation::initialized(&board, "/sse");
    conversation.call("last", "one__sleep", json!({"ms": 1500}));
    conversation.stream.event_that("progress", |event| event["method"] == "notifications/progress");
    let reading = thread::spawn(move || {
        let answer = conversation.answer("last");
        (answer, conversation.stream.next_event())
    });
    let status = board.terminate();
    let (answer, after) = reading.join().unwrap();
    assert!(answer["result"]["content"].is_array(), "expected the result of a call in flight: {answer}");
    assert_eq!(after, None, "expected the end of the stream");
    assert!(status.success(), "{status}");
}

/// `server-everything` over HTTP+SSE, on this port.
fn everything(peers: &Peers, port: u16) -> Listening {
    let mut everything = command("node");
    everything.arg(peers.package("server-everything")).arg("sse").env("PORT", port.to_string());
    Listening::start_at(everything, port)
}

#[test]
fn a_server_of_others_and_clients_of_others() {
    let Some(peers) = require_peers() else { return };
    let port = free_port();
    let server = everything(&peers, port);
    let url = format!("http://127.0.0.1:{port}/sse");
    let config = entry_at("found", &url) + &entry_at("typed", &url) + "type = \"sse\"\n";
    let board = Switchboard::start(&config);
    for name in ["found", "typed"] {
        board.server_in(name, "ready");
    }
    let long = |name: &str| format!("{name}__trigger-long-running-operation");
    let steps = [
        Step::list(),
        Step::call("typed__echo", json!({"message": "hi"})),
        Step::call("found__get-sum", json!({"a": 20, "b": 22})),
        Step::progress(&long("found"), json!({"duration": 1, "steps": 4})),
        Step::cancel(&long("typed"), json!({"duration": 25, "steps": 5}), 300),
        Step::prompt("found__simple-prompt", json!({})),
        Step::read("demo://resource/static/document/architecture.md"),
    ];
    let own = format!("http://{}/sse", board.address());
    let client = |script: &str, words: &[&str]| -> Command {
        let mut client = peers.script_command(script);
        client.args(words).arg(&own);
        client
    };
    for client in [client("ts1_sse_client.mjs", &[]), client("py_client.py", &["sse"])] {
        let shown = format!("{client:?}");
        let played: Played = play(client, &steps);
        let seen: Vec<String> = played.steps.iter().map(ToString::to_string).collect();
        for (step, text) in ["typed__echo", "Echo: hi", "42", "progress", "cancelled", "simple prompt", "Architecture"]
            .into_iter()
            .enumerate()
        {
            assert!(seen[step].contains(text), "{shown}: expected {text:?} of step {step}: {}", seen[step]);
        }
        let progress = played.steps[3]["progress"].as_array().map_or(0, Vec::len);
        assert!(progress >= 3, "{shown}: expected progress: {}", seen[3]);
    }
    let modern = board.modern().call("found__echo", json!({"message": "modern"}));
    assert_eq!(modern["content"][0]["text"], "Echo: modern", "{modern}");
    drop(server);
    let gone = Duration::from_secs(20);
    eventually(gone, "the end of the stream to be seen", || board.server("typed")["state"] != "ready");
    let _server = everything(&peers, port);
    for name in ["found", "typed"] {
        eventually(Duration::from_secs(60), "the server to be reached again", || {
            board.server(name)["state"] == "ready"
        });
        let result = board.modern().call(&format!("{name}__echo"), json!({"message": "again"}));
        assert_eq!(result["content"][0]["text"], "Echo: again", "{result}");
    }
}

/// The Python SDK and `supergateway` as servers: they find out that a call is cancelled, and tell of
/// changed tools.
#[test]
fn more_servers_of_others() {
    let Some(peers) = require_peers() else { return };
    let mut python = peers.script_command("py_server.py");
    python.args(["sse", "0"]);
    let python = Listening::start(python);
    let port = free_port();
    let wrapped = format!("{} {} stdio", peers.node22().display(), peers.package("server-everything").display());
    let mut wrapper = command(peers.node22());
    wrapper.arg(peers.npm("supergateway")).args(["--stdio", &wrapped, "--outputTransport", "sse"]);
    wrapper.args(["--port", &port.to_string()]);
    let _wrapper = Listening::start_at(wrapper, port);
    let config = entry_at("py", &python.url().replace("/mcp", "/sse"))
        + &entry_at("super", &format!("http://127.0.0.1:{port}/sse"));
    let board = Switchboard::start(&config);
    for name in ["py", "super"] {
        board.server_in(name, "ready");
    }
    let endless = json!({"id": "sse", "steps": 250, "ms": 100});
    let steps = [
        Step::call("py__add", json!({"a": 40, "b": 2})),
        Step::progress("py__slow", json!({"id": "p", "steps": 3, "ms": 30})),
        Step::cancel("py__slow", endless, 500),
        Step::until("py__was_cancelled", json!({"id": "sse"}), "true"),
        Step::change("py__toggle", "py__extra"),
        Step::call("super__echo", json!({"message": "wrapped"})),
    ];
    let mut client = peers.script_command("ts1_sse_client.mjs");
    client.arg(format!("http://{}/sse", board.address()));
    let played = play(client, &steps);
    let seen: Vec<String> = played.steps.iter().map(ToString::to_string).collect();
    for (step, text) in
        ["42", "3 steps", "\"cancelled\":true", "true", "\"changed\":true", "Echo: wrapped"].into_iter().enumerate()
    {
        assert!(seen[step].contains(text), "expected {text:?} of step {step}: {}", seen[step]);
    }
}

/// A switchboard behind the `/sse` of another, found without a type.
#[test]
fn a_switchboard_behind_another() {
    let far = Switchboard::start(&misbehave("one", "ok", "dual"));
    let url = format!("http://{}/sse/one", far.address());
    let near = Switchboard::start(&entry_at("far", &url));
    near.server_in("far", "ready");
    let result = near.modern().call("far__echo", json!({"text": "through two"}));
    assert_eq!(result["content"][0]["text"], "through two", "{result}");
    assert_eq!(near.cli_json(&["status"])["servers"][0]["state"], "ready");
}
