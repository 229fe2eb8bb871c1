//! What somebody who needs services holds: while it exists they are kept running. It also tells
//! when one of them is in trouble.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::demand::Demand;
use super::owner::Shared;
use crate::state::State;

/// A hold on services; they are let go when it is dropped.
#[derive(Debug)]
pub struct Lease {
    pub(super) holds: Vec<Hold>,
    /// Changes whenever a service says something new.
    pub(super) version: watch::Receiver<u64>,
}

/// A hold on one service.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) service: Arc<Shared>,
    pub(super) who: String,
    /// The number of the request that this hold made.
    pub(super) asked: u64,
}

// === impl Lease ===

impl Lease {
    /// What is wrong with what is held, if anything is.
    pub fn trouble(&self) -> Option<String> {
        self.holds.iter().find_map(|hold| {
            let status = hold.service.status();
            let reason = status.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            (status.state != State::Ready)
                .then(|| format!("the service `{}` is {}{reason}", hold.service.name, status.state))
        })
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// Tells when [`Lease::trouble`] may say something else. Never wakes for nothing held.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }
}

// === impl Hold ===

impl Hold {
    pub(super) fn new(service: Arc<Shared>, who: &str) -> Hold {
        let mut asked = 0;
        service.demand.send_modify(|demand| asked = demand.take(who));
        Hold { service, who: who.to_owned(), asked }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (who, now) = (&self.who, Instant::now());
        self.service.demand.send_modify(|demand: &mut Demand| demand.leave(who, now));
    }
}
