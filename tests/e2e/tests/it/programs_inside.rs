//! Servers inside that run programs, `shell` and `runner`: through the daemon, and alone by `serve`.
//! What they run goes with whoever ran it, however that ends.

use e2e::{Client, Home, SOON, Switchboard, Talk, Tree, await_some, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// How long a program may outlive who ran it.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// Starts a child in a session of its own, both deaf to TERM, and says so.
const STUBBORN: &str = "#!/bin/sh\ntrap '' TERM HUP INT\n\
    setsid sh -c 'trap \"\" TERM HUP INT; echo >> runs; exec sleep 1000' &\nwhile :; do sleep 1000; done\n";

const ENTRIES: &str = r#"
[servers.shell]
builtin = "shell"
options = { allow = ["*"], roots = ["work"] }
[servers.runner]
builtin = "runner"
options = { allow = ["*"], base_dirs = ["work"] }
[servers.files]
builtin = "files"
options = { writable = ["work"] }
"#;

fn home() -> Home {
    let home = Home::new(ENTRIES);
    let work = home.place("work");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("stubborn"), STUBBORN).unwrap();
    fs::set_permissions(work.join("stubborn"), fs::Permissions::from_mode(0o755)).unwrap();
    home
}

/// A call that does not end by itself, made by a program of its own.
fn call(board: &Switchboard, tool: &str, arguments: &Value) -> Child {
    let mut command = board.home().command();
    command.args(["call", tool, &arguments.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn has_lines(path: &Path, count: usize) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.lines().count() == count)
}

/// All that runs below a process, with two programs that sleep among it.
fn with_sleepers(root: u32) -> Tree {
    await_some(SOON, "two programs that sleep", || {
        let tree = Tree::of(root);
        let sleep = |process: &&e2e::Process| process.command.starts_with("sleep 1000");
        (tree.processes().iter().filter(sleep).count() == 2).then_some(tree)
    })
}

#[test]
fn a_killed_daemon_takes_along_what_was_run() {
    let mut board = home().start();
    let mut calling = call(&board, "shell__execute_command", &json!({"command": "./stubborn", "timeout": 300}));
    let tree = with_sleepers(board.pid());
    board.kill9();
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
    calling.wait().unwrap();
}

#[test]
fn a_stopped_daemon_takes_along_what_was_run() {
    let mut board = home().start();
    let mut calling = call(&board, "shell__execute_command", &json!({"command": "./stubborn", "timeout": 300}));
    let tree = with_sleepers(board.pid());
    // The first signal ends it, the second the wait for the call.
    let pid = i32::try_from(board.pid()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    board.terminate();
    assert_eq!(tree.alive().len(), 0, "something outlives it: {tree:?}");
    calling.wait().unwrap();
}

#[test]
fn a_run_goes_on_where_a_kill_stopped_it() {
    let home = home();
    let work = home.place("work");
    let task = "```sh\nsh -c 'echo 1 >> log'\nsh -c 'echo 2 >> log; test -e go || exec sleep 1000'\nsh -c 'echo 3 >> log'\n```\n";
    fs::write(work.join("task.md"), task).unwrap();
    let mut board = home.start();
    let mut calling = call(&board, "runner__run_task", &json!({"task_path": "task.md"}));
    eventually(SOON, "the second step", || has_lines(&work.join("log"), 2));
    board.kill9();
    calling.wait().unwrap();
    fs::write(work.join("go"), "").unwrap();
    let board = board.restart();
    let client = board.modern();
    let status: Value = serde_json::from_str(&client.text("runner__get_task_status", json!({}))).unwrap();
    assert_eq!(status["tasks"]["task.md"]["status"], json!("interrupted"), "{status}");
    let run: Value =
        serde_json::from_str(&client.text("runner__run_task", json!({"task_path": "task.md", "resume": true})))
            .unwrap();
    assert_eq!((&run["status"], &run["steps_done"]), (&json!("completed"), &json!(3)), "{run}");
    assert_eq!(fs::read_to_string(work.join("log")).unwrap(), "1\n2\n2\n3\n", "the first step was not done twice");
    let read: Value = serde_json::from_str(&client.text("files__read_file", json!({"file_path": "log"}))).unwrap();
    assert_eq!(read["metadata"]["size"], json!(8));
}

#[test]
fn one_that_is_served_alone_runs_programs_and_leaves_nothing() {
    let home = home();
    let mut command = home.command();
    command.args(["serve", "shell", "--config"]).arg(home.config());
    let mut talk = Talk::start(command);
    let mut ask = |id: u32, arguments: &Value| {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": e2e::MODERN,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        });
        let params = json!({"name": "execute_command", "arguments": arguments, "_meta": meta});
        talk.say(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string());
    };
    ask(1, &json!({"command": "ls"}));
    ask(2, &json!({"command": "./stubborn", "timeout": 300}));
    let answer = talk.hear("the answer", |message| message["id"] == json!(1));
    // The other may have begun to write beside it.
    let listed = answer["result"]["structuredContent"]["stdout"].as_str().unwrap_or_default();
    assert!(listed.ends_with("stubborn\n"), "{answer}");
    let tree = with_sleepers(talk.pid());
    e2e::kill(talk.pid());
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}
