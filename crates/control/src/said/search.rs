//! What `POST /api/search` and `POST /api/route` are asked and answer.

use crate::Problem;
use protocol::Raw;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `POST /api/search`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchAsked {
    /// What is wanted, in one's own words.
    pub query: String,
    /// How many tools at most; 10 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub limit: Option<usize>,
    /// Only tools of this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Only what this profile shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// Tools and servers that fit a text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ToolsFound {
    /// `confident`, `weak`, or `nothing`: what is listed then is nearest, and does not fit.
    pub band: String,
    /// Tools, the best first.
    pub tools: Vec<ToolFound>,
    /// Servers, the best first.
    pub servers: Vec<ServerFound>,
    /// What a text of several steps was split into.
    pub parts: Vec<String>,
    /// Microseconds that it took.
    pub took_us: u64,
}

/// A tool that fits a text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ToolFound {
    /// Public name, by which it is called.
    pub name: String,
    /// Declared name of its server.
    pub server: String,
    /// The server's own name of it.
    pub own: String,
    /// How well it fits, from 0 to 1.
    pub score: f32,
    /// The first line of its description.
    pub description: String,
    /// What its definition costs a model, in tokens.
    pub tokens: usize,
    /// Why it was found.
    pub reasons: Vec<FoundBecause>,
}

/// Why something was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FoundBecause {
    /// `exact`, `terms`, `meaning`, `use`, `hand_off`, `rule` or `part`.
    pub kind: String,
    /// In a few words, for people.
    pub text: String,
    /// What the kind has to say besides.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// A server that fits a text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServerFound {
    /// Declared name.
    pub name: String,
    /// How well it fits, from 0 to 1.
    pub score: f32,
    /// Whether it is one of the few that are enough for all of the text.
    pub chosen: bool,
    /// How it is now: `ready`, `asleep`, …
    pub state: String,
    /// Its endpoint, for clients that want this server alone.
    pub url: String,
    /// Its tools that fit best, by public name.
    pub tools: Vec<String>,
    /// Why it was found.
    pub reasons: Vec<FoundBecause>,
    /// Why it could not be started, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// `POST /api/route`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteAsked {
    /// What somebody wants to do, in their own words.
    pub prompt: String,
    /// Whether the servers that are chosen are to be started. Needs the token.
    #[serde(default)]
    pub start: bool,
    /// A tool to call on the server that fits best: its own name, a public name, or `SERVER.TOOL`. Needs
    /// the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Arguments of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Raw>,
}

/// Which servers a text is for, and what was done about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Routed {
    /// What was asked.
    pub prompt: String,
    /// `confident`, `weak` or `nothing`.
    pub band: String,
    /// Names of the servers that are enough for all of it, the best first. Empty where nothing fits.
    pub recommended_servers: Vec<String>,
    /// The first of them.
    pub primary: Option<String>,
    /// Every server that fits somewhat, the best first.
    pub servers: Vec<ServerFound>,
    /// What a text of several steps was split into.
    pub parts: Vec<String>,
    /// Names of the servers that were asked to start and are ready.
    pub started: Vec<String>,
    /// The server that the tool was called on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What the tool answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<Raw>,
    /// What was decided between several servers that have the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

// === impl Routed ===

impl Routed {
    /// The answer for a text where nothing was found yet.
    #[must_use]
    pub fn new(prompt: impl Into<String>, band: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            band: band.into(),
            recommended_servers: Vec::new(),
            primary: None,
            servers: Vec::new(),
            parts: Vec::new(),
            started: Vec::new(),
            server: None,
            result: None,
            note: None,
            error: None,
            suggestion: None,
        }
    }
}
