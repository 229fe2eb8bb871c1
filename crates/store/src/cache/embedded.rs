//! The cache in this process: one shelf for each namespace behind one short lock, and room for all
//! of them. Nothing here waits. What a command may hold is checked by `Cache` before it comes here.

use super::pace::Pace;
use super::shelf::{ENTRY_BYTES, Shelf, room};
use super::{ANSWER_BYTES_MAX, Backend, CacheError, CacheSettings, Info, Kept, Namespace, Page, Ttl, VALUE_BYTES_MAX};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Keys and values in this process.
#[derive(Debug)]
pub(super) struct Embedded {
    settings: CacheSettings,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shelves: HashMap<Namespace, Shelf>,
    entries: usize,
    bytes: usize,
    peak_bytes: usize,
    commands: u64,
    hits: u64,
    misses: u64,
    pace: Pace,
}

// === impl State ===

impl State {
    fn new(now: Instant) -> Self {
        let (shelves, pace) = (HashMap::new(), Pace::new(now));
        Self { shelves, entries: 0, bytes: 0, peak_bytes: 0, commands: 0, hits: 0, misses: 0, pace }
    }

    /// So many keys were asked for, and so many of them there.
    fn asked(&mut self, keys: usize, found: usize) {
        self.hits += found as u64;
        self.misses += keys.saturating_sub(found) as u64;
    }

    /// Forgets what is unused longest, in `own` until that fits, then wherever most is kept. What
    /// was used after `mark` in `own` stays.
    fn make_room(&mut self, settings: &CacheSettings, own: &Namespace, mark: u64) {
        while self
            .shelves
            .get(own)
            .is_some_and(|shelf| shelf.len() > settings.entries_max || shelf.bytes() > settings.bytes_max)
        {
            if !self.evict(own, mark) {
                break;
            }
        }
        while self.entries > settings.all_entries_max || self.bytes > settings.all_bytes_max {
            let others = self.shelves.iter().filter(|(name, _)| *name != own);
            let largest =
                others.max_by_key(|(_, shelf)| shelf.bytes()).map(|(name, shelf)| (name.clone(), shelf.bytes()));
            let own_bytes = self.shelves.get(own).map_or(0, Shelf::bytes);
            let evicted = match largest {
                Some((name, bytes)) if bytes > own_bytes => self.evict(&name, u64::MAX),
                Some((name, _)) => self.evict(own, mark) || self.evict(&name, u64::MAX),
                None => self.evict(own, mark),
            };
            if !evicted {
                break;
            }
        }
    }

    fn evict(&mut self, name: &Namespace, mark: u64) -> bool {
        self.on(name, |shelf| shelf.evict(mark))
    }

    /// Does something to a shelf and keeps the sums right.
    fn on<T>(&mut self, name: &Namespace, act: impl FnOnce(&mut Shelf) -> T) -> T {
        if !self.shelves.contains_key(name) {
            self.shelves.insert(name.clone(), Shelf::default());
        }
        let mut none = Shelf::default();
        let shelf = self.shelves.get_mut(name).unwrap_or(&mut none);
        let (entries, bytes) = (shelf.len(), shelf.bytes());
        let done = act(shelf);
        self.entries = self.entries - entries + shelf.len();
        self.bytes = self.bytes - bytes + shelf.bytes();
        if shelf.len() == 0 {
            self.shelves.remove(name);
        }
        done
    }
}

// === impl Embedded ===

impl Embedded {
    pub(super) fn new(settings: CacheSettings) -> Self {
        let began = Instant::now();
        Self { settings, began, state: Mutex::new(State::new(began)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one command on a shelf in which nothing is that has ended.
    fn on<T>(&self, name: &Namespace, act: impl FnOnce(&mut Shelf, Instant) -> T) -> T {
        let now = Instant::now();
        let mut state = self.lock();
        state.commands += 1;
        let commands = state.commands;
        state.pace.of(commands, now);
        let (mark, done) = state.on(name, |shelf| {
            shelf.purge(now);
            (shelf.mark(), act(shelf, now))
        });
        state.make_room(&self.settings, name, mark);
        state.peak_bytes = state.peak_bytes.max(state.bytes);
        done
    }

    /// Whether entries of together so many fit at all.
    fn check(&self, entries: usize, bytes: usize) -> Result<(), CacheError> {
        let settings = &self.settings;
        let bytes_max = settings.bytes_max.min(settings.all_bytes_max);
        if entries > settings.entries_max.min(settings.all_entries_max) {
            return Err(CacheError::Keys(entries));
        }
        if bytes > bytes_max {
            return Err(CacheError::Value { bytes, bytes_max: bytes_max.saturating_sub(entries * ENTRY_BYTES) });
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &Namespace, key: &str, bytes_max: usize) -> Result<Option<Kept>, CacheError> {
        let found = self.on(name, |shelf, now| {
            let Some(entry) = shelf.get(key) else { return Ok(None) };
            if entry.value.len() > bytes_max {
                return Err(CacheError::Foreign);
            }
            Ok(Some(Kept { value: entry.value.clone(), left: entry.until.map(|until| until - now) }))
        });
        self.lock().asked(1, usize::from(!matches!(found, Ok(None))));
        found
    }

    pub(super) fn set(
        &self,
        name: &Namespace,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<(), CacheError> {
        self.check(1, room(key, &value))?;
        self.on(name, |shelf, now| shelf.put(key, value, ttl.map(|ttl| now + ttl)));
        Ok(())
    }

    pub(super) fn mset(&self, name: &Namespace, entries: &[(&str, Bytes)]) -> Result<(), CacheError> {
        self.check(entries.len(), entries.iter().map(|(key, value)| room(key, value)).sum())?;
        self.on(name, |shelf, _| {
            for (key, value) in entries {
                shelf.put(key, value.clone(), None);
            }
        });
        Ok(())
    }

    pub(super) fn mget(&self, name: &Namespace, keys: &[&str]) -> Result<Vec<Option<Bytes>>, CacheError> {
        let found: Result<Vec<Option<Bytes>>, CacheError> = self.on(name, |shelf, _| {
            let bytes = keys.iter().filter_map(|key| Some(shelf.look(key)?.value.len())).sum();
            if bytes > ANSWER_BYTES_MAX {
                return Err(CacheError::Answer(bytes));
            }
            let value =
                |key: &&str| Some(&shelf.get(key)?.value).filter(|value| value.len() <= VALUE_BYTES_MAX).cloned();
            Ok(keys.iter().map(value).collect())
        });
        if let Ok(values) = &found {
            self.lock().asked(values.len(), values.iter().flatten().count());
        }
        found
    }

    pub(super) fn delete(&self, name: &Namespace, keys: &[&str]) -> u64 {
        self.on(name, |shelf, _| keys.iter().filter(|key| shelf.remove(key)).count() as u64)
    }

    pub(super) fn exists(&self, name: &Namespace, keys: &[&str]) -> Vec<bool> {
        self.on(name, |shelf, _| keys.iter().map(|key| shelf.get(key).is_some()).collect())
    }

    pub(super) fn expire(&self, name: &Namespace, key: &str, ttl: Duration) -> bool {
        self.on(name, |shelf, now| shelf.expire(key, now + ttl))
    }

    pub(super) fn ttl(&self, name: &Namespace, key: &str) -> Ttl {
        self.on(name, |shelf, now| match shelf.look(key) {
            None => Ttl::Missing,
            Some(entry) => entry.until.map_or(Ttl::Forever, |until| Ttl::Left(until - now)),
        })
    }

    pub(super) fn incr(&self, name: &Namespace, key: &str, by: i64) -> Result<i64, CacheError> {
        // A number and its key always fit where any value fits.
        self.check(1, room(key, &[0; 20]))?;
        self.on(name, |shelf, _| {
            let (before, until) = match shelf.look(key) {
                None => (0, None),
                Some(entry) => (number(&entry.value).ok_or(CacheError::NotANumber)?, entry.until),
            };
            let after = before.checked_add(by).ok_or(CacheError::Overflow)?;
            shelf.put(key, after.to_string().into(), until);
            Ok(after)
        })
    }

    pub(super) fn scan(&self, name: &Namespace, cursor: u64, pattern: &str, count: usize) -> Page {
        let (cursor, keys) = self.on(name, |shelf, _| shelf.scan(cursor, pattern, count));
        Page { cursor, keys }
    }

    pub(super) fn flush(&self, name: &Namespace) -> u64 {
        self.on(name, |shelf, _| std::mem::take(shelf).len() as u64)
    }

    pub(super) fn info(&self) -> Info {
        let now = Instant::now();
        let mut state = self.lock();
        state.commands += 1;
        let commands = state.commands;
        let commands_per_second = state.pace.of(commands, now);
        let names: Vec<Namespace> = state.shelves.keys().cloned().collect();
        names.iter().for_each(|name| state.on(name, |shelf| shelf.purge(now)));
        let ending = state.shelves.values().flat_map(|shelf| shelf.ending().map(|until| until - now));
        let (expires, sum) = ending.fold((0_u32, Duration::ZERO), |(count, sum), left| (count + 1, sum + left));
        Info {
            backend: Backend::Embedded,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: now - self.began,
            connected_clients: 1,
            blocked_clients: 0,
            connections: 1,
            used_memory_bytes: state.bytes as u64,
            peak_memory_bytes: state.peak_bytes as u64,
            fragmentation: 1.0,
            commands,
            commands_per_second,
            hits: state.hits,
            misses: state.misses,
            database: "embedded".to_owned(),
            keys: state.entries as u64,
            expires: expires.into(),
            average_ttl: sum.checked_div(expires),
        }
    }
}

/// A number as Redis reads one: no blank, no plus, no zero too many.
fn number(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> Embedded {
        let settings =
            CacheSettings { all_entries_max: 6, all_bytes_max: 6 * 300, ..CacheSettings::embedded(4, 4 * 300) };
        Embedded::new(settings)
    }

    fn of(name: &str) -> Namespace {
        Namespace::new("cache", name)
    }

    fn set(cache: &Embedded, name: &str, key: &str, bytes: usize) -> Result<(), CacheError> {
        cache.set(&of(name), key, vec![0; bytes].into(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_most_makes_room() {
        let cache = small();
        for key in ["1", "2", "3", "4"] {
            set(&cache, "loud", key, 10).unwrap();
        }
        for key in ["a", "b", "c"] {
            set(&cache, "quiet", key, 10).unwrap();
        }
        assert_eq!(cache.exists(&of("loud"), &["1", "2", "3", "4"]), [false, true, true, true]);
        assert_eq!(cache.exists(&of("quiet"), &["a", "b", "c"]), [true; 3]);
        set(&cache, "loud", "5", 10).unwrap();
        assert_eq!(cache.info().keys, 6);
        assert!(cache.get(&of("loud"), "5", 100).unwrap().is_some(), "what was just written stays");
        let refused = set(&cache, "loud", "6", 1000);
        assert_eq!(refused, Err(CacheError::Value { bytes: 1201, bytes_max: 1000 }));
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_keep_their_time_and_their_range() {
        let (cache, name) = (small(), of("me"));
        let hour = Duration::from_secs(3600);
        cache.set(&name, "n", "41".into(), Some(hour)).unwrap();
        assert_eq!(cache.incr(&name, "n", 1), Ok(42));
        assert_eq!(cache.ttl(&name, "n"), Ttl::Left(hour));
        tokio::time::advance(hour).await;
        assert_eq!((cache.ttl(&name, "n"), cache.incr(&name, "n", -1)), (Ttl::Missing, Ok(-1)));
        for text in ["01", "+1", " 1", "1.0", "", "-0", "9223372036854775808"] {
            cache.set(&name, "x", text.to_owned().into(), None).unwrap();
            assert_eq!(cache.incr(&name, "x", 1), Err(CacheError::NotANumber), "{text}");
        }
        cache.set(&name, "x", i64::MAX.to_string().into(), None).unwrap();
        assert_eq!(cache.incr(&name, "x", 1), Err(CacheError::Overflow));
        assert_eq!(cache.incr(&name, "x", i64::MIN), Ok(-1));
    }

    proptest! {
        #[test]
        fn the_cache_never_holds_more_than_it_may(
            steps in proptest::collection::vec((0_u8..4, 0_u8..9, 0_usize..1200, 0_u8..5), 1..200),
        ) {
            let cache = small();
            for (owner, key, bytes, act) in steps {
                let (name, key) = (of(&owner.to_string()), key.to_string());
                match act {
                    0 => { cache.delete(&name, &[&key]); }
                    1 => { let _ = cache.incr(&name, &key, 1); }
                    2 => { cache.flush(&name); }
                    _ if cache.set(&name, &key, vec![b'x'; bytes].into(), None).is_ok() => {
                        prop_assert!(cache.get(&name, &key, 2000).unwrap().is_some(), "what was just written is there");
                    }
                    _ => {}
                }
                let state = cache.lock();
                prop_assert!(state.entries <= 6 && state.bytes <= 1800);
                prop_assert_eq!(state.entries, state.shelves.values().map(Shelf::len).sum::<usize>());
                prop_assert_eq!(state.bytes, state.shelves.values().map(Shelf::bytes).sum::<usize>());
                prop_assert!(state.shelves.values().all(|shelf| (1..=4).contains(&shelf.len()) && shelf.bytes() <= 1200));
            }
        }
    }
}
