//! What `/api/catalog/changes`, `/api/tokens` and `/api/cache` answer.

use super::Cache;
use protocol::Raw;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `GET /api/catalog/changes`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CatalogChanges {
    /// Tools that are not as they were approved, by server and name.
    pub changes: Vec<CatalogChange>,
}

/// A tool that is not as it was approved.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CatalogChange {
    /// The server.
    pub server: String,
    /// The server's own name of the tool.
    pub tool: String,
    /// `new` or `changed`.
    pub kind: String,
    /// Its definition as it was approved, where this daemon has seen it: only its digest is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Raw>,
    /// Its definition now.
    #[schema(value_type = Object)]
    pub after: Raw,
}

/// `GET /api/tokens`: what the definitions of tools cost whoever reads them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenCosts {
    /// Of all tools that are offered.
    pub total: usize,
    /// Whether the numbers are estimates, from the bytes.
    pub estimated: bool,
    /// The vocabulary that they are counted with.
    #[serde(default)]
    pub vocabulary: String,
    /// By server, the most costly first.
    pub servers: Vec<ServerTokens>,
}

/// What the tools of a server cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServerTokens {
    /// The server.
    pub server: String,
    /// Of all its tools that are offered.
    pub tokens: usize,
    /// By tool, the most costly first.
    pub tools: Vec<ToolTokens>,
}

/// What a tool costs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ToolTokens {
    /// The server's own name of it.
    pub name: String,
    /// Of all of its definition.
    pub tokens: usize,
}

/// `GET /api/cache`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CacheStats {
    /// All together.
    pub all: Cache,
    /// Servers that keep results.
    pub servers: BTreeMap<String, Cache>,
}
