//! What a changed file means, and that it is noticed.

use std::time::Duration;

use config::{Changes, QUIET, Watcher, are_quiet, changes};

use crate::fixture::Fixture;

fn compare(old: &str, new: &str) -> Changes {
    let old = Fixture::named("c.toml", old).good();
    let new = Fixture::named("c.toml", new).good();
    changes(&old.config, &new.config)
}

#[test]
fn only_what_differs_starts_anew() {
    let old = "[servers.a]\ncommand = \"x\"\n[servers.b]\ncommand = \"x\"\n[servers.c]\ncommand = \"x\"\n[servers.d]\ncommand = \"x\"\n";
    let new = "# moved\n[servers.e]\ncommand = \"x\"\n[servers.a]\ncommand = \"x\"\n[servers.b]\ncommand = \"x\"\nenv = { K = \"v\" }\n[servers.d]\ncommand = \"x\"\ntags = [\"t\"]\n";
    let names = |name: &str| vec![name.to_owned()];
    let expected =
        Changes { added: names("e"), removed: names("c"), changed: names("b"), adjusted: names("d"), same: names("a") };
    assert_eq!(compare(old, new), expected);
    assert!(compare(old, old).is_empty());
}

#[test]
fn each_of_these_needs_a_new_start() {
    let base = "[servers.a]\ncommand = \"x\"\n";
    let lines = [
        "args = [\"1\"]",
        "cwd = \"/tmp\"",
        "inherit_env = [\"A\"]",
        "env = { A = \"1\" }",
        "stop_timeout = 1",
        "request_timeout = 1",
        "restart = \"never\"",
        "restart_delay = 1",
        "restart_delay_max = \"2m\"",
        "max_restarts = 1",
        "restart_window = 10",
        "stable_after = 10",
        "start = \"lazy\"",
        "idle_timeout = 10",
        "replicas = 2",
        "pin = \"session\"",
        "watch = [\"*.py\"]",
        "era = \"legacy\"",
        "disabled = true",
    ];
    for line in lines {
        let changes = compare(base, &format!("{base}{line}\n"));
        assert_eq!(changes.changed, ["a"], "{line}");
    }
    let args = |args: &str| Fixture::named("c.toml", &format!("{base}args = {args}\n")).good();
    let (one, two) = (args("[\"ab\"]"), args("[\"a\", \"b\"]"));
    let hash = |loaded: &config::Loaded| loaded.config.servers["a"].definition_hash();
    assert_ne!(hash(&one), hash(&two));
    assert_eq!(hash(&one).len(), 64);
}

#[test]
fn a_secret_in_a_variable_counts() {
    let text = "[servers.a]\ncommand = \"x\"\nenv = { K = \"${V}\" }\n";
    let load = |value: &str| Fixture::named("c.toml", text).var("V", value).good();
    let (one, two) = (load("1"), load("2"));
    assert_eq!(changes(&one.config, &two.config).changed, ["a"]);
    let hash = |loaded: &config::Loaded| loaded.config.servers["a"].definition_hash();
    assert_eq!(hash(&one), hash(&two));
}

/// Waits for the watcher to speak; fails after ten seconds.
async fn told(receiver: &mut tokio::sync::mpsc::Receiver<()>) {
    let told = tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await;
    assert_eq!(told, Ok(Some(())));
}

#[tokio::test]
async fn writing_replacing_and_creating_a_file_is_noticed() {
    let fixture = Fixture::named("c.toml", "");
    let files = fixture.load().files;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let watcher = Watcher::start(&files, sender).expect("a watcher");
    let fixture = fixture.file("c.toml", "[servers.a]\ncommand = \"x\"\n");
    told(&mut receiver).await;
    let fixture = fixture.file("new", "");
    std::fs::rename(fixture.path("new"), fixture.path("c.toml")).expect("a rename");
    told(&mut receiver).await;
    let _fixture = fixture.file(".env", "A=b\n");
    told(&mut receiver).await;
    drop(watcher);
    assert_eq!(receiver.recv().await, None, "the thread ends with the watcher");
}

#[test]
fn what_was_read_while_somebody_wrote_is_not_taken_for_whole() {
    let fixture = Fixture::named("c.toml", "");
    let files = [fixture.path("c.toml")];
    let written = files[0].metadata().and_then(|found| found.modified()).expect("a time");
    let read_at = |moment| are_quiet(&files, moment);
    assert!(!read_at(written) && !read_at(written - QUIET), "written while it was read");
    // However long the reading took: it began too early.
    assert!(!read_at(written + QUIET / 2));
    assert!(read_at(written + QUIET));
}
