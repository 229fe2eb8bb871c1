//! `/api/manager/…`: the manager's operations and statistics (`predecessors.md` section 4.6), which had
//! shapes and no endpoints. They are here what they say; member names are exactly those.

mod figures;
mod operations;
mod words;

use super::answer::Refused;
use super::health::cache_stats;
use crate::routes::servers::describe;
use crate::{Control, find};
use axum::Json;
use axum::extract::State;
use gateway::Snapshot;
use gateway::health::Level;
use gateway::server::{Server, ServerState};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// All of them.
pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(servers, operations::add))
        .routes(routes!(health))
        .routes(routes!(figures::statistics))
        .routes(routes!(figures::performance))
        .routes(routes!(capabilities))
        .routes(routes!(cache, operations::clear_cache))
        .routes(routes!(operations::call))
        .routes(routes!(operations::all))
        .routes(routes!(operations::one))
        .routes(routes!(operations::remove))
}

/// The whole.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Status)]
struct Status {
    /// `false` while it is shutting down.
    manager_running: bool,
    total_servers: usize,
    running_servers: usize,
    /// Running, and healthy or degraded.
    healthy_servers: usize,
    /// Whether any server is in use: those are checked.
    monitoring_active: bool,
    /// Instances of servers that are ready.
    active_connections: usize,
    health_summary: Summary,
}

/// How well servers that are in use are.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = manager::HealthSummary)]
struct Summary {
    /// `healthy`, `degraded`, `unhealthy`, `critical`, `no_servers`; `unknown` where none says anything.
    status: String,
    total_servers: usize,
    healthy_servers: usize,
    degraded_servers: usize,
    unhealthy_servers: usize,
    critical_servers: usize,
    /// Starting or stopped.
    unknown_servers: usize,
    healthy_percentage: f64,
    monitoring_enabled: bool,
}

/// What `status --json` of the manager printed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Servers)]
struct Servers {
    system: Status,
    servers: BTreeMap<String, One>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Server)]
struct One {
    /// `running`, `starting`, `stopping`, `stopped`, `error`, `crashed` or `unknown`.
    status: &'static str,
    /// `healthy`, `degraded`, `unhealthy`, `critical` or `unknown`.
    health: String,
    /// Seconds that it has been ready.
    uptime: f64,
    /// The tools that it offers.
    capabilities: Vec<String>,
}

/// Who can do what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Capabilities)]
struct Capabilities {
    total_capabilities: usize,
    total_servers: usize,
    /// By the servers' own names of their tools.
    capabilities: BTreeMap<String, Capability>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = manager::Capability)]
struct Capability {
    total_servers: usize,
    healthy_servers: usize,
    server_list: Vec<String>,
    healthy_server_list: Vec<String>,
    /// Whether a call can be served now: one of the servers is ready, or sleeps and is woken by it.
    available: bool,
}

/// Kept results of tools.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Cache)]
struct Cache {
    cache_entries: usize,
    /// Whether any server's entry says that results are kept.
    cache_enabled: bool,
    /// The longest of those entries.
    cache_ttl_seconds: f64,
}

/// How the whole is.
#[utoipa::path(get, path = "/api/manager/status", responses((status = OK, body = Status)))]
async fn status(State(control): State<Control>) -> Json<Status> {
    Json(read(&control))
}

/// How the whole and every server is.
#[utoipa::path(get, path = "/api/manager/servers", responses((status = OK, body = Servers)))]
async fn servers(State(control): State<Control>) -> Json<Servers> {
    let (system, snapshot) = (read(&control), Arc::clone(&control.parts.gateway.snapshot()));
    let servers = snapshot.servers.values().map(|server| {
        let said = describe(&snapshot, server);
        let one = One {
            status: words::of(server.status().state),
            health: said.health,
            uptime: said.uptime_ms.map(super::servers::seconds).unwrap_or_default(),
            capabilities: tools(&snapshot, server),
        };
        (said.name, one)
    });
    Json(Servers { system, servers: servers.collect() })
}

/// How well servers are.
#[utoipa::path(get, path = "/api/manager/health", responses((status = OK, body = Summary)))]
async fn health(State(control): State<Control>) -> Json<Summary> {
    Json(summary(&active(&control.parts.gateway.snapshot())))
}

/// Who can do what.
#[utoipa::path(get, path = "/api/manager/capabilities", responses((status = OK, body = Capabilities)))]
async fn capabilities(State(control): State<Control>) -> Json<Capabilities> {
    control.parts.gateway.first_listed().await;
    let snapshot = Arc::clone(&control.parts.gateway.snapshot());
    let mut capabilities: BTreeMap<String, Capability> = BTreeMap::new();
    let servers = active(&snapshot);
    for server in &servers {
        let is_healthy = is_healthy(server);
        let is_there = matches!(server.status().state, ServerState::Ready | ServerState::Asleep);
        for tool in tools(&snapshot, server) {
            let capability = capabilities.entry(tool).or_default();
            capability.server_list.push(server.name.to_string());
            capability.healthy_server_list.extend(is_healthy.then(|| server.name.to_string()));
            capability.available |= is_there;
        }
    }
    for capability in capabilities.values_mut() {
        capability.total_servers = capability.server_list.len();
        capability.healthy_servers = capability.healthy_server_list.len();
    }
    let total_capabilities = capabilities.len();
    Json(Capabilities { total_capabilities, total_servers: servers.len(), capabilities })
}

/// Kept results of tools.
#[utoipa::path(get, path = "/api/manager/cache", responses((status = OK, body = Cache)))]
async fn cache(State(control): State<Control>) -> Json<Cache> {
    let kept = cache_stats(&control).await;
    let snapshot = control.parts.gateway.snapshot();
    let keeping = snapshot.servers.values().filter(|server| server.guards.hits().is_some());
    let longest = keeping.map(|server| server.entry.guards.cache.ttl).max();
    Json(Cache {
        cache_entries: kept.entries,
        cache_enabled: longest.is_some(),
        cache_ttl_seconds: longest.unwrap_or_default().as_secs_f64(),
    })
}

fn read(control: &Control) -> Status {
    let snapshot = control.parts.gateway.snapshot();
    let servers: Vec<_> = snapshot.servers.values().cloned().collect();
    let ready = |server: &Arc<Server>| {
        let instances = server.status().instances;
        instances.iter().filter(|instance| instance.state == supervisor::State::Ready).count()
    };
    let active = active(&snapshot);
    Status {
        manager_running: !control.parts.gateway.is_draining(),
        total_servers: servers.len(),
        running_servers: servers.iter().filter(|server| super::overview::is_running(server.status().state)).count(),
        healthy_servers: servers.iter().filter(|server| is_healthy(server)).count(),
        monitoring_active: !active.is_empty(),
        active_connections: servers.iter().map(ready).sum(),
        health_summary: summary(&active),
    }
}

/// Running, and healthy or degraded (`predecessors.md` section 6.6).
fn is_healthy(server: &Server) -> bool {
    super::overview::is_running(server.status().state)
        && matches!(server.health().level, Level::Healthy | Level::Degraded)
}

/// Servers that are in use.
fn active(snapshot: &Snapshot) -> Vec<Arc<Server>> {
    snapshot.servers.values().filter(|server| server.entry.is_active()).cloned().collect()
}

fn summary(active: &[Arc<Server>]) -> Summary {
    let levels: Vec<Level> = active.iter().map(|server| server.health().level).collect();
    let count = |wanted: Level| levels.iter().filter(|level| **level == wanted).count();
    let healthy = count(Level::Healthy);
    Summary {
        status: levels.iter().max().map_or_else(|| "no_servers".to_owned(), ToString::to_string),
        total_servers: levels.len(),
        healthy_servers: healthy,
        degraded_servers: count(Level::Degraded),
        unhealthy_servers: count(Level::Unhealthy),
        critical_servers: count(Level::Critical),
        unknown_servers: count(Level::Unknown),
        healthy_percentage: words::percentage(healthy, levels.len()),
        monitoring_enabled: !levels.is_empty(),
    }
}

/// The tools that a server offers, by its own names.
fn tools(snapshot: &Snapshot, server: &Server) -> Vec<String> {
    let view = snapshot.catalog.single.get(&server.entry.reduced);
    let mut tools: Vec<String> =
        view.map(|view| view.tool_names().into_iter().map(ToString::to_string).collect()).unwrap_or_default();
    tools.sort();
    tools
}

/// The server that a path names.
fn named(snapshot: &Snapshot, name: &str) -> Result<Arc<Server>, Refused> {
    Ok(Arc::clone(find::server(snapshot, name)?))
}
