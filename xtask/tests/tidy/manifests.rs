//! Rules about manifests: one version of everything, each with what it is for.

use crate::files::{files, none, read};
use std::collections::BTreeSet;
use std::path::PathBuf;

fn manifests() -> Vec<PathBuf> {
    let folders = ["crates", "xtask", "tests", "bench"];
    let all = folders.into_iter().flat_map(files);
    all.filter(|path| path.ends_with("Cargo.toml")).collect()
}

/// The lines of the sections of `text` whose header ends as told, without blank ones.
fn section<'a>(text: &'a str, ending: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with(ending);
            return false;
        }
        inside && !line.trim().is_empty() && !line.starts_with('#')
    })
}

/// The dependency that a line declares.
fn name(line: &str) -> &str {
    let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
    &line[..end]
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let root = read("Cargo.toml");
    let lines = section(&root, "[workspace.dependencies]");
    let silent: Vec<_> = lines.filter(|line| !line.contains(" # ")).map(str::to_owned).collect();
    none("a line in the root manifest without a reason", &silent);
}

#[test]
fn versions_are_in_the_root_manifest_only() {
    let mut problems = Vec::new();
    for path in manifests() {
        let text = read(&path);
        for line in section(&text, "dependencies]") {
            if !line.contains("workspace = true") {
                problems.push(format!("{}: {line}", path.display()));
            }
        }
        for key in ["version", "edition", "license", "publish", "rust-version"] {
            if !text.contains(&format!("{key}.workspace = true")) {
                problems.push(format!("{}: no `{key}.workspace = true`", path.display()));
            }
        }
        if !text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{}: lints are not the workspace's", path.display()));
        }
    }
    none("a manifest that decides for itself", &problems);
}

#[test]
fn every_dependency_is_used() {
    let mut used = BTreeSet::new();
    for path in manifests() {
        let text = read(path);
        used.extend(section(&text, "dependencies]").map(|line| name(line).to_owned()));
    }
    let root = read("Cargo.toml");
    let declared = section(&root, "[workspace.dependencies]").map(name);
    let unused: Vec<_> = declared.filter(|name| !used.contains(*name)).map(str::to_owned).collect();
    none("in the root manifest, but nobody uses it", &unused);
}
