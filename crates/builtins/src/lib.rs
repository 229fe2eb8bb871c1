//! The servers inside, a folder each: cache, goals, memory, web, files, shell, runner.
//!
//! They deliberately know neither the gateway nor the supervisor: each is a `Service`, and what
//! it needs is handed to it. A new one is a folder and a line in [`ALL`].

mod registry;

pub use registry::{ALL, Builtin, Env, Given, Parts, entries};

pub mod cache;
pub mod files;
pub mod goals;
pub mod memory;
pub mod runner;
pub mod shell;
pub mod web;

pub mod beneath;
mod blocking;
mod moment;
mod programs;
mod progress;
mod spawner;
pub use spawner::{Exit, Limits, Order, Process, Running, SpawnRefused, Spawner};

use protocol::CallContext;
use std::sync::Arc;

/// A tool's function out of one over the state that the tools of a server share.
fn with<S, A, D>(
    state: &Arc<S>,
    function: impl Fn(Arc<S>, CallContext, A) -> D + Send + Sync + 'static,
) -> impl Fn(CallContext, A) -> D + Send + Sync + 'static
where
    S: Send + Sync + 'static,
{
    let state = Arc::clone(state);
    move |context, arguments| function(Arc::clone(&state), context, arguments)
}
