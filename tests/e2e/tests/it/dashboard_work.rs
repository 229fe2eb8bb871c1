//! The dashboard's tabs Tools, Calls, Goals, Memory and cache in Debian's Chromium, over the built binary:
//! real tools run through their forms, goals worked on, things kept and deleted. What was copied for a
//! shell and for Python is run here, as it was copied.

use crate::dashboard::play;
use e2e::{Home, Switchboard, built, command, require_peers, require_program, run};
use serde_json::Value;
use std::time::Duration;

/// How long a copied call may take.
const COPIED: Duration = Duration::from_secs(30);

fn start() -> Switchboard {
    let fixture = built("mcp-fixture").display().to_string();
    let config = format!("[servers.fixture]\ncommand = \"{fixture}\"\nargs = [\"stdio\"]\n");
    let board = Home::new(&config).offering("cache,goals,memory").start();
    board.server_in("fixture", "ready");
    board
}

/// A text as one word of a shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Runs a copied text and gives what it prints.
#[track_caller]
fn run_copied(board: &Switchboard, program: &str, flag: &str, text: &str) -> String {
    let mut copied = command(program);
    let ended = run(copied.args([flag, text]).env("SWITCHBOARD_TOKEN", board.token()), COPIED);
    assert_eq!(ended.code, Some(0), "{text}\n{}{}", ended.stdout, ended.stderr);
    ended.stdout
}

#[test]
fn tools_run_through_their_forms_and_their_calls_are_seen() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    let board = start();
    let said = play(&peers, &chromium, &board, "tools");
    let text = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("expected `{name}` in {said}"));
    assert_eq!(text("greeting"), "Hello, Ada O'Neil!");
    let words: Vec<_> = board.home().words(&[]).iter().map(|one| word(one)).collect();
    let here = format!("switchboard() {{ {} \"$@\"; }}\n{}", words.join(" "), text("cli"));
    assert_eq!(run_copied(&board, "sh", "-c", &here).trim(), "Hello, Ada O'Neil!");
    let python = peers.python("python").display().to_string();
    let answers = [
        ("curl", run_copied(&board, "sh", "-c", text("curl"))),
        ("python", run_copied(&board, &python, "-c", text("python"))),
    ];
    for (name, answer) in answers {
        let result: Value = serde_json::from_str(&answer).unwrap_or_else(|why| panic!("{name}: {why}: {answer}"));
        assert_eq!(result["content"][0]["text"], "Hello, Ada O'Neil!", "{name}: {answer}");
    }
    assert!(!text("curl").contains(&board.token()), "the token is not in what is copied");
}

#[test]
fn a_goal_is_made_broken_down_and_worked_on() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    play(&peers, &chromium, &start(), "goals");
}

#[test]
fn memories_and_keys_are_kept_shown_and_deleted() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    play(&peers, &chromium, &start(), "memory");
}
