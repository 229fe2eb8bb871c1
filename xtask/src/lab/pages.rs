//! `lab pages`: what of real pages our reader gives, and what the reference server gives of the same pages.
//!
//! The pages lie in `../shared/pages`; the scores are made by the test beside the reader, so that both are
//! measured by one rule.

use crate::{peers, tool};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// What the test prints its line with.
const LINE: &str = "pages: ";

/// Reads every page with both, and says how well.
pub(super) fn run(root: &Path) -> Result<String> {
    let folder = pages(root).context("there is no shared/pages in any folder above this one")?;
    peers::install(root)?;
    let scripts = root.join("tests/peers");
    let peer = root.join("target/lab-pages");
    let mut reference = tool::command(root.join("target/peers/venv/bin/python"));
    reference.arg(scripts.join("fetch_pages.py")).arg(&folder).arg(&peer);
    let ms = tool::output(&mut reference).context("mcp-server-fetch did not read the pages")?;
    let mut test = tool::cargo(root);
    test.env("SWITCHBOARD_LAB_PAGES_PEER", &peer);
    test.args(["test", "--release", "-p", "builtins", "--lib", "--", "the_readable_part_of_real_pages", "--nocapture"]);
    let mut said = None;
    let calm = tool::watch(&mut test, tool::Watched::Stderr, |line| {
        said = line.trim().strip_prefix(LINE).map(str::to_owned).or(said.take());
    })?;
    ensure!(calm, "`cargo test` failed; see above");
    let said = said.context("the test printed no line of figures")?;
    Ok(format!("{said}; mcp-server-fetch p50 {} ms", ms.trim()))
}

fn pages(root: &Path) -> Option<PathBuf> {
    root.ancestors().map(|folder| folder.join("shared/pages")).find(|pages| pages.is_dir())
}
