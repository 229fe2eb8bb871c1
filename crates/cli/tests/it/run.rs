//! `switchboard run`.

use crate::sandbox::{Sandbox, entry, eventually, finished, snapshot};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn without_any_configuration_it_runs_and_says_how_to_go_on() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.daemon();
    let said = eventually("it is said", || Some(daemon.said()).filter(|said| said.contains("speaks HTTP")));
    snapshot!("run_first_time", sandbox.stable(&said));
    assert_eq!(sandbox.json(&["status"])["servers"], serde_json::json!([]));
}

#[test]
fn it_is_silent_when_asked_to_be() {
    let sandbox = Sandbox::new();
    let mut daemon = sandbox.daemon_with(&["-q"]);
    assert_eq!(sandbox.run(&["stop", "-q"]).stderr, "");
    assert!(daemon.wait().success());
    assert_eq!(daemon.said(), "");
}

#[test]
fn a_port_in_use_is_refused_with_who_holds_it() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let refused = sandbox.run(&["run", "--listen", &address]);
    assert_eq!(refused.code, Some(78), "{}", refused.shown(&sandbox));
    let own = std::process::id();
    assert!(refused.stderr.contains(&format!("(process {own}) holds it")), "{}", refused.stderr);
    assert!(refused.stderr.contains("--listen 127.0.0.1:0"), "{}", refused.stderr);
}

#[test]
fn the_port_of_another_switchboard_is_called_so() {
    let (first, second) = (Sandbox::new(), Sandbox::new());
    let daemon = first.daemon();
    let refused = second.run(&["run", "--listen", daemon.address()]);
    assert!(refused.stderr.contains("it is a switchboard already"), "{}", refused.stderr);
}

#[test]
fn a_data_folder_has_one_daemon() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.daemon();
    let refused = sandbox.run(&["run"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains(&format!("another switchboard (process {}, since ", daemon.pid())),
        "{}",
        refused.stderr
    );
    snapshot!("run_second", refused.shown(&sandbox));
    assert_eq!(sandbox.json(&["status"])["pid"].as_u64(), Some(daemon.pid()), "the first is undisturbed");
}

#[test]
fn beyond_loopback_needs_a_token() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["run", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, Some(2), "{}", refused.shown(&sandbox));
    assert!(refused.stderr.contains("token") && refused.stderr.contains("hint"), "{}", refused.stderr);
}

#[test]
fn state_is_private() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    let mode =
        |name: &str| std::fs::metadata(sandbox.root.join("data").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for file in ["switchboard.sock", "mcp.sock", "keys", "lock", "listen.json", "state.db", "logs/ok.log"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn tools_of_a_server_that_is_gone_are_listed_after_a_restart() {
    let sandbox = Sandbox::with_server();
    {
        let mut daemon = sandbox.daemon();
        sandbox.wait_for("ok", "ready");
        sandbox.run(&["stop"]);
        assert!(daemon.wait().success());
    }
    // The same definition under a name that cannot start is what a broken server looks like.
    sandbox.configure(&format!("{}cwd = \"/no/such/folder\"\n", entry("ok", "ok")));
    let _daemon = sandbox.daemon();
    assert!(sandbox.run(&["tools"]).stdout.contains("ok__echo"));
    let called = sandbox.run(&["call", "ok.echo", "text=x"]);
    assert_ne!(called.code, Some(0));
    assert!(called.stderr.contains("/no/such/folder"), "{}", called.stderr);
}

#[test]
fn a_long_data_path_works() {
    let sandbox = Sandbox::with_server();
    let data = sandbox.root.join("d".repeat(120));
    let folder = data.display().to_string();
    let runtime = sandbox.root.join("runtime");
    let run = |arguments: &[&str]| finished(sandbox.command(arguments).env("XDG_RUNTIME_DIR", &runtime));
    let mut command = sandbox.command(&["run", "--data", &folder]);
    let mut child = command.env("XDG_RUNTIME_DIR", &runtime).stderr(std::process::Stdio::null()).spawn().unwrap();
    eventually("it answers", || (run(&["status", "--data", &folder]).code == Some(0)).then_some(()));
    assert_eq!(run(&["call", "ok.echo", "text=far", "--data", &folder]).stdout, "far\n");
    assert_eq!(run(&["stop", "--data", &folder]).code, Some(0));
    assert!(child.wait().unwrap().success());
}
