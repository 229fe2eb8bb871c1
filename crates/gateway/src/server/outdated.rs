//! Which lists of a server are to be read again, and when: bursts of "list changed" are one
//! reading, and a server that never stops saying it is read all the same.

use super::events::{note, read_again};
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
const COALESCE_MAX: Duration = Duration::from_millis(200);

/// Lists that changed since they were read.
#[derive(Default)]
pub(super) struct Outdated {
    kinds: BTreeSet<Kind>,
    /// Since when some have been, and when the last of them said so.
    noted: Option<(Instant, Instant)>,
    reading: Option<BoxFuture<'static, Option<ServerCatalog>>>,
}

impl Outdated {
    /// Takes note of what a link tells.
    pub(super) fn note(&mut self, server: &Core, environment: &Environment, event: UpstreamEvent) {
        let before = self.kinds.len();
        let is_about_lists = matches!(event, UpstreamEvent::ListChanged(_) | UpstreamEvent::HeadersOutdated);
        note(server, environment, event, &mut self.kinds);
        if is_about_lists || self.kinds.len() > before {
            let now = Instant::now();
            self.noted = Some((self.noted.map_or(now, |(first, _)| first), now));
        }
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
            if let Some(due) = self.due() {
                sleep_until(due).await;
            }
            let kinds = std::mem::take(&mut self.kinds);
            self.noted = None;
            let (server, environment) = (server.clone(), environment.clone());
            self.reading = Some(Box::pin(read_again(server, environment, link.clone(), catalog.clone(), kinds)));
        }
    }

    fn due(&self) -> Option<Instant> {
        self.noted.map(|(first, last)| (last + COALESCE).min(first + COALESCE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_read_once_and_an_endless_one_is_read_too() {
        let mut outdated = Outdated::default();
        assert_eq!(outdated.due(), None);
        let start = Instant::now();
        outdated.noted = Some((start, start));
        assert_eq!(outdated.due(), Some(start + COALESCE));
        let later = start + COALESCE_MAX * 3;
        outdated.noted = Some((start, later));
        assert_eq!(outdated.due(), Some(start + COALESCE_MAX));
    }
}
