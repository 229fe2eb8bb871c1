//! What people want of servers beyond what the configuration says: which of them they stopped. It
//! outlives us; whoever starts the gateway hands in what was wanted, and keeps what is wanted now.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// Why a server is stopped, in words for a person.
pub(super) const BY_A_PERSON: &str = "a person stopped it";
const AT_REST: &str = "nothing is started by itself in this run (--dashboard-only)";

/// What people want, by declared name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// Servers that a person stopped.
    pub stopped: BTreeSet<String>,
    /// Whether nothing starts by itself in this run.
    #[serde(skip)]
    pub at_rest: bool,
    /// Servers that a person started nevertheless.
    #[serde(skip)]
    pub started: BTreeSet<String>,
}

/// The same where it may change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes(Arc<watch::Sender<Desired>>);

impl Wishes {
    pub(crate) fn new(desired: Desired) -> Self {
        Self(Arc::new(watch::Sender::new(desired)))
    }

    /// Why this server is not to be started by itself, if it is not.
    pub(super) fn why_stopped(&self, name: &str) -> Option<&'static str> {
        let desired = self.0.borrow();
        if desired.stopped.contains(name) {
            return Some(BY_A_PERSON);
        }
        (desired.at_rest && !desired.started.contains(name)).then_some(AT_REST)
    }

    /// A person stopped this server, or started it.
    pub(super) fn set(&self, name: &str, stopped: bool) {
        self.0.send_if_modified(|desired| {
            if desired.at_rest {
                match stopped {
                    true => desired.started.remove(name),
                    false => desired.started.insert(name.to_owned()),
                };
            }
            match stopped {
                true => desired.stopped.insert(name.to_owned()),
                false => desired.stopped.remove(name),
            }
        });
    }

    /// These servers are not declared any more: nothing is wanted of them.
    pub(crate) fn forget(&self, removed: &[String]) {
        self.0.send_if_modified(|desired| {
            let before = desired.stopped.len();
            desired.stopped.retain(|name| !removed.contains(name));
            desired.stopped.len() != before
        });
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Desired> {
        self.0.subscribe()
    }
}
