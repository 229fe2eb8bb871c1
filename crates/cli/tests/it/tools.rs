//! `switchboard tools`.

use crate::sandbox::{Sandbox, snapshot};

#[test]
fn tools_are_listed_right_after_the_start() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    snapshot!("tools", sandbox.run(&["tools"]).shown_table(&sandbox));
    let tools = sandbox.json(&["tools", "ok"]);
    assert_eq!(tools["tools"][1]["name"], "ok__echo");
    assert_eq!(tools["tools"][1]["definition"]["inputSchema"]["type"], "object");
}

#[test]
fn an_unknown_server_is_answered_with_the_nearest() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    snapshot!("tools_unknown", sandbox.run(&["tools", "okk"]).shown(&sandbox));
}
