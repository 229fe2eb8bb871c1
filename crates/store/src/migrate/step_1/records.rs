//! Records of calls, and runs. What people and agents were allowed to do is the stream `audit`.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE call_records (
        id {number}, at BIGINT NOT NULL, principal TEXT NOT NULL, subject TEXT NOT NULL,
        name TEXT NOT NULL, outcome TEXT NOT NULL, bytes BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX call_records_by_time ON call_records (at)",
    "CREATE TABLE runs (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT,
        version BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX runs_by_state ON runs (state, started)",
];

pub(super) const DOWN: &[&str] = &["DROP TABLE runs", "DROP TABLE call_records"];
