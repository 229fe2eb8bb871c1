//! `list_directory`: what lies in a folder. Also for the server `shell`, which has a tool of that
//! name.

use super::Files;
use super::walk::{DEPTH_MAX, NameRule, Walk};
use crate::beneath::{Place, Roots};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `file`, `directory`, `symlink` or `other`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) size: u64,
    pub(crate) modified: String,
    /// In octal.
    pub(crate) permissions: String,
}

/// What a folder holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listed {
    directory: String,
    items: Vec<Item>,
    count: usize,
    errors: Vec<String>,
    truncated: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListArguments {
    dir_path: String,
    #[serde(default)]
    include_hidden: bool,
    #[serde(default)]
    recursive: bool,
}

/// Every name, and every folder that may be opened.
#[derive(Debug)]
struct Everything<'a>(&'a Roots);

impl NameRule for Everything<'_> {
    fn wants(&self, _: &str) -> bool {
        true
    }

    fn enters(&self, below: &Path) -> bool {
        self.0.may_enter(below)
    }
}

/// Lists a folder.
///
/// # Errors
/// It is none, or not for who asks.
pub(crate) fn list(roots: &Roots, place: &Place, include_hidden: bool, recursive: bool) -> Result<Listed, Failure> {
    let folder = roots.open_folder(place)?;
    let directory = folder.path.display().to_string();
    let everything = Everything(roots);
    let mut walk = Walk::new(include_hidden, if recursive { DEPTH_MAX } else { 0 }, &everything);
    walk.go(folder);
    let Walk { found: items, errors, truncated, .. } = walk;
    Ok(Listed { directory, count: items.len(), items, errors, truncated })
}

// === impl Files ===

impl Files {
    pub(super) async fn list_directory(
        self: Arc<Self>,
        _context: CallContext,
        asked: ListArguments,
    ) -> Result<Listed, Failure> {
        let roots = Arc::clone(&self.roots);
        self.blocking
            .run(move || list(&roots, &roots.place(&asked.dir_path)?, asked.include_hidden, asked.recursive))
            .await
    }
}
