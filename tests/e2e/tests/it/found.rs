//! Servers that others declare: found, shown, approved, changed and waiting again; and what a person
//! adds, switches off and takes out. Nothing runs that was not approved in exactly this form.

use e2e::{Client as _, Ended, Home, SOON, Switchboard, Talk, built, eventually, misbehave};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A server as a script of a project, which leaves a mark when it runs.
fn script(project: &Path, mark: &str) {
    fs::create_dir_all(project).unwrap();
    let server = built("mcp-misbehave");
    let text = format!("#!/bin/sh\ntouch '{}'\nexec '{}' ok dual\n", project.join(mark).display(), server.display());
    fs::write(project.join("server.sh"), text).unwrap();
    fs::set_permissions(project.join("server.sh"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn declare(project: &Path, entry: &Value) {
    let text = json!({ "mcpServers": { "brought": entry } }).to_string();
    fs::write(project.join("draft"), text).unwrap();
    fs::rename(project.join("draft"), project.join(".mcp.json")).unwrap();
}

fn discovery(more: &str) -> String {
    format!("[discovery]\nfolders = [\"project\"]\ninterval = 1\n{more}\n{}", misbehave("own", "ok", "dual"))
}

#[track_caller]
fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn standing(home: &Home, config: &str) -> (String, String) {
    let found = home.cli(&["--config", config, "discover", "--json"]).json();
    let found = found["found"].as_array().cloned().unwrap_or_default();
    let one = found.into_iter().find(|found| found["name"] == "brought").unwrap();
    (one["standing"].as_str().unwrap_or_default().to_owned(), one["lines"].to_string())
}

#[test]
fn discovered_pending_approved_changed_and_pending_again() {
    let home = Home::new(&discovery("auto = true"));
    let project = home.place("project");
    script(&project, "ran");
    declare(&project, &json!({ "command": "./server.sh", "env": { "MODE": "a" } }));
    let board = home.start();
    let config = board.home().config().display().to_string();
    let client = board.modern();
    client.tools();
    let pid = client.text("own__pid", json!({}));

    let waiting = board.server_in("brought", "pending");
    assert_eq!(waiting["reason"], "waits for approval: discovery found it");
    assert_eq!(waiting["hint"], "look at it and decide: switchboard approve brought");
    assert!(!project.join("ran").exists(), "expected nothing to run before it is approved");
    assert_eq!(standing(board.home(), &config).0, "new");

    let refused = board.cli(&["--config", &config, "approve", "brought"]);
    assert_eq!(refused.code, Some(2), "expected a person to be asked: {refused:?}");
    for shown in ["command: ./server.sh", "env: MODE", "server.sh: sha256 ", "approve --yes brought"] {
        assert!(refused.stderr.contains(shown), "expected {shown}: {}", refused.stderr);
    }
    assert!(!project.join("ran").exists());

    let approved = board.cli(&["--config", &config, "approve", "--yes", "brought"]);
    done(&approved);
    assert!(approved.stderr.contains("brought: ready with"), "{}", approved.stderr);
    assert!(project.join("ran").exists());
    let mode = fs::metadata(board.data().join("state.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(client.text("brought__echo", json!({"text": "hello"})), "hello");
    assert_eq!(standing(board.home(), &config).0, "approved");

    declare(&project, &json!({ "command": "./server.sh", "args": ["--more"], "env": { "MODE": "a" } }));
    let waiting = board.server_in("brought", "pending");
    let reason = waiting["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("it is not what was approved") && reason.contains("args: nothing → --more"), "{reason}");
    let (word, lines) = standing(board.home(), &config);
    assert!(word == "pending" && lines.contains("args: nothing → --more"), "{word}: {lines}");
    for question in [["why", "brought"], ["health", "brought"]] {
        let says = board.cli(&question).stdout;
        assert!(says.contains("args: nothing → --more") && !says.contains("nobody"), "{question:?}: {says}");
    }
    eventually(SOON, "its tools to be gone", || !client.tools().contains(&"brought__echo".to_owned()));

    declare(&project, &json!({ "command": "./server.sh", "env": { "MODE": "b" } }));
    board.server_in("brought", "ready");
    assert_eq!(client.text("own__pid", json!({})), pid, "expected the other server to keep its process");
}

#[test]
fn a_changed_script_is_not_run() {
    let home = Home::new(&discovery(""));
    let project = home.place("project");
    script(&project, "first");
    declare(&project, &json!({ "command": "./server.sh" }));
    let config = home.config().display().to_string();
    done(&home.cli(&["--config", &config, "approve", "--all", "--yes"]));
    let board = home.start();
    board.server_in("brought", "ready");
    script(&project, "second");
    // At once: the reload that the change brings may come later.
    let restarted = board.cli(&["restart", "brought"]);
    assert_ne!(restarted.code, Some(0), "expected the changed script not to be started: {restarted:?}");
    assert!(!project.join("second").exists(), "expected the changed script not to run: {restarted:?}");
    let waiting = board.server_in("brought", "pending");
    let reason = waiting["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("server.sh: sha256 "), "expected the difference: {reason}");
    let board = board.restart();
    board.server_in("brought", "pending");
    assert!(!project.join("second").exists(), "expected the changed script not to run");
    done(&board.cli(&["--config", &config, "approve", "--yes", "brought"]));
    board.server_in("brought", "ready");
    assert!(project.join("second").exists());
    let gone = board.cli(&["--config", &config, "remove", "brought"]);
    done(&gone);
    assert!(gone.stdout.contains("no longer approved"), "{gone:?}");
    let status = board.cli_json(&["status"]);
    let names: Vec<&Value> = status["servers"].as_array().unwrap().iter().map(|server| &server["name"]).collect();
    assert_eq!(names, ["own"], "expected only the person's own server");
    assert!(project.join(".mcp.json").exists(), "expected the other tool's file to stay");
}

#[test]
fn the_daemon_says_what_it_found() {
    let home = Home::new(&discovery(""));
    let board = home.start();
    let project = board.home().place("project");
    script(&project, "ran");
    declare(&project, &json!({ "command": "./server.sh" }));
    eventually(SOON, "the daemon to find it", || board.cli_json(&["status"])["found"][0]["name"] == "brought");
    let text = board.cli(&["status"]).stdout;
    assert!(text.contains("1 server found and not approved: brought; look: switchboard discover"), "{text}");
    assert!(!project.join("ran").exists());
    let status = board.cli_json(&["status"]);
    assert_eq!(status["servers"].as_array().map(Vec::len), Some(1), "expected it to be announced, not listed");
}

#[test]
fn servers_are_added_switched_and_removed() {
    let home = Home::new(&format!("# mine\n{}", misbehave("own", "ok", "dual")));
    let board = home.start();
    let config = board.home().config().display().to_string();
    let run = |args: &[&str]| board.cli(&[&["--config", &config], args].concat());
    let text = || fs::read_to_string(board.home().config()).unwrap();
    let client = board.modern();
    client.tools();
    let pid = client.text("own__pid", json!({}));
    let server = built("mcp-misbehave").display().to_string();
    let add = ["add", "more", "--env", "MODE=x", "--", &server, "ok", "dual"];

    let dry = run(&["add", "more", "--dry-run", "--", &server, "ok"]);
    done(&dry);
    assert!(dry.stdout.contains("+ [servers.more]") && !text().contains("more"), "{dry:?}");
    let added = run(&add);
    done(&added);
    assert!(added.stderr.contains("more: ready with"), "{added:?}");
    assert!(text().starts_with("# mine\n") && text().contains("[servers.more]"), "{}", text());
    assert_eq!(client.text("more__echo", json!({"text": "hi"})), "hi");

    let twice = run(&add);
    assert!(twice.code == Some(2) && twice.stderr.contains("declared already"), "{twice:?}");
    let before = text();
    let wrong = run(&["add", "bad", "--url", "nonsense"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("nothing was changed"), "{wrong:?}");
    assert_eq!(text(), before, "expected the file to stay as it was");
    let secret = run(&["add", "hushed", "--dry-run", "--env", "API_TOKEN=0123456789", "--", "x"]);
    assert!(secret.stderr.contains("looks like a secret") && secret.stderr.contains("${env:API_TOKEN}"), "{secret:?}");

    done(&run(&["disable", "more"]));
    board.server_in("more", "disabled");
    done(&run(&["enable", "more"]));
    board.server_in("more", "ready");
    done(&run(&["remove", "more"]));
    assert_eq!(text().trim_end(), before.split("\n[servers.more]").next().unwrap_or_default().trim_end());
    let status = board.cli_json(&["status"]);
    assert_eq!(status["servers"].as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(client.text("own__pid", json!({})), pid, "expected the other server to keep its process");
}

#[test]
fn files_of_the_predecessors_run_as_they_are() {
    let home = Home::new("");
    let server = built("mcp-misbehave").display().to_string();
    let folder = home.folder().display().to_string();
    let launcher = json!({ "time": { "name": "The time", "path": folder, "command": format!("MODE=x exec '{server}' ok dual"),
        "env": { "HERE": "$HOME/x" } } });
    fs::write(home.place("mcp-servers.json"), launcher.to_string()).unwrap();
    let manager = format!(
        "discovery:\n  auto_discovery: false\nservers:\n  tasks:\n    name: tasks\n    command: {server}\n    args: [ok, dual]\n    \
         connection_type: stdio\n    server_type: rust\n    request_timeout: 20\n    auto_restart: true\n    enabled: true\n"
    );
    fs::write(home.place("mcp-servers.yaml"), manager).unwrap();
    for (file, name) in [("mcp-servers.json", "time"), ("mcp-servers.yaml", "tasks")] {
        let mut command = home.command();
        command.args(["--config", file, "connect"]);
        let mut talk = Talk::start(command);
        let client = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        talk.ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client }));
        talk.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        talk.ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }));
        let call = json!({ "name": format!("{name}__echo"), "arguments": { "text": "hello" } });
        let said = talk.ask(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call }));
        assert_eq!(said["result"]["content"][0]["text"], "hello", "expected {file} to run: {said}");
        assert_eq!(talk.hang_up(), Some(0));
    }
    let checked = home.cli(&["--config", "mcp-servers.yaml", "config", "check"]);
    assert!(checked.stderr.contains("`server_type` of `tasks` has no effect"), "{checked:?}");
}

/// S-01: whatever a body holds, no route takes a command.
#[test]
fn no_route_takes_a_command() {
    let board = Switchboard::start(&misbehave("own", "ok", "dual"));
    let mark = board.home().place("canary");
    let command = json!({ "command": "touch", "args": [mark.display().to_string()], "env": {"A": "b"}, "cwd": "/" });
    let bodies = [
        json!({ "mcpServers": { "x": command } }),
        json!({ "servers": { "x": command }, "name": "x", "stdio": command }),
        json!([command, { "reload": command }]),
        json!(command.to_string()),
    ];
    for method in ["tools/call", "server/add", "initialize", "servers/create"] {
        for body in &bodies {
            let _refused =
                board.modern().request(method, json!({ "name": "own__echo", "arguments": body, "servers": body }));
        }
    }
    for path in ["/api/servers", "/api/reload", "/api/approve", "/servers", "/mcp/own"] {
        for body in &bodies {
            let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
            let _refused = e2e::send(board.address(), "POST", path, &headers, body.to_string().as_bytes());
        }
    }
    let status = board.cli_json(&["status"]);
    assert_eq!(status["servers"].as_array().map(Vec::len), Some(1), "expected no server more: {status}");
    assert!(!mark.exists(), "expected the canary to be untouched");
}

#[test]
fn a_key_is_explained() {
    let home = Home::new("[defaults]\nrestart = \"never\"\n[servers.a]\ncommand = \"x\"\n");
    let config = home.config().display().to_string();
    let said = home.cli(&["--config", &config, "config", "explain", "servers.a.restart"]);
    done(&said);
    assert!(said.stdout.contains("value    never") && said.stdout.contains("switchboard.toml:2"), "{}", said.stdout);
    let near = home.cli(&["--config", &config, "config", "explain", "restrat"]);
    assert!(near.code == Some(2) && near.stderr.contains("did you mean `restart`?"), "{near:?}");
}
