//! Profiles as clients meet them: on every listener, over a change of the configuration and a restart, and
//! what a person is told about them.

use e2e::{Client as _, Home, LEGACY, Legacy, Modern, SOON, Switchboard, Talk, eventually, misbehave, send};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

/// Two servers, and a profile that has one of them under another name.
fn config(profiles: &str) -> String {
    let desk = misbehave("desk", "ok", "dual") + "tags = [\"near\"]\n";
    format!("{profiles}{desk}{}", misbehave("far", "ok", "dual"))
}

const LESS: &str = "[profiles.less]\ntags = [\"near\"]\ndeny = [\"*__pid\", \"*__sleep\"]\n\
                    [profiles.less.tools.desk__echo]\nname = \"repeat\"\ntitle = \"Repeat\"\n";

fn at(board: &Switchboard, profile: &str) -> Modern {
    Modern::new(board.address(), &format!("/mcp/p/{profile}"))
}

/// Two of the tools, under the names of the profile.
const SHOWN: [&str; 2] = ["desk__count", "repeat"];

#[test]
fn every_listener_has_them() {
    let board = Switchboard::start(&format!("[listen]\nunix = \"own.sock\"\n{}", config(LESS)));
    for server in ["desk", "far"] {
        board.server_in(server, "ready");
    }
    let modern = at(&board, "less");
    assert_eq!(modern.tools(), SHOWN);
    assert_eq!(modern.text("repeat", json!({"text": "a"})), "a");
    let legacy = Legacy::new(board.address(), "/mcp/p/less");
    assert_eq!(legacy.tools(), SHOWN);
    assert_eq!(legacy.text("repeat", json!({"text": "b"})), "b");

    let mut stream = send(board.address(), "GET", "/sse/p/less", &[], b"");
    assert!(stream.status == 200 && stream.next_data().unwrap_or_default().starts_with("/messages"));

    let socket = UnixStream::connect(board.home().place("own.sock")).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let list = Modern::message(json!(1), "tools/list", json!({}));
    (&socket).write_all(format!("/mcp/p/less\n{list}\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(&socket).read_line(&mut line).unwrap();
    assert_eq!(named(&serde_json::from_str(&line).unwrap()), SHOWN);

    let mut connect = board.home().command();
    connect.args(["connect", "--profile", "less"]);
    let alone = Home::new(&config(LESS));
    let mut by_itself = alone.command();
    by_itself.arg("--config").arg(alone.config()).args(["connect", "--profile", "less"]);
    for command in [connect, by_itself] {
        let mut talk = Talk::start(command);
        assert_eq!(named(&talk.ask(&list)), SHOWN);
        assert_eq!(talk.ask(&Legacy::hello(LEGACY))["result"]["protocolVersion"], LEGACY);
    }
    let refused = board.home().cli(&["connect", "--profile", "lss"]);
    assert_eq!(refused.code, Some(12), "{refused:?}");
    assert!(refused.stderr.contains("there is no profile `lss`") && refused.stderr.contains("declared are: less"));
    let nothing = at(&board, "lss").post(&[], b"{}");
    assert_eq!(nothing.status, 404, "{nothing:?}");
}

fn named(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("expected tools: {answer}"));
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

#[test]
fn the_default_one_is_what_mcp_shows_and_the_person_sees_everything() {
    let board = Switchboard::start(&config(&LESS.replace(".less", ".default")));
    for server in ["desk", "far"] {
        board.server_in(server, "ready");
    }
    let client = board.modern();
    assert_eq!(client.tools(), SHOWN);
    let listed = client.result("tools/list", json!({}));
    let repeat = &listed["tools"][1];
    assert_eq!(
        (&repeat["title"], &repeat["_meta"]["switchboard/override"]["name"]),
        (&json!("Repeat"), &json!("desk__echo"))
    );
    for hidden in ["desk__echo", "desk__pid", "far__echo"] {
        let (_, refused) = client.request("tools/call", json!({"name": hidden, "arguments": {"text": "x"}}));
        assert_eq!(refused["error"]["data"]["kind"], "unknown_name", "{refused}");
    }
    let echoed = board.cli(&["call", "far.echo", "text=x"]);
    assert_eq!((echoed.code, echoed.stdout.trim()), (Some(0), "x"), "{echoed:?}");
    assert_eq!(Modern::new(board.address(), "/mcp/far").text("echo", json!({"text": "y"})), "y");
    client.text("repeat", json!({"text": "z"}));
    eventually(SOON, "the record of the renamed tool", || {
        let calls = board.cli_json(&["logs", "--calls", "-n", "1000"])["calls"].take();
        calls
            .as_array()
            .is_some_and(|calls| calls.iter().any(|call| call["server"] == "desk" && call["name"] == "echo"))
    });
}

#[test]
fn a_changed_profile_is_in_force_at_once_and_a_wrong_one_is_told_of() {
    let board = Switchboard::start(&config(LESS));
    board.server_in("desk", "ready");
    assert_eq!(at(&board, "less").tools(), SHOWN);
    board.rewrite_config(&config(&LESS.replace("[\"*__pid\", \"*__sleep\"]", "[\"*__count\"]")));
    eventually(SOON, "the other tools", || at(&board, "less").tools() == ["desk__pid", "desk__sleep", "repeat"]);
    let wrong =
        "[profiles.less]\nservers = [\"dsk\"]\ntags = [\"naer\"]\n[profiles.less.tools.desk__eco]\nname = \"x\"\n";
    board.rewrite_config(&config(wrong));
    let reloaded = board.cli(&["reload"]);
    let said = format!("{}{}", reloaded.stdout, reloaded.stderr);
    for warning in ["the server `dsk`", "did you mean `desk`?", "the tag `naer`", "did you mean `near`?"] {
        assert!(said.contains(warning), "expected {warning}: {said}");
    }
    assert_eq!(at(&board, "less").tools(), Vec::<String>::new(), "a wrong name does not come to mean all");
    board.rewrite_config(&config(
        "[profiles.less]\nexposure = \"search\"\n[profiles.less.tools.desk__eco]\nname = \"x\"\n",
    ));
    eventually(SOON, "the tools that find others", || at(&board, "less").tools().contains(&"search_tools".to_owned()));
    let status = board.cli(&["status"]).stdout;
    assert!(status.contains("profile less at /mcp/p/less: search tools instead of 8 tools"), "{status}");
    assert!(status.contains("`desk__eco` is no tool of it; did you mean `desk__echo`?"), "{status}");
    board.rewrite_config(&config(""));
    eventually(SOON, "the profile to be gone", || at(&board, "less").post(&[], b"{}").status == 404);
}
