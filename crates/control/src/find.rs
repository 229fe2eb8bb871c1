//! From what a person types to a server or a tool: declared and reduced names, public names and
//! `SERVER.TOOL`. A name that leads nowhere is answered with the nearest one that does.

use crate::Problem;
use gateway::server::Server;
use gateway::{Scope, Snapshot};
use protocol::{ErrorKind, Raw, Text};
use std::sync::Arc;

/// A tool that was found.
pub(crate) struct Found {
    pub(crate) server: Arc<Server>,
    /// The server's own name of it.
    pub(crate) own: Text,
    /// Where and under which name to call it.
    pub(crate) scope: Scope,
    pub(crate) name: Text,
    /// Name at the endpoint of everything.
    pub(crate) public: Option<Text>,
}

impl Found {
    /// The definition as the server gave it.
    pub(crate) fn definition(&self) -> Raw {
        let catalog = self.server.catalog();
        let named = |tool: &&Raw| own_name(tool).is_some_and(|name| name == self.own);
        catalog.tools.iter().find(named).cloned().unwrap_or_else(|| Raw::from_static("{}"))
    }
}

/// The `name` of a definition.
pub(crate) fn own_name(definition: &Raw) -> Option<Text> {
    protocol::Object::of(definition).ok()?.text("name")
}

/// The server that is declared as `name` or shown under it.
pub(crate) fn server<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Arc<Server>, Problem> {
    let reduced = || snapshot.servers.values().find(|server| server.entry.reduced == name);
    let found = snapshot.servers.get(name).or_else(reduced);
    found.ok_or_else(|| {
        let problem = Problem::new(ErrorKind::UnknownName, format!("there is no server `{name}`"));
        match near(name, snapshot.servers.keys().map(|known| &**known)) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("see what is declared: switchboard list"),
        }
    })
}

/// The tool of a public name or of `SERVER.TOOL`.
pub(crate) fn tool(snapshot: &Snapshot, name: &str) -> Result<Found, Problem> {
    let text = Text::from(name);
    if let Some(route) = snapshot.catalog.all.tool(&text) {
        let server = server(snapshot, &route.server)?.clone();
        let (own, public) = (route.own.clone(), Some(text.clone()));
        return Ok(Found { server, own, scope: Scope::Everything, name: text, public });
    }
    // Names of servers and of tools may both hold dots: every reading is tried.
    let mut refusal = None;
    for (at, _) in name.match_indices('.') {
        let (left, right) = (&name[..at], &name[at + 1..]);
        let Ok(server) = server(snapshot, left) else { continue };
        match tool_of(snapshot, server, right) {
            Ok(found) => return Ok(found),
            Err(problem) => refusal = Some(problem),
        }
    }
    Err(refusal.unwrap_or_else(|| unknown_tool(snapshot, name)))
}

/// The servers that have a tool under this name of their own, by declared name.
pub(crate) fn servers_with<'a>(snapshot: &'a Snapshot, own: &str) -> Vec<&'a str> {
    let own = Text::from(own);
    let has = |server: &&Arc<Server>| {
        let view = snapshot.catalog.single.get(&server.entry.reduced);
        server.entry.is_active() && view.is_some_and(|view| view.tool(&own).is_some())
    };
    snapshot.servers.values().filter(has).map(|server| &*server.name).collect()
}

/// The name of a tool, as its server calls it, that was probably meant.
pub(crate) fn near_own(snapshot: &Snapshot, name: &str) -> Option<String> {
    let routes = snapshot.catalog.all.tool_routes();
    near(name, routes.iter().map(|(_, route)| route.own.as_str())).map(str::to_owned)
}

/// The tool that a server calls so.
pub(crate) fn tool_of(snapshot: &Snapshot, server: &Arc<Server>, own: &str) -> Result<Found, Problem> {
    let view = snapshot.catalog.single.get(&server.entry.reduced);
    let own = Text::from(own);
    if view.is_some_and(|view| view.tool(&own).is_some()) {
        let scope = Scope::Server(server.entry.reduced.as_str().into());
        let routes = snapshot.catalog.all.tool_routes();
        let same = routes.into_iter().find(|(_, route)| route.server == server.name && route.own == own);
        let public = same.map(|(public, _)| public.clone());
        return Ok(Found { server: server.clone(), name: own.clone(), own, scope, public });
    }
    if !server.entry.is_active() || !server.is_listed() {
        return Err(server.status().refusal(&server.name).into());
    }
    let name = &server.name;
    let known = view.map(|view| view.tool_names()).unwrap_or_default();
    let problem = Problem::new(ErrorKind::UnknownName, format!("the server `{name}` has no tool `{own}`"));
    Err(match near(&own, known.into_iter().map(Text::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{name}.{near}`?")),
        None => problem.hint(format!("see what it has: switchboard tools {name}")),
    })
}

fn unknown_tool(snapshot: &Snapshot, name: &str) -> Problem {
    let routes = snapshot.catalog.all.tool_routes();
    let dotted = routes.iter().map(|(_, route)| format!("{}.{}", route.server, route.own));
    let names: Vec<String> = routes.iter().map(|(public, _)| public.to_string()).chain(dotted).collect();
    let problem = Problem::new(ErrorKind::UnknownName, format!("there is no tool `{name}`"));
    match near(name, names.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint("see what there is: switchboard tools"),
    }
}

/// The known name that `written` was probably meant to be.
fn near<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|name| (strsim::damerau_levenshtein(written, name), name));
    let (distance, name) = distances.min()?;
    (distance <= (written.len() / 3).clamp(1, 4)).then_some(name)
}
