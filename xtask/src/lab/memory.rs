//! The loop of the server `memory`: its own test, told to be large, on a release build; with
//! PostgreSQL beside the file where it is installed.

use super::goals::told;
use anyhow::Result;
use std::path::Path;

/// How large it is.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Sizes {
    /// How many memories are searched
    #[arg(long, default_value_t = 100_000)]
    memories: u64,
}

/// Searches among very many memories, on each database.
pub(super) fn scale(root: &Path, sizes: &Sizes) -> Result<String> {
    told(root, &[("SWITCHBOARD_LAB_MEMORIES", sizes.memories)], "a_search_among_very_many", "memory-scale: ")
}
