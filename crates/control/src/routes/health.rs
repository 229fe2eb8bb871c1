//! `GET /api/health`, `/api/health/{name}` and `/api/capabilities`: how well the servers are, what
//! their checks brought, and what they can do.

use super::servers::describe;
use crate::asked::Path;
use crate::{Control, Problem, find, said};
use axum::Json;
use axum::extract::State;
use gateway::Snapshot;
use gateway::health::{Check, Checks, Level};
use gateway::server::Server;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(one)).routes(routes!(capabilities))
}

/// How well the servers are, all together and each.
pub(crate) fn all(control: &Control) -> said::Health {
    let snapshot = control.parts.gateway.snapshot();
    let active = snapshot.servers.values().filter(|server| server.entry.is_active());
    let overall = active.map(|server| server.health().level).max().unwrap_or(Level::Unknown);
    let servers = snapshot.servers.values().map(|server| health(&snapshot, server, &server.checks())).collect();
    said::Health { overall: overall.to_string(), servers }
}

/// How well one server is, with its last checks.
#[utoipa::path(get, path = "/api/health/{name}", responses((status = OK, description = "The server", body = said::HealthHistory)))]
async fn one(State(control): State<Control>, Path(name): Path<String>) -> Result<Json<said::HealthHistory>, Problem> {
    let snapshot = control.parts.gateway.snapshot();
    let server = find::server(&snapshot, &name)?;
    let checks = server.checks();
    let history = checks.history.iter().map(|check| said::HealthCheck {
        at: supervisor::utc(check.at),
        result: check.result.to_owned(),
        took_ms: ms(check.took),
        why: check.why.clone(),
    });
    Ok(Json(said::HealthHistory { server: health(&snapshot, server, &checks), history: history.collect() }))
}

/// What the servers can do, as they said last.
#[utoipa::path(get, path = "/api/capabilities", responses((status = OK, description = "Every declared server", body = said::Capabilities)))]
async fn capabilities(State(control): State<Control>) -> Json<said::Capabilities> {
    let gateway = &control.parts.gateway;
    gateway.first_listed().await;
    let snapshot = gateway.snapshot();
    let servers = snapshot.servers.values().map(|server| {
        let (said, catalog) = (describe(&snapshot, server), server.catalog());
        said::ServerCapabilities {
            name: said.name,
            available: matches!(said.state.as_str(), "ready" | "asleep"),
            state: said.state,
            health: said.health,
            era: said.era,
            server_info: catalog.server_info.clone(),
            capabilities: catalog.capabilities.clone(),
            tools: said.tools,
            prompts: said.prompts,
            resources: said.resources,
            templates: said.templates,
        }
    });
    Json(said::Capabilities { servers: servers.collect() })
}

fn health(snapshot: &Snapshot, server: &Server, checks: &Checks) -> said::ServerHealth {
    let said = describe(snapshot, server);
    let counted = |wanted: fn(&Check) -> bool| checks.history.iter().filter(|check| wanted(check)).count();
    let last = checks.history.last();
    let answer = checks.history.iter().rev().find(|check| check.is_answer());
    let error = checks.history.iter().rev().find(|check| !check.is_answer());
    said::ServerHealth {
        active: server.entry.is_active(),
        level: said.health,
        reason: said.health_reason,
        action: said.health_action,
        since: supervisor::utc(server.health().since),
        check: server.entry.health.check.word().to_owned(),
        checked: last.map(|check| supervisor::utc(check.at)),
        response_ms: answer.map(|check| ms(check.took)),
        p50_ms: checks.percentiles.map(|times| ms(times.p50)),
        p95_ms: checks.percentiles.map(|times| ms(times.p95)),
        p99_ms: checks.percentiles.map(|times| ms(times.p99)),
        checks: checks.history.len(),
        good: counted(|check| check.result == "good"),
        slow: counted(|check| check.result == "slow"),
        failed: counted(|check| !check.is_answer()),
        last_error: error.and_then(|check| check.why.clone()),
        recoveries: checks.recoveries,
        name: said.name,
        state: said.state,
    }
}

/// Milliseconds with two decimals: more is noise.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}
