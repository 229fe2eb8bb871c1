//! `switchboard list`.

use crate::sandbox::{Sandbox, entry, snapshot};

#[test]
fn what_is_declared_is_listed_with_and_without_a_daemon() {
    let sandbox = Sandbox::new();
    sandbox
        .configure(&format!("{}[servers.off]\nurl = \"http://127.0.0.1:9/mcp\"\nenabled = false\n", entry("ok", "ok")));
    snapshot!("list_without_daemon", sandbox.run(&["list"]).shown_table(&sandbox));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    snapshot!("list", sandbox.run(&["list"]).shown_table(&sandbox));
    assert_eq!(sandbox.json(&["list"])["servers"][0]["state"], "disabled");
}

#[test]
fn servers_of_a_project_wait_for_approval() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.root.join(".mcp.json"), r#"{"mcpServers": {"p": {"command": "sh"}}}"#).unwrap();
    assert_eq!(sandbox.json(&["list"])["servers"][0]["state"], "pending");
    let _daemon = sandbox.daemon();
    let listed = sandbox.json(&["status"]);
    assert_eq!(listed["servers"][0]["state"], "pending");
    assert!(listed["servers"][0]["hint"].as_str().unwrap().contains("switchboard approve p"));
}
