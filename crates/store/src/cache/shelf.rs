//! The entries of one namespace in this process: by key, by age, by when they end and by when they
//! were used. Told the time; it knows nothing of other namespaces and of how much may be kept.

use super::glob;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::time::Instant;

/// What an entry takes beside key and value, in bytes: its places in four maps, about.
pub(super) const ENTRY_BYTES: usize = 200;

/// The entries of one namespace.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    ids: HashMap<Arc<str>, u64>,
    /// By id, which grows with each new key; so a scan from the newest to the oldest ends, and
    /// gives each key once that is there all the while.
    entries: BTreeMap<u64, Entry>,
    ending: BTreeSet<(Instant, u64)>,
    /// Ids by when they were used last.
    used: BTreeMap<u64, u64>,
    id: u64,
    tick: u64,
    bytes: usize,
}

#[derive(Debug)]
pub(super) struct Entry {
    key: Arc<str>,
    pub(super) value: Bytes,
    pub(super) until: Option<Instant>,
    tick: u64,
}

// === impl Entry ===

impl Entry {
    fn bytes(&self) -> usize {
        room(&self.key, &self.value)
    }
}

/// How many bytes an entry is counted as.
pub(super) fn room(key: &str, value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_BYTES
}

// === impl Shelf ===

impl Shelf {
    /// Forgets what has ended by `now`. Everything else takes it that this was done.
    pub(super) fn purge(&mut self, now: Instant) {
        while let Some((until, id)) = self.ending.first().copied() {
            if until > now {
                break;
            }
            self.remove_id(id);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries end by themselves.
    pub(super) fn ending(&self) -> impl ExactSizeIterator<Item = Instant> + '_ {
        self.ending.iter().map(|(until, _)| *until)
    }

    /// The entry, which counts as used now.
    pub(super) fn get(&mut self, key: &str) -> Option<&Entry> {
        let id = *self.ids.get(key)?;
        self.touch(id);
        self.entries.get(&id)
    }

    /// The entry, without a trace.
    pub(super) fn look(&self, key: &str) -> Option<&Entry> {
        self.entries.get(self.ids.get(key)?)
    }

    /// Keeps a value under a key, in the place of what was there.
    pub(super) fn put(&mut self, key: &str, value: Bytes, until: Option<Instant>) {
        let id = match self.ids.get(key) {
            Some(id) => *id,
            None => {
                self.id += 1;
                self.ids.insert(key.into(), self.id);
                self.id
            }
        };
        let key = match self.ids.get_key_value(key) {
            Some((key, _)) => key.clone(),
            None => key.into(),
        };
        self.tick += 1;
        let entry = Entry { key, value, until, tick: self.tick };
        self.bytes += entry.bytes();
        self.used.insert(self.tick, id);
        self.ending.extend(until.map(|until| (until, id)));
        if let Some(former) = self.entries.insert(id, entry) {
            self.bytes -= former.bytes();
            self.used.remove(&former.tick);
            if let Some(ended) = former.until.filter(|ended| Some(*ended) != until) {
                self.ending.remove(&(ended, id));
            }
        }
    }

    /// Lets an entry end at another time.
    pub(super) fn expire(&mut self, key: &str, until: Instant) -> bool {
        let Some(id) = self.ids.get(key).copied() else { return false };
        self.touch(id);
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        if let Some(former) = entry.until.replace(until) {
            self.ending.remove(&(former, id));
        }
        self.ending.insert((until, id));
        true
    }

    pub(super) fn remove(&mut self, key: &str) -> bool {
        let id = self.ids.get(key).copied();
        id.is_some_and(|id| self.remove_id(id))
    }

    /// A mark in time: what is used from now on comes after it.
    pub(super) fn mark(&self) -> u64 {
        self.tick
    }

    /// Makes room: forgets the entry unused longest, if that was used before `mark`.
    pub(super) fn evict(&mut self, mark: u64) -> bool {
        let oldest = self.used.first_key_value().filter(|(tick, _)| **tick <= mark);
        let id = oldest.map(|(_, id)| *id);
        id.is_some_and(|id| self.remove_id(id))
    }

    /// Looks at the next `count` entries and gives the keys that fit; the cursor is 0 at the
    /// beginning and at the end.
    pub(super) fn scan(&self, cursor: u64, pattern: &str, count: usize) -> (u64, Vec<String>) {
        let below = if cursor == 0 { u64::MAX } else { cursor };
        let mut left = self.entries.range(..below).rev();
        let mut last = 0;
        let looked_at = left.by_ref().take(count).inspect(|(id, _)| last = **id);
        let fitting = looked_at.filter(|(_, entry)| glob::fits(pattern.as_bytes(), entry.key.as_bytes()));
        let keys = fitting.map(|(_, entry)| entry.key.to_string()).collect();
        (if left.next().is_some() { last } else { 0 }, keys)
    }

    fn touch(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.tick += 1;
            self.used.remove(&entry.tick);
            entry.tick = self.tick;
            self.used.insert(self.tick, id);
        }
    }

    fn remove_id(&mut self, id: u64) -> bool {
        let Some(entry) = self.entries.remove(&id) else { return false };
        self.ids.remove(&entry.key);
        self.used.remove(&entry.tick);
        self.bytes -= entry.bytes();
        if let Some(until) = entry.until {
            self.ending.remove(&(until, id));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, usize, Option<u64>),
        Get(u8),
        Expire(u8, u64),
        Remove(u8),
        Evict,
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u8..12, 0_usize..50, proptest::option::of(1_u64..20))
                .prop_map(|(key, size, ttl)| Step::Put(key, size, ttl)),
            (0_u8..12).prop_map(Step::Get),
            (0_u8..12, 1_u64..20).prop_map(|(key, ttl)| Step::Expire(key, ttl)),
            (0_u8..12).prop_map(Step::Remove),
            Just(Step::Evict),
            (1_u64..8).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn the_four_maps_always_agree(steps in proptest::collection::vec(step(), 1..200)) {
            let (mut shelf, mut now) = (Shelf::default(), Instant::now());
            for step in steps {
                let seconds = |count| now + Duration::from_secs(count);
                match step {
                    Step::Put(key, size, ttl) => shelf.put(&key.to_string(), vec![0; size].into(), ttl.map(seconds)),
                    Step::Get(key) => { shelf.get(&key.to_string()); }
                    Step::Expire(key, ttl) => { shelf.expire(&key.to_string(), seconds(ttl)); }
                    Step::Remove(key) => { shelf.remove(&key.to_string()); }
                    Step::Evict => {
                        let (mark, some) = (shelf.mark(), shelf.len() > 0);
                        prop_assert_eq!(shelf.evict(mark), some);
                    }
                    Step::Wait(time) => now += Duration::from_secs(time),
                }
                shelf.purge(now);
                prop_assert_eq!(shelf.ids.len(), shelf.entries.len());
                prop_assert_eq!(shelf.used.len(), shelf.entries.len());
                prop_assert_eq!(shelf.bytes, shelf.entries.values().map(Entry::bytes).sum::<usize>());
                let ending = shelf.entries.values().filter(|entry| entry.until.is_some()).count();
                prop_assert_eq!(shelf.ending.len(), ending);
                prop_assert!(shelf.entries.values().all(|entry| entry.until.is_none_or(|until| until > now)));
                prop_assert!(shelf.entries.iter().all(|(id, entry)| shelf.ids[&entry.key] == *id && shelf.used[&entry.tick] == *id));
            }
        }

        #[test]
        fn a_scan_gives_each_key_once_whatever_comes_and_goes(
            present in 1_usize..60,
            count in 1_usize..9,
            changes in proptest::collection::vec((0_u8..2, 0_u8..30), 0..100),
        ) {
            let mut shelf = Shelf::default();
            for number in 0..present {
                shelf.put(&format!("stays-{number}"), Bytes::new(), None);
            }
            let (mut cursor, mut seen, mut changes) = (0, Vec::new(), changes.into_iter());
            loop {
                let (next, keys) = shelf.scan(cursor, "stays-*", count);
                seen.extend(keys);
                if next == 0 {
                    break;
                }
                cursor = next;
                match changes.next() {
                    Some((0, number)) => shelf.put(&format!("comes-{number}"), Bytes::new(), None),
                    Some((_, number)) => { shelf.remove(&format!("comes-{number}")); }
                    None => {}
                }
                // Being written again is no reason to be missed.
                shelf.put("stays-0", Bytes::from_static(b"again"), None);
            }
            seen.sort();
            let mut all: Vec<String> = (0..present).map(|number| format!("stays-{number}")).collect();
            all.sort();
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn the_one_unused_longest_makes_room() {
        let mut shelf = Shelf::default();
        for key in ["a", "b", "c"] {
            shelf.put(key, Bytes::new(), None);
        }
        assert!(shelf.get("a").is_some());
        let mark = shelf.mark();
        shelf.put("new", Bytes::new(), None);
        assert!(shelf.evict(mark) && shelf.look("b").is_none());
        assert!(shelf.evict(mark) && shelf.evict(mark) && !shelf.evict(mark));
        assert!(shelf.look("new").is_some(), "what came after the mark stays");
    }
}
