//! The loops of the store: killed writers and crashing servers, with databases of their own.

use crate::databases::Databases;
use crate::tool::{self, Watched};
use anyhow::{Result, ensure};
use std::path::Path;

/// How often each is done.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// How many writers of the store are killed, on each database
    #[arg(long, default_value_t = 1_000)]
    store_kills: u64,
}

pub(super) fn kills(root: &Path, sizes: &Sizes) -> Result<String> {
    let databases = Databases::start()?;
    let mut test = tool::cargo(root);
    databases.tell(test.env("SWITCHBOARD_LAB_STORE_KILLS", sizes.store_kills.to_string()));
    // Examples are built with everything else of the package: the writer that is killed is one.
    test.args(["test", "--release", "-p", "store", "--", "f_21", "f_31_a_server_that_crashes", "--nocapture"]);
    let mut figures = Vec::new();
    let calm = tool::watch(test.args(["--test-threads", "1"]), Watched::Stderr, |line| {
        if line.starts_with("store-") {
            figures.push(line.trim().to_owned());
        }
    })?;
    ensure!(calm && !figures.is_empty(), "`cargo test` failed; see above");
    Ok(figures.join("; "))
}
