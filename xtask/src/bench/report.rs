//! The tables: goals first, then every figure, as markdown.
//!
//! Each ratio is taken within its round and scenario; what is printed is the median of the rounds.

use super::goals;
use super::rig::Row;
use super::scenario::Scenario;
use super::table::{CPU, P50, P99, RPS, Table, median};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";
/// A round whose noise is above the best by this factor is not calm.
const CALM: f64 = 1.4;

/// What stands in `BENCH.md` around the tables when it is written for the first time.
const METHOD: &str = "# Benchmarks

What the switchboard adds between an MCP client and its servers. The section between the two
markers is written by `cargo xtask bench --write`.

## Method

- All programs run on one machine and talk over loopback: `bench-load` (one thread), the contender
  (its own default of threads; the floor gateway two) and `bench-echo` (one thread). They share the
  processors, so *calls/s over direct* is near the ratio of the CPU costs, and *CPU µs per call* is
  the figure to track: it hardly depends on what else runs.
- *direct* is the client calling the backend itself; over stdio with that many calls in flight on
  one pipe. *floor* is `bench-floor`, the least MCP-aware gateway: sessions of its own, the
  JSON-RPC envelope parsed with raw arguments, the name's prefix cut, the reply passed through, one
  rendered list; no limits, policies, records or health.
- *switchboard* runs with its defaults: filters, metrics and call records on. Peers run with
  logging at error and without authentication, which favours them.
- Closed loop: each connection has one call in flight and a session of its own. Every reply is
  checked for its id, its result, the absence of a tool error and its text or length. 100 B calls
  `echo`, 64 KiB calls `payload`. Each window follows a warm-up of 0.3 s.
- CPU is user and system time of the contender's own processes (for us the daemon and its guard,
  never the backends) over all right replies of the cell. RSS is summed over the same processes
  after the first list; peak is the sum of their highest.
- Cold start is from just before the spawn to the first `tools/list` that holds every backend's
  tools, with an empty data folder; *stored* is the same with the folder of an earlier start.
- Rounds are interleaved, every other one backwards. Ratios are taken within a round, tables show
  medians over the rounds. A fixed loop before and after each measurement shows how busy the machine
  was; rounds in which it took over 1.4 times the best are dropped where calm ones remain.
- At one connection latency is mostly wake-ups of idle processors and depends on where the
  scheduler puts the threads: compare within a run only.

## Result

";

/// Drops the rounds of a scenario in which the machine was busy, unless none was calm.
pub(super) fn keep_calm(rows: &mut Vec<Row>, notes: &mut Vec<String>) {
    let best = rows.iter().map(|row| row.noise).fold(f64::INFINITY, f64::min);
    for scenario in Scenario::ALL {
        let in_it = |row: &&Row| row.scenario == scenario;
        let busy = |row: &Row| row.noise > CALM * best;
        let mut loud: Vec<u32> = rows.iter().filter(in_it).filter(|row| busy(row)).map(|row| row.round).collect();
        loud.dedup();
        let calm_remain = rows.iter().filter(in_it).any(|row| !loud.contains(&row.round));
        if loud.is_empty() {
            continue;
        }
        let what = if calm_remain { "dropped" } else { "kept, none was calm" };
        notes.push(format!("{}: {} busy rounds {what}", scenario.name(), loud.len()));
        if calm_remain {
            rows.retain(|row| row.scenario != scenario || !loud.contains(&row.round));
        }
    }
}

/// Renders all tables.
pub(super) fn render(rows: &[Row], command: &str, notes: &[String]) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = writeln!(text, "`{command}` on {}.", machine());
    for note in notes {
        let _ = writeln!(text, "\n{note}.");
    }
    goals::render(&mut text, &Table(rows));
    starts(&mut text, &Table(rows));
    for scenario in Scenario::ALL {
        cells(&mut text, &Table(rows), scenario);
    }
    text
}

/// Puts the tables between the markers of `BENCH.md`, which is made if it is missing.
pub(super) fn write(root: &Path, tables: &str) -> Result<()> {
    let path = root.join("BENCH.md");
    let page = match fs::read_to_string(&path) {
        Ok(page) => page,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => {
            format!("{METHOD}{BEGIN}\n{END}\n")
        }
        Err(why) => return Err(why).context("BENCH.md"),
    };
    let page = replaced(&page, tables).context("BENCH.md has lost its bench markers")?;
    Ok(fs::write(path, page)?)
}

fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", tables.trim_end()))
}

fn starts(text: &mut String, table: &Table<'_>) {
    let _ = writeln!(
        text,
        "\n### Start and memory\n\n| backends | contender | cold ms | stored ms | RSS idle MiB | of it guard | RSS peak MiB | stdio processes |\n|---|---|--:|--:|--:|--:|--:|--:|"
    );
    for scenario in Scenario::ALL {
        for who in contenders(table, scenario).filter(|who| *who != "direct") {
            let of = |get: fn(&Row) -> Option<f64>| shown(table.median_of(who, scenario, get));
            let _ = writeln!(
                text,
                "| {} | {who} | {} | {} | {} | {} | {} | {} |",
                scenario.name(),
                of(|row| median(row.cold_ms.clone())),
                of(|row| row.stored_ms),
                of(|row| row.idle_mib.map(|(all, _)| all)),
                of(|row| row.idle_mib.map(|(all, largest)| all - largest)),
                of(|row| row.peak_mib),
                of(|row| row.processes.map(|count| count as f64)),
            );
        }
    }
}

fn cells(text: &mut String, table: &Table<'_>, scenario: Scenario) {
    let _ = writeln!(
        text,
        "\n### {}\n\n| call | contender | calls/s | over direct | p50 µs | p99 µs | CPU µs/call | over floor | errors |\n|---|---|--:|--:|--:|--:|--:|--:|--:|",
        scenario.title()
    );
    for cell in scenario.cells() {
        for who in contenders(table, scenario) {
            let of = |get| shown(table.cell(who, scenario, cell.name, get));
            let over = |base, get| shown(table.cell_ratio(scenario, cell.name, who, base, get));
            let seen = table.rows(who, scenario).filter_map(|row| row.cells.get(cell.name));
            let counted: Vec<u64> = seen.map(|seen| seen.errors).collect();
            if counted.is_empty() {
                continue;
            }
            let _ = writeln!(
                text,
                "| {} | {who} | {} | {} | {} | {} | {} | {} | {} |",
                cell.name,
                of(RPS),
                over("direct", RPS),
                of(P50),
                of(P99),
                of(CPU),
                over("floor", CPU),
                counted.iter().sum::<u64>(),
            );
        }
    }
}

/// Those with rows, in a fixed order.
fn contenders(table: &Table<'_>, scenario: Scenario) -> impl Iterator<Item = &'static str> {
    let all = ["direct", "floor", "switchboard", "before", "nginx", "mcp-proxy"];
    let present = all.map(|who| (who, table.rows(who, scenario).next().is_some()));
    present.into_iter().filter_map(|(who, is_there)| is_there.then_some(who))
}

/// Three digits where they mean something; a dash where there is nothing.
pub(super) fn shown(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

/// The machine in one line: processor, cores, memory, kernel, load.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let model = after(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or("unknown");
    format!(
        "{model}, {cores} cores, {} GiB, Linux {}; load of the last 5 minutes at the end {load}",
        kib / (1 << 20),
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::{replaced, shown};

    #[test]
    fn only_the_section_between_the_markers_changes() {
        let page = "a\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nb\n";
        let new = replaced(page, "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench:begin -->\nnew\n<!-- bench:end -->\nb\n");
        assert_eq!(replaced(&new, "new"), Some(new));
        assert_eq!(replaced("no markers", "new"), None);
    }

    #[test]
    fn figures_have_the_digits_that_mean_something() {
        let figures = [Some(0.123), Some(12.34), Some(1234.5), Some(2.0), None].map(shown);
        assert_eq!(figures, ["0.12", "12.3", "1234", "2", "–"]);
    }
}
