//! What servers may use of the machine, and what they find there: limits that hold, usage that is
//! shown, ports, programs behind URLs, install steps, floods, and daemons that servers leave.
//!
//! A limit that this host cannot enforce is said by the switchboard, and the test about it is
//! skipped with a line that repeats it.

use crate::fleet::free_port;
use e2e::{Client, Home, LINE, Line, SOON, Switchboard, await_some, built, entry, eventually, misbehave, script, tell};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

/// How long anything may outlive the daemon.
const AFTERLIFE: Duration = Duration::from_secs(2);

/// Whether this host enforces every limit of the server; says what it does not.
fn enforced(board: &Switchboard, server: &str) -> bool {
    let missing = board.server_in(server, "ready")["not_enforced"].clone();
    let none = missing == json!([]);
    if !none {
        tell(&format!("skipped: this host cannot enforce {missing}"));
        let shown = board.cli(&["status"]).stdout;
        assert!(shown.contains("this host cannot enforce resources."), "expected it to be said: {shown}");
    }
    none
}

/// Waits until the server has a reason that contains `words`.
#[track_caller]
fn reason(board: &Switchboard, server: &str, words: &str) -> Value {
    await_some(SOON, &format!("`{words}` in the reason of `{server}`"), || {
        let server = board.server(server);
        server["reason"].as_str().is_some_and(|reason| reason.contains(words)).then_some(server)
    })
}

fn logs(board: &Switchboard, server: &str) -> String {
    board.cli(&["logs", server, "-n", "1000"]).stdout
}

#[test]
fn who_wants_too_much_memory_is_ended_and_told_so() {
    let hog = misbehave("hog", "hog=300", "dual") + "resources.memory = \"64MiB\"\n";
    let board = Switchboard::start(&(misbehave("good", "ok", "dual") + &hog));
    if !enforced(&board, "hog") {
        return;
    }
    let client = board.modern();
    let why = client.failure("hog__hog", json!({}));
    assert!(why.contains("hog"), "expected the server to be named: {why}");
    eventually(SOON, "the limit in the log", || {
        logs(&board, "hog").contains("it used more than its memory limit of 64 MiB")
    });
    assert_eq!(client.text("good__echo", json!({"text": "fine"})), "fine");
    // It is started again, and as good as new.
    board.server_in("hog", "ready");
    assert_eq!(client.text("hog__echo", json!({"text": "back"})), "back");
}

/// Only where ten harmless sleepers have shown that the limit holds.
#[test]
fn a_fork_bomb_ends_at_its_limit() {
    let sleepers = "(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done) 2>/dev/null; exec $SERVER ok dual";
    let proof = script("proof", sleepers) + "resources.processes = 5\n";
    let bomb = misbehave("bomb", "bomb", "dual") + "resources.processes = 30\n";
    let board = Switchboard::start(&(proof + &bomb + &misbehave("good", "ok", "dual")));
    if !enforced(&board, "proof") || !enforced(&board, "bomb") {
        return;
    }
    let proven = board.server("proof")["processes"].as_u64();
    assert!(proven.is_some_and(|count| (2..=5).contains(&count)), "expected at most 5 processes, saw {proven:?}");
    let client = board.modern();
    let said = client.text("bomb__bomb", json!({}));
    let started: u32 = said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(u32::MAX);
    assert!(started < 30, "expected fewer than 30 children: {said}");
    assert_eq!(client.text("good__echo", json!({"text": "fine"})), "fine");
}

#[test]
fn the_processor_is_shared_out() {
    let busy = script("busy", "(while :; do :; done) & exec $SERVER ok dual") + "resources.cpu = 20\n";
    let board = Switchboard::start(&busy);
    if !enforced(&board, "busy") {
        return;
    }
    // Each answer is about the time since the one before; a share is dealt out per tenth of a second,
    // so a short time may see all of it at once.
    eventually(SOON, "its share to be about 20 % of a core", || {
        let share = board.server("busy")["cpu_percent"].as_f64().unwrap_or(f64::MAX);
        (5.0..60.0).contains(&share)
    });
}

#[test]
fn status_shows_what_servers_use() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let server = board.server_in("one", "ready");
    assert!(server["memory_kib"].as_u64().is_some_and(|kib| kib > 100), "expected its memory: {server}");
    assert!(server["cpu_percent"].is_number() && server["processes"] == 1, "expected its use: {server}");
    let shown = board.cli(&["status"]).stdout;
    assert!(shown.contains("MEM") && shown.contains("CPU") && shown.contains("MiB"), "expected columns: {shown}");
}

#[test]
fn one_port_for_two_programs_is_an_error_that_names_both() {
    let config = "[servers.a]\ncommand = \"a\"\nport = 8051\n[servers.b]\ncommand = \"b\"\nport = 8051\n";
    let home = Home::new(config);
    let said = home.cli(&["config", "check", "--config", &home.config().display().to_string()]);
    assert_ne!(said.code, Some(0), "expected the configuration to be refused");
    let text = said.stdout + &said.stderr;
    assert!(text.contains("`b` and `a` have the same port 8051"), "expected both names: {text}");
}

#[test]
fn a_port_that_is_taken_is_found_before_the_start() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let told = script("told", "echo listening on $PORT >&2; exec $SERVER ok dual") + &format!("port = {port}\n");
    let board = Switchboard::start(&told);
    let own = std::process::id();
    let server = reason(&board, "told", &format!("its port {port} is taken by process {own} "));
    assert!(server["hint"].as_str().is_some_and(|hint| hint.contains("port")), "expected a hint: {server}");
    drop(held);
    board.server_in("told", "ready");
    eventually(SOON, "PORT in what it says", || logs(&board, "told").contains(&format!("listening on {port}")));
}

#[test]
fn a_program_behind_a_url_is_run_reached_and_restarted() {
    for (door, kind) in [("http", "http"), ("sse", "sse"), ("ws", "websocket")] {
        let port = free_port();
        let args = [door, "--port", &port.to_string()];
        let config = entry("web", "mcp-fixture", &args) + &format!("type = {kind:?}\nport = {port}\n");
        let board = Switchboard::start(&config);
        let server = board.server_in("web", "ready");
        assert_eq!(server["transport"], json!(kind), "{server}");
        let client = board.modern();
        let tool = "web__test_simple_text";
        let before = client.text(tool, json!({}));
        assert!(before.contains("text"), "expected an answer over {kind}: {before}");
        let pid = server["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap();
        e2e::kill(pid);
        let again = await_some(SOON, "the program to run again", || {
            Some(board.server("web")).filter(|server| server["state"] == "ready" && server["pid"] != pid)
        });
        assert!(again["restarts"].as_u64() > Some(0), "{again}");
        assert_eq!(client.text(tool, json!({})), before);
        assert!(logs(&board, "web").contains("stdout"), "expected what it says on stdout in its log");
    }
}

#[test]
fn who_calls_a_program_behind_a_url_hears_how_it_ended() {
    for door in ["http", "sse"] {
        let port = free_port();
        let fixture = built("mcp-fixture");
        let told = format!("echo the disk is full >&2; exec {} {door} --port {port}", fixture.display());
        let web = script("web", &told);
        let config = format!("{LINE}{web}type = {door:?}\nport = {port}\n");
        let board = Switchboard::start(&config);
        let pid = board.server_in("web", "ready")["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap();
        let line = Line::of(&board);
        let id = line.send("web__test_slow_call", json!({"milliseconds": 60_000}));
        eventually(SOON, "the call to be in flight", || board.server("web")["in_flight"] == 1);
        e2e::kill(pid);
        let why = e2e::failure_of(&line.answer(id));
        for words in ["ended by signal 9", "the disk is full"] {
            assert!(why.contains(words), "expected `{words}` over {door}: {why}");
        }
        board.server_in("web", "ready");
        line.check();
    }
}

#[test]
fn a_program_that_never_listens_says_why() {
    let config = format!(
        "[servers.web]\ncommand = \"sh\"\nargs = [\"-c\", \"echo no database >&2; exit 4\"]\nurl = \"http://127.0.0.1:{}/mcp\"\n",
        free_port()
    );
    let board = Switchboard::start(&config);
    let server = reason(&board, "web", "the process ended before it listened: exited with status 4");
    assert!(server["reason"].as_str().is_some_and(|reason| reason.contains("no database")), "{server}");
}

#[test]
fn what_is_to_be_installed_is_installed_once() {
    let home = Home::new("");
    let folder = home.folder().to_owned();
    fs::write(folder.join("package.json"), "{}").unwrap();
    let install = r#"install = "sh -c 'echo once >> installed; echo preparing'""#;
    let more = format!("cwd = {folder:?}\n{install}\n");
    home.write_config(&(misbehave("one", "ok", "dual") + &more + &misbehave("two", "ok", "dual") + &more));
    let count = || fs::read_to_string(folder.join("installed")).unwrap_or_default().lines().count();
    let board = home.start();
    for server in ["one", "two"] {
        board.server_in(server, "ready");
    }
    assert_eq!(count(), 1, "expected one step for two servers");
    let board = board.restart();
    board.server_in("one", "ready");
    assert_eq!(count(), 1, "expected it to be remembered");
    let home = board.stop();
    fs::write(folder.join("package.json"), "{\"dependencies\": {}}").unwrap();
    let board = home.start();
    board.server_in("one", "ready");
    assert_eq!(count(), 2, "expected it to be done again for another package.json");
}

#[test]
fn an_install_step_that_fails_is_the_reason() {
    let bad = misbehave("bad", "ok", "dual") + r#"install = ["sh", "-c", "echo no such package >&2; exit 7"]"#;
    let board = Switchboard::start(&(bad + "\n" + &misbehave("good", "ok", "dual")));
    let server = board.server_in("bad", "failed");
    let reason = server["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("its install step failed") && reason.contains("exited with status 7"), "{reason}");
    assert!(reason.contains("no such package"), "expected its last words: {reason}");
    assert_eq!(board.modern().text("good__echo", json!({"text": "fine"})), "fine");
}

#[test]
fn a_flood_on_stderr_is_drained_and_hurts_nobody() {
    let loud = script("loud", "yes all of this goes to nobody >&2 & exec $SERVER ok dual");
    let board = Switchboard::start(&(loud + &misbehave("good", "ok", "dual")));
    let client = board.modern();
    for _ in 0..5 {
        for server in ["good", "loud"] {
            let said = client.text(&format!("{server}__echo"), json!({"text": "heard"}));
            assert_eq!(said, "heard", "expected {server} to answer");
        }
    }
    eventually(SOON, "a remark about what was dropped", || {
        logs(&board, "loud").contains("bytes of its stderr were dropped")
    });
    let file = fs::metadata(board.data().join("logs/loud.log")).map_or(0, |data| data.len());
    assert!(file < 100_000_000, "expected a bounded file, it has {file} bytes");
    let ticks = fs::read_to_string(format!("/proc/{}/stat", board.pid())).unwrap();
    let fields: Vec<&str> = ticks.rsplit_once(')').unwrap().1.split_whitespace().collect();
    tell(&format!("the daemon used {} + {} ticks under the flood", fields[11], fields[12]));
}

#[test]
fn daemons_that_a_server_leaves_behind_go_with_it() {
    let leaving = misbehave("leaving", "daemonize", "dual") + "stop_timeout = \"500ms\"\n";
    let mut board = Switchboard::start(&leaving);
    board.server_in("leaving", "ready");
    let tree = await_some(SOON, "two grandchildren that sleep", || {
        let tree = board.tree();
        let asleep = tree.processes().iter().filter(|process| process.command.starts_with("sleep 1000"));
        (asleep.count() == 2).then_some(tree)
    });
    let server = board.server("leaving");
    let grouped = fs::read_to_string(format!("/proc/{}/cgroup", server["pid"])).unwrap_or_default();
    if grouped.contains("/switchboard-") {
        assert_eq!(server["processes"], 3, "expected all three to be counted");
    } else {
        tell("skipped: no cgroup is writable here, so what has lost its parent is not counted");
    }
    let status = board.terminate();
    assert_eq!(status.code(), Some(0), "expected exit code 0, got {status}");
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}
