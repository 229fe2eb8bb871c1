//! The server `goals`: goals, their tasks, what waits for what, and who works on it.
//!
//! `model` decides, `engine` keeps, `tools` speaks, `exchange` reads and writes other formats. It
//! deliberately does no task itself.

mod engine;
mod exchange;
mod model;
mod tools;

pub use tools::{Options, server};
