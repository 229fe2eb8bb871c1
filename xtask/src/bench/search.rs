//! `cargo xtask bench search`: runs the bench of the crate `search` and may write its tables into
//! `BENCH.md`. What is measured and how is in `crates/search/benches/quality`.

use super::process;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

const BEGIN: &str = "<!-- search:begin -->\n";
const END: &str = "<!-- search:end -->\n";

/// What stands in front of the tables when they are written for the first time.
const METHOD: &str = "
## The right tool

`cargo xtask bench search --write`, release build, one thread. The sets are those of
`/work/shared/routing/data`; every contender answers the same questions in the same run. *keywords* is the
predecessor's rule (how many of a tool's words are pieces of the prompt), *BM25* one field, *BM25F* six, *table
alone* the cosine of the compiled-in table, *switchboard* all together without uses. R@k is the share of what a
question needs that is among the first k. Latency is the least of three runs of each question of all sets.

";

/// Flags of `cargo xtask bench search`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SearchArgs {
    /// Quality alone, without speed and learning
    #[arg(long)]
    pub quick: bool,
    /// Write the tables into BENCH.md
    #[arg(long)]
    pub write: bool,
}

/// Runs the bench, prints what it prints, and writes it where that is wanted.
///
/// # Errors
/// The bench does not build, or the sets are missing (it says so itself).
pub(crate) fn run(root: &Path, args: &SearchArgs) -> Result<()> {
    let mut command = process::command("cargo");
    command.args(["bench", "-p", "search", "--bench", "quality", "--"]).current_dir(root);
    if args.quick {
        command.arg("--quick");
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo did not start")?;
    if !output.status.success() {
        bail!("the bench of the crate search failed; its message is above");
    }
    let tables = String::from_utf8(output.stdout).context("the bench printed something else than text")?;
    std::io::stdout().write_all(tables.as_bytes())?;
    if args.write { put(root, &tables) } else { Ok(()) }
}

fn put(root: &Path, tables: &str) -> Result<()> {
    let path = root.join("BENCH.md");
    let mut page = fs::read_to_string(&path).context("BENCH.md cannot be read")?;
    if !page.contains(BEGIN) {
        write!(page, "{METHOD}{BEGIN}{END}")?;
    }
    let (before, rest) = page.split_once(BEGIN).context("no table")?;
    let (_, after) = rest.split_once(END).context("BENCH.md lost search:end")?;
    let tables = tables.trim_end();
    fs::write(&path, format!("{before}{BEGIN}\n{tables}\n\n{END}{after}")).context("BENCH.md cannot be written")
}
