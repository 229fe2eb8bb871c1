//! A steady loop of calls at a server that nothing is wrong with, while something else goes wrong: how
//! long each took and what failed. What is too much is for the test.

use crate::line::{Line, text_of};
use crate::switchboard::Switchboard;
use crate::waiting::{SOON, eventually};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, park_timeout};
use std::time::{Duration, Instant};

/// Calls one server again and again until it is told to stop.
#[derive(Debug)]
pub struct Witness {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

/// What a witness saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What went wrong, call by call.
    pub failures: Vec<String>,
    /// How long each right answer took, in microseconds.
    pub micros: Vec<u64>,
}

impl Witness {
    /// Calls `echo` of this server on a connection of its own, with `pace` between an answer and the next
    /// call. Needs [`LINE`](crate::LINE) in the configuration.
    #[must_use]
    #[track_caller]
    pub fn start(board: &Switchboard, server: &str, pace: Duration) -> Self {
        let line = Line::of(board);
        let tool = format!("{server}__echo");
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let (told, notes) = (stop.clone(), seen.clone());
        let thread = thread::spawn(move || {
            let note = |act: &dyn Fn(&mut Seen)| act(&mut notes.lock().unwrap_or_else(PoisonError::into_inner));
            for turn in 0_u64.. {
                if told.load(Ordering::Relaxed) || line.has_ended() {
                    break;
                }
                let text = format!("turn {turn}");
                let begun = Instant::now();
                let id = line.send(&tool, json!({"text": text}));
                let answer = line.answer_within(id, SOON);
                let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                match answer.as_ref().and_then(text_of) {
                    Some(said) if said == text => note(&|seen| seen.micros.push(micros)),
                    _ => note(&|seen| seen.failures.push(format!("{text}: {answer:?}"))),
                }
                park_timeout(pace);
            }
            line.check();
        });
        Self { stop, seen, thread: Some(thread) }
    }

    /// What it saw until now.
    #[must_use]
    pub fn so_far(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so many more calls were answered.
    ///
    /// # Panics
    /// When they are not soon.
    #[track_caller]
    pub fn wait_for(&self, more: usize) {
        let goal = self.so_far().micros.len() + more;
        eventually(SOON, &format!("{more} more calls of the healthy server"), || self.so_far().micros.len() >= goal);
    }

    /// Stops; gives what it saw.
    ///
    /// # Panics
    /// When a call was answered twice, or something came that was not asked for.
    #[must_use]
    #[track_caller]
    pub fn stop(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(!matches!(ended, Some(Err(_))), "expected each call of the witness to be answered once; see above");
        self.so_far()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    /// Right answers only, none of which took as long as `stall`.
    ///
    /// # Panics
    /// When it is not so.
    #[track_caller]
    pub fn unhurt(&self, stall: Duration) {
        let count = self.micros.len() + self.failures.len();
        assert!(!self.micros.is_empty(), "expected calls of the healthy server to be answered");
        assert!(self.failures.is_empty(), "expected 0 of {count} calls to fail: {:?}", self.failures);
        let longest = Duration::from_micros(self.micros.iter().copied().max().unwrap_or(0));
        assert!(longest < stall, "expected no call of {count} to take {stall:?}, one took {longest:?}");
    }

    /// What so many of a hundred calls did not exceed, in microseconds.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> u64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(at).copied().unwrap_or(0)
    }
}
