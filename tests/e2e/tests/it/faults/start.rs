//! Starting: servers that never say a word, and very many at once.

use super::{IMPATIENT, beside};
use e2e::{Burden, Client, Home, SOON, await_some, misbehave, script, tell};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::fs;
use std::time::Instant;

#[test]
fn f_03_a_mute_server_is_asked_in_both_eras_and_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape");
    let mute = script("bad", &format!("tee -a {} | $SERVER mute", tape.display())) + IMPATIENT;
    beside(&mute, |scene| {
        let server = scene.reason("within 1 s");
        assert!(matches!(server["state"].as_str(), Some("backoff" | "crash_loop")), "expected a clear state: {server}");
        assert!(server["hint"].is_string(), "expected a hint: {server}");
        let sent = fs::read_to_string(&tape).unwrap();
        for method in ["server/discover", "initialize"] {
            assert!(sent.contains(method), "expected `{method}` to have been tried: {sent}");
        }
        let why = scene.line.failure("bad__echo", json!({"text": "?"}));
        assert!(!why.is_empty(), "expected a refusal");
    });
}

#[test]
fn f_20_very_many_servers_start_together() {
    let count: usize = std::env::var("SWITCHBOARD_LAB_STARTS").map_or(60, |count| count.parse().unwrap());
    let servers: String = (0..count).map(|number| misbehave(&format!("s{number}"), "ok", "dual")).collect();
    let begun = Instant::now();
    let board = Home::new(&servers).start();
    let states = await_some(SOON * 4, "every server to be ready", || {
        let status = board.cli_json(&["status"]);
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        servers.iter().all(|server| server["state"] == "ready").then_some(servers)
    });
    assert_eq!(states.len(), count, "expected every server in the status");
    let restarted: Vec<_> = states.iter().filter(|server| server["restarts"] != 0).collect();
    assert!(restarted.is_empty(), "expected every server to come up at its first try: {restarted:?}");
    let burden = Burden::of_daemon(board.pid());
    tell(&format!(
        "starts: {count} servers ready after {} ms; daemon and guard have {} descriptors, {} MiB",
        begun.elapsed().as_millis(),
        burden.descriptors,
        burden.resident_kib / 1024
    ));
    let each = burden.descriptors / count;
    assert!(each <= 5, "expected at most 5 descriptors for each server, there are {burden:?}");
}

#[test]
fn f_20_few_descriptors_are_made_many_and_servers_get_what_is_usual() {
    let usual = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(150), ..usual };
    let home = Home::new(&script("one", "ulimit -Sn >&2; exec $SERVER ok dual"));
    setrlimit(Resource::Nofile, few).unwrap();
    let board = home.start();
    setrlimit(Resource::Nofile, usual).unwrap();
    let held: Vec<_> = (0..300).map(|_| std::net::TcpStream::connect(board.address()).unwrap()).collect();
    // Whoever comes last is let in all the same.
    assert!(!board.modern().tools().is_empty(), "expected a list");
    assert!(Burden::of(board.pid()).descriptors > 300, "expected every connection to be held");
    board.server_in("one", "ready");
    let log = board.cli(&["logs", "one"]).stdout;
    assert!(log.contains("stderr 150"), "expected the server to get what the daemon was started with: {log}");
    drop(held);
}
