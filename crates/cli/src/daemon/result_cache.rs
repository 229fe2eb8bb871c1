//! Results of tools kept in Redis, where the configuration has one: they outlive the daemon. Whatever
//! Redis does, no call fails for it: it is a miss, and the tool is called.
//!
//! How many results there may be is Redis's business (`maxmemory`); how large one may be and how long
//! it is good is said by `cache` of the server's entry. Which results are kept, the gateway decides.

use crate::data_folder::DataFolder;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::guards::{CacheKey, Keep, MemoryCache, ResultCache};
use protocol::Raw;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::cache::{Backend, Cache, FOUND_MAX, Namespace, encoded};
use tokio::time::Instant;

/// Where results are among everything that is in Redis.
const AREA: &str = "results";
/// How deep a kept result may nest: what `limits.depth_max` may be at most.
const DEPTH_MAX: u32 = 512;
/// How long a count of results is good: counting looks at every key of Redis.
const COUNTED: Duration = Duration::from_secs(5);

/// Keeps results in Redis.
struct RedisResults {
    cache: Cache,
    names: Mutex<Namespace>,
    counted: Mutex<Counted>,
}

/// When results were counted last, and how many there were of each server, by its encoded name.
type Counted = Option<(Instant, HashMap<String, usize>)>;

/// Where the results of tools are kept: in Redis if there is one, else in this process.
pub(super) fn of(cache: &Cache, data: &DataFolder) -> Arc<dyn ResultCache> {
    // Whoever else uses this Redis may have servers of the same names, with other rights behind them:
    // results are kept apart by what only this data folder has.
    match (cache.backend(), std::fs::read(data.keys())) {
        (Backend::Redis, Ok(keys)) => Arc::new(RedisResults::new(cache.clone(), &keys)),
        _ => Arc::new(MemoryCache::default()),
    }
}

// === impl RedisResults ===

impl RedisResults {
    fn new(cache: Cache, secret: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(AREA).chain_update(secret).finalize();
        let names = Namespace::new(AREA, &format!("{digest:x}")[..32]);
        Self { cache, names: Mutex::new(names), counted: Mutex::default() }
    }

    fn names(&self) -> Namespace {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many results there are of a server, by its encoded name.
    async fn count(&self, server: &str) -> usize {
        let of = |counts: &HashMap<String, usize>| counts.get(server).copied().unwrap_or(0);
        if let Some((at, counts)) = &*self.counted()
            && at.elapsed() < COUNTED
        {
            return of(counts);
        }
        let (keys, _) = self.cache.keys(&self.names(), "*", FOUND_MAX).await.unwrap_or_default();
        let mut counts = HashMap::new();
        for server in keys.iter().filter_map(|key| key.split_once(':')).map(|(server, _)| server) {
            *counts.entry(server.to_owned()).or_default() += 1;
        }
        let count = of(&counts);
        *self.counted() = Some((Instant::now(), counts));
        count
    }
}

fn name_of(key: &CacheKey) -> String {
    let digest = key.digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    format!("{}:{}:{digest}", encoded(&key.server), encoded(&key.tool))
}

impl ResultCache for RedisResults {
    fn get<'a>(&'a self, key: &'a CacheKey) -> BoxFuture<'a, Option<Raw>> {
        Box::pin(async move {
            let recalled = self.cache.recall(&self.names(), &name_of(key)).await?;
            Raw::parse(recalled.value, DEPTH_MAX).ok().filter(Raw::is_object)
        })
    }

    fn put<'a>(&'a self, key: &'a CacheKey, result: Raw, keep: Keep) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let bytes: &Bytes = result.bytes();
            if bytes.len() <= keep.bytes_max {
                self.cache.keep(&self.names(), &name_of(key), bytes, Duration::ZERO, keep.ttl).await;
                *self.counted() = None;
            }
        })
    }

    fn clear<'a>(&'a self, server: Option<&'a str>, tool: Option<&'a str>) -> BoxFuture<'a, usize> {
        Box::pin(async move {
            let part = |name: Option<&str>| name.map_or_else(|| "*".to_owned(), encoded);
            let pattern = format!("{}:{}:*", part(server), part(tool));
            let cleared = self.cache.delete_fitting(&self.names(), &pattern).await;
            *self.counted() = None;
            cleared.map_or_else(
                |error| {
                    // What cannot be deleted must not come back with Redis: it is never looked for again.
                    tracing::warn!(%error, "kept results could not be deleted in Redis; all of them are forgotten");
                    let fresh = getrandom::u64().unwrap_or_default();
                    *self.names.lock().unwrap_or_else(PoisonError::into_inner) =
                        Namespace::new(AREA, &format!("{fresh:016x}"));
                    0
                },
                |count| usize::try_from(count).unwrap_or(usize::MAX),
            )
        })
    }

    fn entries<'a>(&'a self, server: &'a str) -> BoxFuture<'a, usize> {
        Box::pin(async move { self.count(&encoded(server)).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Principal, Text};
    use store::cache::CacheSettings;

    const KEEP: Keep = Keep { ttl: Duration::from_secs(300), entries_max: 3, bytes_max: 1000 };

    fn key(server: &str, tool: &str, who: &str) -> CacheKey {
        CacheKey::new(&server.into(), &Text::from(tool), &[0; 32], &Principal::new(who), None, [None, None])
    }

    fn result(text: &str) -> Raw {
        Raw::of(&serde_json::json!({ "content": text }))
    }

    /// What it does is the same over either cache; what Redis adds is tested with a real one.
    fn over(cache: &Cache, secret: &[u8]) -> RedisResults {
        RedisResults::new(cache.clone(), secret)
    }

    #[tokio::test]
    async fn results_are_kept_and_cleared_by_server_and_tool() {
        let cache = Cache::open(&CacheSettings::default()).unwrap();
        let results = over(&cache, b"mine");
        for (server, tool) in [("s", "a"), ("s", "b"), ("s:x*", "a"), ("other", "a")] {
            results.put(&key(server, tool, "me"), result(tool), KEEP).await;
        }
        assert_eq!(results.get(&key("s", "a", "me")).await, Some(result("a")));
        assert_eq!(results.get(&key("s", "a", "you")).await, None);
        assert_eq!(over(&cache, b"other").get(&key("s", "a", "me")).await, None, "another data folder has its own");
        assert_eq!(
            (results.entries("s").await, results.entries("s:x*").await, results.entries("none").await),
            (2, 1, 0)
        );
        assert_eq!(results.clear(Some("s"), Some("b")).await, 1);
        assert_eq!(results.clear(Some("s:x*"), None).await, 1);
        assert_eq!(results.entries("s").await, 1, "a count is not older than what was cleared");
        assert_eq!(results.clear(None, None).await, 2);
        results.put(&key("s", "a", "me"), result(&"x".repeat(1000)), KEEP).await;
        assert_eq!(results.get(&key("s", "a", "me")).await, None, "too large to be kept");
    }
}
