//! Goals, tasks, edges, claims and gates as they are now: all of it follows from the stream `goals`.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE goals (
        id TEXT PRIMARY KEY, alias TEXT NOT NULL UNIQUE, version BIGINT NOT NULL, seq BIGINT NOT NULL,
        status TEXT NOT NULL, priority TEXT NOT NULL, updated BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE tasks (
        id TEXT PRIMARY KEY, alias TEXT NOT NULL UNIQUE, goal TEXT NOT NULL, version BIGINT NOT NULL,
        seq BIGINT NOT NULL, status TEXT NOT NULL, priority TEXT NOT NULL, updated BIGINT NOT NULL,
        body TEXT NOT NULL)",
    "CREATE INDEX tasks_by_goal ON tasks (goal)",
    "CREATE TABLE edges (
        from_id TEXT NOT NULL, to_id TEXT NOT NULL, kind TEXT NOT NULL, goal TEXT NOT NULL,
        seq BIGINT NOT NULL, PRIMARY KEY (from_id, to_id, kind))",
    "CREATE INDEX edges_by_end ON edges (to_id)",
    "CREATE TABLE claims (
        task TEXT PRIMARY KEY, holder TEXT NOT NULL, token BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        seq BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE gates (
        id TEXT PRIMARY KEY, task TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
        expires_at BIGINT, seq BIGINT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX gates_by_task ON gates (task)",
];

pub(super) const DOWN: &[&str] =
    &["DROP TABLE gates", "DROP TABLE claims", "DROP TABLE edges", "DROP TABLE tasks", "DROP TABLE goals"];
