//! `shell`: every tool with every parameter, and the ends of commands that do not end.

use crate::world::{World, is_alive, members, until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const EXECUTED: [&str; 10] = [
    "success",
    "returncode",
    "stdout",
    "stderr",
    "command",
    "cwd",
    "timestamp",
    "duration_ms",
    "timed_out",
    "truncated",
];

/// A script as a program of its own in the world's folder.
fn program(world: &World, name: &str, script: &str) -> String {
    let path = world.write(name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn anything() -> World {
    World::shell(json!({ "allow": ["*"] }))
}

#[tokio::test]
async fn every_tool_answers_as_it_says() {
    let world = World::shell(json!({ "allow": ["echo", "ls", "printenv", "pwd", "false"], "env": ["MINE"] }));
    let root = world.root.display().to_string();
    world.write("sub/file", "x");
    let done = world.ok("execute_command", json!({ "command": "echo 'a  b' \"c\" d\\ e" })).await;
    assert_eq!(members(&done), EXECUTED);
    assert_eq!(
        (&done["stdout"], &done["success"], &done["returncode"]),
        (&json!("a  b c d e\n"), &json!(true), &json!(0))
    );
    assert_eq!((&done["cwd"], &done["timed_out"], &done["truncated"]), (&json!(root), &json!(false), &json!(false)));
    let full = json!({ "command": "printenv MINE", "cwd": "sub", "timeout": 5, "env": { "MINE": "1" } });
    let done = world.ok("execute_command", full).await;
    assert_eq!((&done["stdout"], &done["cwd"]), (&json!("1\n"), &json!(format!("{root}/sub"))));
    let environment = world.ok("execute_command", json!({ "command": "printenv" })).await["stdout"].to_string();
    assert!(!environment.contains("s3cret") && environment.contains("GIT_TERMINAL_PROMPT=0"), "{environment}");
    let done = world.ok("execute_command", json!({ "command": "ls none" })).await;
    assert_eq!((&done["success"], &done["returncode"]), (&json!(false), &json!(2)));
    assert!(done["stderr"].as_str().unwrap().contains("none"));

    let commands = json!(["pwd", { "command": "echo 1", "cwd": "sub", "timeout": 3 }, "false", "rm -rf x", "pwd"]);
    let all = json!({ "commands": commands, "cwd": root, "stop_on_error": false });
    let done = world.ok("execute_multiple_commands", all).await;
    let expected = ["success", "total_commands", "successful", "failed", "not_run", "results", "timestamp"];
    assert_eq!(members(&done), expected);
    assert_eq!((&done["successful"], &done["failed"], &done["not_run"]), (&json!(3), &json!(2), &json!(0)));
    assert_eq!(done["results"][3]["type"], json!("denied"), "{done}");
    let done = world.ok("execute_multiple_commands", json!({ "commands": commands.to_string() })).await;
    assert_eq!((&done["successful"], &done["failed"], &done["not_run"]), (&json!(2), &json!(1), &json!(2)));

    let checked = world.ok("check_directory", json!({ "path": "sub" })).await;
    assert_eq!(members(&checked), ["path", "exists", "is_directory", "readable", "writable"]);
    assert_eq!(checked["writable"], json!(true));
    assert_eq!(world.ok("check_directory", json!({ "path": "none" })).await["exists"], json!(false));
    assert_eq!(world.ok("check_directory", json!({ "path": "sub/file" })).await["is_directory"], json!(false));
    let listed = world.ok("list_directory", json!({ "path": "sub" })).await;
    let item = &listed["items"][0];
    assert_eq!((&item["name"], &item["type"], &item["size"]), (&json!("file"), &json!("file"), &json!(1)));
    let which = world.ok("which_command", json!({ "command": "sh" })).await;
    assert_eq!(members(&which), ["success", "command", "path", "found", "allowed"]);
    assert_eq!((&which["path"], &which["allowed"]), (&json!("/usr/bin/sh"), &json!(false)));
    assert_eq!(world.ok("which_command", json!({ "command": "none" })).await["found"], json!(false));
}

#[tokio::test]
async fn what_is_not_run_is_said_with_its_type_and_a_next_step() {
    let world = World::shell(json!({ "allow": ["ls", "cat", "git", "env"] }));
    world.write("f", "x");
    program(&world, "ls", "touch ran");
    for (arguments, kind, said) in [
        (json!({ "command": "ls | wc" }), "validation", "joins programs"),
        (json!({ "command": "ls; id" }), "validation", "several commands"),
        (json!({ "command": "ls $HOME" }), "validation", "variable"),
        (json!({ "command": "ls > f" }), "validation", "redirects"),
        (json!({ "command": "" }), "validation", "no program"),
        (json!({ "command": "id" }), "denied", "use one of: ls, cat, git, env"),
        (json!({ "command": "./ls" }), "denied", "not on the list"),
        (json!({ "command": "gti" }), "not_found", "did you mean git"),
        (json!({ "command": "env id" }), "denied", "starts other programs"),
        (json!({ "command": "git -c a.b=c log" }), "denied", "another program"),
        (json!({ "command": "cat /etc/passwd" }), "denied", "points out"),
        (json!({ "command": "cat ../secret" }), "denied", "points out"),
        (json!({ "command": "ls", "cwd": "/" }), "denied", "use a path below"),
        (json!({ "command": "ls", "cwd": "f" }), "validation", "not a folder"),
        (json!({ "command": "ls", "timeout": 0 }), "validation", "1 to 300"),
        (json!({ "command": "ls", "timeout": 301 }), "validation", "1 to 300"),
        (json!({ "command": "ls", "env": { "LD_PRELOAD": "x" } }), "denied", "LD_PRELOAD"),
    ] {
        let failure = world.failed("execute_command", arguments.clone()).await;
        assert_eq!(failure["type"], json!(kind), "{arguments}: {failure}");
        assert!(failure.to_string().contains(said), "{arguments}: {failure}");
    }
    assert!(!world.root.join("ran").exists());
    assert_eq!(world.failed("execute_multiple_commands", json!({ "commands": [] })).await["type"], json!("validation"));
    let none = World::shell(json!({}));
    let failure = none.failed("execute_command", json!({ "command": "ls" })).await;
    assert!(failure["next"].as_str().unwrap().contains("allow = "), "{failure}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_over_its_time_goes_with_all_that_it_started() {
    let world = anything();
    let pids = world.root.join("pids");
    // A child in a session of its own, and both deaf to TERM.
    let stubborn = program(
        &world,
        "stubborn",
        "trap '' TERM HUP INT\nsetsid sh -c 'trap \"\" TERM HUP INT; echo $$ >> pids; exec sleep 1000' &\n\
         echo started\nwhile [ ! -s pids ]; do sleep 0.01; done\necho $$ >> pids\nwhile :; do sleep 1000; done",
    );
    let done = world.ok("execute_command", json!({ "command": stubborn, "timeout": 1 })).await;
    assert_eq!(
        (&done["timed_out"], &done["success"], &done["returncode"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(done["stdout"], json!("started\n"), "what it printed is kept");
    assert!(done["suggestion"].as_str().unwrap().contains("longer `timeout`"), "{done}");
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    assert!(pids.lines().all(|pid| !is_alive(pid)), "something is left: {pids}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_leaves_behind_goes_with_its_end() {
    let world = anything();
    let forks = program(&world, "forks", "setsid sleep 1000 &\necho $!");
    let done = world.ok("execute_command", json!({ "command": forks })).await;
    assert_eq!(done["success"], json!(true));
    assert!(!is_alive(done["stdout"].as_str().unwrap()), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_ends_its_command() {
    let world = anything();
    let waits = program(&world, "waits", "echo $$ > pid\nexec sleep 1000");
    let pid = world.root.join("pid");
    let call = world.call("execute_command", json!({ "command": waits, "timeout": 300 }));
    let calling = tokio::spawn(call);
    until("it runs", || std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))).await;
    calling.abort();
    let pid = std::fs::read_to_string(&pid).unwrap();
    until("it is gone", || !is_alive(&pid)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_prints_without_end_is_cut() {
    let world = World::shell(json!({ "allow": ["*"], "output_bytes_max": 1000 }));
    let done = world.ok("execute_command", json!({ "command": "seq 1 100000" })).await;
    let out = done["stdout"].as_str().unwrap();
    assert!(out.starts_with("1\n2\n") && out.ends_with("99999\n100000\n") && out.contains("bytes left out"), "{out}");
    assert!(out.len() < 1100 && done["truncated"] == json!(true) && done["success"] == json!(true));
    let flood = world.ok("execute_command", json!({ "command": "yes", "timeout": 60 })).await;
    assert_eq!(
        (&flood["success"], &flood["truncated"], &flood["timed_out"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert!(flood["suggestion"].as_str().unwrap().contains("print less"), "{flood}");
}

#[tokio::test]
async fn nobody_types_and_the_status_of_a_signal_is_told() {
    let world = anything();
    let done = world.ok("execute_command", json!({ "command": "cat", "timeout": 5 })).await;
    assert_eq!((&done["success"], &done["stdout"]), (&json!(true), &json!("")));
    let dies = program(&world, "dies", "kill -9 $$");
    let done = world.ok("execute_command", json!({ "command": dies })).await;
    assert_eq!((&done["returncode"], &done["success"]), (&json!(-9), &json!(false)));
    let failure =
        world.failed("execute_command", json!({ "command": world.write("plain", "x").display().to_string() })).await;
    assert_eq!(failure["type"], json!("not_found"), "{failure}");
}

#[tokio::test]
async fn limits_of_the_options_reach_the_command() {
    let world = World::shell(json!({ "allow": ["*"], "limits": { "open_files": 17 } }));
    // The guard limits a child that has been started: a moment later than its first step.
    let waits = program(&world, "waits", "until [ \"$(ulimit -n)\" = 17 ]; do sleep 0.01; done");
    assert_eq!(world.ok("execute_command", json!({ "command": waits })).await["success"], json!(true));
}

#[tokio::test]
async fn definitions_are_short() {
    let definitions = anything().definitions();
    assert_eq!(definitions.as_array().unwrap().len(), 5);
    assert!(definitions.to_string().len() < 2500 * 3, "{}", definitions.to_string().len());
}
