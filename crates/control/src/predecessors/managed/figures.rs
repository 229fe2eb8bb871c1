//! The manager's statistics: of the checks of one server, and of all calls. Averages are those of all that
//! is remembered, not of the last two (S3-17).

use super::super::answer::Answer;
use super::super::figures::{self, Times};
use super::{named, words};
use crate::Control;
use crate::asked::Path;
use axum::Json;
use axum::extract::State;
use gateway::health::Check;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the last 100 checks of a server brought.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = manager::Statistics)]
pub(super) struct Statistics {
    total_checks: usize,
    healthy_percentage: f64,
    /// Slow answers.
    degraded_percentage: f64,
    /// No answer in time, or not connected.
    unhealthy_percentage: f64,
    /// Every other failure.
    critical_percentage: f64,
    /// Seconds, of those that were answered.
    average_response_time: f64,
    /// Checks that failed.
    failure_count: usize,
    /// How often it was restarted or connected to again because it was not well.
    recovery_count: u64,
    last_check: Option<String>,
}

/// Calls of tools: those of the last 24 hours, of the newest 10 000 records. Times are seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::Performance)]
pub(super) struct Performance {
    total_requests: usize,
    successful_requests: usize,
    failed_requests: usize,
    success_rate_percent: f64,
    average_execution_time: f64,
    response_time_p50: f64,
    response_time_p95: f64,
    response_time_p99: f64,
    /// Calls that servers have now, or that wait for them.
    current_load: usize,
    /// By `SERVER.TOOL`.
    tools: BTreeMap<String, Tool>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = manager::ToolPerformance)]
struct Tool {
    calls: usize,
    successes: usize,
    failures: usize,
    total_time: f64,
    min_time: f64,
    max_time: f64,
}

/// What the checks of a server brought.
#[utoipa::path(get, path = "/api/manager/servers/{name}/statistics", params(("name" = String, Path)), responses((status = OK, body = Statistics)))]
pub(super) async fn statistics(State(control): State<Control>, Path(name): Path<String>) -> Answer<Statistics> {
    let server = named(&control.parts.gateway.snapshot(), &name)?;
    let checks = server.checks();
    Ok(Json(of(&checks.history, checks.recoveries)))
}

fn of(history: &[Check], recovery_count: u64) -> Statistics {
    let count = |words: &[&str]| history.iter().filter(|check| words.contains(&check.result)).count();
    let part = |words: &[&str]| words::percentage(count(words), history.len());
    let answered: Vec<f64> =
        history.iter().filter(|check| check.is_answer()).map(|check| check.took.as_secs_f64()).collect();
    let average = answered.iter().sum::<f64>() / answered.len().max(1) as f64;
    Statistics {
        total_checks: history.len(),
        healthy_percentage: part(&["good"]),
        degraded_percentage: part(&["slow"]),
        unhealthy_percentage: part(&["timeout", "not_connected", "signed_out"]),
        critical_percentage: part(&["failed"]),
        average_response_time: (average * 1_000_000.0).round() / 1_000_000.0,
        failure_count: history.len() - answered.len(),
        recovery_count,
        last_check: history.last().map(|check| supervisor::utc(check.at)),
    }
}

/// Calls of tools in figures.
#[utoipa::path(get, path = "/api/manager/performance", responses((status = OK, body = Performance)))]
pub(super) async fn performance(State(control): State<Control>) -> Answer<Performance> {
    let figures = figures::read(&control).await?;
    let (total, failed) = (figures.calls(), figures.failures());
    let Times { mean, p50, p95, p99, .. } = figures.times();
    let tool = |(name, tool): (&String, &figures::Tool)| {
        let Times { total, min, max, .. } = tool.times();
        let (calls, failures) = (tool.calls(), tool.failures);
        let tool =
            Tool { calls, successes: calls - failures, failures, total_time: total, min_time: min, max_time: max };
        (name.clone(), tool)
    };
    let snapshot = control.parts.gateway.snapshot();
    Ok(Json(Performance {
        total_requests: total,
        successful_requests: total - failed,
        failed_requests: failed,
        success_rate_percent: words::percentage(total - failed, total),
        average_execution_time: mean,
        response_time_p50: p50,
        response_time_p95: p95,
        response_time_p99: p99,
        current_load: snapshot.servers.values().map(|server| server.guards.outstanding()).sum(),
        tools: figures.tools.iter().map(tool).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn percentages_and_averages_are_of_all_that_is_remembered() {
        let check =
            |result, ms| Check { at: SystemTime::UNIX_EPOCH, took: Duration::from_millis(ms), result, why: None };
        let history =
            [check("good", 100), check("slow", 300), check("timeout", 9000), check("failed", 1), check("good", 200)];
        let said = of(&history, 2);
        assert_eq!((said.total_checks, said.failure_count, said.recovery_count), (5, 2, 2));
        let parts = [said.healthy_percentage, said.degraded_percentage, said.unhealthy_percentage];
        assert_eq!((parts, said.critical_percentage), ([40.0, 20.0, 20.0], 20.0));
        assert_eq!((said.average_response_time, said.last_check.as_deref()), (0.2, Some("1970-01-01T00:00:00.000Z")));
        assert_eq!(of(&[], 0).average_response_time, 0.0);
    }
}
