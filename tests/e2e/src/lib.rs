//! What the end-to-end tests stand on: a running switchboard, peers of others, a raw HTTP client.
//!
//! Everything is driven from outside, through the built binary; nothing here links the product.
//! A step that fails panics with what was seen, since each step is part of a test.
#![expect(clippy::panic, reason = "a step that fails is a test that fails")]
#![expect(clippy::print_stderr, reason = "tests say what they skip and what a daemon logged")]

mod daemon;
pub mod harness;
mod http;
mod page;
mod peers;
mod process;
mod rpc;
mod scenario;
mod wait;

pub use daemon::{Stopped, Switchboard};
pub use http::{Reply, exchange};
pub use page::Page;
pub use peers::{Peers, require_peers};
pub use process::{Listening, Outcome, Proc, built, command, descendants, run};
pub use rpc::{LegacySession, VERSION, legacy_initialize, modern, modern_body, modern_headers};
pub use scenario::{Played, Step, play};
pub use wait::until;
