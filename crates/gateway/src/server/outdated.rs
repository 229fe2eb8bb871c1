//! Which lists of a server are to be read again, and when: bursts of "list changed" are one
//! reading, and a server that never stops saying it is read all the same.

use super::events::{note, read_again};
use super::quiet::Quiet;
use super::{Core, Environment};
use crate::catalog::{Kind, ServerCatalog};
use crate::upstream::{Connection, UpstreamEvent};
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Changes that follow one another within this time are one.
const COALESCE: Duration = Duration::from_millis(20);
/// How long the first of them waits at most.
const COALESCE_MAX: Duration = Duration::from_millis(500);

/// Lists that changed since they were read.
pub(super) struct Outdated {
    kinds: BTreeSet<Kind>,
    quiet: Quiet,
    reading: Option<BoxFuture<'static, Option<ServerCatalog>>>,
}

impl Outdated {
    pub(super) fn new() -> Self {
        let quiet = Quiet::new(COALESCE, COALESCE_MAX, Instant::now());
        Self { kinds: BTreeSet::new(), quiet, reading: None }
    }

    /// Takes note of what a link tells.
    pub(super) fn note(&mut self, server: &Core, environment: &Environment, event: UpstreamEvent) {
        if matches!(event, UpstreamEvent::ListChanged(_) | UpstreamEvent::HeadersOutdated) {
            // More of the same is probably on its way.
            self.quiet.stir(Instant::now());
        }
        note(server, environment, event, &mut self.kinds);
    }

    /// All of them are to be read, at once.
    pub(super) fn all(&mut self) {
        self.kinds.extend(Kind::ALL);
    }

    /// Reads what is to be read when it is time; the catalog, when it differs from `catalog`. What was
    /// begun goes on when this is called again.
    pub(super) async fn read(
        &mut self,
        server: &Arc<Core>,
        environment: &Environment,
        link: &Arc<Connection>,
        catalog: &ServerCatalog,
    ) -> ServerCatalog {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = reading.await;
                self.reading = None;
                if let Some(read) = read {
                    return read;
                }
            }
            if self.kinds.is_empty() {
                return std::future::pending().await;
            }
            sleep_until(self.quiet.due()).await;
            self.quiet.acted();
            let kinds = std::mem::take(&mut self.kinds);
            let (server, environment) = (server.clone(), environment.clone());
            self.reading = Some(Box::pin(read_again(server, environment, link.clone(), catalog.clone(), kinds)));
        }
    }
}
