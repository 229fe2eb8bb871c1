//! The commands against a server of others, as a person types them: `server-everything` behind one
//! running switchboard. What each command prints in every case is tested beside the CLI itself.

use e2e::{SOON, Switchboard, entry_of, eventually, require_peers};
use serde_json::json;
use std::path::Path;

/// A switchboard with the real server; nothing where the peers are not installed.
fn start() -> Option<Switchboard> {
    let peers = require_peers()?;
    let package = peers.package("server-everything").display().to_string();
    let board = Switchboard::start(&entry_of("everything", Path::new("node"), &[&package, "stdio"]));
    board.server_in("everything", "ready");
    Some(board)
}

/// The stdout of a command that works.
#[track_caller]
fn shown(board: &Switchboard, args: &[&str]) -> String {
    let ended = board.cli(args);
    assert_eq!(ended.code, Some(0), "expected `switchboard {}` to work: {ended:?}", args.join(" "));
    assert!(!ended.stdout.contains('\u{1b}'), "expected no colour without a terminal: {ended:?}");
    ended.stdout
}

#[test]
fn it_calls_tools() {
    let Some(board) = start() else { return };
    for args in [
        &["call", "everything.echo", "message=hello there"][..],
        &["call", "everything__echo", "message=hello there"],
        &["call", "everything.echo", r#"{"message": "hello there"}"#],
        &["call", "everything.echo", "-a", r#"{"message": "hello there"}"#],
    ] {
        assert_eq!(shown(&board, args), "Echo: hello there\n", "expected the text of {args:?}");
    }
    std::fs::write(board.home().place("all.json"), r#"{"message": "from a file"}"#).unwrap();
    let text = shown(&board, &["call", "everything.echo", "@all.json"]);
    assert_eq!(text, "Echo: from a file\n", "expected the arguments of the file");
    // The server refuses numbers that come as texts: they are typed by its own schema.
    let text = shown(&board, &["call", "everything.get-sum", "a=20", "b=22"]);
    assert!(text.contains("42"), "expected the sum: {text}");
    let text = shown(&board, &["call", "everything.get-tiny-image"]);
    assert!(text.contains("[image image/png, "), "expected words for an image: {text}");
    let image = board.cli_json(&["call", "everything.get-tiny-image"]);
    let blocks = image["content"].as_array().unwrap();
    assert!(blocks.iter().any(|block| block["data"].is_string()), "expected the image whole: {image}");
    let weather = board.cli_json(&["call", "everything.get-structured-content", "location=Chicago"]);
    assert_eq!(weather["structuredContent"]["humidity"], 82, "expected the structured content: {weather}");
    let server = board.server("everything");
    assert_eq!(server["calls"], 9, "expected every call to be counted: {server}");
}

#[test]
fn what_goes_wrong_is_said_with_an_exit_code() {
    let Some(board) = start() else { return };
    for (args, code, words) in [
        (&["call", "everything.ecko", "message=x"][..], 12, "everything.echo"),
        (&["call", "everythin.echo", "message=x"], 12, "everything.echo"),
        (&["call", "everything.get-sum", "a=one", "b=2"], 2, "number"),
        // Refused by the server, in its own words.
        (&["call", "everything.get-sum", "a=1"], 1, "Input validation error"),
        (&["tools", "everythin"], 12, "everything"),
        (&["logs", "everythin"], 12, "everything"),
    ] {
        let ended = board.cli(args);
        assert_eq!(ended.code, Some(code), "expected {args:?} to be refused: {ended:?}");
        assert!(ended.stderr.contains(words), "expected `{words}` about {args:?}: {ended:?}");
    }
}

#[test]
fn it_shows_servers_and_tools() {
    let Some(board) = start() else { return };
    for (args, wanted) in [
        (&["list"][..], "everything"),
        (&["status"], "everything"),
        (&["tools"], "everything__echo"),
        (&["tools", "everything"], "everything__get-sum"),
        (&["limits"], "sessions_max"),
    ] {
        let text = shown(&board, args);
        assert!(text.contains(wanted), "expected `{wanted}` of {args:?}: {text}");
        let json = board.cli_json(args);
        assert!(json.to_string().contains(wanted), "expected `{wanted}` of {args:?} as JSON: {json}");
    }
    let tools = board.cli_json(&["tools", "everything"])["tools"].clone();
    let sum = tools.as_array().unwrap().iter().find(|tool| tool["name"] == "everything__get-sum").unwrap();
    assert_eq!(sum["definition"]["inputSchema"]["required"], json!(["a", "b"]), "expected the server's schema: {sum}");
    let server = board.server("everything");
    assert_eq!(
        (&server["era"], &server["transport"], &server["health"]),
        (&json!("legacy"), &json!("stdio"), &json!("healthy")),
        "expected what the server is: {server}"
    );
    assert_eq!(
        server["tools"].as_u64(),
        tools.as_array().map(|tools| tools.len() as u64),
        "expected one count: {server}"
    );
    let pid = server["pid"].as_u64();
    let tree = board.tree();
    let found = tree.processes().iter().find(|process| Some(u64::from(process.pid)) == pid);
    let command = &found.unwrap_or_else(|| panic!("expected the process of {server} in {tree:?}")).command;
    assert!(command.contains("server-everything"), "expected the server's own process, got `{command}`");
}

#[test]
fn it_shows_what_a_server_said() {
    let Some(board) = start() else { return };
    let words = "Starting default (STDIO) server...";
    eventually(SOON, "the server's first words in its log", || shown(&board, &["logs", "everything"]).contains(words));
    let lines = board.cli_json(&["logs", "everything"])["lines"].clone();
    let said = lines.as_array().unwrap().iter().find(|line| line["text"] == words);
    let said = said.unwrap_or_else(|| panic!("expected the server's words as JSON: {lines}"));
    assert_eq!(said["stream"], "stderr", "expected where it was said: {said}");
}
