//! The fifteen tools: arguments checked, the cache asked, its answer said in the predecessor's fields;
//! and what its failures mean to a model.

use super::answers::{
    Decreased, Deleted, Exists, Expires, Flushed, Found, Increased, Info, Kept, KeptMany, Keys, Keyspace, Left, Pong,
    Step,
};
use super::{Desk, arguments};
use bytes::Bytes;
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use store::cache::{Backend, CacheError, FOUND_MAX, TTL_MAX, Ttl, json};

type Answer<T> = Result<T, Failure>;

/// How many keys `cache_keys` finds unless told otherwise.
const FOUND: i64 = 1000;
/// How many keys `cache_scan` looks at unless told otherwise.
const LOOKED_AT: i64 = 10;

pub(super) async fn set(desk: Arc<Desk>, context: CallContext, told: arguments::Set) -> Answer<Kept> {
    let ttl = told.ttl.map(|ttl| seconds("ttl", ttl)).transpose()?;
    let value = json::written(told.value);
    desk.cache.set(&desk.names(&context), &told.key, value, ttl).await.map_err(failure)?;
    Ok(Kept { success: true, key: told.key })
}

pub(super) async fn get(desk: Arc<Desk>, context: CallContext, told: arguments::Key) -> Answer<Found> {
    let value = desk.cache.get(&desk.names(&context), &told.key).await.map_err(failure)?;
    let found = value.is_some();
    Ok(Found { key: told.key, value: value.map_or(Ok(Value::Null), read)?, found })
}

pub(super) async fn delete(desk: Arc<Desk>, context: CallContext, told: arguments::Keys) -> Answer<Deleted> {
    let deleted = desk.cache.delete(&desk.names(&context), &refs(&told.keys)).await.map_err(failure)?;
    Ok(Deleted { deleted })
}

pub(super) async fn exists(desk: Arc<Desk>, context: CallContext, told: arguments::Keys) -> Answer<Exists> {
    let there = desk.cache.exists(&desk.names(&context), &refs(&told.keys)).await.map_err(failure)?;
    let total = told.keys.len();
    let missing: Vec<String> =
        told.keys.into_iter().zip(there).filter(|(_, there)| !there).map(|(key, _)| key).collect();
    Ok(Exists { exists: total - missing.len(), total, missing })
}

pub(super) async fn expire(desk: Arc<Desk>, context: CallContext, told: arguments::Expire) -> Answer<Expires> {
    let ttl = seconds("seconds", told.seconds)?;
    let success = desk.cache.expire(&desk.names(&context), &told.key, ttl).await.map_err(failure)?;
    Ok(Expires { success, key: told.key, ttl: ttl.as_secs() })
}

pub(super) async fn ttl(desk: Arc<Desk>, context: CallContext, told: arguments::Key) -> Answer<Left> {
    let left = desk.cache.ttl(&desk.names(&context), &told.key).await.map_err(failure)?;
    let (ttl, status) = match left {
        Ttl::Missing => (-2, "not_found"),
        Ttl::Forever => (-1, "no_expiration"),
        Ttl::Left(left) => (i64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(i64::MAX), "active"),
    };
    Ok(Left { key: told.key, ttl, status })
}

pub(super) async fn keys(desk: Arc<Desk>, context: CallContext, told: arguments::Find) -> Answer<Keys> {
    let pattern = told.pattern.unwrap_or_else(|| "*".to_owned());
    let limit = within("limit", told.limit.unwrap_or(FOUND), 1)?;
    let (keys, complete) = desk.cache.keys(&desk.names(&context), &pattern, limit).await.map_err(failure)?;
    Ok(Keys { pattern, count: keys.len(), keys, complete })
}

pub(super) async fn scan(desk: Arc<Desk>, context: CallContext, told: arguments::Scan) -> Answer<Step> {
    let cursor = told.cursor.unwrap_or(0);
    let cursor = u64::try_from(cursor).map_err(|_| wrong("cursor", cursor, "0 or what the last step answered"))?;
    let count = within("count", told.count.unwrap_or(LOOKED_AT), 1)?;
    let pattern = told.pattern.unwrap_or_else(|| "*".to_owned());
    let page = desk.cache.scan(&desk.names(&context), cursor, &pattern, count).await.map_err(failure)?;
    Ok(Step { cursor: page.cursor, keys: page.keys, complete: page.cursor == 0 })
}

pub(super) async fn mget(desk: Arc<Desk>, context: CallContext, told: arguments::Keys) -> Answer<Map<String, Value>> {
    let values = desk.cache.mget(&desk.names(&context), &refs(&told.keys)).await.map_err(failure)?;
    let read = told.keys.into_iter().zip(values).map(|(key, value)| Ok((key, value.map_or(Ok(Value::Null), read)?)));
    read.collect()
}

pub(super) async fn mset(desk: Arc<Desk>, context: CallContext, told: arguments::Mset) -> Answer<KeptMany> {
    let entries: Vec<(String, Bytes)> =
        told.data.into_iter().map(|(key, value)| (key, json::written(value).into())).collect();
    let entries: Vec<(&str, Bytes)> = entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    desk.cache.mset(&desk.names(&context), &entries).await.map_err(failure)?;
    Ok(KeptMany { success: true, keys_set: entries.len() })
}

pub(super) async fn incr(desk: Arc<Desk>, context: CallContext, told: arguments::Count) -> Answer<Increased> {
    let amount = told.amount.unwrap_or(1);
    if amount == 0 {
        return Err(wrong("amount", amount, "any whole number but 0"));
    }
    let value = desk.cache.incr(&desk.names(&context), &told.key, amount).await.map_err(failure)?;
    Ok(Increased { key: told.key, value, incremented_by: amount })
}

pub(super) async fn decr(desk: Arc<Desk>, context: CallContext, told: arguments::Count) -> Answer<Decreased> {
    let amount = told.amount.unwrap_or(1);
    if amount < 1 {
        return Err(wrong("amount", amount, "at least 1"));
    }
    let value = desk.cache.incr(&desk.names(&context), &told.key, -amount).await.map_err(failure)?;
    Ok(Decreased { key: told.key, value, decremented_by: amount })
}

pub(super) async fn flush(desk: Arc<Desk>, context: CallContext, _: arguments::Nothing) -> Answer<Flushed> {
    let deleted = desk.cache.flush(&desk.names(&context)).await.map_err(failure)?;
    let whose = if desk.shared { "all keys that callers share here" } else { "all your keys, and no others" };
    Ok(Flushed { success: true, deleted, warning: format!("deleted {whose}") })
}

pub(super) async fn info(desk: Arc<Desk>, _: CallContext, _: arguments::Nothing) -> Answer<Info> {
    let info = desk.cache.info().await.map_err(failure)?;
    Ok(Info {
        backend: match info.backend {
            Backend::Embedded => "embedded",
            Backend::Redis => "redis",
        },
        version: info.version,
        uptime_days: info.uptime.as_secs() / (24 * 3600),
        connected_clients: info.connected_clients,
        used_memory_human: human(info.used_memory_bytes),
        total_commands_processed: info.commands,
        keyspace: Keyspace {
            keys: info.keys,
            expires: info.expires,
            avg_ttl: info.average_ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        },
    })
}

pub(super) async fn ping(desk: Arc<Desk>, _: CallContext, _: arguments::Nothing) -> Answer<Pong> {
    desk.cache.ping().await.map_err(failure)?;
    Ok(Pong { success: true, message: "PONG".to_owned() })
}

fn refs(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

fn read(value: Bytes) -> Answer<Value> {
    let text = String::from_utf8(value.into()).map_err(|_| failure(CacheError::Foreign))?;
    Ok(json::read(text))
}

fn seconds(name: &str, seconds: i64) -> Answer<Duration> {
    let ttl = u64::try_from(seconds).ok().map(Duration::from_secs);
    ttl.filter(|ttl| !ttl.is_zero() && *ttl <= TTL_MAX)
        .ok_or_else(|| wrong(name, seconds, &format!("1 to {} seconds", TTL_MAX.as_secs())))
}

fn within(name: &str, number: i64, min: usize) -> Answer<usize> {
    let found = usize::try_from(number).ok().filter(|number| (min..=FOUND_MAX).contains(number));
    found.ok_or_else(|| wrong(name, number, &format!("{min} to {FOUND_MAX}")))
}

fn wrong(name: &str, found: i64, wanted: &str) -> Failure {
    Failure::validation(format!("`{name}` is {found}")).next(format!("give {wanted}"))
}

/// As Redis writes it.
fn human(bytes: u64) -> String {
    let units = [("G", 1_u64 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    let unit = units.iter().find(|(_, size)| bytes >= *size);
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    unit.map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{:.2}{unit}", bytes as f64 / *size as f64))
}

/// What a failure of the cache means to whoever called.
fn failure(error: CacheError) -> Failure {
    let (kind, next) = match &error {
        CacheError::Key(_) => (FailureKind::Validation, "use a shorter key or pattern, and no empty one"),
        CacheError::Value { .. } => (FailureKind::Validation, "keep less under one key"),
        CacheError::Keys(_) => (FailureKind::Validation, "give at least one key, and several calls for many"),
        CacheError::Answer(_) => (FailureKind::Validation, "make several calls with fewer keys"),
        CacheError::Ttl => (FailureKind::Validation, "give a time to live of 1 second to ten years"),
        CacheError::NotANumber => (FailureKind::Validation, "look with cache_get; set a number with cache_set"),
        CacheError::Overflow => (FailureKind::Validation, "set a smaller number with cache_set"),
        CacheError::Foreign => (FailureKind::Conflict, "use another key, or cache_delete this one"),
        CacheError::Full => (FailureKind::Quota, "cache_delete what is not needed, or raise `maxmemory` of Redis"),
        CacheError::Sweep(_) => (FailureKind::Timeout, "call it again; it goes on where there are keys left"),
        CacheError::Timeout(_) | CacheError::Unreachable(_) => {
            (FailureKind::Connection, "check that Redis runs where `cache.url` points, then call cache_ping")
        }
        CacheError::Refused(_) => (FailureKind::Connection, "check user and rights of `cache.url` at Redis"),
        CacheError::Url(_) => (FailureKind::Unavailable, "mend `cache.url`: redis://host:port/0"),
    };
    Failure::new(kind, error.to_string()).next(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_redis_writes_them() {
        assert_eq!([0, 1023, 1024, 1_572_864, 3 << 30].map(human), ["0B", "1023B", "1.00K", "1.50M", "3.00G"]);
    }
}
