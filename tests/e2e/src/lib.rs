//! The harness of the end-to-end tests: it starts the built switchboard in a home of its own,
//! speaks to it over real sockets as clients of both eras, and looks at the processes it leaves.
//!
//! It uses no crate of the product, so that a mistake there cannot hide here, and it is no MCP
//! client library: it checks nothing that a test does not ask for.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod client;
pub mod http;
mod processes;
mod programs;
mod switchboard;
mod waiting;

pub use client::{Client, LEGACY, Legacy, MODERN, Modern};
pub use processes::{Process, Tree, running};
pub use programs::{Ended, Talk, built, command, misbehave, output, tell};
pub use switchboard::{Home, Switchboard, shown};
pub use waiting::{SOON, await_some, eventually};
