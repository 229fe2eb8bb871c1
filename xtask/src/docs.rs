//! `cargo xtask docs`: the pages that are made from the code, so that they cannot lie about it.
//!
//! The binary prints each page itself (`switchboard __docs PAGE`, a hidden command); this file only
//! knows which page goes where.

mod servers;

use crate::tool;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Write;
use std::path::Path;

/// What the binary calls a page, and where it is kept.
const PAGES: &[(&str, &str)] = &[
    ("api", "docs/api.json"),
    ("cli", "docs/cli.md"),
    ("config", "docs/config.md"),
    ("schema", "docs/config.schema.json"),
    ("env", "docs/environment.md"),
    ("errors", "docs/errors.md"),
    ("limits", "docs/limits.md"),
    ("metrics", "docs/metrics.md"),
    (SERVERS, "docs/servers.md"),
];

/// The page that is made here, of what the binary says.
const SERVERS: &str = "servers";

/// Flags of `cargo xtask docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct DocsArgs {
    /// Change nothing; fail if a page is not what the code says
    #[arg(long)]
    check: bool,
    /// Ask this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<std::path::PathBuf>,
}

/// Writes or checks the pages.
///
/// # Errors
/// The binary cannot be built or asked, or with `--check` a page differs.
pub(crate) fn run(root: &Path, args: &DocsArgs) -> Result<()> {
    if let Some(binary) = &args.binary {
        return pages(root, binary, args.check);
    }
    tool::run(tool::cargo(root).args(["build", "--quiet", "-p", "cli"]))?;
    pages(root, &built(root), args.check)
}

/// Checks the pages against the binary that has just been built.
pub(crate) fn check(root: &Path) -> Result<()> {
    pages(root, &built(root), true)
}

fn built(root: &Path) -> std::path::PathBuf {
    tool::target(root).join("debug/switchboard")
}

fn pages(root: &Path, binary: &Path, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for (page, path) in PAGES {
        let mut ask = tool::command(binary);
        let output = ask.args(["__docs", page]).current_dir(root).output();
        let output = output.with_context(|| format!("{} did not start", binary.display()))?;
        if !output.status.success() || output.stdout.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`switchboard __docs {page}` failed: {}", said.trim());
        }
        let content = if *page == SERVERS { servers::page(&output.stdout)? } else { output.stdout };
        let file = root.join(path);
        if fs::read(&file).ok().as_ref() == Some(&content) {
            continue;
        }
        if check {
            stale.push(*path);
            continue;
        }
        fs::write(&file, &content).with_context(|| format!("{path} cannot be written"))?;
        writeln!(std::io::stderr(), "wrote {path}")?;
    }
    if !stale.is_empty() {
        let stale = stale.join(", ");
        bail!("not what the code says: {stale}; write them with: cargo xtask docs");
    }
    Ok(())
}
