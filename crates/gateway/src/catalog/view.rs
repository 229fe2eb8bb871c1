//! One view of the catalog: lists rendered once, and the table from public names to servers.
//!
//! A view is immutable. The aggregate endpoint has one, each server's own endpoint has one.

mod narrowed;
pub(crate) use narrowed::Narrowed;

use super::template::Template;
use super::{Kind, ServerInput, ui};
use crate::tasks::{self, TaskSupport};
use protocol::header::MirroredParam;
use protocol::{Object, Raw, Text, Version, meta, scan};
use std::collections::HashMap;
use std::sync::Arc;

/// Items in one page of a list. Clients read page after page; the figure bounds one answer.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// Most bytes of joined instructions (DESIGN.md section 14).
const INSTRUCTIONS_BYTES_MAX: usize = 2048;

/// Where a public name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Declared name of the server.
    pub server: Arc<str>,
    /// The server's own name for it.
    pub own: Text,
    /// The same as a JSON string, ready to be put into `params`.
    pub own_json: Raw,
    /// Arguments that clients over HTTP mirror in headers.
    pub mirrored: Arc<[MirroredParam]>,
    /// Whether a call may become a task.
    pub tasks: TaskSupport,
    /// The servers that have it, where it is offered by a group of which several do.
    pub members: Arc<[Member]>,
}

/// A server that can get a call of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its declared name.
    pub server: Arc<str>,
    /// Lower is asked first.
    pub priority: u32,
    /// Share of the calls among equals.
    pub weight: u32,
}

/// A list, sorted and rendered in pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Each page a JSON array.
    pub pages: Vec<Raw>,
    /// Items in all pages.
    pub count: usize,
    /// Where each item ends in its page.
    ends: Vec<u32>,
}

/// An item that is not offered, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Hidden {
    /// Declared name of the server.
    pub server: String,
    /// `tools`, `prompts`, `resources` or `resourceTemplates`.
    pub kind: &'static str,
    /// The server's own name of the item.
    pub own: String,
    /// Why.
    pub why: String,
}

/// Lists and routes of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct View {
    lists: [Listing; 4],
    tools: HashMap<Text, Arc<Route>>,
    prompts: HashMap<Text, Arc<Route>>,
    /// The tools as clients of 2025-11-25 must see them, where that differs.
    tools_with_tasks: Option<Listing>,
    resources: HashMap<Text, Arc<str>>,
    /// `ui://` resources that tools name; they need not be listed (protocol.md section 1.17).
    linked: HashMap<Text, Arc<str>>,
    templates: Vec<(Template, Arc<str>)>,
    /// `capabilities` as we advertise them.
    pub capabilities: Capabilities,
    /// Joined instructions of the servers.
    pub instructions: Option<String>,
    /// What is not offered.
    pub hidden: Vec<Hidden>,
    /// The servers in the view, by declared name.
    pub servers: Vec<Arc<str>>,
}

/// What the servers of a view can do, in sum.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Some server completes arguments.
    pub completions: bool,
    /// Some server sends log messages.
    pub logging: bool,
    /// Some server's resources can be subscribed to.
    pub subscribe: bool,
    /// Extensions of the servers, by key, the first server's value.
    pub extensions: Vec<(String, Raw)>,
}

impl View {
    /// Builds the view of `servers`; `exact` keeps own names as they are.
    #[must_use]
    pub fn build(servers: &[ServerInput<'_>], exact: bool, name_length_max: usize) -> Self {
        let mut view = Self::default();
        let mut sorted: Vec<&ServerInput<'_>> = servers.iter().collect();
        sorted.sort_by_key(|server| if exact { ("", 0, server.name) } else { server.order() });
        view.add_resources(&sorted);
        for kind in [Kind::Tools, Kind::Prompts] {
            view.add_named(kind, &sorted, exact, name_length_max);
        }
        view.add_templates(&sorted);
        view.instructions = instructions(&sorted, exact);
        for server in sorted {
            view.servers.push(server.name.into());
            view.capabilities.add(&server.catalog.capabilities);
        }
        view
    }

    fn add_named(&mut self, kind: Kind, servers: &[&ServerInput<'_>], exact: bool, name_length_max: usize) {
        let mut rows: Vec<(Text, Raw)> = Vec::new();
        let mut routes: HashMap<Text, Arc<Route>> = HashMap::new();
        // Names that several servers of one group have.
        let mut members: HashMap<Text, Vec<Member>> = HashMap::new();
        // Rows that clients of 2025-11-25 see otherwise.
        let mut for_tasks: Vec<(usize, Raw)> = Vec::new();
        for server in servers {
            let name: Arc<str> = server.name.into();
            for item in server.catalog.items(kind) {
                let Some(mut object) = Object::of(item).ok() else { continue };
                let Some(own) = object.text("name") else { continue };
                let mut hide = |why: String| {
                    self.hidden.push(Hidden {
                        server: server.name.into(),
                        kind: kind.member(),
                        own: own.to_string(),
                        why,
                    });
                };
                if kind == Kind::Tools && !server.rules.offers(&own) {
                    hide("tools.allow or tools.deny of its entry".to_owned());
                    continue;
                }
                let mirrored = match mirrored(kind, &object) {
                    Ok(mirrored) => mirrored,
                    Err(why) => {
                        hide(why);
                        continue;
                    }
                };
                let public = if exact { own.clone() } else { server.public_name(&own, name_length_max) };
                if let Some(first) = routes.get(&public)
                    && let Some(first) = servers.iter().find(|input| *input.name == *first.server)
                    && !exact
                    && first.is_of_the_group_of(server)
                {
                    join(members.entry(public).or_default(), first, server);
                    continue;
                }
                if let Some(first) = routes.get(&public) {
                    hide(format!("`{public}` is already a name of the server `{}`", first.server));
                    continue;
                }
                let own_json = Raw::of(&*own);
                object.set("name", Raw::of(&*public));
                let mut tasks = TaskSupport::Never;
                if kind == Kind::Tools {
                    tasks = TaskSupport::of(&object, server.catalog);
                    self.link_app(&mut object, &own, server);
                    for_tasks.extend(tasks.shown_to_legacy(&object).map(|shown| (rows.len(), shown)));
                }
                rows.push((public.clone(), object.to_raw()));
                let route = Route { mirrored, tasks, ..Route::to(name.clone(), own, own_json) };
                routes.insert(public, Arc::new(route));
            }
        }
        share(&mut routes, members);
        if !for_tasks.is_empty() {
            let mut shown = rows.clone();
            for_tasks.into_iter().for_each(|(row, tool)| shown[row].1 = tool);
            self.tools_with_tasks = Some(Listing::sorted(shown));
        }
        self.lists[kind as usize] = Listing::sorted(rows);
        match kind {
            Kind::Tools => self.tools = routes,
            _ => self.prompts = routes,
        }
    }

    /// Remembers whose app the tool names.
    fn link_app(&mut self, tool: &mut Object, own: &str, server: &ServerInput<'_>) {
        let mut owners = ui::Owners { listed: &self.resources, linked: &mut self.linked };
        if let Some((uri, first)) = owners.link(tool, &server.name.into()) {
            let why = format!(
                "the server `{first}` has the same URI; the tool `{own}` is offered without its app, which is at /mcp/{}",
                server.reduced
            );
            let kind = Kind::Resources.member();
            self.hidden.push(Hidden { server: server.name.into(), kind, own: uri.to_string(), why });
        }
    }

    fn add_resources(&mut self, servers: &[&ServerInput<'_>]) {
        let mut rows: Vec<(Text, Raw)> = Vec::new();
        for server in servers {
            for item in server.catalog.items(Kind::Resources) {
                let Some(uri) = Object::of(item).ok().and_then(|object| object.text("uri")) else { continue };
                let alike = |first: &str| servers.iter().any(|one| one.name == first && one.is_of_the_group_of(server));
                if self.resources.get(&uri).is_some_and(|first| alike(first)) {
                    continue;
                }
                if let Some(first) = self.resources.get(&uri) {
                    let why = format!("the server `{first}` lists the same URI; read it at /mcp/{}", server.reduced);
                    self.hidden.push(Hidden {
                        server: server.name.into(),
                        kind: Kind::Resources.member(),
                        own: uri.to_string(),
                        why,
                    });
                    continue;
                }
                self.resources.insert(uri.clone(), server.name.into());
                rows.push((uri, item.clone()));
            }
        }
        self.lists[Kind::Resources as usize] = Listing::sorted(rows);
    }

    fn add_templates(&mut self, servers: &[&ServerInput<'_>]) {
        let mut rows: Vec<(Text, Raw)> = Vec::new();
        for server in servers {
            for item in server.catalog.items(Kind::Templates) {
                let Some(uri) = Object::of(item).ok().and_then(|object| object.text("uriTemplate")) else { continue };
                self.templates.push((Template::new(&uri), server.name.into()));
                rows.push((uri, item.clone()));
            }
        }
        self.lists[Kind::Templates as usize] = Listing::sorted(rows);
    }

    /// The list of `kind`.
    #[must_use]
    pub fn list(&self, kind: Kind) -> &Listing {
        &self.lists[kind as usize]
    }

    /// The list of `kind` for a client of `version`: only 2025-11-25 knows tools that may run as
    /// tasks when the client wants it.
    #[must_use]
    pub fn list_for(&self, kind: Kind, version: Version) -> &Listing {
        match &self.tools_with_tasks {
            Some(listing) if kind == Kind::Tools && version == Version::V2025_11_25 => listing,
            _ => self.list(kind),
        }
    }

    /// The route of a public tool name.
    #[must_use]
    pub fn tool(&self, public: &Text) -> Option<&Arc<Route>> {
        self.tools.get(public)
    }

    /// The route of a public prompt name.
    #[must_use]
    pub fn prompt(&self, public: &Text) -> Option<&Arc<Route>> {
        self.prompts.get(public)
    }

    /// The server of a URI: the one that lists it, else the one whose tool names it, else the
    /// longest matching template.
    #[must_use]
    pub fn resource(&self, uri: &Text) -> Option<&Arc<str>> {
        self.resources.get(uri).or_else(|| self.linked.get(uri)).or_else(|| {
            let matching =
                self.templates.iter().filter_map(|(template, server)| Some((template.matches(uri)?, server)));
            matching.max_by_key(|(length, _)| *length).map(|(_, server)| server)
        })
    }

    /// The server that lists the template `uri` itself (completion refers to it).
    #[must_use]
    pub fn template(&self, uri: &Text) -> Option<&Arc<str>> {
        let wanted = Template::new(uri);
        self.templates.iter().find(|(template, _)| *template == wanted).map(|(_, server)| server)
    }

    /// Public tool names, in no order.
    #[must_use]
    pub fn tool_names(&self) -> Vec<&Text> {
        self.tools.keys().collect()
    }

    /// Public prompt names, in no order.
    #[must_use]
    pub fn prompt_names(&self) -> Vec<&Text> {
        self.prompts.keys().collect()
    }

    /// Public tool names with their routes, sorted.
    #[must_use]
    pub fn tool_routes(&self) -> Vec<(&Text, &Arc<Route>)> {
        let mut routes: Vec<_> = self.tools.iter().collect();
        routes.sort_by_key(|(name, _)| *name);
        routes
    }

    /// Which lists differ from `other`'s.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|&kind| self.list(kind) != other.list(kind)).collect()
    }
}

// === impl Route ===

impl Route {
    /// The way to `own` of `server`, of which nothing more is known.
    #[must_use]
    pub fn to(server: Arc<str>, own: Text, own_json: Raw) -> Self {
        Self { server, own, own_json, mirrored: Arc::from([]), tasks: TaskSupport::Never, members: Arc::from([]) }
    }
}

// === impl Listing ===

impl Listing {
    /// The list of `rows`, each with what it is sorted by.
    pub(crate) fn sorted(mut rows: Vec<(Text, Raw)>) -> Self {
        rows.sort_by(|left, right| left.0.cmp(&right.0));
        let items: Vec<&Raw> = rows.iter().map(|(_, item)| item).collect();
        let mut pages: Vec<Raw> = items.chunks(PAGE_ITEMS_MAX).map(Raw::array).collect();
        if pages.is_empty() {
            pages.push(Raw::from_static("[]"));
        }
        let ends = items.chunks(PAGE_ITEMS_MAX).flat_map(|page| {
            page.iter().scan(0, |end, item| {
                // The bracket or comma before it, and the item.
                *end += 1 + item.as_bytes().len();
                Some(u32::try_from(*end).unwrap_or(u32::MAX))
            })
        });
        Self { ends: ends.collect(), count: items.len(), pages }
    }

    /// The item at `index`, sharing the bytes of its page.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<Raw> {
        let end = *self.ends.get(index)? as usize;
        let start = if index.is_multiple_of(PAGE_ITEMS_MAX) { 1 } else { self.ends[index - 1] as usize + 1 };
        let page = self.pages.get(index / PAGE_ITEMS_MAX)?.bytes();
        (start <= end && end <= page.len()).then(|| Raw::parse(page.slice(start..end), scan::DEPTH_MAX).ok())?
    }

    /// Every item with its text `key`, in order.
    pub(crate) fn rows<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (Text, Raw)> + 'a {
        let items = (0..self.count).filter_map(|index| self.item(index));
        items.filter_map(move |item| Some((Object::of(&item).ok()?.text(key)?, item)))
    }

    /// The item called `name`, of a list that is sorted by names.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Raw> {
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = from.midpoint(to);
            let item = self.item(middle)?;
            let found = Object::of(&item).ok()?.text("name")?;
            match found.as_bytes().cmp(name.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(item),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }
}

// === impl Capabilities ===

impl Capabilities {
    fn add(&mut self, capabilities: &Raw) {
        static EMPTY: Raw = Raw::from_static("{}");
        let Ok(object) = Object::of(capabilities) else { return };
        self.completions |= object.get("completions").is_some();
        self.logging |= object.get("logging").is_some();
        let subscribe = object.object("resources").and_then(|resources| resources.get("subscribe").cloned());
        self.subscribe |= subscribe.is_some_and(|value| value.as_str() == "true");
        let own = object.object("extensions").unwrap_or_default();
        // Tasks of a legacy server are shown as those of the extension.
        let tasks = (own.get(meta::TASKS_EXTENSION).is_none() && tasks::makes_tasks(capabilities))
            .then(|| (Text::from_static(meta::TASKS_EXTENSION), &EMPTY));
        for (key, value) in own.iter().chain(tasks) {
            if !self.extensions.iter().any(|(known, _)| *known == *key) {
                self.extensions.push((key.to_string(), value.clone()));
            }
        }
    }
}

/// One more member of the group of `first` has what it has.
fn join(members: &mut Vec<Member>, first: &ServerInput<'_>, server: &ServerInput<'_>) {
    if members.is_empty() {
        members.push(first.member());
    }
    // A server that lists a name twice is one member still.
    if members.iter().all(|member| *member.server != *server.name) {
        members.push(server.member());
    }
}

/// Routes of names that several members of a group have lead to all of them.
fn share(routes: &mut HashMap<Text, Arc<Route>>, members: HashMap<Text, Vec<Member>>) {
    for (public, members) in members {
        if let Some(route) = routes.get_mut(&public) {
            *route = Arc::new(Route { members: members.into(), ..(**route).clone() });
        }
    }
}

/// Whatever the server's transport, clients over HTTP mirror the arguments that are marked, so we
/// check them; a bad annotation hides the tool (protocol.md sections 1.5 and 1.6).
fn mirrored(kind: Kind, tool: &Object) -> Result<Arc<[MirroredParam]>, String> {
    let marked = |schema: &&Raw| memchr::memmem::find(schema.as_bytes(), b"x-mcp-header").is_some();
    let Some(schema) = tool.get("inputSchema").filter(marked) else { return Ok(Arc::from([])) };
    if kind != Kind::Tools {
        return Ok(Arc::from([]));
    }
    let schema = schema.read().map_err(|error| format!("its input schema is not readable: {error}"))?;
    protocol::header::mirrored_params(&schema).map(Arc::from).map_err(|error| error.to_string())
}

fn instructions(servers: &[&ServerInput<'_>], exact: bool) -> Option<String> {
    let mut joined = String::new();
    let mut last: Option<&ServerInput<'_>> = None;
    for server in servers {
        if last.replace(server).is_some_and(|last| last.is_of_the_group_of(server)) {
            continue;
        }
        let Some(text) = server.catalog.instructions.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            continue;
        };
        if exact {
            return Some(text.to_owned());
        }
        if !joined.is_empty() {
            joined.push_str("\n\n");
        }
        joined.push_str("# ");
        joined.push_str(server.shared_name());
        joined.push('\n');
        joined.push_str(text);
    }
    if joined.len() > INSTRUCTIONS_BYTES_MAX {
        joined.truncate(joined.floor_char_boundary(INSTRUCTIONS_BYTES_MAX));
    }
    (!joined.is_empty()).then_some(joined)
}
