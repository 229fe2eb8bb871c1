//! `switchboard logs`.

use crate::sandbox::{Sandbox, entry, eventually};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

#[test]
fn what_a_server_says_is_shown_with_and_without_a_daemon() {
    let sandbox = Sandbox::new();
    sandbox.configure(&entry("loud", "noise"));
    let mut daemon = sandbox.daemon();
    sandbox.wait_for("loud", "ready");
    let lines = sandbox.json(&["logs", "loud"]);
    let streams: Vec<&str> =
        lines["lines"].as_array().unwrap().iter().filter_map(|line| line["stream"].as_str()).collect();
    assert!(["stderr", "stdout", "switchboard"].iter().all(|stream| streams.contains(stream)), "{lines}");
    assert_eq!(sandbox.run(&["logs", "loud", "-n", "1"]).stdout.lines().count(), 1);
    assert_eq!(sandbox.run(&["logs", "lod"]).code, Some(12));
    assert_eq!(sandbox.run(&["stop"]).code, Some(0));
    assert!(daemon.wait().success());
    let kept = sandbox.run(&["logs", "loud"]);
    assert!(kept.code == Some(0) && kept.stdout.contains(" switchboard ready"), "{}", kept.shown(&sandbox));
    assert!(!sandbox.json(&["logs", "loud"])["lines"].as_array().unwrap().is_empty());
}

#[test]
fn following_shows_lines_as_they_come_and_ends_with_the_daemon() {
    let sandbox = Sandbox::new();
    sandbox.configure(&entry("loud", "noise"));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("loud", "ready");
    let mut follower = sandbox.command(&["logs", "loud", "-f", "-n", "0"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (sender, shown) = std::sync::mpsc::sync_channel(1024);
    let reading = std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    // Each call makes the server print; that it follows is seen from the first line that comes.
    let line = eventually("a line is shown", || {
        assert_eq!(sandbox.run(&["call", "loud.echo", "text=x"]).code, Some(0));
        shown.try_recv().ok()
    });
    assert!(line.contains(" std"), "{line}");
    assert_eq!(sandbox.run(&["stop"]).code, Some(0));
    assert!(follower.wait().unwrap().success());
    drop(shown);
    // It ends because its reader has left or because the lines have ended.
    let _ = reading.join().unwrap();
}

#[test]
fn who_watches_ends_when_nobody_reads_any_more() {
    let sandbox = Sandbox::new();
    sandbox.configure(&entry("quiet", "ok"));
    let _daemon = sandbox.daemon();
    sandbox.wait_for("quiet", "ready");
    for arguments in [&["logs", "quiet", "-f"][..], &["status", "--watch"], &["health", "--watch"]] {
        let mut watcher = sandbox.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(watcher.stdout.take().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        drop(reader);
        let ended = eventually(&format!("the end of {arguments:?}"), || watcher.try_wait().unwrap());
        assert!(ended.success(), "{arguments:?}: {ended}");
    }
}
