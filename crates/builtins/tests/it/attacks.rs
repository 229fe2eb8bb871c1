//! The paths and arguments of the attack data: nothing is read or written outside, no second
//! program runs. Its rows of SQL, JQL, SOQL and Frappe are for servers that speak these; the ones
//! here build no query from text.

use crate::world::World;
use serde_json::{Value, json};
use std::os::unix::fs::symlink;

/// The rows of a kind; none, with a line that says so, where the data is not on this machine.
fn rows(kind: &str) -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attack-data/paths_and_args.jsonl");
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/attack-data/paths_and_args.jsonl");
    let Ok(text) = std::fs::read_to_string(file).or_else(|_| std::fs::read_to_string(other)) else {
        e2e::tell("skipped: there is no ../shared/attack-data here");
        return Vec::new();
    };
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: Vec<String> =
        rows.filter(|row| row["kind"] == json!(kind)).map(|row| row["value"].as_str().unwrap().to_owned()).collect();
    assert!(found.len() > 10, "the data has changed: {kind}");
    found
}

/// Everything below `folder` but `root`, with its content.
fn around(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap().map(Result::unwrap) {
            let path = entry.path();
            match entry.file_type().unwrap() {
                _ if path == folder.join("root") => {}
                kind if kind.is_dir() => folders.push(path),
                _ => found.push((path.display().to_string(), std::fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn no_path_of_the_data_leads_out() {
    let world = World::files(json!({}));
    for (path, content) in [
        ("passwd", "canary"),
        ("b", "canary"),
        ("workspace/x", "canary"),
        ("home/.ssh/id_rsa", "canary"),
        ("x", "canary"),
    ] {
        let path = world.outside.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    std::fs::create_dir(world.root.join("a")).unwrap();
    symlink("/etc", world.root.join("link-to-etc")).unwrap();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let before = around(&world.outside);
    let root = world.root.display().to_string();
    for value in rows("file path inside a root given at start") {
        for path in [value.clone(), format!("{root}/{value}")] {
            let readings = [("read_file", "file_path"), ("get_file_info", "file_path"), ("list_directory", "dir_path")];
            for (tool, key) in readings {
                let result = world.call(tool, json!({ key: path })).await;
                let text = result.to_string();
                assert!(
                    !text.contains("canary") && !text.contains(passwd.lines().next().unwrap()),
                    "{tool} {path:?}: {text}"
                );
                let place = &result["structuredContent"];
                let place = place["path"].as_str().or(place["directory"].as_str()).unwrap_or(&root);
                assert!(place.starts_with(&root), "{tool} {path:?}: {place}");
            }
            let result = world.call("write_file", json!({ "file_path": path, "content": "written" })).await;
            let text = result["content"][0]["text"].as_str().unwrap();
            let place: Value = serde_json::from_str(text).unwrap();
            let place = place["path"].as_str().unwrap_or(&root).to_owned();
            assert!(place.starts_with(&root), "{path:?}: {place}");
        }
    }
    assert_eq!(around(&world.outside), before, "nothing outside has changed");
    assert_eq!(std::fs::read_to_string("/etc/passwd").unwrap(), passwd);
    assert!(!world.root.join(".git").exists() && !world.root.join(".mcp.json").exists(), "names that programs obey");
    assert!(!world.root.join(".claude").exists() && !world.root.join(".ssh").exists());
}

#[tokio::test]
async fn no_argument_of_the_data_is_more_than_one_word_or_runs_a_program() {
    let world = World::shell(json!({ "allow": ["git", "printf"] }));
    // Whoever else works on this machine may have made one.
    let changed = || std::fs::metadata("/tmp/x").and_then(|data| data.modified()).ok();
    let before = changed();
    world.ok("execute_command", json!({ "command": "git init -q" })).await;
    for value in rows("git ref or argument") {
        let quoted = format!("'{}'", value.replace('\'', "'\\''"));
        // Behind `--` it is passed on as one word, exactly as it is, or refused.
        let command = format!("printf '<%s>' -- {quoted}");
        let result = world.call("execute_command", json!({ "command": command })).await;
        match result.get("isError") {
            Some(_) => {}
            None => {
                let printed = result["structuredContent"]["stdout"].as_str().unwrap();
                assert_eq!(printed, format!("<--><{value}>"), "{value:?}");
            }
        }
        // As a value of git it is refused, or does nothing that a value does not do.
        for command in [
            format!("git log {quoted}"),
            format!("git clone {quoted} copy"),
            format!("git grep {quoted}"),
            format!("git rev-parse --end-of-options {quoted}"),
        ] {
            let result = world.call("execute_command", json!({ "command": command })).await;
            let text = result.to_string();
            assert!(!text.contains("uid="), "{command}: it ran `id`: {text}");
            let harmful = ["--exec", "--config", "ext::", "-O/tmp", "\0"].iter().any(|start| value.starts_with(start));
            assert!(
                !harmful || result.get("isError").is_some() || command.contains("--end-of-options"),
                "{command}: {text}"
            );
        }
        // Without quotes it is several words or nothing, and still no shell reads it.
        let result = world.call("execute_command", json!({ "command": format!("git log {value}") })).await;
        assert!(!result.to_string().contains("uid="), "{value:?}");
    }
    assert_eq!(changed(), before, "something was written outside");
}

#[tokio::test]
async fn no_path_of_the_data_leads_a_runner_out() {
    let world = World::runner(json!({ "allow": ["touch"] }));
    std::fs::write(world.outside.join("passwd"), "```sh\ntouch ran\n```\n").unwrap();
    std::fs::create_dir(world.root.join("a")).unwrap();
    std::fs::write(world.outside.join("b"), "```sh\ntouch ran\n```\n").unwrap();
    symlink("/etc", world.root.join("link-to-etc")).unwrap();
    let before = around(&world.outside);
    for value in rows("file path inside a root given at start") {
        for (tool, arguments) in [
            ("run_task", json!({ "task_path": value })),
            ("parse_task_list", json!({ "task_list_path": value })),
            ("create_project", json!({ "project_name": value })),
            ("get_task_status", json!({ "base_dir": value })),
            ("clean", json!({ "base_dir": value })),
        ] {
            let result = world.call(tool, arguments).await;
            assert!(!result.to_string().contains("root:x:0"), "{tool} {value:?}: {result}");
        }
    }
    assert_eq!(around(&world.outside), before);
    assert!(!world.root.join("ran").exists() && !world.outside.join("ran").exists());
}
