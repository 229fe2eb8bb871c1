//! Traces of calls for a collector (OpenTelemetry Protocol over HTTP with protobuf): made of finished
//! records, on the thread that writes them, and sent by one task. Off, there are no traces in records,
//! and nothing here ever wakes.
//!
//! The queue is bounded, and what finds no room is counted: a collector that is slow or gone costs
//! spans and nothing else.

mod send;

mod spans;

use control::metrics::Figures;
use gateway::Gateway;
use gateway::record::Record;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// Calls whose spans wait for the collector.
const QUEUE_CALLS_MAX: usize = 2048;
/// Spans of one request.
const BATCH_SPANS_MAX: usize = 2048;
/// How long spans wait for others to share their request.
const GATHER: Duration = Duration::from_secs(1);
/// How long the end of the daemon waits for the collector.
const END_MAX: Duration = Duration::from_secs(3);

/// Where records are told.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    queue: mpsc::Sender<Vec<Span>>,
    figures: Arc<Figures>,
}

/// The task that sends.
#[derive(Debug)]
pub(crate) struct Exporter(JoinHandle<()>);

// === impl Traces ===

impl Traces {
    /// Starts the task. It ends when the last [`Traces`] is dropped and everything is sent.
    pub(crate) fn start(gateway: Arc<Gateway>, figures: Arc<Figures>) -> (Self, Exporter) {
        let (queue, waiting) = mpsc::channel(QUEUE_CALLS_MAX);
        let task = tokio::spawn(run(waiting, gateway, figures.clone()));
        (Self { queue, figures }, Exporter(task))
    }

    /// Tells of calls that ended; those that are not traced are none of it.
    pub(crate) fn tell(&self, records: &[Record]) {
        for spans in records.iter().filter_map(spans::of) {
            let count = spans.len() as u64;
            if self.queue.try_send(spans).is_err() {
                self.figures.spans_dropped.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

// === impl Exporter ===

impl Exporter {
    /// Waits until what is left is sent, or the collector takes too long.
    pub(crate) async fn finish(self) {
        let abort = self.0.abort_handle();
        if timeout(END_MAX, self.0).await.is_err() {
            abort.abort();
        }
    }
}

async fn run(mut waiting: mpsc::Receiver<Vec<Span>>, gateway: Arc<Gateway>, figures: Arc<Figures>) {
    let mut collector = send::Collector::default();
    while let Some(mut spans) = waiting.recv().await {
        let due = Instant::now() + GATHER;
        while spans.len() < BATCH_SPANS_MAX {
            match timeout_at(due, waiting.recv()).await {
                Ok(Some(more)) => spans.extend(more),
                // It is time, or the daemon ends.
                Ok(None) | Err(_) => break,
            }
        }
        let count = spans.len() as u64;
        // A reload may have named another collector.
        let telemetry = gateway.snapshot().config.telemetry.clone();
        let taken = collector.send(&telemetry, spans).await;
        let counter = if taken { &figures.spans_sent } else { &figures.spans_dropped };
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
