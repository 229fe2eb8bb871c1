//! Loops around one running switchboard. They are tests of `tests/e2e` that are told to be large and say
//! their figures on stderr; this file runs them on a release build and gathers what they said.

use crate::tool::{self, Watched};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- faults:begin -->";
const END: &str = "<!-- faults:end -->";
const ABOUT: &str = "\n## Faults\n\nCalls of a healthy server every millisecond while its neighbour is called too: a \
                     neighbour that is well (calm), then one that misbehaves (hurt). The bound is the calm p99 + 10 % + 2 ms.\n\n";
const HEAD: &str = "| fault | mode | calls | p50 µs calm | p50 µs hurt | p99 µs calm | p99 µs hurt | within |\n|---|---|--:|--:|--:|--:|--:|---|\n";

/// How large the loops are.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// Seconds that the healthy server is watched beside each fault
    #[arg(long, default_value_t = 10)]
    fault_seconds: u64,
    /// How many servers start together
    #[arg(long, default_value_t = 500)]
    starts: u64,
    /// How many lives hostile servers have
    #[arg(long, default_value_t = 1_000)]
    cycles: u64,
    /// How many servers are declared in the crowd
    #[arg(long, default_value_t = 300)]
    crowd: u64,
    /// Seconds that the crowd is left alone
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// Seconds of the soak
    #[arg(long, default_value_t = 600)]
    soak_seconds: u64,
    /// How many servers are hostile
    #[arg(long, default_value_t = 49)]
    hostile_servers: u64,
    /// Seconds that the one that is not is watched
    #[arg(long, default_value_t = 60)]
    hostile_seconds: u64,
    /// How many servers the fleet has
    #[arg(long, default_value_t = 50)]
    fleet: u64,
    /// Seconds that the fleet is called
    #[arg(long, default_value_t = 30)]
    fleet_seconds: u64,
    /// How many readers of live events there are
    #[arg(long, default_value_t = 200)]
    live_readers: u64,
    /// Seconds that calls are made before them
    #[arg(long, default_value_t = 120)]
    live_seconds: u64,
    /// How many values are kept for each figure of the cache
    #[arg(long, default_value_t = 200_000)]
    cache_calls: u64,
    /// How many requests each operation of REST gets
    #[arg(long, default_value_t = 200)]
    examples: u64,
}

/// Runs tests of `tests/e2e` on a release build; gives what they say in lines that begin with `mark`.
///
/// # Errors
/// A test failed, or said nothing.
pub(super) fn figures(root: &Path, variables: &[(&str, u64)], tests: &str, mark: &str) -> Result<Vec<String>> {
    tool::run(tool::cargo(root).args(["build", "--release", "--workspace", "--bins"]))?;
    let mut test = tool::cargo(root);
    test.envs(variables.iter().map(|(name, value)| (*name, value.to_string())));
    test.args(["test", "--release", "-p", "e2e", "--", tests, "--nocapture", "--test-threads", "1"]);
    let mut figures = Vec::new();
    let calm = tool::watch(&mut test, Watched::Stderr, |line| {
        figures.extend(line.strip_prefix(mark).map(|figure| figure.trim().to_owned()));
    })?;
    ensure!(calm && !figures.is_empty(), "`cargo test` failed; see above");
    Ok(figures)
}

fn one(root: &Path, variables: &[(&str, u64)], tests: &str, mark: &str) -> Result<String> {
    Ok(figures(root, variables, tests, mark)?.join("; "))
}

pub(super) fn starts(root: &Path, sizes: &Sizes) -> Result<String> {
    one(root, &[("SWITCHBOARD_LAB_STARTS", sizes.starts)], "f_20", "starts: ")
}

pub(super) fn cycles(root: &Path, sizes: &Sizes) -> Result<String> {
    one(root, &[("SWITCHBOARD_LAB_CYCLES", sizes.cycles)], "lab::cycles", "cycles: ")
}

pub(super) fn crowd(root: &Path, sizes: &Sizes) -> Result<String> {
    let variables = [("SWITCHBOARD_LAB_CROWD", sizes.crowd), ("SWITCHBOARD_LAB_CROWD_IDLE", sizes.idle_seconds)];
    one(root, &variables, "lab::crowd", "crowd: ")
}

pub(super) fn soak(root: &Path, sizes: &Sizes) -> Result<String> {
    one(root, &[("SWITCHBOARD_LAB_SOAK", sizes.soak_seconds)], "lab::soak", "soak: ")
}

pub(super) fn hostile(root: &Path, sizes: &Sizes) -> Result<String> {
    let servers = ("SWITCHBOARD_LAB_HOSTILE", sizes.hostile_servers);
    let variables = [servers, ("SWITCHBOARD_LAB_HOSTILE_SECONDS", sizes.hostile_seconds)];
    one(root, &variables, "lab::hostile", "hostile: ")
}

pub(super) fn fleet(root: &Path, sizes: &Sizes) -> Result<String> {
    let variables = [("SWITCHBOARD_LAB_FLEET", sizes.fleet), ("SWITCHBOARD_LAB_FLEET_SECONDS", sizes.fleet_seconds)];
    one(root, &variables, "lab::fleet", "fleet: ")
}

pub(super) fn cache_speed(root: &Path, sizes: &Sizes) -> Result<String> {
    one(root, &[("SWITCHBOARD_LAB_CACHE", sizes.cache_calls)], "lab::cache", "cache-speed: ")
}

pub(super) fn live(root: &Path, sizes: &Sizes) -> Result<String> {
    let idle = ("SWITCHBOARD_LAB_LIVE_IDLE", sizes.idle_seconds);
    let seconds = ("SWITCHBOARD_LAB_LIVE_SECONDS", sizes.live_seconds);
    one(root, &[("SWITCHBOARD_LAB_LIVE", sizes.live_readers), seconds, idle], "lab::live", "live: ")
}

pub(super) fn schemathesis(root: &Path, sizes: &Sizes) -> Result<String> {
    one(root, &[("SWITCHBOARD_LAB_SCHEMATHESIS", sizes.examples)], "lab::schemathesis", "schemathesis: ")
}

/// Has a table of its own besides its line.
pub(super) fn faults(root: &Path, sizes: &Sizes, write: bool) -> Result<String> {
    let rows = figures(root, &[("SWITCHBOARD_LAB_FAULTS", sizes.fault_seconds)], "faults::figures", "faults| ")?;
    let within = rows.iter().filter(|row| row.ends_with("yes |")).count();
    if write {
        let path = root.join("BENCH.md");
        let page = fs::read_to_string(&path).context("BENCH.md cannot be read")?;
        fs::write(&path, with_table(&page, &rows)?).context("BENCH.md cannot be written")?;
    }
    Ok(format!("{within} of {} faults leave the p99 of another server within 10 % + 2 ms", rows.len()))
}

fn with_table(page: &str, rows: &[String]) -> Result<String> {
    let mut page = page.to_owned();
    if !page.contains(BEGIN) {
        write!(page, "{ABOUT}{BEGIN}\n{END}\n")?;
    }
    let (before, rest) = page.split_once(BEGIN).context("no table")?;
    let (_, after) = rest.split_once(END).context("BENCH.md lost faults:end")?;
    let rows: String = rows.iter().map(|row| format!("| {row}\n")).collect();
    Ok(format!("{before}{BEGIN}\n{HEAD}{rows}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_faults_replaces_the_one_before() {
        let page = with_table("# Benchmarks\n", &["F-01 | `old` | yes |".to_owned()]).unwrap();
        let page = with_table(&page, &["F-02 | `new` | no |".to_owned()]).unwrap();
        assert!(page.starts_with("# Benchmarks\n\n## Faults\n") && !page.contains("old"), "{page}");
        assert!(page.ends_with(&format!("{BEGIN}\n{HEAD}| F-02 | `new` | no |\n{END}\n")), "{page}");
    }
}
