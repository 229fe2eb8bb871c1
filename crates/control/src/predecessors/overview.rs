//! `GET /api/status`: the predecessor's overview, and the version.

use super::{mebibytes, now, tenths};
use crate::Control;
use axum::Json;
use axum::extract::State;
use gateway::server::ServerState;
use serde::Serialize;
use utoipa::ToSchema;

/// How everything is, in the predecessor's shape.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = predecessors::Status)]
pub(super) struct Status {
    timestamp: String,
    /// Of this program.
    version: String,
    servers: Counts,
    redis: Redis,
    system: System,
}

/// Servers, by whether they run.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = predecessors::Counts)]
struct Counts {
    total: usize,
    running: usize,
    /// All others: one that sleeps, too, though the next call wakes it.
    stopped: usize,
}

/// The cache in use, whichever it is.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = predecessors::RedisStatus)]
struct Redis {
    connected: bool,
    /// `embedded` or `redis`.
    backend: String,
    /// Of Redis, or `embedded`.
    version: Option<String>,
    uptime_days: u64,
    used_memory_mb: f64,
    /// Of all namespaces; in Redis of the whole database.
    total_keys: u64,
    connected_clients: u64,
    ops_per_sec: f64,
}

/// The machine. Nothing where the system does not tell.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = predecessors::System)]
struct System {
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    disk_percent: Option<f64>,
}

/// How everything is, in the predecessor's shape.
#[utoipa::path(get, path = "/api/status", responses((status = OK, body = Status)))]
pub(super) async fn status(State(control): State<Control>) -> Json<Status> {
    Json(read(&control).await)
}

/// The same without HTTP.
pub(super) async fn read(control: &Control) -> Status {
    let states: Vec<ServerState> = {
        let snapshot = control.parts.gateway.snapshot();
        snapshot.servers.values().map(|server| server.status().state).collect()
    };
    let running = states.iter().filter(|state| is_running(**state)).count();
    let servers = Counts { total: states.len(), running, stopped: states.len() - running };
    let (redis, system) = tokio::join!(redis(control), system(control));
    Status { timestamp: now(), version: env!("CARGO_PKG_VERSION").to_owned(), servers, redis, system }
}

/// The predecessor's two words for the state of a server. Where calls are finished yet, it runs.
pub(super) fn is_running(state: ServerState) -> bool {
    matches!(state, ServerState::Ready | ServerState::Draining)
}

async fn redis(control: &Control) -> Redis {
    let cache = &control.parts.cache;
    let backend = super::redis::backend(cache);
    match cache.info().await {
        Err(_) => Redis { backend: backend.to_owned(), ..Redis::default() },
        Ok(info) => Redis {
            connected: true,
            backend: backend.to_owned(),
            version: Some(super::redis::version(&info)),
            uptime_days: info.uptime.as_secs() / super::redis::DAY_SECONDS,
            used_memory_mb: mebibytes(info.used_memory_bytes),
            total_keys: info.keys,
            connected_clients: info.connected_clients,
            ops_per_sec: tenths(info.commands_per_second),
        },
    }
}

async fn system(control: &Control) -> System {
    let (meter, data) = (control.host.clone(), control.parts.data.clone());
    // Files of the system and a disk: apart from those who serve calls.
    let usage = tokio::task::spawn_blocking(move || meter.read(&data)).await.ok();
    System {
        cpu_percent: usage.and_then(|usage| usage.cpu_percent),
        memory_percent: usage.and_then(|usage| usage.memory_percent),
        disk_percent: usage.and_then(|usage| usage.disk_percent),
    }
}
