//! What finished calls add up to. The writer of records hands over each batch that it takes: nothing is
//! counted on the path of a call.
//!
//! Labels are bounded: beyond so many servers or tools, all others are counted as `other`.

use gateway::record::{Record, Stage};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Servers that are counted for themselves.
pub(super) const SERVERS_MAX: usize = 256;
/// Tools that are counted for themselves.
pub(super) const TOOLS_MAX: usize = 512;
/// The longest value of a label, in bytes; the rest is cut.
const LABEL_BYTES_MAX: usize = 128;
/// What is beyond.
const OTHER: &str = "other";
/// Calls that went to no server.
const NONE: &str = "-";
/// Upper ends of the buckets of durations, in seconds.
pub(super) const BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, f64::INFINITY];
/// The stages, in order.
pub(super) const STAGES: [Stage; 7] =
    [Stage::Authn, Stage::Listener, Stage::Route, Stage::Policy, Stage::Wait, Stage::Upstream, Stage::Finish];

/// What is counted in the life of a daemon.
#[derive(Debug, Default)]
pub struct Figures {
    sums: Mutex<Sums>,
    /// Spans that the collector took.
    pub spans_sent: AtomicU64,
    /// Spans that were lost.
    pub spans_dropped: AtomicU64,
}

/// What calls add up to.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) servers: BTreeMap<String, ServerSums>,
    pub(super) tools: BTreeMap<String, ToolSums>,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) stages_us: [u64; STAGES.len()],
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ServerSums {
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    pub(super) cached: u64,
    pub(super) durations: Durations,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ToolSums {
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) durations: Durations,
}

/// Durations in buckets.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    pub(super) sum_us: u64,
    pub(super) buckets: [u64; BUCKETS.len()],
}

// === impl Figures ===

impl Figures {
    /// Counts calls that ended.
    pub fn add(&self, records: &[Record]) {
        let mut sums = self.lock();
        records.iter().for_each(|record| sums.add(record));
    }

    /// The sums of this moment.
    pub(super) fn sums(&self) -> Sums {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sums ===

impl Sums {
    fn add(&mut self, record: &Record) {
        let server = slot(&mut self.servers, record.server.as_deref().unwrap_or(NONE), SERVERS_MAX);
        *server.outcomes.entry(record.outcome).or_default() += 1;
        server.cached += u64::from(record.cached);
        server.durations.add(record.total_us);
        let failed = !matches!(record.outcome, "ok" | "input_required" | "abandoned");
        if failed {
            *self.errors.entry(record.outcome).or_default() += 1;
        }
        for stretch in record.stages() {
            if let Some(at) = STAGES.iter().position(|stage| *stage == stretch.stage) {
                self.stages_us[at] += stretch.to_us - stretch.from_us;
            }
        }
        self.bytes_in += record.bytes_in as u64;
        self.bytes_out += record.bytes_out as u64;
        if let (true, Some(own)) = (record.method == *"tools/call", &record.own) {
            let tool = slot(&mut self.tools, own, TOOLS_MAX);
            *(if failed { &mut tool.failed } else { &mut tool.ok }) += 1;
            tool.durations.add(record.total_us);
        }
    }
}

/// The sums of `name`, or of all that there is no more room for.
fn slot<'a, T: Default>(sums: &'a mut BTreeMap<String, T>, name: &str, max: usize) -> &'a mut T {
    let name = &name[..name.floor_char_boundary(LABEL_BYTES_MAX)];
    let known = sums.contains_key(name) || sums.len() < max;
    let name = if known { name } else { OTHER };
    // Names are new seldom: no text is made for one that is known.
    if !sums.contains_key(name) {
        sums.insert(name.to_owned(), T::default());
    }
    sums.entry(name.to_owned()).or_default()
}

// === impl Durations ===

impl Durations {
    fn add(&mut self, us: u64) {
        self.sum_us += us;
        let seconds = seconds(us);
        if let Some(at) = BUCKETS.iter().position(|end| seconds <= *end) {
            self.buckets[at] += 1;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Microseconds as seconds.
pub(super) fn seconds(us: u64) -> f64 {
    us as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::record::Records;
    use protocol::{Principal, Text};

    fn filed(server: &str, tool: &str, outcome: &'static str) -> Record {
        let records = Records::new(1);
        let mut open = records.open(&Text::from_static("tools/call"), &Principal::new("me"), "modern", 5);
        open.routed(&server.into(), Text::from(tool), "modern");
        open.ended(outcome, 3);
        drop(open);
        records.take_now().remove(0)
    }

    #[test]
    fn calls_are_counted_by_server_outcome_and_tool() {
        let figures = Figures::default();
        figures.add(&[filed("a", "t", "ok"), filed("a", "t", "timeout"), filed("b", "t", "input_required")]);
        let sums = figures.sums();
        assert_eq!(sums.servers["a"].outcomes, BTreeMap::from([("ok", 1), ("timeout", 1)]));
        assert_eq!(sums.servers["a"].durations.count(), 2);
        assert_eq!((sums.tools["t"].ok, sums.tools["t"].failed), (2, 1));
        assert_eq!((sums.errors.len(), sums.bytes_in, sums.bytes_out), (1, 15, 9));
    }

    #[test]
    fn however_many_names_there_are_the_labels_stay_few() {
        let figures = Figures::default();
        for number in 0..2000 {
            figures.add(&[filed(&format!("s{number}"), &format!("t{number}{}", "é".repeat(100)), "ok")]);
        }
        let sums = figures.sums();
        assert_eq!((sums.servers.len(), sums.tools.len()), (SERVERS_MAX + 1, TOOLS_MAX + 1));
        assert_eq!(sums.servers[OTHER].durations.count(), 2000 - SERVERS_MAX as u64);
        assert!(sums.tools.keys().all(|name| name.len() <= LABEL_BYTES_MAX));
    }

    #[test]
    fn a_duration_is_in_the_bucket_that_it_ends_in() {
        let mut durations = Durations::default();
        [0, 1000, 1001, 59_999_999, 60_000_001, u64::from(u32::MAX)].into_iter().for_each(|us| durations.add(us));
        assert_eq!(
            (durations.buckets[0], durations.buckets[1], durations.buckets[14], durations.buckets[15]),
            (2, 1, 1, 2)
        );
    }
}
