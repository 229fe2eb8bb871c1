//! The server `files`: reading, writing, listing and searching below folders that a person named.
//!
//! Off by default. It deliberately has no tool that deletes, moves or makes links, and follows no
//! link out of a folder (see `beneath`).

mod encoding;
mod list;
mod media;
mod pattern;
mod read;
mod search;
mod walk;
mod write;

pub(crate) use list::{Listed, list};

use crate::beneath::{Names, Roots, RootsError};
use crate::blocking::Blocking;
use crate::with;
use config::Environment;
use protocol::ToolServer;
use protocol::tools::{Effect, Tool};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The largest file that is read, in bytes, unless the options say otherwise: 10 MB.
const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// What the entry of this server may say about it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Folders that may be read.
    pub roots: Vec<String>,
    /// Folders that may be read and written.
    pub writable: Vec<String>,
    /// The largest file that is read or written, in bytes.
    pub file_bytes_max: u64,
    /// Names below the folders that are neither read nor written, in place of the usual ones.
    pub hidden: Option<Vec<String>>,
    /// Names below the folders that are not written, in place of the usual ones.
    pub kept: Option<Vec<String>>,
}

/// What the tools work on.
#[derive(Debug)]
struct Files {
    roots: Arc<Roots>,
    file_bytes_max: u64,
    blocking: Blocking,
}

/// The server.
///
/// # Errors
/// A folder of the options is none.
pub fn server(options: &Options, environment: &Environment) -> Result<ToolServer, RootsError> {
    let usual = Names::default();
    let names = Names {
        hidden: options.hidden.clone().unwrap_or(usual.hidden),
        kept: options.kept.clone().unwrap_or(usual.kept),
    };
    let roots = Roots::new("roots", &options.roots, &options.writable, names, environment)?;
    let files =
        Arc::new(Files { roots: Arc::new(roots), file_bytes_max: options.file_bytes_max, blocking: Blocking::new() });
    let reads = Effect::reads;
    Ok(ToolServer::new("files", "Files below the folders that its owner named; relative paths lie in the first.")
        .tool(Tool::new("read_file", reads(), "Read a text file.", with(&files, Files::read_file)))
        .tool(Tool::new(
            "write_file",
            Effect::destroys().idempotent(),
            "Write a text file as a whole, atomically.",
            with(&files, Files::write_file),
        ))
        .tool(Tool::new("list_directory", reads(), "List a folder.", with(&files, Files::list_directory)))
        .tool(Tool::new("get_file_info", reads(), "Facts about a path.", with(&files, Files::get_file_info)))
        .tool(Tool::new(
            "search_files",
            reads(),
            "Find files by name below a folder.",
            with(&files, Files::search_files),
        ))
        .tool(Tool::new(
            "search_files_system_wide",
            reads(),
            "Find files by name in all folders.",
            with(&files, Files::search_files_system_wide),
        )))
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Options { roots: Vec::new(), writable: Vec::new(), file_bytes_max: FILE_BYTES_MAX, hidden: None, kept: None }
    }
}
