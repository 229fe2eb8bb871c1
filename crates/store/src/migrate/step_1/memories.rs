//! Memories in spaces, the words that find them, and links. `tags` and `origin` are JSON.
//!
//! Nothing refers to anything by a foreign key: `memories.rs` changes all of it together.

pub(super) const UP: &[&str] = &[
    "CREATE TABLE memory_spaces (
        id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, memories BIGINT NOT NULL, words BIGINT NOT NULL,
        bytes BIGINT NOT NULL)",
    "CREATE TABLE memories (
        id BIGINT PRIMARY KEY, space BIGINT NOT NULL, text TEXT NOT NULL, tags TEXT NOT NULL,
        origin TEXT NOT NULL, words BIGINT NOT NULL, version BIGINT NOT NULL, created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL, expires_at BIGINT)",
    "CREATE INDEX memories_by_space ON memories (space, id)",
    "CREATE INDEX memories_by_end ON memories (space, expires_at) WHERE expires_at IS NOT NULL",
    // Its key holds nearly all of it: on SQLite the key is the table.
    "CREATE TABLE memory_words (
        space BIGINT NOT NULL, word {bytes} NOT NULL, memory BIGINT NOT NULL, times BIGINT NOT NULL,
        length BIGINT NOT NULL, PRIMARY KEY (space, word, memory)){keyed}",
    "CREATE TABLE memory_links (
        from_id BIGINT NOT NULL, to_id BIGINT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (from_id, to_id, kind))",
    "CREATE INDEX memory_links_by_end ON memory_links (to_id)",
];

pub(super) const DOWN: &[&str] =
    &["DROP TABLE memory_links", "DROP TABLE memory_words", "DROP TABLE memories", "DROP TABLE memory_spaces"];
