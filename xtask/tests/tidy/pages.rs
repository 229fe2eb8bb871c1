//! Rules about what people read: generated pages equal the code, examples load, links lead
//! somewhere.

use crate::files::{files, none, read, root};
use config::{Environment, Sources};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Pages whose links and paths are checked.
const PAGES: [&str; 6] = ["README.md", "ARCHITECTURE.md", "STYLE.md", "CONTRIBUTING.md", "SECURITY.md", "BENCH.md"];

/// Where paths in backticks may begin.
const FOLDERS: [&str; 9] = ["crates/", "xtask/", "tests/", "bench/", "docs/", "examples/", "fuzz/", ".ci/", ".config/"];

#[test]
fn generated_pages_say_what_the_code_says() {
    let test = std::env::current_exe().expect("this test");
    let built = test.parent().and_then(Path::parent).expect("its folder").join("switchboard");
    if !built.exists() {
        eprintln!("skipped: {} is not built; `cargo xtask test` builds it", built.display());
        return;
    }
    let output = xtask().args(["docs", "--check", "--binary"]).arg(&built).output().expect("xtask");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[expect(clippy::disallowed_methods, reason = "tests drive built programs")]
fn xtask() -> std::process::Command {
    std::process::Command::new(env!("CARGO_BIN_EXE_xtask"))
}

#[test]
fn every_example_loads() {
    let mut problems = Vec::new();
    let mut loaded = 0;
    for file in files("examples") {
        if file.extension().is_none_or(|kind| kind != "toml" && kind != "json" && kind != "yaml") {
            continue;
        }
        let text = read(&file);
        let environment = Environment { vars: variables(&text), home: Some(PathBuf::from("/home/ann")), cwd: root() };
        let sources = Sources { files: vec![file.clone()], environment, ..Sources::default() };
        let result = config::load(&sources);
        if result.has_errors() {
            problems.push(format!("{}\n{}", file.display(), config::render(&result.diagnostics, false)));
        }
        loaded += 1;
    }
    assert!(loaded > 0, "there are no examples");
    none("an example that does not load", &problems);
}

/// Variables that files of other tools name in ways of their own.
const NAMED_OTHERWISE: [&str; 2] = ["FIGMA_TOKEN", "GITHUB_TOKEN"];

/// A value for every variable that a file needs: those without a default.
fn variables(text: &str) -> BTreeMap<String, String> {
    let asked = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
    let needed = asked.map(|name| name.trim_start_matches("env:")).filter(|name| !name.contains(':'));
    let names = needed.chain(NAMED_OTHERWISE).map(str::to_owned);
    names.map(|name| (name, "0123456789abcdef0123456789abcdef".to_owned())).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    let decisions = files("docs/decisions").into_iter().map(|path| path.display().to_string());
    for page in PAGES.into_iter().map(str::to_owned).chain(decisions) {
        let text = read(&page);
        let folder = root().join(&page);
        let folder = folder.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !link.contains("://") && !folder.join(path).exists() {
                problems.push(format!("{page}: {link}"));
            }
        }
    }
    none("a link that leads nowhere", &problems);
}

#[test]
fn named_paths_exist() {
    let mut problems = Vec::new();
    for page in PAGES {
        let text = read(page);
        let quoted = text.split('`').skip(1).step_by(2);
        for path in quoted.filter(|text| FOLDERS.iter().any(|folder| text.starts_with(folder))) {
            let concrete = !path.contains(['*', '{', '<', '…', ' ']);
            if concrete && !root().join(path).exists() {
                problems.push(format!("{page}: {path}"));
            }
        }
    }
    none("a path that does not exist", &problems);
}
