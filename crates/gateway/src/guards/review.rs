//! What the gateway knows of approved tools and kept results, as a whole: looked at whenever a
//! server was listed, and changed when a person says so.

use super::{ApprovedTools, Guards, ToolFacts};
use crate::changes::Change;
use crate::gateway::Gateway;
use crate::server::Server;
use std::sync::{Arc, MutexGuard, PoisonError};

/// How many changed tools one remark names.
const NAMED_MAX: usize = 8;

/// The kept results of one server, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Calls that were answered from what is kept, or by an equal call.
    pub hits: u64,
    /// Calls that were made.
    pub misses: u64,
    /// Results that are kept.
    pub entries: usize,
}

impl Gateway {
    /// Compares the tools of these servers with what was approved.
    pub(crate) fn review<'a>(&self, servers: impl IntoIterator<Item = &'a Arc<Server>>) {
        let mut approved = self.approved();
        for server in servers.into_iter().filter(|server| server.entry.is_active() && server.is_listed()) {
            let catalog = server.catalog();
            let (facts, _) = approved.review(&server.name, &catalog.definition, &catalog.tools);
            self.learn(server, facts);
        }
    }

    /// What a person approved of the tools of every server.
    #[must_use]
    pub fn approved_tools(&self) -> ApprovedTools {
        self.approved().clone()
    }

    /// A person approves the tools of `server` as they are now. Says how many had not been.
    pub fn approve_tools(&self, server: &Arc<Server>) -> usize {
        let count = server.guards.unapproved().len();
        let catalog = server.catalog();
        let mut approved = self.approved();
        approved.approve(&server.name, &catalog.definition, &catalog.tools);
        let (facts, _) = approved.review(&server.name, &catalog.definition, &catalog.tools);
        self.learn(server, facts);
        drop(approved);
        server.log.remark(format!("its tools were approved as they are now; {count} had changed or were new"));
        self.told_stored();
        count
    }

    /// Forgets kept results: of `server` (all servers where there is none) and `tool` (all tools).
    /// Says how many there were.
    pub async fn clear_cache(&self, server: Option<&str>, tool: Option<&str>) -> usize {
        let cleared = self.cache.clear(server, tool).await;
        self.changes().note(Change::Cache);
        cleared
    }

    /// The kept results of `server`; nothing where none are to be kept.
    pub async fn cache_figures(&self, server: &Server) -> Option<CacheFigures> {
        let (hits, misses) = server.guards.hits()?;
        Some(CacheFigures { hits, misses, entries: self.cache.entries(&server.name).await })
    }

    fn approved(&self) -> MutexGuard<'_, ApprovedTools> {
        self.approved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, server: &Arc<Server>, mut facts: ToolFacts) {
        let before = server.guards.facts.load_full();
        facts.remember(&before);
        let (now, earlier) = (facts.unapproved(), before.unapproved());
        if now != earlier && !now.is_empty() {
            report(server, &now.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
        for tool in facts.redefined(&before) {
            let (cache, name) = (self.cache.clone(), server.name.clone());
            tokio::spawn(async move { cache.clear(Some(&name), Some(&tool)).await });
        }
        server.guards.learn(facts);
    }
}

impl Guards {
    fn learn(&self, facts: ToolFacts) {
        self.facts.store(Arc::new(facts));
    }
}

/// Tells once that these tools are not as they were approved.
fn report(server: &Server, tools: &[String]) {
    let more = tools.len().saturating_sub(NAMED_MAX);
    let mut named = tools.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more > 0 {
        named.push_str(&format!(" and {more} more"));
    }
    let (name, count) = (&server.name, tools.len());
    let said = format!("{count} of its tools changed since they were approved: {named}");
    server.log.remark(format!("{said}; what they say of themselves does not count until they are approved again"));
    tracing::warn!(server = %name, "`{name}`: {said}; look: switchboard tools {name} --changed; approve: switchboard approve-tools {name}");
}
