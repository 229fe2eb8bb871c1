//! What a person asks when something does not work: `why`, `doctor`, and the builtin server
//! `switchboard`, which tells the same to an agent.

use e2e::{Client, Home, SOON, Switchboard, entry_at, eventually, misbehave};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

/// The gate of `name` in what `why` said, and its exit code.
fn gate(board: &Switchboard, args: &[&str], name: &str) -> (Value, Option<i32>) {
    let ended = board.cli(&[&["why", "--json"], args].concat());
    let gates = ended.json()["reasons"][0]["gates"].clone();
    let found = gates.as_array().and_then(|gates| gates.iter().find(|gate| gate["gate"] == name));
    (found.cloned().unwrap_or_else(|| panic!("no gate `{name}`: {gates}")), ended.code)
}

#[test]
fn why_names_the_gate_the_rule_and_the_line() {
    let config = format!(
        "{}\n{}tools.deny = [\"si*\", \"ec*\"]\n{}tools.allow = [\"echo\"]\n{}enabled = false\n{}{}restart = \"never\"\n{}",
        misbehave("fine", "ok", "dual"),
        misbehave("denied", "ok", "dual"),
        misbehave("allowed", "ok", "dual"),
        misbehave("off", "ok", "dual"),
        "[servers.gone]\ncommand = \"no-such-program\"\n",
        misbehave("dead", "die-at-start", "legacy"),
        entry_at("nobody", "http://127.0.0.1:9/mcp"),
    );
    let board = Switchboard::start(&config);
    for name in ["fine", "denied", "allowed"] {
        board.server_in(name, "ready");
    }
    board.server_in("gone", "failed");
    board.server_in("dead", "failed");
    let fails = |args: &[&str], name: &str, says: &str| {
        let (gate, status) = gate(&board, args, name);
        assert_eq!((gate["verdict"].as_str(), status), (Some("fail"), Some(1)), "{args:?}: {gate}");
        assert!(gate.to_string().contains(says), "{args:?}: `{says}` is not in {gate}");
        gate
    };
    let (passed, status) = gate(&board, &["fine.echo"], "policy");
    assert_eq!((passed["verdict"].as_str(), status), (Some("pass"), Some(0)), "{passed}");
    let denied = fails(&["denied.echo"], "policy", "tools.deny");
    assert!(denied["decided_by"].as_str().unwrap().contains("ec*"), "the pattern that decided: {denied}");
    assert!(denied["decided_by"].as_str().unwrap().contains("switchboard.toml:"), "its line: {denied}");
    fails(&["denied__echo"], "policy", "tools.deny");
    fails(&["allowed.sleep", "--as", "somebody"], "policy", "`somebody`");
    fails(&["off"], "enabled", "enabled = true");
    fails(&["gone"], "state", "no-such-program");
    fails(&["dead"], "state", "database is on fire");
    fails(&["fine.ecko"], "catalog", "lists no tool");
    let (nobody, status) = gate(&board, &["nobody"], "state");
    assert_eq!((nobody["verdict"].as_str(), status), (Some("warn"), Some(0)), "it is tried again: {nobody}");
    assert!(nobody["next"].as_str().is_some_and(|next| !next.is_empty()), "{nobody}");
    let unknown = board.cli(&["why", "fien"]);
    assert_eq!(unknown.code, Some(12));
    assert!(unknown.stderr.contains("did you mean `fine`?"), "{}", unknown.stderr);
    let all = board.cli(&["why"]);
    assert_eq!(all.code, Some(1));
    assert!(all.stdout.contains("gone") && !all.stdout.contains("fine "), "{}", all.stdout);
}

#[test]
fn an_agent_asks_the_builtin_server() {
    let config = format!(
        "[servers.switchboard]\nbuiltin = \"switchboard\"\n[servers.hands]\nbuiltin = \"switchboard\"\nallow_changes = true\n{}",
        misbehave("fine", "ok", "dual")
    );
    let board = Switchboard::start(&config);
    board.server_in("fine", "ready");
    let client = board.modern();
    let tools = client.tools();
    assert!(tools.contains(&"switchboard__why".to_owned()), "{tools:?}");
    assert!(!tools.contains(&"switchboard__restart".to_owned()), "read-only unless its entry allows more: {tools:?}");
    assert!(tools.contains(&"hands__restart".to_owned()), "{tools:?}");
    let ask = |tool: &str, arguments: Value| {
        let (_, answer) = client.request("tools/call", json!({ "name": tool, "arguments": arguments }));
        answer["result"].clone()
    };
    let listed = ask("switchboard__list", json!({}));
    let fine = listed["structuredContent"]["servers"].as_array().unwrap().iter().find(|one| one["name"] == "fine");
    assert_eq!(fine.unwrap()["state"], "ready", "{listed}");
    assert_eq!(ask("switchboard__status", json!({ "server": "fine" }))["structuredContent"]["name"], "fine");
    assert_eq!(ask("switchboard__why", json!({ "name": "fine.echo" }))["structuredContent"]["callable"], true);
    let found = ask("switchboard__search", json!({ "text": "echo" }));
    assert_eq!(found["structuredContent"]["tools"][0]["name"], "fine__echo", "{found}");
    assert!(ask("switchboard__logs", json!({ "server": "fine" }))["structuredContent"]["lines"].is_array());
    let wrong = ask("switchboard__status", json!({ "server": "fien" }));
    assert_eq!(wrong["isError"], true);
    assert!(wrong["content"][0]["text"].as_str().unwrap().contains("did you mean `fine`?"), "{wrong}");
    let (_, refused) = client.request("tools/call", json!({ "name": "switchboard__restart", "arguments": {} }));
    assert!(refused["error"]["message"].as_str().is_some(), "not offered, so not callable: {refused}");
    let pid = client.text("fine__pid", json!({}));
    assert_eq!(ask("hands__restart", json!({ "server": "fine" }))["structuredContent"]["told"], true);
    eventually(SOON, "another process to answer", || {
        let (_, answer) = client.request("tools/call", json!({ "name": "fine__pid", "arguments": {} }));
        answer["result"]["content"][0]["text"].as_str().is_some_and(|now| now.parse::<u32>().is_ok() && now != pid)
    });
}

#[test]
fn doctor_finds_what_was_broken_on_purpose() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = Home::new(&format!(
        "[listen]\naddress = \"{address}\"\ntoken = \"plain-words-0123456789\"\n\
         [servers.missing]\ncommand = \"no-such-program\"\n\
         [servers.nowhere]\ncommand = \"sh\"\ncwd = \"no/such/folder\"\n\
         [servers.socket]\nurl = \"unix:///tmp/no-such-switchboard-peer.sock\"\n\
         [servers.twice]\ncommand = \"sh\"\nargs = [\"-c\", \"cat\"]\n\
         [servers.unset]\ncommand = \"sh\"\nenv = {{ KEY = \"${{env:NEVER_SET_ANYWHERE}}\" }}\nenabled = true\n"
    ));
    let user = home.folder().to_owned();
    let open = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&home.config(), 0o644);
    std::fs::create_dir_all(home.data()).unwrap();
    open(&home.data(), 0o755);
    drop(std::os::unix::net::UnixListener::bind(home.data().join("switchboard.sock")).unwrap());
    let file = |path: &str, text: &str| {
        let path = user.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file(".cursor/mcp.json", "{ \"mcpServers\": { \"x\": ");
    file(
        ".claude.json",
        r#"{"mcpServers": {"switchboard": {"command": "/old/switchboard", "args": ["connect"]},
            "mine": {"command": "sh", "args": ["-c", "cat"]}}}"#,
    );
    let mut command = home.command();
    command.args(["doctor", "--json"]).arg("--config").arg(home.config());
    let ended = e2e::run(&mut command, SOON);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let findings = ended.json()["findings"].clone();
    let said: Vec<String> = findings.as_array().unwrap().iter().map(Value::to_string).collect();
    let seeded = [
        "no-such-program",
        "no/such/folder",
        "no-such-switchboard-peer.sock",
        "NEVER_SET_ANYWHERE",
        "cannot be listened on",
        "looks like a secret",
        "is open to other people",
        "left by a daemon that is gone",
        "cursor: ",
        "another program than this one",
        "two of one server",
    ];
    for words in seeded {
        let found = said.iter().find(|finding| finding.contains(words));
        let found = found.unwrap_or_else(|| panic!("`{words}` was not found: {said:#?}"));
        assert!(!found.contains("\"fix\":null"), "a finding has its fix: {found}");
    }
    assert!(!ended.stdout.contains("plain-words"), "no secret is shown");
    let clean = Home::new("");
    let clean = clean.cli(&["doctor", "--listen", "127.0.0.1:0"]);
    assert!(clean.stdout.contains("0 errors"), "{}", clean.stdout);
}
