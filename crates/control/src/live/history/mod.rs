//! `GET /api/history?window=15m|24h|7d`: calls, errors, latencies, memory and processor time for charts,
//! which survive a restart.
//!
//! Whoever writes the records of calls hands them here too; nobody else counts. The last minutes are in
//! memory in steps of ten seconds, older ones in the local store, a row for each minute. What was not
//! written when the process dies is lost, and nothing hangs on it.

mod buckets;
mod keeper;

pub use keeper::HistoryKeeper;

use super::process::Process;
use crate::asked::Query;
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
pub(crate) use buckets::Point;
use buckets::{Bucket, MINUTE_MS, STEP_MS, Series, points, sum};
use gateway::record::Record;
use protocol::ErrorKind;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{Store, history};
use utoipa::{IntoParams, ToSchema};

/// The windows, and the time of a point in each, in milliseconds.
const WINDOWS: [(&str, i64, i64); 3] = [
    ("15m", 15 * MINUTE_MS, STEP_MS),
    ("24h", 24 * 60 * MINUTE_MS, 5 * MINUTE_MS),
    ("7d", 7 * 24 * 60 * MINUTE_MS, 60 * MINUTE_MS),
];
/// What is kept in memory, in milliseconds: the shortest window, and a row that was not written yet.
const MEMORY_MS: i64 = 16 * MINUTE_MS;
/// Finished calls that are kept for whoever begins to look at them.
const RECENT_MAX: usize = super::items::ITEMS_MAX;

/// What happened, in numbers.
#[derive(Debug)]
pub struct History {
    /// Of this machine: charts are not shared.
    store: Store,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    series: Series,
    /// Minutes from this one on are not in the store, or not whole.
    unwritten: i64,
    process: Process,
    /// Without what they were about.
    recent: VecDeque<Record>,
}

/// How it goes now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pulse {
    pub(crate) calls_per_minute: u64,
    /// Errors in all calls of the last minute, from 0 to 1.
    pub(crate) error_rate: f64,
    pub(crate) p95_ms: Option<f64>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// `15m`, `24h` or `7d`; `15m` if absent.
    window: Option<String>,
}

/// What happened, for charts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Charted {
    window: &'static str,
    /// The time of a point, in milliseconds.
    step_ms: i64,
    points: Vec<Point>,
}

/// Calls, errors, latencies, memory and processor time over some time.
#[utoipa::path(get, path = "/api/history", params(Window), responses((status = OK, description = "The points, the oldest first", body = Charted)))]
pub(crate) async fn charted(
    State(control): State<Control>,
    Query(asked): Query<Window>,
) -> Result<Json<Charted>, Problem> {
    let word = asked.window.as_deref().unwrap_or(WINDOWS[0].0);
    let found = WINDOWS.into_iter().find(|(window, ..)| *window == word);
    let (window, window_ms, step_ms) = found.ok_or_else(|| {
        let problem = Problem::new(ErrorKind::InvalidParams, "there is no chart over this time");
        problem.hint("the windows are 15m, 24h and 7d")
    })?;
    let points = control.parts.history.read(window_ms, step_ms).await?;
    Ok(Json(Charted { window, step_ms, points }))
}

// === impl History ===

impl History {
    /// Kept in the store of this machine.
    #[must_use]
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts calls that have ended now.
    fn observe(&self, records: &[Record], now_ms: i64) {
        let mut inner = self.lock();
        let Inner { series, recent, .. } = &mut *inner;
        let bucket = series.entry(now_ms.div_euclid(STEP_MS)).or_default();
        for record in records {
            // Lists and handshakes are answered by us: only what goes to a server is a call here.
            if record.server.is_some() {
                bucket.calls += 1;
                bucket.errors += u64::from(!matches!(record.outcome, "ok" | "input_required"));
                bucket.times.add(record.total_us);
            }
        }
        for record in &records[records.len().saturating_sub(RECENT_MAX)..] {
            recent.push_back(Record { arguments: None, result: None, ..record.clone() });
            if recent.len() > RECENT_MAX {
                recent.pop_front();
            }
        }
        inner.forget(now_ms);
    }

    /// Looks at what the process uses now. Reads a small file.
    pub(crate) fn sample(&self, now_ms: i64) {
        let mut inner = self.lock();
        let Some(usage) = inner.process.sample() else { return };
        let bucket = inner.series.entry(now_ms.div_euclid(STEP_MS)).or_default();
        bucket.memory_bytes = Some(usage.memory_bytes);
        bucket.cpu_percent = Some(usage.cpu_percent);
        inner.forget(now_ms);
    }

    /// How it goes, by the calls of the last minute.
    pub(crate) fn pulse(&self, now_ms: i64) -> Pulse {
        let last = sum(&self.lock().series, now_ms - MINUTE_MS + STEP_MS, now_ms);
        let rate = if last.calls == 0 { 0.0 } else { last.errors as f64 / last.calls as f64 };
        Pulse {
            calls_per_minute: last.calls,
            error_rate: (rate * 1000.0).round() / 1000.0,
            p95_ms: last.times.percentile_ms(0.95),
        }
    }

    /// The point of the step that is not over yet, or was the last with anything in it.
    pub(crate) fn latest(&self) -> Option<Point> {
        let inner = self.lock();
        inner.series.iter().next_back().map(|(step, bucket)| bucket.point(step * STEP_MS))
    }

    /// The last finished calls, the oldest first.
    pub(crate) fn recent(&self) -> Vec<Record> {
        self.lock().recent.iter().cloned().collect()
    }

    async fn read(&self, window_ms: i64, step_ms: i64) -> Result<Vec<Point>, Problem> {
        let now_ms = now_ms();
        let from_ms = now_ms - window_ms;
        let (mut series, unwritten) = {
            let inner = self.lock();
            (inner.series.clone(), inner.unwritten)
        };
        let from = from_ms.div_euclid(MINUTE_MS);
        if window_ms > MEMORY_MS {
            let read = self.store.read("history", move |tx| Box::pin(history::since(tx, from))).await;
            let rows = read.map_err(|error| {
                Problem::new(ErrorKind::Internal, format!("the history cannot be read: {error}")).hint(error.hint())
            })?;
            let merged = tokio::task::spawn_blocking(move || {
                let written = rows.into_iter().filter(|row| row.minute < unwritten);
                series.extend(written.flat_map(|row| decode(row.minute, &row.body)));
                points(&series, from_ms, now_ms, step_ms)
            });
            return merged
                .await
                .map_err(|_| Problem::new(ErrorKind::Internal, "the history could not be put together"));
        }
        Ok(points(&series, from_ms, now_ms, step_ms))
    }
}

// === impl Inner ===

impl Inner {
    fn forget(&mut self, now_ms: i64) {
        let oldest = (now_ms - MEMORY_MS).div_euclid(STEP_MS);
        while self.series.first_key_value().is_some_and(|(step, _)| *step < oldest) {
            self.series.pop_first();
        }
    }
}

/// The steps of a minute as one row.
fn encode(series: &Series, minute: i64) -> Option<String> {
    let first = minute * MINUTE_MS / STEP_MS;
    let steps: Vec<(i64, &Bucket)> =
        series.range(first..first + MINUTE_MS / STEP_MS).map(|(step, bucket)| (step - first, bucket)).collect();
    (!steps.is_empty()).then(|| super::frame::json(&steps))
}

/// The steps of a row; one that cannot be read is none.
fn decode(minute: i64, body: &str) -> Vec<(i64, Bucket)> {
    let steps: Vec<(i64, Bucket)> = serde_json::from_str(body).unwrap_or_default();
    let first = minute * MINUTE_MS / STEP_MS;
    steps.into_iter().map(|(step, bucket)| (first + step.clamp(0, MINUTE_MS / STEP_MS - 1), bucket)).collect()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
