//! When a client is told that a list has changed: at once if it is idle, else when it pauses, and after
//! some time in any case. A client that reads its tools again in the middle of its work sends another
//! prompt with its next step, and pays for all of it. Values only: who acts is the hub.

use std::time::Duration;

/// How long a client is let work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long it must have made no call (`catalog.change_quiet`).
    pub(crate) quiet: Duration,
    /// After how long it is told in any case (`catalog.change_wait_max`).
    pub(crate) wait_max: Duration,
}

/// What a client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Activity {
    /// Calls that have no answer yet.
    pub(crate) in_flight: u32,
    /// How long ago the last one was answered; none if there never was any.
    pub(crate) quiet: Option<Duration>,
}

/// How soon a client that works is looked at again, at least.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(50);

impl Patience {
    /// What the configuration says.
    pub(crate) fn of(catalog: &config::Catalog) -> Self {
        Self { quiet: catalog.change_quiet, wait_max: catalog.change_wait_max }
    }

    /// How much longer to wait with a change of which the client should have heard `waited` ago; none if it
    /// is to be told now.
    pub(crate) fn left(self, activity: Activity, waited: Duration) -> Option<Duration> {
        let rest = self.wait_max.checked_sub(waited).filter(|rest| !rest.is_zero())?;
        let quiet = match (activity.in_flight, activity.quiet) {
            (0, None) => return None,
            (0, Some(since)) => self.quiet.checked_sub(since).filter(|rest| !rest.is_zero())?,
            // It cannot be quiet for long enough earlier than this.
            (_, _) if self.quiet.is_zero() => return None,
            (_, _) => self.quiet.max(LOOK_AGAIN_MIN),
        };
        Some(quiet.min(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { quiet: Duration::from_secs(2), wait_max: Duration::from_secs(30) };

    fn after(in_flight: u32, quiet_ms: Option<u64>, waited_ms: u64) -> Option<u64> {
        let activity = Activity { in_flight, quiet: quiet_ms.map(Duration::from_millis) };
        let left = PATIENCE.left(activity, Duration::from_millis(waited_ms))?;
        Some(u64::try_from(left.as_millis()).unwrap())
    }

    #[test]
    fn who_is_idle_hears_at_once_and_who_works_when_they_pause_or_have_waited_long_enough() {
        assert_eq!(after(0, None, 0), None);
        assert_eq!(after(0, Some(2_000), 0), None);
        assert_eq!(after(0, Some(500), 0), Some(1_500));
        assert_eq!(after(1, Some(5_000), 0), Some(2_000));
        assert_eq!(after(1, None, 29_500), Some(500));
        assert_eq!(after(3, None, 30_000), None);
        assert_eq!(after(0, Some(1), 31_000), None);
    }

    #[test]
    fn without_a_quiet_time_nobody_waits() {
        let patience = Patience { quiet: Duration::ZERO, ..PATIENCE };
        for activity in [Activity { in_flight: 2, quiet: None }, Activity { in_flight: 0, quiet: Some(Duration::ZERO) }]
        {
            assert_eq!(patience.left(activity, Duration::ZERO), None);
        }
        let patience = Patience { wait_max: Duration::ZERO, ..PATIENCE };
        assert_eq!(patience.left(Activity { in_flight: 2, quiet: None }, Duration::ZERO), None);
    }
}
