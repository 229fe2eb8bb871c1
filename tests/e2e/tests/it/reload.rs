//! The configuration changes under load: what did not change keeps running and keeps its calls,
//! and a configuration with errors changes nothing.

use e2e::{Client, SOON, Switchboard, eventually, misbehave};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

const THREADS: u64 = 8;
const REWRITES: usize = 5;

/// The server that stays, and one that only this round has.
fn config(round: usize) -> String {
    let stays = misbehave("stay", "ok", "dual");
    format!("{stays}tags = [\"round-{round}\"]\n{}", misbehave(&format!("extra{round}"), "ok", "legacy"))
}

/// Calls the server that stays, again and again; gives what went wrong.
fn keep_calling(
    board: &Switchboard,
    seed: u64,
    stop: &Arc<AtomicBool>,
    calls: &Arc<AtomicUsize>,
) -> JoinHandle<Vec<String>> {
    let client: Box<dyn Client> =
        if seed.is_multiple_of(2) { Box::new(board.modern()) } else { Box::new(board.legacy()) };
    let (stop, calls) = (stop.clone(), calls.clone());
    thread::spawn(move || {
        let mut failures = Vec::new();
        for turn in seed.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let ms = 30 + turn * 37 % 171;
            let (status, response) =
                client.request("tools/call", json!({"name": "stay__sleep", "arguments": {"ms": ms}}));
            if response["result"]["content"][0]["text"] != format!("slept {ms}") {
                failures.push(format!("{status}: {response}"));
            }
            calls.fetch_add(1, Ordering::Relaxed);
        }
        failures
    })
}

#[test]
fn calls_in_flight_survive_every_reload() {
    let board = Switchboard::start(&config(0));
    let client = board.modern();
    let pid = client.text("stay__pid", json!({}));
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..THREADS).map(|seed| keep_calling(&board, seed, &stop, &calls)).collect();
    for round in 1..=REWRITES {
        let before = calls.load(Ordering::Relaxed);
        board.rewrite_config(&config(round));
        board.hup();
        let (new, old) = (format!("extra{round}__echo"), format!("extra{}__echo", round - 1));
        eventually(SOON, &format!("{new} to be listed and {old} to be gone"), || {
            let tools = client.tools();
            tools.contains(&new) && !tools.contains(&old)
        });
        assert_eq!(client.text(&new, json!({"text": "new"})), "new", "expected the new server to answer");
        eventually(SOON, "calls to go on after a reload", || calls.load(Ordering::Relaxed) > before);
    }
    stop.store(true, Ordering::Relaxed);
    let failures: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let total = calls.load(Ordering::Relaxed);
    assert!(failures.is_empty(), "expected 0 of {total} calls to fail, {} did: {failures:?}", failures.len());
    assert_eq!(client.text("stay__pid", json!({})), pid, "expected the unchanged server to keep its process");
    let server = board.server("stay");
    assert_eq!(server["tags"], json!([format!("round-{REWRITES}")]), "expected the last tags: {server}");
    assert_eq!(server["restarts"], 0, "expected no restart of the unchanged server: {server}");
}

#[test]
fn a_changed_file_is_noticed_without_a_signal() {
    let board = Switchboard::start(&config(0));
    let client = board.modern();
    let pid = client.text("stay__pid", json!({}));
    board.rewrite_config(&config(1));
    eventually(SOON, "the new server to be listed", || client.tools().contains(&"extra1__echo".to_owned()));
    assert_eq!(client.text("stay__pid", json!({})), pid, "expected the unchanged server to keep its process");
}

#[test]
fn a_changed_entry_gets_a_new_process() {
    let board = Switchboard::start(&config(0));
    let client = board.modern();
    let pid = client.text("stay__pid", json!({}));
    board.rewrite_config(&(config(0).replace("\ntags", "\nenv = { NEW = \"1\" }\ntags")));
    let said = board.cli_json(&["reload"]);
    assert!(said.is_object(), "expected the reload to be described: {said}");
    eventually(SOON, "another process for the changed entry", || client.text("stay__pid", json!({})) != pid);
}

#[test]
fn a_broken_configuration_changes_nothing() {
    let board = Switchboard::start(&config(0));
    let client = board.modern();
    let pids = || ["stay__pid", "extra0__pid"].map(|tool| client.text(tool, json!({})));
    let (before, tools) = (pids(), client.tools());
    board.rewrite_config(&(config(1) + "comand = \"x\"\n"));
    let refused = board.cli(&["reload"]);
    assert_eq!(refused.code, Some(2), "expected the reload to be refused: {refused:?}");
    assert!(refused.stderr.contains("comand"), "expected the mistake to be named: {}", refused.stderr);
    board.hup();
    // The refused file and the signal are behind this one, which is the same as the first.
    board.rewrite_config(&config(0));
    let same = board.cli(&["reload"]);
    assert_eq!(same.code, Some(0), "expected the mended file to be read: {same:?}");
    assert_eq!(pids(), before, "expected every server to keep its process");
    assert_eq!(client.tools(), tools, "expected the same tools");
}

#[test]
fn the_guard_comes_with_the_first_local_server() {
    let mut board = Switchboard::start("");
    assert!(board.tree().processes().is_empty(), "expected no process of ours where nothing local runs");
    board.rewrite_config(&misbehave("late", "ignore-eof", "legacy"));
    board.hup();
    let client = board.modern();
    eventually(SOON, "the first local server to be listed", || client.tools().contains(&"late__echo".to_owned()));
    let tree = board.tree();
    assert!(!tree.processes().is_empty(), "expected the guard and the server");
    board.kill9();
    eventually(SOON, "the guard to leave nothing behind", || tree.alive().is_empty());
}
