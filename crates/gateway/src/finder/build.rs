//! The index of a catalog, made of the one before it: servers whose tools are the same are not read again.
//! Pure: a snapshot and bytes go in, an index and bytes come out.

use crate::catalog::{Kind, View};
use crate::gateway::Snapshot;
use config::Config;
use protocol::{Object, Raw, Text};
use search::{Index, Rules, Tool};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stored indexes begin with.
const MAGIC: &[u8] = b"switchboard search 1\n";
/// The longest description of a server that is read, in bytes.
const ABOUT_BYTES_MAX: usize = 600;

/// The index of one catalog.
pub(super) struct Built {
    pub(super) index: Index,
    pub(super) rules: Arc<Rules>,
    /// What it was made of: a digest of the texts of each server.
    digests: BTreeMap<String, u64>,
    /// Whether it is another one than was stored.
    pub(super) differs: bool,
    view: Arc<View>,
    config: Option<Arc<Config>>,
}

/// What a server says of itself and of its tools.
struct Said {
    title: String,
    about: String,
    /// Public names, own names and definitions.
    tools: Vec<(Text, Text, Raw)>,
    digest: u64,
}

impl Default for Built {
    fn default() -> Self {
        let (digests, view, config) = (BTreeMap::new(), Arc::default(), None);
        Self { index: Index::default(), rules: Arc::default(), digests, differs: false, view, config }
    }
}

impl Built {
    /// Whether it is the index of this snapshot.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        let same_rules =
            |config: &Arc<Config>| Arc::ptr_eq(config, &snapshot.config) || config.search == snapshot.config.search;
        Arc::ptr_eq(&self.view, &snapshot.catalog.all) && self.config.as_ref().is_some_and(same_rules)
    }

    /// The index of `snapshot`, out of the former one or of stored bytes as far as they fit.
    pub(super) fn make(snapshot: &Snapshot, former: Option<&Self>, stored: Option<&[u8]>) -> Self {
        let said = said(snapshot);
        let digests: BTreeMap<String, u64> = said.iter().map(|(name, said)| (name.clone(), said.digest)).collect();
        let stored = former.is_none().then(|| stored.and_then(read)).flatten();
        let before = former.map(|former| (&former.digests, &former.index));
        let before = before.or_else(|| stored.as_ref().map(|(digests, index)| (digests, index)));
        let none = BTreeMap::new();
        let (known, index) = before.map_or((&none, None), |(known, index)| (known, Some(index)));
        let changed: Vec<&String> =
            digests.iter().filter(|(name, digest)| known.get(*name) != Some(digest)).map(|(name, _)| name).collect();
        let gone: Vec<&String> = known.keys().filter(|name| !digests.contains_key(*name)).collect();
        let differs = !changed.is_empty() || !gone.is_empty();
        let index = match index {
            // A few servers are put in the place of what they were; of many all is made anew.
            Some(index) if (changed.len() + gone.len()) * 4 <= digests.len().max(4) => {
                let without = gone.into_iter().fold(index.clone(), |index, name| index.with_server(name, []));
                changed.into_iter().fold(without, |index, name| match said.get(name) {
                    Some(said) => index.with_server(name, said.tools(name)),
                    None => index,
                })
            }
            _ => Index::build(said.iter().flat_map(|(name, said)| said.tools(name))),
        };
        let settings = &snapshot.config.search;
        let rules = Rules::compile(&settings.server_keywords, &settings.task_patterns);
        let rules = rules.inspect_err(|bad| tracing::warn!("a rule of [search] is not used: {bad}"));
        Self {
            index,
            rules: Arc::new(rules.unwrap_or_default()),
            digests,
            differs,
            view: snapshot.catalog.all.clone(),
            config: Some(snapshot.config.clone()),
        }
    }

    /// To be stored.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let head = serde_json::to_vec(&self.digests).unwrap_or_default();
        let size = u32::try_from(head.len()).unwrap_or(0).to_le_bytes();
        [MAGIC, &size, &head, &self.index.to_bytes()].concat()
    }
}

/// Bytes of an earlier run.
fn read(bytes: &[u8]) -> Option<(BTreeMap<String, u64>, Index)> {
    let (size, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (head, index) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
    Some((serde_json::from_slice(head).ok()?, Index::from_bytes(index)?))
}

/// What every server says that has a tool in the catalog, by declared name.
fn said(snapshot: &Snapshot) -> BTreeMap<String, Said> {
    let mut all: BTreeMap<String, Said> = BTreeMap::new();
    let view = &snapshot.catalog.all;
    for (public, definition) in view.list(Kind::Tools).rows("name") {
        let Some(route) = view.tool(&public) else { continue };
        let said = all.entry(route.server.to_string()).or_insert_with(|| {
            let (title, about) = about(snapshot, &route.server);
            Said { title, about, tools: Vec::new(), digest: 0 }
        });
        said.tools.push((public, route.own.clone(), definition));
    }
    all.values_mut().for_each(Said::digest);
    all
}

/// Title and description of a server: what a person wrote comes before what it says itself.
fn about(snapshot: &Snapshot, name: &str) -> (String, String) {
    let Some(server) = snapshot.servers.get(name) else { return Default::default() };
    let catalog = server.catalog();
    let info = catalog.server_info.as_ref().and_then(|info| Object::of(info).ok()).unwrap_or_default();
    let text = |key: &str| info.text(key).map(|text| text.to_string());
    let title = text("title").or_else(|| text("name")).unwrap_or_default();
    let told = [server.entry.description.clone(), text("description"), catalog.instructions.clone()];
    let mut about = told.into_iter().flatten().collect::<Vec<_>>().join(". ");
    about.truncate(about.floor_char_boundary(ABOUT_BYTES_MAX));
    (title, about)
}

impl Said {
    fn tools<'a>(&'a self, server: &'a str) -> impl Iterator<Item = Tool<'a>> {
        self.tools.iter().filter_map(move |(public, own, definition)| {
            let read = Tool::of_definition(public, server, &self.title, &self.about, definition.as_bytes())?;
            Some(Tool { name: own.as_str().into(), ..read })
        })
    }

    fn digest(&mut self) {
        let mut hash = Sha256::new();
        let texts = [self.title.as_bytes(), self.about.as_bytes()];
        let tools =
            self.tools.iter().flat_map(|(public, own, raw)| [public.as_bytes(), own.as_bytes(), raw.as_bytes()]);
        for text in texts.into_iter().chain(tools) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let digest = hash.finalize();
        self.digest = digest.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first));
    }
}
