//! What the tools are asked and what they answer, field by field. Doc comments of arguments are what
//! a model reads: few words.
//!
//! It deliberately does nothing; `book.rs`, `reading.rs` and `import.rs` do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `save_memory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Save {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// Seconds to keep it
    pub(crate) ttl: Option<u64>,
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    /// Shared space; default: your own
    pub(crate) namespace: Option<String>,
}

/// A link from one memory to another.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) struct Link {
    /// Memory id
    pub(crate) to: String,
    #[serde(default = "related")]
    pub(crate) kind: String,
}

/// `search_memories`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Search {
    pub(crate) query: String,
    /// Default 3
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    /// Only with all of these
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) namespace: Option<String>,
}

/// `get_all_memories`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct List {
    /// Default 50
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) namespace: Option<String>,
}

/// `get_memory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Get {
    pub(crate) memory_id: String,
}

/// `delete_memory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Delete {
    pub(crate) memory_id: String,
}

/// `update_memory`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Update {
    pub(crate) memory_id: String,
    pub(crate) text: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    /// Seconds from now; 0: for ever
    pub(crate) ttl: Option<u64>,
    /// To add
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    /// Ids to unlink
    #[serde(default)]
    pub(crate) unlink: Vec<String>,
    /// Fails if it changed since this version
    pub(crate) version: Option<i64>,
}

/// `delete_all_memories`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct DeleteAll {
    /// Only with all of these
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) namespace: Option<String>,
}

/// `import_memories`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Import {
    /// Its JSONL
    pub(crate) graph: String,
    pub(crate) namespace: Option<String>,
}

/// What `save_memory` and `update_memory` answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Saved {
    pub(crate) success: bool,
    pub(crate) id: String,
    /// `saved`, `known` (the very text was there) or `updated`.
    pub(crate) status: &'static str,
    /// In a sentence, with the beginning of the text.
    pub(crate) message: String,
    pub(crate) version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
}

/// A memory as it is shown.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Shown {
    pub(crate) id: String,
    /// The text, or the part of it that the question is about.
    pub(crate) text: String,
    /// Whether there is more of the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) truncated: Option<bool>,
    /// How well it fits the question; higher is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<f64>,
    pub(crate) tags: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    pub(crate) version: i64,
    /// The shared space that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) source: Source,
    /// Links from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) links: Option<Vec<ShownLink>>,
    /// Links to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) linked_from: Option<Vec<ShownLink>>,
}

/// Where a memory came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Source {
    pub(crate) principal: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<String>,
    /// The entity of an imported graph that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity: Option<EntitySource>,
}

/// An entity of an imported graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EntitySource {
    pub(crate) name: String,
    /// Absent where only a relation names it.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Which of its memories this is, counted from 1, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<usize>,
}

/// The other end of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct ShownLink {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// How the other memory begins.
    pub(crate) text: String,
}

/// What `search_memories` and `get_all_memories` answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Page {
    pub(crate) memories: Vec<Shown>,
    pub(crate) count: usize,
    /// Memories in the space.
    pub(crate) total: i64,
    /// Asks for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// What the deleting tools answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Deleted {
    pub(crate) success: bool,
    pub(crate) deleted: u64,
    pub(crate) message: String,
}

/// What `import_memories` answers.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Imported {
    pub(crate) success: bool,
    /// New memories.
    pub(crate) created: usize,
    /// Memories that learned something new.
    pub(crate) updated: usize,
    /// Entities that were there already.
    pub(crate) unchanged: usize,
    /// Relations that are links now.
    pub(crate) links: usize,
    pub(crate) message: String,
}

fn related() -> String {
    "related".to_owned()
}
