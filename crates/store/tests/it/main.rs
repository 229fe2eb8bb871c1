//! What the store promises, on every database that it knows, and the cache in both its places.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests set up must stand")]

mod base;

mod cluster;

mod hammer;

mod contract;

mod faults;

mod cache_faults;

mod cache_same;
