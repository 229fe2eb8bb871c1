//! When something that happens in bursts is acted upon: once it has been quiet for a while, and never
//! later than a bound after it began. A value with the clock passed in; it neither waits nor acts.

use std::time::Duration;
use tokio::time::Instant;

/// A burst, and when it counts as over.
#[derive(Debug, Clone)]
pub(super) struct Quiet {
    pause: Duration,
    wait_max: Duration,
    /// When the burst began that is not acted upon yet.
    begun: Option<Instant>,
    due: Instant,
}

impl Quiet {
    /// Over when nothing happened for `pause`, or `wait_max` after it began; nothing has happened yet.
    pub(super) fn new(pause: Duration, wait_max: Duration, now: Instant) -> Self {
        Self { pause, wait_max, begun: None, due: now }
    }

    /// It happened, for the first time or again.
    pub(super) fn stir(&mut self, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        self.due = (now + self.pause).min(begun + self.wait_max);
    }

    /// When it is to be acted upon.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// It is acted upon: what comes now is another burst.
    pub(super) fn acted(&mut self) {
        self.begun = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAUSE: Duration = Duration::from_millis(20);
    const WAIT_MAX: Duration = Duration::from_millis(500);

    proptest! {
        /// However fast it goes on: not before it is quiet, unless it went on for too long.
        #[test]
        fn nothing_that_goes_on_puts_it_off_for_ever(steps in prop::collection::vec(0u64..40, 1..200)) {
            let start = Instant::now();
            let mut quiet = Quiet::new(PAUSE, WAIT_MAX, start);
            let (mut now, mut begun) = (start, None);
            for step in steps {
                now += Duration::from_millis(step);
                if begun.is_some() && quiet.due() <= now {
                    quiet.acted();
                    begun = None;
                }
                let begun = *begun.get_or_insert(now);
                quiet.stir(now);
                prop_assert!(quiet.due() <= begun + WAIT_MAX);
                prop_assert!(quiet.due() == now + PAUSE || quiet.due() == begun + WAIT_MAX);
            }
        }
    }
}
