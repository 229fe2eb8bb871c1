//! `switchboard reload`, HUP, and files that change.

use crate::sandbox::{Sandbox, entry, eventually};
use rustix::process::Signal;

#[test]
fn a_saved_file_is_read_and_what_did_not_change_keeps_running() {
    let sandbox = Sandbox::with_server();
    let daemon = sandbox.daemon();
    let before = sandbox.wait_for("ok", "ready")["pid"].clone();
    eventually("the file is watched", || daemon.said().contains("listening").then_some(()));
    sandbox.configure(&format!("{}{}", entry("ok", "ok"), entry("second", "ok")));
    // The watcher or this command, whichever comes first, reads it.
    assert_eq!(sandbox.run(&["reload"]).code, Some(0));
    sandbox.wait_for("second", "ready");
    assert_eq!(sandbox.wait_for("ok", "ready")["pid"], before);
    eventually("it is said", || daemon.said().contains("added: second").then_some(()));
    sandbox.configure(&entry("ok", "ok"));
    eventually("it is gone", || {
        let listed = sandbox.json(&["list"]);
        (listed["servers"].as_array().unwrap().len() == 1).then_some(())
    });
    assert_eq!(sandbox.wait_for("ok", "ready")["pid"], before);
}

#[test]
fn a_broken_file_changes_nothing_and_is_reported() {
    let sandbox = Sandbox::with_server();
    let daemon = sandbox.daemon();
    sandbox.wait_for("ok", "ready");
    sandbox.configure("[servers.ok]\ncomand = \"x\"\n");
    let refused = sandbox.run(&["reload"]);
    assert_eq!(refused.code, Some(2), "{}", refused.shown(&sandbox));
    assert!(refused.stderr.contains("nothing was changed") && refused.stderr.contains("did you mean `command`?"));
    eventually("the daemon says it too", || daemon.said().contains("nothing was changed").then_some(()));
    assert_eq!(sandbox.run(&["call", "ok.echo", "text=still"]).stdout, "still\n");
    let says = |words: &str| sandbox.run(&["status"]).stdout.contains(words);
    let status = sandbox.run(&["status"]).stdout;
    for words in ["the configuration on disk is not in force", ".toml:1: ", "1 further error", "config check"] {
        assert!(status.contains(words), "expected `{words}` in {status}");
    }
    sandbox.configure(&entry("ok", "ok"));
    eventually("it is in order again", || (!says("not in force")).then_some(()));
}

#[test]
fn hup_reads_it_again() {
    let sandbox = Sandbox::new();
    let daemon = sandbox.daemon();
    // The folder did not exist at the start, so nobody watches it.
    sandbox.configure(&entry("late", "ok"));
    daemon.signal(Signal::HUP);
    sandbox.wait_for("late", "ready");
}

#[test]
fn what_takes_effect_later_is_named() {
    let sandbox = Sandbox::new();
    let _daemon = sandbox.daemon();
    sandbox.configure("[limits]\nsessions_max = 3\n");
    let reloaded = sandbox.json(&["reload"]);
    assert_eq!(reloaded["at_next_start"], serde_json::json!(["limits.sessions_max"]));
}
