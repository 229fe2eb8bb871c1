//! Every key of the configuration is read by somebody: a key that is checked, documented and shown,
//! and changes nothing, is a lie. That its value is put to good use, this cannot see.

use crate::files::{is_test, none, read, rust_files};
use crate::source::{Source, words};
use std::collections::BTreeSet;

/// Who acts on the configuration.
const READERS: [&str; 5] =
    ["crates/cli/src", "crates/gateway/src", "crates/control/src", "crates/supervisor/src", "crates/outbound/src"];

/// The tables of keys, and what values of each are called where they are read.
const TABLES: &[(&str, &[&str])] = &[
    ("LIMIT_KEYS", &["limits"]),
    ("LISTEN_KEYS", &["listen"]),
    ("CATALOG_KEYS", &["catalog"]),
    ("NAMES_KEYS", &["names"]),
    ("RECORDS_KEYS", &["entry", "records", "keeping()", "config.records"]),
    ("DISCOVERY_KEYS", &["asked", "discovery"]),
    ("TOP_KEYS", &["config"]),
    ("TOOLS_KEYS", &["tools"]),
    ("OAUTH_KEYS", &["settings", "oauth"]),
    ("HEALTH_KEYS", &["settings"]),
    ("HEALTH_CHECK_KEYS", &["settings"]),
    ("RESOURCES_KEYS", &["resources"]),
    ("SERVER_KEYS", &["entry", "server", "runs"]),
    ("SERVICE_KEYS", &["service", "entry", "container"]),
    ("READY_KEYS", &["ready"]),
    ("CONTAINER_KEYS", &["container", "endpoint"]),
    ("PROFILE_KEYS", &["profile"]),
    ("OVERRIDE_KEYS", &["said"]),
];

/// What is made of several keys together, by the configuration itself.
const ENVIRONMENT: &str = "child_environment";

/// Keys that are resolved into a field of another name; several may become one.
const RESOLVED: &[(&str, &str)] = &[
    ("RECORDS_KEYS.arguments", "record_arguments"),
    ("RECORDS_KEYS.results", "record_results"),
    ("SERVER_KEYS.type", "dialect"),
    ("SERVER_KEYS.env", ENVIRONMENT),
    ("SERVER_KEYS.env_file", ENVIRONMENT),
    ("SERVER_KEYS.inherit_env", ENVIRONMENT),
    ("SERVER_KEYS.port", "listens_on"),
    ("SERVER_KEYS.auth", "oauth"),
    ("SERVER_KEYS.disabled", "enabled"),
    ("SERVER_KEYS.health_check", "health"),
    // What a check is: its variants hold these.
    ("HEALTH_CHECK_KEYS.command", "check"),
    ("HEALTH_CHECK_KEYS.http", "check"),
    ("HEALTH_CHECK_KEYS.tool", "check"),
    ("HEALTH_CHECK_KEYS.arguments", "check"),
    // A default for the servers, which `RECORDS_KEYS` is about.
    // Defaults for the servers, whose own keys are read.
    ("TOP_KEYS.defaults", "servers"),
    // Servers inside that nobody declared are servers like others.
    ("TOP_KEYS.builtins", "servers"),
    ("TOP_KEYS.records", "servers"),
    // What makes a container of a server is in its `Reach`.
    ("SERVER_KEYS.image", "reach"),
    ("SERVER_KEYS.container", "reach"),
    // What makes a program of a service is in its kind.
    ("SERVICE_KEYS.command", "kind"),
    ("SERVICE_KEYS.args", "kind"),
    ("SERVICE_KEYS.cwd", "kind"),
    ("SERVICE_KEYS.env", "kind"),
    // Each check is a kind of check.
    ("READY_KEYS.tcp", "check"),
    ("READY_KEYS.http", "check"),
    ("READY_KEYS.command", "check"),
    ("READY_KEYS.log_line", "check"),
    ("CONTAINER_KEYS.memory", "memory_bytes"),
    ("CONTAINER_KEYS.cpu", "cpu_percent"),
    // Which servers a profile has is asked of it.
    ("PROFILE_KEYS.servers", "has_server"),
    ("PROFILE_KEYS.tags", "has_server"),
];

/// Fields of the variants of `Reach`, which are taken out of it by a pattern.
const OF_REACH: &[&str] = &["url", "headers", "dialect", "builtin", "allow_changes", "options"];

#[test]
fn every_key_is_read() {
    let readers = readers();
    let patterns = patterns(&readers);
    let mut problems = Vec::new();
    for &(table, called) in TABLES {
        let keys = keys(table);
        assert!(!keys.is_empty(), "no keys were found in {table}");
        for key in keys {
            let resolved = RESOLVED.iter().find(|(from, _)| *from == format!("{table}.{key}"));
            let field = resolved.map_or(key.as_str(), |(_, field)| field);
            let is_read = match field {
                ENVIRONMENT => is_read(&readers, field),
                field if table == "SERVER_KEYS" && OF_REACH.contains(&field) => patterns.contains(field),
                _ => called.iter().any(|value| is_read(&readers, &format!("{value}.{field}"))),
            };
            if !is_read {
                problems.push(format!("{table}: `{key}` (field `{field}`)"));
            }
        }
    }
    none("nobody reads these keys of the configuration", &problems);
}

/// The code of those who act on the configuration, without tests.
fn readers() -> Vec<String> {
    let all = rust_files().into_iter();
    let theirs = all.filter(|path| READERS.iter().any(|reader| path.starts_with(reader)) && !is_test(path));
    let shipped = |code: String| code.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let found: Vec<String> = theirs.map(|path| shipped(Source::new(read(path)).code)).collect();
    assert!(found.len() > 50, "only {} files were found", found.len());
    found
}

fn is_read(readers: &[String], place: &str) -> bool {
    readers.iter().any(|code| !words(code, place).is_empty())
}

/// Every name inside the braces of a pattern of `Reach`.
fn patterns(readers: &[String]) -> BTreeSet<&str> {
    let behind = readers.iter().flat_map(|code| code.split("Reach::").skip(1));
    let inside = behind.filter_map(|code| {
        let (variant, rest) = code.split_once('{')?;
        variant.trim().chars().all(char::is_alphanumeric).then(|| rest.split('}').next().unwrap_or_default())
    });
    inside.flat_map(|names| names.split([',', ':', ' ', '\n']).map(str::trim)).collect()
}

/// The names of the keys in a table: the first text of each entry.
fn keys(table: &str) -> Vec<String> {
    if table == "LIMIT_KEYS" {
        let limits = read("crates/config/src/limits.rs");
        let body = limits.split("\nlimits! {\n").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_default();
        return body.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect();
    }
    let tables = ["keys", "service_keys", "section_keys", "profile_keys"]
        .map(|name| read(format!("crates/config/src/{name}.rs")))
        .concat();
    let begin = format!("const {table}: &[Key] = &[");
    let body = tables.split(&begin).nth(1).and_then(|rest| rest.split("];").next()).unwrap_or_default();
    let entries = ["key(", "flag(", "text(", "time("];
    let starts = entries.iter().flat_map(|entry| words_before(body, entry));
    starts.filter_map(|at| Some(body[at..].split('"').nth(1)?.to_owned())).collect()
}

/// Where `entry` stands at the start of a word.
fn words_before<'a>(text: &'a str, entry: &'a str) -> impl Iterator<Item = usize> + 'a {
    let starts = |at: usize| !text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    text.match_indices(entry).map(|(at, _)| at).filter(move |at| starts(*at))
}
