//! The server `memory`: what a model was told stays known, for this client and the next.
//!
//! Texts with tags, expiry and links, found by their words (BM25) and by their meaning, offline. It
//! deliberately decides nothing about what is worth remembering: whoever calls does.

mod said;

mod who;

mod id;

mod content;

mod words;

mod ranking;

mod meaning;

mod snippet;

mod book;

mod reading;

mod graph;

mod import;

mod trouble;

mod time;

use book::Memories;
use id::MemoryId;
use protocol::CallContext;
use protocol::tools::{Effect, Failure, Tool, ToolServer};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::Future;
use store::Store;
use who::Who;

/// The largest part of a graph that `import_memories` takes at once, in bytes.
pub const IMPORT_BYTES_MAX: usize = import::GRAPH_BYTES_MAX;

/// `options` of an entry with `builtin = "memory"`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Whether there are spaces that everybody reaches by naming them; true.
    pub shared: bool,
    /// Whether memories are also found by what they mean, in other words; true.
    pub meaning: bool,
    /// The most memories of one space; 1 000 000.
    pub memories_max: u64,
    /// The most bytes of text of one space; 1 GiB.
    pub bytes_max: u64,
    /// The longest text of one memory, in bytes; 64 KiB.
    pub text_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { shared: true, meaning: true, memories_max: 1_000_000, bytes_max: 1 << 30, text_bytes_max: 64 << 10 }
    }
}

/// The server over `store`.
#[must_use]
pub fn server(store: Store, options: Options) -> ToolServer {
    let memories = &Memories::new(store, options);
    let (reads, writes, destroys) = (Effect::reads(), Effect::writes(), Effect::destroys());
    let idempotent = writes.idempotent();
    ToolServer::new("memory", "Remembers across conversations: search before you ask, save what will matter later.")
        .tool(tool(memories, "save_memory", idempotent, "Remember a text.", Memories::save))
        .tool(tool(
            memories,
            "search_memories",
            reads,
            "Find memories by words and meaning, best first.",
            Memories::search,
        ))
        .tool(tool(memories, "get_all_memories", reads, "List memories, newest first.", Memories::list))
        .tool(tool(memories, "get_memory", reads, "Read a memory with its links.", Memories::get))
        .tool(tool(memories, "update_memory", writes, "Change what is given, keep the rest.", Memories::update))
        .tool(tool(memories, "delete_memory", destroys, "Forget a memory.", Memories::delete))
        .tool(tool(memories, "delete_all_memories", destroys, "Forget all memories.", Memories::delete_all))
        .tool(tool(
            memories,
            "import_memories",
            idempotent,
            "Add the knowledge graph of server-memory.",
            Memories::import,
        ))
}

fn tool<A, R, D>(
    memories: &Memories,
    name: &'static str,
    effect: Effect,
    description: &'static str,
    function: fn(Memories, Who, A) -> D,
) -> Tool
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: Serialize + JsonSchema,
    D: Future<Output = Result<R, Failure>> + Send + 'static,
{
    let memories = memories.clone();
    Tool::new(name, effect, description, move |context: CallContext, arguments: A| {
        function(memories.clone(), Who::of(&context), arguments)
    })
}

#[cfg(test)]
mod tests;
