//! What the gateway costs the models behind its clients, in tokens: definitions exactly, counted off the
//! async threads and remembered by their hash; results roughly, by their bytes. And how busy each client
//! is, since whoever is told of a change in the middle of its work pays for its prompt again.
//!
//! It decides nothing about calls, and a call pays for two look-ups in a table.

mod ledger;
pub use ledger::{Broken, Ledger, Reader, SessionCosts};

mod patience;
pub(crate) use patience::Activity;
pub use patience::Patience;

mod prices;
pub(crate) use prices::Prices;

use crate::changes::Change;
use crate::gateway::Gateway;
use protocol::Raw;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// What clients have cost so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// By client and session, the one that was last heard of first; at most [`SESSIONS_MAX`].
    pub sessions: Vec<SessionCosts>,
    /// How many tokens of prompts had to be read again because a list changed, since the start.
    pub broken_tokens: u64,
}

/// How long sessions that read a changed list are gathered into one report.
const BREAKS_GATHERED: Duration = Duration::from_secs(1);

/// How many clients and sessions are accounted for; those not heard of for longest make room.
pub const SESSIONS_MAX: usize = 1024;

impl Gateway {
    /// How many tokens each of these definitions is, exactly: counted on a thread for blocking work where
    /// it is not known.
    pub async fn tokens_of(&self, definitions: Vec<Raw>) -> Vec<usize> {
        if let Some(known) = self.known_tokens_of(&definitions) {
            return known;
        }
        let prices = self.prices.clone();
        let counted = tokio::task::spawn_blocking(move || {
            definitions.iter().map(|definition| prices.of(definition.as_bytes())).collect()
        });
        // Nothing in it panics; and a runtime that ends needs no prices.
        counted.await.unwrap_or_default()
    }

    /// The same where all of them have been counted before.
    #[must_use]
    pub fn known_tokens_of(&self, definitions: &[Raw]) -> Option<Vec<usize>> {
        definitions.iter().map(|definition| self.prices.known(definition.as_bytes())).collect()
    }

    /// Counts every definition that is offered now, some time soon, and says [`Change::Catalog`] then: for
    /// those who look again when told.
    pub fn count_soon(self: &Arc<Self>) {
        let snapshot = self.snapshot.load_full();
        // Once for each: what cannot all be remembered is not counted again and again.
        let place = Arc::as_ptr(&snapshot) as usize;
        if self.counted.swap(place, Ordering::AcqRel) == place {
            return;
        }
        let gateway = self.clone();
        tokio::task::spawn_blocking(move || {
            for server in snapshot.servers.values() {
                server.catalog().tools.iter().for_each(|tool| {
                    gateway.prices.of(tool.as_bytes());
                });
            }
            gateway.changes().note(Change::Catalog);
        });
    }

    /// What every client and session has cost, and what changes of lists have.
    pub async fn costs(&self) -> Costs {
        self.settle().await;
        Costs { sessions: self.ledger.sessions(), broken_tokens: self.ledger.broken().borrow().tokens }
    }

    /// What changes of lists have cost so far, and whenever that has become more.
    #[must_use]
    pub fn broken(&self) -> watch::Receiver<Broken> {
        self.ledger.broken()
    }

    /// Counts the lists that clients have read and nobody has counted.
    async fn settle(&self) {
        let (ledger, prices) = (self.ledger.clone(), self.prices.clone());
        // As above.
        let _ = tokio::task::spawn_blocking(move || ledger.settle(&prices)).await;
    }

    /// A client got another list of tools than it had read: tells how much that was, together with what
    /// happens to others in the same moments.
    pub(crate) fn tell_broken_soon(self: &Arc<Self>) {
        if self.telling.swap(true, Ordering::AcqRel) {
            return;
        }
        let gateway = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(BREAKS_GATHERED).await;
            let Some(gateway) = gateway.upgrade() else { return };
            gateway.telling.store(false, Ordering::Release);
            gateway.settle().await;
        });
    }

    /// A list has changed: what was read of the former one is counted while its bytes are there. Nothing
    /// happens if nobody has read any.
    pub(crate) fn settle_soon(&self) {
        if !self.ledger.has_open() {
            return;
        }
        let (ledger, prices) = (self.ledger.clone(), self.prices.clone());
        tokio::task::spawn_blocking(move || ledger.settle(&prices));
    }
}
