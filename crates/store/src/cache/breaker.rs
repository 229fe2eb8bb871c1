//! When Redis is asked, and when it is left alone for a while: told what came of questions, with the
//! clock passed in. It asks nobody itself.

use std::time::Duration;
use tokio::time::Instant;

/// So many failures in succession, and Redis is left alone.
const FAILURES_MAX: u32 = 3;
/// For so long at first; twice as long after each attempt that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// For so long at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What is known of a Redis that may be gone.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
    /// Whether somebody is trying.
    tried: bool,
}

/// Leave to ask once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Like everybody.
    Usual,
    /// To find out whether Redis is back, alone.
    Trial,
}

// === impl Breaker ===

impl Breaker {
    /// Whether Redis may be asked at `now`; else how long it is left alone yet.
    pub(super) fn ask(&mut self, now: Instant) -> Result<Leave, Duration> {
        let Some(pause) = &mut self.pause else { return Ok(Leave::Usual) };
        let left = pause.until.saturating_duration_since(now);
        if pause.tried || !left.is_zero() {
            return Err(left);
        }
        pause.tried = true;
        Ok(Leave::Trial)
    }

    /// Redis answered, whatever it was. Says whether that ended a pause.
    pub(super) fn answered(&mut self) -> bool {
        self.failures = 0;
        self.pause.take().is_some()
    }

    /// Redis did not answer. `spread` (0 to 1) keeps several of us apart. Says whether that began a pause.
    pub(super) fn failed(&mut self, leave: Leave, now: Instant, spread: f64) -> bool {
        let length = match (self.pause, leave) {
            (Some(pause), Leave::Trial) => (pause.length * 2).min(PAUSE_MAX),
            // It was asked before the pause began, which counts that failure already.
            (Some(_), Leave::Usual) => return false,
            (None, _) => {
                self.failures += 1;
                if self.failures < FAILURES_MAX {
                    return false;
                }
                PAUSE
            }
        };
        let began = self.pause.is_none();
        let until = now + length.mul_f64(0.75 + spread.clamp(0.0, 1.0) / 2.0);
        self.pause = Some(Pause { until, length, tried: false });
        began
    }

    /// Whoever had leave went away before there was an answer.
    pub(super) fn abandoned(&mut self, leave: Leave) {
        if let (Some(pause), Leave::Trial) = (&mut self.pause, leave) {
            pause.tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn after_three_failures_one_at_a_time_may_try() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert!(!breaker.failed(Leave::Usual, at(0), 0.5) && !breaker.failed(Leave::Usual, at(0), 0.5));
        assert_eq!(breaker.ask(at(0)), Ok(Leave::Usual));
        assert!(breaker.failed(Leave::Usual, at(0), 0.5));
        assert!(!breaker.failed(Leave::Usual, at(1), 0.5), "the stragglers make it no longer");
        assert_eq!(breaker.ask(at(150)), Err(Duration::from_millis(50)));
        assert_eq!(breaker.ask(at(200)), Ok(Leave::Trial));
        assert_eq!(breaker.ask(at(201)), Err(Duration::ZERO), "one alone");
        breaker.abandoned(Leave::Trial);
        assert_eq!(breaker.ask(at(202)), Ok(Leave::Trial), "who went away is no reason to wait for ever");
        assert!(!breaker.failed(Leave::Trial, at(300), 0.5));
        assert_eq!(breaker.ask(at(300)), Err(Duration::from_millis(400)), "twice as long");
        assert_eq!(breaker.ask(at(700)), Ok(Leave::Trial));
        assert!(breaker.answered());
        assert_eq!(breaker.ask(at(701)), Ok(Leave::Usual));
    }

    proptest! {
        #[test]
        fn a_dead_redis_is_tried_seldom_and_for_ever(spread in 0.0_f64..1.0, callers in 1_usize..50) {
            let (mut breaker, start) = (Breaker::default(), Instant::now());
            let mut trials = Vec::new();
            for ms in (0..60_000).step_by(10) {
                let now = start + Duration::from_millis(ms);
                let asked: Vec<Leave> = (0..callers).filter_map(|_| breaker.ask(now).ok()).collect();
                if !asked.is_empty() {
                    trials.push(ms);
                }
                asked.iter().for_each(|leave| { breaker.failed(*leave, now, spread); });
            }
            prop_assert!(trials.len() <= 35, "{} in a minute", trials.len());
            prop_assert!(trials.last().is_some_and(|last| *last > 50_000), "it is tried again: {trials:?}");
        }
    }
}
