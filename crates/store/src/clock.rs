//! The time of the store: what leases and expiry go by.
//!
//! On SQLite all users of a file are on one machine, so that its clock since the start (which counts
//! suspension too, and which nobody can set) measures time for all of them. A row of the database,
//! the *anchor*, ties it to the calendar. What this gives, and what tests show:
//!
//! - It never goes back, over all processes, over restarts of the machine and whatever is done to
//!   the wall clock.
//! - While the machine runs, a span of real time `d` is between `0.9 d` and `1.1 d`: however the wall
//!   clock jumps, no lease ends early by more than a tenth, and none is kept longer.
//! - It moves towards the wall clock by a tenth of the time that passes, so that it shows the right
//!   time again after a jump was set right.
//! - Over a restart of the machine only the wall clock knows how long it was off; that is believed,
//!   up to a year.
//!
//! On PostgreSQL it is the server's clock, and within a stream it never goes back.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// An anchor older than this is renewed by the next write, in milliseconds.
pub(crate) const ANCHOR_AGE_MS: i64 = 10_000;
/// The time of the store nears the wall clock by one part in so many.
const SLEW: i64 = 10;
/// The longest time that a machine is believed to have been off, in milliseconds.
const OFF_MAX_MS: i64 = 366 * 86_400_000;

/// What the clocks of this machine say at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970 by the wall clock.
    pub wall_ms: i64,
    /// Milliseconds since the machine started, suspension included.
    pub up_ms: i64,
    /// Which start of the machine this is.
    pub boot: Arc<str>,
}

/// The clocks of this machine; tests bring their own.
pub trait Clock: Debug + Send + Sync {
    /// Reads them.
    fn read(&self) -> Moment;
}

/// The real clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

/// The row of the database that ties the clock since the start to the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The time of the store then, in milliseconds since 1970.
    pub(crate) store_ms: i64,
    /// What the clocks said then.
    pub(crate) moment: Moment,
}

// === impl SystemClock ===

impl Clock for SystemClock {
    fn read(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Moment {
            wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
            up_ms: up.tv_sec.saturating_mul(1000).saturating_add(up.tv_nsec / 1_000_000),
            boot: boot(),
        }
    }
}

/// Names the start of the machine; where it has no name, all starts have the same, and a clock that
/// went back tells them apart.
fn boot() -> Arc<str> {
    static BOOT: std::sync::OnceLock<Arc<str>> = std::sync::OnceLock::new();
    let read = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into();
    BOOT.get_or_init(read).clone()
}

// === impl Anchor ===

impl Anchor {
    /// The first anchor of a database.
    pub(crate) fn first(moment: Moment) -> Self {
        Self { store_ms: moment.wall_ms, moment }
    }

    /// The time of the store at a moment.
    pub(crate) fn now_ms(&self, moment: &Moment) -> i64 {
        let up = moment.up_ms.saturating_sub(self.moment.up_ms);
        let passed = if self.is_of_this_start(moment) {
            // How far the wall clock was ahead when the anchor was set.
            let ahead = self.moment.wall_ms.saturating_sub(self.store_ms);
            up.saturating_add(ahead.clamp(-(up / SLEW), up / SLEW))
        } else {
            // Times up to the age of an anchor, and a tenth, may have been given out after it.
            let off = moment.wall_ms.saturating_sub(self.moment.wall_ms);
            off.clamp(ANCHOR_AGE_MS + ANCHOR_AGE_MS / SLEW, OFF_MAX_MS)
        };
        self.store_ms.saturating_add(passed)
    }

    /// The anchor to write before a time of this moment is, if this one has served.
    pub(crate) fn renewed(&self, moment: &Moment) -> Option<Self> {
        let fresh = self.is_of_this_start(moment) && moment.up_ms - self.moment.up_ms < ANCHOR_AGE_MS;
        (!fresh).then(|| Self { store_ms: self.now_ms(moment), moment: moment.clone() })
    }

    fn is_of_this_start(&self, moment: &Moment) -> bool {
        moment.boot == self.moment.boot && moment.up_ms >= self.moment.up_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const YEARS_10_MS: i64 = 10 * 366 * 86_400_000;
    const HOUR_MS: i64 = 3_600_000;

    /// Something that happens to a machine.
    #[derive(Debug, Clone)]
    enum Happening {
        Passes(i64),
        WallJumps(i64),
        Restarts(i64),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            4 => (0..20 * HOUR_MS).prop_map(Happening::Passes),
            4 => (0..5_000_i64).prop_map(Happening::Passes),
            1 => prop_oneof![Just(HOUR_MS), Just(-HOUR_MS), Just(YEARS_10_MS), Just(-YEARS_10_MS)]
                .prop_map(Happening::WallJumps),
            1 => (0..HOUR_MS).prop_map(Happening::Restarts),
        ]
    }

    proptest! {
        #[test]
        fn time_never_goes_back_and_passes_at_its_rate(story in proptest::collection::vec(happening(), 1..60)) {
            let mut moment = Moment { wall_ms: 2_000_000_000_000, up_ms: 5_000, boot: "0".into() };
            let mut anchor = Anchor::first(moment.clone());
            let mut last = anchor.now_ms(&moment);
            for (at, step) in story.into_iter().enumerate() {
                let mut passed = None;
                match step {
                    Happening::Passes(ms) => {
                        moment.wall_ms += ms;
                        moment.up_ms += ms;
                        passed = Some(ms);
                    }
                    Happening::WallJumps(ms) => {
                        moment.wall_ms += ms;
                        passed = Some(0);
                    }
                    Happening::Restarts(off) => {
                        moment.wall_ms += off;
                        moment = Moment { up_ms: 1_000, boot: at.to_string().into(), ..moment };
                    }
                }
                let now = anchor.now_ms(&moment);
                prop_assert!(now >= last, "{now} after {last}");
                if let Some(passed) = passed {
                    let seen = now - last;
                    prop_assert!(seen <= passed + passed / SLEW + 2 && seen + passed / SLEW + 2 >= passed, "{seen} for {passed}");
                }
                anchor = anchor.renewed(&moment).unwrap_or(anchor);
                last = now;
            }
        }
    }

    #[test]
    fn after_a_jump_was_set_right_the_time_is_right_again() {
        let start = Moment { wall_ms: 1_000_000_000_000, up_ms: 0, boot: "a".into() };
        let mut anchor = Anchor::first(start.clone());
        let mut moment = start;
        moment.wall_ms += HOUR_MS;
        let mut minutes = 0;
        while (anchor.now_ms(&moment) - moment.wall_ms).abs() > 100 {
            moment.wall_ms += 60_000;
            moment.up_ms += 60_000;
            anchor = anchor.renewed(&moment).unwrap_or(anchor);
            minutes += 1;
        }
        assert!((600..=602).contains(&minutes), "{minutes}");
    }

    #[test]
    fn the_real_clocks_can_be_read() {
        let first = SystemClock.read();
        let second = SystemClock.read();
        assert!(second.up_ms >= first.up_ms && first.up_ms > 0 && first.wall_ms > 1_700_000_000_000);
    }
}
