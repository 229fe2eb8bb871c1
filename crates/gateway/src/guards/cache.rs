//! Results that are given again: who asked, what was asked and of which definition of a tool make
//! the key, so a result never goes to anybody else and never outlives a change of its tool.
//!
//! [`ResultCache`] is the seam; [`MemoryCache`] keeps results in this process. Which results may be
//! kept is decided in `guards`, and who calls when several want the same in `flights.rs`.

use futures_util::future::BoxFuture;
use protocol::{Principal, Raw, Text};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Names one result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Declared name of the server.
    pub server: Arc<str>,
    /// The server's own name of the tool.
    pub tool: Text,
    /// SHA-256 over the definition of the tool, who asked, and the arguments.
    pub digest: [u8; 32],
}

/// For how long, and beside how many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How long the result is good.
    pub ttl: Duration,
    /// How many results of this server are kept.
    pub entries_max: usize,
    /// How many bytes of them.
    pub bytes_max: usize,
}

/// Where results are kept. A cache that fails has nothing; no call fails for it.
pub trait ResultCache: Send + Sync {
    /// The result, as long as it is good.
    fn get<'a>(&'a self, key: &'a CacheKey) -> BoxFuture<'a, Option<Raw>>;

    /// Keeps a result.
    fn put<'a>(&'a self, key: &'a CacheKey, result: Raw, keep: Keep) -> BoxFuture<'a, ()>;

    /// Forgets what is kept of `server` (all servers where there is none) and `tool` (all tools).
    /// Says how many results that were.
    fn clear<'a>(&'a self, server: Option<&'a str>, tool: Option<&'a str>) -> BoxFuture<'a, usize>;

    /// How many results are kept of `server`.
    fn entries<'a>(&'a self, server: &'a str) -> BoxFuture<'a, usize>;
}

/// Keeps results in this process; for each server the one unused longest makes room.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<HashMap<Arc<str>, Shelf>>);

/// The results of one server.
#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<[u8; 32], Kept>,
    /// By when they were used last.
    order: BTreeMap<u64, [u8; 32]>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    tool: Text,
    result: Raw,
    until: Instant,
    used: u64,
}

impl CacheKey {
    /// The key of a call of `tool` with what is `asked`: the arguments, and what else the answer may
    /// depend on. `definition` is the digest of the tool of this server. The order of keys makes no
    /// difference.
    #[must_use]
    pub fn new(
        server: &Arc<str>,
        tool: &Text,
        definition: &[u8; 32],
        principal: &Principal,
        session: Option<&str>,
        asked: [Option<Raw>; 2],
    ) -> Self {
        let asked = asked.map(|raw| {
            let mut value: serde_json::Value = raw.and_then(|raw| raw.read().ok()).unwrap_or_default();
            value.sort_all_objects();
            value.to_string()
        });
        let mut hash = Sha256::new();
        hash.update(definition);
        for part in [&**server, tool, principal.as_str(), session.unwrap_or_default(), &asked[0], &asked[1]] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self { server: server.clone(), tool: tool.clone(), digest: hash.finalize().into() }
    }
}

// === impl Shelf ===

impl Shelf {
    fn get(&mut self, digest: &[u8; 32], now: Instant) -> Option<Raw> {
        let kept = self.kept.get_mut(digest)?;
        if kept.until <= now {
            self.remove(digest);
            return None;
        }
        self.clock += 1;
        self.order.remove(&kept.used);
        kept.used = self.clock;
        self.order.insert(self.clock, *digest);
        Some(kept.result.clone())
    }

    fn put(&mut self, key: &CacheKey, result: Raw, keep: Keep, now: Instant) {
        self.remove(&key.digest);
        let bytes = result.as_bytes().len();
        if bytes > keep.bytes_max {
            return;
        }
        while self.kept.len() >= keep.entries_max || self.bytes + bytes > keep.bytes_max {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(&oldest);
        }
        self.clock += 1;
        self.bytes += bytes;
        self.order.insert(self.clock, key.digest);
        let kept = Kept { tool: key.tool.clone(), result, until: now + keep.ttl, used: self.clock };
        self.kept.insert(key.digest, kept);
    }

    fn remove(&mut self, digest: &[u8; 32]) {
        if let Some(kept) = self.kept.remove(digest) {
            self.order.remove(&kept.used);
            self.bytes -= kept.result.as_bytes().len();
        }
    }

    fn clear(&mut self, tool: Option<&str>) -> usize {
        let fits = |kept: &Kept| tool.is_none_or(|tool| *kept.tool == *tool);
        let cleared: Vec<_> = self.kept.iter().filter(|(_, kept)| fits(kept)).map(|(digest, _)| *digest).collect();
        cleared.iter().for_each(|digest| self.remove(digest));
        cleared.len()
    }
}

// === impl MemoryCache ===

impl MemoryCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Shelf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResultCache for MemoryCache {
    fn get<'a>(&'a self, key: &'a CacheKey) -> BoxFuture<'a, Option<Raw>> {
        Box::pin(async move { self.lock().get_mut(&key.server)?.get(&key.digest, Instant::now()) })
    }

    fn put<'a>(&'a self, key: &'a CacheKey, result: Raw, keep: Keep) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // A slice would keep the whole message alive that it came in.
            let copied = serde_json::from_slice::<Raw>(result.as_bytes()).unwrap_or(result);
            self.lock().entry(key.server.clone()).or_default().put(key, copied, keep, Instant::now());
        })
    }

    fn clear<'a>(&'a self, server: Option<&'a str>, tool: Option<&'a str>) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let mut shelves = self.lock();
            let fitting = shelves.iter_mut().filter(|(name, _)| server.is_none_or(|server| ***name == *server));
            let cleared = fitting.map(|(_, shelf)| shelf.clear(tool)).sum();
            shelves.retain(|_, shelf| !shelf.kept.is_empty());
            cleared
        })
    }

    fn entries<'a>(&'a self, server: &'a str) -> BoxFuture<'a, usize> {
        Box::pin(async move { self.lock().get(server).map_or(0, |shelf| shelf.kept.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEEP: Keep = Keep { ttl: Duration::from_secs(300), entries_max: 3, bytes_max: 1000 };

    fn key(tool: &str, arguments: &str, principal: &str) -> CacheKey {
        let arguments = Raw::parse(arguments.to_owned().into(), 8).unwrap();
        CacheKey::new(&"s".into(), &tool.into(), &[0; 32], &Principal::new(principal), None, [Some(arguments), None])
    }

    fn result(text: &str) -> Raw {
        Raw::of(text)
    }

    #[test]
    fn keys_are_private_and_do_not_depend_on_the_order_of_arguments() {
        assert_eq!(key("t", r#"{"a":1,"b":{"c":2,"d":3}}"#, "me"), key("t", r#"{"b":{"d":3,"c":2},"a":1}"#, "me"));
        assert_ne!(key("t", "{}", "me"), key("t", "{}", "you"));
        assert_ne!(key("t", "{}", "me"), key("u", "{}", "me"));
        assert_ne!(key("t", r#"{"a":1}"#, "me"), key("t", r#"{"a":2}"#, "me"));
        let other = CacheKey::new(&"s".into(), &"t".into(), &[1; 32], &Principal::new("me"), None, [None, None]);
        assert_ne!(other.digest, key("t", "null", "me").digest, "another definition is another tool");
    }

    #[tokio::test(start_paused = true)]
    async fn results_are_forgotten_in_time_and_for_want_of_room() {
        let cache = MemoryCache::default();
        let keys: Vec<_> = (0..4).map(|number| key("t", &number.to_string(), "me")).collect();
        for key in &keys[..3] {
            cache.put(key, result("x"), KEEP).await;
        }
        assert!(cache.get(&keys[0]).await.is_some());
        cache.put(&keys[3], result("x"), KEEP).await;
        assert!(cache.get(&keys[1]).await.is_none(), "the one unused longest makes room");
        assert!(cache.get(&keys[0]).await.is_some() && cache.get(&keys[3]).await.is_some());
        cache.put(&keys[1], result(&"x".repeat(1000)), KEEP).await;
        assert!(cache.get(&keys[1]).await.is_none(), "too large to be kept");
        cache.put(&keys[1], result(&"x".repeat(998)), KEEP).await;
        assert_eq!(cache.entries("s").await, 1, "a large one needs the room of all");
        tokio::time::advance(KEEP.ttl).await;
        assert!(cache.get(&keys[1]).await.is_none());
        assert_eq!(cache.entries("s").await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_tool_one_server_or_all_are_cleared() {
        let cache = MemoryCache::default();
        for tool in ["a", "b"] {
            cache.put(&key(tool, "1", "me"), result("x"), KEEP).await;
        }
        assert_eq!(cache.clear(Some("s"), Some("a")).await, 1);
        assert_eq!((cache.clear(Some("other"), None).await, cache.entries("s").await), (0, 1));
        assert_eq!(cache.clear(None, None).await, 1);
    }

    proptest! {
        #[test]
        fn a_shelf_never_holds_more_than_it_may(steps in proptest::collection::vec((0_u8..3, 0_u8..20, 0_usize..400), 1..300)) {
            let (mut shelf, now) = (Shelf::default(), Instant::now());
            for (step, number, length) in steps {
                let key = key("t", &number.to_string(), "me");
                match step {
                    0 => { shelf.get(&key.digest, now); }
                    1 => shelf.remove(&key.digest),
                    _ => shelf.put(&key, result(&"x".repeat(length)), KEEP, now),
                }
                let bytes: usize = shelf.kept.values().map(|kept| kept.result.as_bytes().len()).sum();
                prop_assert_eq!(bytes, shelf.bytes);
                prop_assert!(shelf.kept.len() <= KEEP.entries_max && bytes <= KEEP.bytes_max);
                prop_assert_eq!(shelf.kept.len(), shelf.order.len());
            }
        }
    }
}
