//! The tools of `shell` that run nothing: folders and where programs lie.

use super::Shell;
use crate::beneath::{Refusal, Roots};
use crate::files::{Listed, list};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct PathArguments {
    path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct WhichArguments {
    command: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked {
    path: String,
    exists: bool,
    is_directory: bool,
    readable: bool,
    writable: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Which {
    success: bool,
    command: String,
    path: Option<String>,
    found: bool,
    allowed: bool,
}

// === impl Shell ===

impl Shell {
    pub(super) async fn check_directory(
        self: Arc<Self>,
        _context: CallContext,
        asked: PathArguments,
    ) -> Result<Checked, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking.run(move || check(&roots, &asked.path)).await
    }

    pub(super) async fn list_directory(
        self: Arc<Self>,
        _context: CallContext,
        asked: PathArguments,
    ) -> Result<Listed, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking.run(move || list(&roots, &roots.place(&asked.path)?, true, false)).await
    }

    pub(super) async fn which_command(
        self: Arc<Self>,
        _context: CallContext,
        asked: WhichArguments,
    ) -> Result<Which, Failure> {
        let command = asked.command;
        if command.is_empty() || command.contains(['\0', '/']) {
            return Err(Failure::validation("`command` must be the name of a program").next("such as git"));
        }
        let allowed = &self.commands.allowed;
        let path = allowed.find(&command, Path::new("/"));
        Ok(Which {
            success: path.is_some(),
            found: path.is_some(),
            allowed: allowed.resolve(&command, Path::new("/")).is_ok(),
            path: path.map(|path| path.display().to_string()),
            command,
        })
    }
}

fn check(roots: &Roots, path: &str) -> Result<Checked, Failure> {
    let place = roots.place(path)?;
    let none = |path: String| Checked { path, exists: false, is_directory: false, readable: false, writable: false };
    match roots.look(&place) {
        Ok(found) => {
            let (readable, writable) = roots.access(&place)?;
            let (path, is_directory) = (found.path.display().to_string(), found.metadata.is_dir());
            Ok(Checked { path, exists: true, is_directory, readable, writable })
        }
        Err(Refusal::Missing { .. } | Refusal::NoFolder { .. }) => Ok(none(place.path().display().to_string())),
        Err(refusal) => Err(refusal.into()),
    }
}
