//! What is known of the daemon, and how news changes it. Everything here is bounded; nothing here
//! asks for anything, and nothing knows how it is shown.

use control::said::{LogLine, Server, Tool};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Calls that are kept to be looked at.
const CALLS_MAX: usize = 1000;
/// Lines of logs that are kept to be scrolled through.
const LINES_MAX: usize = 2000;

/// Something new about the daemon.
#[derive(Debug)]
pub(super) enum News {
    /// It cannot be reached, and is tried again after a while.
    Lost { why: String, again: Duration },
    /// Figures of the whole; all of them, or those that differ.
    Overview { whole: bool, members: Map<String, Value> },
    /// Servers; all of them, or those that differ and those that are gone.
    Servers { whole: bool, changed: BTreeMap<String, Server>, removed: Vec<String> },
    /// Calls in the order in which they ended; those to begin with, or more.
    Calls { whole: bool, items: Vec<Call>, missed: u64 },
    /// What servers offer is not as it was.
    Catalog,
    /// The tools that are offered now.
    Tools(Vec<Tool>),
    /// The log that was asked for under this number begins.
    LogBegins(u64),
    /// More lines of it.
    LogGoesOn(u64, Vec<LogLine>),
}

/// Whether the daemon is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Link {
    #[default]
    Connecting,
    Live,
    /// Not since a while; tried again at a time of our clock.
    Lost {
        why: String,
        again_at: Duration,
    },
}

/// Figures of the whole, as the daemon pushes them; those it does not know are missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Overview {
    pub(super) version: String,
    pub(super) uptime_ms: u64,
    pub(super) calls_per_minute: Option<f64>,
    /// From 0 to 1.
    pub(super) error_rate: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) in_flight: Option<u64>,
    pub(super) sessions: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) cpu_percent: Option<f64>,
    pub(super) draining: bool,
    /// What is wrong with the configuration on disk.
    pub(super) configuration: Option<String>,
}

/// A finished call, without what went through it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) id: Value,
    pub(super) at: String,
    pub(super) method: String,
    pub(super) server: Option<String>,
    pub(super) name: Option<String>,
    pub(super) principal: String,
    pub(super) client_era: Option<String>,
    pub(super) server_era: Option<String>,
    pub(super) outcome: String,
    pub(super) cached: bool,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) cause: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) total_us: u64,
    pub(super) stages: Vec<Stage>,
}

/// What a call spent its time with, in microseconds from its begin.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stage {
    pub(super) stage: String,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

/// A server, and when we were told of it: its ages go on from there.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) server: Server,
    pub(super) told_at: Duration,
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) link: Link,
    overview: Map<String, Value>,
    pub(super) figures: Overview,
    pub(super) figures_at: Duration,
    pub(super) servers: BTreeMap<String, Known>,
    /// The oldest first.
    pub(super) calls: VecDeque<Call>,
    pub(super) calls_missed: u64,
    /// The oldest first.
    pub(super) lines: VecDeque<LogLine>,
    pub(super) tools: Option<Vec<Tool>>,
}

// === impl Facts ===

impl Facts {
    /// Takes in what is new at the time `now`. Lines of a log other than number `log` are too late.
    pub(super) fn take(&mut self, news: News, log: u64, now: Duration) {
        match news {
            News::Lost { why, again } => {
                self.link = Link::Lost { why, again_at: now + again };
                return;
            }
            News::Overview { whole, members } => self.take_overview(whole, members, now),
            News::Servers { whole, changed, removed } => {
                if whole {
                    self.servers.clear();
                }
                self.servers.retain(|name, _| !removed.contains(name));
                let known = |(name, server)| (name, Known { server, told_at: now });
                self.servers.extend(changed.into_iter().map(known));
            }
            News::Calls { whole, items, missed } => {
                if whole {
                    self.calls.clear();
                    self.calls_missed = 0;
                }
                self.calls_missed += missed;
                self.calls.extend(items);
                keep(&mut self.calls, CALLS_MAX);
            }
            News::Tools(tools) => self.tools = Some(tools),
            News::LogBegins(number) if number == log => self.lines.clear(),
            News::LogGoesOn(number, lines) if number == log => {
                self.lines.extend(lines);
                keep(&mut self.lines, LINES_MAX);
            }
            // They come over wires of their own and say nothing about the stream of news.
            News::Catalog | News::LogBegins(_) | News::LogGoesOn(..) => return,
        }
        self.link = Link::Live;
    }

    fn take_overview(&mut self, whole: bool, members: Map<String, Value>, now: Duration) {
        if whole {
            self.overview.clear();
        }
        let has_age = members.contains_key("uptime_ms");
        self.overview.extend(members);
        // A daemon of another version may say something else under a name: what was known stays.
        let Ok(figures) = Overview::deserialize(Value::Object(self.overview.clone())) else { return };
        self.figures = figures;
        if has_age {
            self.figures_at = now;
        }
    }

    /// Milliseconds that the daemon has run.
    pub(super) fn uptime_ms(&self, now: Duration) -> u64 {
        self.figures.uptime_ms + since(self.figures_at, now)
    }
}

// === impl Known ===

impl Known {
    /// Milliseconds that it has been ready without a break; none when it is not.
    pub(super) fn uptime_ms(&self, now: Duration) -> Option<u64> {
        Some(self.server.uptime_ms? + since(self.told_at, now))
    }
}

// === impl Call ===

impl Call {
    /// What tells it apart from other calls.
    pub(super) fn key(&self) -> String {
        match &self.id {
            Value::String(id) => id.clone(),
            Value::Null => format!("{} {} {}", self.at, self.method, self.total_us),
            id => id.to_string(),
        }
    }

    /// Whether it ended as it should.
    pub(super) fn is_good(&self) -> bool {
        matches!(self.outcome.as_str(), "ok" | "input_required")
    }
}

fn since(then: Duration, now: Duration) -> u64 {
    u64::try_from(now.saturating_sub(then).as_millis()).unwrap_or(u64::MAX)
}

fn keep<T>(items: &mut VecDeque<T>, most: usize) {
    items.drain(..items.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_delta_changes_only_what_it_names_and_ages_go_on() {
        let mut facts = Facts::default();
        let second = Duration::from_secs(1);
        let whole = members(json!({ "version": "1", "uptime_ms": 500, "p95_ms": 3.0 }));
        facts.take(News::Overview { whole: true, members: whole }, 0, second);
        facts.take(News::Overview { whole: false, members: members(json!({ "p95_ms": 4.5 })) }, 0, second * 3);
        assert_eq!((facts.figures.version.as_str(), facts.figures.p95_ms), ("1", Some(4.5)));
        assert_eq!(facts.uptime_ms(second * 4), 3500);
        facts.take(News::Overview { whole: false, members: members(json!({ "p95_ms": "?" })) }, 0, second * 5);
        assert_eq!(facts.figures.p95_ms, Some(4.5));
    }

    #[test]
    fn what_is_kept_is_bounded_and_other_logs_are_too_late() {
        let mut facts = Facts::default();
        let call = |number: usize| Call { id: number.into(), ..Call::default() };
        facts.take(News::Calls { whole: true, items: (0..900).map(call).collect(), missed: 1 }, 0, Duration::ZERO);
        facts.take(News::Calls { whole: false, items: (900..1800).map(call).collect(), missed: 2 }, 0, Duration::ZERO);
        assert_eq!((facts.calls.len(), facts.calls[0].key(), facts.calls_missed), (CALLS_MAX, "800".to_owned(), 3));
        let line = LogLine { at: String::new(), server: None, stream: "stderr".to_owned(), text: "x".to_owned() };
        facts.take(News::LogGoesOn(1, vec![line.clone()]), 2, Duration::ZERO);
        assert!(facts.lines.is_empty());
        facts.take(News::LogGoesOn(2, vec![line]), 2, Duration::ZERO);
        assert_eq!(facts.lines.len(), 1);
    }

    #[test]
    fn a_lost_daemon_is_there_again_with_the_next_news() {
        let mut facts = Facts::default();
        let again = Duration::from_secs(2);
        facts.take(News::Lost { why: "gone".to_owned(), again }, 0, again);
        assert_eq!(facts.link, Link::Lost { why: "gone".to_owned(), again_at: again * 2 });
        facts.take(News::Catalog, 0, again);
        assert_ne!(facts.link, Link::Live);
        facts.take(News::Servers { whole: true, changed: BTreeMap::new(), removed: Vec::new() }, 0, again);
        assert_eq!(facts.link, Link::Live);
    }
}
