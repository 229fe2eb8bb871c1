//! Nothing outlives the daemon by two seconds, however it ends: no child, no grandchild, not even
//! one in a session of its own that ignores everything it can.

use e2e::{Client, SOON, Switchboard, Tree, await_some, eventually, misbehave};
use serde_json::json;
use std::time::Duration;

/// How long anything may outlive the daemon.
const AFTERLIFE: Duration = Duration::from_secs(2);

/// A switchboard with a good server and one with a stubborn grandchild, and what it runs.
fn start() -> (Switchboard, Tree) {
    let stubborn = misbehave("stubborn", "ignore-eof", "dual") + "stop_timeout = \"500ms\"\n";
    let board = Switchboard::start(&(misbehave("good", "ok", "dual") + &stubborn));
    let tree = populated(&board);
    (board, tree)
}

/// The processes of the switchboard once both servers answer and the grandchild sleeps.
fn populated(board: &Switchboard) -> Tree {
    let client = board.modern();
    assert_eq!(client.tools().len(), 8, "expected the tools of both servers");
    for server in ["good", "stubborn"] {
        let said = client.text(&format!("{server}__echo"), json!({"text": "up"}));
        assert_eq!(said, "up", "expected the server {server} to answer");
    }
    let tree = await_some(SOON, "a grandchild that sleeps", || {
        let tree = board.tree();
        tree.processes().iter().any(|process| process.command.starts_with("sleep 1000")).then_some(tree)
    });
    let alive = tree.alive();
    assert!(alive.len() >= 5, "expected a guard, two servers and a grandchild with its child: {alive:?}");
    tree
}

#[test]
fn a_killed_daemon_leaves_nothing() {
    let kills: u32 = match std::env::var("SWITCHBOARD_LAB_KILLS") {
        Ok(count) => count.parse().expect("expected SWITCHBOARD_LAB_KILLS to be a number"),
        Err(_) => 3,
    };
    let (mut board, mut tree) = start();
    for kill in 1..=kills {
        board.kill9();
        let what = format!("nothing left after kill {kill} of {tree:?}");
        eventually(AFTERLIFE, &what, || tree.alive().is_empty());
        // The state on disk survives too.
        board = board.restart();
        tree = populated(&board);
    }
}

#[test]
fn a_terminated_daemon_leaves_nothing() {
    let (mut board, tree) = start();
    let status = board.terminate();
    assert_eq!(status.code(), Some(0), "expected exit code 0 after SIGTERM, got {status}");
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}

#[test]
fn a_killed_guard_takes_the_servers_with_it() {
    let (board, tree) = start();
    let guard = tree.processes().iter().find(|process| process.command.contains("__guard"));
    let guard = guard.expect("expected a guard process").clone();
    guard.kill();
    let left = || -> Vec<_> { tree.alive().into_iter().filter(|process| tree.processes().contains(process)).collect() };
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || left().is_empty());
    drop(board);
}

#[test]
fn calls_in_flight_end_before_the_daemon() {
    let (mut board, _) = start();
    let address = board.address();
    let call = std::thread::spawn(move || {
        let client = e2e::Modern::new(address, "/mcp");
        let params = json!({"name": "good__sleep", "arguments": {"ms": 700}, "_meta": {"progressToken": "t"}});
        let mut answer = client.open(json!(1), "tools/call", params);
        let first = answer.next_event();
        (first, answer)
    });
    let (first, answer) = call.join().expect("expected the call to begin");
    assert_eq!(first.expect("expected progress")["method"], "notifications/progress", "expected progress first");
    let ended = std::thread::spawn(move || answer.last());
    let status = board.terminate();
    assert_eq!(status.code(), Some(0), "expected exit code 0 after a drain, got {status}");
    let (_, response) = ended.join().expect("expected the rest of the answer");
    let text = &response["result"]["content"][0]["text"];
    assert_eq!(text, "slept 700", "expected the call in flight to be answered before the end: {response}");
}
