//! Work that waits for a disk, off the threads that serve calls and never too much at once. It
//! knows no files.

use protocol::tools::{Failure, FailureKind};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many pieces of work of one server wait for a disk at once.
const AT_ONCE_MAX: usize = 8;

/// The places for such work of one server.
#[derive(Debug, Clone)]
pub(crate) struct Blocking(Arc<Semaphore>);

// === impl Blocking ===

impl Blocking {
    pub(crate) fn new() -> Blocking {
        Blocking(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }

    /// Waits for a place and for the work.
    ///
    /// # Errors
    /// Those of the work.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let lost = || Failure::new(FailureKind::Unexpected, "the work ended without an answer: a bug of ours");
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(|_| lost())?;
        let working = tokio::task::spawn_blocking(move || {
            let done = work();
            // Held until here, so that calls whose clients have left count too.
            drop(place);
            done
        });
        working.await.unwrap_or_else(|_| Err(lost()))
    }
}
