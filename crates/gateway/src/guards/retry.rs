//! Whether a call that failed is sent again, where and when. A decision, told everything it needs;
//! sleeping and sending is done in `path.rs`.
//!
//! Only what is safe goes out twice: what was never executed, and what may be executed twice.

use config::Retry as Settings;
use protocol::{Delivery, Error, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What happened so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// What came of the last time.
    pub(crate) failure: Failure,
    /// Whether it may be executed twice.
    pub(crate) safe: bool,
    /// How often it was sent again to a server that had it already.
    pub(crate) repeats: u32,
    /// Whether it ever left us.
    pub(crate) reached: bool,
    /// Whether another member of the group is left.
    pub(crate) others: bool,
    /// What is left of the time of the call.
    pub(crate) left: Duration,
}

/// A failure, as far as sending again cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody tried: the server is down, too busy, or left alone.
    Refused,
    /// It did not arrive, or the server did nothing; perhaps when to come again.
    Unsent(Option<Duration>),
    /// The instance that had it ended.
    Gone,
    /// The server could not do it now; perhaps when to come again.
    Busy(Option<Duration>),
    /// It gave no sign of life in time. Another member of the group may, but asking the same one again
    /// would wait as long and give it twice the work.
    Silent,
    /// The server said so, or nothing is gained by another try.
    Final,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The failure is the answer.
    GiveUp,
    /// The next member of the group gets it, at once.
    Other,
    /// It is sent again at once: the instance that had it ended.
    AtOnce,
    /// It is sent again after this time.
    After(Duration),
}

impl Failure {
    /// What `error` is.
    pub(crate) fn of(error: &Error) -> Self {
        let after = error.retry_after_ms.map(|milliseconds| Duration::from_millis(u64::from(milliseconds.get())));
        match (error.delivery, error.kind) {
            (Delivery::Refused, _) => Self::Refused,
            (Delivery::Unsent, _) => Self::Unsent(after),
            (Delivery::Unknown, ErrorKind::UpstreamGone) => Self::Gone,
            (Delivery::Unknown, ErrorKind::UpstreamDown) => Self::Busy(after),
            (Delivery::Unknown, _) if after.is_some() => Self::Busy(after),
            (Delivery::Unknown, ErrorKind::Timeout) => Self::Silent,
            (Delivery::Unknown, _) => Self::Final,
        }
    }
}

/// What to do about a failed call. `draw` is a random number.
pub(crate) fn next(settings: Settings, facts: Facts, draw: u64) -> Next {
    let (may, asked) = match facts.failure {
        Failure::Refused => (true, None),
        Failure::Unsent(asked) => (true, asked),
        Failure::Gone => (facts.safe, None),
        Failure::Busy(asked) => (facts.safe, asked),
        Failure::Silent => (facts.safe && facts.others && !facts.left.is_zero(), None),
        Failure::Final => (false, None),
    };
    if !may {
        return Next::GiveUp;
    }
    if facts.others {
        return Next::Other;
    }
    // Who refuses from the start is not waited for: that is what parking calls is for.
    if facts.repeats >= settings.attempts || (facts.failure == Failure::Refused && !facts.reached) {
        return Next::GiveUp;
    }
    if facts.failure == Failure::Gone && facts.repeats == 0 {
        return Next::AtOnce;
    }
    let doubled = settings.delay.saturating_mul(1_u32.checked_shl(facts.repeats).unwrap_or(u32::MAX));
    let delay = doubled.min(settings.delay_max);
    // Between a half and all of it, so that those who failed together do not come back together.
    let delay = delay / 2 + (delay / 2).mul_f64(draw as f64 / u64::MAX as f64);
    let wait = asked.map_or(delay, |asked| asked.max(delay));
    if wait > settings.delay_max || wait >= facts.left { Next::GiveUp } else { Next::After(wait) }
}

/// How much may be sent again: a tenth of what is sent, and a reserve for the end of an instance.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In thousandths of a call.
    left: AtomicU32,
    most: u32,
}

/// What one call adds, and what one retry takes, in thousandths.
const ADDED: u32 = 100;
const TAKEN: u32 = 1000;
/// The least reserve, in calls.
const RESERVE_MIN: u32 = 3;

// === impl Budget ===

impl Budget {
    /// A budget with a reserve for `in_flight` calls that one instance takes along when it ends.
    pub(crate) fn new(in_flight: usize) -> Self {
        let reserve = u32::try_from(in_flight).unwrap_or(u32::MAX).clamp(RESERVE_MIN, 100_000) * TAKEN;
        Self { left: AtomicU32::new(reserve), most: reserve }
    }

    /// A call is sent.
    pub(crate) fn sent(&self) {
        if self.left.load(Ordering::Relaxed) < self.most {
            self.left.fetch_add(ADDED, Ordering::Relaxed);
        }
    }

    /// A call is to be sent again; not, when too many were.
    pub(crate) fn take(&self) -> bool {
        let taken = |left: u32| left.checked_sub(TAKEN);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings =
        Settings { attempts: 3, delay: Duration::from_secs(1), delay_max: Duration::from_secs(60) };
    const FACTS: Facts = Facts {
        failure: Failure::Gone,
        safe: true,
        repeats: 0,
        reached: true,
        others: false,
        left: Duration::from_secs(600),
    };

    #[test]
    fn only_what_is_safe_or_was_never_executed_goes_out_twice() {
        let next = |failure, safe| next(SETTINGS, Facts { failure, safe, ..FACTS }, u64::MAX);
        assert_eq!(next(Failure::Gone, true), Next::AtOnce);
        assert_eq!(next(Failure::Gone, false), Next::GiveUp);
        assert_eq!(next(Failure::Busy(None), false), Next::GiveUp);
        assert_eq!(next(Failure::Unsent(None), false), Next::After(Duration::from_secs(1)));
        assert_eq!(next(Failure::Final, true), Next::GiveUp);
    }

    #[test]
    fn another_member_is_asked_first_and_a_refusal_from_the_start_is_the_answer() {
        let next = |facts| next(SETTINGS, facts, 0);
        let refused = Facts { failure: Failure::Refused, reached: false, safe: false, ..FACTS };
        assert_eq!(next(refused), Next::GiveUp);
        assert_eq!(next(Facts { others: true, ..refused }), Next::Other);
        assert_eq!(next(Facts { others: true, safe: false, ..FACTS }), Next::GiveUp);
        assert_eq!(next(Facts { reached: true, ..refused }), Next::After(Duration::from_millis(500)));
    }

    #[test]
    fn who_is_silent_is_asked_once_and_another_member_instead() {
        let next = |facts| next(SETTINGS, Facts { failure: Failure::Silent, ..facts }, 0);
        assert_eq!(next(FACTS), Next::GiveUp, "the same one would be silent again");
        assert_eq!(next(Facts { others: true, ..FACTS }), Next::Other);
        assert_eq!(next(Facts { others: true, safe: false, ..FACTS }), Next::GiveUp);
        assert_eq!(next(Facts { others: true, left: Duration::ZERO, ..FACTS }), Next::GiveUp);
    }

    #[test]
    fn pauses_double_and_what_the_server_asks_for_is_kept() {
        let after = |repeats, asked, left| {
            let facts = Facts { failure: Failure::Busy(asked), repeats, left: Duration::from_secs(left), ..FACTS };
            next(SETTINGS, facts, u64::MAX)
        };
        let seconds = |seconds| Next::After(Duration::from_secs(seconds));
        assert_eq!(
            [after(0, None, 600), after(1, None, 600), after(2, None, 600)],
            [seconds(1), seconds(2), seconds(4)]
        );
        assert_eq!(after(3, None, 600), Next::GiveUp);
        assert_eq!(after(0, Some(Duration::from_secs(7)), 600), seconds(7));
        assert_eq!(after(0, Some(Duration::from_secs(61)), 600), Next::GiveUp);
        assert_eq!(after(2, None, 3), Next::GiveUp);
    }

    #[test]
    fn what_an_error_means_is_read_from_its_kind_and_how_far_it_came() {
        let error = |kind| Error::new(kind, "x");
        assert_eq!(Failure::of(&error(ErrorKind::UpstreamGone)), Failure::Gone);
        assert_eq!(Failure::of(&error(ErrorKind::UpstreamGone).unsent()), Failure::Unsent(None));
        assert_eq!(Failure::of(&error(ErrorKind::UpstreamDown).refused()), Failure::Refused);
        assert_eq!(Failure::of(&error(ErrorKind::Timeout)), Failure::Silent);
        assert_eq!(Failure::of(&error(ErrorKind::Upstream)), Failure::Final);
        let second = Duration::from_secs(1);
        assert_eq!(Failure::of(&error(ErrorKind::Upstream).retry_after(second)), Failure::Busy(Some(second)));
    }

    proptest! {
        #[test]
        fn retries_are_at_most_a_tenth_more_and_the_reserve(calls in proptest::collection::vec(any::<bool>(), 1..2000)) {
            let budget = Budget::new(10);
            let (mut sent, mut again) = (0_u32, 0_u32);
            for fails in calls {
                budget.sent();
                sent += 1;
                again += u32::from(fails && budget.take());
                prop_assert!(f64::from(again) <= 10.0 + f64::from(sent) / 10.0);
            }
        }

        #[test]
        fn no_pause_is_longer_than_allowed(repeats in 0_u32..40, draw: u64, left in 1_u64..1000) {
            let settings = Settings { attempts: 100, ..SETTINGS };
            let facts = Facts { failure: Failure::Unsent(None), repeats, left: Duration::from_secs(left), ..FACTS };
            if let Next::After(wait) = next(settings, facts, draw) {
                prop_assert!(wait <= settings.delay_max && wait < facts.left && wait >= settings.delay / 2);
            }
        }
    }
}
