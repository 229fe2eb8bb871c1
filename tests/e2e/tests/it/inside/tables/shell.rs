//! `shell`: the second half of table 2.7 of the predecessors.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

pub(in crate::inside) const KNOWN: &[Known] = &[
    (
        "execute_command",
        &["command", "cwd", "timeout", "env"],
        &["success", "returncode", "stdout", "stderr", "command", "cwd", "timestamp"],
    ),
    (
        "execute_multiple_commands",
        &["commands", "cwd", "stop_on_error"],
        &["success", "total_commands", "successful", "failed", "results", "timestamp"],
    ),
    ("check_directory", &["path"], &["exists", "is_directory", "readable", "writable", "path"]),
    ("list_directory", &["path"], &["items"]),
    ("which_command", &["command"], &["success", "command", "path", "found"]),
];

fn executed(command: &str, code: &Value, stdout: &str) -> Value {
    json!({
        "success": *code == 0, "returncode": code, "stdout": stdout, "stderr": "<text>", "command": command,
        "cwd": "<text>", "timestamp": "<text>", "duration_ms": "<number>", "timed_out": code.is_null(),
        "truncated": false, "suggestion": "<text?>",
    })
}

/// With `echo`, `false`, `printenv` and `sleep` allowed, in a folder with the file `a.txt`.
pub(in crate::inside) fn rows() -> Vec<Row> {
    let several = json!({
        "success": false, "total_commands": 4, "successful": 2, "failed": 1, "not_run": 1,
        "results": [executed("echo a", &json!(0), "a\n"), executed("echo b", &json!(0), "b\n"), executed("false", &json!(1), "")],
        "timestamp": "<text>",
    });
    let listed = json!({
        "directory": "<text>",
        "items": [{"name": "a.txt", "path": "<a.txt>", "type": "file", "size": 5, "modified": "<text>", "permissions": "<text>"}],
        "count": 1, "errors": [], "truncated": false,
    });
    let commands = json!(["echo a", {"command": "echo b", "cwd": ".", "timeout": 9}, "false", "echo c"]);
    vec![
        ok(
            "execute_command",
            json!({"command": "printenv GREETING", "cwd": ".", "timeout": 20, "env": {"GREETING": "hi there"}}),
            executed("printenv GREETING", &json!(0), "hi there\n"),
        ),
        ok("execute_command", json!({"command": "false"}), executed("false", &json!(1), "")),
        ok("execute_command", json!({"command": "sleep 60", "timeout": 1}), executed("sleep 60", &Value::Null, "")),
        fails("execute_command", json!({"command": "rm -rf /"}), "denied", "rm"),
        fails("execute_command", json!({"command": "echo a | cat"}), "validation", "|"),
        fails("execute_command", json!({"command": "echo", "timeout": 0}), "validation", "timeout"),
        fails("execute_command", json!({"command": "echo", "cwd": "/"}), "denied", "/"),
        fails("execute_command", json!({"command": "echo", "env": {"LD_PRELOAD": "x"}}), "denied", "LD_PRELOAD"),
        ok("execute_multiple_commands", json!({"commands": commands, "cwd": ".", "stop_on_error": true}), several),
        ok(
            "check_directory",
            json!({"path": "."}),
            json!({"path": "<text>", "exists": true, "is_directory": true, "readable": true, "writable": true}),
        ),
        ok("list_directory", json!({"path": "."}), listed),
        ok(
            "which_command",
            json!({"command": "echo"}),
            json!({"success": true, "command": "echo", "path": "<echo>", "found": true, "allowed": true}),
        ),
        ok(
            "which_command",
            json!({"command": "no-such-program"}),
            json!({"success": "<flag>", "command": "no-such-program", "path": null, "found": false, "allowed": false}),
        ),
    ]
}
