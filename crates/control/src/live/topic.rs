//! What a reader of `/api/live` or `/api/events` wants: topics, and of them what concerns some servers
//! or is bad enough. It reads wishes and decides nothing else.

use crate::LogLevel;
use gateway::server::Server;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Servers that one filter names at most.
const SERVERS_MAX: usize = 64;

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Overview,
    Servers,
    Calls,
    Logs,
    Goals,
    Memory,
    Cache,
    Catalog,
    History,
}

/// A set of topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Topics(u16);

/// Whose picture a reader sees; readers with the same one share every frame.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sight {
    /// Sees the calls of this principal only; none is the owner, who sees all.
    pub(crate) principal: Option<Arc<str>>,
    /// Only these servers; empty is all.
    pub(crate) servers: BTreeSet<String>,
    /// Log lines that look at least this bad.
    pub(crate) level: Option<LogLevel>,
}

/// What a reader asks for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) topics: Vec<String>,
    #[serde(default)]
    pub(crate) filter: Filter,
}

/// What of the topics it asks for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    pub(crate) server: Vec<String>,
    #[serde(default)]
    pub(crate) level: Option<String>,
}

// === impl Topic ===

impl Topic {
    /// Every topic.
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Servers,
        Self::Calls,
        Self::Logs,
        Self::Goals,
        Self::Memory,
        Self::Cache,
        Self::Catalog,
        Self::History,
    ];

    /// Its word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Servers => "servers",
            Self::Calls => "calls",
            Self::Logs => "logs",
            Self::Goals => "goals",
            Self::Memory => "memory",
            Self::Cache => "cache",
            Self::Catalog => "catalog",
            Self::History => "history",
        }
    }
}

// === impl Topics ===

impl Topics {
    pub(crate) fn add(&mut self, topic: Topic) {
        self.0 |= 1 << topic as u16;
    }

    pub(crate) fn has(self, topic: Topic) -> bool {
        self.0 & (1 << topic as u16) != 0
    }

    pub(crate) fn has_any(self, topics: &[Topic]) -> bool {
        topics.iter().any(|topic| self.has(*topic))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.has(*topic))
    }
}

// === impl Subscription ===

impl Subscription {
    /// The topics, and the sight of `principal` on them.
    ///
    /// # Errors
    /// A word that is no topic or no level, in words for whoever wrote it.
    pub(crate) fn read(self, principal: Option<Arc<str>>) -> Result<(Topics, Sight), String> {
        let mut topics = Topics::default();
        for word in &self.topics {
            let found = Topic::ALL.into_iter().find(|topic| topic.as_str() == word);
            let known = || Topic::ALL.map(Topic::as_str).join(", ");
            topics.add(found.ok_or_else(|| format!("`{}` is no topic; there are {}", shown(word), known()))?);
        }
        if self.filter.server.len() > SERVERS_MAX {
            return Err(format!("a filter names at most {SERVERS_MAX} servers"));
        }
        let level = self.filter.level.as_deref().filter(|word| !word.is_empty());
        let level = level.map(|word| word.parse().map_err(|_| format!("`{}` is no level", shown(word)))).transpose()?;
        Ok((topics, Sight { principal, servers: self.filter.server.into_iter().collect(), level }))
    }
}

fn shown(word: &str) -> String {
    word.chars().filter(|character| !character.is_control()).take(40).collect()
}

// === impl Sight ===

impl Sight {
    /// Whether something of the server called so is seen; what belongs to none is, by who sees all servers.
    pub(crate) fn sees(&self, server: Option<&str>) -> bool {
        self.servers.is_empty() || server.is_some_and(|server| self.servers.contains(server))
    }

    /// Whether a call is seen.
    pub(crate) fn sees_call(&self, principal: &str, server: Option<&str>) -> bool {
        self.principal.as_deref().is_none_or(|own| own == principal) && self.sees(server)
    }

    /// Whether a line of a log is seen.
    pub(crate) fn sees_line(&self, server: &str, level: LogLevel) -> bool {
        self.level.is_none_or(|least| level >= least) && self.sees(Some(server))
    }
}

/// Which of the servers inside this program it is, by its word.
pub(crate) fn inside(server: &Server) -> Option<&str> {
    match &server.entry.reach {
        config::Reach::Builtin { builtin, .. } => Some(builtin),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(Topics, Sight), String> {
        serde_json::from_str::<Subscription>(json).unwrap().read(None)
    }

    #[test]
    fn wishes_are_read_or_refused_in_words() {
        let (topics, sight) =
            read(r#"{"type":"subscribe","topics":["calls","logs"],"filter":{"server":["a"],"level":"warn"}}"#).unwrap();
        assert_eq!(topics.iter().collect::<Vec<_>>(), [Topic::Calls, Topic::Logs]);
        assert!(sight.sees_line("a", LogLevel::Error) && !sight.sees_line("a", LogLevel::Info));
        assert!(!sight.sees_line("b", LogLevel::Error) && !sight.sees(None));
        assert!(read(r#"{"topics":["x\u0007"]}"#).unwrap_err().contains("`x` is no topic"));
        assert!(read(r#"{"topics":[],"filter":{"level":"loud"}}"#).is_err());
        assert_eq!(read(r#"{"topics":[]}"#).unwrap().0, Topics::default());
    }

    #[test]
    fn who_is_not_the_owner_sees_calls_of_their_own() {
        let sight = Subscription::default().read(Some("b".into())).unwrap().1;
        assert!(sight.sees_call("b", None) && !sight.sees_call("a", None));
    }
}
