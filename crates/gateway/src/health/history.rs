//! The last checks of a server and how long its answers took. It judges nothing.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// How many checks are kept of a server.
const CHECKS_MAX: usize = 100;

/// A check that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// When it began.
    pub at: SystemTime,
    /// How long it took until the answer, or until it was given up.
    pub took: Duration,
    /// `good`, `slow`, `timeout`, `not_connected`, `signed_out` or `failed`.
    pub result: &'static str,
    /// What was wrong.
    pub why: Option<String>,
}

/// How long answers took: so many of a hundred took no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: Duration,
    /// 95 of a hundred.
    pub p95: Duration,
    /// 99 of a hundred.
    pub p99: Duration,
}

#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Check>);

// === impl Check ===

impl Check {
    /// Whether the server answered, in time or slowly.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self.result, "good" | "slow")
    }
}

// === impl History ===

impl History {
    /// Keeps a check; the oldest one makes room.
    pub(super) fn push(&mut self, check: Check) {
        if self.0.len() >= CHECKS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(check);
    }

    pub(super) fn all(&self) -> Vec<Check> {
        self.0.iter().cloned().collect()
    }

    /// By nearest rank, over the checks that were answered.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        let mut took: Vec<Duration> = self.0.iter().filter(|check| check.is_answer()).map(|check| check.took).collect();
        took.sort_unstable();
        let rank = |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Percentiles { p50: rank(50)?, p95: rank(95)?, p99: rank(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ms: u64, result: &'static str) -> Check {
        Check { at: SystemTime::UNIX_EPOCH, took: Duration::from_millis(ms), result, why: None }
    }

    #[test]
    fn the_last_hundred_are_kept() {
        let mut history = History::default();
        assert_eq!(history.percentiles(), None);
        (1..=150).for_each(|ms| history.push(check(ms, "good")));
        assert_eq!((history.0.len(), history.all()[0].took), (CHECKS_MAX, Duration::from_millis(51)));
        let ms = Duration::from_millis;
        assert_eq!(history.percentiles(), Some(Percentiles { p50: ms(100), p95: ms(145), p99: ms(149) }));
    }

    #[test]
    fn what_was_not_answered_has_no_time() {
        let mut history = History::default();
        history.push(check(10_000, "timeout"));
        assert_eq!(history.percentiles(), None);
        history.push(check(5, "slow"));
        assert_eq!(history.percentiles().unwrap().p99, Duration::from_millis(5));
    }
}
