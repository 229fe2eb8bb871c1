//! Facts for whoever watches: which servers are not as they were, that lists, the configuration or kept
//! results changed, and the records of calls the moment they are filed.
//!
//! One watcher at a time takes them, all that gathered at once. While nobody watches, telling costs one
//! load of a number, and nothing is kept. It says that something changed and never what it is now: the
//! watcher looks.

use crate::record::Record;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Records that wait for the watcher; more of them are counted.
const RECORDS_MAX: usize = 1024;

/// What changes without a server's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The merged lists, what is approved of them, or which servers there are.
    Catalog,
    /// Goals or tasks.
    Goals,
    /// Memories.
    Memory,
    /// What is kept of results or by the server `cache`.
    Cache,
    /// How the switchboard itself is: draining.
    Own,
}

/// What changed since it was taken last.
#[derive(Debug, Default)]
pub struct News {
    /// Servers whose state or health changed.
    pub servers: BTreeSet<Arc<str>>,
    /// See [`Change::Catalog`].
    pub catalog: bool,
    /// See [`Change::Goals`].
    pub goals: bool,
    /// See [`Change::Memory`].
    pub memory: bool,
    /// See [`Change::Cache`].
    pub cache: bool,
    /// See [`Change::Own`].
    pub own: bool,
    /// A call came in.
    pub opened: bool,
    /// Finished calls, in the order of their end, without their arguments and results.
    pub records: Vec<Record>,
    /// Finished calls that were too many to be kept.
    pub missed: u64,
}

/// Where facts are told.
#[derive(Debug, Default)]
pub struct Changes {
    watched: AtomicBool,
    news: Mutex<Option<News>>,
    waiting: Notify,
}

/// Takes facts for as long as it lives.
#[derive(Debug)]
pub struct Watching(Arc<Changes>);

// === impl Changes ===

impl Changes {
    /// Begins to watch; none where somebody does.
    #[must_use]
    pub fn watch(self: &Arc<Self>) -> Option<Watching> {
        (!self.watched.swap(true, Ordering::AcqRel)).then(|| Watching(self.clone()))
    }

    /// Something changed.
    pub fn note(&self, change: Change) {
        self.tell(|news| match change {
            Change::Catalog => news.catalog = true,
            Change::Goals => news.goals = true,
            Change::Memory => news.memory = true,
            Change::Cache => news.cache = true,
            Change::Own => news.own = true,
        });
    }

    /// The state or the health of a server changed.
    pub(crate) fn server(&self, name: &Arc<str>) {
        self.tell(|news| {
            if !news.servers.contains(name) {
                news.servers.insert(name.clone());
            }
        });
    }

    pub(crate) fn opened(&self) {
        self.tell(|news| news.opened = true);
    }

    /// What is to be told of a call, if anybody watches.
    pub(crate) fn copy(&self, record: &Record) -> Option<Record> {
        self.watched.load(Ordering::Relaxed).then(|| record.outline())
    }

    /// A call has ended; what it was about is shown to nobody who has not asked for that call.
    pub(crate) fn filed(&self, record: Record) {
        self.tell(|news| {
            if news.records.len() >= RECORDS_MAX {
                news.missed += 1;
                return;
            }
            news.records.push(record);
        });
    }

    fn tell(&self, add: impl FnOnce(&mut News)) {
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let mut news = self.lock();
        let first = news.is_none();
        add(news.get_or_insert_default());
        drop(news);
        // Waking costs a system call; who finds nothing there pays it for all that follows.
        if first {
            self.waiting.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watching ===

impl Watching {
    /// Waits until there is something to take. Nothing is lost when the future is dropped.
    pub async fn changed(&self) {
        while self.0.lock().is_none() {
            self.0.waiting.notified().await;
        }
    }

    /// What gathered since the last time, perhaps nothing.
    #[must_use]
    pub fn take(&self) -> News {
        self.0.lock().take().unwrap_or_default()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watched.store(false, Ordering::Release);
        // What came in between is nobody's.
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Records;
    use futures_util::FutureExt as _;
    use protocol::{Principal, Raw, Text};

    #[tokio::test]
    async fn nothing_is_kept_for_nobody_and_everything_for_one() {
        let changes = Arc::new(Changes::default());
        changes.note(Change::Catalog);
        let watching = changes.watch().unwrap();
        assert!(changes.watch().is_none(), "one at a time");
        assert!(watching.changed().now_or_never().is_none());
        changes.server(&"a".into());
        changes.server(&"a".into());
        changes.note(Change::Goals);
        watching.changed().await;
        let news = watching.take();
        assert_eq!((news.servers.len(), news.goals, news.catalog), (1, true, false));
        assert!(watching.changed().now_or_never().is_none());
        drop(watching);
        changes.note(Change::Own);
        assert!(!changes.watch().unwrap().take().own);
    }

    #[tokio::test]
    async fn a_finished_call_is_there_at_once_without_what_it_was_about() {
        let records = Records::new(16);
        let watching = records.changes().watch().unwrap();
        for _ in 0..RECORDS_MAX + 3 {
            let mut open = records.open(&Text::from_static("tools/call"), &Principal::new("me"), "modern", 1);
            open.note(|record| record.arguments = Some(Raw::from_static("{\"key\":\"secret\"}")));
        }
        watching.changed().await;
        let news = watching.take();
        assert_eq!((news.opened, news.records.len(), news.missed), (true, RECORDS_MAX, 3));
        assert!(news.records.iter().all(|record| record.arguments.is_none() && record.result.is_none()));
        assert!(records.take().await.iter().all(|record| record.arguments.is_some()));
    }
}
