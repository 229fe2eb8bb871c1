//! Keys of what stands before the calls of a server.

use std::time::Duration;

use config::changes;

use crate::fixture::Fixture;

#[test]
fn defaults_are_those_of_the_documentation_and_sizes_follow_the_limits() {
    let text =
        "[limits]\nframe_bytes_max = \"1MiB\"\n[servers.a]\ncommand = \"x\"\n[servers.b]\nurl = \"https://h/\"\n";
    let loaded = Fixture::named("c.toml", text).good();
    let (a, b) = (&loaded.config.servers["a"], &loaded.config.servers["b"]);
    assert_eq!((a.guards.max_concurrent, a.guards.response_max, b.guards.response_max), (10, 1 << 20, 16 << 20));
    let breaker = a.guards.breaker;
    assert_eq!((breaker.failures, breaker.pause, breaker.trials), (5, Duration::from_secs(60), 3));
    let retry = a.guards.retry;
    assert_eq!((retry.attempts, retry.delay, retry.delay_max), (3, Duration::from_secs(1), Duration::from_secs(60)));
    let cache = &a.guards.cache;
    assert_eq!((cache.tools.len(), cache.ttl, cache.entries), (0, Duration::from_secs(300), 1000));
    assert_eq!((a.guards.group.as_ref(), b.connect_timeout), (None, Duration::from_secs(10)));
}

#[test]
fn a_change_of_guards_keeps_the_server_running() {
    let entry = "[servers.a]\ncommand = \"x\"\n";
    let old = Fixture::named("c.toml", entry).good().config;
    for key in
        ["max_concurrent = 2", "tools.safe = [\"x\"]", "breaker.failures = 0", "group = \"g\"", "cache.tools = [\"x\"]"]
    {
        let new = Fixture::named("c.toml", &format!("{entry}{key}\n")).good().config;
        assert_eq!(changes(&old, &new).adjusted, ["a"], "{key}");
    }
    let new = Fixture::named("c.toml", &format!("{entry}connect_timeout = 3\n")).good().config;
    assert_eq!(changes(&old, &new).changed, ["a"]);
}

#[test]
fn a_group_needs_a_name_of_its_own_and_patterns_must_be_patterns() {
    let two = "[servers.a]\ncommand = \"x\"\ngroup = \"B\"\n[servers.b]\ncommand = \"x\"\n";
    assert_eq!(
        Fixture::named("c.toml", two).said(),
        ["error: server `a`: its `group` has the public name of the server `b`"]
    );
    let none = "[servers.a]\ncommand = \"x\"\ngroup = \"!\"\n";
    assert_eq!(
        Fixture::named("c.toml", none).said(),
        ["error: server `a`: the name of its `group` has no letter or digit"]
    );
    let broken = "[servers.a]\ncommand = \"x\"\ncache.tools = [\"[\"]\n";
    assert!(Fixture::named("c.toml", broken).said()[0].contains("`cache.tools` holds a broken pattern"));
}

#[test]
fn what_other_tools_call_a_cache_or_a_priority_is_left_to_them() {
    let text = r#"{"mcpServers": {"a": {"command": "x", "cache": true, "retry": {"max": 3}, "priority": "high",
        "group": ["x"], "breaker": {"failures": 2}}}}"#;
    let loaded = Fixture::named("c.json", text).good();
    let guards = &loaded.config.servers["a"].guards;
    assert_eq!((guards.group.as_ref(), guards.retry.attempts, guards.breaker.failures), (None, 3, 2));
}

#[test]
fn a_place_in_no_group_is_spoken_of() {
    let own = Fixture::named("switchboard.toml", "[servers.a]\ncommand = 'x'\npriority = 1\nweight = 2\n");
    let expected =
        ["priority", "weight"].map(|key| format!("warning: server `a`: `{key}` says nothing without `group`"));
    assert_eq!(own.said(), expected);
    let foreign = Fixture::named("a.json", r#"{"mcpServers": {"a": {"command": "x", "priority": 1}}}"#);
    assert_eq!(foreign.said(), ["note: server `a`: `priority` says nothing without `group`"]);
}
