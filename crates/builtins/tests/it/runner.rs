//! `runner`: every tool with every parameter; steps that fail, take too long and go on.

use crate::world::{World, is_alive, members, until};
use serde_json::{Value, json};

const RUN: [&str; 9] =
    ["success", "task_path", "status", "message", "steps_done", "steps_total", "returncode", "output", "duration_ms"];

fn runner() -> World {
    World::runner(json!({ "allow": ["*"] }))
}

#[tokio::test]
async fn every_tool_answers_as_it_says() {
    let world = runner();
    let root = world.root.display().to_string();
    world.write("list.txt", "# Tasks\n- command: touch one\n\n# no task\n- $ mkdir two\n3. think about it\n");
    let created = world.ok("create_project", json!({ "project_name": "demo" })).await;
    assert_eq!(members(&created), ["success", "project", "project_dir", "message"]);
    assert_eq!(created["project_dir"], json!(format!("{root}/demo")));
    let again = json!({ "project_name": "demo", "task_list_path": "list.txt", "base_dir": root });
    let created = world.ok("create_project", again).await;
    assert_eq!((&created["task_count"], created["task_files"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(world.read("demo/task_002.md"), "# Task 002\n\ncommand: mkdir two\n");

    let parsed = world.ok("parse_task_list", json!({ "task_list_path": "../list.txt", "base_dir": "demo" })).await;
    assert_eq!(members(&parsed), ["success", "task_files", "count", "message"]);
    assert_eq!(parsed["task_files"][0], json!(format!("{root}/demo/task_001.md")));
    let status = world.ok("get_task_status", json!({ "base_dir": "demo" })).await;
    assert_eq!(members(&status), ["success", "tasks", "total_tasks", "completed_tasks"]);
    assert_eq!((&status["tasks"]["task_001.md"]["status"], &status["total_tasks"]), (&json!("pending"), &json!(3)));

    let task = json!({ "task_path": "task_001.md", "base_dir": "demo", "timeout_seconds": 20, "resume": false });
    let run = world.ok("run_task", task).await;
    assert_eq!(members(&run), RUN);
    assert_eq!(
        (&run["status"], &run["steps_done"], &run["output"]),
        (&json!("completed"), &json!(1), &json!("$ touch one\n"))
    );
    assert!(world.root.join("demo/one").exists());
    let all = world.ok("run_all_tasks", json!({ "base_dir": "demo", "resume": true })).await;
    let expected = ["success", "tasks_executed", "tasks_failed", "tasks_skipped", "total_tasks", "results"];
    assert_eq!(members(&all), expected);
    assert_eq!((&all["tasks_executed"], &all["tasks_skipped"], &all["total_tasks"]), (&json!(1), &json!(2), &json!(3)));
    assert!(world.root.join("demo/two").is_dir());
    // Without resume what is done is done again: `mkdir` fails now.
    let all = world.ok("run_all_tasks", json!({ "base_dir": "demo" })).await;
    assert_eq!((&all["success"], &all["tasks_failed"], &all["tasks_executed"]), (&json!(false), &json!(1), &json!(2)));
    let summary = world.ok("get_task_summary", json!({ "base_dir": "demo" })).await;
    let expected =
        ["total_tasks", "completed_tasks", "failed_tasks", "pending_tasks", "completion_rate", "base_directory"];
    assert_eq!(members(&summary["summary"]), expected);
    assert_eq!(summary["summary"]["completion_rate"], json!(33.3));
    assert_eq!(summary["summary"]["base_directory"], json!(format!("{root}/demo")));

    std::fs::write(world.root.join("demo/task_003.md"), "mine now").unwrap();
    world.write("demo/notes.tmp", "mine");
    let cleaned = world.ok("clean", json!({ "base_dir": "demo" })).await;
    assert_eq!(members(&cleaned), ["success", "message", "cleaned_items", "task_results_cleared"]);
    let removed = json!(["task_001.md", "task_002.md", ".switchboard-runner.json"]);
    assert_eq!((&cleaned["cleaned_items"], &cleaned["task_results_cleared"]), (&removed, &json!(2)));
    assert!(world.root.join("demo/task_003.md").exists() && world.root.join("demo/notes.tmp").exists());
    let echo = world.ok("run_task", json!({ "command": "echo 'a b'" })).await;
    assert_eq!((&echo["output"], &echo["success"]), (&json!("$ echo 'a b'\na b\n"), &json!(true)));
}

#[tokio::test]
async fn a_run_goes_on_after_the_last_finished_step() {
    let world = runner();
    world.write("build.md", "# Build\n```sh\nsh -c 'echo 1 >> log'\ncat missing\nsh -c 'echo 3 >> log'\n```\n");
    let run = world.ok("run_task", json!({ "task_path": "build.md" })).await;
    assert_eq!((&run["status"], &run["steps_done"], &run["returncode"]), (&json!("failed"), &json!(1), &json!(1)));
    assert!(run["message"].as_str().unwrap().contains("step 2 (line 4) returned 1"), "{run}");
    assert!(run["output"].as_str().unwrap().contains("missing: No such file"), "{run}");
    world.write("missing", "found\n");
    let run = world.ok("run_task", json!({ "task_path": "build.md", "resume": true })).await;
    assert_eq!((&run["status"], &run["steps_done"]), (&json!("completed"), &json!(3)));
    assert_eq!(world.read("log"), "1\n3\n", "the first step was not done twice");
    let output = run["output"].as_str().unwrap();
    assert!(output.contains("No such file") && output.contains("found"), "what was printed before is kept: {output}");
    // A changed file begins anew, and so does a run without resume.
    world.write("build.md", "```sh\nsh -c 'echo 4 >> log'\n```\n");
    world.ok("run_task", json!({ "task_path": "build.md", "resume": true })).await;
    world.ok("run_task", json!({ "task_path": "build.md" })).await;
    assert_eq!(world.read("log"), "1\n3\n4\n4\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_over_its_time_is_ended_and_its_output_kept() {
    let world = runner();
    let slow = "```sh timeout=1\nsh -c 'echo begun; trap \"\" TERM; sleep 1000 & echo $! > pid; wait; wait; sleep 1000'\n```\n";
    world.write("slow.md", slow);
    let run = world.ok("run_task", json!({ "task_path": "slow.md" })).await;
    assert_eq!((&run["status"], &run["success"], &run["steps_done"]), (&json!("timed_out"), &json!(false), &json!(0)));
    assert!(run["output"].as_str().unwrap().ends_with("begun\n"), "{run}");
    assert!(!is_alive(&world.read("pid")));
    world.write("slow.md", "```sh\nsleep 1000\n```\n");
    let run = world.ok("run_task", json!({ "task_path": "slow.md", "timeout_seconds": 0.2 })).await;
    assert_eq!(run["status"], json!("timed_out"), "{run}");
    let status = world.ok("get_task_status", json!({})).await;
    assert_eq!(status["tasks"]["slow.md"]["status"], json!("timed_out"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_at_a_time_and_a_stopped_one_goes_on() {
    let world = runner();
    world.write("long.md", "```sh\nsh -c 'echo 1 >> log'\nsh -c 'echo 2 >> log; test -e go || exec sleep 1000'\n```\n");
    let running = tokio::spawn(world.call("run_task", json!({ "task_path": "long.md" })));
    until("it runs", || std::fs::read_to_string(world.root.join("log")).is_ok_and(|log| log == "1\n2\n")).await;
    let status = world.ok("get_task_status", json!({})).await;
    let task = &status["tasks"]["long.md"];
    assert_eq!((&task["status"], &task["steps_done"], &task["steps_total"]), (&json!("running"), &json!(1), &json!(2)));
    for (tool, arguments) in [("run_all_tasks", json!({})), ("clean", json!({}))] {
        let failure = world.failed(tool, arguments).await;
        assert_eq!(failure["type"], json!("conflict"), "{tool}: {failure}");
    }
    running.abort();
    assert!(running.await.is_err());
    let mut status = Value::Null;
    for _ in 0..500 {
        status = world.ok("get_task_status", json!({})).await["tasks"]["long.md"]["status"].clone();
        if status == json!("interrupted") {
            break;
        }
    }
    assert_eq!(status, json!("interrupted"));
    world.write("go", "");
    let run = world.ok("run_task", json!({ "task_path": "long.md", "resume": true })).await;
    assert_eq!((&run["status"], world.read("log").as_str()), (&json!("completed"), "1\n2\n2\n"));
}

#[tokio::test]
async fn what_is_not_run_is_said_with_its_type_and_a_next_step() {
    let world = World::runner(json!({ "allow": ["echo", "touch"] }));
    world.write("prose.md", "# Words\n\nRun the tests.\n");
    world.write("pipe.md", "```sh\ntouch first\n\necho a | wc\n```\n");
    world.write("out.md", "---\ncwd: ../..\n---\n```sh\ntouch x\n```\n");
    world.write("latin.md", "x");
    std::fs::write(world.root.join("latin.md"), b"\xff").unwrap();
    world.write("taken/task_001.md", "mine");
    world.write("list", "a\n");
    world.write("empty", "# nothing\n");
    for (tool, arguments, kind, said) in [
        ("run_task", json!({ "task_path": "none.md" }), "not_found", "does not exist"),
        ("run_task", json!({ "task_path": "prose.md" }), "validation", "nothing was run"),
        ("run_task", json!({ "task_path": "pipe.md" }), "validation", "line 4"),
        ("run_task", json!({ "task_path": "out.md" }), "validation", "does not lie in the project"),
        ("run_task", json!({ "task_path": "latin.md" }), "validation", "utf-8"),
        ("run_task", json!({}), "validation", "either"),
        ("run_task", json!({ "task_path": "a", "command": "b" }), "validation", "either"),
        ("run_task", json!({ "command": "echo a; id" }), "validation", "several"),
        ("run_task", json!({ "command": "echo", "timeout_seconds": 0 }), "validation", "0.1"),
        ("run_task", json!({ "command": "echo", "timeout_seconds": 1e9 }), "validation", "3600"),
        ("run_task", json!({ "command": "echo", "base_dir": "/etc" }), "denied", "below"),
        ("run_task", json!({ "command": "echo", "base_dir": "none" }), "not_found", "none"),
        ("parse_task_list", json!({ "task_list_path": "empty" }), "validation", "one task a line"),
        ("parse_task_list", json!({ "task_list_path": "../list", "base_dir": "taken" }), "conflict", "something else"),
        ("create_project", json!({ "project_name": "a/b" }), "validation", "plain name"),
        ("create_project", json!({ "project_name": ".." }), "validation", "plain name"),
    ] {
        let failure = world.failed(tool, arguments.clone()).await;
        assert_eq!(failure["type"], json!(kind), "{tool} {arguments}: {failure}");
        assert!(failure.to_string().contains(said), "{tool} {arguments}: {failure}");
    }
    assert!(!world.root.join("first").exists(), "nothing of a file with a mistake is run");
    let run = world.ok("run_task", json!({ "command": "id" })).await;
    assert_eq!((&run["success"], &run["status"]), (&json!(false), &json!("failed")));
    assert!(run["message"].as_str().unwrap().contains("not on the list"), "{run}");
    world.write(".switchboard-runner.json", "{\"version\": 9}");
    let failure = world.failed("get_task_status", json!({})).await;
    assert!(failure["next"].as_str().unwrap().contains("clean"), "{failure}");
    assert_eq!(world.ok("clean", json!({})).await["cleaned_items"], json!([".switchboard-runner.json"]));
    world.ok("get_task_status", json!({})).await;
}

#[tokio::test]
async fn a_shell_reads_blocks_only_where_a_person_named_one() {
    let world = World::runner(json!({ "shell": "/bin/sh" }));
    world.write("s.md", "```sh\nX=1\nfor i in 1 2; do echo $X$i; done | tail -1\nfalse\necho never\n```\n");
    let run = world.ok("run_task", json!({ "task_path": "s.md" })).await;
    assert_eq!((&run["status"], &run["steps_total"], &run["returncode"]), (&json!("failed"), &json!(1), &json!(1)));
    let output = run["output"].as_str().unwrap();
    assert!(output.ends_with("\n12\n"), "{output}");
    let refused = World::runner(json!({ "allow": ["*"] }));
    refused.write("s.md", "```sh\necho a | cat\n```\n");
    assert_eq!(refused.failed("run_task", json!({ "task_path": "s.md" })).await["type"], json!("validation"));
}

#[tokio::test]
async fn definitions_are_short() {
    let definitions = runner().definitions();
    assert_eq!(definitions.as_array().unwrap().len(), 7);
    assert!(definitions.to_string().len() < 2500 * 3, "{}", definitions.to_string().len());
}
