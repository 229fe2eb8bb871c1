//! Walking the repository: what is ours, and what is built or fetched.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const FOREIGN: [&str; 6] = ["target", "node_modules", ".git", "corpus", "artifacts", "seeds"];

pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Every file of ours under `folder`, sorted, relative to the root.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let foreign = FOREIGN.iter().any(|name| path.ends_with(name));
            if path.is_dir() {
                if !foreign {
                    open.push(path);
                }
            } else if let Ok(inside) = path.strip_prefix(&root) {
                found.push(inside.to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of ours.
pub(crate) fn rust_files() -> Vec<PathBuf> {
    let all = files(".").into_iter();
    all.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// The text of a file of ours; empty where it is none.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Whether a source file holds tests only.
pub(crate) fn is_test(path: &Path) -> bool {
    let among_tests = path.components().any(|part| part.as_os_str() == "tests");
    among_tests || path.ends_with("tests.rs")
}

/// Fails with every problem, one a line.
pub(crate) fn none(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}:\n  {}", problems.join("\n  "));
}
