//! Records of calls, a row for each page of them, and runs. What people and agents were allowed to do
//! is the stream `audit`.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE call_records (
        id {number}, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL, records BIGINT NOT NULL,
        failed BIGINT NOT NULL, bytes BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX call_records_by_time ON call_records (to_ms, bytes)",
    "CREATE TABLE runs (
        id TEXT PRIMARY KEY, state TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT,
        version BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX runs_by_state ON runs (state, started)",
];

pub(super) const DOWN: &[&str] = &["DROP TABLE runs", "DROP TABLE call_records"];
