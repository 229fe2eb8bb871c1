//! The keys about the life of a server: defaults, neighbours that contradict each other.

use std::time::Duration;

use config::{Pin, Start};

use crate::fixture::Fixture;

const BASE: &str = "[servers.a]\ncommand = \"x\"\n";

#[test]
fn defaults_are_those_of_the_predecessors() {
    let loaded = Fixture::named("c.toml", BASE).good();
    let server = &loaded.config.servers["a"];
    let times = [server.restart_delay, server.restart_delay_max, server.restart_window, server.stable_after];
    assert_eq!(times.map(|time| time.as_secs()), [5, 60, 300, 60]);
    assert_eq!((server.max_restarts, server.replicas, loaded.config.limits.startup_concurrency), (5, 1, 3));
    assert_eq!((server.start, server.idle_timeout, server.pin), (Start::Eager, None, Pin::None));
    assert_eq!(server.watch, None);
}

#[test]
fn who_starts_lazily_sleeps_unless_told_otherwise() {
    let idle = |more: &str| Fixture::named("c.toml", &format!("{BASE}{more}")).good().config.servers["a"].idle_timeout;
    assert_eq!(idle("start = \"lazy\"\n"), Some(Duration::from_secs(300)));
    assert_eq!(idle("start = \"lazy\"\nidle_timeout = 0\n"), None);
    assert_eq!(idle("idle_timeout = \"10m\"\n"), Some(Duration::from_secs(600)));
}

#[test]
fn a_long_delay_is_the_longest_one() {
    let loaded = Fixture::named("c.toml", &format!("{BASE}restart_delay = \"5m\"\n")).good();
    assert_eq!(loaded.config.servers["a"].restart_delay_max, Duration::from_secs(300));
}

#[test]
fn files_are_watched_in_the_folder_of_the_program() {
    let loaded = Fixture::named("conf/c.toml", &format!("{BASE}watch = [\"*.py\"]\n"));
    let here = loaded.good().config.servers["a"].watch.clone().expect("files");
    assert_eq!((here.folder, here.globs), (loaded.path("conf"), vec!["*.py".to_owned()]));
    let loaded = Fixture::named("conf/c.toml", &format!("{BASE}cwd = \"sub\"\nwatch = [\"src/**\"]\n"));
    let there = loaded.good().config.servers["a"].watch.clone().expect("files");
    assert_eq!(there.folder, loaded.path("conf/sub"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let remote = "[servers.a]\nurl = \"http://h/mcp\"\n";
    let table = [
        (BASE, "replicas = 2\nisolation = \"session\"\n", "`replicas` and `isolation` contradict each other"),
        (remote, "replicas = 2\n", "`replicas` goes with `command`"),
        (remote, "watch = [\"*\"]\n", "`watch` goes with `command`"),
        (BASE, "watch = [\"../x\"]\n", "only below the working folder"),
        (BASE, "watch = [\"/etc/*\"]\n", "only below the working folder"),
        (BASE, "watch = [\"[\"]\n", "broken pattern"),
        (BASE, "restart_delay = \"10s\"\nrestart_delay_max = \"5s\"\n", "shorter than `restart_delay`"),
        (BASE, "idle_timeout = \"50ms\"\n", "shorter than 100ms"),
    ];
    for (base, more, expected) in table {
        let said = Fixture::named("c.toml", &format!("{base}{more}")).said();
        let found = said.iter().any(|said| said.starts_with("error:") && said.contains(expected));
        assert!(found, "expected `{expected}` in {said:?}");
    }
    let said = Fixture::named("c.toml", &format!("{BASE}pin = \"session\"\n")).said();
    assert!(said.iter().any(|said| said.starts_with("warning:") && said.contains("`pin`")), "{said:?}");
}
