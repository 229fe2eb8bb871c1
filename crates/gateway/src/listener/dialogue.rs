//! What bounds the dialogue with one legacy client, wherever it comes in. It only names the
//! bounds; the session, its streams and its questions keep to them.

use config::Limits;
use std::time::Duration;

/// The bounds of one session.
#[derive(Debug, Clone, Copy)]
pub struct DialogueLimits {
    /// How many notifications wait on one call, or outside of calls.
    pub queue_max: usize,
    /// How many requests are in flight.
    pub calls_max: usize,
    /// How many resources the client is subscribed to.
    pub subscriptions_max: usize,
    /// How many events are kept of its streams.
    pub events_max: usize,
    /// Size of the events that are kept, in bytes.
    pub event_bytes_max: usize,
    /// How often one call may ask.
    pub rounds_max: usize,
    /// How long a question waits for its answer.
    pub answer_timeout: Duration,
    /// How many messages a batch has.
    pub batch_max: usize,
}

impl DialogueLimits {
    /// The bounds in `limits`.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        Self {
            queue_max: limits.session_queue_max,
            calls_max: limits.session_calls_max,
            subscriptions_max: limits.session_subscriptions_max,
            events_max: limits.session_events_max,
            event_bytes_max: limits.session_event_bytes_max,
            rounds_max: limits.rounds_max,
            answer_timeout: limits.answer_timeout,
            batch_max: limits.batch_max,
        }
    }
}
