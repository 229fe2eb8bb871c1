//! The servers inside, a folder each: cache, goals, memory, web, files, shell, runner.
//!
//! They deliberately know neither the gateway nor the supervisor: each is a `Service`, and what
//! it needs is handed to it. A new one is a folder and a line in [`ALL`].

mod registry;

pub mod goals;

pub use registry::{ALL, Builtin, Env, Given, Parts, entries};
