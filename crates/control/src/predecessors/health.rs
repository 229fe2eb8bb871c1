//! `GET /api/health` and `GET /api/status/{service}`: our health with the members of the predecessor's, all
//! of them true (S1-06): the status is what checks, breakers and the cache say together.

use super::answer::{Answer, Refused};
use super::now;
use crate::asked::Path;
use crate::routes;
use crate::{Control, find, said};
use axum::Json;
use axum::extract::State;
use gateway::Snapshot;
use gateway::health::Level;
use gateway::server::{Server, ServerState};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How well everything is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Health)]
pub(super) struct Health {
    #[serde(flatten)]
    own: said::Health,
    /// `healthy`, `degraded` or `unhealthy`.
    status: &'static str,
    timestamp: String,
    /// Every server.
    connections: BTreeMap<String, Connection>,
    /// Tools that are offered.
    available_tools: usize,
    /// Kept results of tools.
    cache_stats: said::Cache,
    /// The breaker of every server.
    breakers: BTreeMap<String, Breaker>,
}

/// How well a server is reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Connection)]
struct Connection {
    connected: bool,
    /// When it was checked last.
    last_activity: Option<String>,
    /// 0 to 1: good checks count whole and slow ones half, of those that are remembered.
    health_score: f64,
    /// Of a remote server, as it is written in its entry.
    url: Option<String>,
}

/// How well one server is reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::ServiceStatus)]
pub(super) struct Service {
    service: String,
    #[serde(flatten)]
    connection: Connection,
    /// Why it is not connected or not well.
    error: Option<String>,
}

/// The breaker of a server.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Breaker)]
pub(super) struct Breaker {
    /// `closed`, `open` or `half_open`.
    state: &'static str,
    /// Why it is not closed, and when calls are tried again.
    says: Option<String>,
}

/// How well everything is.
#[utoipa::path(get, path = "/api/health", responses((status = OK, body = Health)))]
pub(super) async fn all(State(control): State<Control>) -> Json<Health> {
    let own = routes::health::all(&control);
    // The cache in this process is always there.
    let reached = control.parts.cache.ping().await.is_ok();
    let cache_stats = cache_stats(&control).await;
    let snapshot = control.parts.gateway.snapshot();
    let active: Vec<_> = snapshot.servers.values().filter(|server| server.entry.is_active()).collect();
    let is_open = active.iter().any(|server| server.guards.breaker().is_some());
    let levels = active.iter().map(|server| server.health().level);
    Json(Health {
        status: overall(levels, reached && !is_open),
        timestamp: now(),
        connections: snapshot.servers.values().map(|server| (server.name.to_string(), connection(server))).collect(),
        available_tools: tools(&snapshot),
        cache_stats,
        breakers: breakers(&snapshot),
        own,
    })
}

/// How well one server is reached.
#[utoipa::path(get, path = "/api/status/{service}", params(("service" = String, Path)), responses((status = OK, body = Service)))]
pub(super) async fn one(State(control): State<Control>, Path(name): Path<String>) -> Answer<Service> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name).map_err(Refused::from)?;
    let health = server.health();
    let is_well = server.status().state == ServerState::Ready && health.level == Level::Healthy;
    Ok(Json(Service {
        service: server.name.to_string(),
        connection: connection(server),
        error: (!is_well).then_some(health.reason),
    }))
}

/// The worst that is in use decides. One that says nothing since it is starting or stopped does not; where
/// none says anything, nobody knows that it is well.
fn overall(levels: impl Iterator<Item = Level>, rest_is_well: bool) -> &'static str {
    let worst = levels.max();
    match worst {
        Some(Level::Unhealthy | Level::Critical) => "unhealthy",
        Some(Level::Degraded | Level::Unknown) => "degraded",
        Some(Level::Healthy) | None if rest_is_well => "healthy",
        Some(Level::Healthy) | None => "degraded",
    }
}

fn connection(server: &Server) -> Connection {
    let checks = server.checks().history;
    Connection {
        connected: server.status().state == ServerState::Ready,
        last_activity: checks.last().map(|check| supervisor::utc(check.at)),
        health_score: score(checks.iter().map(|check| check.result), server.health().level),
        url: server.entry.written.url.clone(),
    }
}

/// 0 to 1; before the first check what is known of it.
fn score<'a>(results: impl ExactSizeIterator<Item = &'a str>, level: Level) -> f64 {
    let count = results.len();
    if count == 0 {
        return if level == Level::Healthy { 1.0 } else { 0.0 };
    }
    let sum: f64 =
        results.map(|result| if result == "good" { 1.0 } else { f64::from(u8::from(result == "slow")) / 2.0 }).sum();
    (sum / count as f64 * 100.0).round() / 100.0
}

/// Kept results of all servers in sum.
pub(super) async fn cache_stats(control: &Control) -> said::Cache {
    let gateway = &control.parts.gateway;
    let servers: Vec<_> = gateway.snapshot().servers.values().cloned().collect();
    let mut sum = said::Cache::default();
    for server in servers {
        if let Some(one) = routes::guards::cache_of(gateway, &server).await {
            sum = sum.and(one);
        }
    }
    sum
}

/// The breaker of every server.
pub(super) fn breakers(snapshot: &Snapshot) -> BTreeMap<String, Breaker> {
    let servers = snapshot.servers.values();
    let breaker = |server: &Server| match server.guards.breaker() {
        None => Breaker { state: "closed", says: None },
        says if server.guards.is_open() => Breaker { state: "open", says },
        says => Breaker { state: "half_open", says },
    };
    servers.map(|server| (server.name.to_string(), breaker(server))).collect()
}

/// Tools that are offered.
pub(super) fn tools(snapshot: &Snapshot) -> usize {
    snapshot.catalog.all.tool_names().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_nothing_is_healthy_by_default() {
        let of = |levels: &[Level], rest| overall(levels.iter().copied(), rest);
        assert_eq!(of(&[], true), "healthy");
        assert_eq!(of(&[Level::Healthy, Level::Unknown], true), "healthy", "one was stopped by a person");
        assert_eq!(of(&[Level::Healthy], false), "degraded");
        assert_eq!(of(&[Level::Unknown], true), "degraded");
        assert_eq!(of(&[Level::Healthy, Level::Degraded], true), "degraded");
        assert_eq!(of(&[Level::Healthy, Level::Unhealthy], true), "unhealthy");
        assert_eq!(of(&[Level::Critical], true), "unhealthy");
    }

    #[test]
    fn the_score_is_that_of_the_checks() {
        let score = |results: &[&'static str], level| super::score(results.iter().copied(), level);
        assert_eq!(score(&["good", "slow", "timeout", "good"], Level::Healthy), 0.63);
        assert_eq!((score(&[], Level::Healthy), score(&[], Level::Unknown)), (1.0, 0.0));
    }
}
