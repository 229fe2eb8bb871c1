//! Waiting for what must happen: a condition is looked at again and again until a deadline. There
//! is deliberately no way here to wait for time alone.

use std::thread::park_timeout;
use std::time::{Duration, Instant};

/// How long anything that has to happen may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `look` gives something.
///
/// # Panics
/// When nothing came before the deadline, saying that `what` was expected.
#[track_caller]
pub fn await_some<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "expected within {deadline:?}: {what}");
        park_timeout(GLANCE);
    }
}

/// Looks until `condition` holds.
///
/// # Panics
/// When it did not hold before the deadline, saying that `what` was expected.
#[track_caller]
pub fn eventually(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    await_some(deadline, what, || condition().then_some(()));
}
