//! How many commands a second there were lately. Told the time and how many there were; it keeps no
//! list of them.

use std::time::Duration;
use tokio::time::Instant;

/// How long a time is looked at, at least.
const SPAN: Duration = Duration::from_secs(1);

/// Commands a second.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    before: u64,
    last: f64,
}

// === impl Pace ===

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, before: 0, last: 0.0 }
    }

    /// There were so many until now, in all. Says the pace of the last time that was long enough.
    pub(super) fn of(&mut self, commands: u64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.since);
        if passed >= SPAN {
            self.last = (commands.saturating_sub(self.before)) as f64 / passed.as_secs_f64();
            (self.since, self.before) = (now, commands);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_pace_is_that_of_the_last_second_or_longer() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.of(9, start), 0.0);
        assert_eq!(pace.of(10, start + SPAN), 10.0);
        assert_eq!(pace.of(99, start + SPAN + SPAN / 2), 10.0, "too soon to say");
        assert_eq!(pace.of(10, start + 3 * SPAN), 0.0);
    }
}
