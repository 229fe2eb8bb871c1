//! The picture that readers have: servers and the overview as they were told last. It is brought up to
//! date from the gateway on demand and says what differed; it measures nothing and sends nothing.

use super::differ::{self, Members};
use super::figures::{Figures, Look};
use super::frame::json;
use super::history::now_ms;
use super::overview::{CatalogSize, Overview, Own};
use crate::routes::servers::describe_with;
use crate::{Parts, said, tokens};
use gateway::Snapshot;
use gateway::server::Server;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// Servers and the overview, as they were told.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    servers: BTreeMap<String, Shown>,
    overview: Members,
    catalog: CatalogSize,
    pub(crate) figures: Figures,
}

#[derive(Debug)]
struct Shown {
    said: said::Server,
    members: Members,
    json: Arc<str>,
}

/// Which servers to look at.
#[derive(Debug)]
pub(crate) enum Which {
    All,
    These(BTreeSet<Arc<str>>),
}

/// Servers that differ, as JSON, and those that are gone.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    pub(crate) changed: BTreeMap<String, Arc<str>>,
    pub(crate) removed: Vec<String>,
}

// === impl Picture ===

impl Picture {
    /// Looks at servers again.
    pub(crate) fn servers(&mut self, parts: &Parts, which: &Which) -> Servers {
        let snapshot = parts.gateway.snapshot();
        let mut news = Servers::default();
        match which {
            Which::All => {
                self.catalog = tokens::of_all(&parts.gateway, &snapshot);
                let now = snapshot.servers.keys().map(|name| (name.to_string(), ())).collect();
                news.removed = differ::gone(&self.servers, &now);
                self.servers.retain(|name, _| now.contains_key(name));
                snapshot.servers.values().for_each(|server| self.look_at(&snapshot, server, &mut news));
            }
            Which::These(names) => {
                let servers = names.iter().filter_map(|name| snapshot.servers.get(name));
                servers.for_each(|server| self.look_at(&snapshot, server, &mut news));
            }
        }
        news
    }

    fn look_at(&mut self, snapshot: &Snapshot, server: &Server, news: &mut Servers) {
        let mut said = describe_with(snapshot, server, self.figures.of(&server.name));
        said.cache =
            server.guards.hits().map(|(hits, misses)| said::Cache::new(hits, misses, self.figures.kept(&server.name)));
        let members = members(&said);
        if self.servers.get(&said.name).is_some_and(|shown| differ::is_alike(&shown.members, &members)) {
            return;
        }
        let json: Arc<str> = json(&members).into();
        news.changed.insert(said.name.clone(), json.clone());
        self.servers.insert(said.name.clone(), Shown { said, members, json });
    }

    /// Servers whose breaker is not as it was told, among these.
    pub(crate) fn broken(&self, parts: &Parts, names: &BTreeSet<Arc<str>>) -> Vec<Arc<str>> {
        let snapshot = parts.gateway.snapshot();
        let differs = |name: &&Arc<str>| {
            let (Some(server), Some(shown)) = (snapshot.servers.get(*name), self.servers.get(&***name)) else {
                return false;
            };
            server.guards.breaker().is_some() != shown.said.breaker.is_some()
        };
        names.iter().filter(differs).cloned().collect()
    }

    /// Servers that have another number of calls in flight than was told.
    pub(crate) fn busy(&self, parts: &Parts) -> Vec<Arc<str>> {
        let snapshot = parts.gateway.snapshot();
        let told = |name: &str| self.servers.get(name).map_or(0, |shown| shown.said.in_flight);
        let differs = |(name, server): &(&Arc<str>, &Arc<Server>)| server.guards.outstanding() != told(name);
        snapshot.servers.iter().filter(differs).map(|(name, _)| name.clone()).collect()
    }

    /// Puts the overview together again; gives the members that differ.
    pub(crate) fn overview(&mut self, parts: &Parts) -> Members {
        let own = Own {
            at: supervisor::utc(SystemTime::now()),
            uptime_ms: u64::try_from(parts.gateway.uptime().as_millis()).unwrap_or(u64::MAX),
            sessions: parts.sessions.get(),
            records_dropped: parts.gateway.records.dropped(),
            draining: parts.gateway.is_draining(),
            configuration: parts.refused.borrow().clone(),
            found: parts.found.borrow().clone(),
            catalog: self.catalog,
        };
        let servers: Vec<&said::Server> = self.servers.values().map(|shown| &shown.said).collect();
        let overview = Overview::of(&servers, own, parts.history.pulse(now_ms()), &self.figures);
        let now = members(&overview);
        let changed = differ::changed(&self.overview, &now);
        differ::apply(&mut self.overview, &changed);
        // A snapshot has members that are not known too, and says when it was made.
        self.overview
            .extend(now.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| (name.clone(), Value::Null)));
        self.overview
            .extend(["at", "uptime_ms"].map(|name| (name.to_owned(), now.get(name).cloned().unwrap_or_default())));
        changed
    }

    /// Whether calls came lately, so that figures change though nothing more happens.
    pub(crate) fn decays(&self) -> bool {
        self.overview.get("calls_per_minute").and_then(Value::as_u64).is_some_and(|calls| calls > 0)
    }

    /// Takes measured figures; gives the servers to look at, and whether the overview differs.
    pub(crate) fn measured(&mut self, look: Look) -> (Vec<Arc<str>>, bool) {
        self.figures.take(look)
    }

    /// All servers, as JSON by name.
    pub(crate) fn all_servers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.servers.iter().map(|(name, shown)| (name.as_str(), &*shown.json))
    }

    /// The overview as JSON.
    pub(crate) fn all_overview(&self) -> String {
        json(&self.overview)
    }
}

fn members<T: Serialize>(value: &T) -> Members {
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Members::new(),
    }
}
