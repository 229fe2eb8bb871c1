//! `switchboard stop`, and the signals that do the same.

use crate::sandbox::Sandbox;
use rustix::process::Signal;

#[test]
fn the_daemon_ends_and_leaves_no_socket() {
    let sandbox = Sandbox::with_server();
    let mut daemon = sandbox.daemon();
    let server = sandbox.wait_for("ok", "ready")["pid"].as_u64().unwrap();
    let stopped = sandbox.json(&["stop"]);
    assert_eq!(stopped["stopped"].as_u64(), Some(daemon.pid()));
    assert!(daemon.wait().success());
    for left in ["switchboard.sock", "mcp.sock", "listen.json"] {
        assert!(!sandbox.root.join("data").join(left).exists(), "{left}");
    }
    assert!(!std::path::Path::new(&format!("/proc/{server}")).exists(), "the server has ended");
    let left: Vec<_> =
        std::fs::read_dir(sandbox.root.join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.contains(&"state.db".into()), "state is kept: {left:?}");
    assert!(!left.contains(&"state.db-wal".into()), "the store was closed: {left:?}");
}

#[test]
fn term_and_int_end_it_too() {
    for signal in [Signal::TERM, Signal::INT] {
        let sandbox = Sandbox::new();
        let mut daemon = sandbox.daemon();
        daemon.signal(signal);
        assert!(daemon.wait().success());
    }
}
