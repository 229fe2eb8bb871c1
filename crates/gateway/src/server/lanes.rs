//! The ready instances of a server as calls see them: which one a call goes to, and how an instance
//! lets go of its calls before it ends. No lock and no queue: a call counts itself in, then looks
//! whether it may; who closes a lane forbids it, then looks who is inside.

use super::pool::Pool;
use super::start::{EXIT_WAIT, Live};
use crate::upstream::Connection;
use protocol::CallContext;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use supervisor::ProcessHandle;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a call whose instance is gone waits to hear why.
/// Its process has to be seen to end and its last words to be read, which are waited for less long.
const REASON_WAIT: Duration = Duration::from_millis(500);

/// The way to one ready instance.
pub(super) struct Lane {
    /// Which instance, from 0.
    pub(super) index: usize,
    pub(super) link: Arc<Connection>,
    /// Instances beside it, where some callers have their own.
    pub(super) pool: Option<Arc<Pool>>,
    /// What runs it, where that is ours.
    process: Option<ProcessHandle>,
    pub(super) since: Instant,
    calls: AtomicUsize,
    closed: AtomicBool,
    empty: Notify,
    /// Why it ended.
    end: watch::Sender<Option<Arc<str>>>,
}

/// A call on its lane; gives its place back, however it ends.
pub(super) struct Entered(Arc<Lane>);

/// The lanes that calls are spread over.
#[derive(Debug)]
pub(super) struct Lanes {
    /// By index, never empty.
    all: Vec<Arc<Lane>>,
    pin: config::Pin,
    turn: AtomicU64,
}

// === impl Lane ===

impl Lane {
    pub(super) fn new(index: usize, live: &Live, pool: Option<Arc<Pool>>) -> Arc<Self> {
        Arc::new(Self {
            index,
            link: live.link.clone(),
            pool,
            process: live.process.clone(),
            since: Instant::now(),
            calls: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            empty: Notify::new(),
            end: watch::Sender::new(None),
        })
    }

    /// A place for a call, unless it takes none any more.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Entered> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let entered = Entered(self.clone());
        // After the count: who closes the lane looks the other way round, so one of us sees the other.
        (!self.closed.load(Ordering::SeqCst) && !self.link.is_closed()).then_some(entered)
    }

    /// How many calls are on it.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// It takes no new calls.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until no call is on a closed lane, no longer than until then; whether none is.
    pub(super) async fn emptied(&self, until: Instant) -> bool {
        while self.calls.load(Ordering::SeqCst) > 0 {
            if timeout_at(until, self.empty.notified()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Nobody can call it any more, and the calls that are left hear why.
    pub(super) fn end(&self, why: &str) {
        self.close();
        if let Some(pool) = &self.pool {
            pool.end();
        }
        self.end.send_replace(Some(why.into()));
    }

    /// Whether what runs it has ended, which may be seen a little after it hung up. Behind HTTP
    /// nothing but its process tells.
    async fn has_exited(&self) -> bool {
        match &self.process {
            Some(process) if self.link.is_http() => timeout(EXIT_WAIT, process.wait()).await.is_ok(),
            // A pipe tells by itself; and who hung up may be an instance beside this one.
            Some(_) | None => false,
        }
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("index", &self.index).field("calls", &self.calls()).finish_non_exhaustive()
    }
}

// === impl Entered ===

impl Entered {
    /// Why the instance under this call ended, when it has.
    pub(super) async fn why_it_ended(&self) -> Option<Arc<str>> {
        if !self.link.is_closed() && !self.has_exited().await {
            return None;
        }
        let mut end = self.end.subscribe();
        let told = timeout_at(Instant::now() + REASON_WAIT, end.wait_for(Option::is_some)).await;
        told.ok()?.ok()?.clone()
    }
}

impl std::ops::Deref for Entered {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        &self.0
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if self.0.calls.fetch_sub(1, Ordering::SeqCst) == 1 && self.0.closed.load(Ordering::SeqCst) {
            self.0.empty.notify_one();
        }
    }
}

// === impl Lanes ===

impl Lanes {
    /// Spreads calls over these; `None` when there are none.
    pub(super) fn new(all: Vec<Arc<Lane>>, pin: config::Pin) -> Option<Self> {
        (!all.is_empty()).then(|| Self { all, pin, turn: AtomicU64::new(0) })
    }

    /// The lane that speaks for the server: its lists and subscriptions are the server's.
    pub(super) fn first(&self) -> Option<&Arc<Lane>> {
        self.all.first()
    }

    /// Every lane.
    pub(super) fn all(&self) -> &[Arc<Lane>] {
        &self.all
    }

    /// A place for a call of this caller.
    pub(super) fn enter(&self, context: &CallContext) -> Option<Entered> {
        let at = match &self.all[..] {
            [only] => return only.enter(),
            many => match self.key(context) {
                Some(key) => highest(key, many.iter().map(|lane| lane.index)),
                None => {
                    let (one, other) = two_of(self.turn.fetch_add(1, Ordering::Relaxed), many.len());
                    if many[other].calls() < many[one].calls() { other } else { one }
                }
            },
        };
        // It may be closing at this moment; another one serves as well.
        self.all.get(at)?.enter().or_else(|| self.all.iter().find_map(Lane::enter))
    }

    fn key<'a>(&self, context: &'a CallContext) -> Option<&'a str> {
        match self.pin {
            config::Pin::None => None,
            config::Pin::Principal => Some(context.principal.as_str()),
            config::Pin::Session => Some(context.session.as_deref().unwrap_or(context.principal.as_str())),
        }
    }
}

/// Where the weight of `key` is highest (rendezvous hashing): whoever has a place keeps it when
/// another place goes.
fn highest(key: &str, places: impl Iterator<Item = usize>) -> usize {
    let weight = |place: usize| {
        let mut hasher = DefaultHasher::new();
        (key, place).hash(&mut hasher);
        hasher.finish()
    };
    places.enumerate().max_by_key(|(_, place)| weight(*place)).map_or(0, |(at, _)| at)
}

/// Two different places out of `count`, which is at least two, evenly spread over the turns.
fn two_of(turn: u64, count: usize) -> (usize, usize) {
    let mixed = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let half = |bits: u64, below: usize| usize::try_from(((bits & 0xffff_ffff) * below as u64) >> 32).unwrap_or(0);
    let one = half(mixed, count);
    let other = half(mixed >> 32, count - 1);
    (one, if other >= one { other + 1 } else { other })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_spread_over_all_pairs() {
        let mut seen = [0_u32; 5];
        for turn in 0..10_000 {
            let (one, other) = two_of(turn, 5);
            assert_ne!(one, other);
            seen[one] += 1;
            seen[other] += 1;
        }
        assert!(seen.iter().all(|&count| (3_500..4_500).contains(&count)), "{seen:?}");
    }

    proptest! {
        /// Of two places the one with less to do is taken, so nobody falls behind: with calls that
        /// never end, no place has many more than another.
        #[test]
        fn the_less_busy_of_two_is_taken(count in 2usize..9, turns in 1u64..2000) {
            let mut calls = vec![0_u32; count];
            for turn in 0..turns {
                let (one, other) = two_of(turn, count);
                prop_assert!(one < count && other < count && one != other);
                let at = if calls[other] < calls[one] { other } else { one };
                calls[at] += 1;
            }
            let (least, most) = (calls.iter().min().unwrap(), calls.iter().max().unwrap());
            prop_assert!(most - least < 12, "{calls:?}");
        }

        /// When a place goes, only those move that were there.
        #[test]
        fn who_has_a_place_keeps_it(keys in prop::collection::vec("[a-z]{1,12}", 1..40), count in 2usize..8, gone in 0usize..8) {
            let gone = gone % count;
            let left: Vec<usize> = (0..count).filter(|place| *place != gone).collect();
            for key in keys {
                let before = highest(&key, 0..count);
                let after = left[highest(&key, left.iter().copied())];
                prop_assert!(before == gone || before == after);
            }
        }
    }
}
