//! The server `shell`: programs that a person allowed, run in folders that a person named.
//!
//! Off by default. It deliberately has no shell: a line is split into a program and its arguments
//! (see `programs`), and what only a shell can do is refused with its name.

mod look;
mod run;

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
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many commands run at once; more wait for their turn.
const RUNNING_MAX: usize = 8;
/// How much of stdout and of stderr is kept, in bytes, unless the options say otherwise.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What the entry of this server may say about it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Programs that may run, by name or path; "*" is all of them, without looking at arguments.
    pub allow: Vec<String>,
    /// Folders in which they run; the first is the default.
    pub roots: Vec<String>,
    /// Variables that callers may set beside harmless ones.
    pub env: Vec<String>,
    /// Arguments may name paths outside of the folders.
    pub outside_paths: bool,
    /// How much is kept of stdout and of stderr each, in bytes.
    pub output_bytes_max: usize,
    /// What each command may use; nothing said is no limit.
    pub limits: Limits,
}

/// What the tools work on.
struct Shell {
    commands: Commands,
    output_bytes_max: usize,
    spawner: Arc<dyn Spawner>,
    places: Semaphore,
    blocking: Blocking,
}

/// The server.
///
/// # Errors
/// A folder of the options is none.
pub fn server(
    options: &Options,
    environment: &Environment,
    spawner: Arc<dyn Spawner>,
) -> Result<ToolServer, RootsError> {
    let roots = Arc::new(Roots::new("roots", &[], &options.roots, Names::default(), environment)?);
    let base = minimal(&environment.vars);
    let allowed = Allowed::new(&options.allow, base.get("PATH").map_or("", String::as_str));
    let commands = Commands {
        roots,
        allowed,
        outside_paths: options.outside_paths,
        settable: options.env.clone(),
        environment: base,
        limits: options.limits,
    };
    let shell = Arc::new(Shell {
        commands,
        output_bytes_max: options.output_bytes_max,
        spawner,
        places: Semaphore::new(RUNNING_MAX),
        blocking: Blocking::new(),
    });
    let (runs, reads) = (|| Effect::destroys().open_world(), Effect::reads);
    Ok(ToolServer::new("shell", "Runs allowed programs in the folders that its owner named. There is no shell.")
        .tool(Tool::new(
            "execute_command",
            runs(),
            "Run one program: no pipes, redirection, variables or patterns.",
            with(&shell, Shell::execute_command),
        ))
        .tool(Tool::new(
            "execute_multiple_commands",
            runs(),
            "Run commands one after the other.",
            with(&shell, Shell::execute_multiple_commands),
        ))
        .tool(Tool::new(
            "check_directory",
            reads(),
            "Whether a folder can be used.",
            with(&shell, Shell::check_directory),
        ))
        .tool(Tool::new("list_directory", reads(), "List a folder.", with(&shell, Shell::list_directory)))
        .tool(Tool::new("which_command", reads(), "Where a program lies.", with(&shell, Shell::which_command))))
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Options {
            allow: Vec::new(),
            roots: Vec::new(),
            env: Vec::new(),
            outside_paths: false,
            output_bytes_max: OUTPUT_BYTES_MAX,
            limits: Limits::default(),
        }
    }
}
