//! Callers that go on and on while a test does something to what they call; what each call must look
//! like is for the test, as is what may go wrong.

use crate::waiting::{SOON, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Starts so many callers. `caller` makes one of its number; that is given a number for each call,
    /// and gives what went wrong with it.
    pub fn start<C>(count: usize, caller: impl Fn(usize) -> C) -> Self
    where
        C: FnMut(usize) -> Result<(), String> + Send + 'static,
    {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..count).map(|number| {
            let (mut call, stop, calls) = (caller(number), stop.clone(), calls.clone());
            thread::spawn(move || {
                let mut failures = Vec::new();
                for turn in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    failures.extend(call(turn).err());
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        });
        let threads = threads.collect();
        Self { stop, calls, threads }
    }

    /// How many calls were answered until now.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits until so many more calls were answered.
    ///
    /// # Panics
    /// When they are not soon.
    #[track_caller]
    pub fn wait_for(&self, more: usize) {
        let goal = self.calls() + more;
        eventually(SOON, &format!("{more} more calls to be answered"), || self.calls() >= goal);
    }

    /// Stops; gives how many calls there were, and what went wrong.
    ///
    /// # Panics
    /// When a caller gave up: it had no answer.
    #[must_use]
    #[track_caller]
    pub fn stop(mut self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(seen) => failures.extend(seen),
                Err(_) => panic!("expected every call to be answered; see above"),
            }
        }
        (self.calls.load(Ordering::Relaxed), failures)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
