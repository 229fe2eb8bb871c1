//! Whom a change of the catalog concerns: who is shown a profile hears only of what that shows.

use super::decide::Decisions;
use super::{Heard, Mode, Shown};
use crate::catalog::{Catalog, Kind};
use config::Exposure;
use protocol::Version;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Two catalogs, one after the other.
pub(crate) struct Told<'a> {
    old: &'a Catalog,
    new: &'a Catalog,
    decisions: &'a Decisions,
    /// Whether whole views differ, by profile and kind: they may be large, and listeners many.
    differ: RefCell<BTreeMap<(String, Kind), bool>>,
}

// === impl Told ===

impl<'a> Told<'a> {
    pub(crate) fn new(old: &'a Catalog, new: &'a Catalog, decisions: &'a Decisions) -> Self {
        Self { old, new, decisions, differ: RefCell::default() }
    }

    /// Whether anybody may be concerned, where no server has another list.
    pub(crate) fn profiles_differ(&self, kind: Kind) -> bool {
        let names = self.old.profiles.keys().chain(self.new.profiles.keys());
        names.into_iter().any(|name| match (self.old.profiles.get(name), self.new.profiles.get(name)) {
            (Some(old), Some(new)) => old.profile != new.profile || self.views_differ(old, new, kind),
            _ => true,
        })
    }

    /// Whether it concerns who listens as `heard`. `any`: whether a server has another list of `kind`.
    pub(crate) fn concerns(&self, heard: &Heard, kind: Kind, any: bool) -> bool {
        match (self.old.shown(&heard.scope), self.new.shown(&heard.scope)) {
            (None, None) => any,
            (Some(old), Some(new)) if kind == Kind::Tools => self.tools_differ(heard, old, new),
            (Some(old), Some(new)) => self.views_differ(old, new, kind),
            _ => true,
        }
    }

    fn tools_differ(&self, heard: &Heard, old: &Arc<Shown>, new: &Arc<Shown>) -> bool {
        let decision = self.decisions.peek(&new.profile.name, &heard.seat);
        let mode = |shown: &Shown| match (shown.profile.exposure, &decision) {
            (Exposure::All, _) => Mode::All,
            (Exposure::Search, _) => Mode::Search,
            (Exposure::Auto, Some(decision)) => decision.mode,
            // Nothing was listed yet that could have changed.
            (Exposure::Auto, None) => Mode::All,
        };
        let pinned = decision.as_ref().map_or_else(|| Arc::from([]), |decision| decision.pinned.clone());
        let listing = |shown: &Shown| shown.listing(mode(shown), &pinned, Version::MODERN_LATEST);
        match (listing(old), listing(new)) {
            (None, None) => self.views_differ(old, new, Kind::Tools),
            (old, new) => old != new,
        }
    }

    fn views_differ(&self, old: &Shown, new: &Shown, kind: Kind) -> bool {
        let key = (new.profile.name.clone(), kind);
        if let Some(known) = self.differ.borrow().get(&key) {
            return *known;
        }
        let differ = old.view.list(kind) != new.view.list(kind);
        self.differ.borrow_mut().insert(key, differ);
        differ
    }
}
