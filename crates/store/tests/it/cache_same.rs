//! The cache in this process and the cache in a real Redis do the same, whatever they are told.

use bytes::Bytes;
use e2e::Redis;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::cache::{Cache, CacheError, CacheSettings, Namespace, Ttl};

/// What a cache is told.
#[derive(Debug, Clone)]
enum Said {
    Get(String),
    Set(String, Vec<u8>, Option<u64>),
    Delete(Vec<String>),
    Exists(Vec<String>),
    Expire(String, u64),
    Ttl(String),
    Mget(Vec<String>),
    Mset(Vec<(String, Vec<u8>)>),
    Incr(String, i64),
    Keys(String),
    Walk(String, usize),
    Flush,
    Recall(String),
    Keep(String, Vec<u8>),
}

/// What it did, as far as both must do the same.
#[derive(Debug, PartialEq)]
enum Did {
    Value(Option<Bytes>),
    Values(Vec<Option<Bytes>>),
    Count(u64),
    Flags(Vec<bool>),
    Keys(Vec<String>),
    /// -2 missing, -1 for ever, else hours: a test may be slow.
    Hours(i64),
    Number(i64),
    Done,
}

/// Keys that collide, look like patterns or are not ASCII; one too long and one empty.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ab]{1,2}",
        2 => "[a-c:*?\\[\\]\\\\^-]{1,5}",
        1 => "é|日本|user:1:name| |\u{0}|x\ny",
        1 => prop_oneof![Just(String::new()), Just("k".repeat(1024)), Just("k".repeat(1025))],
    ]
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(key(), 0..5)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..8),
        any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        "-?[0-9]{1,3}|0x1|1e3| 1|[+]1|01|-0|9223372036854775807".prop_map(String::into_bytes),
        Just(vec![b'x'; 1024 * 1024]),
        Just(vec![b'x'; 1024 * 1024 + 1]),
    ]
}

fn hours() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 10_u64..80_000, 1 => prop_oneof![Just(0_u64), Just(87_600), Just(87_601), Just(u64::MAX / 3600)]]
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        key().prop_map(Said::Get),
        (key(), value(), proptest::option::of(hours())).prop_map(|(key, value, ttl)| Said::Set(key, value, ttl)),
        (key(), value(), proptest::option::of(hours())).prop_map(|(key, value, ttl)| Said::Set(key, value, ttl)),
        keys().prop_map(Said::Delete),
        keys().prop_map(Said::Exists),
        (key(), hours()).prop_map(|(key, hours)| Said::Expire(key, hours)),
        key().prop_map(Said::Ttl),
        keys().prop_map(Said::Mget),
        proptest::collection::btree_map(key(), value(), 0..4).prop_map(|map| Said::Mset(map.into_iter().collect())),
        (key(), prop_oneof![-9_i64..9, any::<i64>()]).prop_map(|(key, by)| Said::Incr(key, by)),
        "[ab*?\\[\\]^\\\\-]{1,6}|[*]".prop_map(Said::Keys),
        ("[*]|a[*]|[*]b", 1_usize..6).prop_map(|(pattern, count)| Said::Walk(pattern, count)),
        Just(Said::Flush),
        key().prop_map(Said::Recall),
        (key(), value()).prop_map(|(key, value)| Said::Keep(key, value)),
    ]
}

async fn tell(cache: &Cache, name: &Namespace, said: &Said) -> Result<Did, CacheError> {
    let refs = |keys: &'_ [String]| keys.iter().map(|key| key.clone().leak() as &str).collect::<Vec<_>>();
    let time = |hours: u64| Duration::from_secs(hours.saturating_mul(3600));
    Ok(match said {
        Said::Get(key) => Did::Value(cache.get(name, key).await?),
        Said::Set(key, value, ttl) => {
            cache.set(name, key, value.clone(), ttl.map(time)).await?;
            Did::Done
        }
        Said::Delete(keys) => Did::Count(cache.delete(name, &refs(keys)).await?),
        Said::Exists(keys) => Did::Flags(cache.exists(name, &refs(keys)).await?),
        Said::Expire(key, hours) => Did::Flags(vec![cache.expire(name, key, time(*hours)).await?]),
        Said::Ttl(key) => Did::Hours(match cache.ttl(name, key).await? {
            Ttl::Missing => -2,
            Ttl::Forever => -1,
            Ttl::Left(left) => i64::try_from((left + Duration::from_secs(1800)).as_secs() / 3600).unwrap(),
        }),
        Said::Mget(keys) => Did::Values(cache.mget(name, &refs(keys)).await?),
        Said::Mset(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| (key.as_str(), Bytes::from(value.clone()))).collect();
            cache.mset(name, &entries).await?;
            Did::Done
        }
        Said::Incr(key, by) => Did::Number(cache.incr(name, key, *by).await?),
        Said::Keys(pattern) => {
            let (keys, complete) = cache.keys(name, pattern, 1000).await?;
            assert!(complete);
            Did::Keys(keys)
        }
        Said::Walk(pattern, count) => {
            let (mut cursor, mut found) = (0, std::collections::BTreeSet::new());
            loop {
                let page = cache.scan(name, cursor, pattern, *count).await?;
                found.extend(page.keys);
                cursor = page.cursor;
                if cursor == 0 {
                    break Did::Keys(found.into_iter().collect());
                }
            }
        }
        Said::Flush => Did::Count(cache.flush(name).await?),
        Said::Recall(key) => Did::Value(cache.recall(name, key).await.map(|recalled| recalled.value)),
        Said::Keep(key, value) => {
            cache.keep(name, key, value, Duration::from_millis(5), time(100)).await;
            Did::Done
        }
    })
}

/// A time that is not what matters here: both are asked one after the other.
fn patient(url: String) -> CacheSettings {
    CacheSettings { timeout: Duration::from_secs(20), ..CacheSettings::redis(url.into()) }
}

#[test]
fn both_caches_do_the_same() {
    let (own, url) = match std::env::var("SWITCHBOARD_TEST_REDIS") {
        Ok(url) => (None, url),
        Err(_) => {
            let Some(redis) = Redis::start() else { return };
            let url = redis.url();
            (Some(redis), url)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (redis, embedded) = (Cache::open(&patient(url)).unwrap(), Cache::open(&CacheSettings::default()).unwrap());
    let cases = std::env::var("PROPTEST_CASES").map_or(150, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let run = std::process::id();
    let case = AtomicU64::new(0);
    // Two owners, of whom one would like to be in the keys of the other.
    let steps = proptest::collection::vec((any::<bool>(), said()), 1..40);
    let result = runner.run(&steps, |steps| {
        let case = case.fetch_add(1, Ordering::Relaxed);
        let names =
            [format!("same-{run}-{case}"), format!("same-{run}-{case}:*")].map(|name| Namespace::new("test", &name));
        runtime.block_on(async {
            for (other, said) in &steps {
                let name = &names[usize::from(*other)];
                let (first, second) = (tell(&embedded, name, said).await, tell(&redis, name, said).await);
                prop_assert_eq!(first, second, "{:?}", said);
            }
            for name in &names {
                prop_assert_eq!(embedded.flush(name).await, redis.flush(name).await);
            }
            Ok(())
        })
    });
    drop(own);
    result.unwrap_or_else(|why| panic!("{why}"));
}

#[tokio::test]
async fn an_entry_ends_when_its_time_is_over() {
    let Some(redis) = Redis::start() else { return };
    for settings in [CacheSettings::default(), patient(redis.url())] {
        let (cache, name) = (Cache::open(&settings).unwrap(), Namespace::new("test", "time"));
        cache.set(&name, "short", "x", Some(Duration::from_millis(20))).await.unwrap();
        cache.set(&name, "long", "x", Some(Duration::from_secs(1000))).await.unwrap();
        cache.set(&name, "made short", "x", None).await.unwrap();
        assert!(cache.expire(&name, "made short", Duration::from_millis(20)).await.unwrap());
        assert!(!cache.expire(&name, "none", Duration::from_millis(20)).await.unwrap());
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while cache.keys(&name, "*", 10).await.unwrap() != (vec!["long".to_owned()], true) {
            assert!(std::time::Instant::now() < end, "expected the short ones to end");
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.get(&name, "short").await, Ok(None));
        assert_eq!(cache.ttl(&name, "short").await, Ok(Ttl::Missing));
        // What is written again stays as it is told now.
        cache.set(&name, "long", "y", None).await.unwrap();
        assert_eq!(cache.ttl(&name, "long").await, Ok(Ttl::Forever));
        cache.flush(&name).await.unwrap();
    }
}

#[tokio::test]
async fn both_say_what_they_are() {
    let Some(redis) = Redis::start() else { return };
    for (settings, version) in [(CacheSettings::default(), env!("CARGO_PKG_VERSION")), (patient(redis.url()), "")] {
        let (cache, name) = (Cache::open(&settings).unwrap(), Namespace::new("test", "info"));
        cache.ping().await.unwrap();
        cache.set(&name, "a", "x", None).await.unwrap();
        cache.set(&name, "b", "x", Some(Duration::from_secs(1000))).await.unwrap();
        let info = cache.info().await.unwrap();
        assert!(info.version.starts_with(version) && !info.version.is_empty(), "{info:?}");
        assert_eq!((info.keys, info.expires, info.connected_clients), (2, 1, 1), "{info:?}");
        assert!(info.commands >= 2 && info.used_memory_bytes > 0, "{info:?}");
    }
}
