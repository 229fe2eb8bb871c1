//! `lab beside`: the servers inside beside the servers that people use for the same today, in one run,
//! into a table of its own in `BENCH.md`.

use crate::tool::{self, Watched};
use crate::{databases::Databases, peers};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The server of others for Redis, which no test needs.
const REDIS_MCP: &str = "redis-mcp-server==0.5.1";

/// Where the table stands.
const BEGIN: &str = "<!-- beside:begin -->\n";
const END: &str = "<!-- beside:end -->\n";

/// How many calls of each kind are measured.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// How many calls of each kind are measured beside others
    #[arg(long, default_value_t = 200)]
    beside_calls: u64,
}

/// Measures, writes the table, and says in a line what was done.
///
/// # Errors
/// A contender cannot be had or failed.
pub(super) fn run(root: &Path, sizes: &Sizes, write: bool) -> Result<String> {
    peers::install(root)?;
    let program = redis_mcp(root)?;
    let databases = Databases::start()?;
    tool::run(tool::cargo(root).args(["build", "--release", "--workspace", "--bins"]))?;
    let mut test = tool::cargo(root);
    databases.tell(&mut test);
    test.env("SWITCHBOARD_LAB_BESIDE", sizes.beside_calls.to_string()).env("SWITCHBOARD_LAB_REDIS_MCP", program);
    test.args(["test", "--release", "-p", "e2e", "--", "the_servers_inside_beside_others", "--nocapture"]);
    let (mut rows, mut tools) = (Vec::new(), BTreeMap::new());
    let calm = tool::watch(&mut test, Watched::Stderr, |line| {
        if let Some((name, list)) = line.strip_prefix("beside-tools: ").and_then(|rest| rest.split_once('\t')) {
            tools.insert(name.to_owned(), list.trim().to_owned());
        } else if let Some(row) = line.strip_prefix("beside: ") {
            rows.push(row.trim().to_owned());
        }
    })?;
    ensure!(calm && rows.len() == 6, "`cargo test` failed, or gave {} rows of 6; see above", rows.len());
    let table = table(&rows, &tools)?;
    if write {
        put(root, &table)?;
    }
    Ok(format!("{} contenders × {} calls, the table is above", rows.len(), sizes.beside_calls))
}

/// A virtual environment of its own: its packages want other versions than those of the tests.
fn redis_mcp(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/peers/beside");
    let program = folder.join("bin/redis-mcp-server");
    if !program.exists() {
        tool::run(tool::command("python3").args(["-m", "venv"]).arg(&folder))?;
        tool::run(tool::command(folder.join("bin/pip")).args(["install", "--quiet", REDIS_MCP]))?;
    }
    Ok(program)
}

fn table(rows: &[String], tools: &BTreeMap<String, String>) -> Result<String> {
    let vocabulary = tiktoken_rs::o200k_base().context("the vocabulary cannot be read")?;
    let mut text = "| server | tools | tokens of definitions | start to list | RSS | write p50 | read p50 | two processes that write at once |\n\
                    |---|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    for row in rows {
        let mut fields = row.split('\t');
        let name = fields.next().unwrap_or_default();
        let list: Value = tools.get(name).and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default();
        let list = list.as_array().with_context(|| format!("`{name}` has no list of tools"))?.clone();
        let tokens: usize = list.iter().map(|tool| vocabulary.encode_ordinary(&tool.to_string()).len()).sum();
        let rest: Vec<&str> =
            fields.map(|field| field.rsplit_once("p50 ").map_or(field, |(_, figure)| figure)).collect();
        let rest = rest.join(" | ").replace("start ", "").replace("two writers: ", "");
        writeln!(text, "| {name} | {} | {tokens} | {rest} |", list.len())?;
    }
    Ok(text)
}

/// Puts the table into `BENCH.md`, in place of the former one.
fn put(root: &Path, table: &str) -> Result<()> {
    let path = root.join("BENCH.md");
    let mut page = fs::read_to_string(&path).context("BENCH.md cannot be read")?;
    if !page.contains(BEGIN) {
        write!(
            page,
            "\n## The servers inside beside others\n\n`cargo xtask lab beside`: each on its own stdin and stdout, in one run, \
             release build. Tokens: o200k vocabulary, all of each definition. RSS: of the whole process tree after the calls. \
             What was written by two processes at once was looked for by a third.\n\n{BEGIN}{END}"
        )?;
    }
    let (before, rest) = page.split_once(BEGIN).context("no table")?;
    let (_, after) = rest.split_once(END).context("BENCH.md lost beside:end")?;
    fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).context("BENCH.md cannot be written")
}
