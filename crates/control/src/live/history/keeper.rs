//! Keeps the history: counts what the writer of records hands over, looks at the process now and then, and
//! writes a row for each minute that is over. It has no task of its own: the writer of records tells it
//! when, on its thread.

use super::{History, MEMORY_MS, MINUTE_MS, WINDOWS, decode, encode, now_ms};
use gateway::record::Record;
use std::sync::Arc;
use std::time::Duration;
use store::history;
use tokio::time::Instant;

/// The time between two looks at the process while calls come.
const BUSY: Duration = Duration::from_secs(10);
/// The same while none come.
const IDLE: Duration = Duration::from_secs(60);
/// Quiet minutes that are written together.
const QUIET_MINUTES: i64 = 10;
/// The time between two removals of what is too old.
const RETAIN: Duration = Duration::from_secs(3600);

/// Keeps a [`History`].
#[derive(Debug)]
pub struct HistoryKeeper {
    history: Arc<History>,
    sampled: Instant,
    /// Whether calls came since the last look.
    busy: bool,
    retained: Option<Instant>,
}

// === impl HistoryKeeper ===

impl HistoryKeeper {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(history: Arc<History>) -> Self {
        Self { history, sampled: Instant::now(), busy: false, retained: None }
    }

    /// Reads what an earlier run wrote of the last minutes.
    pub async fn restore(&mut self) {
        let now_ms = now_ms();
        let from = (now_ms - MEMORY_MS).div_euclid(MINUTE_MS);
        let rows = self.history.store.read("history", move |tx| Box::pin(history::since(tx, from))).await;
        let mut inner = self.history.lock();
        // The minute that is not over is written again when it is.
        inner.unwritten = now_ms.div_euclid(MINUTE_MS);
        // Where it cannot be read the charts begin now; whoever writes records complains of the store.
        for (step, bucket) in rows.unwrap_or_default().iter().flat_map(|row| decode(row.minute, &row.body)) {
            inner.series.entry(step).or_default().merge(&bucket);
        }
        drop(inner);
        self.history.sample(now_ms);
    }

    /// Counts calls that have just ended.
    pub fn observe(&mut self, records: &[Record]) {
        if !records.is_empty() {
            self.history.observe(records, now_ms());
            self.busy = true;
        }
    }

    /// When [`Self::turn`] has something to do.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.sampled + if self.busy { BUSY } else { IDLE }
    }

    /// Looks at the process, and writes the minutes that are over.
    pub async fn turn(&mut self) {
        let now_ms = now_ms();
        self.history.sample(now_ms);
        self.sampled = Instant::now();
        let busy = std::mem::take(&mut self.busy);
        let minute = now_ms.div_euclid(MINUTE_MS);
        let unwritten = self.history.lock().unwritten;
        if (busy && minute > unwritten) || minute - unwritten >= QUIET_MINUTES {
            self.write(minute).await;
        }
    }

    /// Writes all there is, before the process ends.
    pub async fn finish(&mut self) {
        self.write(now_ms().div_euclid(MINUTE_MS) + 1).await;
    }

    async fn write(&mut self, before: i64) {
        let rows: Vec<history::Minute> = {
            let mut inner = self.history.lock();
            let from = std::mem::replace(&mut inner.unwritten, before);
            let from = from.max(before - MEMORY_MS / MINUTE_MS);
            let row = |minute: i64| Some(history::Minute { minute, body: encode(&inner.series, minute)? });
            (from..before).filter_map(row).collect()
        };
        let last = rows.last().map_or(before, |row| row.minute);
        let retain = self.retained.is_none_or(|at| at.elapsed() >= RETAIN);
        let oldest = retain.then(|| last - WINDOWS[2].1 / MINUTE_MS);
        let rows = Arc::new(rows);
        let written = self.history.store.write("history", move |tx| {
            let rows = Arc::clone(&rows);
            Box::pin(async move { history::put(tx, &rows, oldest).await })
        });
        match written.await {
            Ok(()) if retain => self.retained = Some(Instant::now()),
            Ok(()) => {}
            // Lost rows are a gap in a chart; whoever writes records complains of the store.
            Err(error) => tracing::debug!(%error, "the history of some minutes is lost: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;
    use gateway::record::Records;
    use protocol::{Principal, Text};
    use store::{Options, Place, Store};

    fn records(count: usize) -> Vec<Record> {
        let records = Records::new(count);
        for _ in 0..count {
            let mut open = records.open(&Text::from_static("tools/call"), &Principal::new("me"), "modern", 1);
            open.routed(&"a".into(), "t".into(), "modern");
            open.ended("ok", 1);
        }
        records.take_now()
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Place::File(folder.path().join("a.db")), Options::default()).await.unwrap();
        let history = History::new(store.clone());
        let mut keeper = HistoryKeeper::new(history.clone());
        keeper.restore().await;
        keeper.observe(&records(5));
        assert_eq!(history.pulse(now_ms()).calls_per_minute, 5);
        keeper.finish().await;
        let again = History::new(store.clone());
        let mut keeper = HistoryKeeper::new(again.clone());
        keeper.restore().await;
        keeper.observe(&records(2));
        for (_, window_ms, step_ms) in WINDOWS {
            let points = again.read(window_ms, step_ms).await.unwrap();
            assert_eq!(points.iter().map(|point| point.calls).sum::<u64>(), 7, "{window_ms}");
            assert!(points.iter().any(|point| point.memory_bytes.is_some()), "{points:?}");
        }
        // The same minute again, and one that is too old.
        keeper.finish().await;
        let old = history::Minute { minute: 1, body: super::super::super::frame::json(&[(0, Bucket::default())]) };
        let put = store.write("history", move |tx| {
            let old = old.clone();
            Box::pin(async move { history::put(tx, &[old], Some(2)).await })
        });
        put.await.unwrap();
        let rows = store.read("history", |tx| Box::pin(history::since(tx, 0))).await.unwrap();
        assert!(rows.iter().all(|row| row.minute > 1) && rows.len() <= 2, "{rows:?}");
    }
}
