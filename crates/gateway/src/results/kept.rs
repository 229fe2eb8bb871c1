//! What is left of results that were cut, for whoever got the first part: bounded in all, for each
//! principal and in time. In memory only: a restart forgets them, and their cursors say so.

use protocol::Principal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bounds of what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeptLimits {
    /// Bytes in all.
    pub(crate) bytes_max: usize,
    /// Bytes of one principal.
    pub(crate) per_principal_bytes_max: usize,
    /// Milliseconds from the last time that it was read.
    pub(crate) time_ms: u64,
}

/// Rests of results, by number, the oldest first.
#[derive(Debug)]
pub(crate) struct Kept {
    limits: KeptLimits,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    next: u64,
    rests: BTreeMap<u64, Rest>,
    bytes: usize,
    swept: bool,
}

#[derive(Debug)]
struct Rest {
    principal: Principal,
    text: Arc<str>,
    until_ms: u64,
}

impl KeptLimits {
    /// What the configuration says.
    pub(crate) fn of(limits: &config::Limits) -> Self {
        Self {
            bytes_max: limits.results_kept_bytes_max,
            per_principal_bytes_max: limits.results_kept_per_principal_bytes_max,
            time_ms: u64::try_from(limits.results_kept_time.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Kept {
    /// Nothing is kept yet.
    pub(crate) fn new(limits: KeptLimits) -> Self {
        Self { limits, shelf: Mutex::default() }
    }

    /// For how long something is kept, in milliseconds.
    pub(crate) fn time_ms(&self) -> u64 {
        self.limits.time_ms
    }

    /// Keeps `text` for a principal; its number. None if it is more than may be kept.
    pub(crate) fn put(&self, principal: &Principal, text: String, now_ms: u64) -> Option<u64> {
        let KeptLimits { bytes_max, per_principal_bytes_max, time_ms } = self.limits;
        if text.len() > bytes_max.min(per_principal_bytes_max) {
            return None;
        }
        let mut shelf = self.lock();
        shelf.expire(now_ms);
        let own = |rest: &Rest| rest.principal == *principal;
        shelf.make_room(per_principal_bytes_max - text.len(), own);
        shelf.make_room(bytes_max - text.len(), |_| true);
        let id = shelf.next;
        shelf.next += 1;
        shelf.bytes += text.len();
        let rest = Rest { principal: principal.clone(), text: text.into(), until_ms: now_ms.saturating_add(time_ms) };
        shelf.rests.insert(id, rest);
        Some(id)
    }

    /// What is kept for this principal under a number; it is kept for longer then.
    pub(crate) fn get(&self, principal: &Principal, id: u64, now_ms: u64) -> Option<Arc<str>> {
        let mut shelf = self.lock();
        shelf.expire(now_ms);
        let rest = shelf.rests.get_mut(&id).filter(|rest| rest.principal == *principal)?;
        rest.until_ms = now_ms.saturating_add(self.limits.time_ms);
        Some(rest.text.clone())
    }

    /// Whether something is kept and nobody sweeps: who asks does from now on.
    pub(crate) fn wants_sweeper(&self) -> bool {
        let mut shelf = self.lock();
        !shelf.rests.is_empty() && !std::mem::replace(&mut shelf.swept, true)
    }

    /// Drops what has been kept for long enough; in how many milliseconds the next is. None when nothing is
    /// left, and nobody sweeps then.
    pub(crate) fn sweep(&self, now_ms: u64) -> Option<u64> {
        let mut shelf = self.lock();
        shelf.expire(now_ms);
        let next = shelf.rests.values().map(|rest| rest.until_ms.saturating_sub(now_ms)).min();
        shelf.swept = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn expire(&mut self, now_ms: u64) {
        let bytes = &mut self.bytes;
        self.rests.retain(|_, rest| {
            let keep = rest.until_ms > now_ms;
            if !keep {
                *bytes -= rest.text.len();
            }
            keep
        });
    }

    /// Drops the oldest of those that `counts`, until they are at most `bytes`.
    fn make_room(&mut self, bytes: usize, counts: impl Fn(&Rest) -> bool) {
        let mut sum: usize = self.rests.values().filter(|rest| counts(rest)).map(|rest| rest.text.len()).sum();
        while sum > bytes {
            let oldest = self.rests.iter().find(|(_, rest)| counts(rest)).map(|(id, _)| *id);
            let Some(rest) = oldest.and_then(|id| self.rests.remove(&id)) else { return };
            sum -= rest.text.len();
            self.bytes -= rest.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        Kept::new(KeptLimits { bytes_max: 10, per_principal_bytes_max: 6, time_ms: 100 })
    }

    #[test]
    fn it_is_bounded_in_all_for_each_and_in_time() {
        let (kept, one, two) = (kept(), Principal::new("one"), Principal::new("two"));
        let put = |who: &Principal, text: &str, now| kept.put(who, text.to_owned(), now);
        assert_eq!(put(&one, "1234567", 0), None, "more than one may have");
        let (first, second) = (put(&one, "123", 0).unwrap(), put(&one, "456", 0).unwrap());
        assert!(kept.get(&two, first, 1).is_none(), "what another got is not there");
        let third = put(&one, "789", 2).unwrap();
        assert!(kept.get(&one, first, 2).is_none(), "their own oldest makes room");
        let other = put(&two, "abcdef", 3).unwrap();
        assert!(kept.get(&one, second, 3).is_none(), "the oldest of all makes room");
        assert_eq!(kept.get(&one, third, 90).as_deref(), Some("789"));
        assert!(kept.get(&two, other, 103).is_none(), "its time is over");
        assert_eq!(kept.get(&one, third, 189).as_deref(), Some("789"), "who reads has more time");
        assert_eq!(kept.lock().bytes, 3);
    }

    #[test]
    fn there_is_one_sweeper_while_there_is_something_to_sweep() {
        let (kept, one) = (kept(), Principal::new("one"));
        assert!(!kept.wants_sweeper());
        kept.put(&one, "123".to_owned(), 0).unwrap();
        assert!(kept.wants_sweeper() && !kept.wants_sweeper());
        assert_eq!(kept.sweep(40), Some(60));
        assert_eq!(kept.sweep(100), None);
        kept.put(&one, "123".to_owned(), 200).unwrap();
        assert!(kept.wants_sweeper());
    }
}
