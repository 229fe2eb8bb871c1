//! What clients of each profile are shown, and why: for people who look.

use super::decide::{Decision, decide};
use super::{Mode, Shown};
use crate::catalog::Kind;
use crate::gateway::Gateway;
use config::Exposure;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many clients of a profile are told of.
const CLIENTS_MAX: usize = 64;

/// What a profile shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exposed {
    /// Its name.
    pub profile: String,
    /// `all`, `search` or `auto`, as declared.
    pub exposure: &'static str,
    /// What a client is listed that has no budget of its own.
    pub mode: Mode,
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
    /// Names of tools that are listed in either mode.
    pub pinned: Vec<String>,
    /// What it says of tools that there are not.
    pub unknown: Vec<String>,
    /// What clients were shown, where each is decided about.
    pub clients: Vec<ExposedTo>,
}

/// What clients of one name were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExposedTo {
    /// What they call themselves.
    pub client: Option<String>,
    /// What they are listed.
    pub mode: Mode,
    /// Why.
    pub why: String,
    /// What their list may cost, in tokens.
    pub budget: usize,
    /// Public names of tools that are pinned because they are used daily.
    pub pinned: Vec<String>,
    /// How many sessions or principals this is about.
    pub seats: usize,
}

impl Gateway {
    /// What every declared profile shows, by name. Tokens are counted where nobody did yet.
    pub async fn exposed(&self) -> Vec<Exposed> {
        let profiles: Vec<Arc<Shown>> = self.snapshot().catalog.profiles.values().cloned().collect();
        let mut exposed = Vec::with_capacity(profiles.len());
        for shown in profiles {
            exposed.push(self.exposed_by(&shown).await);
        }
        exposed
    }

    async fn exposed_by(&self, shown: &Arc<Shown>) -> Exposed {
        let (profile, cost) = (&shown.profile, shown.cost().await);
        let (mode, why) = decide(profile, None, cost.all);
        let clients = match profile.exposure {
            Exposure::Auto => clients(self.decisions.of(&profile.name)),
            Exposure::All | Exposure::Search => Vec::new(),
        };
        Exposed {
            profile: profile.name.clone(),
            exposure: profile.exposure.as_str(),
            mode,
            why,
            tools: shown.view.list(Kind::Tools).count,
            tokens_all: cost.all,
            tokens_listed: if mode == Mode::All { cost.all } else { cost.search },
            budget: profile.context_budget,
            pinned: shown.pinned().iter().map(ToString::to_string).collect(),
            unknown: shown.unknown.clone(),
            clients,
        }
    }
}

/// Decisions for clients of one name that are alike are one line.
fn clients(decisions: Vec<Decision>) -> Vec<ExposedTo> {
    let mut found: BTreeMap<_, usize> = BTreeMap::new();
    for decision in decisions {
        let pinned: Vec<String> = decision.pinned.iter().map(ToString::to_string).collect();
        let client = decision.client.map(|client| client.to_string());
        let is_search = decision.mode == Mode::Search;
        *found.entry((client, is_search, decision.why.to_string(), decision.budget, pinned)).or_default() += 1;
    }
    let said = found.into_iter().take(CLIENTS_MAX).map(|((client, is_search, why, budget, pinned), seats)| {
        let mode = if is_search { Mode::Search } else { Mode::All };
        ExposedTo { client, mode, why, budget, pinned, seats }
    });
    said.collect()
}
