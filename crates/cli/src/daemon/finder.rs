//! Searches again and again for servers that are declared elsewhere, where the configuration asks
//! for it, and says what is new. It starts nothing and approves nothing.

use super::reload::Reading;
use crate::context::Context;
use crate::printer::count;
use config::{Found, discover};
use control::said;
use gateway::Gateway;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

/// Searches until it is dropped.
pub(super) struct Finder {
    /// Ends a pause between two searches.
    pub(super) again: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Finder {
    /// Starts it. What waits for a person goes to `found`; `changed` is told when the servers that
    /// are listed because of it are others now.
    pub(super) fn start(
        context: &Context,
        reading: Reading,
        gateway: Arc<Gateway>,
        found: watch::Sender<Vec<said::Found>>,
        changed: mpsc::Sender<()>,
    ) -> Self {
        let again = Arc::new(Notify::new());
        let say = context.printer.clone();
        let woken = again.clone();
        let task = tokio::spawn(async move {
            let mut known: Option<Vec<said::Found>> = None;
            loop {
                let asked = gateway.snapshot().config.discovery.clone();
                if asked.auto || !asked.folders.is_empty() {
                    let open = search(reading.clone()).await;
                    let before = known.replace(open.clone());
                    let fresh: Vec<&str> = news(before.as_deref().unwrap_or_default(), &open);
                    if !fresh.is_empty() {
                        say.say(&announcement(&fresh));
                    }
                    let differs = before.is_some_and(|before| before != open);
                    // Whoever watches may be gone, and a full queue holds the same news.
                    found.send_replace(open);
                    if differs && asked.auto {
                        let _ = changed.try_send(());
                    }
                } else if known.take().is_some() {
                    found.send_replace(Vec::new());
                }
                tokio::select! {
                    () = tokio::time::sleep(asked.interval) => {}
                    () = woken.notified() => {}
                }
            }
        });
        Self { again, task }
    }
}

impl Drop for Finder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn search(reading: Reading) -> Vec<said::Found> {
    let sources = reading.sources().await;
    // A search that panicked found nothing.
    let search = tokio::task::spawn_blocking(move || discover(&sources, &[])).await;
    let found = search.map(|search| search.found).unwrap_or_default();
    found.iter().filter(|found| found.standing.is_open()).map(said_of).collect()
}

fn said_of(found: &Found) -> said::Found {
    said::Found {
        name: found.name.clone(),
        file: found.file.display().to_string(),
        target: found.target.clone(),
        standing: found.standing.as_str().to_owned(),
        lines: found.lines.clone(),
    }
}

/// The names of those that were not there before, or are others now.
fn news<'a>(before: &[said::Found], now: &'a [said::Found]) -> Vec<&'a str> {
    let fresh = now.iter().filter(|found| !before.contains(found));
    fresh.map(|found| found.name.as_str()).collect()
}

/// What is said of servers that wait.
fn announcement(names: &[&str]) -> String {
    format!("{} found and not approved: {}; look: switchboard discover", count(names.len(), "server"), names.join(", "))
}
