//! Calls of tools in figures: how often each was called, how that ended, how long it took. They are those
//! of the records, so that they outlive the daemon; a call is in them about a second after it ended.
//! Nothing is counted while a call is on its way.

use crate::{Control, Problem};
use protocol::ErrorKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::records;

/// How far back is looked.
pub(super) const SPAN: Duration = Duration::from_secs(24 * 3600);
/// Records that are looked at, at most: the newest.
const RECORDS_MAX: usize = 10_000;
/// Pages of records that are read at once.
const PAGES: u32 = 8;

/// What the records say.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// By `SERVER.TOOL`.
    pub(super) tools: BTreeMap<String, Tool>,
    /// How long every call took, in microseconds, sorted.
    took_us: Vec<u64>,
    /// Records that were looked at.
    seen: usize,
}

/// What the records say of one tool.
#[derive(Debug, Default)]
pub(super) struct Tool {
    /// How long each call took, in microseconds, sorted.
    took_us: Vec<u64>,
    pub(super) failures: usize,
    /// How often each kind of failure was.
    pub(super) errors: BTreeMap<String, usize>,
}

/// A record, as far as it counts.
#[derive(Deserialize)]
struct Line {
    method: String,
    server: Option<String>,
    name: Option<String>,
    outcome: String,
    total_us: u64,
}

/// Reads the newest records of the last day.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn read(control: &Control) -> Result<Figures, Problem> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(SPAN);
    let since_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let (mut figures, mut before) = (Figures::default(), None);
    while figures.seen < RECORDS_MAX {
        let pages =
            control.parts.store.read("records", move |tx| Box::pin(records::pages(tx, before, since_ms, PAGES)));
        let pages = pages.await.map_err(|error: store::Error| unreadable(&error))?;
        let Some(last) = pages.last() else { break };
        before = Some(last.id);
        // Some thousand lines of JSON: apart from those who serve calls.
        let counted = tokio::task::spawn_blocking(move || {
            pages.iter().flat_map(|page| page.page.body.lines().rev()).for_each(|line| figures.add(line));
            figures
        });
        figures = counted.await.map_err(|_| Problem::new(ErrorKind::Internal, "records could not be counted"))?;
    }
    figures.sort();
    Ok(figures)
}

fn unreadable(error: &store::Error) -> Problem {
    let problem = Problem::new(ErrorKind::Overloaded, format!("records cannot be read: {error}"));
    problem.hint(error.hint())
}

// === impl Figures ===

impl Figures {
    fn add(&mut self, line: &str) {
        if self.seen >= RECORDS_MAX {
            return;
        }
        let Ok(line) = serde_json::from_str::<Line>(line) else { return };
        self.seen += 1;
        let (Some(server), Some(name), "tools/call") = (line.server, line.name, line.method.as_str()) else { return };
        let tool = self.tools.entry(format!("{server}.{name}")).or_default();
        tool.took_us.push(line.total_us);
        self.took_us.push(line.total_us);
        if !matches!(line.outcome.as_str(), "ok" | "input_required") {
            tool.failures += 1;
            *tool.errors.entry(line.outcome).or_default() += 1;
        }
    }

    fn sort(&mut self) {
        self.took_us.sort_unstable();
        self.tools.values_mut().for_each(|tool| tool.took_us.sort_unstable());
    }

    /// Calls of tools.
    pub(super) fn calls(&self) -> usize {
        self.took_us.len()
    }

    /// Those that failed.
    pub(super) fn failures(&self) -> usize {
        self.tools.values().map(|tool| tool.failures).sum()
    }

    /// How long calls took, in seconds: the mean, and so many of a hundred took no longer.
    pub(super) fn times(&self) -> Times {
        Times::of(&self.took_us)
    }
}

// === impl Tool ===

impl Tool {
    pub(super) fn calls(&self) -> usize {
        self.took_us.len()
    }

    pub(super) fn times(&self) -> Times {
        Times::of(&self.took_us)
    }
}

/// How long calls took, in seconds. Nothing where there were none: all are 0.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Times {
    pub(super) total: f64,
    pub(super) mean: f64,
    pub(super) min: f64,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
}

// === impl Times ===

impl Times {
    /// Of sorted microseconds; percentiles by nearest rank.
    fn of(sorted: &[u64]) -> Self {
        let seconds = |us: u64| us as f64 / 1_000_000.0;
        let rank = |percent: usize| {
            let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(at).copied().map(seconds).unwrap_or_default()
        };
        let total = seconds(sorted.iter().sum());
        let mean = if sorted.is_empty() { 0.0 } else { total / sorted.len() as f64 };
        Self { total, mean, min: rank(0), p50: rank(50), p95: rank(95), p99: rank(99), max: rank(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, outcome: &str, us: u64) -> String {
        serde_json::json!({
            "at": "x", "method": "tools/call", "server": "s", "name": name, "outcome": outcome, "total_us": us,
        })
        .to_string()
    }

    #[test]
    fn calls_of_tools_are_counted_and_nothing_else() {
        let mut figures = Figures::default();
        for us in 1..=100_u64 {
            figures.add(&line("a", if us > 98 { "timeout" } else { "ok" }, us * 1_000_000));
        }
        figures.add(&line("b", "input_required", 5));
        figures.add(r#"{"method":"tools/list","outcome":"ok","total_us":1}"#);
        figures.add("no JSON");
        figures.sort();
        assert_eq!((figures.calls(), figures.failures(), figures.seen), (101, 2, 102));
        let tool = &figures.tools["s.a"];
        assert_eq!((tool.calls(), tool.failures, tool.errors["timeout"]), (100, 2, 2));
        let times = tool.times();
        assert_eq!((times.min, times.p50, times.p95, times.p99, times.max), (1.0, 50.0, 95.0, 99.0, 100.0));
        assert_eq!((times.total, times.mean), (5050.0, 50.5));
        assert_eq!(Times::of(&[]), Times::default());
    }

    #[test]
    fn there_is_an_end_to_what_is_looked_at() {
        let mut figures = Figures::default();
        (0..RECORDS_MAX + 5).for_each(|_| figures.add(&line("a", "ok", 1)));
        assert_eq!((figures.seen, figures.calls()), (RECORDS_MAX, RECORDS_MAX));
    }
}
