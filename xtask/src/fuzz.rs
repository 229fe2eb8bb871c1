//! The fuzz loops of `lab`: libFuzzer on each target of `fuzz/`, for a fixed time.
//!
//! The seeds are in the repository, what libFuzzer learns is not (`fuzz/corpus`). A finding stays
//! in `fuzz/artifacts` and belongs into the seeds once it is fixed.

use crate::tool::{self, Watched};
use anyhow::{Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

const TARGETS: [&str; 2] = ["envelope", "framing"];
/// The longest input, in bytes.
const INPUT_BYTES_MAX: u32 = 16 * 1024;
/// The longest that one input may take, in seconds; more is a finding.
const INPUT_SECONDS_MAX: u32 = 5;

/// Runs every target for `seconds`; says how many inputs were tried.
///
/// # Errors
/// A target does not build, or an input was found that breaks its promise.
pub(crate) fn run(root: &Path, seconds: u64) -> Result<String> {
    need_fuzz(root)?;
    let mut tried = Vec::new();
    for target in TARGETS {
        let corpus = format!("fuzz/corpus/{target}");
        fs::create_dir_all(root.join(&corpus))?;
        let mut fuzz = nightly(root);
        fuzz.args(["fuzz", "run", target, &corpus]);
        fuzz.args([format!("fuzz/seeds/{target}"), "--".to_owned()]);
        fuzz.args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            "-print_final_stats=1".to_owned(),
        ]);
        let mut units = None;
        let calm = tool::watch(&mut fuzz, Watched::Stderr, |line| {
            let count = line.strip_prefix("stat::number_of_executed_units:");
            units = count.map(|count| count.trim().to_owned()).or(units.take());
        })?;
        let Some(units) = units.filter(|_| calm) else {
            bail!("the fuzz target `{target}` found something; see fuzz/artifacts/{target}");
        };
        tried.push(format!("{target}: {units} inputs"));
    }
    Ok(format!("no finding ({})", tried.join(", ")))
}

fn need_fuzz(root: &Path) -> Result<()> {
    if tool::output(nightly(root).arg("--version")).is_none() {
        bail!("libFuzzer needs a nightly compiler: rustup toolchain install nightly");
    }
    if tool::output(nightly(root).args(["fuzz", "--version"])).is_some() {
        return Ok(());
    }
    tool::run(nightly(root).args(["install", "cargo-fuzz", "--locked"]))
}

fn nightly(root: &Path) -> Command {
    let mut cargo = tool::cargo(root);
    // What the cargo that runs us left there names the stable one.
    cargo.env_remove("CARGO").arg("+nightly");
    cargo
}
