//! `cargo xtask lab`: what takes long or wants a quiet machine. Each loop is bounded and leaves
//! one line in `BENCH.md`, so that a claim there has its command beside it.

mod beside;
mod board;
mod goals;

mod memory;
mod pages;

mod stores;
mod tokens;

use crate::tool::{self, Watched};
use crate::{bench, fuzz, peers};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

const BEGIN: &str = "<!-- lab:begin -->";
const END: &str = "<!-- lab:end -->";
const HEAD: &str = "| loop | result | took | commit |\n|---|---|--:|---|\n";

/// Flags of `cargo xtask lab`.
#[derive(Debug, clap::Args)]
pub(crate) struct LabArgs {
    /// Which loop; all are listed without it
    name: Option<Loop>,
    /// How long each fuzz target runs
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many hostile envelopes each property gets
    #[arg(long, default_value_t = 1_000_000)]
    cases: u64,
    /// How many daemons are killed
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// How many orders of parked calls are tried
    #[arg(long, default_value_t = 100_000)]
    interleavings: u64,
    /// How many of each are held open
    #[arg(long, default_value_t = 2_000)]
    held: u64,
    /// How often a sleeping server is woken
    #[arg(long, default_value_t = 200)]
    wakes: u64,
    /// Sizes of the loops around one running switchboard
    #[command(flatten)]
    board: board::Sizes,
    /// Sizes of the loops of the server `goals`
    #[command(flatten)]
    goals: goals::Sizes,
    /// Sizes of the loop of the server `memory`
    #[command(flatten)]
    memory: memory::Sizes,
    /// Sizes of the loops of the store
    #[command(flatten)]
    stores: stores::Sizes,
    /// Sizes of the comparison with servers of others
    #[command(flatten)]
    beside: beside::Sizes,
    /// Sizes of the comparison of lists of tools
    #[command(flatten)]
    tokens: tokens::Sizes,
    /// Do not write the result into BENCH.md
    #[arg(long)]
    dry_run: bool,
}

/// The loops there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Loop {
    Fuzz,
    Hostile,
    Kills,
    StoreKills,
    Beside,
    Tokens,
    Parked,
    Held,
    Wake,
    Faults,
    Starts,
    Cycles,
    Crowd,
    Soak,
    HostileServers,
    Fleet,
    Live,
    Pages,
    CacheSpeed,
    Schemathesis,
    GoalsModel,
    GoalsScale,
    GoalsCrowd,
    MemoryScale,
    Bench,
}

// === impl Loop ===

impl Loop {
    const ALL: &[Self] = &[
        Self::Fuzz,
        Self::Hostile,
        Self::Kills,
        Self::StoreKills,
        Self::Beside,
        Self::Tokens,
        Self::Parked,
        Self::Held,
        Self::Wake,
        Self::Faults,
        Self::Starts,
        Self::Cycles,
        Self::Crowd,
        Self::Soak,
        Self::HostileServers,
        Self::Fleet,
        Self::Live,
        Self::Pages,
        Self::CacheSpeed,
        Self::Schemathesis,
        Self::GoalsModel,
        Self::GoalsScale,
        Self::GoalsCrowd,
        Self::MemoryScale,
        Self::Bench,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Fuzz => "fuzz",
            Self::Hostile => "hostile",
            Self::Kills => "kills",
            Self::StoreKills => "store-kills",
            Self::Beside => "beside",
            Self::Tokens => "tokens",
            Self::Parked => "parked",
            Self::Held => "held",
            Self::Wake => "wake",
            Self::Faults => "faults",
            Self::Starts => "starts",
            Self::Cycles => "cycles",
            Self::Crowd => "crowd",
            Self::Soak => "soak",
            Self::HostileServers => "hostile-servers",
            Self::Fleet => "fleet",
            Self::Live => "live",
            Self::Pages => "pages",
            Self::CacheSpeed => "cache-speed",
            Self::Schemathesis => "schemathesis",
            Self::GoalsModel => "goals-model",
            Self::GoalsScale => "goals-scale",
            Self::GoalsCrowd => "goals-crowd",
            Self::MemoryScale => "memory-scale",
            Self::Bench => "bench",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Fuzz => "libFuzzer on envelope and framing, 10 minutes each (--seconds)",
            Self::Hostile => "a million hostile envelopes per property (--cases)",
            Self::Kills => "kill -9 the daemon 200 times, count what is left (--kills)",
            Self::StoreKills => "kill -9 writers of the store 1 000 times on each database (--store-kills)",
            Self::Parked => "100 000 random orders of 64 clients with parked calls (--interleavings)",
            Self::Held => "memory of 2 000 idle sessions, streams, subscriptions and parked calls (--held)",
            Self::Wake => "what waking a sleeping server costs beyond its own start, 200 times (--wakes)",
            Self::Faults => "what each fault does to the calls of a healthy server, 10 s each (--fault-seconds)",
            Self::Starts => "500 servers start together (--starts)",
            Self::Cycles => "1 000 lives of hostile servers, count what is left (--cycles)",
            Self::Crowd => "300 servers, 100 of them running: start, list, idle (--crowd)",
            Self::Soak => "10 clients, 30 servers, 10 minutes with crashes (--soak-seconds)",
            Self::HostileServers => "49 of 50 servers hostile, the other watched (--hostile-seconds)",
            Self::Fleet => "50 servers over three transports at 1 000 calls a second (--fleet-seconds)",
            Self::Live => "200 dashboards, 50 calls a second for 2 minutes, a minute of rest (--live-readers)",
            Self::Beside => {
                "the servers inside beside server-memory, redis-mcp-server and mcp-server-fetch (--beside-calls)"
            }
            Self::Tokens => {
                "tokens of 50 servers' tools, in each exposure and behind gateways of others (--token-servers)"
            }
            Self::Pages => "the readable part of real pages, beside mcp-server-fetch",
            Self::CacheSpeed => "values kept a second through the server cache, embedded and Redis (--cache-calls)",
            Self::Schemathesis => "every operation of the OpenAPI document, many times (--examples)",
            Self::GoalsModel => "a million random operations on goals beside a naive model (--operations)",
            Self::GoalsScale => "100 000 tasks with 300 000 edges on each database (--tasks)",
            Self::GoalsCrowd => "64 agents that die and sleep over 10 000 tasks (--agents, --agent-tasks)",
            Self::MemoryScale => "searches among 100 000 memories on each database (--memories)",
            Self::Bench => "all figures, five rounds, with peers, into BENCH.md",
        }
    }
}

/// Lists the loops, or runs one and files its result.
///
/// # Errors
/// The loop found something.
pub(crate) fn run(root: &Path, args: &LabArgs) -> Result<()> {
    let Some(which) = args.name else {
        return list();
    };
    let began = Instant::now();
    let result = match which {
        Loop::Fuzz => fuzz::run(root, args.seconds)?,
        Loop::Hostile => hostile(root, args.cases)?,
        Loop::Kills => kills(root, args.kills)?,
        Loop::StoreKills => stores::kills(root, &args.stores)?,
        Loop::Parked => parked(root, args.interleavings)?,
        Loop::Held => held(root, args.held)?,
        Loop::Wake => wake(root, args.wakes)?,
        Loop::Faults => board::faults(root, &args.board, !args.dry_run)?,
        Loop::Starts => board::starts(root, &args.board)?,
        Loop::Cycles => board::cycles(root, &args.board)?,
        Loop::Crowd => board::crowd(root, &args.board)?,
        Loop::Soak => board::soak(root, &args.board)?,
        Loop::HostileServers => board::hostile(root, &args.board)?,
        Loop::Fleet => board::fleet(root, &args.board)?,
        Loop::Live => board::live(root, &args.board)?,
        Loop::Beside => beside::run(root, &args.beside, !args.dry_run)?,
        Loop::Tokens => tokens::run(root, &args.tokens, !args.dry_run)?,
        Loop::Pages => pages::run(root)?,
        Loop::CacheSpeed => board::cache_speed(root, &args.board)?,
        Loop::Schemathesis => board::schemathesis(root, &args.board)?,
        Loop::GoalsModel => goals::model(root, &args.goals)?,
        Loop::GoalsScale => goals::scale(root, &args.goals)?,
        Loop::GoalsCrowd => goals::crowd(root, &args.goals)?,
        Loop::MemoryScale => memory::scale(root, &args.memory)?,
        // It writes its own part of the page.
        Loop::Bench => return figures(root, !args.dry_run),
    };
    let seconds = began.elapsed().as_secs();
    writeln!(std::io::stderr(), "{}: {result}", which.name())?;
    if args.dry_run {
        return Ok(());
    }
    let commit = tool::output(tool::command("git").current_dir(root).args(["describe", "--always", "--dirty"]));
    let commit = commit.unwrap_or_default();
    let name = which.name();
    let row = format!("| `cargo xtask lab {name}` | {result} | {seconds} s | {} |\n", commit.trim());
    file(root, name, &row)
}

fn list() -> Result<()> {
    let mut out = std::io::stdout();
    for one in Loop::ALL {
        writeln!(out, "cargo xtask lab {:<15} {}", one.name(), one.what())?;
    }
    Ok(())
}

fn hostile(root: &Path, cases: u64) -> Result<String> {
    let mut test = tool::cargo(root);
    test.env("PROPTEST_CASES", cases.to_string());
    test.args(["test", "-p", "protocol", "--test", "hostile"]);
    let passed = passed(&mut test)?;
    Ok(format!("{passed} properties × {cases} cases, no finding"))
}

fn kills(root: &Path, kills: u64) -> Result<String> {
    peers::install(root)?;
    tool::run(tool::cargo(root).args(["build", "--workspace", "--all-targets"]))?;
    let mut test = tool::cargo(root);
    test.env("SWITCHBOARD_LAB_KILLS", kills.to_string());
    test.args(["test", "-p", "e2e", "--", "a_killed_daemon_leaves_nothing", "f_21", "--nocapture"]);
    let passed = passed(&mut test)?;
    Ok(format!("{passed} tests × {kills} kills, nothing left"))
}

fn parked(root: &Path, interleavings: u64) -> Result<String> {
    let mut test = tool::cargo(root);
    test.env("SWITCHBOARD_LAB_INTERLEAVINGS", interleavings.to_string());
    test.args(["test", "--release", "-p", "gateway", "--lib", "--", "many_clients_in_any_order"]);
    passed(&mut test)?;
    Ok(format!("{interleavings} orders × 64 clients: every call ended once, at its asker; nothing left"))
}

fn held(root: &Path, count: u64) -> Result<String> {
    let variables = [("SWITCHBOARD_LAB_HELD", count)];
    let figures = board::figures(root, &variables, "held::", "held: ")?;
    Ok(format!("{count} of each: {}", figures.join("; ")))
}

fn wake(root: &Path, wakes: u64) -> Result<String> {
    tool::run(tool::cargo(root).args(["build", "--release", "--workspace", "--bins"]))?;
    let mut test = tool::cargo(root);
    test.env("SWITCHBOARD_LAB_WAKES", wakes.to_string());
    test.args(["test", "--release", "-p", "e2e", "--", "a_wake_costs", "--nocapture", "--test-threads", "1"]);
    let mut figure = None;
    let calm = tool::watch(&mut test, Watched::Stderr, |line| {
        figure = line.strip_prefix("wake: ").map(|figure| figure.trim().to_owned()).or(figure.take());
    })?;
    ensure!(calm, "`cargo test` failed; see above");
    figure.context("the test gave no figure")
}

/// Runs `cargo test` and says how many passed; none is a failure too.
fn passed(test: &mut std::process::Command) -> Result<u64> {
    let mut passed = 0;
    let calm = tool::watch(test, Watched::Stdout, |line| {
        let counted = line.strip_prefix("test result: ok. ");
        let count = counted.and_then(|rest| rest.split_once(" passed"));
        passed += count.and_then(|(count, _)| count.parse().ok()).unwrap_or(0);
    })?;
    if !calm {
        bail!("`cargo test` failed; see above");
    }
    ensure!(passed > 0, "no test of this loop exists");
    Ok(passed)
}

fn figures(root: &Path, write: bool) -> Result<()> {
    let args = bench::BenchArgs { what: None, quick: false, peers: true, against: None, rounds: 5, write };
    bench::run(root, &args)
}

/// Puts a row into the table of `BENCH.md`, in place of the former one of that loop.
fn file(root: &Path, name: &str, row: &str) -> Result<()> {
    let path = root.join("BENCH.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|_| "# Benchmarks\n".to_owned());
    fs::write(&path, with_row(&page, name, row)?).context("BENCH.md cannot be written")
}

fn with_row(page: &str, name: &str, row: &str) -> Result<String> {
    let mut page = page.to_owned();
    if !page.contains(BEGIN) {
        let section = format!("\n## Lab\n\nThe large loops, as they last ran.\n\n{BEGIN}\n{END}\n");
        page.push_str(&section);
    }
    let (before, rest) = page.split_once(BEGIN).context("no table")?;
    let (table, after) = rest.split_once(END).context("BENCH.md lost lab:end")?;
    let mark = format!("| `cargo xtask lab {name}` |");
    let kept = table.lines().filter(|line| line.starts_with("| `"));
    let mut rows: Vec<String> = kept.filter(|line| !line.starts_with(&mark)).map(|line| format!("{line}\n")).collect();
    rows.push(row.to_owned());
    rows.sort();
    let mut text = String::new();
    write!(text, "{before}{BEGIN}\n{HEAD}{}{END}{after}", rows.concat())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_replaces_the_one_before() {
        let row = |name: &str, result: &str| format!("| `cargo xtask lab {name}` | {result} | 1 s | abc |\n");
        let page = with_row("# Benchmarks\n\ntext\n", "kills", &row("kills", "old")).unwrap();
        let page = with_row(&page, "fuzz", &row("fuzz", "calm")).unwrap();
        let page = with_row(&page, "kills", &row("kills", "new")).unwrap();
        assert!(page.starts_with("# Benchmarks\n\ntext\n"));
        assert!(!page.contains("old"));
        let table = format!("{BEGIN}\n{HEAD}{}{}{END}\n", row("fuzz", "calm"), row("kills", "new"));
        assert!(page.ends_with(&table), "{page}");
    }
}
