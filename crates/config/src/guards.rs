//! What stands before the calls of one server: how many at once, how often, how large, when it is
//! left alone, when a call is sent again, what is answered from memory, and who stands in for it.
//!
//! Keys, their reading and their showing are here; what they do is the gateway's.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::{Config, Reach, Server};
use crate::diagnostic::{Report, Severity};
use crate::keys::{Key, SERVER_KEYS, Shape, find, key, text, time};
use crate::limits::LIMIT_KEYS;
use crate::load::{Document, severity_for};
use crate::names::reduce;
use crate::quantity::{show_bytes, show_duration};
use crate::raw::RawServer;
use crate::read::{Field, Fields, Manner, Value as Read, duration_or_default, number_or_default, text_of, texts_of};
use crate::server::{Work, owned};
use crate::tree::{Entry, Kind};

/// What bounds and protects the calls of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guards {
    /// How many calls are with the server at once.
    pub max_concurrent: usize,
    /// The largest result of a call, in bytes.
    pub response_max: usize,
    /// How often it may be called.
    pub rate_limit: RateLimit,
    /// When it is left alone.
    pub breaker: Breaker,
    /// When a call is sent again.
    pub retry: Retry,
    /// What is answered from memory.
    pub cache: Cache,
    /// Whom it stands in for.
    pub group: Option<Membership>,
}

/// `rate_limit`: calls per second; 0 is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Of everybody together.
    pub calls_per_second: u64,
    /// How many may come at once after a pause; 0 for as many as in one second.
    pub burst: u64,
    /// Of each session, or each principal where there are none.
    pub calls_per_second_per_client: u64,
    /// Of each tool.
    pub calls_per_second_per_tool: u64,
}

/// `breaker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures in a row open it; 0 for never.
    pub failures: u32,
    /// How long it stays open.
    pub pause: Duration,
    /// So many successes after that close it.
    pub trials: u32,
}

/// `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a safe call is sent again, at most.
    pub attempts: u32,
    /// The pause before the second time; it doubles.
    pub delay: Duration,
    /// The longest pause.
    pub delay_max: Duration,
}

/// `cache`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Patterns of the tools whose results are kept.
    pub tools: Vec<String>,
    /// For how long.
    pub ttl: Duration,
    /// How many results.
    pub entries: usize,
    /// How many bytes of results.
    pub bytes: usize,
}

/// `group`, `priority` and `weight`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group's name, reduced as names of servers are.
    pub name: String,
    /// Lower is asked first.
    pub priority: u32,
    /// Share of the calls among members of the same priority.
    pub weight: u32,
}

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const RATE_MAX: u64 = 1_000_000;

const fn count(name: &'static str, bounds: [u64; 3], what: &'static str) -> Key {
    let [default, min, max] = bounds;
    key(name, Shape::Count { default, min, max }, what)
}

const RATE_KEYS: &[Key] = &[
    count("calls_per_second", [0, 0, RATE_MAX], "How many calls a second the server gets; 0 is no limit."),
    count(
        "burst",
        [0, 0, RATE_MAX],
        "How many calls may come at once after a pause, for each of these limits; 0 for as many as in a second.",
    ),
    count(
        "calls_per_second_per_client",
        [0, 0, RATE_MAX],
        "How many of them one session of a client may make, or one principal where there is no session; 0 is no limit.",
    ),
    count("calls_per_second_per_tool", [0, 0, RATE_MAX], "How many of them one tool gets; 0 is no limit."),
];

const BREAKER_KEYS: &[Key] = &[
    count(
        "failures",
        [5, 0, 10_000],
        "So many failures in a row (timeouts, lost connections, HTTP 5xx) and calls are refused at once; 0 switches it off.",
    ),
    time("pause", [60 * SECOND, 10, HOUR], "How long calls are refused before some are let through to try."),
    count("trials", [3, 1, 1000], "So many of those must succeed until all are let through again."),
];

const RETRY_KEYS: &[Key] = &[
    count(
        "attempts",
        [3, 0, 100],
        "How often a call that failed is sent again, at most, when that is safe: it never arrived, or the tool is read-only or idempotent by an approved definition or by tools.safe. 0 for never.",
    ),
    time("delay", [SECOND, 1, HOUR], "The pause before it is sent again; it doubles each time, with jitter."),
    time("delay_max", [60 * SECOND, 1, HOUR], "The longest such pause, also where the server names one."),
];

const CACHE_KEYS: &[Key] = &[
    key(
        "tools",
        Shape::Texts,
        "Patterns of the tools whose results are kept, each for who asked; only of tools that are read-only by an approved definition or listed in tools.safe.",
    ),
    time("ttl", [300 * SECOND, 1, 24 * HOUR], "How long a result is kept."),
    count("entries", [1000, 1, 1_000_000], "How many results are kept; the one unused longest makes room."),
    key(
        "bytes",
        Shape::Bytes { default: 64 << 20, min: 1024, max: 1 << 40 },
        "How many bytes of results are kept; a larger result is not.",
    ),
];

pub(crate) const CONNECT_TIMEOUT: Key = time(
    "connect_timeout",
    [10 * SECOND, 10, HOUR],
    "How long a connection to a remote server may take to stand, TLS and the handshake of a WebSocket included.",
);
pub(crate) const MAX_CONCURRENT: Key = count(
    "max_concurrent",
    [10, 1, 65_536],
    "How many calls are with the server at once; more wait in their order, at most limits.calls_waiting_max of them.",
);
pub(crate) const RESPONSE_MAX: Key = key(
    "response_max",
    Shape::Bytes { default: 16 << 20, min: 16, max: 1 << 30 },
    "The largest result of a call; a larger one fails that call alone. Unless said, as large as limits.frame_bytes_max or limits.response_bytes_max lets through.",
);
pub(crate) const RATE_LIMIT: Key =
    key("rate_limit", Shape::Section { keys: RATE_KEYS }, "How often the server may be called.");
pub(crate) const BREAKER: Key =
    key("breaker", Shape::Section { keys: BREAKER_KEYS }, "When a server that keeps failing is left alone.");
pub(crate) const RETRY: Key = key("retry", Shape::Section { keys: RETRY_KEYS }, "When a call is sent again.");
pub(crate) const CACHE: Key =
    key("cache", Shape::Section { keys: CACHE_KEYS }, "Which results are kept and given again.");
pub(crate) const GROUP: Key = text(
    "group",
    None,
    "Servers of one group are equivalent: their tools and prompts are offered once, under the group's name, and go to the best member that is well.",
);
pub(crate) const PRIORITY: Key =
    count("priority", [100, 0, 1_000_000], "Which member of the group is asked first: the one with the lowest.");
pub(crate) const WEIGHT: Key =
    count("weight", [1, 1, 1_000_000], "The share of calls among members of the group with the same priority.");

/// Whether an entry in a file of another tool means something else than ours: many have a `cache` or
/// a `priority` of their own.
pub(crate) fn is_of_another_tool(one: &Entry) -> bool {
    let keys = match one.key.as_str() {
        "rate_limit" => RATE_KEYS,
        "breaker" => BREAKER_KEYS,
        "retry" => RETRY_KEYS,
        "cache" => CACHE_KEYS,
        "group" => return !matches!(one.value.kind, Kind::Text(_)),
        "priority" | "weight" | "max_concurrent" => return !matches!(one.value.kind, Kind::Integer(1..=65_536)),
        _ => return false,
    };
    let known = |inner: &Entry| find(keys, &inner.key).is_some();
    !(matches!(one.value.kind, Kind::Table(_)) && one.value.entries().iter().all(known))
}

// === impl Work ===

impl Work<'_> {
    /// The guards of the server that is being read.
    pub(crate) fn guards(&mut self, reach: &Reach) -> Guards {
        let limit = match reach {
            Reach::Http { .. } => "response_bytes_max",
            _ => "frame_bytes_max",
        };
        let response_max = match self.field("response_max") {
            Some(field) => size(Some(field), SERVER_KEYS, "response_max"),
            None => self.declaration.settings.bytes("limits", LIMIT_KEYS, limit),
        };
        let (breaker, retry, rate) = (self.section("breaker"), self.section("retry"), self.section("rate_limit"));
        Guards {
            max_concurrent: size(self.field("max_concurrent"), SERVER_KEYS, "max_concurrent"),
            response_max,
            rate_limit: RateLimit {
                calls_per_second: rate.number(RATE_KEYS, "calls_per_second"),
                burst: rate.number(RATE_KEYS, "burst"),
                calls_per_second_per_client: rate.number(RATE_KEYS, "calls_per_second_per_client"),
                calls_per_second_per_tool: rate.number(RATE_KEYS, "calls_per_second_per_tool"),
            },
            breaker: Breaker {
                failures: breaker.small(BREAKER_KEYS, "failures"),
                pause: breaker.time(BREAKER_KEYS, "pause"),
                trials: breaker.small(BREAKER_KEYS, "trials"),
            },
            retry: Retry {
                attempts: retry.small(RETRY_KEYS, "attempts"),
                delay: retry.time(RETRY_KEYS, "delay"),
                delay_max: retry.time(RETRY_KEYS, "delay_max"),
            },
            cache: self.cache(),
            group: self.membership(),
        }
    }

    fn section(&self, name: &str) -> Section<'_> {
        match self.field(name).map(|field| &field.value) {
            Some(Read::Section(fields)) => Section(Some(fields)),
            _ => Section(None),
        }
    }

    fn cache(&mut self) -> Cache {
        let section = self.section("cache");
        let mut cache = Cache {
            tools: Vec::new(),
            ttl: section.time(CACHE_KEYS, "ttl"),
            entries: section.size(CACHE_KEYS, "entries"),
            bytes: section.size(CACHE_KEYS, "bytes"),
        };
        let patterns = texts_of(section.field("tools")).to_vec();
        self.check_patterns("cache.tools", &patterns);
        cache.tools = owned(&patterns);
        cache
    }

    fn membership(&mut self) -> Option<Membership> {
        let Some(group) = text_of(self.field("group")) else {
            for idle in ["priority", "weight"] {
                if let Some(field) = self.declaration.raw.fields.get(idle) {
                    // Other tools may mean something else by it.
                    let severity = match self.declaration.raw.manner {
                        Manner::Own => Severity::Warning,
                        Manner::Foreign => Severity::Note,
                    };
                    self.say(severity, field.key_span, &format!("`{idle}` says nothing without `group`"))
                        .hint("set the same `group` for servers that stand in for each other");
                }
            }
            return None;
        };
        let name = reduce(&group.text);
        if name.is_empty() {
            self.problem(group.span, "the name of its `group` has no letter or digit")
                .hint("public names are made of a-z, 0-9 and -");
            return None;
        }
        let number = |name| Section::small_of(self.field(name), SERVER_KEYS, name);
        Some(Membership { name, priority: number("priority"), weight: number("weight") })
    }
}

/// The fields of a section, or none.
#[derive(Clone, Copy)]
struct Section<'a>(Option<&'a Fields>);

// === impl Section ===

impl<'a> Section<'a> {
    fn field(self, name: &str) -> Option<&'a Field> {
        self.0.and_then(|fields| fields.get(name))
    }

    fn number(self, keys: &'static [Key], name: &str) -> u64 {
        number_or_default(self.field(name), keys, name)
    }

    fn size(self, keys: &'static [Key], name: &str) -> usize {
        size(self.field(name), keys, name)
    }

    fn small(self, keys: &'static [Key], name: &str) -> u32 {
        Self::small_of(self.field(name), keys, name)
    }

    fn small_of(field: Option<&Field>, keys: &'static [Key], name: &str) -> u32 {
        u32::try_from(number_or_default(field, keys, name)).unwrap_or(u32::MAX)
    }

    fn time(self, keys: &'static [Key], name: &str) -> Duration {
        duration_or_default(self.field(name), keys, name)
    }
}

fn size(field: Option<&Field>, keys: &'static [Key], name: &str) -> usize {
    usize::try_from(number_or_default(field, keys, name)).unwrap_or(usize::MAX)
}

/// The name of a group must be nobody else's: public names begin with it. Whoever is in such a group
/// is left out of it, with the reason.
pub(crate) fn refuse_group_names(
    config: &mut Config,
    declared: &BTreeMap<String, (usize, RawServer)>,
    documents: &[Document],
    report: &mut Report,
) {
    let names: BTreeMap<String, String> =
        config.servers.values().map(|server| (server.reduced.clone(), server.name.clone())).collect();
    for server in config.servers.values_mut() {
        let Some(other) = server.guards.group.as_ref().and_then(|group| names.get(&group.name)) else { continue };
        let Some((at, raw)) = declared.get(&server.name) else { continue };
        let span = raw.fields.get("group").map_or(raw.name_span, |field| field.span);
        let severity: Severity = severity_for(documents[*at].approval());
        let message = format!("server `{}`: its `group` has the public name of the server `{other}`", server.name);
        report.at(&documents[*at].source, severity, span, message).hint("choose another name for the group");
        server.guards.group = None;
    }
}

/// The guards as they would stand in a file: those that differ from the defaults, and the most
/// useful numbers.
pub(crate) fn shown(server: &Server) -> Map<String, Value> {
    let Guards { max_concurrent, response_max, rate_limit, breaker, retry, cache, group } = &server.guards;
    let some = |number: u64| (number > 0).then_some(number);
    let shown = json!({
        "connect_timeout": show_duration(server.connect_timeout),
        "max_concurrent": max_concurrent,
        "response_max": show_bytes(*response_max as u64),
        "group": group.as_ref().map(|group| &group.name),
        "priority": group.as_ref().map(|group| group.priority),
        "weight": group.as_ref().map(|group| group.weight),
        "rate_limit": {
            "calls_per_second": some(rate_limit.calls_per_second),
            "burst": some(rate_limit.burst),
            "calls_per_second_per_client": some(rate_limit.calls_per_second_per_client),
            "calls_per_second_per_tool": some(rate_limit.calls_per_second_per_tool),
        },
        "breaker": {
            "failures": breaker.failures,
            "pause": show_duration(breaker.pause),
            "trials": breaker.trials,
        },
        "retry": {
            "attempts": retry.attempts,
            "delay": show_duration(retry.delay),
            "delay_max": show_duration(retry.delay_max),
        },
        "cache": (!cache.tools.is_empty()).then(|| json!({
            "tools": cache.tools,
            "ttl": show_duration(cache.ttl),
            "entries": cache.entries,
            "bytes": show_bytes(cache.bytes as u64),
        })),
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}
