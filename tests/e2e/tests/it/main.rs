//! The end-to-end tests, one binary: real servers, real clients and wrong input against the built
//! `switchboard`. Each module is one subject.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod backup;
mod bad_input;
mod browser;
mod catalog;
mod cli;
mod conformance;
mod connect;
mod containers;
mod daemon;
mod door;
mod effects;
mod eras;
mod faults;
mod fleet;
mod found;
mod guard;
mod guards;
mod health;
mod held;
mod host;
mod inside;
mod interactive;
mod lab;
mod life;
mod matrix;
mod needs;
mod one_bad_server;
mod parked;
mod predecessors;
mod programs_inside;
mod real_life;
mod real_transports;
mod redis;
mod reload;
mod rounds;
mod sign_in;
mod sockets;
mod sse;
mod state;
mod task_questions;
mod tasks;
mod under_load;
mod web;
mod why;
