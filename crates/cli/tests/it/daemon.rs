//! What people read of `start`, `stop`, `wait`, `preflight`, `status SERVER`, `service` and `aliases`.

use crate::sandbox::{Sandbox, entry, snapshot};

#[test]
fn a_servers_life_is_told_in_a_line_each() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("{}{}", entry("ok", "ok"), entry("broken", "die-at-start")));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    let commands: [&[&str]; 6] = [
        &["start", "ok"],
        &["stop", "ok"],
        &["status", "ok"],
        &["wait", "ok", "--timeout", "10ms"],
        &["start", "broken"],
        &["restart", "okk"],
    ];
    let shown: Vec<String> = commands
        .iter()
        .map(|words| format!("$ switchboard {}\n{}", words.join(" "), sandbox.run(words).shown(&sandbox)))
        .collect();
    // When it is tried next hangs on chance.
    let shown = shown.join("\n");
    let (before, after) = shown.split_once("tried again in ").expect("a time");
    let after = after.split_once(' ').expect("a unit").1;
    snapshot!("life_of_a_server", format!("{before}tried again in [N] {after}"));
}

#[test]
fn what_would_not_run_is_listed() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("{}[servers.gone]\ncommand = \"no-such-program\"\n", entry("ok", "ok")));
    snapshot!("preflight", sandbox.run(&["preflight"]).shown(&sandbox));
}

#[test]
fn the_unit_and_the_links_are_shown() {
    let sandbox = Sandbox::new();
    snapshot!("service", sandbox.run(&["service", "install", "--dry-run"]).shown(&sandbox));
    snapshot!("aliases", sandbox.run(&["aliases", "list"]).shown_table(&sandbox));
}
