//! Feeds libFuzzer's inventions to the check in `src/envelope.rs`; the seeds are in `seeds/envelope`.
#![no_main]

#[path = "../src/envelope.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::run(data));
