//! What `/api/sessions/costs` answers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/sessions/costs`: what clients have cost since the start of the daemon.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionsCosts {
    /// By session, the one that was last heard of first.
    pub sessions: Vec<SessionCosts>,
    /// Tokens of prompts that had to be read again because a list changed, of all of them.
    pub broken_tokens: u64,
}

/// What one session has cost; requests without sessions of one client and principal are one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionCosts {
    /// Names it among the others.
    pub session: String,
    /// How the client calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Who it is.
    pub principal: String,
    /// How long ago it was last heard of, in milliseconds.
    pub idle_ms: u64,
    /// How often it has read a list of tools.
    pub lists: u64,
    /// What these were together, in tokens, exactly.
    pub definitions_tokens: u64,
    /// How many calls it has made.
    pub calls: u64,
    /// What their results were together, in tokens, by their bytes.
    pub results_tokens: u64,
    /// How often a list that it had read was another one the next time.
    pub breaks: u64,
    /// What the former lists were together, in tokens.
    pub broken_tokens: u64,
}

impl From<gateway::cost::SessionCosts> for SessionCosts {
    fn from(costs: gateway::cost::SessionCosts) -> Self {
        Self {
            session: costs.session,
            client: costs.client,
            principal: costs.principal,
            idle_ms: costs.idle_ms,
            lists: costs.lists,
            definitions_tokens: costs.definitions_tokens,
            calls: costs.calls,
            results_tokens: costs.results_tokens,
            breaks: costs.breaks,
            broken_tokens: costs.broken_tokens,
        }
    }
}
