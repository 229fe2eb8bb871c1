//! `GET /api/servers`: what is known of every server, with the members of the predecessor's list beside
//! ours.

use super::overview::is_running;
use crate::routes::servers::describe_all;
use crate::{Control, said};
use axum::Json;
use axum::extract::State;
use config::Reach;
use gateway::server::Server as Running;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// Every declared server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Servers)]
pub(super) struct Servers {
    servers: Vec<Server>,
}

/// One declared server: our members and the predecessor's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Server)]
pub(super) struct Server {
    #[serde(flatten)]
    own: said::Server,
    /// Its name, as the paths here take it.
    key: String,
    /// `running` or `stopped`; `state` says more.
    status: &'static str,
    /// Whether every variable that it names has a value.
    env_configured: bool,
    /// The variables that its entry names.
    required_env_vars: Vec<String>,
    /// The file that its log goes to.
    log_file: Option<String>,
    details: Details,
}

/// The process of a server, where it runs as one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::ServerDetails)]
struct Details {
    pid: Option<u32>,
    /// Seconds that it has been ready.
    uptime: Option<f64>,
    memory_mb: Option<f64>,
    /// Of one core.
    cpu_percent: Option<f64>,
}

/// Everything that is known of every server.
#[utoipa::path(get, path = "/api/servers", responses((status = OK, body = Servers)))]
pub(super) async fn all(State(control): State<Control>) -> Json<Servers> {
    Json(read(&control).await)
}

/// The same without HTTP.
pub(super) async fn read(control: &Control) -> Servers {
    let snapshot = Arc::clone(&control.parts.gateway.snapshot());
    let said = describe_all(&control.parts.gateway, Arc::clone(&snapshot)).await;
    let servers = said.into_iter().zip(snapshot.servers.values()).map(|(own, server)| described(own, server));
    Servers { servers: servers.collect() }
}

fn described(own: said::Server, server: &Running) -> Server {
    let variables = variables(&server.entry);
    let details = Details {
        pid: own.pid,
        uptime: own.uptime_ms.map(seconds),
        memory_mb: own.memory_kib.map(|kib| super::mebibytes(kib * 1024)),
        cpu_percent: own.cpu_percent,
    };
    Server {
        key: own.name.clone(),
        status: if is_running(server.status().state) { "running" } else { "stopped" },
        env_configured: variables.values().all(|set| *set),
        required_env_vars: variables.into_keys().collect(),
        log_file: server.log.path().map(|path| path.display().to_string()),
        details,
        own,
    }
}

/// Milliseconds as seconds, with one decimal.
pub(super) fn seconds(ms: u64) -> f64 {
    super::tenths(ms as f64 / 1000.0)
}

/// The variables that an entry names, and whether each has a value. What the value is, nobody is told.
pub(super) fn variables(entry: &config::Server) -> BTreeMap<String, bool> {
    let mut variables = BTreeMap::new();
    if let Some(runs) = entry.runs() {
        variables.extend(runs.env.iter().map(|(name, value)| (name.clone(), !value.expose_secret().is_empty())));
        // The entry's own wins over ours.
        for name in runs.inherit_env {
            let set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
            variables.entry(name.clone()).or_insert(set);
        }
    }
    if let Reach::Builtin { env, .. } = &entry.reach {
        variables.extend(env.iter().map(|(name, value)| (name.clone(), !value.expose_secret().is_empty())));
    }
    variables
}
