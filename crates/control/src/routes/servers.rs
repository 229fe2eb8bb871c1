//! `GET /api/servers` and `/api/servers/{name}`: the declared servers and how they are.

use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::{Path, State};
use config::{Approval, Reach};
use gateway::Snapshot;
use gateway::catalog::{Kind, View};
use gateway::server::{Command, Server};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

pub(crate) async fn all(State(control): State<Control>) -> Json<said::Servers> {
    let snapshot = control.parts.gateway.snapshot();
    Json(said::Servers { servers: snapshot.servers.values().map(|server| describe(&snapshot, server)).collect() })
}

pub(crate) async fn one(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name)?;
    Ok(Json(describe(&snapshot, server)))
}

/// A person signed in or out by another process: the server is told to look. Says how it was then.
pub(crate) async fn sign_in_changed(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<said::Server>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name)?;
    server.tell(Command::SignInChanged);
    Ok(Json(describe(&snapshot, server)))
}

/// Everything that is known of a server.
pub(crate) fn describe(snapshot: &Snapshot, server: &Server) -> said::Server {
    let (entry, status) = (&server.entry, server.status());
    let view = snapshot.catalog.single.get(&entry.reduced);
    let count = |kind: Kind| view.map_or(0, |view: &std::sync::Arc<View>| view.list(kind).count);
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let state = match (entry.enabled, entry.approval) {
        (false, _) => "disabled".to_owned(),
        (true, Approval::Pending) => "pending".to_owned(),
        (true, Approval::Approved) => status.state.to_string(),
    };
    let (transport, target) = match &entry.reach {
        Reach::Stdio { .. } => {
            let command = entry.written.command.iter().chain(&entry.written.args);
            ("stdio", command.map(String::as_str).collect::<Vec<_>>().join(" "))
        }
        remote => (remote.transport(), entry.written.url.clone().unwrap_or_default()),
    };
    let next_try = status.next_try.map(|at| at.saturating_duration_since(Instant::now()).as_millis());
    let hint = status.hint.clone().or_else(|| action(server, &state));
    said::Server {
        name: entry.name.clone(),
        public: entry.reduced.clone(),
        health: status.health().to_owned(),
        era: server.catalog().era.map(|era| era.as_str().to_owned()),
        transport: transport.to_owned(),
        target,
        description: entry.description.clone(),
        tags: entry.tags.clone(),
        tools: count(Kind::Tools),
        prompts: count(Kind::Prompts),
        resources: count(Kind::Resources),
        templates: count(Kind::Templates),
        pid: status.pid,
        calls: read(&server.counters.calls),
        failures: read(&server.counters.failures),
        restarts: read(&server.counters.restarts),
        instances: server.instances(),
        noise_lines: read(&server.counters.noise_lines),
        members_dropped: read(&server.counters.members_dropped),
        since: supervisor::utc(status.since),
        next_try_ms: next_try.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        reason: entry.waits().filter(|_| entry.enabled).or(status.degraded).or(status.reason),
        hint,
        origin: entry.origin.to_string(),
        state,
    }
}

/// What a person can do where the state itself says no more.
fn action(server: &Server, state: &str) -> Option<String> {
    match state {
        "disabled" => Some(format!("set enabled = true at {}", server.entry.origin)),
        "pending" => Some(format!("look at it and decide: switchboard approve {}", server.name)),
        "needs_auth" => Some(format!("switchboard auth login {}", server.name)),
        "failed" | "crash_loop" | "backoff" => Some(format!("see its log: switchboard logs {}", server.name)),
        _ => None,
    }
}
