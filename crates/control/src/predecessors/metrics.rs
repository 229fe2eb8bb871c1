//! `GET /api/metrics`: what the predecessor's README promised, in the shape that its archive had. Counters
//! for machines are at `/metrics`.

use super::answer::Answer;
use super::figures::{self, Times};
use super::health::{Breaker, breakers, cache_stats, tools};
use super::now;
use crate::{Control, said};
use axum::Json;
use axum::extract::State;
use gateway::server::ServerState;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Calls of tools in figures: those of the last 24 hours, of the newest 10 000 records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Metrics)]
pub(super) struct Metrics {
    timestamp: String,
    /// By `SERVER.TOOL`.
    execution_metrics: BTreeMap<String, Execution>,
    /// Calls, by `SERVER.TOOL`.
    tool_usage_counts: BTreeMap<String, usize>,
    /// Calls that failed, by `SERVER.TOOL`, of those of which some did.
    error_counts: BTreeMap<String, usize>,
    /// Tools that are offered.
    total_tools: usize,
    /// Servers that are ready.
    connected_services: usize,
    cache_stats: said::Cache,
    breakers: BTreeMap<String, Breaker>,
}

/// How long calls of a tool took, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Execution)]
struct Execution {
    count: usize,
    average_ms: f64,
    min_ms: f64,
    max_ms: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    /// How often each kind of failure was.
    errors: BTreeMap<String, usize>,
}

/// Calls of tools in figures.
#[utoipa::path(get, path = "/api/metrics", responses((status = OK, body = Metrics)))]
pub(super) async fn metrics(State(control): State<Control>) -> Answer<Metrics> {
    let figures = figures::read(&control).await?;
    let cache_stats = cache_stats(&control).await;
    let snapshot = control.parts.gateway.snapshot();
    let ready = |state: ServerState| state == ServerState::Ready;
    let tool = |(name, tool): (&String, &figures::Tool)| (name.clone(), execution(tool));
    Ok(Json(Metrics {
        timestamp: now(),
        execution_metrics: figures.tools.iter().map(tool).collect(),
        tool_usage_counts: figures.tools.iter().map(|(name, tool)| (name.clone(), tool.calls())).collect(),
        error_counts: figures
            .tools
            .iter()
            .filter(|(_, tool)| tool.failures > 0)
            .map(|(name, tool)| (name.clone(), tool.failures))
            .collect(),
        total_tools: tools(&snapshot),
        connected_services: snapshot.servers.values().filter(|server| ready(server.status().state)).count(),
        cache_stats,
        breakers: breakers(&snapshot),
    }))
}

fn execution(tool: &figures::Tool) -> Execution {
    let ms = |seconds: f64| (seconds * 1_000_000.0).round() / 1000.0;
    let Times { mean, min, max, p50, p95, p99, .. } = tool.times();
    Execution {
        count: tool.calls(),
        average_ms: ms(mean),
        min_ms: ms(min),
        max_ms: ms(max),
        p50_ms: ms(p50),
        p95_ms: ms(p95),
        p99_ms: ms(p99),
        errors: tool.errors.clone(),
    }
}
