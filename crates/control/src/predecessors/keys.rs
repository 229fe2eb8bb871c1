//! `/api/redis/keys`, `/api/redis/key` and `/api/redis/flush`: the keys of whoever asks, as `switchboard
//! cache keys` shows them. Keys of others, and kept results of tools, are not shown here.

use super::answer::{Answer, Refused, bad};
use super::redis::refused;
use crate::access::Asker;
use crate::asked::{Body, Path, Query};
use crate::{Control, Problem};
use axum::Json;
use axum::extract::State;
use config::Reach;
use futures_util::{StreamExt as _, stream};
use protocol::{ErrorKind, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use store::cache::{Namespace, Ttl, json as text};
use utoipa::{IntoParams, ToSchema};

/// Keys of one answer where nobody says how many.
const LIMIT: usize = 100;
/// Keys of one answer at most.
const LIMIT_MAX: usize = 1000;
/// Times to live that are asked for at once.
const ASKED_AT_ONCE: usize = 32;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Find {
    /// Such as `user:*`; every key if absent.
    pattern: Option<String>,
    /// At most so many; 100 if absent, and never more than 1000.
    limit: Option<usize>,
}

/// Keys that fit a pattern.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Keys)]
pub(super) struct Keys {
    keys: Vec<Key>,
    count: usize,
    pattern: String,
    /// Whether there are more.
    limited: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::Key)]
struct Key {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds, rounded up; -1 for ever.
    ttl: i64,
}

/// A key with its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::KeyValue)]
pub(super) struct Found {
    key: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Seconds, rounded up; -1 for ever.
    ttl: i64,
    /// As JSON if it is JSON.
    value: Value,
}

/// A key and what it is to hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::SetKey)]
pub(super) struct Set {
    key: String,
    /// A text is kept as it is, everything else as JSON.
    value: Value,
    /// Seconds; for ever if absent.
    ttl: Option<u64>,
}

/// Leave to delete every key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = predecessors::Flush)]
pub(super) struct Flush {
    /// Must be `true`.
    #[serde(default)]
    confirm: bool,
}

/// What a change did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = predecessors::KeyChanged)]
pub(super) struct Changed {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<u64>,
    message: String,
}

/// Lists keys.
#[utoipa::path(get, path = "/api/redis/keys", params(Find), responses((status = OK, body = Keys)))]
pub(super) async fn list(State(control): State<Control>, asker: Asker, Query(find): Query<Find>) -> Answer<Keys> {
    let (cache, names) = (&control.parts.cache, names(&control, &asker));
    let pattern = find.pattern.unwrap_or_else(|| "*".to_owned());
    let limit = find.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let none = |refused: Refused| refused.with("keys", json!([])).with("count", 0).with("pattern", pattern.as_str());
    let (found, complete) = cache.keys(&names, &pattern, limit).await.map_err(|error| none(refused(&error)))?;
    let names = &names;
    let asked = stream::iter(found).map(|key| async move {
        let ttl = cache.ttl(names, &key).await;
        (key, ttl)
    });
    let asked: Vec<_> = asked.buffered(ASKED_AT_ONCE).collect().await;
    let mut keys = Vec::with_capacity(asked.len());
    for (key, ttl) in asked {
        // One that has ended since is not there any more.
        if let Some(ttl) = seconds(ttl.map_err(|error| none(refused(&error)))?) {
            keys.push(Key { key, kind: "string", ttl });
        }
    }
    Ok(Json(Keys { count: keys.len(), keys, limited: !complete, pattern }))
}

/// Gives the value of a key.
#[utoipa::path(get, path = "/api/redis/key/{key}", params(("key" = String, Path)), responses((status = OK, body = Found)))]
pub(super) async fn get(State(control): State<Control>, asker: Asker, Path(key): Path<String>) -> Answer<Found> {
    let (cache, names) = (&control.parts.cache, names(&control, &asker));
    let value = cache.get(&names, &key).await.map_err(|error| refused(&error))?;
    let ttl = cache.ttl(&names, &key).await.map_err(|error| refused(&error))?;
    let (Some(value), Some(ttl)) = (value, seconds(ttl)) else { return Err(missing(&key).into()) };
    let value = text::read(String::from_utf8_lossy(&value).into_owned());
    Ok(Json(Found { key, kind: "string", ttl, value }))
}

/// Gives a key a value.
#[utoipa::path(post, path = "/api/redis/key", request_body = Set, responses((status = OK, body = Changed)))]
pub(super) async fn set(State(control): State<Control>, asker: Asker, Body(set): Body<Set>) -> Answer<Changed> {
    let Set { key, value, ttl } = set;
    let ttl = ttl.map(Duration::from_secs);
    let names = names(&control, &asker);
    control.parts.cache.set(&names, &key, text::written(value), ttl).await.map_err(|error| refused(&error))?;
    Ok(Json(Changed { success: true, message: format!("kept `{key}`"), key: Some(key), deleted: None }))
}

/// Deletes a key.
#[utoipa::path(delete, path = "/api/redis/key/{key}", params(("key" = String, Path)), responses((status = OK, body = Changed)))]
pub(super) async fn delete(State(control): State<Control>, asker: Asker, Path(key): Path<String>) -> Answer<Changed> {
    let names = names(&control, &asker);
    let deleted = control.parts.cache.delete(&names, &[&key]).await.map_err(|error| refused(&error))?;
    match deleted {
        0 => Err(missing(&key).into()),
        _ => Ok(Json(Changed {
            success: true,
            message: format!("deleted `{key}`"),
            key: Some(key),
            deleted: Some(deleted),
        })),
    }
}

/// Deletes every key of whoever asks.
#[utoipa::path(post, path = "/api/redis/flush", request_body = Flush, responses((status = OK, body = Changed)))]
pub(super) async fn flush(State(control): State<Control>, asker: Asker, Body(flush): Body<Flush>) -> Answer<Changed> {
    let Flush { confirm } = flush;
    if !confirm {
        return Err(bad("deleting every key must be confirmed").hint("send {\"confirm\": true}").into());
    }
    let names = names(&control, &asker);
    let deleted = control.parts.cache.flush(&names).await.map_err(|error| refused(&error))?;
    let message = format!("deleted keys: {deleted}");
    Ok(Json(Changed { success: true, key: None, deleted: Some(deleted), message }))
}

/// The keys that are meant: those of the server `cache` for whoever asks.
fn names(control: &Control, asker: &Asker) -> Namespace {
    let snapshot = control.parts.gateway.snapshot();
    let shared = snapshot.config.servers.values().any(|entry| match &entry.reach {
        Reach::Builtin { builtin, options, .. } => builtin == "cache" && options.0.get("shared") == Some(&json!(true)),
        _ => false,
    });
    if shared { Namespace::shared() } else { Namespace::of(Principal::person(asker.principal.as_str())) }
}

fn seconds(ttl: Ttl) -> Option<i64> {
    match ttl {
        Ttl::Missing => None,
        Ttl::Forever => Some(-1),
        Ttl::Left(left) => Some(i64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)),
    }
}

fn missing(key: &str) -> Problem {
    let problem = Problem::new(ErrorKind::UnknownName, format!("there is no key `{key}`"));
    problem.hint("see which there are: switchboard cache keys")
}
