//! The live index of the catalog: which tool fits a text, among those that whoever asks may see.
//!
//! It is built when somebody searches for the first time, away from the threads that answer calls, and
//! follows the catalog server by server. What was called after a search is remembered for each principal
//! (`memory.rs`). It deliberately knows no disk: bytes go to a [`Shelf`] and come from there.

mod build;

mod memory;
pub(crate) use memory::Memory;

mod shelf;
pub use shelf::{Kept, Shelf};

use crate::Scope;
use crate::catalog::{Kind, View};
use crate::exposure::Shown;
use crate::gateway::{Gateway, Snapshot};
use arc_swap::ArcSwapOption;
use build::Built;
use protocol::{Object, Principal, Raw, Text};
use search::{Answer, Query};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest first line of a description that is told, in bytes.
const LINE_BYTES_MAX: usize = 200;
/// The longest text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Find {
    /// In words: a step or a whole task.
    pub text: String,
    /// How many tools at most.
    pub limit: usize,
    /// Only tools of this server, by declared name.
    pub server: Option<String>,
}

/// What was found. Every name in it is one of the scope in which it was looked for.
#[derive(Debug, Clone)]
pub struct Found {
    /// Tools, servers, and how sure it is.
    pub answer: Answer,
    /// What is known of the tools of the answer, in its order.
    pub tools: Vec<FoundTool>,
}

/// A tool that was found.
#[derive(Debug, Clone)]
pub struct FoundTool {
    /// The name to call it by.
    pub public: String,
    /// Declared name of its server.
    pub server: String,
    /// The server's own name of it.
    pub own: String,
    /// The first line of its description.
    pub description: String,
    /// Its definition as the scope lists it.
    pub definition: Raw,
    /// What that costs a model, in tokens.
    pub tokens: usize,
}

/// What is kept between searches.
#[derive(Default)]
pub(crate) struct Finder {
    built: ArcSwapOption<Built>,
    /// Held while it is built: whoever comes meanwhile waits for that.
    building: tokio::sync::Mutex<()>,
    pub(crate) memory: Arc<Memory>,
    shelf: OnceLock<Arc<dyn Shelf>>,
}

// === impl Finder ===

impl Finder {
    /// The index of what `snapshot` holds.
    async fn of(&self, snapshot: &Arc<Snapshot>) -> Arc<Built> {
        let current = |built: Arc<Built>| built.is_of(snapshot).then_some(built);
        if let Some(built) = self.built.load_full().and_then(current) {
            return built;
        }
        let _building = self.building.lock().await;
        let former = self.built.load_full();
        if let Some(built) = former.clone().and_then(current) {
            return built;
        }
        let (snapshot, shelf, memory) = (snapshot.clone(), self.shelf.get().cloned(), self.memory.clone());
        let build = move || {
            let first = former.is_none();
            if first {
                memory.restore(shelf.as_deref());
            }
            let stored = shelf.as_deref().filter(|_| first).and_then(|shelf| shelf.read(Kept::Index));
            let built = Arc::new(Built::make(&snapshot, former.as_deref(), stored.as_deref()));
            if let Some(shelf) = shelf.as_deref().filter(|_| built.differs) {
                shelf.write(Kept::Index, &built.to_bytes());
            }
            built
        };
        match tokio::task::spawn_blocking(build).await {
            Ok(built) => {
                self.built.store(Some(built.clone()));
                built
            }
            // The runtime is ending: there is nobody left to answer.
            Err(_) => Arc::default(),
        }
    }
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finder").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Where the index and what was learned is kept. What was said first counts.
    pub fn keep_finds(&self, shelf: Arc<dyn Shelf>) {
        self.finder.memory.keep(shelf.clone());
        // A second shelf would have to know of the first.
        let _ = self.finder.shelf.set(shelf);
    }

    /// The tools and servers that fit a text, of those that are shown in `scope`. What `principal` calls
    /// next is remembered, unless the configuration says otherwise.
    pub async fn find(&self, scope: &Scope, principal: &Principal, asked: Find) -> Found {
        let snapshot = self.snapshot.load_full();
        let learns = snapshot.config.search.feedback;
        let text = asked.text.clone();
        let found = self.find_in(&snapshot, scope, principal, asked, learns).await;
        if learns {
            let ids = found.ids;
            self.finder.memory.asked(principal, &text, ids, now_ms());
        }
        found.found
    }

    /// The same without a trace.
    pub(crate) async fn look_for(&self, scope: &Scope, principal: &Principal, asked: Find) -> Found {
        let snapshot = self.snapshot.load_full();
        self.find_in(&snapshot, scope, principal, asked, false).await.found
    }

    async fn find_in(
        &self,
        snapshot: &Arc<Snapshot>,
        scope: &Scope,
        principal: &Principal,
        asked: Find,
        learns: bool,
    ) -> Sought {
        let built = self.finder.of(snapshot).await;
        let shown = snapshot.catalog.shown(scope);
        let only_server = match scope {
            Scope::Server(reduced) => {
                let server = snapshot.servers.values().find(|server| *server.entry.reduced == **reduced);
                Some(server.map(|server| server.name.to_string()).unwrap_or_default())
            }
            _ => asked.server,
        };
        let sees = |id: &str| shown.is_none_or(|shown| shown.name_of(&Text::from(id)).is_some());
        let text = &asked.text[..asked.text.floor_char_boundary(TEXT_BYTES_MAX)];
        let mut query = Query::new(text);
        query.limit = asked.limit.clamp(1, search::LIMIT_MAX);
        query.server = only_server.as_deref();
        query.only = shown.map(|_| &sees as &dyn Fn(&str) -> bool);
        query.rules = &built.rules;
        query.now_ms = now_ms();
        let answer = match learns {
            true => self.finder.memory.with(principal, |uses| built.index.search(&Query { uses, ..query })),
            false => built.index.search(&query),
        };
        told(snapshot, scope, shown.map(|shown| &**shown), answer)
    }
}

/// What was found, and under which ids.
struct Sought {
    found: Found,
    ids: Vec<Text>,
}

/// The answer in the names of the scope. What is not there any more is left out.
fn told(snapshot: &Snapshot, scope: &Scope, shown: Option<&Shown>, mut answer: Answer) -> Sought {
    let Some(view) = snapshot.catalog.view(scope) else {
        return Sought { found: Found { answer, tools: Vec::new() }, ids: Vec::new() };
    };
    let name_of = |id: &str| -> Option<Text> {
        let id = Text::from(id);
        match (shown, scope) {
            (Some(shown), _) => shown.name_of(&id).cloned(),
            (None, Scope::Server(_)) => {
                let own = snapshot.catalog.all.tool(&id).map(|route| route.own.clone())?;
                view.tool(&own).map(|_| own)
            }
            (None, _) => view.tool(&id).map(|_| id),
        }
    };
    let (mut tools, mut ids) = (Vec::new(), Vec::new());
    answer.tools.retain_mut(|hit| {
        let found = name_of(&hit.id).and_then(|name| found_tool(view, &name));
        let Some(tool) = found else { return false };
        ids.push(Text::from(hit.id.as_str()));
        hit.id = tool.public.clone();
        tools.push(tool);
        true
    });
    for server in &mut answer.servers {
        server.tools = server.tools.iter().filter_map(|id| Some(name_of(id)?.to_string())).collect();
    }
    if shown.is_some() || scope.is_server() {
        // Only rules name a server without a tool, and they know nothing of profiles.
        answer.servers.retain(|server| view.servers.iter().any(|known| **known == *server.server));
    }
    Sought { found: Found { answer, tools }, ids }
}

fn found_tool(view: &View, name: &Text) -> Option<FoundTool> {
    let route = view.tool(name)?;
    let definition = view.list(Kind::Tools).named(name)?;
    let description = Object::of(&definition).ok()?.text("description").unwrap_or_default();
    let line = description.trim().lines().next().unwrap_or_default();
    let end = line.floor_char_boundary(LINE_BYTES_MAX);
    Some(FoundTool {
        public: name.to_string(),
        server: route.server.to_string(),
        own: route.own.to_string(),
        description: line[..end].to_owned(),
        tokens: tokens::count(definition.as_str()),
        definition,
    })
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}
