//! The overview: what a person wants to know at one glance, put together from what is known of servers,
//! calls and the machine. It looks at values and asks nobody.

use super::figures::{Disk, Figures};
use super::history::Pulse;
use crate::said;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Things that need a person are told of up to this many.
const ATTENTION_MAX: usize = 64;
/// A disk with less than this part of it free needs a person.
const DISK_FREE_MIN: f64 = 0.05;

/// Everything at one glance.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(crate) at: String,
    pub(crate) version: &'static str,
    pub(crate) uptime_ms: u64,
    pub(crate) servers: ServerCounts,
    pub(crate) attention: Vec<Value>,
    pub(crate) calls_per_minute: u64,
    pub(crate) error_rate: f64,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) in_flight: usize,
    pub(crate) sessions: usize,
    pub(crate) catalog: CatalogSize,
    pub(crate) breakers_open: Vec<String>,
    pub(crate) cache: CacheSize,
    pub(crate) disk: Option<Disk>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) records_dropped: u64,
    pub(crate) draining: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) configuration: Option<String>,
}

/// How many servers are in each state.
#[derive(Debug, Serialize)]
pub(crate) struct ServerCounts {
    total: usize,
    by_state: BTreeMap<String, usize>,
}

/// What the definitions of all tools cost a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CatalogSize {
    pub(crate) tools: usize,
    pub(crate) tokens: usize,
    pub(crate) estimated: bool,
}

/// The cache in numbers.
#[derive(Debug, Serialize)]
pub(crate) struct CacheSize {
    backend: &'static str,
    connected: bool,
    hits: u64,
    misses: u64,
    hit_rate: f64,
    entries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
}

/// What is known of the switchboard itself.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) at: String,
    pub(crate) uptime_ms: u64,
    pub(crate) sessions: usize,
    pub(crate) records_dropped: u64,
    pub(crate) draining: bool,
    pub(crate) configuration: Option<String>,
    pub(crate) found: Vec<said::Found>,
    pub(crate) catalog: CatalogSize,
}

// === impl Overview ===

impl Overview {
    /// Puts it together.
    pub(crate) fn of(servers: &[&said::Server], own: Own, pulse: Pulse, figures: &Figures) -> Self {
        let mut by_state = BTreeMap::new();
        for server in servers {
            *by_state.entry(server.state.clone()).or_default() += 1;
        }
        let cache = servers.iter().filter_map(|server| server.cache).fold(said::Cache::default(), said::Cache::and);
        let state = figures.cache();
        let mut attention: Vec<Value> = own.configuration.iter().map(|text| refused(text)).collect();
        attention.extend(figures.disk().and_then(full));
        attention.extend(servers.iter().flat_map(|server| needs(server)));
        attention.extend(own.found.iter().map(found));
        attention.truncate(ATTENTION_MAX);
        Self {
            at: own.at,
            version: env!("CARGO_PKG_VERSION"),
            uptime_ms: own.uptime_ms,
            servers: ServerCounts { total: servers.len(), by_state },
            attention,
            calls_per_minute: pulse.calls_per_minute,
            error_rate: pulse.error_rate,
            p95_ms: pulse.p95_ms,
            in_flight: servers.iter().map(|server| server.in_flight).sum(),
            sessions: own.sessions,
            catalog: own.catalog,
            breakers_open: servers
                .iter()
                .filter(|server| server.breaker.is_some())
                .map(|server| server.name.clone())
                .collect(),
            cache: CacheSize {
                backend: if state.is_redis { "redis" } else { "embedded" },
                connected: state.connected,
                hits: cache.hits,
                misses: cache.misses,
                hit_rate: cache.hit_rate,
                entries: state.entries,
                memory_bytes: state.memory_bytes,
            },
            disk: figures.disk(),
            memory_bytes: figures.memory_bytes(),
            cpu_percent: figures.cpu_percent(),
            records_dropped: own.records_dropped,
            draining: own.draining,
            configuration: own.configuration,
        }
    }
}

fn action(path: String, label: &str) -> Value {
    json!({ "method": "POST", "path": path, "label": label })
}

fn refused(text: &str) -> Value {
    json!({
        "kind": "configuration",
        "text": format!("the configuration on disk is not in force: {text}"),
        "command": "switchboard config check",
        "action": action("/api/reload".to_owned(), "Read it again"),
    })
}

fn full(disk: Disk) -> Option<Value> {
    let is_full = (disk.free_bytes as f64) < disk.total_bytes as f64 * DISK_FREE_MIN;
    let left = disk.free_bytes / (1024 * 1024);
    is_full.then(|| json!({ "kind": "disk", "text": format!("the disk of the data folder has {left} MiB left") }))
}

fn found(found: &said::Found) -> Value {
    json!({
        "kind": "found",
        "server": found.name,
        "text": format!("{} declares `{}`, and nobody approved it", found.file, found.name),
        "command": format!("switchboard approve {}", found.name),
    })
}

/// What a person should do about a server.
fn needs(server: &said::Server) -> Vec<Value> {
    let name = &server.name;
    let because = |otherwise: &str| server.reason.clone().unwrap_or_else(|| otherwise.to_owned());
    let restart = || action(format!("/api/servers/{name}/restart"), "Restart");
    let of = |kind: &str, text: String, command: String| json!({ "kind": kind, "server": name, "text": text, "command": command });
    let acted = |mut need: Value, action: Value| {
        need["action"] = action;
        need
    };
    let logs = || format!("switchboard logs {name}");
    let mut needs = Vec::new();
    match server.state.as_str() {
        "pending" => needs.push(of("approval", because("nobody approved it"), format!("switchboard approve {name}"))),
        "needs_auth" => {
            needs.push(of("sign_in", because("a person must sign in"), format!("switchboard auth login {name}")));
        }
        "failed" | "crash_loop" => needs.push(acted(of(&server.state, because("it failed"), logs()), restart())),
        "ready" if matches!(server.health.as_str(), "unhealthy" | "critical") => {
            needs.push(acted(of("health", server.health_reason.clone(), logs()), restart()));
        }
        _ => {}
    }
    if server.breaker.is_some() {
        needs.push(acted(
            of("breaker", "its breaker is open: it keeps failing, and calls are refused".into(), logs()),
            restart(),
        ));
    }
    if !server.changed_tools.is_empty() {
        let text = format!("tools are not as they were approved: {}", server.changed_tools.join(", "));
        let approve = action(format!("/api/servers/{name}/approve-tools"), "Approve the tools");
        needs.push(acted(of("tools_changed", text, format!("switchboard approve --tools {name}")), approve));
    }
    if let Some(drift) = &server.drift {
        needs.push(acted(of("drift", drift.clone(), format!("switchboard restart {name}")), restart()));
    }
    needs
}
