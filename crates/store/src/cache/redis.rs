//! The cache in Redis: each command of the cache as commands of Redis, and what their answers mean.
//! Nothing that it answers is believed: not its type, and not its size.

use super::link::{Link, reason};
use super::{
    ANSWER_BYTES_MAX, Backend, CacheError, Info, Kept, Namespace, Page, SWEEP_KEYS, SWEEP_TIME, Ttl, VALUE_BYTES_MAX,
};
use bytes::Bytes;
use redis::{FromRedisValue, Pipeline, RedisError, RedisResult, Value, from_redis_value, pipe};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Keys and values in a Redis.
#[derive(Debug)]
pub(super) struct Redis {
    link: Link,
}

/// The answers of one round, taken one by one.
struct Answers(std::vec::IntoIter<RedisResult<Value>>);

// === impl Answers ===

impl Answers {
    fn next<T: FromRedisValue>(&mut self) -> Result<T, CacheError> {
        let answer = self.0.next().ok_or_else(|| CacheError::Refused("an answer is missing".to_owned()))?;
        let value = answer.map_err(|no| said(&no))?;
        from_redis_value(value).map_err(|error| CacheError::Refused(format!("an answer makes no sense: {error}")))
    }

    fn ok(&mut self) -> Result<(), CacheError> {
        let answer: String = self.next()?;
        if answer == "OK" { Ok(()) } else { Err(CacheError::Refused(format!("it answered `{}`", short(&answer)))) }
    }
}

/// What a no of Redis means.
fn said(error: &RedisError) -> CacheError {
    let detail = error.detail().unwrap_or_default();
    match error.code() {
        Some("WRONGTYPE") => CacheError::Foreign,
        Some("OOM") => CacheError::Full,
        _ if detail.contains("not an integer") => CacheError::NotANumber,
        _ if detail.contains("would overflow") => CacheError::Overflow,
        _ => CacheError::Refused(short(&reason(error)).to_owned()),
    }
}

fn short(text: &str) -> &str {
    text.get(..200).unwrap_or(text)
}

// === impl Redis ===

impl Redis {
    pub(super) fn new(url: &str, timeout: Duration) -> Result<Self, CacheError> {
        Ok(Self { link: Link::new(url, timeout)? })
    }

    async fn ask(&self, questions: &mut Pipeline) -> Result<Answers, CacheError> {
        let answers = self.link.ask(questions.ignore_errors()).await?;
        Ok(Answers(answers.into_iter()))
    }

    pub(super) async fn get(&self, name: &Namespace, key: &str, bytes_max: usize) -> Result<Option<Kept>, CacheError> {
        let key = full(name, key);
        let mut questions = pipe();
        // A range, since what somebody else put there may have half a gigabyte. No transaction: a
        // Redis that is full refuses those, whatever is in them.
        questions.cmd("GETRANGE").arg(&key).arg(0).arg(bytes_max).cmd("PTTL").arg(&key);
        let mut answers = self.ask(&mut questions).await?;
        let mut value: Vec<u8> = answers.next()?;
        let left = match ttl(answers.next()?) {
            Ttl::Missing => return Ok(None),
            Ttl::Forever => None,
            Ttl::Left(left) => Some(left),
        };
        if value.is_empty() {
            // Empty, or there only since the second question.
            let mut question = pipe();
            question.cmd("GET").arg(&key);
            let Some(found) = self.ask(&mut question).await?.next::<Option<Vec<u8>>>()? else { return Ok(None) };
            value = found;
        }
        if value.len() > bytes_max {
            return Err(CacheError::Foreign);
        }
        Ok(Some(Kept { value: value.into(), left }))
    }

    pub(super) async fn set(
        &self,
        name: &Namespace,
        key: &str,
        value: &[u8],
        ttl: Option<Duration>,
    ) -> Result<(), CacheError> {
        let mut questions = pipe();
        questions.cmd("SET").arg(full(name, key)).arg(value);
        if let Some(ttl) = ttl {
            questions.arg("PX").arg(milliseconds(ttl));
        }
        self.ask(&mut questions).await?.ok()
    }

    pub(super) async fn mset(&self, name: &Namespace, entries: &[(&str, Bytes)]) -> Result<(), CacheError> {
        let mut questions = pipe();
        questions.cmd("MSET");
        for (key, value) in entries {
            questions.arg(full(name, key)).arg(&value[..]);
        }
        self.ask(&mut questions).await?.ok()
    }

    pub(super) async fn mget(&self, name: &Namespace, keys: &[&str]) -> Result<Vec<Option<Bytes>>, CacheError> {
        let mut questions = pipe();
        for key in keys {
            questions.cmd("STRLEN").arg(full(name, key));
        }
        let mut answers = self.ask(&mut questions).await?;
        let mut bytes = 0;
        for _ in keys {
            bytes += match answers.next::<usize>() {
                // Like MGET: what is no value is not there.
                Err(CacheError::Foreign) => 0,
                length => length?,
            };
        }
        if bytes > ANSWER_BYTES_MAX {
            return Err(CacheError::Answer(bytes));
        }
        let mut questions = pipe();
        questions.cmd("MGET").arg(keys.iter().map(|key| full(name, key)).collect::<Vec<_>>());
        let values: Vec<Option<Vec<u8>>> = self.ask(&mut questions).await?.next()?;
        if values.len() != keys.len() {
            return Err(CacheError::Refused("an answer is missing".to_owned()));
        }
        let own = values.into_iter().map(|value| value.filter(|value| value.len() <= VALUE_BYTES_MAX).map(Bytes::from));
        Ok(own.collect())
    }

    pub(super) async fn delete(&self, name: &Namespace, keys: &[&str]) -> Result<u64, CacheError> {
        let mut questions = pipe();
        questions.cmd("UNLINK").arg(keys.iter().map(|key| full(name, key)).collect::<Vec<_>>());
        self.ask(&mut questions).await?.next()
    }

    pub(super) async fn exists(&self, name: &Namespace, keys: &[&str]) -> Result<Vec<bool>, CacheError> {
        let mut questions = pipe();
        for key in keys {
            questions.cmd("EXISTS").arg(full(name, key));
        }
        let mut answers = self.ask(&mut questions).await?;
        keys.iter().map(|_| answers.next()).collect()
    }

    pub(super) async fn expire(&self, name: &Namespace, key: &str, ttl: Duration) -> Result<bool, CacheError> {
        let mut questions = pipe();
        questions.cmd("PEXPIRE").arg(full(name, key)).arg(milliseconds(ttl));
        self.ask(&mut questions).await?.next()
    }

    pub(super) async fn ttl(&self, name: &Namespace, key: &str) -> Result<Ttl, CacheError> {
        let mut questions = pipe();
        questions.cmd("PTTL").arg(full(name, key));
        Ok(ttl(self.ask(&mut questions).await?.next()?))
    }

    pub(super) async fn incr(&self, name: &Namespace, key: &str, by: i64) -> Result<i64, CacheError> {
        let mut questions = pipe();
        questions.cmd("INCRBY").arg(full(name, key)).arg(by);
        self.ask(&mut questions).await?.next()
    }

    pub(super) async fn scan(
        &self,
        name: &Namespace,
        cursor: u64,
        pattern: &str,
        count: usize,
    ) -> Result<Page, CacheError> {
        let mut questions = pipe();
        questions.cmd("SCAN").arg(cursor).arg("MATCH").arg(full(name, pattern)).arg("COUNT").arg(count);
        let (cursor, found): (u64, Vec<Vec<u8>>) = self.ask(&mut questions).await?.next()?;
        let own = found.into_iter().filter_map(|key| {
            // What is no text was not put there by us, and could not be asked for.
            let key = String::from_utf8(key).ok()?;
            key.strip_prefix(name.prefix()).map(str::to_owned)
        });
        Ok(Page { cursor, keys: own.collect() })
    }

    pub(super) async fn flush(&self, name: &Namespace, pattern: &str) -> Result<u64, CacheError> {
        let (began, mut cursor, mut gone) = (Instant::now(), 0, 0);
        loop {
            let page = self.scan(name, cursor, pattern, SWEEP_KEYS).await?;
            if !page.keys.is_empty() {
                let keys: Vec<&str> = page.keys.iter().map(String::as_str).collect();
                gone += self.delete(name, &keys).await?;
            }
            cursor = page.cursor;
            if cursor == 0 {
                return Ok(gone);
            }
            if began.elapsed() > SWEEP_TIME {
                return Err(CacheError::Sweep(SWEEP_TIME));
            }
        }
    }

    pub(super) async fn info(&self) -> Result<Info, CacheError> {
        let mut questions = pipe();
        questions.cmd("INFO");
        let text: String = self.ask(&mut questions).await?.next()?;
        Ok(read_info(&text, self.link.database()))
    }

    pub(super) async fn ping(&self) -> Result<(), CacheError> {
        let mut questions = pipe();
        questions.cmd("PING");
        let answer: String = self.ask(&mut questions).await?.next()?;
        if answer == "PONG" { Ok(()) } else { Err(CacheError::Refused("it does not answer PING with PONG".to_owned())) }
    }
}

fn full(name: &Namespace, key: &str) -> String {
    format!("{}{key}", name.prefix())
}

/// At least one: a time to live of nothing is refused by Redis.
fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn ttl(answer: i64) -> Ttl {
    match u64::try_from(answer) {
        Ok(left) => Ttl::Left(Duration::from_millis(left)),
        Err(_) if answer == -1 => Ttl::Forever,
        Err(_) => Ttl::Missing,
    }
}

/// Reads what INFO says, as far as it says it.
fn read_info(text: &str, database: i64) -> Info {
    let lines: HashMap<&str, &str> = text.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let number = |key: &str| lines.get(key).and_then(|value| value.parse().ok()).unwrap_or(0_u64);
    let decimal = |key: &str| lines.get(key).and_then(|value| value.parse().ok()).unwrap_or(0.0_f64);
    let keys = lines.get(format!("db{database}").as_str()).copied().unwrap_or_default();
    let keys: HashMap<&str, u64> = keys
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(k, v)| Some((k, v.parse().ok()?)))
        .collect();
    let of = |key: &str| keys.get(key).copied().unwrap_or(0);
    Info {
        backend: Backend::Redis,
        version: lines.get("redis_version").copied().map(short).unwrap_or_default().to_owned(),
        uptime: Duration::from_secs(number("uptime_in_seconds")),
        connected_clients: number("connected_clients"),
        blocked_clients: number("blocked_clients"),
        connections: number("total_connections_received"),
        used_memory_bytes: number("used_memory"),
        peak_memory_bytes: number("used_memory_peak"),
        fragmentation: decimal("mem_fragmentation_ratio"),
        commands: number("total_commands_processed"),
        commands_per_second: decimal("instantaneous_ops_per_sec"),
        hits: number("keyspace_hits"),
        misses: number("keyspace_misses"),
        database: format!("db{database}"),
        keys: of("keys"),
        expires: of("expires"),
        average_ttl: Some(of("avg_ttl")).filter(|left| *left > 0).map(Duration::from_millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_for_the_database_that_is_used() {
        let text = "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:90000\r\n# Clients\r\nconnected_clients:3\r\n\
                    used_memory:1048576\r\nmem_fragmentation_ratio:1.25\r\ntotal_commands_processed:42\r\nkeyspace_hits:7\r\n\
                    # Keyspace\r\n\
                    db0:keys=9,expires=9,avg_ttl=9\r\ndb2:keys=5,expires=2,avg_ttl=1500\r\n";
        let info = read_info(text, 2);
        assert_eq!((info.version.as_str(), info.uptime.as_secs(), info.connected_clients), ("7.0.15", 90_000, 3));
        assert_eq!((info.used_memory_bytes, info.commands, info.keys, info.expires), (1 << 20, 42, 5, 2));
        assert_eq!((info.fragmentation, info.hits, info.misses), (1.25, 7, 0));
        assert_eq!(info.average_ttl, Some(Duration::from_millis(1500)));
        assert_eq!(read_info("garbage", 0).keys, 0);
    }
}
