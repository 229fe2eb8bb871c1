//! What `/api/health` and `/api/capabilities` answer.

use protocol::Raw;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst level of the servers that are in use; `unknown` where none says anything.
    pub overall: String,
    /// Every declared server.
    pub servers: Vec<ServerHealth>,
}

/// The health of one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServerHealth {
    /// Name as declared.
    pub name: String,
    /// Its state, as in `status`.
    pub state: String,
    /// Whether it is in use: enabled and approved.
    pub active: bool,
    /// `healthy`, `degraded`, `unhealthy`, `critical` or `unknown`.
    pub level: String,
    /// Why.
    pub reason: String,
    /// What is done about it, or what a person can do.
    pub action: String,
    /// Since when, UTC.
    pub since: String,
    /// What a check is: `protocol`, `command`, `http` or `tool`.
    pub check: String,
    /// When it was checked last, UTC.
    pub checked: Option<String>,
    /// How long the last answer took, in milliseconds.
    pub response_ms: Option<f64>,
    /// Half of the answers took no longer, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95 of a hundred took no longer.
    pub p95_ms: Option<f64>,
    /// 99 of a hundred took no longer.
    pub p99_ms: Option<f64>,
    /// Checks that are remembered: at most 100.
    pub checks: usize,
    /// Good ones among them.
    pub good: usize,
    /// Ones with a slow answer.
    pub slow: usize,
    /// Ones that failed.
    pub failed: usize,
    /// What the last one that failed said.
    pub last_error: Option<String>,
    /// How often it was restarted or connected to again because it was not well.
    pub recoveries: u64,
}

/// `GET /api/health/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthHistory {
    /// How it is.
    pub server: ServerHealth,
    /// The last checks, the oldest first.
    pub history: Vec<HealthCheck>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthCheck {
    /// When it began, UTC.
    pub at: String,
    /// `good`, `slow`, `timeout`, `not_connected`, `signed_out` or `failed`.
    pub result: String,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// What was wrong.
    pub why: Option<String>,
}

/// `GET /api/capabilities`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Capabilities {
    /// Every declared server.
    pub servers: Vec<ServerCapabilities>,
}

/// What one server can do, as it said last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServerCapabilities {
    /// Name as declared.
    pub name: String,
    /// Its state.
    pub state: String,
    /// Its level of health.
    pub health: String,
    /// Whether a call can be served now: it is ready, or asleep and woken by the call.
    pub available: bool,
    /// `modern` or `legacy`, once it is known.
    pub era: Option<String>,
    /// Its own name and version.
    #[schema(value_type = Option<Object>)]
    pub server_info: Option<Raw>,
    /// Its capabilities in the words of the protocol.
    #[schema(value_type = Object)]
    pub capabilities: Raw,
    /// Tools that are offered.
    pub tools: usize,
    /// Prompts.
    pub prompts: usize,
    /// Resources.
    pub resources: usize,
    /// Resource templates.
    pub templates: usize,
}
