//! The switchboard driven from outside by hand: started in a home of its own, spoken to over real
//! sockets as clients of both eras, rightly or wrongly, and watched for the processes it leaves.
//!
//! It is no MCP client library: it checks nothing that a test does not ask for.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helping functions too")]

mod client;
pub mod http;
mod processes;
mod programs;
mod switchboard;
mod waiting;

pub use client::{Client, LEGACY, Legacy, MODERN, Modern};
pub use processes::{Process, Tree, running};
pub use programs::{Ended, Talk, built, command, entry, misbehave, output, script, tell};
pub use switchboard::{Home, Switchboard};
pub use waiting::{SOON, await_some, eventually};
