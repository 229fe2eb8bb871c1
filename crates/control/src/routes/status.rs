//! `GET /api/status`: everything that a person wants to know first.

use super::{memory, servers};
use crate::{Control, said};
use axum::Json;
use axum::extract::State;

pub(crate) async fn status(State(control): State<Control>) -> Json<said::Status> {
    let parts = &control.parts;
    let snapshot = parts.gateway.snapshot();
    let listen = &snapshot.config.listen;
    let base = listen.public_url.clone().unwrap_or_else(|| format!("http://{}", parts.address));
    let hidden = snapshot.catalog.all.hidden.iter().map(|hidden| said::Hidden {
        server: hidden.server.clone(),
        kind: hidden.kind.to_owned(),
        own: hidden.own.clone(),
        why: hidden.why.clone(),
    });
    Json(said::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        address: parts.address.to_string(),
        url: format!("{base}/mcp"),
        data: parts.data.display().to_string(),
        uptime_ms: u64::try_from(parts.gateway.uptime().as_millis()).unwrap_or(u64::MAX),
        draining: parts.gateway.is_draining(),
        sessions: parts.sessions.get(),
        listens: parts.gateway.listens(),
        parked_calls: parts.gateway.parked_calls(),
        records_dropped: parts.gateway.records.dropped(),
        log_lines_dropped: parts.logs.dropped_lines(),
        memory: memory::now(),
        servers: snapshot.servers.values().map(|server| servers::describe(&snapshot, server)).collect(),
        hidden: hidden.collect(),
        found: parts.found.borrow().clone(),
    })
}
