//! The server `runner`: Markdown files whose commands are really run, step by step, in the folder of
//! a project; what was done is kept beside them, so that it can go on after a stop.
//!
//! Off by default. Commands are split into words and their programs must be on a list (see
//! `programs`), unless the options name a shell: then each block of a file is a script for it, and
//! it may do whatever that shell can. The format is said in `task_file`. It deliberately plans
//! nothing and runs no two tasks of a project at once.

mod list;
mod project;
mod run;
mod state;
mod status;
mod task_file;

use crate::beneath::{Names, Roots, RootsError};
use crate::blocking::Blocking;
use crate::programs::{Allowed, Commands, minimal};
use crate::spawner::{Limits, Spawner};
use crate::with;
use config::Environment;
use protocol::ToolServer;
use protocol::tools::{Effect, Tool};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// What the entry of this server may say about it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Folders in which projects lie; the first is the default.
    pub base_dirs: Vec<String>,
    /// Programs that may run, by name or path; "*" is all of them, without looking at arguments.
    pub allow: Vec<String>,
    /// A shell that reads whole blocks, by its absolute path; without it no shell reads anything.
    pub shell: Option<PathBuf>,
    /// Arguments may name paths outside of the folders.
    pub outside_paths: bool,
    /// What each command may use; nothing said is no limit.
    pub limits: Limits,
}

/// Why the server cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A folder is none.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The shell is looked up nowhere.
    #[error("`shell` of the options must be an absolute path, not `{}`", .shell.display())]
    Shell {
        /// As it was written.
        shell: PathBuf,
    },
}

/// What the tools work on.
struct Runner {
    commands: Commands,
    shell: Option<PathBuf>,
    spawner: Arc<dyn Spawner>,
    blocking: Blocking,
}

/// The server.
///
/// # Errors
/// A folder of the options is none, or its shell has no absolute path.
pub fn server(
    options: &Options,
    environment: &Environment,
    spawner: Arc<dyn Spawner>,
) -> Result<ToolServer, OptionsError> {
    if let Some(shell) = options.shell.as_ref().filter(|shell| !shell.is_absolute()) {
        return Err(OptionsError::Shell { shell: shell.clone() });
    }
    let roots = Arc::new(Roots::new("base_dirs", &[], &options.base_dirs, Names::default(), environment)?);
    let base = minimal(&environment.vars);
    let allowed = Allowed::new(&options.allow, base.get("PATH").map_or("", String::as_str));
    let commands = Commands {
        roots,
        allowed,
        outside_paths: options.outside_paths,
        settable: Vec::new(),
        environment: base,
        limits: options.limits,
    };
    let runner = Arc::new(Runner { commands, shell: options.shell.clone(), spawner, blocking: Blocking::new() });
    let (runs, reads, writes) = (|| Effect::destroys().open_world(), Effect::reads, Effect::writes);
    Ok(ToolServer::new(
        "runner",
        "Runs the commands of Markdown task files: fenced sh or console blocks and lines `command: …`, one after the other.",
    )
    .tool(Tool::new("run_task", runs(), "Run a task file, or one command.", with(&runner, Runner::run_task)))
    .tool(Tool::new("run_all_tasks", runs(), "Run every *.md of a project.", with(&runner, Runner::run_all_tasks)))
    .tool(Tool::new(
        "parse_task_list",
        writes().idempotent(),
        "Make a task_NNN.md of each line; a line `command: …` is run, other text is not.",
        with(&runner, Runner::parse_task_list),
    ))
    .tool(Tool::new("create_project", writes(), "Make a project folder.", with(&runner, Runner::create_project)))
    .tool(Tool::new("get_task_status", reads(), "What became of each task.", with(&runner, Runner::get_task_status)))
    .tool(Tool::new("get_task_summary", reads(), "Counts of tasks.", with(&runner, Runner::get_task_summary)))
    .tool(Tool::new(
        "clean",
        Effect::destroys().idempotent(),
        "Forget results; remove unchanged files that the runner made.",
        with(&runner, Runner::clean),
    )))
}
