//! What `/api` answers, as types that both ends share. These are shapes only: they are filled in
//! by the routes and shown by the command line.

use protocol::Raw;
use serde::{Deserialize, Serialize};

/// `GET /api/status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Address of the HTTP listener.
    pub address: String,
    /// The URL for clients.
    pub url: String,
    /// The data folder.
    pub data: String,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Whether it is shutting down.
    pub draining: bool,
    /// Sessions of legacy clients.
    pub sessions: usize,
    /// Open subscription streams.
    pub listens: usize,
    /// Calls that wait for the answer of a person.
    #[serde(default)]
    pub parked_calls: usize,
    /// Records of calls that were dropped because the disk was too slow.
    pub records_dropped: u64,
    /// Lines of server logs that were dropped for the same reason.
    pub log_lines_dropped: u64,
    /// Memory, where the system tells.
    pub memory: Memory,
    /// Every declared server.
    pub servers: Vec<Server>,
    /// What servers offer and clients do not see, and why.
    pub hidden: Vec<Hidden>,
    /// Servers that are declared elsewhere and wait for a person.
    #[serde(default)]
    pub found: Vec<Found>,
}

/// A server that discovery found and nobody approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name there.
    pub name: String,
    /// The file that declares it.
    pub file: String,
    /// Command line or URL as written.
    pub target: String,
    /// `new`, `changed` or `pending`.
    pub standing: String,
    /// What differs from what is configured or was approved.
    pub lines: Vec<String>,
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Of the daemon.
    pub daemon_kib: Option<u64>,
    /// Of its guard process.
    pub guard_kib: Option<u64>,
}

/// One declared server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Server {
    /// Name as declared.
    pub name: String,
    /// Name in public names and in the path of its own endpoint.
    pub public: String,
    /// `ready`, `starting`, `needs_auth`, …; also `disabled` and `pending`.
    pub state: String,
    /// `healthy`, `degraded`, `unhealthy` or `unknown`.
    pub health: String,
    /// `modern` or `legacy`, once it is known.
    pub era: Option<String>,
    /// `stdio` or `http`.
    pub transport: String,
    /// Command line or URL as written.
    pub target: String,
    /// What it is for, in the words of whoever declared it.
    pub description: Option<String>,
    /// Words to select servers by.
    pub tags: Vec<String>,
    /// Tools that are offered.
    pub tools: usize,
    /// Prompts.
    pub prompts: usize,
    /// Resources.
    pub resources: usize,
    /// Resource templates.
    pub templates: usize,
    /// Process id of a local server.
    pub pid: Option<u32>,
    /// Calls sent to it.
    pub calls: u64,
    /// Calls that it failed.
    pub failures: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// Instances beside the first one: processes or sessions of their own for some callers.
    #[serde(default)]
    pub instances: usize,
    /// Lines on its stdout that were no messages.
    pub noise_lines: u64,
    /// Unknown members dropped from its messages.
    pub members_dropped: u64,
    /// Since when it is in this state, UTC.
    pub since: String,
    /// Milliseconds until it is tried again.
    pub next_try_ms: Option<u64>,
    /// Why it is as it is.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Where it was declared.
    pub origin: String,
}

/// `GET /api/servers`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Servers {
    /// Every declared server.
    pub servers: Vec<Server>,
}

/// An item that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// Its server.
    pub server: String,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: String,
    /// The server's own name of it.
    pub own: String,
    /// Why.
    pub why: String,
}

/// `GET /api/tools`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tools {
    /// The tools, by server and own name.
    pub tools: Vec<Tool>,
}

/// One tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tool {
    /// Name at the endpoint of everything; none where another server's tool has taken it.
    pub name: Option<String>,
    /// Its server.
    pub server: String,
    /// The server's own name of it.
    pub own: String,
    /// Its definition as the server gave it.
    pub definition: Raw,
}

/// One line of a server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it was read, UTC.
    pub at: String,
    /// `stderr`, `stdout` or `switchboard`.
    pub stream: String,
    /// The line, safe for a terminal.
    pub text: String,
}

/// `GET /api/limits`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// The limits in force.
    pub limits: Vec<Limit>,
}

/// One limit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limit {
    /// Key under `[limits]`.
    pub name: String,
    /// The value in force.
    pub value: String,
    /// `bytes`, `time` or `count`.
    pub unit: String,
    /// What it bounds.
    pub what: String,
}

/// `POST /api/reload`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Servers that are new.
    pub added: Vec<String>,
    /// Servers that are gone.
    pub removed: Vec<String>,
    /// Servers that were started anew.
    pub changed: Vec<String>,
    /// Servers that keep running with other details.
    pub adjusted: Vec<String>,
    /// How many servers are as they were.
    pub same: usize,
    /// Settings that take effect at the next start.
    pub at_next_start: Vec<String>,
    /// What is worth knowing about the files, as text.
    pub warnings: Vec<String>,
}

/// `POST /api/stop`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stopping {
    /// Process id of the daemon that is going to end.
    pub pid: u32,
}

// === impl Limits ===

impl From<Vec<config::LimitRow>> for Limits {
    fn from(rows: Vec<config::LimitRow>) -> Self {
        let limit = |row: config::LimitRow| Limit {
            name: row.name.to_owned(),
            value: row.value,
            unit: row.unit.to_owned(),
            what: row.what.to_owned(),
        };
        Self { limits: rows.into_iter().map(limit).collect() }
    }
}

// === impl Reloaded ===

impl Reloaded {
    /// Whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let lists = [&self.added, &self.removed, &self.changed, &self.adjusted, &self.at_next_start];
        lists.iter().all(|list| list.is_empty())
    }
}
