//! Writes the records of calls into the store, a page of them at a time, and removes what is too old
//! or too much, on a thread of its own. Calls only push to a queue; this side wakes at most every
//! 50 ms, however many there are.
//!
//! A store that fails loses records, which are counted; it never holds up a call.

use crate::traces::Traces;
use config::Records as Keeping;
use control::HistoryKeeper;
use control::metrics::Figures;
use gateway::Gateway;
use gateway::record::{Record, Told};
use protocol::Raw;
use serde::Serialize;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::records::{self, Keep, Kept, NewPage};
use store::{Error, Store};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The shortest time between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a record waits for others to share its page.
const GATHER: Duration = Duration::from_secs(1);
/// Records of one page.
const PAGE_RECORDS_MAX: i64 = 1000;
/// Bytes of one page, but for the last record of it.
const PAGE_BYTES_MAX: usize = 256 << 10;
/// A page takes at most this part of the room for all, so that removing one removes little.
const PAGES_MIN: usize = 16;
/// The least time between two attempts to remove records by age.
const RETAIN_PAUSE: Duration = Duration::from_secs(1);
/// The time between two attempts after the store failed.
const RETRY_PAUSE: Duration = Duration::from_secs(60);
/// After so many pages it is counted again what is there: others may write, too.
const RECOUNT: u32 = 256;

/// The writer thread.
pub(crate) struct RecordWriter {
    end: CancellationToken,
    thread: JoinHandle<()>,
}

/// A record as it is kept.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    told: Told<'a>,
    routed_us: u64,
    answered_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Raw>,
}

/// Records that wait to become a page.
#[derive(Debug)]
struct Gathered {
    page: NewPage,
    since: Instant,
}

/// What counts the calls of each batch on its way.
pub(crate) struct Counted {
    /// For charts.
    pub(crate) history: HistoryKeeper,
    /// For metrics.
    pub(crate) figures: Arc<Figures>,
    /// For a collector of traces.
    pub(crate) traces: Traces,
}

/// What is in the store, and what is to be.
struct Pages {
    gateway: Arc<Gateway>,
    store: Store,
    counted: Counted,
    gathered: Option<Gathered>,
    /// As far as is known here.
    kept: Option<Kept>,
    /// Pages written since it was counted.
    uncounted: u32,
    /// When it was looked at last whether records are too old.
    retained: Instant,
    /// After the store failed it is left alone until then.
    retain_after: Instant,
    /// Whether the last write failed: a full disk is reported once, not once per page.
    failing: bool,
}

/// Why the writer woke.
enum Woken {
    Batch(Vec<Record>),
    Due,
    End,
}

// === impl RecordWriter ===

impl RecordWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(gateway: Arc<Gateway>, store: Store, counted: Counted, runtime: Handle) -> io::Result<Self> {
        let end = CancellationToken::new();
        let ended = end.clone();
        let mut pages = Pages::new(gateway, store, counted);
        let thread = std::thread::Builder::new().name("records".to_owned()).spawn(move || {
            runtime.block_on(async {
                pages.retain().await;
                pages.counted.history.restore().await;
                while pages.turn(&ended).await {}
                pages.add(&pages.gateway.records.take_now()).await;
                pages.write().await;
                pages.counted.history.finish().await;
            });
        })?;
        Ok(Self { end, thread })
    }

    /// Writes what is left and ends the thread. Blocks for as long as the disk takes.
    pub(crate) fn finish(self) {
        self.end.cancel();
        // A thread that panicked has said so; there is nothing left to write with.
        let _ = self.thread.join();
    }
}

// === impl Gathered ===

impl Gathered {
    fn is_full(&self, bytes_max: usize) -> bool {
        self.page.records >= PAGE_RECORDS_MAX || self.page.body.len() >= page_bytes_max(bytes_max)
    }

    fn push(&mut self, record: &Record, at_ms: i64) {
        // They are filed when they end: who came first need not be first here.
        self.page.from_ms = self.page.from_ms.min(at_ms);
        self.page.to_ms = self.page.to_ms.max(at_ms);
        self.page.records += 1;
        self.page.failed += i64::from(!matches!(record.outcome, "ok" | "input_required"));
        // A record is texts, numbers and JSON, which can be written.
        self.page.body.push_str(&serde_json::to_string(&line(record)).unwrap_or_default());
        self.page.body.push('\n');
    }
}

fn page_bytes_max(bytes_max: usize) -> usize {
    PAGE_BYTES_MAX.min(bytes_max / PAGES_MIN)
}

// === impl Pages ===

impl Pages {
    fn new(gateway: Arc<Gateway>, store: Store, counted: Counted) -> Self {
        let now = Instant::now();
        let (retained, retain_after) = (now, now);
        let (gathered, kept, uncounted, failing) = (None, None, 0, false);
        Self { gateway, store, counted, gathered, kept, uncounted, retained, retain_after, failing }
    }

    /// Waits for something to do and does it; says whether there is a next turn.
    async fn turn(&mut self, end: &CancellationToken) -> bool {
        match self.next(end).await {
            Woken::End => return false,
            Woken::Batch(batch) => self.add(&batch).await,
            Woken::Due => {}
        }
        if self.gathered.as_ref().is_some_and(|gathered| gathered.since.elapsed() >= GATHER) {
            self.write().await;
        }
        if self.is_too_much() || self.expiry().is_some_and(|expiry| expiry <= Instant::now()) {
            self.retain().await;
        }
        if self.counted.history.due() <= Instant::now() {
            self.counted.history.turn().await;
        }
        true
    }

    async fn next(&self, end: &CancellationToken) -> Woken {
        let records = &self.gateway.records;
        let batch = async {
            tokio::time::sleep(PAUSE).await;
            records.take().await
        };
        let gathered = self.gathered.as_ref().map(|gathered| gathered.since + GATHER);
        let due = [gathered, self.expiry(), Some(self.counted.history.due())].into_iter().flatten().min();
        let due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end.cancelled() => Woken::End,
            batch = batch => Woken::Batch(batch),
            () = due => Woken::Due,
        }
    }

    async fn add(&mut self, batch: &[Record]) {
        self.counted.history.observe(batch);
        self.counted.figures.add(batch);
        self.counted.traces.tell(batch);
        for record in batch {
            let at_ms = milliseconds(record.at);
            let gathered = self.gathered.get_or_insert_with(|| Gathered {
                page: NewPage { from_ms: at_ms, to_ms: at_ms, records: 0, failed: 0, body: String::new() },
                since: Instant::now(),
            });
            gathered.push(record, at_ms);
            let bytes_max = self.gateway.snapshot().config.records.bytes_max;
            if self.gathered.as_ref().is_some_and(|gathered| gathered.is_full(bytes_max)) {
                self.write().await;
            }
        }
    }

    /// Writes the page that has gathered.
    async fn write(&mut self) {
        let Some(Gathered { page, .. }) = self.gathered.take() else { return };
        let (records, bytes, to_ms) = (page.records, page.bytes(), page.to_ms);
        let page = Arc::new(page);
        let written = self.store.write("records", move |tx| {
            let page = Arc::clone(&page);
            Box::pin(async move { records::insert(tx, &page).await })
        });
        match written.await {
            Ok(()) => {
                self.uncounted += 1;
                if let Some(kept) = &mut self.kept {
                    kept.bytes = kept.bytes.saturating_add(bytes);
                    kept.oldest_ms.get_or_insert(to_ms);
                }
                if std::mem::take(&mut self.failing) {
                    tracing::info!("records of calls are written again");
                }
            }
            Err(error) => {
                self.gateway.records.lost(u64::try_from(records).unwrap_or_default());
                self.failed(&error);
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(%error, "records of calls are lost, and counted: {error}; {}", error.hint());
        }
    }

    fn keeping(&self) -> Keeping {
        self.gateway.snapshot().config.records.clone()
    }

    /// When the oldest page is too old. A clock that jumps is looked at again soon.
    fn expiry(&self) -> Option<Instant> {
        let oldest = self.kept?.oldest_ms?;
        let keep_ms = i64::try_from(self.keeping().keep.as_millis()).unwrap_or(i64::MAX);
        let left_ms = oldest.saturating_add(keep_ms).saturating_sub(milliseconds(SystemTime::now()));
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default()).min(LOOK_AGAIN);
        Some((Instant::now() + left).max(self.retained + RETAIN_PAUSE).max(self.retain_after))
    }

    fn is_too_much(&self) -> bool {
        let bytes_max = i64::try_from(self.keeping().bytes_max).unwrap_or(i64::MAX);
        let known = self.kept.filter(|_| self.uncounted < RECOUNT);
        Instant::now() >= self.retain_after && known.is_none_or(|kept| kept.bytes > bytes_max)
    }

    /// Removes what is too old or too much, and counts what is there.
    async fn retain(&mut self) {
        let Keeping { keep, bytes_max } = self.keeping();
        let now_ms = milliseconds(SystemTime::now());
        let after_ms = now_ms.saturating_sub(i64::try_from(keep.as_millis()).unwrap_or(i64::MAX));
        let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
        let counted = self.store.read("records", |tx| Box::pin(records::kept(tx))).await;
        let is_right = |kept: &Kept| kept.bytes <= bytes_max && kept.oldest_ms.is_none_or(|oldest| oldest >= after_ms);
        let kept = match counted {
            Ok(kept) if is_right(&kept) => Ok(kept),
            Ok(_) => {
                // A little more room than is needed, so that the next page does not ask again.
                let keep = Keep { after_ms, bytes_max: bytes_max - bytes_max / 16 };
                self.store.write("records", move |tx| Box::pin(records::retain(tx, keep))).await
            }
            Err(error) => Err(error),
        };
        self.retained = Instant::now();
        match kept {
            Ok(kept) => {
                self.kept = Some(kept);
                self.uncounted = 0;
            }
            Err(error) => {
                self.failed(&error);
                self.retain_after = self.retained + RETRY_PAUSE;
            }
        }
    }
}

/// The wall clock is looked at again after this time, however long nothing is too old.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn line(record: &Record) -> Line<'_> {
    Line {
        told: Told::of(record),
        routed_us: record.routed_us,
        answered_us: record.answered_us,
        arguments: record.arguments.as_ref(),
        result: record.result.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Principal, Text};

    fn filed(outcome: &'static str) -> Record {
        let records = gateway::record::Records::new(1);
        let mut open = records.open(&Text::from_static("tools/call"), &Principal::new("me"), "modern", 5);
        open.ended(outcome, 3);
        drop(open);
        records.take_now().remove(0)
    }

    #[tokio::test]
    async fn a_page_says_when_how_many_and_how_many_failed() {
        let page = NewPage { from_ms: 100, to_ms: 100, records: 0, failed: 0, body: String::new() };
        let mut gathered = Gathered { page, since: Instant::now() };
        for (outcome, at_ms) in [("ok", 100), ("tool_error", 90), ("input_required", 120)] {
            gathered.push(&filed(outcome), at_ms);
        }
        let page = &gathered.page;
        assert_eq!((page.from_ms, page.to_ms, page.records, page.failed), (90, 120, 3, 1));
        let lines: Vec<serde_json::Value> = page.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[1]["outcome"], &lines[1]["principal"]), (&"tool_error".into(), &"me".into()));
        assert!(!gathered.is_full(usize::MAX) && gathered.is_full(0));
    }
}
