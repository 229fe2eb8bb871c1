//! A near timer while calls are made, so that the far timers of their limits cost nothing.
//!
//! A timer that is due before all others makes the runtime wake the thread that waits for events:
//! two system calls and a switch of threads per call, for a limit that is hardly ever reached
//! (measured: one eventfd write and two futex calls a call, 40 µs at one connection). While a
//! nearer timer stands, nothing is woken. Without calls there is no pulse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const BEAT: Duration = Duration::from_millis(250);

/// Beats while it is touched.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<State>);

#[derive(Debug, Default)]
struct State {
    touched: AtomicU64,
    beats: AtomicBool,
}

impl Pulse {
    /// A call begins.
    pub(super) fn touch(&self) {
        self.0.touched.fetch_add(1, Ordering::Relaxed);
        if self.0.beats.load(Ordering::Relaxed) || self.0.beats.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let state = self.0.clone();
        runtime.spawn(async move {
            let mut seen = state.touched.load(Ordering::Relaxed);
            loop {
                tokio::time::sleep(BEAT).await;
                let now = state.touched.load(Ordering::Relaxed);
                if now == seen {
                    state.beats.store(false, Ordering::Release);
                    return;
                }
                seen = now;
            }
        });
    }

    /// Whether it beats.
    #[cfg(test)]
    fn is_beating(&self) -> bool {
        self.0.beats.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beats_only_while_it_is_touched() {
        let pulse = Pulse::default();
        assert!(!pulse.is_beating());
        for _ in 0..4 {
            pulse.touch();
            assert!(pulse.is_beating());
            tokio::time::sleep(BEAT / 2).await;
        }
        tokio::time::sleep(BEAT * 3).await;
        assert!(!pulse.is_beating(), "nothing is left behind when the calls end");
        pulse.touch();
        assert!(pulse.is_beating());
    }
}
