//! Drives the built `mcp-misbehave` over its pipes: each mode does what its name says.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helping functions too")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{park_timeout, spawn};
use std::time::{Duration, Instant};

/// How long anything that has to happen may take.
const SOON: Duration = Duration::from_secs(20);
/// How long something that must not happen is looked for.
const QUIET: Duration = Duration::from_millis(300);

struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    next_id: u64,
    modern: bool,
}

impl Peer {
    #[expect(clippy::disallowed_methods, reason = "the test starts what it tests")]
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mcp-misbehave"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, lines) = sync_channel(1_000);
        spawn(move || {
            for line in BufReader::new(output).split(b'\n') {
                let Ok(line) = line else { return };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let modern = args.get(1) == Some(&"modern");
        Self { child, input, lines, next_id: 0, modern }
    }

    /// Started and through its handshake.
    fn ready(args: &[&str]) -> Self {
        let mut peer = Self::start(args);
        if peer.modern {
            let found = peer.ask("server/discover", json!({}));
            assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]));
        } else {
            let hello = peer.ask("initialize", json!({"protocolVersion": "2025-06-18"}));
            assert_eq!(hello["result"]["protocolVersion"], "2025-06-18");
            peer.notify("notifications/initialized", json!({}));
        }
        peer
    }

    fn write(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.input.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn send(&mut self, method: &str, mut params: Value) -> u64 {
        self.next_id += 1;
        if self.modern {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        }
        let id = self.next_id;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(SOON).expect("a line in time")
    }

    fn message(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    fn is_quiet(&self) -> bool {
        self.lines.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout)
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        let message = self.message();
        assert_eq!(message["id"], id, "{message}");
        message
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    fn text(&mut self, tool: &str, arguments: Value) -> String {
        let reply = self.call(tool, arguments);
        text_of(&reply).to_owned()
    }

    fn tools(&mut self) -> Vec<String> {
        let reply = self.ask("tools/list", json!({}));
        let tools = reply["result"]["tools"].as_array().unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    fn exit(mut self) -> ExitStatus {
        self.wait_until_gone().expect("it exits in time")
    }

    fn wait_until_gone(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        poll(SOON, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status
    }

    /// Closes its stdin and expects a clean end.
    fn end(mut self) {
        self.input = None;
        assert!(self.exit().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn poll(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if is_so() {
            return true;
        }
        park_timeout(Duration::from_millis(5));
    }
    is_so()
}

fn text_of(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"].as_str().expect("a text")
}

#[test]
fn ok_answers_and_ends_with_its_input() {
    let mut peer = Peer::ready(&["ok"]);
    assert_eq!(peer.tools(), ["echo", "sleep", "count", "pid"]);
    assert_eq!(peer.text("echo", json!({"text": "ä\n"})), "ä\n");
    assert_eq!(peer.text("count", json!({})), "2");
    assert_eq!(peer.text("pid", json!({})), peer.child.id().to_string());
    assert_eq!(peer.call("nope", json!({}))["error"]["code"], -32602);
    assert_eq!(peer.ask("server/discover", json!({}))["error"]["code"], -32601);
    peer.end();
}

#[test]
fn sleeping_holds_nobody_up_reports_progress_and_can_be_cancelled() {
    let mut peer = Peer::ready(&["ok"]);
    let meta = json!({"progressToken": "p"});
    let arguments = json!({"ms": 400});
    let slow = peer.send("tools/call", json!({"name": "sleep", "arguments": arguments, "_meta": meta}));
    let progress = peer.message();
    assert_eq!(progress["params"]["progressToken"], "p");
    assert_eq!(peer.text("echo", json!({"text": "quick"})), "quick");
    let reply = peer.message();
    assert_eq!((&reply["id"], text_of(&reply)), (&json!(slow), "slept 400"));
    let gone = peer.send("tools/call", json!({"name": "sleep", "arguments": {"ms": 100}}));
    peer.notify("notifications/cancelled", json!({"requestId": gone}));
    assert!(peer.is_quiet());
}

#[test]
fn modern_and_dual_answer_in_the_era_of_the_request() {
    let mut modern = Peer::ready(&["ok", "modern"]);
    let listed = modern.ask("tools/list", json!({}));
    assert_eq!(listed["result"]["resultType"], "complete");
    assert_eq!(listed["result"]["ttlMs"], 60_000);
    assert_eq!(modern.ask("initialize", json!({}))["error"]["code"], -32022);
    modern.modern = false;
    assert_eq!(modern.ask("tools/list", json!({}))["error"]["code"], -32602);

    let mut dual = Peer::ready(&["ok", "dual"]);
    let legacy = dual.call("echo", json!({"text": "x"}));
    assert!(legacy["result"]["resultType"].is_null());
    dual.modern = true;
    let modern = dual.call("echo", json!({"text": "x"}));
    assert_eq!(modern["result"]["resultType"], "complete");
    assert!(dual.ask("server/discover", json!({}))["result"].is_object());
}

#[test]
fn hang_says_nothing_and_hang_after_list_nothing_more() {
    let mut hang = Peer::start(&["hang"]);
    hang.send("initialize", json!({}));
    assert!(hang.is_quiet());
    hang.end();
    let mut late = Peer::ready(&["hang-after-list"]);
    assert_eq!(late.tools().len(), 4);
    late.send("tools/call", json!({"name": "echo", "arguments": {"text": "x"}}));
    assert!(late.is_quiet());
}

#[test]
fn flood_fills_both_streams_and_answers_nothing() {
    let mut peer = Peer::start(&["flood"]);
    // Each stream has a reader of its own: the server blocks on either when nobody reads it.
    let mut errors = peer.child.stderr.take().unwrap();
    let reading = spawn(move || {
        let (mut seen, mut chunk) = (0, vec![0; 1 << 16]);
        loop {
            match errors.read(&mut chunk).unwrap() {
                0 => return seen,
                bytes => seen += bytes,
            }
        }
    });
    for _ in 0..200 {
        assert!(!peer.line().starts_with('{'));
    }
    peer.child.kill().unwrap();
    assert!(reading.join().unwrap() > 100_000, "stderr is flooded as much as stdout");
}

#[test]
fn noise_is_around_right_answers() {
    let mut peer = Peer::start(&["noise"]);
    peer.send("tools/list", json!({}));
    let mut skipped = 0;
    let found = std::iter::repeat_with(|| peer.line()).take(20).find(|line| {
        let is_message = serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object());
        skipped += usize::from(!is_message);
        is_message
    });
    assert!(found.unwrap().contains("\"tools\""));
    assert!(skipped >= 3);
}

#[test]
fn the_dying_die_when_they_say() {
    assert_eq!(Peer::start(&["die-at-start"]).exit().code(), Some(3));

    let mut probed = Peer::start(&["die-on-probe"]);
    probed.send("server/discover", json!({}));
    assert_eq!(probed.exit().code(), Some(3));
    let mut unprobed = Peer::ready(&["die-on-probe"]);
    assert_eq!(unprobed.text("echo", json!({"text": "x"})), "x");

    assert_eq!(Peer::ready(&["die-after-init"]).exit().code(), Some(3));

    let mut called = Peer::ready(&["die-on-call"]);
    assert!(called.tools().contains(&"die".to_owned()));
    assert_eq!(called.text("echo", json!({"text": "x"})), "x");
    called.send("tools/call", json!({"name": "die", "arguments": {}}));
    assert_eq!(called.exit().code(), Some(3));
}

#[test]
fn lie_ids_hides_one_right_answer_among_lies() {
    let mut peer = Peer::ready(&["lie-ids"]);
    let id = peer.send("tools/call", json!({"name": "echo", "arguments": {"text": "true"}}));
    let replies: Vec<Value> = (0..8).map(|_| peer.message()).collect();
    let (own, lies): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply["id"] == id);
    assert_eq!(own.iter().map(|reply| text_of(reply)).collect::<Vec<_>>(), ["true", "a duplicate"]);
    assert_eq!(lies.len(), 6);
    let lost = peer.send("tools/call", json!({"name": "lost", "arguments": {}}));
    assert_ne!(peer.message()["id"], lost);
    assert!(peer.is_quiet());
}

#[test]
fn huge_slow_and_broken_answers() {
    let mut huge = Peer::ready(&["huge-result=2000000"]);
    assert_eq!(huge.text("huge", json!({})).len(), 2_000_000);

    let began = Instant::now();
    let mut slow = Peer::ready(&["slow-start=300"]);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(slow.tools().len(), 4);

    let mut broken = Peer::ready(&["bad-json"]);
    broken.send("tools/call", json!({"name": "broken", "arguments": {}}));
    assert!(serde_json::from_str::<Value>(&broken.line()).is_err());
    assert_eq!(broken.text("count", json!({})), "2");
}

#[test]
fn endless_pages_have_no_last_one() {
    let mut peer = Peer::ready(&["endless-pages"]);
    let mut cursor = json!(null);
    for page in 0..50 {
        let reply = peer.ask("tools/list", json!({"cursor": cursor}));
        let result = &reply["result"];
        assert_eq!(result["tools"][0]["name"], format!("page_{page}"));
        cursor = result["nextCursor"].clone();
        assert!(cursor.is_string());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "signals are sent by a tool")]
fn ignore_eof_survives_all_but_kill_and_so_does_its_grandchild() {
    let mut peer = Peer::ready(&["ignore-eof"]);
    let mut line = String::new();
    BufReader::new(peer.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let grandchild = line.trim().strip_prefix("grandchild ").unwrap().to_owned();
    let signal = |name: &str, pid: &str| {
        Command::new("kill").args([name, pid]).status().unwrap();
    };
    let runs = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    // It is deaf as soon as its shell has become `sleep`'s parent.
    assert!(poll(SOON, || {
        let children = format!("/proc/{grandchild}/task/{grandchild}/children");
        std::fs::read_to_string(children).is_ok_and(|children| !children.is_empty())
    }));
    peer.input = None;
    signal("-TERM", &peer.child.id().to_string());
    signal("-TERM", &grandchild);
    assert!(!poll(QUIET, || peer.child.try_wait().unwrap().is_some()));
    assert!(runs(&grandchild));
    peer.child.kill().unwrap();
    assert!(peer.wait_until_gone().is_some());
    assert!(runs(&grandchild));
    let children = format!("/proc/{grandchild}/task/{grandchild}/children");
    let sleeping = std::fs::read_to_string(children).unwrap();
    signal("-KILL", &grandchild);
    signal("-KILL", sleeping.trim());
    assert!(poll(SOON, || !runs(&grandchild)));
}

#[test]
fn change_list_grows_and_says_so_in_each_era() {
    let mut peer = Peer::ready(&["change-list"]);
    peer.send("tools/call", json!({"name": "grow", "arguments": {}}));
    assert_eq!(peer.message()["method"], "notifications/tools/list_changed");
    assert_eq!(text_of(&peer.message()), "1");
    assert!(peer.tools().contains(&"grown_1".to_owned()));

    let mut modern = Peer::ready(&["change-list", "modern"]);
    let listen = modern.send("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let ack = modern.message();
    let key = "io.modelcontextprotocol/subscriptionId";
    assert_eq!(ack["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(ack["params"]["_meta"][key], listen);
    modern.send("tools/call", json!({"name": "grow", "arguments": {}}));
    let changed = modern.message();
    assert_eq!(changed["method"], "notifications/tools/list_changed");
    assert_eq!(changed["params"]["_meta"][key], listen);
}

#[test]
fn asks_tells_what_it_was_answered() {
    let mut peer = Peer::ready(&["asks"]);
    for (method, result) in [("ping", json!({})), ("roots/list", json!({"roots": []}))] {
        let request = peer.message();
        assert_eq!(request["method"], method);
        peer.write(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}));
    }
    let asked: Value = serde_json::from_str(&peer.text("asked", json!({}))).unwrap();
    assert_eq!(asked, json!({"ask-ping": {}, "ask-roots": {"roots": []}}));
}

#[test]
fn exit_after_ends_on_the_call_of_its_number_as_that_call_says() {
    for (arguments, code) in [(json!({"code": 0}), Some(0)), (json!({}), Some(1)), (json!({"signal": true}), None)] {
        let mut peer = Peer::ready(&["exit-after=2"]);
        assert_eq!(peer.text("count", json!({})), "1");
        peer.send("tools/call", json!({"name": "echo", "arguments": arguments}));
        assert_eq!(peer.exit().code(), code, "{arguments}");
    }
}

#[test]
fn flood_line_is_one_line_and_drip_comes_in_time() {
    let mut peer = Peer::ready(&["flood-line=3000000"]);
    peer.send("tools/call", json!({"name": "flood", "arguments": {}}));
    assert_eq!(peer.line().len(), 3_000_000);
    assert_eq!(peer.text("count", json!({})), "2");

    let mut drip = Peer::ready(&["drip=2"]);
    let began = Instant::now();
    assert_eq!(drip.text("echo", json!({"text": "äöü€"})), "äöü€");
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[test]
fn no_read_lists_and_then_reads_nothing() {
    let mut peer = Peer::ready(&["no-read"]);
    assert_eq!(peer.tools().len(), 4);
    peer.send("tools/call", json!({"name": "echo", "arguments": {"text": "x"}}));
    assert!(peer.is_quiet());
    peer.input = None;
    assert!(!poll(QUIET, || peer.child.try_wait().unwrap().is_some()));
}

#[test]
fn half_close_closes_one_pipe_and_stays() {
    for (how, rest) in [("stdout", ""), ("middle", "cont"), ("stdin", "")] {
        let mut peer = Peer::ready(&["half-close"]);
        peer.send("tools/call", json!({"name": "hang_up", "arguments": {"how": how}}));
        if how == "stdin" {
            let closed = poll(SOON, || peer.input.as_mut().unwrap().write_all(b"\n").is_err());
            assert!(closed && peer.is_quiet());
        } else {
            let last = peer.lines.recv_timeout(SOON);
            assert_eq!(last.as_ref().map(|line| line.ends_with(rest)).ok(), (how == "middle").then_some(true));
            assert_eq!(peer.lines.recv_timeout(SOON), Err(RecvTimeoutError::Disconnected));
        }
        assert!(peer.child.try_wait().unwrap().is_none(), "{how}: it stays");
    }
}

#[test]
fn stderr_flood_answers_meanwhile_and_ends() {
    let mut peer = Peer::start(&["stderr-flood=4"]);
    let errors = peer.child.stderr.take().unwrap();
    let reading = spawn(move || errors.take(3 << 20).read_to_end(&mut Vec::new()).unwrap());
    peer.ask("initialize", json!({"protocolVersion": "2025-06-18"}));
    assert_eq!(peer.text("count", json!({})), "1");
    assert_eq!(reading.join().unwrap(), 3 << 20);
    peer.end();
}

#[test]
fn storm_asks_and_counts_what_comes_back() {
    let mut peer = Peer::ready(&["storm=8"]);
    let id = peer.send("tools/call", json!({"name": "storm", "arguments": {}}));
    let questions: Vec<Value> = (0..8).map(|_| peer.message()).collect();
    for (number, question) in questions.iter().enumerate() {
        let outcome = if number % 4 == 0 { "result" } else { "error" };
        peer.write(&json!({"jsonrpc": "2.0", "id": question["id"], outcome: {}}));
    }
    let reply = peer.message();
    assert_eq!((&reply["id"], text_of(&reply)), (&json!(id), "2 answered, 6 refused"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "signals are sent by a tool")]
fn stubborn_stays_and_daemonize_leaves_an_orphan() {
    let runs = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    let mut stubborn = Peer::ready(&["stubborn"]);
    stubborn.input = None;
    Command::new("kill").args(["-TERM", &stubborn.child.id().to_string()]).status().unwrap();
    assert!(!poll(QUIET, || stubborn.child.try_wait().unwrap().is_some()));

    let mut peer = Peer::ready(&["daemonize"]);
    let mut line = String::new();
    BufReader::new(peer.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let orphan = line.trim().strip_prefix("grandchild ").unwrap().to_owned();
    let parent = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap();
    let parent = parent.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().to_owned();
    assert_ne!(parent, peer.child.id().to_string());
    peer.end();
    assert!(runs(&orphan));
    Command::new("kill").args(["-KILL", &orphan]).status().unwrap();
    assert!(poll(SOON, || !runs(&orphan)));
}

#[test]
fn brood_and_hog_do_it_and_answer() {
    let mut peer = Peer::ready(&["brood=5"]);
    assert_eq!(peer.text("brood", json!({})), "left 5");
    let mut hog = Peer::ready(&["hog=64"]);
    assert_eq!(hog.text("hog", json!({})), "64000000");
    let status = std::fs::read_to_string(format!("/proc/{}/status", hog.child.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    assert!(resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() > 64_000_000 / 1024);
}

#[test]
fn a_share_of_noise_is_a_share() {
    let mut peer = Peer::start(&["noise=50"]);
    let mut bare = 0;
    for _ in 0..10 {
        peer.send("tools/call", json!({"name": "count", "arguments": {}}));
        let mut noisy = false;
        while !peer.line().contains("\"result\"") {
            noisy = true;
        }
        bare += usize::from(!noisy);
    }
    assert_eq!(bare, 5);
}

#[test]
fn wrong_arguments_are_refused() {
    for args in [&["no-such-mode"][..], &["ok", "medieval"], &["huge-result"], &[]] {
        assert_eq!(Peer::start(args).exit().code(), Some(2), "{args:?}");
    }
}
