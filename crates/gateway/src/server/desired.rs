//! What people want of servers beyond what the configuration says: which of them they stopped. It
//! outlives us; whoever starts the gateway hands in what was wanted, and keeps what is wanted now.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// What people want, by declared name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// Servers that a person stopped.
    pub stopped: BTreeSet<String>,
}

/// The same where it may change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes(Arc<watch::Sender<Desired>>);

impl Wishes {
    pub(crate) fn new(desired: Desired) -> Self {
        Self(Arc::new(watch::Sender::new(desired)))
    }

    /// Whether a person stopped this server.
    pub(super) fn is_stopped(&self, name: &str) -> bool {
        self.0.borrow().stopped.contains(name)
    }

    /// A person stopped this server, or started it.
    pub(super) fn set(&self, name: &str, stopped: bool) {
        self.0.send_if_modified(|desired| match stopped {
            true => desired.stopped.insert(name.to_owned()),
            false => desired.stopped.remove(name),
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
