//! How long a call is waited for: a time without progress, and a time in all.

use super::failure;
use crate::asking::Hold;
use protocol::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What does not end within this does not end; more would overflow the clock.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The limits of one call.
#[derive(Debug)]
pub(super) struct Patience {
    started: Instant,
    without_progress: Duration,
    in_all: Duration,
    progress: Option<Progress>,
    /// Stands still while a person is asked; absent where nobody can be.
    hold: Option<Hold>,
}

/// When the last progress came, in milliseconds after the start. Shared with whoever reads.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    started: Instant,
    last_ms: Arc<AtomicU64>,
}

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expired {
    limit: Duration,
    in_all: bool,
}

impl Patience {
    /// Starts now. Progress is only looked for when the call can have any.
    pub(super) fn start(without_progress: Duration, in_all: Duration, with_progress: bool, hold: Option<Hold>) -> Self {
        let started = Instant::now();
        let in_all = in_all.min(FOR_EVER);
        let progress = with_progress.then(|| Progress { started, last_ms: Arc::default() });
        Self { started, without_progress, in_all, progress, hold }
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        self.progress.clone()
    }

    fn due(&self) -> Instant {
        let last_ms = self.progress.as_ref().map_or(0, |progress| progress.last_ms.load(Ordering::Relaxed));
        let mut due =
            self.started + Duration::from_millis(last_ms).saturating_add(self.without_progress).min(self.in_all);
        if let Some(hold) = &self.hold {
            let end = self.started + self.in_all;
            if hold.is_held() {
                return end;
            }
            if let Some(released) = hold.released() {
                due = due.max((released + self.without_progress).min(end));
            }
        }
        due
    }

    /// Waits for `work` as long as the limits allow. It comes pinned: a future that takes another one
    /// by value holds it twice.
    pub(super) async fn wait_for<F: Future>(&self, mut work: Pin<&mut F>) -> Result<F::Output, Expired> {
        let mut alarm = pin!(sleep_until(self.due()));
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            loop {
                // The clock may have begun to run again since the alarm was set.
                if self.hold.is_some() && self.due() < alarm.deadline() {
                    alarm.as_mut().reset(self.due());
                }
                ready!(alarm.as_mut().poll(context));
                let due = self.due();
                if due <= Instant::now() {
                    let in_all = due >= self.started + self.in_all;
                    let limit = if in_all { self.in_all } else { self.without_progress };
                    return Poll::Ready(Err(Expired { limit, in_all }));
                }
                alarm.as_mut().reset(due);
            }
        })
        .await
    }
}

impl Progress {
    /// Progress came just now.
    pub(super) fn touch(&self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms, Ordering::Relaxed);
    }
}

impl Expired {
    /// As the failure of a call of `what`.
    pub(super) fn error(self, server: &str, what: &str) -> Error {
        failure::timeout(server, what, self.limit.as_secs().max(1), self.in_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn progress_prolongs_up_to_the_end() {
        let patience = Patience::start(Duration::from_secs(10), Duration::from_secs(25), true, None);
        let progress = patience.progress().unwrap();
        let begun = Instant::now();
        let work = async {
            loop {
                tokio::time::advance(Duration::from_secs(6)).await;
                progress.touch();
                tokio::task::yield_now().await;
            }
        };
        let expired: Expired = patience.wait_for(pin!(work)).await.map(|(): ()| ()).unwrap_err();
        assert!(expired.in_all && begun.elapsed() >= Duration::from_secs(24));
        let silent = Patience::start(Duration::from_secs(10), Duration::from_secs(25), true, None);
        let expired = silent.wait_for(pin!(std::future::pending::<()>())).await.unwrap_err();
        assert_eq!(expired, Expired { limit: Duration::from_secs(10), in_all: false });
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_may_take_longer_than_a_server() {
        let hold = Hold::default();
        hold.hold();
        let patience = Patience::start(Duration::from_secs(10), Duration::from_secs(100), false, Some(hold.clone()));
        let begun = Instant::now();
        let answered = async {
            tokio::time::sleep(Duration::from_secs(50)).await;
            hold.release();
            std::future::pending::<()>().await;
        };
        let expired = patience.wait_for(pin!(answered)).await.unwrap_err();
        assert_eq!((expired.in_all, begun.elapsed().as_secs()), (false, 60));
        hold.hold();
        let patience = Patience::start(Duration::from_secs(10), Duration::from_secs(100), false, Some(hold));
        assert!(patience.wait_for(pin!(std::future::pending::<()>())).await.unwrap_err().in_all);
    }
}
