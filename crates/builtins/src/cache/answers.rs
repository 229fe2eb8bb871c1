//! What the tools answer: the fields of the predecessor, and a few that say more.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Kept {
    pub(super) success: bool,
    pub(super) key: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Found {
    pub(super) key: String,
    /// `null` where there is none; `found` tells it from a `null` that was kept.
    pub(super) value: Value,
    pub(super) found: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deleted {
    pub(super) deleted: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Exists {
    pub(super) exists: usize,
    pub(super) total: usize,
    /// Which do not.
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Expires {
    /// Whether there is such a key.
    pub(super) success: bool,
    pub(super) key: String,
    /// In seconds, as it was asked for.
    pub(super) ttl: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Left {
    pub(super) key: String,
    /// In seconds, rounded up; -1 for ever, -2 not there.
    pub(super) ttl: i64,
    /// `active`, `no_expiration` or `not_found`.
    pub(super) status: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Keys {
    pub(super) pattern: String,
    /// Sorted.
    pub(super) keys: Vec<String>,
    pub(super) count: usize,
    /// Whether these are all.
    pub(super) complete: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Step {
    pub(super) cursor: u64,
    pub(super) keys: Vec<String>,
    /// Whether the walk is at its end, which is cursor 0.
    pub(super) complete: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct KeptMany {
    pub(super) success: bool,
    pub(super) keys_set: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Increased {
    pub(super) key: String,
    pub(super) value: i64,
    pub(super) incremented_by: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Decreased {
    pub(super) key: String,
    pub(super) value: i64,
    pub(super) decremented_by: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Flushed {
    pub(super) success: bool,
    pub(super) deleted: u64,
    pub(super) warning: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Info {
    /// `embedded` or `redis`.
    pub(super) backend: &'static str,
    /// Of Redis, or of this program.
    pub(super) version: String,
    pub(super) uptime_days: u64,
    /// With Redis; this process alone otherwise.
    pub(super) connected_clients: u64,
    pub(super) used_memory_human: String,
    pub(super) total_commands_processed: u64,
    /// Of the whole database that is in use: keys of others count too.
    pub(super) keyspace: Keyspace,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Keyspace {
    pub(super) keys: u64,
    /// How many end by themselves.
    pub(super) expires: u64,
    /// In milliseconds.
    pub(super) avg_ttl: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Pong {
    pub(super) success: bool,
    pub(super) message: String,
}
