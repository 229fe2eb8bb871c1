//! What must last, and what may be forgotten: durable tables over SQLite or PostgreSQL, and the
//! cache in process or in Redis.
//!
//! It deliberately knows neither MCP nor HTTP, and nothing of who asks.

mod store;

mod place;

mod tx;

mod value;

mod error;

mod job;

mod sqlite;

mod postgres;

mod clock;

mod migrate;

pub mod log;

pub mod idempotency;

pub mod documents;

pub mod goals;

pub mod records;

pub mod history;

pub mod cache;

pub mod memories;

mod backup;

mod verify;

pub use backup::set_aside;
pub use clock::{Clock, Moment, SystemClock};
pub use error::Error;
pub use migrate::{LATEST, migrate};
pub use place::{Options, Place};
pub use store::Store;
pub use tx::Tx;
pub use verify::{Findings, verify_file};

/// A boxed future that a job of [`Store::write`] or [`Store::read`] returns.
pub type Running<'t, T> = futures_util::future::BoxFuture<'t, T>;
