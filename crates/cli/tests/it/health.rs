//! `switchboard health`.

use crate::sandbox::{Sandbox, entry, eventually, finished, snapshot};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn health_is_shown_and_decides_the_exit_code() {
    let sandbox = Sandbox::with_server();
    assert_eq!(sandbox.run(&["health"]).code, Some(3), "without a daemon");
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    snapshot!("health", sandbox.run(&["health"]).shown_table(&sandbox));
    snapshot!("health_one", sandbox.run(&["health", "ok"]).shown(&sandbox));
    sandbox.configure(&format!("{}[servers.gone]\ncommand = \"no-such-program\"\n", entry("ok", "ok")));
    sandbox.run(&["reload"]);
    sandbox.wait_for("gone", "failed");
    snapshot!("health_sick", sandbox.run(&["health"]).shown_table(&sandbox));
    assert_eq!(sandbox.run(&["health", "ok"]).code, Some(0), "who is well is not blamed for others");
    assert_eq!(sandbox.run(&["health", "gone"]).code, Some(1));
    assert_eq!(sandbox.run(&["health", "no"]).code, Some(12));
    let said: serde_json::Value = serde_json::from_str(&sandbox.run(&["health", "--json"]).stdout).unwrap();
    assert_eq!(said["overall"], "unhealthy", "{said}");
}

#[test]
fn what_is_not_in_use_fails_nobody() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("{}[servers.off]\ncommand = \"no-such-program\"\nenabled = false\n", entry("ok", "ok")));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    let health = sandbox.json(&["health"]);
    assert_eq!(health["overall"], "healthy", "{health}");
    let off = health["servers"].as_array().unwrap().iter().find(|server| server["name"] == "off").unwrap();
    assert_eq!((&off["level"], &off["active"]), (&"unknown".into(), &false.into()), "{off}");
    assert!(off["action"].as_str().unwrap().contains("switchboard enable off"), "{off}");
}

#[test]
fn changes_are_lines_for_whoever_is_no_terminal() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    let mut watching = sandbox.command(&["health", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert_eq!(first, "ok: healthy: ready, and not checked yet; next: nothing to do");
    sandbox.configure(&format!("{}[servers.gone]\ncommand = \"no-such-program\"\n", entry("ok", "ok")));
    sandbox.run(&["reload"]);
    let changed = lines.find(|line| line.as_ref().unwrap().starts_with("gone: unhealthy")).unwrap().unwrap();
    assert!(changed.contains("`no-such-program` was not found") && changed.contains("next: "), "{changed}");
    // It ends with the daemon.
    finished(&mut sandbox.command(&["stop"]));
    let status = eventually("the watching to end with the daemon", || watching.try_wait().unwrap());
    assert_eq!(status.code(), Some(3));
}
