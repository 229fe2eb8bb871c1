//! Memories. Lists (`tags`, `links`) and `provenance` are JSON.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE memories (
        id TEXT PRIMARY KEY, namespace TEXT NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL,
        links TEXT NOT NULL, provenance TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL,
        expires BIGINT, version BIGINT NOT NULL)",
    "CREATE INDEX memories_by_namespace ON memories (namespace, updated)",
    "CREATE INDEX memories_by_end ON memories (expires)",
];

pub(super) const DOWN: &[&str] = &["DROP TABLE memories"];
