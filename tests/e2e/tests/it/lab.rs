//! Loops that show what single cases cannot: that nothing grows, and what it costs. Each is small here;
//! `cargo xtask lab NAME` makes it large and files the figures, which are lines on stderr.

mod beside;
mod cache;
mod crowd;
mod cycles;
mod fleet;
mod hostile;
mod live;
mod schemathesis;
mod soak;
mod tokens;

use std::time::{Duration, Instant};

/// How large a loop is: what the lab says, or what a test has time for.
fn count(variable: &str, small: usize) -> usize {
    std::env::var(variable).map_or(small, |count| count.parse().unwrap())
}

/// Keys of an entry that is not needed now.
fn asleep() -> &'static str {
    "start = \"lazy\"\n"
}

/// Keys of an entry that may fall asleep between calls.
fn drowsy() -> &'static str {
    "start = \"lazy\"\nidle_timeout = \"1s\"\n"
}

/// Lets the switchboard be for so long: what an idle one does is what is measured.
fn leave_alone(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// As milliseconds with their tenths.
fn ms(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}
