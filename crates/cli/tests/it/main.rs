//! The built binary, command by command, each test in a folder of its own. A file per command.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on must say so")]

mod sandbox;

mod auth;
mod call;
mod config;
mod connect;
mod connect_write;
mod daemon;
mod health;
mod help;
mod limits;
mod list;
mod logs;
mod reload;
mod run;
mod status;
mod stop;
mod tools;

/// Every test file is listed above: one that was forgotten would silently not run.
#[test]
fn no_test_file_is_forgotten() {
    let listed = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".rs").filter(|name| *name != "main") else { continue };
        assert!(listed.contains(&format!("mod {name};")), "tests/it/{name}.rs is not listed in main.rs");
    }
}
