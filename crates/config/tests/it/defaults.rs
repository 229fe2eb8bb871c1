//! `[defaults]` and `config explain`: what holds for many, and where a value comes from.

use config::{Restart, explain};

use crate::fixture::Fixture;

const TEXT: &str = "[defaults]\nrestart = \"never\"\nstop_timeout = 3\ntools.deny = [\"x_*\"]\nrequest_timeout = 30\n\n\
                    [servers.a]\ncommand = \"x\"\n\n[servers.b]\nurl = \"http://h/\"\nrestart = \"always\"\n";

#[test]
fn defaults_hold_for_those_that_do_not_say() {
    let config = Fixture::named("c.toml", TEXT).good().config;
    let (a, b) = (&config.servers["a"], &config.servers["b"]);
    assert_eq!((a.restart, b.restart), (Restart::Never, Restart::Always));
    assert_eq!((a.stop_timeout.as_secs(), b.stop_timeout.as_secs()), (3, 3));
    assert_eq!((a.request_timeout.as_secs(), &a.tools.deny), (30, &vec!["x_*".to_owned()]));
    assert!(config::show(&config).contains("restart = \"never\"  # defaults at c.toml:2"), "{}", config::show(&config));
}

#[test]
fn defaults_hold_no_key_of_one_server() {
    for key in ["command = \"x\"", "url = \"http://h\"", "enabled = false", "env = { A = \"b\" }"] {
        assert!(Fixture::named("c.toml", &format!("[defaults]\n{key}\n")).load().has_errors(), "{key}");
    }
    let fixture = Fixture::named("c.toml", "[defaults]\nrequest_timeout_max = 1\n[servers.a]\ncommand = \"x\"\n");
    assert!(fixture.rendered().contains("c.toml:3"), "the server is shown: {}", fixture.rendered());
}

#[test]
fn a_key_is_explained_with_its_value_and_origin() {
    let config = Fixture::named("c.toml", TEXT).good().config;
    let found = |key: &str| explain(&config, key).unwrap_or_else(|near| panic!("{key}: {near:?}"));
    let value = |key: &str| found(key).value.unwrap_or_default();
    let origin = |key: &str| found(key).origin.unwrap_or_default();
    for (key, shown, from) in [
        ("servers.a.restart", "never", "c.toml:2"),
        ("servers.b.restart", "always", "c.toml:12"),
        ("servers.a.startup_timeout", "30s", "default"),
        ("servers.b.url", "http://h/", "c.toml:11"),
        ("listen.address", "127.0.0.1:7420", "default"),
        ("defaults.restart", "", "c.toml:2"),
    ] {
        if !shown.is_empty() {
            assert_eq!(value(key), shown, "{key}");
        }
        assert_eq!(origin(key), from, "{key}");
    }
    let about = found("restart");
    assert_eq!((about.kind.as_str(), about.default.as_deref()), ("one of: always, on-failure, never", Some("always")));
    assert!(found("limits").keys.contains(&"depth_max".to_owned()));
    assert_eq!(found("limits.depth_max").value, Some(128.into()));
    for (key, near) in [("restrat", Some("restart")), ("address", Some("listen.address")), ("zzzzzz", None)] {
        assert_eq!(explain(&config, key), Err(near.map(str::to_owned)), "{key}");
    }
    assert_eq!(explain(&config, "servers.c.url"), Err(Some("servers.a.url".to_owned())));
}

#[test]
fn tables_are_shared_key_by_key() {
    let text = "[defaults]\ncache.ttl = \"10s\"\ncache.entries = 7\nhealth = { interval = \"5s\", failures = 9 }\n\
                retry.attempts = 1\nbreaker.failures = 2\nresources.processes = 20\nrate_limit.burst = 3\n\
                tools = { safe = [\"get_*\"], deny = [\"rm_*\"] }\n\n\
                [servers.a]\ncommand = \"x\"\ncache.tools = [\"get_*\"]\ncache.ttl = \"20s\"\nhealth.failures = 4\n\
                retry.delay = \"2s\"\nbreaker.trials = 1\nresources.open_files = 99\nrate_limit.calls_per_second = 6\n\
                tools.deny = []\n\n[servers.b]\ncommand = \"x\"\n";
    let config = Fixture::named("c.toml", text).good().config;
    let (a, b) = (&config.servers["a"], &config.servers["b"]);
    let cache = &a.guards.cache;
    assert_eq!((cache.ttl.as_secs(), cache.entries, cache.tools.as_slice()), (20, 7, &["get_*".to_owned()][..]));
    assert_eq!((b.guards.cache.ttl.as_secs(), b.guards.cache.entries), (10, 7));
    assert_eq!((a.health.interval.as_secs(), a.health.failures, b.health.failures), (5, 4, 9));
    assert_eq!((a.guards.retry.attempts, a.guards.retry.delay.as_secs()), (1, 2));
    assert_eq!((a.guards.breaker.failures, a.guards.breaker.trials), (2, 1));
    assert_eq!((a.guards.rate_limit.burst, a.guards.rate_limit.calls_per_second), (3, 6));
    assert_eq!((a.tools.safe.len(), a.tools.deny.len(), b.tools.deny.len()), (1, 0, 1));
    let origin = |key: &str| explain(&config, key).unwrap().origin.unwrap_or_default();
    for (key, from) in [
        ("servers.a.cache.ttl", "c.toml:14"),
        ("servers.a.cache.entries", "c.toml:3"),
        ("servers.a.cache.bytes", "default"),
        ("servers.b.cache.ttl", "c.toml:2"),
        ("servers.b.health.failures", "c.toml:4"),
        ("defaults.cache.ttl", "c.toml:2"),
    ] {
        assert_eq!(origin(key), from, "{key}");
    }
    let shown = config::show(&config);
    assert!(shown.contains("entries = 7  # defaults at c.toml:3"), "{shown}");
}

#[test]
fn a_broken_pattern_of_defaults_is_shown_at_the_server() {
    let text = "[defaults]\ntools.deny = [\"{a\"]\n[servers.a]\ncommand = \"x\"\ntools.allow = [\"*\"]\n";
    let fixture = Fixture::named("c.toml", text);
    assert!(fixture.rendered().contains("c.toml:3"), "{}", fixture.rendered());
}
