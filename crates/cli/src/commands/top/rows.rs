//! What is known, as the rows of lists: which columns there are and what stands in them. Texts of
//! strangers are made harmless here; how wide things get is for whoever draws.

use super::facts::{Call, Facts, Known};
use super::state::Tone;
use crate::printer::harmless;
use control::said::Tool;
use std::cmp::Reverse;
use std::time::Duration;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) is_number: bool,
    /// Cells at most.
    pub(super) width_max: usize,
    /// Where there is no room, columns go by this: the highest first; 0 stays.
    pub(super) rank: u8,
}

/// A row, with the key that tells it apart.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: String,
    pub(super) cells: Vec<(String, Tone)>,
    /// What else there is to say while it is chosen.
    pub(super) notes: Vec<(String, Tone)>,
}

/// A list.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Row>,
    /// Rows before it was filtered.
    pub(super) total: usize,
    /// What is said where there is no row.
    pub(super) empty: &'static str,
}

/// What servers are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Cpu,
    Memory,
    Calls,
    Failures,
}

const SERVERS: &[Column] = &[
    Column { title: "NAME", is_number: false, width_max: 24, rank: 0 },
    Column { title: "STATE", is_number: false, width_max: 10, rank: 0 },
    Column { title: "HEALTH", is_number: false, width_max: 9, rank: 0 },
    Column { title: "ERA", is_number: false, width_max: 6, rank: 3 },
    Column { title: "VIA", is_number: false, width_max: 5, rank: 4 },
    Column { title: "UP", is_number: true, width_max: 6, rank: 1 },
    Column { title: "CALLS", is_number: true, width_max: 7, rank: 1 },
    Column { title: "FAIL", is_number: true, width_max: 6, rank: 1 },
    Column { title: "RST", is_number: true, width_max: 4, rank: 2 },
    Column { title: "MEM", is_number: true, width_max: 6, rank: 2 },
    Column { title: "CPU%", is_number: true, width_max: 5, rank: 2 },
    Column { title: "REASON", is_number: false, width_max: 200, rank: 5 },
];

const CALLS: &[Column] = &[
    Column { title: "AT", is_number: false, width_max: 8, rank: 0 },
    Column { title: "SERVER", is_number: false, width_max: 16, rank: 0 },
    Column { title: "NAME", is_number: false, width_max: 40, rank: 0 },
    Column { title: "OUTCOME", is_number: false, width_max: 16, rank: 0 },
    Column { title: "MS", is_number: true, width_max: 8, rank: 0 },
    Column { title: "WHO", is_number: false, width_max: 18, rank: 1 },
    Column { title: "BYTES", is_number: true, width_max: 7, rank: 2 },
    Column { title: "METHOD", is_number: false, width_max: 24, rank: 3 },
];

const TOOLS: &[Column] = &[
    Column { title: "TOOL", is_number: false, width_max: 46, rank: 0 },
    Column { title: "SERVER", is_number: false, width_max: 16, rank: 2 },
    Column { title: "APPROVED", is_number: false, width_max: 8, rank: 1 },
    Column { title: "DESCRIPTION", is_number: false, width_max: 200, rank: 3 },
];

/// Cells of a text that a row keeps: what is longer is seen on its page.
const CELL_CHARS_MAX: usize = 400;

// === impl Table ===

impl Table {
    fn new(columns: &'static [Column], rows: Vec<Row>, empty: &'static str) -> Self {
        Self { columns, total: rows.len(), rows, empty }
    }

    /// Leaves the rows that fit.
    pub(super) fn retain(&mut self, filter: &str) {
        self.rows.retain(|row| fits(filter, row.cells.iter().map(|(text, _)| text.as_str())));
    }

    /// The keys of the rows.
    pub(super) fn keys(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.key.clone()).collect()
    }
}

// === impl Sort ===

impl Sort {
    pub(super) const ALL: [Self; 5] = [Self::Name, Self::Cpu, Self::Memory, Self::Calls, Self::Failures];

    /// The key that chooses it.
    pub(super) fn letter(self) -> char {
        match self {
            Self::Name => 'N',
            Self::Cpu => 'C',
            Self::Memory => 'M',
            Self::Calls => 'A',
            Self::Failures => 'F',
        }
    }

    /// The title of its column.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Cpu => "CPU%",
            Self::Memory => "MEM",
            Self::Calls => "CALLS",
            Self::Failures => "FAIL",
        }
    }

    fn sort(self, servers: &mut [&Known]) {
        match self {
            Self::Name => {}
            Self::Cpu => servers.sort_by(|one, other| {
                let cpu = |known: &Known| known.server.cpu_percent.unwrap_or(-1.0);
                cpu(other).total_cmp(&cpu(one))
            }),
            Self::Memory => servers.sort_by_key(|known| Reverse(known.server.memory_kib)),
            Self::Calls => servers.sort_by_key(|known| Reverse(known.server.calls)),
            Self::Failures => servers.sort_by_key(|known| Reverse(known.server.failures)),
        }
    }
}

/// Whether one of these texts holds `filter`, in capitals or not; with `!` before it, none may.
pub(super) fn fits<'a>(filter: &str, texts: impl IntoIterator<Item = &'a str>) -> bool {
    let (wanted, is_not) = filter.strip_prefix('!').map_or((filter, false), |rest| (rest, true));
    let wanted = wanted.to_lowercase();
    wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted)) != is_not
}

/// The servers.
pub(super) fn servers(facts: &Facts, sort: Sort, now: Duration) -> Table {
    let mut servers: Vec<&Known> = facts.servers.values().collect();
    sort.sort(&mut servers);
    let rows = servers.into_iter().map(|known| server(known, now)).collect();
    Table::new(SERVERS, rows, "no servers are declared; add one: switchboard add NAME -- COMMAND")
}

fn server(known: &Known, now: Duration) -> Row {
    let server = &known.server;
    let reason = server.reason.as_deref().unwrap_or_default();
    let dash = || "-".to_owned();
    let failed = if server.failures > 0 { Tone::Warn } else { Tone::Plain };
    let restarted = if server.restarts > 0 { Tone::Warn } else { Tone::Plain };
    let cells = vec![
        (plain(&server.name), Tone::Plain),
        (plain(&server.state), state_tone(&server.state)),
        (plain(&server.health), health_tone(&server.health)),
        (server.era.as_deref().map_or_else(dash, plain), Tone::Faint),
        (plain(&server.transport), Tone::Faint),
        (known.uptime_ms(now).map_or_else(dash, age), Tone::Plain),
        (short(server.calls), Tone::Plain),
        (short(server.failures), failed),
        (short(server.restarts), restarted),
        (server.memory_kib.map_or_else(dash, |kib| size(kib * 1024)), Tone::Plain),
        (server.cpu_percent.map_or_else(dash, |percent| format!("{percent:.1}")), Tone::Plain),
        (plain(reason), Tone::Faint),
    ];
    let mut notes = vec![match server.reason.as_deref().filter(|_| server.health != "healthy") {
        Some(reason) => (plain(reason), health_tone(&server.health)),
        None => (plain(&server.health_reason), health_tone(&server.health)),
    }];
    notes.extend(server.hint.as_deref().map(|hint| (format!("next: {}", plain(hint)), Tone::Plain)));
    Row { key: server.name.clone(), cells, notes }
}

/// The calls, the newest first.
pub(super) fn calls(facts: &Facts, server: Option<&str>) -> Table {
    let of_server = |call: &&Call| server.is_none_or(|server| call.server.as_deref() == Some(server));
    let rows = facts.calls.iter().rev().filter(of_server).map(call).collect();
    Table::new(CALLS, rows, "no calls yet: they show as they end")
}

fn call(call: &Call) -> Row {
    let dash = || "-".to_owned();
    let tone = if call.is_good() { Tone::Good } else { Tone::Bad };
    let outcome = if call.cached { format!("{} (kept)", plain(&call.outcome)) } else { plain(&call.outcome) };
    let cells = vec![
        (clock(&call.at), Tone::Faint),
        (call.server.as_deref().map_or_else(dash, plain), Tone::Plain),
        (plain(call.name.as_ref().unwrap_or(&call.method)), Tone::Plain),
        (outcome, tone),
        (milliseconds(call.total_us), Tone::Plain),
        (plain(&call.principal), Tone::Faint),
        (size(call.bytes_out), Tone::Faint),
        (plain(&call.method), Tone::Faint),
    ];
    let notes = call.cause.iter().map(|cause| (plain(cause), tone)).collect();
    Row { key: call.key(), cells, notes }
}

/// The tools.
pub(super) fn tools(facts: &Facts, server: Option<&str>) -> Table {
    let of_server = |tool: &&Tool| server.is_none_or(|server| tool.server == server);
    let rows = facts.tools.iter().flatten().filter(of_server).map(tool).collect();
    let empty = if facts.tools.is_some() { "there are no tools" } else { "asking for the tools …" };
    Table::new(TOOLS, rows, empty)
}

fn tool(tool: &Tool) -> Row {
    let definition: serde_json::Value = tool.definition.read().unwrap_or_default();
    let about = definition["description"].as_str().or(definition["title"].as_str()).unwrap_or_default();
    let approved = match &tool.unapproved {
        Some(why) => (plain(why), Tone::Warn),
        None => ("yes".to_owned(), Tone::Faint),
    };
    let name = tool_name(tool);
    let cells = vec![
        (plain(&name), Tone::Plain),
        (plain(&tool.server), Tone::Faint),
        approved,
        (plain(about.trim()), Tone::Faint),
    ];
    Row { key: name, cells, notes: vec![(plain(about.trim()), Tone::Plain)] }
}

/// The name by which a tool is called; where that is taken, by its server's.
pub(super) fn tool_name(tool: &Tool) -> String {
    tool.name.clone().unwrap_or_else(|| format!("{}.{}", tool.server, tool.own))
}

/// A stranger's text on one line, without what controls a terminal or turns the direction of writing.
pub(super) fn plain(text: &str) -> String {
    let is_turning =
        |letter: &char| matches!(letter, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let spaced = harmless(text).replace(['\n', '\t'], " ");
    spaced.chars().filter(|letter| !is_turning(letter)).take(CELL_CHARS_MAX).collect()
}

pub(super) fn state_tone(state: &str) -> Tone {
    match state {
        "ready" => Tone::Good,
        "failed" | "crash_loop" => Tone::Bad,
        "asleep" | "stopped" | "disabled" => Tone::Faint,
        _ => Tone::Warn,
    }
}

pub(super) fn health_tone(health: &str) -> Tone {
    match health {
        "healthy" => Tone::Good,
        "unhealthy" | "critical" => Tone::Bad,
        "unknown" => Tone::Faint,
        _ => Tone::Warn,
    }
}

/// The time of day of a moment as we write it, `2026-01-02T03:04:05.678Z`.
pub(super) fn clock(at: &str) -> String {
    plain(at.get(11..19).unwrap_or(at))
}

/// A span of time in at most six characters: the two largest units.
pub(super) fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A count in at most five characters.
pub(super) fn short(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..10_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// Bytes in at most six characters.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}K", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{}M", tenths(1_048_576)),
        _ => format!("{}G", tenths(1_073_741_824)),
    }
}

/// Microseconds as milliseconds.
pub(super) fn milliseconds(us: u64) -> String {
    if us < 100_000 { format!("{}.{}", us / 1000, us % 1000 / 100) } else { (us / 1000).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let ages = [999, 61_000, 3_661_000, 90_000_000].map(age);
        assert_eq!(ages, ["0s", "1m1s", "1h1m", "1d1h"]);
        assert_eq!([7, 123_456, 45_000_000].map(short), ["7", "123k", "45M"]);
        assert_eq!([7, 2048, 1_572_864, 3 << 30].map(size), ["7B", "2K", "1.5M", "3.0G"]);
        assert_eq!([1234, 250_000].map(milliseconds), ["1.2", "250"]);
        assert_eq!((clock("2026-01-02T03:04:05.678Z").as_str(), clock("x").as_str()), ("03:04:05", "x"));
    }

    #[test]
    fn a_filter_is_a_text_or_the_lack_of_one() {
        assert!(fits("", ["a"]) && fits("B", ["abc"]) && fits("!x", ["abc"]) && fits("!", ["abc"]));
        assert!(!fits("x", ["abc"]) && !fits("!b", ["abc", "x"]));
    }

    #[test]
    fn texts_of_strangers_are_one_harmless_line() {
        assert_eq!(plain("a\u{1b}[2J\nb\tc\u{202e}d\u{9b}31m"), "a[2J b cd31m");
    }
}
