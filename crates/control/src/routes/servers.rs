//! `GET /api/servers` and `/api/servers/{name}`: the declared servers and how they are.

use super::guards::cache_of;
use crate::asked::Path;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::State;
use config::Layer;
use gateway::catalog::{Kind, View};
use gateway::health::Level;
use gateway::server::{Command, InstanceStatus, Server, ServerState, Status};
use gateway::{Gateway, Snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use supervisor::Usage;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(one)).routes(routes!(sign_in_changed))
}

/// One server and how it is.
#[utoipa::path(get, path = "/api/servers/{name}", responses((status = OK, description = "The server", body = said::Server)))]
async fn one(State(control): State<Control>, Path(name): Path<String>) -> Result<Json<said::Server>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name)?;
    let cache = cache_of(&control.parts.gateway, server).await;
    Ok(Json(said::Server { cache, ..describe(&snapshot, server) }))
}

/// Everything that is known of every server.
pub(crate) async fn describe_all(gateway: &Gateway, snapshot: Arc<Snapshot>) -> Vec<said::Server> {
    let looked_at = snapshot.clone();
    let describing = move || looked_at.servers.values().map(|server| describe(&looked_at, server)).collect();
    // Apart from those who serve calls: what processes use stands in many small files.
    let mut servers: Vec<said::Server> = tokio::task::spawn_blocking(describing).await.unwrap_or_default();
    for (said, server) in servers.iter_mut().zip(snapshot.servers.values()) {
        said.cache = cache_of(gateway, server).await;
    }
    servers
}

/// Tell a server that a person signed in or out by another process.
///
/// It is told to look. The answer says how it was before.
#[utoipa::path(post, path = "/api/servers/{name}/sign-in", responses((status = OK, description = "The server as it was", body = said::Server)))]
async fn sign_in_changed(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name)?;
    server.tell(Command::SignInChanged);
    Ok(Json(describe(&snapshot, server)))
}

/// What is read from the system about a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// What its processes use.
    pub(crate) usage: Option<Usage>,
    /// See [`said::Server::drift`].
    pub(crate) drift: Option<String>,
}

/// Asks the system about a server: reads some small files.
pub(crate) fn measure(server: &Server) -> Measured {
    let status = server.status();
    Measured { usage: usage(&status), drift: drift(&server.entry.name, &status) }
}

/// Everything that is known of a server, but what is kept of its results.
pub(crate) fn describe(snapshot: &Snapshot, server: &Server) -> said::Server {
    describe_with(snapshot, server, measure(server))
}

/// The same with what was measured before: it asks nobody.
pub(crate) fn describe_with(snapshot: &Snapshot, server: &Server, measured: Measured) -> said::Server {
    let (entry, status, health) = (&server.entry, server.status(), server.health());
    let view = snapshot.catalog.single.get(&entry.reduced);
    let count = |kind: Kind| view.map_or(0, |view: &Arc<View>| view.list(kind).count);
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let written = &entry.written;
    let words = written.image.iter().chain(&written.command).chain(&written.args).chain(&written.url);
    let target = words.map(String::as_str).collect::<Vec<_>>().join(" ");
    let usage = measured.usage;
    let next_try = status.next_try.map(|at| at.saturating_duration_since(Instant::now()).as_millis());
    // What the checks found, where the state itself has nothing to say.
    let found = (status.state == ServerState::Ready && health.level > Level::Healthy).then(|| health.clone());
    let own_hint = status.hint.clone().or_else(|| action(server, status.state));
    let health_action = if entry.is_active() { None } else { own_hint.clone() };
    let hint = own_hint.or_else(|| found.as_ref().map(|found| found.action.clone()));
    said::Server {
        name: entry.name.clone(),
        public: entry.reduced.clone(),
        health: health.level.to_string(),
        health_reason: health.reason,
        health_action: health_action.unwrap_or(health.action),
        era: server.catalog().era.map(|era| era.as_str().to_owned()),
        transport: entry.reach.transport().to_owned(),
        target,
        description: entry.description.clone(),
        tags: entry.tags.clone(),
        tools: count(Kind::Tools),
        prompts: count(Kind::Prompts),
        resources: count(Kind::Resources),
        templates: count(Kind::Templates),
        pid: status.pid,
        memory_kib: usage.map(|usage| usage.memory_bytes / 1024),
        cpu_percent: usage.map(|usage| (usage.cpu_percent * 10.0).round() / 10.0),
        processes: usage.map(|usage| usage.processes),
        not_enforced: not_enforced(&status),
        drift: measured.drift,
        calls: read(&server.counters.calls),
        failures: read(&server.counters.failures),
        restarts: read(&server.counters.restarts),
        instances: server.instances(),
        instance_states: status.instances.iter().map(|instance| described(server, instance)).collect(),
        uptime_ms: server.uptime().map(|uptime| u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)),
        noise_lines: read(&server.counters.noise_lines),
        members_dropped: read(&server.counters.members_dropped),
        since: supervisor::utc(status.since),
        in_state_ms: status.since.elapsed().map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        next_try_ms: next_try.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        reason: entry
            .waits()
            .filter(|_| entry.enabled)
            .or(status.degraded)
            .or(status.reason)
            .or(found.map(|found| found.reason)),
        hint,
        origin: entry.origin.to_string(),
        in_flight: server.guards.outstanding(),
        group: entry.guards.group.as_ref().map(|group| group.name.clone()),
        breaker: server.guards.breaker(),
        changed_tools: server.guards.unapproved().into_iter().map(|unapproved| unapproved.tool).collect(),
        cache: None,
        state: status.state.to_string(),
    }
}

/// What all instances together use.
fn usage(status: &Status) -> Option<Usage> {
    let meters = status.instances.iter().filter_map(|instance| instance.meter.as_ref()?.read());
    meters.reduce(|sum, one| Usage {
        memory_bytes: sum.memory_bytes + one.memory_bytes,
        cpu_percent: sum.cpu_percent + one.cpu_percent,
        processes: sum.processes + one.processes,
    })
}

/// The limits that this host cannot enforce: the same for every instance.
fn not_enforced(status: &Status) -> Vec<String> {
    let meter = status.instances.iter().find_map(|instance| instance.meter.as_ref());
    meter.map(|meter| meter.not_enforced().to_vec()).unwrap_or_default()
}

/// Whether what would be started now is not what runs, and what to do about it.
fn drift(name: &str, status: &Status) -> Option<String> {
    let mut meters = status.instances.iter().filter_map(|instance| instance.meter.as_ref());
    let place = meters.find_map(|meter| meter.replaced_program())?.display();
    Some(format!("its program {place} changed since it was started; run the new one: switchboard restart {name}"))
}

fn described(server: &Server, instance: &InstanceStatus) -> said::Instance {
    said::Instance {
        index: instance.index + 1,
        state: instance.state.to_string(),
        pid: instance.pid,
        in_flight: server.in_flight(instance.index),
        restarts: instance.restarts,
        reason: instance.reason.as_deref().map(str::to_owned),
    }
}

/// What a person can do where the state itself says no more.
pub(crate) fn action(server: &Server, state: ServerState) -> Option<String> {
    match state {
        // The file of another tool is not ours to change.
        ServerState::Disabled if server.entry.origin.layer == Layer::Found => {
            Some(format!("switch it on at {}", server.entry.origin))
        }
        ServerState::Disabled => Some(format!("use it again: switchboard enable {}", server.name)),
        ServerState::Pending => Some(format!("look at it and decide: switchboard approve {}", server.name)),
        ServerState::NeedsAuth => Some(format!("switchboard auth login {}", server.name)),
        ServerState::Stopped => Some(format!("switchboard start {}", server.name)),
        ServerState::Failed | ServerState::CrashLoop | ServerState::Backoff => {
            Some(format!("see its log: switchboard logs {}", server.name))
        }
        _ => None,
    }
}
