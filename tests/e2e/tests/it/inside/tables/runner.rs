//! `runner`: table 2.13 of the predecessors, where tasks really run.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("run_task", &["task_path", "base_dir", "timeout_seconds"], &["success", "task_path", "status", "message"]),
    (
        "run_all_tasks",
        &["base_dir", "resume"],
        &["success", "tasks_executed", "tasks_failed", "total_tasks", "results"],
    ),
    ("parse_task_list", &["task_list_path", "base_dir"], &["success", "task_files", "count", "message"]),
    (
        "create_project",
        &["project_name", "task_list_path", "base_dir"],
        &["success", "project", "project_dir", "message", "task_files", "task_count"],
    ),
    ("get_task_status", &["base_dir"], &["success", "tasks", "total_tasks", "completed_tasks"]),
    ("get_task_summary", &["base_dir"], &["success", "summary"]),
    ("clean", &["base_dir"], &["success", "message", "cleaned_items", "task_results_cleared"]),
];

fn ran(path: &str, status: &str, done: u32, total: u32, output: &str) -> Value {
    json!({
        "success": status == "completed", "task_path": format!("<{path}>"), "status": status, "message": "<text>",
        "steps_done": done, "steps_total": total, "returncode": "<number?>", "output": output, "duration_ms": "<number>",
        "type": "<text?>",
    })
}

/// In a folder with `list.txt` (one comment, `command: echo one`, `command: echo two`) and the project
/// `slow`, whose `a.md` echoes `first` and sleeps for a minute.
pub(in crate::inside) fn rows() -> Vec<Row> {
    let created = |project: &str, more: &Value| {
        let mut created =
            json!({"success": true, "project": project, "project_dir": format!("<{project}>"), "message": "<text>"});
        for (name, value) in more.as_object().into_iter().flatten() {
            created[name] = value.clone();
        }
        created
    };
    let summary = json!({
        "total_tasks": 2, "completed_tasks": 2, "failed_tasks": 0, "pending_tasks": 0, "completion_rate": 100.0,
        "base_directory": "<empty>",
    });
    let all = |done: u32, skipped: u32, results: Value| {
        json!({
            "success": true, "tasks_executed": done, "tasks_failed": 0, "tasks_skipped": skipped, "total_tasks": 2,
            "results": results,
        })
    };
    vec![
        ok("create_project", json!({"project_name": "empty"}), created("empty", &json!({}))),
        ok(
            "create_project",
            json!({"project_name": "listed", "task_list_path": "list.txt", "base_dir": "."}),
            created("listed", &json!({"task_files": ["<task_001.md>", "<task_002.md>"], "task_count": 2})),
        ),
        ok(
            "parse_task_list",
            json!({"task_list_path": "../list.txt", "base_dir": "empty"}),
            json!({"success": true, "task_files": ["<task_001.md>", "<task_002.md>"], "count": 2, "message": "<text>"}),
        ),
        ok(
            "run_task",
            json!({"task_path": "task_001.md", "base_dir": "listed", "timeout_seconds": 30}),
            ran("task_001.md", "completed", 1, 1, "<one>"),
        ),
        ok(
            "run_task",
            json!({"command": "echo direct", "base_dir": "listed"}),
            json!({"…": true, "success": true, "output": "<direct>"}),
        ),
        ok(
            "run_all_tasks",
            json!({"base_dir": "empty", "resume": false}),
            all(
                2,
                0,
                json!([ran("task_001.md", "completed", 1, 1, "<one>"), ran("task_002.md", "completed", 1, 1, "<two>")]),
            ),
        ),
        ok(
            "run_all_tasks",
            json!({"base_dir": "empty", "resume": true}),
            json!({"…": true, "success": true, "tasks_executed": 0, "tasks_skipped": 2}),
        ),
        ok(
            "run_task",
            json!({"task_path": "a.md", "base_dir": "slow", "timeout_seconds": 1}),
            json!({"…": true, "success": false, "status": "timed_out", "steps_done": 1, "output": "<first>"}),
        ),
        ok(
            "run_task",
            json!({"task_path": "a.md", "base_dir": "slow", "timeout_seconds": 1, "resume": true}),
            json!({"…": true, "success": false, "status": "timed_out", "steps_done": 1}),
        ),
        ok(
            "get_task_status",
            json!({"base_dir": "empty"}),
            json!({
                "success": true, "total_tasks": 2, "completed_tasks": 2,
                "tasks": {
                    "task_001.md": {"…": true, "status": "completed", "steps_done": 1, "output": "<one>"},
                    "task_002.md": {"…": true, "status": "completed", "steps_done": 1, "output": "<two>"},
                },
            }),
        ),
        ok("get_task_summary", json!({"base_dir": "empty"}), json!({"success": true, "summary": summary})),
        ok(
            "clean",
            json!({"base_dir": "empty"}),
            json!({"success": true, "message": "<text>", "cleaned_items": ["task_001.md", "task_002.md", "<.json>"], "task_results_cleared": 2}),
        ),
        fails("run_task", json!({"task_path": "absent.md", "base_dir": "listed"}), "not_found", "absent.md"),
        ok(
            "run_task",
            json!({"command": "rm -rf x", "base_dir": "listed"}),
            json!({"…": true, "success": false, "status": "failed", "steps_done": 0, "message": "<`rm`>"}),
        ),
        fails("run_task", json!({"base_dir": "listed"}), "validation", "task_path"),
        fails("create_project", json!({"project_name": "../up"}), "validation", "project_name"),
        ok("create_project", json!({"project_name": "listed"}), created("listed", &json!({}))),
        fails("get_task_status", json!({"base_dir": "/etc"}), "denied", "/etc"),
    ]
}
