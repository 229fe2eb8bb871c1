//! `[search]`: rules of one's own and those of the prompt router, read as they are.

use crate::fixture::Fixture;
use std::time::Duration;

/// As the predecessor documents its file.
const ROUTER: &str = r#"{
  "server_keywords": { "github": ["github", "pr"], "mem0": ["remember"] },
  "task_patterns": { "github": ["open (an )?issue", "(?<=x)y", "push to .*"] },
  "default_limits": { "response_timeout": 10, "max_retries": 1, "startup_wait": 0.5 },
  "colour": true
}"#;

const OWN: &str = r#"
    servers.github.command = "true"
    servers.mem0.command = "true"
    [search]
    server_keywords.github = ["repository"]
    [search.default_limits]
    startup_wait = "2s"
"#;

#[test]
fn the_file_of_the_prompt_router_is_read_as_it_is() {
    let fixture = Fixture::named("s.toml", "servers.github.command = \"true\"\nservers.mem0.command = \"true\"");
    let loaded = fixture.file("home/.mcp-router-config.json", ROUTER).load();
    assert!(!loaded.has_errors());
    let search = &loaded.config.search;
    assert_eq!(search.server_keywords["github"], ["github", "pr"]);
    assert_eq!(search.server_keywords["mem0"], ["remember"]);
    // One pattern is none for us: it is named, and the others work.
    assert_eq!(search.task_patterns["github"], ["open (an )?issue", "push to .*"]);
    let limits = &search.default_limits;
    assert_eq!((limits.max_retries, limits.startup_wait), (1, Duration::from_millis(500)));
    let bad = loaded.diagnostics.iter().find(|one| one.message.contains("no pattern")).unwrap();
    assert!(bad.message.contains("`task_patterns.github` holds `(?<=x)y`"), "{}", bad.message);
    assert!(bad.file.as_ref().unwrap().ends_with(".mcp-router-config.json") && bad.line == Some(3), "{bad:?}");
    assert!(loaded.diagnostics.iter().any(|one| one.message.contains("`colour` of the rules has no effect")));
    assert!(loaded.files.iter().any(|file| file.ends_with(".mcp-router-config.json")), "it is watched");
}

#[test]
fn our_own_keys_are_stronger_and_an_empty_name_is_no_file() {
    let fixture = Fixture::named("s.toml", OWN).file("home/.mcp-router-config.json", ROUTER);
    let search = fixture.good().config.search;
    assert_eq!(search.server_keywords["github"], ["repository"]);
    assert_eq!(search.server_keywords["mem0"], ["remember"]);
    assert_eq!(search.default_limits.startup_wait, Duration::from_secs(2));
    assert_eq!(search.default_limits.max_retries, 1);
    let none = Fixture::named("s.toml", "[search]\nrules = \"\"\nfeedback = false");
    let search = none.file("home/.mcp-router-config.json", ROUTER).good().config.search;
    assert!(search.rules.is_none() && search.server_keywords.is_empty() && !search.feedback);
    let search = Fixture::named("s.toml", "").good().config.search;
    assert!(search.feedback && search.rules.is_none());
    assert_eq!(search.default_limits.response_timeout, Duration::from_secs(10));
}

#[test]
fn what_is_wrong_is_named() {
    let text = "[search]\nrules = \"gone.json\"\nserver_keywords.a = [1]\ntask_patterns.b = [\"(\", \"\"]";
    let said = Fixture::named("s.toml", text).said().join("\n");
    for part in [
        "warning: the file of `search.rules` is not there",
        "error: `search.server_keywords.a` must be a list of strings",
        "error: `search.task_patterns.b` holds `(`, which is no pattern",
        "error: `search.task_patterns.b` holds an empty text",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let broken = Fixture::named("s.toml", "").file("home/.mcp-router-config.json", "{ \"server_keywords\": ");
    let loaded = broken.load();
    assert!(!loaded.has_errors(), "another program's file stops nothing");
    assert!(loaded.diagnostics.iter().any(|one| one.message.contains("not valid JSON")));
}
