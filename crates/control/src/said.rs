//! What `/api` answers, as types that both ends share. These are shapes only: they are filled in
//! by the routes and shown by the command line.

mod health;
pub use health::{Capabilities, Health, HealthCheck, HealthHistory, ServerCapabilities, ServerHealth};

mod records;
pub use records::{Audit, AuditEvent, AuditVerified, Record, RecordStage, Records};

mod profiles;
pub use profiles::{Profile, ProfileClient};

mod catalog;
pub use catalog::{CacheStats, CatalogChange, CatalogChanges, ServerTokens, TokenCosts, ToolTokens};

mod costs;
pub use costs::{SessionCosts, SessionsCosts};

mod search;
pub use search::{FoundBecause, RouteAsked, Routed, SearchAsked, ServerFound, ToolFound, ToolsFound};

use crate::Problem;
use protocol::Raw;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/overview`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Address of the HTTP listener.
    pub address: String,
    /// The URL for clients.
    pub url: String,
    /// The address of the dashboard, where one is served.
    #[serde(default)]
    pub dashboard: Option<String>,
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
    /// Records of calls that were lost because the store was too slow or failed.
    pub records_dropped: u64,
    /// Lines of server logs that were dropped for the same reason.
    pub log_lines_dropped: u64,
    /// Memory, where the system tells.
    pub memory: Memory,
    /// The kept results of all servers.
    #[serde(default)]
    pub cache: Cache,
    /// What is wrong with the configuration as it stands on disk: it was read again, and what was in force
    /// before still is.
    #[serde(default)]
    pub configuration: Option<String>,
    /// Every declared server.
    pub servers: Vec<Server>,
    /// What servers depend on.
    #[serde(default)]
    pub services: Vec<Service>,
    /// What servers offer and clients do not see, and why.
    pub hidden: Vec<Hidden>,
    /// What the declared profiles show.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// Servers that are declared elsewhere and wait for a person.
    #[serde(default)]
    pub found: Vec<Found>,
}

/// A server that discovery found and nobody approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// A service that servers depend on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `container`, `command` or `external`.
    pub kind: String,
    /// Its state, in the words of servers.
    pub state: String,
    /// Why it is as it is.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Since when it is in this state, UTC.
    pub since: String,
    /// Milliseconds until it is tried again.
    pub next_try_ms: Option<u64>,
    /// Times it was started again.
    pub restarts: u64,
    /// Servers and services that need it now.
    pub needed_by: Vec<String>,
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// Of the daemon.
    pub daemon_kib: Option<u64>,
    /// Of its guard process.
    pub guard_kib: Option<u64>,
}

/// One declared server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Server {
    /// Name as declared.
    pub name: String,
    /// Name in public names and in the path of its own endpoint.
    pub public: String,
    /// `ready`, `starting`, `asleep`, `needs_auth`, …; also `disabled` and `pending`.
    pub state: String,
    /// `healthy`, `degraded`, `unhealthy`, `critical` or `unknown`.
    pub health: String,
    /// Why its health is so.
    #[serde(default)]
    pub health_reason: String,
    /// What is done about it, or what a person can do.
    #[serde(default)]
    pub health_action: String,
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
    /// Resident memory of a local server with all it started, in KiB.
    #[serde(default)]
    pub memory_kib: Option<u64>,
    /// Percent of one core that it used since the last question, or since its start.
    #[serde(default)]
    pub cpu_percent: Option<f64>,
    /// Its processes.
    #[serde(default)]
    pub processes: Option<usize>,
    /// What of its limits this host cannot enforce, and why.
    #[serde(default)]
    pub not_enforced: Vec<String>,
    /// What differs from what runs: its program is another one on disk now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// Calls sent to it.
    pub calls: u64,
    /// Calls that it failed.
    pub failures: u64,
    /// Times it was started again.
    pub restarts: u64,
    /// Instances beside the first one: processes or sessions of their own for some callers.
    #[serde(default)]
    pub instances: usize,
    /// Each of its instances, by index.
    #[serde(default)]
    pub instance_states: Vec<Instance>,
    /// Milliseconds that it has been ready without a break; none when it is not.
    #[serde(default)]
    pub uptime_ms: Option<u64>,
    /// Lines on its stdout that were no messages.
    pub noise_lines: u64,
    /// Unknown members dropped from its messages.
    pub members_dropped: u64,
    /// Since when it is in this state, UTC.
    pub since: String,
    /// The same in milliseconds until now.
    #[serde(default)]
    pub in_state_ms: u64,
    /// Milliseconds until it is tried again.
    pub next_try_ms: Option<u64>,
    /// Why it is as it is.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Where it was declared.
    pub origin: String,
    /// Calls that it has now, and that wait for a place with it.
    #[serde(default)]
    pub in_flight: usize,
    /// The group that it stands in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its breaker in words, unless it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<String>,
    /// Tools that are not as they were approved, by its own names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_tools: Vec<String>,
    /// Its kept results, where any are to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
}

/// Kept results in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cache {
    /// Calls that were answered without calling a server.
    pub hits: u64,
    /// Calls of the same tools that were made.
    pub misses: u64,
    /// Hits in all of them, from 0 to 1.
    pub hit_rate: f64,
    /// Results that are kept.
    pub entries: usize,
}

/// `POST /api/cache/clear`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CacheCleared {
    /// Results that were kept and are not any more.
    pub results: usize,
}

/// `POST /api/servers/{name}/approve-tools`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ToolsApproved {
    /// The server.
    pub server: String,
    /// Tools that had not been approved as they are.
    pub tools: Vec<String>,
}

/// One instance of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instance {
    /// Which one, from 1.
    pub index: usize,
    /// `ready`, `starting`, `backoff`, …
    pub state: String,
    /// Process id of a local one.
    pub pid: Option<u32>,
    /// Calls that it works on.
    pub in_flight: usize,
    /// Times it was started again.
    pub restarts: u64,
    /// Why it is as it is.
    pub reason: Option<String>,
}

/// `GET /api/servers`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Servers {
    /// Every declared server.
    pub servers: Vec<Server>,
}

/// An item that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tools {
    /// The tools, by server and own name.
    pub tools: Vec<Tool>,
}

/// One tool.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tool {
    /// Name at the endpoint of everything; none where another server's tool has taken it.
    pub name: Option<String>,
    /// Its server.
    pub server: String,
    /// The server's own name of it.
    pub own: String,
    /// Its definition as the server gave it.
    #[schema(value_type = Object)]
    pub definition: Raw,
    /// `changed` or `new`, where it is not as it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unapproved: Option<String>,
}

/// `GET /api/why`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Reasons {
    /// One for each server, or the one that was asked about.
    pub reasons: Vec<Why>,
}

/// Whether something can be called, and what decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// The server.
    pub server: String,
    /// The server's own name of the tool, when one was asked about.
    pub tool: Option<String>,
    /// In whose place it was asked.
    pub principal: String,
    /// Whether no gate fails.
    pub callable: bool,
    /// The gates in the order in which a call meets them.
    pub gates: Vec<Gate>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// `configuration`, `enabled`, `approval`, `wanted`, `dependencies`, `state`, `breaker`, …
    pub gate: String,
    /// Whether a call comes through.
    pub verdict: Verdict,
    /// What it says, in words for a person.
    pub says: String,
    /// The rule, file and line that decided.
    pub decided_by: Option<String>,
    /// What a person can do about it.
    pub next: Option<String>,
}

/// What a gate does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It comes through.
    Pass,
    /// It comes through, and something is not as it should be.
    Warn,
    /// It is refused.
    Fail,
}

/// One line of a server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// When it was read, UTC.
    pub at: String,
    /// Whose log it is of, where several are shown together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `stderr`, `stdout` or `switchboard`.
    pub stream: String,
    /// The line, safe for a terminal.
    pub text: String,
}

/// `GET /api/limits`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// The limits in force.
    pub limits: Vec<Limit>,
}

/// One limit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// `POST /api/stop` and `POST /api/restart`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Stopping {
    /// Process id of the daemon that is going to end.
    pub pid: u32,
}

/// `POST /api/servers/start`, `stop` and `restart`: every active server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Turned {
    /// How each is now.
    pub servers: Vec<Turn>,
}

/// A server that was started or stopped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Turn {
    /// Its name.
    pub name: String,
    /// Its state now.
    pub state: String,
    /// Why it is not as it was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `GET /api/servers/{name}/wait`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Waited {
    /// Whether the state was reached in time.
    pub reached: bool,
    /// The server at the end of the wait.
    pub server: Server,
}

// === impl Cache ===

impl Cache {
    /// The numbers, with the rate that follows from them.
    #[must_use]
    pub fn new(hits: u64, misses: u64, entries: usize) -> Self {
        let all = hits + misses;
        let hit_rate = if all == 0 { 0.0 } else { (hits as f64 / all as f64 * 1000.0).round() / 1000.0 };
        Self { hits, misses, hit_rate, entries }
    }

    /// The sum.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::new(self.hits + other.hits, self.misses + other.misses, self.entries + other.entries)
    }
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
