//! What the store promises, on every database that it knows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests set up must stand")]

mod base;

mod cluster;

mod hammer;

mod contract;

mod faults;
