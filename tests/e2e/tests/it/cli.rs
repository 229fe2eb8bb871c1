//! The commands against a running daemon, as a person types them.

use e2e::{Switchboard, built, modern, until};
use serde_json::{Value, json};
use std::time::Duration;

fn daemon() -> Switchboard {
    let config = format!("[servers.good]\ncommand = {:?}\nargs = [\"ok\"]\n", built("mcp-misbehave"));
    let daemon = Switchboard::start(&config);
    until(Duration::from_secs(20), "the server", || {
        let tools = modern(&daemon.address, "tools/list", json!({})).answer();
        tools["result"]["tools"].to_string().contains("good__echo").then_some(())
    });
    daemon
}

#[test]
fn it_lists_servers_and_tools() {
    let daemon = daemon();
    for words in [&["list"][..], &["status"], &["tools"], &["tools", "good"], &["limits"]] {
        let outcome = daemon.cli(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        assert!(!outcome.stdout.is_empty(), "{words:?}: {outcome:?}");
        assert!(!outcome.stdout.contains('\u{1b}'), "colour without a terminal: {outcome:?}");
        let json: Vec<&str> = [words, &["--json"]].concat();
        let outcome = daemon.cli(&json);
        assert!(serde_json::from_str::<Value>(&outcome.stdout).is_ok(), "{json:?}: {outcome:?}");
    }
    assert!(daemon.cli(&["tools"]).stdout.contains("good__echo"));
    assert!(daemon.cli(&["list"]).stdout.contains("good"));
}

#[test]
fn it_calls_tools() {
    let daemon = daemon();
    for words in [
        &["call", "good.echo", "text=hello there"][..],
        &["call", "good__echo", "text=hello there"],
        &["call", "good.echo", "--json", "{\"text\": \"hello there\"}"],
    ] {
        let outcome = daemon.cli(words);
        assert_eq!(outcome.code, 0, "{words:?}: {outcome:?}");
        assert!(outcome.stdout.contains("hello there"), "{words:?}: {outcome:?}");
    }
    // Typed by the schema: a number stays a number.
    let outcome = daemon.cli(&["call", "good.sleep", "ms=1"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    std::fs::write(daemon.folder().join("arguments.json"), "{\"text\": \"from a file\"}").unwrap();
    let outcome = daemon.cli(&["call", "good.echo", "@arguments.json"]);
    assert!(outcome.stdout.contains("from a file"), "{outcome:?}");
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let daemon = daemon();
    assert_eq!(daemon.cli(&["call", "good.ecko"]).code, 12, "an unknown name");
    assert!(daemon.cli(&["call", "good.ecko"]).stderr.contains("echo"), "did you mean");
    assert_eq!(daemon.cli(&["frobnicate"]).code, 2, "usage");
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let daemon = daemon();
    let words = daemon.cli_words(&["status"]);
    daemon.stop();
    let (program, args) = words.split_first().unwrap();
    let mut status = e2e::command(program);
    status.args(args);
    let outcome = e2e::run(status, Duration::from_secs(20));
    assert_ne!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn no_configuration_at_all() {
    let daemon = Switchboard::start("");
    let output = daemon.output();
    assert!(output.contains("[servers.") || output.contains("mcpServers"), "how to add one: {output}");
    assert!(output.contains(&daemon.address), "what to paste into a client: {output}");
    let tools = modern(&daemon.address, "tools/list", json!({})).answer();
    assert_eq!(tools["result"]["tools"], json!([]));
}
