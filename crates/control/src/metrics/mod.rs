//! `GET /metrics`: everything that is counted, for Prometheus and whoever reads its formats.
//!
//! What calls add up to is counted from their records, after they ended (`calls.rs`); everything else is
//! read when somebody asks. Nobody asks: nothing is done.

mod calls;
pub use calls::Figures;

mod process;

mod sheet;

mod table;
pub use table::{METRICS, Metric, MetricKind};

use crate::{Control, Problem, tokens};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName};
use calls::{SERVERS_MAX, STAGES, Sums, seconds};
use gateway::catalog::Kind;
use gateway::server::{Server, ServerState};
use gateway::{Gateway, Snapshot};
use protocol::ErrorKind;
use sheet::Sheet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How the two formats are called.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of this file.
pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Everything that is counted, for Prometheus.
///
/// In OpenMetrics 1.0 for whoever accepts `application/openmetrics-text`, else in the text format.
#[utoipa::path(get, path = "/metrics", responses((status = OK, description = "Metrics; see docs/metrics.md", body = String, content_type = "text/plain")))]
async fn show(
    State(control): State<Control>,
    headers: HeaderMap,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let open = accepted.into_iter().any(|value| value.contains("application/openmetrics-text"));
    let failed = |error| Problem::new(ErrorKind::Internal, format!("the metrics could not be written: {error}"));
    let text = gather(&control).await.open_metrics().map_err(failed)?;
    let (kind, text) = if open { (OPEN_METRICS, text) } else { (CLASSIC, sheet::classic(&text)) };
    Ok(([(CONTENT_TYPE, kind), (VARY, "accept")], text))
}

/// The samples of this moment.
async fn gather(control: &Control) -> Sheet {
    let mut sheet = Sheet::default();
    let parts = &control.parts;
    let gateway = &parts.gateway;
    let snapshot = Arc::clone(&gateway.snapshot());
    of_calls(&mut sheet, parts.figures.sums());
    // Declared by a person, and bounded all the same.
    for server in snapshot.servers.values().take(SERVERS_MAX) {
        of_server(&mut sheet, server);
        of_catalog(&mut sheet, gateway, &snapshot, server).await;
        of_cache(&mut sheet, gateway, server).await;
    }
    let (sessions, listens) = (parts.sessions.get(), gateway.listens());
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
    for (name, value) in [
        ("switchboard_calls_parked", gateway.parked_calls() as f64),
        ("switchboard_sessions", sessions as f64),
        ("switchboard_subscriptions", listens as f64),
        ("switchboard_cache_broken_tokens_total", gateway.broken().borrow().tokens as f64),
        ("switchboard_records_dropped_total", gateway.records.dropped() as f64),
        ("switchboard_log_lines_dropped_total", parts.logs.dropped_lines() as f64),
        ("switchboard_log_events_dropped_total", parts.log.dropped() as f64),
        ("switchboard_spans_sent_total", read(&parts.figures.spans_sent)),
        ("switchboard_spans_dropped_total", read(&parts.figures.spans_dropped)),
        ("switchboard_uptime_seconds", gateway.uptime().as_secs_f64()),
        ("mcp_active_connections", (sessions + listens) as f64),
    ] {
        sheet.number(name, [], value);
    }
    sheet.number("switchboard_build_info", [env!("CARGO_PKG_VERSION")], 1.0);
    // Small files of `/proc`, read apart from those who serve calls.
    let process = tokio::task::spawn_blocking(process::figures).await.unwrap_or_default();
    process.into_iter().for_each(|(name, value)| sheet.number(name, [], value));
    sheet
}

fn of_calls(sheet: &mut Sheet, sums: Sums) {
    for (server, sums) in sums.servers {
        for (outcome, calls) in sums.outcomes {
            sheet.number("switchboard_calls_total", [&server, outcome], calls as f64);
        }
        sheet.number("switchboard_cached_calls_total", [&server], sums.cached as f64);
        sheet.durations("switchboard_call_duration_seconds", [&server], sums.durations);
    }
    for (kind, calls) in sums.errors {
        sheet.number("switchboard_errors_total", [kind], calls as f64);
    }
    for (stage, us) in STAGES.into_iter().zip(sums.stages_us) {
        sheet.number("switchboard_stage_seconds_total", [stage.as_str()], seconds(us));
    }
    sheet.number("switchboard_call_bytes_total", ["in"], sums.bytes_in as f64);
    sheet.number("switchboard_call_bytes_total", ["out"], sums.bytes_out as f64);
    for (tool, sums) in sums.tools {
        sheet.number("mcp_tool_calls_total", [&tool, "success"], sums.ok as f64);
        sheet.number("mcp_tool_calls_total", [&tool, "error"], sums.failed as f64);
        sheet.durations("mcp_tool_duration_seconds", [&tool], sums.durations);
    }
}

fn of_server(sheet: &mut Sheet, server: &Server) {
    let (name, state) = (&*server.name, server.status().state);
    let flag = f64::from;
    sheet.number("switchboard_calls_in_flight", [name], server.guards.outstanding() as f64);
    sheet.number("switchboard_server_up", [name], flag(u8::from(state == ServerState::Ready)));
    sheet.number("switchboard_server_state", [name, &state.to_string()], 1.0);
    sheet.number("switchboard_server_health", [name, &server.health().level.to_string()], 1.0);
    sheet.number("switchboard_breaker_open", [name], flag(u8::from(server.guards.is_open())));
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed) as f64;
    sheet.number("switchboard_server_restarts_total", [name], count(&server.counters.restarts));
    sheet.number("switchboard_server_noise_lines_total", [name], count(&server.counters.noise_lines));
}

async fn of_catalog(sheet: &mut Sheet, gateway: &Gateway, snapshot: &Snapshot, server: &Server) {
    let Some(view) = snapshot.catalog.single.get(&server.entry.reduced) else { return };
    let tools = view.list(Kind::Tools);
    sheet.number("switchboard_catalog_tools", [&*server.name], tools.count as f64);
    let tokens = tokens::of_server(gateway, snapshot, server).await;
    sheet.number("switchboard_catalog_tokens", [&*server.name], tokens as f64);
}

async fn of_cache(sheet: &mut Sheet, gateway: &Gateway, server: &Server) {
    let Some(cache) = gateway.cache_figures(server).await else { return };
    sheet.number("switchboard_cache_hits_total", [&server.name], cache.hits as f64);
    sheet.number("switchboard_cache_misses_total", [&server.name], cache.misses as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_in_the_table_once_and_named_as_prometheus_has_it() {
        for (at, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..at].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == MetricKind::Counter, "{}", metric.name);
            assert!(!metric.what.contains(['\n', '\\']), "{}", metric.name);
        }
    }
}
