//! What happened to one call, filed however it ends: answered, refused, failed or abandoned.
//!
//! On the hot path a record is a small struct pushed under a short lock; one writer takes what
//! has gathered. A full queue drops records and counts them: no call waits for a disk.

mod stages;
pub use stages::{Marks, Stage, Stretch, Whole};

mod told;
pub use told::Told;

use crate::changes::Changes;
use crate::trace::Trace;
use protocol::{CallContext, Came, Entered, ErrorKind, Principal, Raw, Text, method};
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Name of a record: the milliseconds since 1970 at which its call came, and 16 bits that tell calls of
/// one millisecond apart. As text it is 16 hexadecimal digits, whose order is that of coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(u64);

/// Bits of a [`RecordId`] below those of the time.
const ID_COUNT_BITS: u32 = 16;

/// The outcome of a call whose client left before there was an answer.
const ABANDONED: &str = "abandoned";

/// A finished call.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its name, the same wherever it is shown or kept.
    pub id: RecordId,
    /// When it came.
    pub at: SystemTime,
    /// The method.
    pub method: Text,
    /// Declared name of the server it went to.
    pub server: Option<Arc<str>>,
    /// The server's own name of the tool or prompt, or the URI.
    pub own: Option<Text>,
    /// Who called.
    pub principal: Principal,
    /// Era of the client and of the server.
    pub eras: (&'static str, &'static str),
    /// `ok`, `tool_error`, `input_required`, `abandoned`, or the name of an error kind.
    pub outcome: &'static str,
    /// Microseconds until the call was routed and allowed.
    pub routed_us: u64,
    /// Microseconds until the server had answered.
    pub answered_us: u64,
    /// Microseconds in all.
    pub total_us: u64,
    /// When its stages ended.
    pub marks: Marks,
    /// Its place in a trace, where calls are traced.
    pub trace: Option<Box<Trace>>,
    /// Bytes of the parameters.
    pub bytes_in: usize,
    /// Bytes of the result.
    pub bytes_out: usize,
    /// Whether the answer was known: no server was called.
    pub cached: bool,
    /// The tool of our own through which it came.
    pub via: Option<&'static str>,
    /// What the log should know of a failure.
    pub cause: Option<String>,
    /// The arguments, where the server's entry asks for them; secrets are masked.
    pub arguments: Option<Raw>,
    /// The result, where the server's entry asks for it; secrets are masked.
    pub result: Option<Raw>,
}

/// The queue of records between the calls and the writer.
#[derive(Debug)]
pub struct Records {
    queue: Mutex<Vec<Record>>,
    queue_max: usize,
    waiting: Notify,
    dropped: AtomicU64,
    /// Goes round: it tells apart what came within a millisecond.
    count: AtomicU16,
    changes: Arc<Changes>,
}

/// A call on its way; files its record when it is dropped.
#[derive(Debug)]
pub struct Open {
    records: Arc<Records>,
    start: Instant,
    record: Option<Record>,
}

// === impl RecordId ===

impl RecordId {
    fn new(at: SystemTime, count: u16) -> Self {
        let ms = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self(u64::try_from(ms).unwrap_or_default() << ID_COUNT_BITS | u64::from(count))
    }

    /// When the call came, in milliseconds since 1970: where to look for it.
    #[must_use]
    pub fn at_ms(self) -> u64 {
        self.0 >> ID_COUNT_BITS
    }

    /// Reads what [`fmt::Display`] writes; nothing else is an id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = u64::from_str_radix(text, 16).ok().map(Self)?;
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

// === impl Record ===

impl Record {
    /// The same without what the call was about.
    #[must_use]
    pub fn outline(&self) -> Self {
        Self { arguments: None, result: None, ..self.clone() }
    }
}

// === impl Records ===

impl Records {
    /// A queue of at most `queue_max` records.
    #[must_use]
    pub fn new(queue_max: usize) -> Arc<Self> {
        let (queue, waiting) = (Mutex::default(), Notify::new());
        let (dropped, count, changes) = (AtomicU64::new(0), AtomicU16::new(0), Arc::default());
        Arc::new(Self { queue, queue_max, waiting, dropped, count, changes })
    }

    /// Where those who watch hear of calls, and of everything else that changes.
    #[must_use]
    pub fn changes(&self) -> &Arc<Changes> {
        &self.changes
    }

    /// Opens the record of a call.
    #[must_use]
    pub fn open(self: &Arc<Self>, method: &Text, principal: &Principal, era: &'static str, bytes_in: usize) -> Open {
        let at = SystemTime::now();
        let record = Record {
            id: RecordId::new(at, self.count.fetch_add(1, Ordering::Relaxed)),
            at,
            method: apart(method),
            server: None,
            own: None,
            principal: principal.clone(),
            eras: (era, "-"),
            outcome: ABANDONED,
            routed_us: 0,
            answered_us: 0,
            total_us: 0,
            marks: Marks::default(),
            trace: None,
            bytes_in,
            bytes_out: 0,
            cached: false,
            via: None,
            cause: None,
            arguments: None,
            result: None,
        };
        self.changes.opened();
        Open { records: self.clone(), start: Instant::now(), record: Some(record) }
    }

    fn file(&self, record: Record) {
        // It waits for the writer before it is told: who looks at both sees it in one of them.
        let copy = self.changes.copy(&record);
        self.push(record);
        if let Some(copy) = copy {
            self.changes.filed(copy);
        }
    }

    fn push(&self, record: Record) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= self.queue_max {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.push(record);
        let first = queue.len() == 1;
        drop(queue);
        // Waking the writer costs a system call; the one who finds the queue empty pays it for all.
        if first {
            self.waiting.notify_one();
        }
    }

    /// Waits until there are records, then takes all of them.
    pub async fn take(&self) -> Vec<Record> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return taken;
            }
            self.waiting.notified().await;
        }
    }

    /// Takes what has gathered, perhaps nothing.
    #[must_use]
    pub fn take_now(&self) -> Vec<Record> {
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What has gathered, and stays, without what the calls were about.
    #[must_use]
    pub fn waiting(&self) -> Vec<Record> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.iter().map(Record::outline).collect()
    }

    /// Counts records that were taken and could not be kept.
    pub fn lost(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    /// How many records were dropped because the queue was full, or lost after they were taken.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// The method in memory of its own: the client's text is a part of its message, and a record that waits
/// for the writer would keep the buffer of 8 KiB that the message was read into.
fn apart(method: &Text) -> Text {
    method::find(method).map_or_else(|| Text::from(method.as_str()), |row| Text::from_static(row.name))
}

impl Record {
    /// The stages that it went through.
    #[must_use]
    pub fn stages(&self) -> Vec<Stretch> {
        let answered_us = (self.outcome != ABANDONED).then_some(self.answered_us);
        self.marks.stretches(Whole { answered_us, total_us: self.total_us, cached: self.cached })
    }
}

impl Open {
    /// It came in earlier than here.
    pub fn came(&mut self, came: &Came) {
        let Some(at) = came.at.map(Instant::from_std) else { return };
        let here = std::mem::replace(&mut self.start, at);
        let admitted_us = came.admitted.map(|admitted| self.us_until(Instant::from_std(admitted)));
        let here_us = self.us_until(here);
        self.note(|record| {
            record.at -= Duration::from_micros(here_us);
            if let Some(admitted_us) = admitted_us {
                record.marks.end(Stage::Authn, admitted_us);
            }
            record.marks.end(Stage::Listener, here_us);
        });
    }

    /// A stage ends now.
    pub fn mark(&mut self, stage: Stage) {
        let elapsed = self.elapsed_us();
        self.note(|record| record.marks.end(stage, elapsed));
    }

    /// It waits for a place with its server, or is refused one.
    pub(crate) fn waits(&mut self) {
        self.note(|record| record.marks.wait());
    }

    /// It goes to its server. One that is not up tells when the call need not wait for it any more.
    pub(crate) fn goes(&mut self, is_up: bool, context: &mut CallContext) -> Option<Arc<Entered>> {
        if is_up {
            return None;
        }
        self.waits();
        let entered = Arc::new(Entered::new());
        context.came.entered = Some(entered.clone());
        Some(entered)
    }

    /// It is back, with whatever answer.
    pub(crate) fn back(&mut self, entered: Option<Arc<Entered>>) {
        match entered.as_deref().map(Entered::get) {
            // It never came to the server.
            Some(None) => return,
            Some(Some(at)) => {
                let entered_us = self.us_until(Instant::from_std(*at));
                self.note(|record| record.marks.end(Stage::Wait, entered_us));
            }
            None => {}
        }
        self.mark(Stage::Upstream);
    }

    fn us_until(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }

    /// To fill in the record while the call goes on.
    pub fn note(&mut self, fill: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            fill(record);
        }
    }

    /// When the call came.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.start
    }

    /// Microseconds since the call came.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The call is routed and allowed.
    pub fn routed(&mut self, server: &Arc<str>, own: Text, era: &'static str) {
        let elapsed = self.elapsed_us();
        self.note(|record| {
            record.server = Some(server.clone());
            record.own = Some(own);
            record.eras.1 = era;
            record.routed_us = elapsed;
            record.marks.end(Stage::Policy, elapsed);
        });
    }

    /// The outcome is known.
    pub fn ended(&mut self, outcome: &'static str, bytes_out: usize) {
        let elapsed = self.elapsed_us();
        self.note(|record| {
            record.outcome = outcome;
            record.bytes_out = bytes_out;
            record.answered_us = elapsed;
        });
    }

    /// The call failed.
    pub fn failed(&mut self, kind: ErrorKind, cause: Option<String>) {
        self.ended(kind.row().name, 0);
        self.note(|record| record.cause = cause);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let elapsed = self.elapsed_us();
        if let Some(mut record) = self.record.take() {
            record.total_us = elapsed;
            self.records.file(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_record_is_filed_however_the_call_ends_and_a_full_queue_counts() {
        let records = Records::new(2);
        let me = Principal::new("me");
        let open = |name: &'static str| records.open(&Text::from_static(name), &me, "modern", 3);
        drop(open("a"));
        let mut answered = open("b");
        answered.routed(&"server".into(), "tool".into(), "legacy");
        answered.ended("ok", 10);
        drop(answered);
        drop(open("c"));
        let taken = records.take().await;
        assert_eq!(taken.len(), 2);
        assert_eq!(taken[0].outcome, "abandoned");
        assert_eq!((taken[1].outcome, taken[1].eras), ("ok", ("modern", "legacy")));
        assert_eq!(records.dropped(), 1);
        assert!(taken[0].id < taken[1].id);
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_says_when() {
        let at = UNIX_EPOCH + std::time::Duration::from_millis(1_790_000_000_123);
        let id = RecordId::new(at, 7);
        assert_eq!((id.to_string().as_str(), id.at_ms()), ("01a0c4506c7b0007", 1_790_000_000_123));
        assert_eq!(RecordId::parse(&id.to_string()), Some(id));
        for other in ["", "7", "+1a0c4506c7b0007", "01A0C4506C7B0007", "001a0c4506c7b0007", "x"] {
            assert_eq!(RecordId::parse(other), None, "{other}");
        }
        assert!(id < RecordId::new(at + std::time::Duration::from_millis(1), 0));
    }
}
