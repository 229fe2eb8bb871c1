//! The public behaviour of `config`, one file per subject. Each test writes real files into a
//! folder of its own; nothing is read from the machine's environment.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test builds on must be there; clippy exempts only the test functions themselves"
)]

mod approval;
mod client_files;
mod defaults;
mod diagnostics;
mod effects;
mod examples;
mod fixture;
mod found;
mod guards;
mod health;
mod host;
mod inside;
mod layers;
mod life;
mod predecessors;
mod profiles;
mod reload;
mod schema;
mod search;
mod secrets;
mod servers;
mod services;
mod sockets;
