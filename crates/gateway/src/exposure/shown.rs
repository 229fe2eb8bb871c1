//! One profile as it stands: its view, what its tools are called elsewhere, and its lists in either mode.
//! Who sees which mode is decided in `decide.rs`.

use super::OwnTool;
use crate::catalog::{Kind, Listing, Narrowed, View};
use crate::policy::ToolRules;
use config::Profile;
use globset::{Glob, GlobSet, GlobSetBuilder};
use protocol::{Text, Version};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How many lists are kept ready beside that of the view: one for each set of pinned tools.
const LISTS_MAX: usize = 16;
/// How many names without a tool, and tools without a name, are told of.
const UNKNOWN_MAX: usize = 32;

/// How much of a profile is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every tool.
    All,
    /// Pinned tools and those that find and call the others.
    Search,
}

/// A profile as it stands.
#[derive(Debug)]
pub struct Shown {
    /// What was declared.
    pub profile: Profile,
    /// Lists and routes of everything in it.
    pub view: Arc<View>,
    /// Public names of tools that it renames, by their name here.
    originals: HashMap<Text, Text>,
    /// The other way round.
    names: HashMap<Text, Text>,
    pins: GlobSet,
    /// What it says of tools that there are not, and which it cannot show, each in a sentence.
    pub unknown: Vec<String>,
    lists: Mutex<Vec<(ListKey, Arc<Listing>)>>,
    cost: OnceCell<Cost>,
}

/// What lists of tools cost a model, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// That of every tool.
    pub(crate) all: usize,
    /// That of the pinned tools and those that find the others.
    pub(crate) search: usize,
}

/// What makes one list of tools another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ListKey {
    mode: Mode,
    /// Public names of tools that are pinned besides those of the profile.
    pinned: Arc<[Text]>,
    /// Whether tools are shown as clients of 2025-11-25 see them.
    with_tasks: bool,
}

// === impl Mode ===

impl Mode {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Search => "search",
        }
    }
}

// === impl Shown ===

impl Shown {
    /// What `profile` makes of `base`, the view of its servers.
    pub(crate) fn new(profile: Profile, base: &View) -> Self {
        // The configuration has refused broken patterns; what cannot be read lets nothing through.
        let rules = ToolRules::compile(&profile.allow, &profile.deny).ok();
        let Narrowed { view, originals } = base.narrowed(rules.as_ref(), &profile.tools);
        let names = originals.iter().map(|(shown, public)| (public.clone(), shown.clone())).collect();
        let unknown = profile.tools.keys().filter(|public| base.tool(&Text::from(public.as_str())).is_none());
        let unknown = unknown.map(|public| {
            let near =
                base.tool_names().into_iter().map(|name| (strsim::damerau_levenshtein(public, name), name)).min();
            match near.filter(|(distance, _)| *distance <= public.len() / 3 + 1) {
                Some((_, near)) => format!("`{public}` is no tool of it; did you mean `{near}`?"),
                None => format!("`{public}` is no tool of it"),
            }
        });
        let lost = view.hidden.iter().skip(base.hidden.len());
        let lost = lost.map(|lost| format!("`{}` of `{}` is not shown: {}", lost.own, lost.server, lost.why));
        Self {
            unknown: unknown.chain(lost).take(UNKNOWN_MAX).collect(),
            pins: globs(&profile.pin),
            profile,
            view: Arc::new(view),
            originals,
            names,
            lists: Mutex::default(),
            cost: OnceCell::new(),
        }
    }

    /// What a tool is called everywhere else.
    #[must_use]
    pub fn original<'a>(&'a self, shown: &'a Text) -> &'a Text {
        self.originals.get(shown).unwrap_or(shown)
    }

    /// What the tool of a public name is called here, where it is shown.
    #[must_use]
    pub fn name_of<'a>(&'a self, public: &'a Text) -> Option<&'a Text> {
        let name = match self.names.get(public) {
            Some(name) => name,
            // Another tool may have its name here.
            None if self.originals.contains_key(public) => return None,
            None => public,
        };
        self.view.tool(name).map(|_| name)
    }

    /// Names of the tools that it pins, sorted.
    #[must_use]
    pub fn pinned(&self) -> Vec<Text> {
        let names = self.view.tool_names().into_iter();
        let pinned =
            names.filter(|name| self.pins.is_match(name.as_str()) || self.pins.is_match(self.original(name).as_str()));
        let mut pinned: Vec<Text> = pinned.cloned().collect();
        pinned.sort_unstable();
        pinned
    }

    /// The list of tools in `mode` for a client of `version`, with `pinned` (public names) besides those
    /// that the profile pins; none where it is that of the view.
    pub(crate) fn listing(&self, mode: Mode, pinned: &Arc<[Text]>, version: Version) -> Option<Arc<Listing>> {
        if mode == Mode::All && OwnTool::listed(&self.profile, mode).next().is_none() {
            return None;
        }
        let with_tasks = version == Version::V2025_11_25;
        let key = ListKey { mode, pinned: pinned.clone(), with_tasks };
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = lists.iter().find(|(known, _)| *known == key) {
            return Some(found.clone());
        }
        let listing = Arc::new(self.compose(&key, version));
        if lists.len() >= LISTS_MAX {
            lists.remove(0);
        }
        lists.push((key, listing.clone()));
        Some(listing)
    }

    fn compose(&self, key: &ListKey, version: Version) -> Listing {
        let all = self.view.list_for(Kind::Tools, version);
        let own: Vec<OwnTool> = OwnTool::listed(&self.profile, key.mode).collect();
        let mut rows: Vec<(Text, protocol::Raw)> = match key.mode {
            Mode::All => all.rows("name").collect(),
            Mode::Search => {
                let also = key.pinned.iter().filter_map(|public| self.name_of(public).cloned());
                let names: BTreeSet<Text> = self.pinned().into_iter().chain(also).collect();
                names.into_iter().filter_map(|name| Some((name.clone(), all.named(&name)?))).collect()
            }
        };
        // Its own name leads to our tool: a second of that name could not be called.
        rows.retain(|(name, _)| own.iter().all(|own| own.name() != name.as_str()));
        rows.extend(own.into_iter().map(|own| (Text::from_static(own.name()), own.definition().clone())));
        Listing::sorted(rows)
    }

    /// Our own tool that `name` leads to here.
    pub(crate) fn own(&self, name: &str) -> Option<OwnTool> {
        OwnTool::offered(&self.profile).find(|own| own.name() == name)
    }

    /// What its lists cost; counted once, away from the threads that answer.
    pub(crate) async fn cost(self: &Arc<Self>) -> Cost {
        let shown = self.clone();
        let count = || async move {
            let counted = tokio::task::spawn_blocking(move || Cost {
                all: tokens_of(shown.view.list(Kind::Tools)),
                search: shown
                    .listing(Mode::Search, &Arc::from([]), Version::MODERN_LATEST)
                    .map_or(0, |list| tokens_of(&list)),
            });
            counted.await.unwrap_or(Cost { all: 0, search: 0 })
        };
        *self.cost.get_or_init(count).await
    }
}

fn tokens_of(listing: &Listing) -> usize {
    (0..listing.count).filter_map(|index| listing.item(index)).map(|item| tokens::count(item.as_str())).sum()
}

/// The patterns that can be read: the configuration has refused the others.
fn globs(patterns: &[String]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()).for_each(|glob| {
        set.add(glob);
    });
    set.build().unwrap_or_default()
}
