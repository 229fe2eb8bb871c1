//! Feeds libFuzzer's inventions to the check in `src/framing.rs`; the seeds are in `seeds/framing`.
#![no_main]

#[path = "../src/framing.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::run(data));
