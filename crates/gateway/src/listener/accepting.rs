//! What a listener does when the system gives it no connection, most likely because there are no more
//! descriptors: it rests, so that the system is not asked in a circle, and complains once for all
//! refusals in a row. It accepts nothing itself.

use std::io;
use std::time::Duration;

/// How long accepting rests after a refusal.
const PAUSE: Duration = Duration::from_millis(50);

/// The refusals of one listener.
#[derive(Debug, Default)]
pub(super) struct Accepting {
    in_a_row: u64,
}

impl Accepting {
    /// A connection came.
    pub(super) fn worked(&mut self) {
        let refusals = std::mem::take(&mut self.in_a_row);
        if refusals > 0 {
            tracing::info!(refusals, "connections are accepted again");
        }
    }

    /// The system refused one: rests.
    pub(super) async fn refused(&mut self, error: &io::Error) {
        if self.in_a_row == 0 {
            tracing::warn!(%error, "a connection could not be accepted: {error}; those that are open go on (see `ulimit -n`)");
        }
        self.in_a_row += 1;
        tokio::time::sleep(PAUSE).await;
    }
}
