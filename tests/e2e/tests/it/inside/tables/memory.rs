//! `memory`: table 2.10 of the predecessors, and what ours has beyond it.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("save_memory", &["text"], &["id", "message"]),
    ("search_memories", &["query", "limit"], &["memories"]),
    ("get_all_memories", &[], &["memories"]),
    ("delete_memory", &["memory_id"], &["deleted"]),
    ("delete_all_memories", &[], &["deleted"]),
];

fn shown(text: &str, more: &Value) -> Value {
    let mut shown = json!({
        "id": "<m>", "text": text, "tags": [], "created_at": "<time>", "updated_at": "<time>", "version": 1,
        "source": {"principal": "anonymous-loopback", "client": "<text>"},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        shown[name] = value.clone();
    }
    shown
}

fn saved(status: &str, version: u32) -> Value {
    json!({"success": true, "id": "<m>", "status": status, "message": "<m>", "version": version, "expires_at": "<time?>"})
}

fn page(memories: &[Value], total: u32) -> Value {
    json!({"memories": memories, "count": memories.len(), "total": total, "next_cursor": "<text?>"})
}

pub(in crate::inside) fn rows() -> Vec<Row> {
    let absent = "m0000000000000";
    let tastes = json!({"tags": ["taste"], "expires_at": "<time>"});
    let found = json!({"tags": ["taste"], "expires_at": "<time>", "score": "<number>"});
    let linked = json!({"links": [{"id": "<m>", "kind": "because", "text": "I prefer Python for AI"}]});
    let graph = concat!(
        r#"{"type":"entity","name":"Ada","entityType":"person","observations":["knows engines"]}"#,
        "\n",
        r#"{"type":"relation","from":"Ada","to":"Babbage","relationType":"works with"}"#,
    );
    let first = "{{0.id}}";
    vec![
        ok("save_memory", json!({"text": "I prefer Python for AI", "tags": ["taste"], "ttl": 3600}), saved("saved", 1)),
        ok("save_memory", json!({"text": "I prefer Python for AI"}), saved("known", 1)),
        ok(
            "save_memory",
            json!({"text": "The venv is 3.13", "links": [{"to": first, "kind": "because"}]}),
            saved("saved", 1),
        ),
        ok("save_memory", json!({"text": "We meet at ten", "namespace": "team"}), saved("saved", 1)),
        ok(
            "search_memories",
            json!({"query": "python", "limit": 2, "tags": ["taste"]}),
            page(&[shown("I prefer Python for AI", &found)], 2),
        ),
        ok(
            "search_memories",
            json!({"query": "meet", "namespace": "team"}),
            page(&[shown("We meet at ten", &json!({"namespace": "team", "score": "<number>"}))], 1),
        ),
        ok("search_memories", json!({"query": "python", "cursor": "1"}), page(&[], 2)),
        ok(
            "get_all_memories",
            json!({"limit": 1}),
            json!({"memories": [shown("The venv is 3.13", &json!({}))], "count": 1, "total": 2, "next_cursor": "<m>"}),
        ),
        ok(
            "get_all_memories",
            json!({"cursor": "{{7.next_cursor}}", "tags": ["taste"]}),
            page(&[shown("I prefer Python for AI", &tastes)], 2),
        ),
        ok(
            "get_all_memories",
            json!({"namespace": "team"}),
            page(&[shown("We meet at ten", &json!({"namespace": "team"}))], 1),
        ),
        ok("get_memory", json!({"memory_id": "{{2.id}}"}), shown("The venv is 3.13", &linked)),
        ok(
            "update_memory",
            json!({"memory_id": "{{2.id}}", "text": "The venv is 3.14", "tags": ["tool"], "ttl": 0, "unlink": [first], "version": 1}),
            saved("updated", 2),
        ),
        ok("update_memory", json!({"memory_id": "{{2.id}}", "links": [{"to": first}]}), saved("updated", 3)),
        fails("update_memory", json!({"memory_id": "{{2.id}}", "text": "x", "version": 1}), "conflict", "version 3"),
        fails("update_memory", json!({"memory_id": absent, "text": "x"}), "not_found", absent),
        fails("get_memory", json!({"memory_id": absent}), "not_found", absent),
        fails("delete_memory", json!({"memory_id": absent}), "not_found", absent),
        fails("delete_memory", json!({"memory_id": "all"}), "validation", "no id"),
        fails("save_memory", json!({"text": ""}), "validation", "empty"),
        fails("save_memory", json!({}), "validation", "text"),
        fails("search_memories", json!({"query": "…"}), "validation", "no words"),
        ok(
            "import_memories",
            json!({"graph": graph, "namespace": "graph"}),
            json!({"success": true, "created": 2, "updated": 0, "unchanged": 0, "links": 1, "message": "<text>"}),
        ),
        fails("import_memories", json!({"graph": "nothing"}), "validation", "line 1"),
        ok("delete_memory", json!({"memory_id": first}), json!({"success": true, "deleted": 1, "message": "<m>"})),
        fails("get_memory", json!({"memory_id": first}), "not_found", "m"),
        ok(
            "delete_all_memories",
            json!({"tags": ["person"], "namespace": "graph"}),
            json!({"success": true, "deleted": 1, "message": "<person>"}),
        ),
        ok("delete_all_memories", json!({}), json!({"success": true, "deleted": 1, "message": "<text>"})),
        ok("get_all_memories", json!({}), page(&[], 0)),
    ]
}
