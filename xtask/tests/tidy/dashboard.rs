//! Rules about the dashboard's files: how long, how they open, what they must not contain, that what a
//! page loads first is announced, and that it is small. What they do is tested in `tests/dashboard` and in
//! the browser.

use crate::files::{files, none, read, root};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const FOLDER: &str = "crates/control/dashboard";
const LINES_MAX: usize = 500;
/// What the first load may be, compressed, in bytes.
const FIRST_LOAD_BYTES_MAX: usize = 150 * 1024;

/// Ways to make markup or code of a text, which the page's policy forbids as well; and addresses of others.
const FORBIDDEN: [&str; 9] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "dangerouslySetInnerHTML",
    "document.write",
    "eval(",
    "new Function",
    "http://",
    "https://",
];

/// Modules that may name an address: of examples, and in commands that a person copies.
const ADDRESSES: [&str; 3] = ["app/tools/snippets.js", "app/tools/copy.js", "app/tools/form.js"];

fn modules() -> Vec<PathBuf> {
    let all = files(&format!("{FOLDER}/app")).into_iter();
    all.filter(|path| path.extension().is_some_and(|kind| kind == "js")).collect()
}

#[test]
fn modules_are_short_and_say_what_they_are_for() {
    let mut problems = Vec::new();
    for path in modules() {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > LINES_MAX {
            problems.push(format!("{}: {lines} lines, the limit is {LINES_MAX}", path.display()));
        }
        let opening = text.split("*/").next().unwrap_or_default();
        if !opening.starts_with("/**") || !opening.contains("@file ") {
            problems.push(format!("{}: opens with `/** @file …`: what it is for", path.display()));
        }
    }
    assert!(modules().len() > 20, "only {} modules were found", modules().len());
    none("modules of the dashboard", &problems);
}

#[test]
fn no_module_makes_markup_of_a_text() {
    let mut problems = Vec::new();
    for path in modules() {
        let text = read(&path);
        for word in FORBIDDEN {
            let address = word.starts_with("http") && ADDRESSES.iter().any(|one| path.ends_with(one));
            if text.contains(word) && !address {
                problems.push(format!("{}: {word}", path.display()));
            }
        }
    }
    none("what a page writes is text, and what it loads is ours", &problems);
}

/// What stands between `before` and the next quote, for each time that it stands in `text`.
fn quoted(text: &str, before: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| Some(part.split_once(['"', '\''])?.0.to_owned())).collect()
}

/// Modules that `first` needs before it runs, with itself, by their path in the folder.
fn needed(first: &str) -> BTreeSet<String> {
    let folder = root().join(FOLDER);
    let mut found = BTreeSet::new();
    let mut open = vec![folder.join(first)];
    while let Some(path) = open.pop() {
        let shown = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        if !found.insert(shown) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let mut names = Vec::new();
        for before in [" from '", " from \"", "from\"", "\nimport '"] {
            names.extend(quoted(&text, before));
        }
        for name in names.iter().filter(|name| name.starts_with('.')) {
            let path = path.parent().unwrap_or(&folder).join(name);
            open.push(flat(&path));
        }
    }
    found
}

/// The path without `.` and `..`.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part.as_os_str().to_str() {
            Some("..") => drop(flat.pop()),
            Some(".") => {}
            _ => flat.push(part),
        }
    }
    flat
}

#[test]
fn what_is_needed_first_is_announced() {
    let page = read(format!("{FOLDER}/index.html"));
    let announced: BTreeSet<_> = quoted(&page, "modulepreload\" href=\"/").into_iter().collect();
    let mut needed = needed("app/main.js");
    needed.remove("app/main.js");
    assert_eq!(announced, needed, "index.html announces (left) what main.js imports (right)");
    assert!(!page.contains("<style") && !page.contains("style=\""), "the page's policy lets no style stand in it");
}

#[test]
fn the_first_load_is_small() {
    let page = read(format!("{FOLDER}/index.html"));
    let mut paths = needed("app/main.js");
    paths.append(&mut needed("app/overview/tab.js"));
    paths.insert("vendor/uplot.js".to_owned());
    paths.insert("index.html".to_owned());
    for before in ["stylesheet\" href=\"/", "svg+xml\" href=\"/", "<script src=\"/"] {
        paths.extend(quoted(&page, before));
    }
    let compressed = |path: &String| {
        let content = fs::read(root().join(FOLDER).join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content).unwrap_or_else(|why| panic!("{path}: {why}"));
        encoder.finish().unwrap_or_else(|why| panic!("{path}: {why}")).len()
    };
    let bytes: usize = paths.iter().map(compressed).sum();
    assert!(bytes <= FIRST_LOAD_BYTES_MAX, "{bytes} bytes in {} files", paths.len());
}

#[test]
fn imports_are_understood() {
    let text = "import a from './a.js';\nimport {b} from \"./b.js\";\nexport*from\"./c.js\"; import './d.js';";
    assert_eq!(quoted(text, " from '"), ["./a.js"]);
    assert_eq!(quoted(text, "from\""), ["./c.js"]);
    assert_eq!(flat(Path::new("/x/app/../vendor/./y.js")), Path::new("/x/vendor/y.js"));
}
