//! The cache: keys with values and a time to live, in this process or in Redis, with the same results
//! on both. What is here may be forgotten at any time; what must last belongs to a table.
//!
//! There are two ways to use it. `get`, `set` and the others tell the truth, failures included. `recall`
//! and `keep` are for results that can be had again: whatever fails is a miss, and what comes back was
//! put there by `keep` or is not given. [`ReadThrough`] has the loading in one place as well.

mod breaker;
mod embedded;
mod error;
mod glob;
pub mod json;
mod link;
mod namespace;
mod pace;
mod read_through;
mod redis;
mod sealed;
mod shelf;

pub use error::CacheError;
pub use namespace::{Namespace, encoded};
pub use read_through::ReadThrough;

use bytes::Bytes;
use embedded::Embedded;
use redis::Redis;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest key or pattern, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// The largest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1024 * 1024;
/// The largest result that `keep` takes, in bytes.
pub const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most keys in one command.
pub const KEYS_MAX: usize = 1000;
/// The most keys that [`Cache::keys`] finds.
pub const FOUND_MAX: usize = 10_000;
/// The most bytes of all values in one command.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest time to live: ten years.
pub const TTL_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long Redis may take for one command, where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_millis(250);
/// How many keys one step of a walk over all keys looks at.
const SWEEP_KEYS: usize = 1000;
/// How long a walk over all keys may take.
const SWEEP_TIME: Duration = Duration::from_secs(5);

/// Where the cache is, and how much of it there may be.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// `redis://…`, `rediss://…` or `redis+unix://…`; without it the cache is in this process.
    pub url: Option<SecretString>,
    /// How long Redis may take for one command.
    pub timeout: Duration,
    /// The most entries of one namespace in this process; Redis has limits of its own.
    pub entries_max: usize,
    /// The most bytes of one namespace in this process.
    pub bytes_max: usize,
    /// The most entries of all namespaces in this process.
    pub all_entries_max: usize,
    /// The most bytes of all namespaces in this process.
    pub all_bytes_max: usize,
}

/// So many full namespaces find room in this process.
const FULL_NAMESPACES: usize = 4;

/// Keys and values. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Place>);

#[derive(Debug)]
enum Place {
    Embedded(Box<Embedded>),
    Redis(Box<Redis>),
}

/// A value, and how long it stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What was kept.
    pub value: Bytes,
    /// How long it stays; `None` is for ever.
    pub left: Option<Duration>,
}

/// What [`Cache::recall`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// What was kept.
    pub value: Bytes,
    /// How long it took to get it.
    pub cost: Duration,
    /// How long it is good yet.
    pub left: Duration,
}

/// How long a key stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// It is not there.
    Missing,
    /// For ever.
    Forever,
    /// That long.
    Left(Duration),
}

/// Some keys of a walk over all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where to go on; 0 at the end.
    pub cursor: u64,
    /// In no order; Redis may give one twice.
    pub keys: Vec<String>,
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// In this process.
    Embedded,
    /// In Redis.
    Redis,
}

/// What the cache says of itself: the whole of it, not one namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// Which it is.
    pub backend: Backend,
    /// Of Redis, or of this program.
    pub version: String,
    /// Since when it remembers.
    pub uptime: Duration,
    /// Connections to Redis; this process is one.
    pub connected_clients: u64,
    /// Clients of Redis that wait in a command that blocks; none in this process.
    pub blocked_clients: u64,
    /// Connections that Redis took since its start; in this process the one.
    pub connections: u64,
    /// Memory in use, in bytes; in this process by our own count.
    pub used_memory_bytes: u64,
    /// The most that it was, in bytes.
    pub peak_memory_bytes: u64,
    /// Memory that the system gave Redis, by what is in use; 1 in this process, where nothing else is counted.
    pub fragmentation: f64,
    /// How many commands there were.
    pub commands: u64,
    /// How many of them a second lately.
    pub commands_per_second: f64,
    /// Keys that were asked for and there.
    pub hits: u64,
    /// Keys that were asked for and not there.
    pub misses: u64,
    /// What the database is called: `db0` and the like, or `embedded`.
    pub database: String,
    /// How many keys there are in the database.
    pub keys: u64,
    /// How many of them end by themselves.
    pub expires: u64,
    /// How long those stay yet on average, where that is known.
    pub average_ttl: Option<Duration>,
}

// === impl CacheSettings ===

impl CacheSettings {
    /// What `[cache]` of the configuration says.
    #[must_use]
    pub fn of(declared: &config::CacheStore) -> Self {
        Self {
            url: declared.url.clone(),
            timeout: declared.timeout,
            ..Self::embedded(declared.entries_max, declared.bytes_max)
        }
    }

    /// A cache in this process, with so much for each namespace.
    #[must_use]
    pub fn embedded(entries_max: usize, bytes_max: usize) -> Self {
        Self {
            url: None,
            timeout: TIMEOUT,
            entries_max,
            bytes_max,
            all_entries_max: entries_max.saturating_mul(FULL_NAMESPACES),
            all_bytes_max: bytes_max.saturating_mul(FULL_NAMESPACES),
        }
    }

    /// A cache in the Redis at `url`.
    #[must_use]
    pub fn redis(url: SecretString) -> Self {
        Self { url: Some(url), ..Self::default() }
    }
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self::embedded(100_000, 64 * 1024 * 1024)
    }
}

// === impl Cache ===

impl Cache {
    /// The cache as the settings want it. Redis is connected to when it is first needed.
    ///
    /// # Errors
    /// A URL that cannot be used.
    pub fn open(settings: &CacheSettings) -> Result<Self, CacheError> {
        let place = match &settings.url {
            None => Place::Embedded(Box::new(Embedded::new(settings.clone()))),
            Some(url) => Place::Redis(Box::new(Redis::new(url.expose_secret(), settings.timeout)?)),
        };
        Ok(Self(Arc::new(place)))
    }

    /// Where it is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match &*self.0 {
            Place::Embedded(_) => Backend::Embedded,
            Place::Redis(_) => Backend::Redis,
        }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As [`CacheError`] says; so do all others.
    pub async fn get(&self, name: &Namespace, key: &str) -> Result<Option<Bytes>, CacheError> {
        Ok(self.look(name, key, VALUE_BYTES_MAX).await?.map(|kept| kept.value))
    }

    async fn look(&self, name: &Namespace, key: &str, bytes_max: usize) -> Result<Option<Kept>, CacheError> {
        check_key(key)?;
        match &*self.0 {
            Place::Embedded(place) => place.get(name, key, bytes_max),
            Place::Redis(place) => place.get(name, key, bytes_max).await,
        }
    }

    /// Gives a key a value, which stays for `ttl`.
    ///
    /// # Errors
    /// When it is not certain that it was kept.
    pub async fn set(
        &self,
        name: &Namespace,
        key: &str,
        value: impl Into<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<(), CacheError> {
        self.put(name, key, value.into(), ttl, VALUE_BYTES_MAX).await
    }

    async fn put(
        &self,
        name: &Namespace,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
        bytes_max: usize,
    ) -> Result<(), CacheError> {
        check_key(key)?;
        check_value(value.len(), bytes_max)?;
        ttl.map_or(Ok(()), check_ttl)?;
        match &*self.0 {
            Place::Embedded(place) => place.set(name, key, value, ttl),
            Place::Redis(place) => place.set(name, key, &value, ttl).await,
        }
    }

    /// Gives several keys their values at once, for ever.
    ///
    /// # Errors
    /// As `set`; then none was changed, unless Redis did not answer in time.
    pub async fn mset(&self, name: &Namespace, entries: &[(&str, Bytes)]) -> Result<(), CacheError> {
        check_keys(entries.iter().map(|(key, _)| *key))?;
        let mut bytes = 0;
        for (_, value) in entries {
            check_value(value.len(), VALUE_BYTES_MAX)?;
            bytes += value.len();
        }
        if bytes > ANSWER_BYTES_MAX {
            return Err(CacheError::Answer(bytes));
        }
        match &*self.0 {
            Place::Embedded(place) => place.mset(name, entries),
            Place::Redis(place) => place.mset(name, entries).await,
        }
    }

    /// The values of several keys, in their order.
    ///
    /// # Errors
    /// As `get`; what is no value of ours is missing.
    pub async fn mget(&self, name: &Namespace, keys: &[&str]) -> Result<Vec<Option<Bytes>>, CacheError> {
        check_keys(keys.iter().copied())?;
        match &*self.0 {
            Place::Embedded(place) => place.mget(name, keys),
            Place::Redis(place) => place.mget(name, keys).await,
        }
    }

    /// Deletes keys and says how many there were.
    ///
    /// # Errors
    /// As `get`.
    pub async fn delete(&self, name: &Namespace, keys: &[&str]) -> Result<u64, CacheError> {
        check_keys(keys.iter().copied())?;
        match &*self.0 {
            Place::Embedded(place) => Ok(place.delete(name, keys)),
            Place::Redis(place) => place.delete(name, keys).await,
        }
    }

    /// Which of the keys there are, in their order.
    ///
    /// # Errors
    /// As `get`.
    pub async fn exists(&self, name: &Namespace, keys: &[&str]) -> Result<Vec<bool>, CacheError> {
        check_keys(keys.iter().copied())?;
        match &*self.0 {
            Place::Embedded(place) => Ok(place.exists(name, keys)),
            Place::Redis(place) => place.exists(name, keys).await,
        }
    }

    /// Lets a key end after `ttl`; says whether there is such a key.
    ///
    /// # Errors
    /// As `get`.
    pub async fn expire(&self, name: &Namespace, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        check_key(key)?;
        check_ttl(ttl)?;
        match &*self.0 {
            Place::Embedded(place) => Ok(place.expire(name, key, ttl)),
            Place::Redis(place) => place.expire(name, key, ttl).await,
        }
    }

    /// How long a key stays.
    ///
    /// # Errors
    /// As `get`.
    pub async fn ttl(&self, name: &Namespace, key: &str) -> Result<Ttl, CacheError> {
        check_key(key)?;
        match &*self.0 {
            Place::Embedded(place) => Ok(place.ttl(name, key)),
            Place::Redis(place) => place.ttl(name, key).await,
        }
    }

    /// Adds to the number under a key, which is 0 where there is none, and gives the new one. It stays
    /// as long as before.
    ///
    /// # Errors
    /// As `get`, and for what is no number.
    pub async fn incr(&self, name: &Namespace, key: &str, by: i64) -> Result<i64, CacheError> {
        check_key(key)?;
        match &*self.0 {
            Place::Embedded(place) => place.incr(name, key, by),
            Place::Redis(place) => place.incr(name, key, by).await,
        }
    }

    /// Some of the keys that fit a pattern; looks at about `count` from `cursor` on. A walk from 0 to
    /// 0 finds every key that is there all the while.
    ///
    /// # Errors
    /// As `get`.
    pub async fn scan(&self, name: &Namespace, cursor: u64, pattern: &str, count: usize) -> Result<Page, CacheError> {
        check_key(pattern)?;
        let count = count.clamp(1, FOUND_MAX);
        match &*self.0 {
            Place::Embedded(place) => Ok(place.scan(name, cursor, pattern, count)),
            Place::Redis(place) => place.scan(name, cursor, pattern, count).await,
        }
    }

    /// The keys that fit a pattern, sorted, at most `limit` of them; and whether these are all.
    ///
    /// # Errors
    /// As `get`.
    pub async fn keys(&self, name: &Namespace, pattern: &str, limit: usize) -> Result<(Vec<String>, bool), CacheError> {
        let limit = limit.min(FOUND_MAX);
        let (began, mut cursor, mut keys) = (Instant::now(), 0, std::collections::BTreeSet::new());
        loop {
            let page = self.scan(name, cursor, pattern, SWEEP_KEYS).await?;
            keys.extend(page.keys);
            cursor = page.cursor;
            if cursor == 0 || keys.len() > limit || began.elapsed() > SWEEP_TIME {
                let complete = cursor == 0 && keys.len() <= limit;
                return Ok((keys.into_iter().take(limit).collect(), complete));
            }
        }
    }

    /// Deletes every key of a namespace and says how many there were.
    ///
    /// # Errors
    /// As `get`; then a part may be gone.
    pub async fn flush(&self, name: &Namespace) -> Result<u64, CacheError> {
        match &*self.0 {
            Place::Embedded(place) => Ok(place.flush(name)),
            Place::Redis(place) => place.flush(name, "*").await,
        }
    }

    /// Deletes the keys that fit a pattern and says how many there were.
    ///
    /// # Errors
    /// As `flush`.
    pub async fn delete_fitting(&self, name: &Namespace, pattern: &str) -> Result<u64, CacheError> {
        check_key(pattern)?;
        match &*self.0 {
            Place::Redis(place) => place.flush(name, pattern).await,
            Place::Embedded(place) => {
                let page = place.scan(name, 0, pattern, usize::MAX);
                Ok(place.delete(name, &page.keys.iter().map(String::as_str).collect::<Vec<_>>()))
            }
        }
    }

    /// What the cache says of itself.
    ///
    /// # Errors
    /// As `get`.
    pub async fn info(&self) -> Result<Info, CacheError> {
        match &*self.0 {
            Place::Embedded(place) => Ok(place.info()),
            Place::Redis(place) => place.info().await,
        }
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), CacheError> {
        match &*self.0 {
            Place::Embedded(_) => Ok(()),
            Place::Redis(place) => place.ping().await,
        }
    }

    /// A result that `keep` kept under this key. Whatever else is there, and whatever fails, is a miss.
    pub async fn recall(&self, name: &Namespace, key: &str) -> Option<Recalled> {
        let kept = self.look(name, key, KEPT_BYTES_MAX).await.ok()??;
        let (cost, value) = sealed::open(name, key, &kept.value)?;
        Some(Recalled { value, cost, left: kept.left? })
    }

    /// Keeps a result for `ttl` that took `cost` to get, if that can be done.
    pub async fn keep(&self, name: &Namespace, key: &str, value: &[u8], cost: Duration, ttl: Duration) {
        let sealed = sealed::seal(name, key, cost, value);
        // Nothing is lost that cannot be had again; an outage is logged where it begins.
        let _ = self.put(name, key, sealed, Some(ttl), KEPT_BYTES_MAX).await;
    }
}

fn check_key(key: &str) -> Result<(), CacheError> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX { Err(CacheError::Key(key.len())) } else { Ok(()) }
}

fn check_keys<'a>(keys: impl ExactSizeIterator<Item = &'a str>) -> Result<(), CacheError> {
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return Err(CacheError::Keys(keys.len()));
    }
    keys.into_iter().try_for_each(check_key)
}

fn check_value(bytes: usize, bytes_max: usize) -> Result<(), CacheError> {
    if bytes > bytes_max { Err(CacheError::Value { bytes, bytes_max }) } else { Ok(()) }
}

fn check_ttl(ttl: Duration) -> Result<(), CacheError> {
    if ttl.is_zero() || ttl > TTL_MAX { Err(CacheError::Ttl) } else { Ok(()) }
}
