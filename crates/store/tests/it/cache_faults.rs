//! Redis gone, slow, full, flushed or lying (faults.md F-32, F-33): the truth for who wants it, a miss
//! for who only wants to save work, and never long.

use e2e::{Redis, SOON};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::cache::{Cache, CacheError, CacheSettings, Namespace};

const HOUR: Duration = Duration::from_secs(3600);
/// Longer than any command may take here, on a machine that is busy.
const LONG: Duration = Duration::from_secs(5);

fn at(url: String) -> Cache {
    Cache::open(&CacheSettings::redis(url.into())).unwrap()
}

fn name() -> Namespace {
    Namespace::new("test", "me")
}

/// Asks again until it works.
async fn recovered(cache: &Cache) {
    let end = Instant::now() + SOON;
    while cache.ping().await.is_err() {
        assert!(Instant::now() < end, "expected Redis to be used again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_redis_that_is_gone_is_a_miss_and_is_used_when_it_is_back() {
    let Some(mut redis) = Redis::start() else { return };
    let cache = at(redis.url());
    cache.keep(&name(), "key", b"kept", Duration::ZERO, HOUR).await;
    assert_eq!(cache.recall(&name(), "key").await.unwrap().value, "kept");
    redis.kill();
    let began = Instant::now();
    for _ in 0..1000 {
        assert_eq!(cache.recall(&name(), "key").await, None);
        cache.keep(&name(), "key", b"lost", Duration::ZERO, HOUR).await;
    }
    assert!(began.elapsed() < LONG, "2 000 commands took {:?}", began.elapsed());
    let lost = cache.set(&name(), "key", "x", None).await;
    assert!(matches!(lost, Err(CacheError::Unreachable(_))), "expected the truth: {lost:?}");
    redis.run();
    recovered(&cache).await;
    assert_eq!(cache.recall(&name(), "key").await, None, "expected the new one to be empty");
    cache.keep(&name(), "key", b"again", Duration::ZERO, HOUR).await;
    assert_eq!(cache.recall(&name(), "key").await.unwrap().value, "again");
}

#[tokio::test]
async fn a_redis_that_is_slow_holds_nobody_up() {
    let Some(redis) = Redis::start() else { return };
    let cache = at(redis.url());
    cache.set(&name(), "key", "x", None).await.unwrap();
    redis.hold();
    let began = Instant::now();
    let slow = cache.set(&name(), "key", "y", None).await;
    assert_eq!(slow, Err(CacheError::Timeout(Duration::from_millis(250))));
    for _ in 0..1000 {
        assert_eq!(cache.recall(&name(), "key").await, None);
    }
    assert!(began.elapsed() < LONG, "1 000 commands took {:?}", began.elapsed());
    redis.release();
    recovered(&cache).await;
    cache.set(&name(), "key", "z", None).await.unwrap();
    assert_eq!(cache.get(&name(), "key").await.unwrap().unwrap(), "z", "what came late is not after what came after");
    redis.tell(&["DEBUG", "SLEEP", "1.5"]);
    let end = Instant::now() + SOON;
    while cache.ping().await.is_ok() {
        assert!(Instant::now() < end, "expected the sleep to be felt");
    }
    recovered(&cache).await;
}

#[tokio::test]
async fn a_redis_that_is_full_refuses_writes_and_still_reads() {
    let Some(redis) = Redis::start() else { return };
    let cache = at(redis.url());
    cache.set(&name(), "key", "x", None).await.unwrap();
    redis.say(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(cache.set(&name(), "key", "y", None).await, Err(CacheError::Full));
    assert_eq!(cache.mset(&name(), &[("a", "y".into())]).await, Err(CacheError::Full));
    assert_eq!(cache.incr(&name(), "n", 1).await, Err(CacheError::Full));
    cache.keep(&name(), "kept", b"x", Duration::ZERO, HOUR).await;
    assert_eq!(cache.recall(&name(), "kept").await, None);
    assert_eq!(cache.get(&name(), "key").await.unwrap().unwrap(), "x", "a full one is no reason to give up reading");
    redis.say(&["CONFIG", "SET", "maxmemory", "0"]);
    cache.set(&name(), "key", "y", None).await.unwrap();
}

#[tokio::test]
async fn what_somebody_else_put_there_is_no_value() {
    let Some(redis) = Redis::start() else { return };
    let cache = at(redis.url());
    let prefix = "switchboard:test:me:";
    redis.say(&["RPUSH", &format!("{prefix}list"), "a"]);
    redis.say(&["SETRANGE", &format!("{prefix}huge"), "100000000", "x"]);
    redis.say(&["SET", &format!("{prefix}garbage"), "{\"content\":[]}"]);
    for key in ["list", "huge"] {
        assert_eq!(cache.get(&name(), key).await, Err(CacheError::Foreign), "{key}");
    }
    assert_eq!(cache.incr(&name(), "list", 1).await, Err(CacheError::Foreign));
    for key in ["list", "huge", "garbage", "none"] {
        assert_eq!(cache.recall(&name(), key).await, None, "{key}");
    }
    // Kept for another key, and moved by somebody.
    cache.keep(&name(), "mine", b"x", Duration::ZERO, HOUR).await;
    redis.say(&["COPY", &format!("{prefix}mine"), &format!("{prefix}moved")]);
    assert_eq!(cache.recall(&name(), "moved").await, None);
    redis.say(&["PERSIST", &format!("{prefix}mine")]);
    assert_eq!(cache.recall(&name(), "mine").await, None, "a result that never ends is none of ours");
    let many = cache.mget(&name(), &["huge", "list"]).await;
    assert_eq!(many, Err(CacheError::Answer(100_000_001)));
    assert_eq!(cache.mget(&name(), &["list", "none"]).await, Ok(vec![None, None]));
    redis.say(&["FLUSHALL"]);
    assert_eq!(cache.recall(&name(), "mine").await, None);
}

/// Something at a port that says `answer` to everything, and how often it was connected to.
fn liar(answer: &'static [u8]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            counted.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                let mut heard = [0; 4096];
                while stream.read(&mut heard).is_ok_and(|count| count > 0) && stream.write_all(answer).is_ok() {}
            });
        }
    });
    (url, count)
}

#[tokio::test]
async fn nonsense_is_an_error_and_never_a_value() {
    let lies: &[&'static [u8]] = &[
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*2\r\n:1\r\n*2\r\n:1\r\n:1\r\n",
        b"$99999999999\r\n",
        b"$-99\r\n",
        b"*1000000000\r\n",
        b"-ERR no\r\n",
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-NOAUTH Authentication required.\r\n",
        b"\xff\xfe\x00",
        b"",
    ];
    for lie in lies {
        let (url, _) = liar(lie);
        let settings = CacheSettings { timeout: Duration::from_millis(50), ..CacheSettings::redis(url.into()) };
        let cache = Cache::open(&settings).unwrap();
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(cache.recall(&name(), "key").await, None, "{lie:?}");
            let got = cache.get(&name(), "key").await;
            assert!(got.as_ref().is_err_and(CacheError::is_outage), "{lie:?}: {got:?}");
            let many = cache.mget(&name(), &["a", "b"]).await;
            assert!(many.as_ref().is_err_and(CacheError::is_outage), "{lie:?}: {many:?}");
        }
        assert!(began.elapsed() < LONG, "{lie:?} took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_is_still_read() {
    let Some(redis) = Redis::start() else { return };
    let cache = at(redis.url());
    cache.set(&name(), "key", "x", None).await.unwrap();
    // A copy of another Redis, which is not there.
    redis.say(&["REPLICAOF", "127.0.0.1", "1"]);
    for _ in 0..10 {
        let refused = cache.set(&name(), "key", "y", None).await;
        assert!(matches!(refused, Err(CacheError::Refused(_))), "expected the truth: {refused:?}");
        assert_eq!(cache.get(&name(), "key").await.unwrap().unwrap(), "x");
    }
}

#[tokio::test]
async fn a_redis_that_speaks_no_tls_is_told_from_one_that_does() {
    let (url, _) = liar(b"-ERR no TLS here\r\n");
    let cache = at(url.replace("redis://", "rediss://"));
    let refused = cache.set(&name(), "key", "x", None).await;
    assert!(matches!(refused, Err(CacheError::Unreachable(_) | CacheError::Timeout(_))), "{refused:?}");
    let settings = CacheSettings::redis("redis://:secret@[broken".to_owned().into());
    let broken = Cache::open(&settings).unwrap_err().to_string();
    assert!(!broken.contains("secret"), "expected no password: {broken}");
}

#[tokio::test]
async fn a_crowd_makes_no_crowd_of_connections() {
    let (url, connections) = liar(b"");
    let cache = at(url);
    let callers: Vec<_> = (0..500)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    assert_eq!(cache.recall(&name(), "key").await, None);
                }
            })
        })
        .collect();
    let began = Instant::now();
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(began.elapsed() < LONG, "5 000 questions took {:?}", began.elapsed());
    let count = connections.load(Ordering::Relaxed);
    assert!((1..=10).contains(&count), "expected few connections, there were {count}");
}
