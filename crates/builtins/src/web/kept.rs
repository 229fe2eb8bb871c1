//! What is kept for a while and within a size, such as pages and answers of search engines.
//!
//! It deliberately loads nothing: whoever misses something brings it. The clock is passed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Values by name, each until its time; the one that ends first makes room for others.
#[derive(Debug)]
pub(super) struct Kept<V> {
    inner: Mutex<Inner<V>>,
    count_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Inner<V> {
    values: HashMap<String, Entry<V>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    until: Instant,
    bytes: usize,
}

impl<V> Kept<V> {
    /// Room for so many values, and for so many bytes of them.
    pub(super) fn new(count_max: usize, bytes_max: usize) -> Self {
        Self { inner: Mutex::new(Inner { values: HashMap::new(), bytes: 0 }), count_max, bytes_max }
    }

    /// The value of this name, while its time lasts.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<Arc<V>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.values.get(name).filter(|entry| entry.until > now).map(|entry| entry.value.clone())
    }

    /// The value of this name; a new one without size where there is none.
    pub(super) fn get_or_put(&self, name: &str, now: Instant, make: impl FnOnce() -> V, until: Instant) -> Arc<V> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = inner.values.get(name).filter(|entry| entry.until > now) {
            return entry.value.clone();
        }
        let value = Arc::new(make());
        self.insert(&mut inner, name, value.clone(), 0, until);
        value
    }

    /// Keeps a value of this size until then; one larger than all room is not kept.
    pub(super) fn put(&self, name: &str, value: Arc<V>, bytes: usize, until: Instant) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert(&mut inner, name, value, bytes, until);
    }

    fn insert(&self, inner: &mut Inner<V>, name: &str, value: Arc<V>, bytes: usize, until: Instant) {
        inner.remove(name);
        if bytes > self.bytes_max {
            return;
        }
        while inner.values.len() >= self.count_max || inner.bytes + bytes > self.bytes_max {
            let first = inner.values.iter().min_by_key(|(_, entry)| entry.until).map(|(name, _)| name.clone());
            let Some(first) = first else { return };
            inner.remove(&first);
        }
        inner.bytes += bytes;
        inner.values.insert(name.to_owned(), Entry { value, until, bytes });
    }
}

impl<V> Inner<V> {
    fn remove(&mut self, name: &str) {
        if let Some(gone) = self.values.remove(name) {
            self.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_ends_first_makes_room() {
        let kept = Kept::new(2, 100);
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        kept.put("a", Arc::new(1), 60, at(10));
        kept.put("b", Arc::new(2), 30, at(5));
        assert_eq!((kept.get("a", now).as_deref(), kept.get("b", now).as_deref()), (Some(&1), Some(&2)));
        assert_eq!(kept.get("b", at(5)), None);
        kept.put("c", Arc::new(3), 10, at(20));
        assert_eq!((kept.get("b", now), kept.get("c", now).as_deref()), (None, Some(&3)));
        kept.put("d", Arc::new(4), 50, at(1));
        assert_eq!((kept.get("a", now), kept.get("c", now).as_deref()), (None, Some(&3)));
        kept.put("e", Arc::new(5), 101, at(1));
        assert_eq!(kept.get("e", now), None);
        kept.put("c", Arc::new(6), 10, at(2));
        assert_eq!(kept.get("c", now).as_deref(), Some(&6));
    }
}
