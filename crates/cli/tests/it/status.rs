//! `switchboard status`.

use crate::sandbox::{Sandbox, entry, snapshot};

#[test]
fn everything_is_well() {
    let sandbox = Sandbox::with_server();
    let daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    snapshot!("status", sandbox.run(&["status"]).shown_table(&sandbox));
    let status = sandbox.json(&["status"]);
    assert_eq!(status["pid"].as_u64(), Some(daemon.pid()));
    assert_eq!(status["url"], format!("http://{}/mcp", daemon.address()));
    assert!(status["memory"]["guard_kib"].as_u64().is_some());
}

#[test]
fn what_is_not_well_has_a_reason_and_a_next_step() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("{}[servers.gone]\ncommand = \"no-such-program\"\n", entry("ok", "ok")));
    let daemon = sandbox.daemon();
    let gone = sandbox.wait_for("gone", "failed");
    assert!(gone["reason"].as_str().unwrap().contains("no-such-program"), "{gone}");
    let shown = sandbox.run(&["status"]).stdout;
    assert!(shown.contains("gone: ") && shown.contains("next: "), "{shown}");
    let said = daemon.said();
    assert!(said.contains("the server `gone` cannot start: there is no program `no-such-program` in PATH"), "{said}");
    sandbox.wait_for("ok", "ready");
}

#[test]
fn hidden_tools_are_shown_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("{}tools = {{ deny = [\"sleep\"] }}\n", entry("ok", "ok")));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    let shown = sandbox.run(&["status"]).stdout;
    assert!(shown.contains("not offered: tools `sleep` of ok"), "{shown}");
}
