//! When a server that nobody calls is put to sleep: a pure decision with the clock passed in. One
//! that was called much lately is given longer, up to four times as long.

use std::time::Duration;
use tokio::time::Instant;

/// How much longer the busiest server stays awake.
const STRETCH_MAX: f64 = 4.0;
/// In how many looks an idle time is divided: how exactly its end is met.
const LOOKS: u32 = 8;

/// What is known of how much a server is used.
#[derive(Debug, Clone)]
pub(super) struct Use {
    idle_timeout: Duration,
    /// Calls of the recent past: one that lies an idle time back counts half.
    warmth: f64,
    /// Calls so far, when it was last looked at.
    calls: u64,
    looked: Instant,
    /// When it was last seen in use.
    used: Instant,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Put it to sleep.
    Sleep,
    /// Look again then.
    LookAt(Instant),
}

impl Use {
    /// The use of a server that has just become ready and has had so many calls.
    pub(super) fn new(idle_timeout: Duration, calls: u64, now: Instant) -> Self {
        Self { idle_timeout, warmth: 0.0, calls, looked: now, used: now }
    }

    /// When to look next.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        now + self.idle_timeout / LOOKS
    }

    /// Told how many calls it has had in all, and whether something needs it at this moment.
    pub(super) fn look(&mut self, calls: u64, busy: bool, now: Instant) -> Verdict {
        let fresh = calls.saturating_sub(self.calls);
        let past = now.saturating_duration_since(self.looked).as_secs_f64() / self.idle_timeout.as_secs_f64();
        self.warmth = self.warmth * 0.5_f64.powf(past) + f64::from(u32::try_from(fresh).unwrap_or(u32::MAX));
        (self.calls, self.looked) = (calls, now);
        if busy || fresh > 0 {
            self.used = now;
        }
        let due = self.used + self.patience();
        if due <= now { Verdict::Sleep } else { Verdict::LookAt(due.min(self.next_look(now))) }
    }

    /// How long it may idle before it sleeps.
    fn patience(&self) -> Duration {
        self.idle_timeout.mul_f64((1.0 + self.warmth.ln_1p() / 2.0).min(STRETCH_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// How long a server stays awake that gets so many calls at once and then none.
    fn awake_after(calls: u64) -> Duration {
        let begun = Instant::now();
        let mut usage = Use::new(MINUTE, 0, begun);
        let mut now = begun;
        loop {
            match usage.look(calls, false, now) {
                Verdict::Sleep => return now - begun,
                Verdict::LookAt(at) => now = at,
            }
        }
    }

    #[test]
    fn hot_servers_stay_longer() {
        assert_eq!(awake_after(0), MINUTE);
        let stays: Vec<Duration> = [1, 10, 100, 10_000].map(awake_after).into();
        assert!(stays.is_sorted() && stays[0] > MINUTE && stays[3] > 2 * MINUTE, "{stays:?}");
        assert!(stays[3] <= 4 * MINUTE, "{stays:?}");
    }

    #[test]
    fn what_is_needed_does_not_sleep() {
        let mut now = Instant::now();
        let mut usage = Use::new(MINUTE, 0, now);
        for _ in 0..100 {
            now += MINUTE;
            assert!(matches!(usage.look(0, true, now), Verdict::LookAt(_)));
        }
        assert_eq!(usage.look(0, false, now + MINUTE), Verdict::Sleep);
    }

    proptest! {
        /// Never before the idle time has passed without use, and never later than four of them.
        #[test]
        fn it_sleeps_in_time(steps in prop::collection::vec((0u64..90, 0u64..1000, any::<bool>()), 1..60)) {
            let mut now = Instant::now();
            let mut usage = Use::new(MINUTE, 0, now);
            let (mut calls, mut used) = (0, now);
            for (seconds, fresh, busy) in steps {
                now += Duration::from_secs(seconds);
                calls += fresh;
                let verdict = usage.look(calls, busy, now);
                if busy || fresh > 0 {
                    used = now;
                }
                match verdict {
                    Verdict::Sleep => prop_assert!(now - used >= MINUTE),
                    Verdict::LookAt(at) => {
                        prop_assert!(at > now && at <= now + MINUTE / LOOKS);
                        prop_assert!(now - used < 4 * MINUTE);
                    }
                }
            }
        }
    }
}
