//! Loops of the server `goals`: its own tests, told to be large, on a release build; with
//! PostgreSQL where this host can start one.

use crate::databases::Databases;
use crate::tool::{self, Watched};
use anyhow::{Result, ensure};
use std::path::Path;

/// How large the loops are.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// Random operations of the model test
    #[arg(long, default_value_t = 1_000_000)]
    operations: u64,
    /// Tasks of the scale test; it has three times as many edges
    #[arg(long, default_value_t = 100_000)]
    tasks: u64,
    /// Agents that die and sleep
    #[arg(long, default_value_t = 64)]
    agents: u64,
    /// Tasks that they work off
    #[arg(long, default_value_t = 10_000)]
    agent_tasks: u64,
}

pub(super) fn model(root: &Path, sizes: &Sizes) -> Result<String> {
    told(root, &[("SWITCHBOARD_LAB_MODEL", sizes.operations)], "g_01", "goals-model: ")
}

pub(super) fn scale(root: &Path, sizes: &Sizes) -> Result<String> {
    told(root, &[("SWITCHBOARD_LAB_GOALS", sizes.tasks)], "g_05", "goals-scale: ")
}

pub(super) fn crowd(root: &Path, sizes: &Sizes) -> Result<String> {
    let variables = [("SWITCHBOARD_LAB_AGENTS", sizes.agents), ("SWITCHBOARD_LAB_TASKS", sizes.agent_tasks)];
    told(root, &variables, "g_02", "goals-crowd: ")
}

pub(super) fn told(root: &Path, variables: &[(&str, u64)], test: &str, mark: &str) -> Result<String> {
    let databases = Databases::start()?;
    let mut command = tool::cargo(root);
    databases.tell(&mut command);
    command.envs(variables.iter().map(|(name, value)| (*name, value.to_string())));
    command.args(["test", "--release", "-p", "builtins", "--lib", "--", test, "--nocapture", "--test-threads", "1"]);
    let mut figures = Vec::new();
    let calm = tool::watch(&mut command, Watched::Stderr, |line| {
        figures.extend(line.strip_prefix(mark).map(|figure| figure.trim().to_owned()));
    })?;
    ensure!(calm && !figures.is_empty(), "`cargo test` failed; see above");
    Ok(figures.join("; "))
}
