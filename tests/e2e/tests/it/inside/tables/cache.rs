//! `cache`: table 2.1 of the predecessors, on either store.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::json;

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("cache_set", &["key", "value", "ttl"], &["success", "key"]),
    ("cache_get", &["key"], &["key", "value"]),
    ("cache_delete", &["keys"], &["deleted"]),
    ("cache_exists", &["keys"], &["exists", "total"]),
    ("cache_expire", &["key", "seconds"], &["success", "key", "ttl"]),
    ("cache_ttl", &["key"], &["key", "ttl", "status"]),
    ("cache_keys", &["pattern"], &["pattern", "keys", "count"]),
    ("cache_scan", &["cursor", "match", "count"], &["cursor", "keys", "complete"]),
    ("cache_mget", &["keys"], &["a", "b"]),
    ("cache_mset", &["data"], &["success", "keys_set"]),
    ("cache_incr", &["key", "amount"], &["key", "value", "incremented_by"]),
    ("cache_decr", &["key", "amount"], &["key", "value", "decremented_by"]),
    ("cache_flush", &[], &["success", "warning"]),
    (
        "cache_info",
        &[],
        &["version", "uptime_days", "connected_clients", "used_memory_human", "total_commands_processed", "keyspace"],
    ),
    ("cache_ping", &[], &["success", "message"]),
];

/// `backend` is `embedded` or `redis`.
pub(in crate::inside) fn rows(backend: &str) -> Vec<Row> {
    let info = json!({
        "backend": backend, "version": "<text>", "uptime_days": "<number>", "connected_clients": "<number>",
        "used_memory_human": "<text>", "total_commands_processed": "<number>",
        "keyspace": {"keys": "<number>", "expires": "<number>", "avg_ttl": "<number>"},
    });
    vec![
        ok(
            "cache_set",
            json!({"key": "test", "value": "hello world", "ttl": 60}),
            json!({"success": true, "key": "test"}),
        ),
        ok("cache_get", json!({"key": "test"}), json!({"key": "test", "value": "hello world", "found": true})),
        ok("cache_get", json!({"key": "absent"}), json!({"key": "absent", "value": null, "found": false})),
        ok("cache_set", json!({"key": "json", "value": "{\"a\": [1]}"}), json!({"success": true, "key": "json"})),
        ok("cache_get", json!({"key": "json"}), json!({"key": "json", "value": {"a": [1]}, "found": true})),
        ok("cache_exists", json!({"keys": ["test", "x"]}), json!({"exists": 1, "total": 2, "missing": ["x"]})),
        ok("cache_delete", json!({"keys": "[\"test\", \"json\", \"x\"]"}), json!({"deleted": 2})),
        ok("cache_mset", json!({"data": {"a": 1, "b": "two"}}), json!({"success": true, "keys_set": 2})),
        ok("cache_mget", json!({"keys": ["a", "b", "x"]}), json!({"a": 1, "b": "two", "x": null})),
        ok("cache_expire", json!({"key": "a", "seconds": 50}), json!({"success": true, "key": "a", "ttl": 50})),
        ok("cache_ttl", json!({"key": "a"}), json!({"key": "a", "ttl": 50, "status": "active"})),
        ok("cache_ttl", json!({"key": "b"}), json!({"key": "b", "ttl": -1, "status": "no_expiration"})),
        ok("cache_ttl", json!({"key": "x"}), json!({"key": "x", "ttl": -2, "status": "not_found"})),
        ok(
            "cache_keys",
            json!({"pattern": "*", "limit": 5}),
            json!({"pattern": "*", "keys": ["a", "b"], "count": 2, "complete": true}),
        ),
        ok(
            "cache_scan",
            json!({"cursor": 0, "match": "a*", "count": 100}),
            json!({"cursor": 0, "keys": ["a"], "complete": true}),
        ),
        ok("cache_incr", json!({"key": "n", "amount": 5}), json!({"key": "n", "value": 5, "incremented_by": 5})),
        ok("cache_decr", json!({"key": "n", "amount": 2}), json!({"key": "n", "value": 3, "decremented_by": 2})),
        ok("cache_info", json!({}), info),
        ok("cache_ping", json!({}), json!({"success": true, "message": "<text>"})),
        fails("cache_set", json!({"key": "", "value": "x"}), "validation", "0"),
        fails("cache_set", json!({"key": "k", "value": "x", "ttl": 0}), "validation", "ttl"),
        fails("cache_incr", json!({"key": "n", "amount": 0}), "validation", "amount"),
        fails("cache_incr", json!({"key": "b"}), "validation", "whole number"),
        fails("cache_decr", json!({"key": "n", "amount": 0}), "validation", "amount"),
        fails("cache_delete", json!({"keys": []}), "validation", "0"),
        fails("cache_expire", json!({"key": "a", "seconds": 0}), "validation", "seconds"),
        fails("cache_get", json!({}), "validation", "key"),
        fails("cache_get", json!({"key": "a", "more": 1}), "validation", "more"),
        ok("cache_flush", json!({}), json!({"success": true, "deleted": 3, "warning": "<text>"})),
        ok("cache_keys", json!({}), json!({"pattern": "*", "keys": [], "count": 0, "complete": true})),
    ]
}
