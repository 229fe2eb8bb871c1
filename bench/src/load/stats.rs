//! Counting calls and their latencies.

use bench::Failure;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The measured window: what ends in it counts, what ends in the warm-up before it does not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    from: Instant,
    until: Instant,
}

impl Window {
    /// Starts now.
    pub(crate) fn after(warmup: f64, seconds: f64) -> Self {
        let from = Instant::now() + Duration::from_secs_f64(warmup.clamp(0.0, 600.0));
        let until = from + Duration::from_secs_f64(seconds.clamp(0.01, 600.0));
        Self { from, until }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }

    fn contains(&self, now: Instant) -> bool {
        now >= self.from && now < self.until
    }

    fn seconds(&self) -> f64 {
        (self.until - self.from).as_secs_f64()
    }
}

/// The calls of one connection, or of all of them.
#[derive(Debug)]
pub(crate) struct Stats {
    latencies: Histogram<u64>,
    /// Right replies, warm-up and set-up included: what the CPU time is divided by.
    total: u64,
    errors: u64,
    first_error: Option<String>,
}

impl Stats {
    pub(crate) fn new() -> Result<Self, Failure> {
        // 1 us to 120 s, three digits.
        let latencies = Histogram::new_with_bounds(1_000, 120_000_000_000, 3)?;
        Ok(Self { latencies, total: 0, errors: 0, first_error: None })
    }

    /// A right reply that ended now.
    pub(crate) fn succeeded(&mut self, window: &Window, started: Instant) {
        let now = Instant::now();
        self.total += 1;
        if window.contains(now) {
            let spent = u64::try_from((now - started).as_nanos()).unwrap_or(u64::MAX);
            self.latencies.saturating_record(spent);
        }
    }

    pub(crate) fn failed(&mut self, why: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| why.to_owned());
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<(), Failure> {
        self.latencies.add(&other.latencies)?;
        self.total += other.total;
        self.errors += other.errors;
        if let Some(why) = &other.first_error {
            self.first_error.get_or_insert_with(|| why.clone());
        }
        Ok(())
    }

    /// The report: `calls` ended right in the window, `total` right at any time.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn report(&self, window: &Window) -> Value {
        let calls = self.latencies.len();
        let us = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1_000.0;
        json!({
            "calls": calls,
            "total": self.total,
            "errors": self.errors,
            "first_error": self.first_error,
            "seconds": window.seconds(),
            "rps": calls as f64 / window.seconds(),
            "mean_us": self.latencies.mean() / 1_000.0,
            "p50_us": us(0.5),
            "p99_us": us(0.99),
            "max_us": self.latencies.max() as f64 / 1_000.0,
        })
    }
}
