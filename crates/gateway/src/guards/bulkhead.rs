//! How many calls are with one server at once. One more waits in its order, for a bounded time and
//! in a bounded queue; a place that is free costs one atomic operation.
//!
//! It knows no server and no call: whoever has a place gives it back by dropping it.

use protocol::{Error, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The places of one server.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    places: Semaphore,
    most: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// One that waits; does not any more, however it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Bulkhead {
    pub(crate) fn new(most: usize, waiting_max: usize) -> Self {
        Self { places: Semaphore::new(most), most, waiting: AtomicUsize::new(0), waiting_max }
    }

    /// How many calls it lets in at once.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// How many calls are in or wait to be.
    pub(crate) fn outstanding(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits()) + self.waiting.load(Ordering::Relaxed)
    }

    /// How many calls may wait for a place.
    pub(crate) fn waiting_max(&self) -> usize {
        self.waiting_max
    }

    /// A place, when one is free and nobody waits for it.
    pub(crate) fn try_enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    /// Waits for a place of the server called `name`, at most `wait_max`.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] with the limit that is reached.
    pub(crate) async fn enter(&self, name: &str, wait_max: Duration) -> Result<SemaphorePermit<'_>, Error> {
        let most = self.most;
        let _waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            let message = format!(
                "the server `{name}` has {most} calls at once (its `max_concurrent`), and {} more wait already (limit `calls_waiting_max`)",
                self.waiting_max
            );
            return Err(refused(message, name));
        }
        match tokio::time::timeout(wait_max, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => {
                let waited = wait_max.as_secs_f32();
                let message = format!(
                    "none of the {most} calls that the server `{name}` has at once (its `max_concurrent`) ended within {waited} s"
                );
                Err(refused(message, name))
            }
        }
    }
}

fn refused(message: String, name: &str) -> Error {
    let hint =
        format!("try again when other calls have ended, or raise `max_concurrent` of `{name}` if it can do more");
    Error::new(ErrorKind::Overloaded, message).refused().hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::Mutex;

    #[tokio::test(start_paused = true)]
    async fn places_are_given_in_the_order_in_which_they_were_asked_for() {
        let bulkhead = Arc::new(Bulkhead::new(1, 8));
        let held = bulkhead.try_enter().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (own, order) = (bulkhead.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _place = own.enter("s", Duration::from_secs(9)).await.unwrap();
                order.lock().unwrap().push(number);
                tokio::task::yield_now().await;
            }));
            tokio::task::yield_now().await;
        }
        assert_eq!(bulkhead.outstanding(), 6);
        assert!(bulkhead.try_enter().is_none());
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(bulkhead.outstanding(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_or_in_too_long_a_queue_is_told_which_limit_it_was() {
        let bulkhead = Bulkhead::new(1, 1);
        let _held = bulkhead.try_enter().unwrap();
        let late = bulkhead.enter("s", Duration::from_secs(5));
        tokio::pin!(late);
        assert!(futures_util::poll!(late.as_mut()).is_pending());
        let full = bulkhead.enter("s", Duration::from_secs(5)).await.unwrap_err();
        assert!(full.message.contains("calls_waiting_max") && full.hint.is_some(), "{full}");
        let late = late.await.unwrap_err();
        assert!(late.kind == ErrorKind::Overloaded && late.message.contains("max_concurrent"), "{late}");
        assert_eq!(bulkhead.waiting.load(Ordering::Relaxed), 0);
    }
}
