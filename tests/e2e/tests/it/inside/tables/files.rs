//! `files`: the first half of table 2.7 of the predecessors.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

const SEARCHED: &[&str] = &["directory", "pattern", "matches", "count", "max_depth", "searched_directories", "errors"];

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("read_file", &["file_path", "encoding"], &["content", "metadata"]),
    (
        "write_file",
        &["file_path", "content", "encoding", "create_dirs"],
        &["success", "path", "size", "modified", "encoding"],
    ),
    ("list_directory", &["dir_path", "include_hidden", "recursive"], &["directory", "items", "count", "errors"]),
    (
        "get_file_info",
        &["file_path"],
        &["path", "name", "type", "size", "created", "modified", "permissions", "mime_type", "parent"],
    ),
    ("search_files", &["dir_path", "pattern", "include_hidden", "max_depth"], SEARCHED),
    ("search_files_system_wide", &["pattern", "include_hidden", "max_depth"], SEARCHED),
];

fn item(name: &str, kind: &str) -> Value {
    json!({
        "name": name, "path": format!("<{name}>"), "type": kind, "size": "<number>", "modified": "<text>",
        "permissions": "<text>",
    })
}

fn searched(pattern: &str, name: &str, depth: u32) -> Value {
    json!({
        "directory": "<text>", "pattern": pattern, "matches": [item(name, "file")], "count": 1, "max_depth": depth,
        "searched_directories": "<number>", "errors": [], "truncated": false,
    })
}

/// In an empty folder that may be written.
pub(in crate::inside) fn rows() -> Vec<Row> {
    let written = |path: &str, size: u32| {
        json!({
            "success": true, "path": format!("<{path}>"), "size": size, "modified": "<text>", "encoding": "utf-8",
            "created": true,
        })
    };
    let metadata = json!({
        "path": "<a.txt>", "size": 5, "modified": "<text>", "created": "<text?>", "mime_type": "text/plain",
        "encoding": "utf-8", "hash": "<sha256:2cf24dba>", "permissions": "<text>",
    });
    let info = json!({
        "path": "<a.txt>", "name": "a.txt", "type": "file", "size": 5, "created": "<text?>", "modified": "<text>",
        "permissions": "<text>", "mime_type": "text/plain", "parent": "<text>",
    });
    vec![
        ok("write_file", json!({"file_path": "a.txt", "content": "hello", "encoding": "utf-8"}), written("a.txt", 5)),
        ok("write_file", json!({"file_path": "sub/b.md", "content": "x\n", "create_dirs": true}), written("b.md", 2)),
        ok(
            "read_file",
            json!({"file_path": "a.txt", "encoding": "utf-8"}),
            json!({"content": "hello", "metadata": metadata}),
        ),
        ok(
            "list_directory",
            json!({"dir_path": ".", "include_hidden": true, "recursive": true}),
            json!({
                "directory": "<text>", "items": [item("a.txt", "file"), item("sub", "directory"), item("b.md", "file")],
                "count": 3, "errors": [], "truncated": false,
            }),
        ),
        ok("get_file_info", json!({"file_path": "a.txt"}), info),
        ok(
            "search_files",
            json!({"dir_path": ".", "pattern": "*.md", "include_hidden": false, "max_depth": 4}),
            searched("*.md", "b.md", 4),
        ),
        ok(
            "search_files_system_wide",
            json!({"pattern": "a.???", "include_hidden": true, "max_depth": 2}),
            searched("a.???", "a.txt", 2),
        ),
        fails(
            "write_file",
            json!({"file_path": "none/c.txt", "content": "x", "create_dirs": false}),
            "not_found",
            "none",
        ),
        fails("read_file", json!({"file_path": "absent.txt"}), "not_found", "absent.txt"),
        fails("read_file", json!({"file_path": "/etc/passwd"}), "denied", "/etc/passwd"),
        fails("read_file", json!({"file_path": "../x"}), "denied", ".."),
        fails("read_file", json!({"file_path": "a.txt", "encoding": "klingon"}), "validation", "klingon"),
        fails("list_directory", json!({"dir_path": "absent"}), "not_found", "absent"),
        fails("read_file", json!({}), "validation", "file_path"),
    ]
}
