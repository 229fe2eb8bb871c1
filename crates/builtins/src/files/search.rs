//! `search_files` and `search_files_system_wide`: names that fit a pattern. Contents are not read.

use super::Files;
use super::list::Item;
use super::pattern::fits;
use super::walk::{NameRule, Walk};
use crate::beneath::{Place, Roots};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The longest pattern, in bytes: no name is longer.
const PATTERN_BYTES_MAX: usize = 255;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SearchArguments {
    dir_path: String,
    /// With `*` and `?`.
    pattern: String,
    #[serde(default)]
    include_hidden: bool,
    /// Default 5.
    max_depth: Option<usize>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct WideArguments {
    pattern: String,
    #[serde(default)]
    include_hidden: bool,
    /// Default 3.
    max_depth: Option<usize>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Searched {
    directory: String,
    pattern: String,
    matches: Vec<Item>,
    count: usize,
    max_depth: usize,
    searched_directories: usize,
    errors: Vec<String>,
    truncated: bool,
}

#[derive(Debug)]
struct Fitting<'a> {
    pattern: &'a str,
    roots: &'a Roots,
}

impl NameRule for Fitting<'_> {
    fn wants(&self, name: &str) -> bool {
        fits(self.pattern, name)
    }

    fn enters(&self, below: &Path) -> bool {
        self.roots.may_enter(below)
    }
}

// === impl Files ===

impl Files {
    pub(super) async fn search_files(
        self: Arc<Self>,
        _context: CallContext,
        asked: SearchArguments,
    ) -> Result<Searched, Failure> {
        let roots = Arc::clone(&self.roots);
        let depth_max = asked.max_depth.unwrap_or(5);
        self.blocking
            .run(move || {
                let place = roots.place(&asked.dir_path)?;
                search(&roots, &[place], asked.pattern, asked.include_hidden, depth_max)
            })
            .await
    }

    pub(super) async fn search_files_system_wide(
        self: Arc<Self>,
        _context: CallContext,
        asked: WideArguments,
    ) -> Result<Searched, Failure> {
        let roots = Arc::clone(&self.roots);
        let depth_max = asked.max_depth.unwrap_or(3);
        self.blocking
            .run(move || {
                roots.first()?;
                search(&roots, &roots.each(), asked.pattern, asked.include_hidden, depth_max)
            })
            .await
    }
}

/// Searches some folders; one that cannot be opened fails alone where there are others.
fn search(
    roots: &Roots,
    places: &[Place],
    pattern: String,
    include_hidden: bool,
    depth_max: usize,
) -> Result<Searched, Failure> {
    if pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX {
        return Err(Failure::validation("`pattern` must have 1 to 255 bytes").next("such as *.md"));
    }
    let fitting = Fitting { pattern: &pattern, roots };
    let mut walk = Walk::new(include_hidden, depth_max, &fitting);
    let mut searched = Vec::new();
    for place in places {
        match roots.open_folder(place) {
            Ok(folder) => {
                searched.push(folder.path.display().to_string());
                walk.go(folder);
            }
            Err(refusal) if places.len() == 1 => return Err(refusal.into()),
            Err(refusal) => walk.errors.push(refusal.to_string()),
        }
    }
    let Walk { found, errors, truncated, folders, depth_max, .. } = walk;
    let (directory, count) = (searched.join(", "), found.len());
    Ok(Searched {
        directory,
        pattern,
        matches: found,
        count,
        max_depth: depth_max,
        searched_directories: folders,
        errors,
        truncated,
    })
}
