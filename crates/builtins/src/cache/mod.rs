//! The server `cache`: values under keys, for a while (predecessors.md section 2.1: names, parameters
//! and result fields). Every caller has keys of their own. It deliberately tells the truth: what was
//! not kept is a failure, whatever the reason, while the other users of `store::cache` may miss.

mod answers;
mod arguments;
mod tools;

use protocol::tools::{Effect, Tool};
use protocol::{CallContext, Principal, ToolServer};
use schemars::JsonSchema;
use serde::Deserialize;
use std::future::Future;
use std::sync::Arc;
use store::cache::{Cache, Namespace};

/// What an entry may say in `options`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Whether all callers share their keys.
    pub shared: bool,
}

/// What the tools work on.
#[derive(Debug, Clone)]
struct Desk {
    cache: Cache,
    shared: bool,
}

// === impl Desk ===

impl Desk {
    /// The keys of whoever calls.
    fn names(&self, context: &CallContext) -> Namespace {
        match self.shared {
            true => Namespace::shared(),
            false => Namespace::of(Principal::person(context.principal.as_str())),
        }
    }
}

/// The server over a cache.
#[must_use]
pub fn server(cache: Cache, options: &Options) -> ToolServer {
    let desk = Arc::new(Desk { cache, shared: options.shared });
    let writes = Effect::writes().idempotent();
    let destroys = Effect::destroys().idempotent();
    ToolServer::new("cache", "Keeps values under keys, each for a time. Anything may be forgotten.")
        .tool(Tool::new(
            "cache_set",
            writes,
            "Keep a value under a key, for ttl seconds or until it is deleted.",
            over(&desk, tools::set),
        ))
        .tool(Tool::new("cache_get", Effect::reads(), "Get a value, as JSON if it is JSON.", over(&desk, tools::get)))
        .tool(Tool::new("cache_delete", destroys, "Delete keys.", over(&desk, tools::delete)))
        .tool(Tool::new("cache_exists", Effect::reads(), "Tell which keys exist.", over(&desk, tools::exists)))
        .tool(Tool::new("cache_expire", writes, "Give a key a time to live.", over(&desk, tools::expire)))
        .tool(Tool::new("cache_ttl", Effect::reads(), "Seconds a key has left.", over(&desk, tools::ttl)))
        .tool(Tool::new("cache_keys", Effect::reads(), "Find keys by pattern.", over(&desk, tools::keys)))
        .tool(Tool::new("cache_scan", Effect::reads(), "Walk over keys in steps.", over(&desk, tools::scan)))
        .tool(Tool::new("cache_mget", Effect::reads(), "Get many values.", over(&desk, tools::mget)))
        .tool(Tool::new("cache_mset", writes, "Keep many values without a ttl.", over(&desk, tools::mset)))
        .tool(Tool::new(
            "cache_incr",
            Effect::writes(),
            "Add to a number; a missing key is 0.",
            over(&desk, tools::incr),
        ))
        .tool(Tool::new("cache_decr", Effect::writes(), "Subtract from a number.", over(&desk, tools::decr)))
        .tool(Tool::new("cache_flush", destroys, "Delete all your keys.", over(&desk, tools::flush)))
        .tool(Tool::new("cache_info", Effect::reads(), "State of the cache.", over(&desk, tools::info)))
        .tool(Tool::new("cache_ping", Effect::reads(), "Check that it answers.", over(&desk, tools::ping)))
}

/// A tool's function over the desk.
fn over<A, D, F>(desk: &Arc<Desk>, tool: F) -> impl Fn(CallContext, A) -> D + Send + Sync + 'static
where
    F: Fn(Arc<Desk>, CallContext, A) -> D + Send + Sync + 'static,
    D: Future,
{
    let desk = desk.clone();
    move |context, arguments| tool(desk.clone(), context, arguments)
}
