//! `GET /api/redis/stats`: what the cache in use says of itself, be it in this process or in Redis.

use super::answer::{Answer, Refused};
use super::{mebibytes, tenths};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use protocol::ErrorKind;
use serde::Serialize;
use std::collections::BTreeMap;
use store::cache::{Backend, Cache, CacheError, Info};
use utoipa::ToSchema;

/// Seconds of a day.
pub(super) const DAY_SECONDS: u64 = 24 * 3600;

/// The cache in figures, in the predecessor's shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::RedisStats)]
pub(super) struct Stats {
    server: Server,
    memory: Memory,
    clients: Clients,
    stats: Counted,
    /// The database in use: `db0` and the like of Redis, or `embedded`.
    keyspace: BTreeMap<String, Keyspace>,
    total_keys: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::RedisServer)]
struct Server {
    /// Of Redis, or `embedded`.
    version: String,
    uptime_seconds: u64,
    uptime_days: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::RedisMemory)]
struct Memory {
    used_memory_mb: f64,
    used_memory_peak_mb: f64,
    memory_fragmentation_ratio: f64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::RedisClients)]
struct Clients {
    connected_clients: u64,
    blocked_clients: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::RedisCounted)]
struct Counted {
    total_connections_received: u64,
    total_commands_processed: u64,
    ops_per_sec: f64,
    keyspace_hits: u64,
    keyspace_misses: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Keyspace)]
struct Keyspace {
    keys: u64,
    /// Those that end by themselves.
    expires: u64,
    /// Milliseconds that those stay on average.
    avg_ttl: u64,
}

/// What the cache in use says of itself.
#[utoipa::path(get, path = "/api/redis/stats", responses((status = OK, body = Stats)))]
pub(super) async fn stats(State(control): State<Control>) -> Answer<Stats> {
    let info = control.parts.cache.info().await.map_err(|error| refused(&error))?;
    let average = info.average_ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let keyspace = Keyspace { keys: info.keys, expires: info.expires, avg_ttl: average };
    Ok(Json(Stats {
        server: Server {
            version: version(&info),
            uptime_seconds: info.uptime.as_secs(),
            uptime_days: info.uptime.as_secs() / DAY_SECONDS,
        },
        memory: Memory {
            used_memory_mb: mebibytes(info.used_memory_bytes),
            used_memory_peak_mb: mebibytes(info.peak_memory_bytes),
            memory_fragmentation_ratio: info.fragmentation,
        },
        clients: Clients { connected_clients: info.connected_clients, blocked_clients: info.blocked_clients },
        stats: Counted {
            total_connections_received: info.connections,
            total_commands_processed: info.commands,
            ops_per_sec: tenths(info.commands_per_second),
            keyspace_hits: info.hits,
            keyspace_misses: info.misses,
        },
        keyspace: BTreeMap::from([(info.database.clone(), keyspace)]),
        total_keys: info.keys,
    }))
}

/// `embedded` or `redis`.
pub(super) fn backend(cache: &Cache) -> &'static str {
    match cache.backend() {
        Backend::Embedded => "embedded",
        Backend::Redis => "redis",
    }
}

/// The version of Redis; the cache in this process has none of its own.
pub(super) fn version(info: &Info) -> String {
    match info.backend {
        Backend::Embedded => "embedded".to_owned(),
        Backend::Redis => info.version.clone(),
    }
}

/// What a failure of the cache means: 503 where Redis is to blame.
pub(super) fn refused(error: &CacheError) -> Refused {
    let problem = match error.is_outage() {
        true => Problem { status: 503, ..Problem::new(ErrorKind::UpstreamDown, error.to_string()) }
            .hint("check that Redis runs where `cache.url` points: switchboard cache ping"),
        false => super::answer::bad(error),
    };
    problem.into()
}
