//! One key of the configuration, explained: what it does, what may stand there, what is in force
//! and where that was said.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::keys::{Key, SERVER_KEYS, Shape, TOP_KEYS, find, is_default};
use crate::names::did_you_mean;
use crate::quantity::{show_bytes, show_duration};
use crate::show::to_json;

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The key as it was asked for, with a dot for each section.
    pub key: String,
    /// What it does.
    pub what: String,
    /// What may stand there, in words.
    pub kind: String,
    /// What holds where nothing is said.
    pub default: Option<String>,
    /// The value in force; none for keys of servers in general, and for secrets only that there is one.
    pub value: Option<Value>,
    /// Where the value comes from, `default` if nobody says it; none where no value is asked for.
    pub origin: Option<String>,
    /// Keys inside it, if it is a section.
    pub keys: Vec<String>,
}

/// Explains `key`: `listen.address`, `servers.NAME.restart`, or `restart` for the key of servers in
/// general. Fails with the nearest key that there is, if one is near.
pub fn explain(config: &Config, key: &str) -> Result<Explained, Option<String>> {
    if let Some(rest) = key.strip_prefix("servers.") {
        return of_server(config, key, rest);
    }
    let parts: Vec<&str> = key.split('.').collect();
    if let Some(found) = lookup(TOP_KEYS, &parts) {
        let mut explained = about(key, found);
        explained.value = value(&to_json(config), &parts);
        let origin = config.origins.get(key).map(ToString::to_string);
        explained.origin = explained.keys.is_empty().then(|| origin.unwrap_or_else(|| "default".to_owned()));
        if parts[0] == "defaults" && !config.origins.contains_key(key) {
            explained.origin = None;
        }
        return Ok(explained);
    }
    lookup(SERVER_KEYS, &parts).map(|found| about(key, found)).ok_or_else(|| nearest(key))
}

fn of_server(config: &Config, key: &str, rest: &str) -> Result<Explained, Option<String>> {
    // A name may hold dots itself: the longest that is declared counts.
    let named = config.servers.values().filter(|server| {
        rest == server.name || rest.strip_prefix(&server.name).is_some_and(|rest| rest.starts_with('.'))
    });
    let server = named.max_by_key(|server| server.name.len());
    let name = server.map_or(rest.split('.').next().unwrap_or_default(), |server| server.name.as_str());
    let inner = rest.strip_prefix(name).unwrap_or_default().trim_start_matches('.');
    let Some(server) = server else {
        let near = did_you_mean(name, config.servers.keys().map(String::as_str));
        return Err(near.map(|near| format!("servers.{near}.{inner}").trim_end_matches('.').to_owned()));
    };
    let parts: Vec<&str> = inner.split('.').filter(|part| !part.is_empty()).collect();
    let shown = &to_json(config)["servers"][&server.name];
    if parts.is_empty() {
        return Ok(Explained {
            key: key.to_owned(),
            what: server.description.clone().unwrap_or_else(|| "a server".to_owned()),
            kind: "table".to_owned(),
            default: None,
            value: Some(shown.clone()),
            origin: Some(server.origin.to_string()),
            keys: SERVER_KEYS.iter().map(|key| key.name.to_owned()).collect(),
        });
    }
    let found = lookup(SERVER_KEYS, &parts).ok_or_else(|| {
        let near = nearest(inner);
        near.map(|near| format!("servers.{name}.{near}"))
    })?;
    let mut explained = about(key, found);
    explained.value = value(shown, &parts);
    let origin = server.origins.get(inner).map(ToString::to_string);
    explained.origin = Some(origin.unwrap_or_else(|| "default".to_owned()));
    Ok(explained)
}

fn lookup(keys: &'static [Key], parts: &[&str]) -> Option<&'static Key> {
    let (first, rest) = parts.split_first()?;
    let key = find(keys, first)?;
    match (&key.shape, rest) {
        (_, []) => Some(key),
        (Shape::Section { keys }, rest) => lookup(keys, rest),
        (Shape::Defaults, rest) if is_default(rest[0]) => lookup(SERVER_KEYS, rest),
        _ => None,
    }
}

fn value(shown: &Value, parts: &[&str]) -> Option<Value> {
    let found = parts.iter().try_fold(shown, |value, part| value.get(part));
    found.filter(|value| !value.is_null()).cloned()
}

fn about(key: &str, found: &'static Key) -> Explained {
    let times = |one: u64| show_duration(Duration::from_millis(one));
    let range = |kind: &str, min: String, max: String| format!("{kind}, from {min} to {max}");
    let (kind, default) = match &found.shape {
        Shape::Flag { default } => ("true or false".to_owned(), default.map(|on| on.to_string())),
        Shape::Text { default } => ("text".to_owned(), default.map(str::to_owned)),
        Shape::Secret => ("text that is never shown".to_owned(), None),
        Shape::Texts => ("list of texts".to_owned(), None),
        Shape::Command => ("command line, as a text or a list of words".to_owned(), None),
        Shape::Object => ("table".to_owned(), None),
        Shape::Secrets => ("table of texts that are never shown".to_owned(), None),
        Shape::Word { words, default } => (format!("one of: {}", words.join(", ")), default.map(str::to_owned)),
        Shape::Count { default, min, max } => {
            (range("whole number", min.to_string(), max.to_string()), Some(default.to_string()))
        }
        Shape::Bytes { default, min, max } => {
            (range("size such as \"4MiB\"", show_bytes(*min), show_bytes(*max)), Some(show_bytes(*default)))
        }
        Shape::Duration { default, min, max } => {
            let kind = "time such as \"30s\", a bare number is seconds";
            (range(kind, times(*min), times(*max)), Some(times(*default)))
        }
        Shape::Section { .. } | Shape::Defaults => ("table".to_owned(), None),
    };
    let keys = match &found.shape {
        Shape::Section { keys } => keys.iter().map(|key| key.name.to_owned()).collect(),
        Shape::Defaults => {
            SERVER_KEYS.iter().filter(|key| is_default(key.name)).map(|key| key.name.to_owned()).collect()
        }
        _ => Vec::new(),
    };
    Explained { key: key.to_owned(), what: found.what.to_owned(), kind, default, value: None, origin: None, keys }
}

/// The key of ours that was probably meant.
fn nearest(key: &str) -> Option<String> {
    let mut all: Vec<String> = SERVER_KEYS.iter().map(|key| key.name.to_owned()).collect();
    for top in TOP_KEYS {
        all.push(top.name.to_owned());
        if let Shape::Section { keys } = &top.shape {
            all.extend(keys.iter().map(|inner| format!("{}.{}", top.name, inner.name)));
        }
    }
    let last = key.rsplit('.').next().unwrap_or(key);
    let ending = all.iter().find(|one| one.rsplit('.').next() == Some(last)).cloned();
    did_you_mean(key, all.iter().map(String::as_str)).map(str::to_owned).or(ending)
}
