//! The end-to-end tests, one binary: real servers, real clients and wrong input against the built
//! `switchboard`. Each module is one subject.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails is a test that fails")]
#![expect(clippy::print_stderr, reason = "tests report what they ran and what they left out")]

mod fleet;

mod bad_input;
mod catalog;
mod conformance;
mod connect;
mod eras;
mod guard;
mod matrix;
mod one_bad_server;
mod reload;
