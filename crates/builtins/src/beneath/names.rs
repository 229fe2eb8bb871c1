//! Names of files and folders that stay untouched below any root: where keys lie, and what other
//! programs run or obey. It compares names and opens nothing.

use std::path::{Component, Path};

/// Where keys and passwords lie.
const HIDDEN: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".git-credentials",
    ".pypirc",
    ".password-store",
];
/// What other programs run or obey, so that writing it is running a program later.
const KEPT: &[&str] = &[
    ".git",
    ".mcp.json",
    ".claude",
    ".cursor",
    ".vscode",
    ".idea",
    ".codex",
    ".gemini",
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".envrc",
    ".npmrc",
];

/// Names that are looked for at every depth below a root, in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Neither read nor written.
    pub hidden: Vec<String>,
    /// Not written.
    pub kept: Vec<String>,
}

// === impl Names ===

impl Default for Names {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names { hidden: owned(HIDDEN), kept: owned(KEPT) }
    }
}

impl Names {
    /// The name in `path` that is not touched.
    pub(super) fn hidden_in(&self, path: &Path) -> Option<String> {
        found(&self.hidden, path)
    }

    /// The name in `path` that is not written.
    pub(super) fn kept_in(&self, path: &Path) -> Option<String> {
        found(&self.kept, path)
    }
}

fn found(names: &[String], path: &Path) -> Option<String> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(folded(&name.to_string_lossy())),
        _ => None,
    });
    let parts: Vec<String> = parts.collect();
    names.iter().find(|name| parts.contains(&folded(name))).cloned()
}

/// As file systems that ignore case or trailing dots and spaces would see it.
fn folded(name: &str) -> String {
    name.trim_end_matches(['.', ' ']).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_at_any_depth_and_in_any_case() {
        let names = Names::default();
        for path in [".ssh/id_rsa", "a/.SSH/x", "a/b/.ssh. ", ".Aws"] {
            assert!(names.hidden_in(Path::new(path)).is_some(), "{path}");
        }
        for path in [".git/hooks/pre-commit", "dir/.git/config", ".mcp.json", ".claude/settings.json"] {
            assert!(names.kept_in(Path::new(path)).is_some(), "{path}");
        }
        for path in ["ssh", ".sshx", ".gitignore", "notes.md"] {
            assert_eq!((names.hidden_in(Path::new(path)), names.kept_in(Path::new(path))), (None, None), "{path}");
        }
    }
}
