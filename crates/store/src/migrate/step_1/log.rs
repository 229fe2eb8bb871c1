//! The clock, the streams of events, what was answered to idempotency keys, and documents.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE clock (
        id BIGINT PRIMARY KEY, store_ms BIGINT NOT NULL, wall_ms BIGINT NOT NULL, up_ms BIGINT NOT NULL,
        boot TEXT NOT NULL)",
    // Used on PostgreSQL alone: what each transaction leaves, so that one whose commit was not answered
    // can be asked for.
    "CREATE TABLE writers (id TEXT PRIMARY KEY, token BIGINT NOT NULL, at BIGINT NOT NULL)",
    // `cut_seq` and `cut_hash` are of the last event that retention removed.
    "CREATE TABLE streams (
        name TEXT PRIMARY KEY, seq BIGINT NOT NULL, hash {bytes} NOT NULL, at BIGINT NOT NULL,
        cut_seq BIGINT NOT NULL, cut_hash {bytes} NOT NULL)",
    "CREATE TABLE events (
        stream TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, actor TEXT NOT NULL, run TEXT,
        entity TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, cause TEXT, key TEXT,
        hash_prev {bytes} NOT NULL, hash {bytes} NOT NULL, PRIMARY KEY (stream, seq))",
    "CREATE INDEX events_by_entity ON events (stream, entity, seq)",
    "CREATE TABLE idempotency (
        scope TEXT NOT NULL, key TEXT NOT NULL, digest {bytes} NOT NULL, answer TEXT NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY (scope, key))",
    "CREATE INDEX idempotency_by_age ON idempotency (at)",
    "CREATE TABLE documents (
        kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, version BIGINT NOT NULL,
        updated BIGINT NOT NULL, PRIMARY KEY (kind, key))",
];

pub(super) const DOWN: &[&str] = &[
    "DROP TABLE documents",
    "DROP TABLE idempotency",
    "DROP TABLE events",
    "DROP TABLE streams",
    "DROP TABLE writers",
    "DROP TABLE clock",
];
