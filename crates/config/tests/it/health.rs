//! `health` and `health_check` of an entry.

use std::time::Duration;

use config::{HealthCheck, changes};

use crate::fixture::Fixture;

#[test]
fn the_defaults_are_those_of_the_predecessors() {
    let loaded = Fixture::named("c.toml", "[servers.a]\ncommand = \"x\"\n").good();
    let health = &loaded.config.servers["a"].health;
    let seconds = [health.interval, health.timeout, health.recover_pause].map(|time| time.as_secs());
    assert_eq!(seconds, [30, 10, 60]);
    assert_eq!((health.degraded_at, health.failures, health.recoveries), (80, 3, 2));
    assert!(health.recover && health.check == HealthCheck::Protocol);
}

#[test]
fn checks_are_read_and_secrets_stay_hidden() {
    let text = r#"
[servers.a]
command = "x"
health = { interval = "5s", recover = false }
health_check.command = ["probe", "${SECRET}"]
[servers.b]
url = "https://far.example/mcp"
health_check.http = "https://far.example/alive?key=${SECRET}"
[servers.c]
command = "x"
health_check = { tool = "t", arguments = { deep = [1, { x = true }] } }
"#;
    let loaded = Fixture::named("c.toml", text).var("SECRET", "hush").good();
    let servers = &loaded.config.servers;
    let a = &servers["a"].health;
    assert_eq!((a.interval, a.timeout, a.recover), (Duration::from_secs(5), Duration::from_secs(10), false));
    assert!(matches!(&a.check, HealthCheck::Command { argv, .. } if argv[..] == ["probe", "hush"]));
    assert!(matches!(&servers["b"].health.check, HealthCheck::Http { url, .. } if url.ends_with("key=hush")));
    let HealthCheck::Tool { name, arguments } = &servers["c"].health.check else { panic!("a tool") };
    assert_eq!((name.as_str(), arguments["deep"][1]["x"].clone()), ("t", true.into()));
    let shown = config::show(&loaded.config) + &config::to_json(&loaded.config).to_string() + &format!("{servers:?}");
    assert!(!shown.contains("hush"), "{shown}");
    assert!(shown.contains("probe") && shown.contains("far.example/alive"), "{shown}");
}

#[test]
fn what_cannot_be_a_check_is_explained() {
    for (more, words) in [
        ("health_check = { http = \"http://127.0.0.1/\", tool = \"t\" }", "one of `command`, `http` and `tool`"),
        ("health_check = {}", "one of `command`, `http` and `tool`"),
        ("health_check = { http = \"http://127.0.0.1/\", arguments = {} }", "belongs to a `tool`"),
        ("health_check.http = \"http://169.254.169.254/\"", "not where this server is"),
        ("health_check.http = \"file:///etc/passwd\"", "not a URL of HTTP"),
        ("health_check.command = []", "names no program"),
        ("health.degraded_at = 0", "out of range"),
        ("health.often = true", "unknown key"),
    ] {
        let loaded = Fixture::named("c.toml", &format!("[servers.a]\ncommand = \"x\"\n{more}\n")).load();
        let text = config::render(&loaded.diagnostics, false);
        assert!(loaded.has_errors() && text.contains(words), "{more}: {text}");
    }
}

#[test]
fn what_other_tools_mean_by_these_keys_is_theirs() {
    for more in ["\"health_check\": \"curl localhost\"", "\"health_check\": {\"test\": [\"x\"]}", "\"health\": true"] {
        let text = format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"x\", {more}}}}}}}");
        let loaded = Fixture::named("c.json", &text).load();
        assert!(!loaded.has_errors(), "{more}: {}", config::render(&loaded.diagnostics, false));
        assert_eq!(loaded.config.servers["a"].health.check, HealthCheck::Protocol);
    }
}

#[test]
fn other_settings_do_not_restart_a_server() {
    let load = |more: &str| Fixture::named("c.toml", &format!("[servers.a]\ncommand = \"x\"\n{more}\n")).good().config;
    let before = load("");
    for more in ["health.interval = \"5s\"", "health_check.tool = \"t\""] {
        assert_eq!(changes(&before, &load(more)).adjusted, ["a"], "{more}");
    }
}
