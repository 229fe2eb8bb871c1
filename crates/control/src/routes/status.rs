//! `GET /api/overview`: everything that a person wants to know first.

use super::{memory, servers};
use crate::{Control, said};
use axum::Json;
use axum::extract::State;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(status))
}

/// Everything that a person wants to know first.
#[utoipa::path(get, path = "/api/overview", responses((status = OK, description = "How it all is", body = said::Status)))]
async fn status(State(control): State<Control>) -> Json<said::Status> {
    let parts = &control.parts;
    let snapshot = Arc::clone(&parts.gateway.snapshot());
    let listen = &snapshot.config.listen;
    let base = listen.public_url.clone().unwrap_or_else(|| format!("http://{}", parts.address));
    let hidden = snapshot.catalog.all.hidden.iter().map(|hidden| said::Hidden {
        server: hidden.server.clone(),
        kind: hidden.kind.to_owned(),
        own: hidden.own.clone(),
        why: hidden.why.clone(),
    });
    let servers = servers::describe_all(&parts.gateway, Arc::clone(&snapshot)).await;
    let profiles = parts.gateway.exposed().await;
    Json(said::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: parts.address.to_string(),
        url: format!("{base}/mcp"),
        dashboard: parts.dashboard.then(|| dashboard(listen.public_url.as_deref(), parts.address)),
        data: parts.data.display().to_string(),
        uptime_ms: u64::try_from(parts.gateway.uptime().as_millis()).unwrap_or(u64::MAX),
        draining: parts.gateway.is_draining(),
        sessions: parts.sessions.get(),
        listens: parts.gateway.listens(),
        parked_calls: parts.gateway.parked_calls(),
        records_dropped: parts.gateway.records.dropped(),
        log_lines_dropped: parts.logs.dropped_lines(),
        memory: memory::now(),
        services: parts.gateway.services().into_iter().map(service).collect(),
        cache: servers.iter().filter_map(|server| server.cache).fold(said::Cache::default(), said::Cache::and),
        configuration: parts.refused.borrow().clone(),
        servers,
        hidden: hidden.collect(),
        profiles: profiles.into_iter().map(Into::into).collect(),
        found: parts.found.borrow().clone(),
    })
}

/// Where a browser on this machine finds the dashboard, with a slash at the end.
#[must_use]
pub fn dashboard(public_url: Option<&str>, address: SocketAddr) -> String {
    if let Some(url) = public_url {
        return format!("{url}/");
    }
    // A browser connects to an address, not to all of them.
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}/", SocketAddr::new(ip, address.port()))
}

fn service(status: supervisor::services::ServiceStatus) -> said::Service {
    let next_try = status.next_try.map(|at| at.saturating_duration_since(Instant::now()).as_millis());
    said::Service {
        name: status.name,
        kind: status.kind.to_owned(),
        state: status.state.to_string(),
        reason: status.reason,
        hint: status.hint,
        since: supervisor::utc(status.since),
        next_try_ms: next_try.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        restarts: status.restarts,
        needed_by: status.needed_by,
    }
}
