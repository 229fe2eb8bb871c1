//! The server `goals`: goals, their tasks, what waits for what, and who works on it.
//!
//! `model` decides, `engine` keeps, `tools` speaks. It deliberately does no task itself.

mod engine;
mod model;

pub use engine::{Goals, Trouble};
