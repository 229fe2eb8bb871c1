//! The end-to-end tests, one binary: real servers, real clients and wrong input against the built
//! `switchboard`. Each module is one subject.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod bad_input;
mod catalog;
mod cli;
mod conformance;
mod connect;
mod eras;
mod fleet;
mod guard;
mod matrix;
mod one_bad_server;
mod reload;
mod sign_in;
