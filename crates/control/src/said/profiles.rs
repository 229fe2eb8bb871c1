//! What `/api/overview` says of profiles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a profile shows its clients, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Its name; `default` is what `/mcp` shows, others are at `/mcp/p/<name>`.
    pub profile: String,
    /// `all`, `search` or `auto`, as declared.
    pub exposure: String,
    /// `all` or `search`: what a client is listed that has no budget of its own.
    pub mode: String,
    /// Why.
    pub why: String,
    /// How many tools it has.
    pub tools: usize,
    /// What the list of all of them costs, in tokens.
    pub tokens_all: usize,
    /// What the list costs that such a client gets, in tokens.
    pub tokens_listed: usize,
    /// What it may cost, in tokens.
    pub budget: usize,
    /// Tools that are listed in either mode.
    pub pinned: Vec<String>,
    /// What it says of tools that there are not.
    pub unknown: Vec<String>,
    /// What clients were shown, where each is decided about.
    pub clients: Vec<ProfileClient>,
}

/// What clients of one name were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileClient {
    /// What they call themselves.
    pub client: Option<String>,
    /// `all` or `search`.
    pub mode: String,
    /// Why.
    pub why: String,
    /// What their list may cost, in tokens.
    pub budget: usize,
    /// Tools that are pinned because they are used daily.
    pub pinned: Vec<String>,
    /// How many sessions or principals this is about.
    pub seats: usize,
}

// === impl Profile ===

impl From<gateway::exposure::Exposed> for Profile {
    fn from(exposed: gateway::exposure::Exposed) -> Self {
        let clients = exposed.clients.into_iter().map(|client| ProfileClient {
            client: client.client,
            mode: client.mode.as_str().to_owned(),
            why: client.why,
            budget: client.budget,
            pinned: client.pinned,
            seats: client.seats,
        });
        Self {
            profile: exposed.profile,
            exposure: exposed.exposure.to_owned(),
            mode: exposed.mode.as_str().to_owned(),
            why: exposed.why,
            tools: exposed.tools,
            tokens_all: exposed.tokens_all,
            tokens_listed: exposed.tokens_listed,
            budget: exposed.budget,
            pinned: exposed.pinned,
            unknown: exposed.unknown,
            clients: clients.collect(),
        }
    }
}
