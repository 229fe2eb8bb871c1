//! The switchboard: listeners, eras, catalog, router, policy, upstreams, records.
//!
//! It deliberately knows no storage (what must last is handed in at start and handed out on
//! change), no built-in server, no agent and no REST. Reading order: a [`listener`] turns bytes
//! into a call of a [`Door`]; the [`Gateway`] routes it to a [`server::Server`]; the server's
//! [`upstream`] connection carries it.

mod gateway;
pub use gateway::{Gateway, Parts, Snapshot};

mod call;
pub use call::{DRAIN_TIME_MAX, Door};

pub mod finder;

pub mod exposure;
pub use exposure::Scope;

mod send;

pub mod guards;

pub mod listener;

mod era;

mod assembler;
pub mod catalog;

pub mod policy;

pub mod server;

mod containers;
mod http_probe;
pub use containers::engine_socket;
pub mod health;

pub mod upstream;

pub mod asking;
mod websocket;

pub mod cost;
mod hub;
mod interactive;
mod parking;

mod results;
mod skills;
pub mod tasks;
mod unrouted;

pub mod changes;
pub mod record;
mod redact;
pub mod trace;
