//! Nothing outlives the daemon: not after TERM, not after `kill -9`, not a grandchild in a session
//! of its own that ignores the end of its input and TERM.

use e2e::{Proc, Switchboard, built, command, descendants, modern, until};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(2);

fn config() -> String {
    let misbehave = built("mcp-misbehave");
    let mut text = String::new();
    for (name, mode) in [("stubborn", "ignore-eof"), ("good", "ok")] {
        text.push_str(&format!("[servers.{name}]\ncommand = {misbehave:?}\nargs = [{mode:?}]\n"));
    }
    text
}

/// Both servers are up, and the stubborn one has its grandchild.
fn started() -> (Switchboard, Vec<Proc>) {
    let daemon = Switchboard::start(&config());
    until(Duration::from_secs(20), "both servers", || {
        let tools = modern(&daemon.address, "tools/list", json!({})).answer()["result"]["tools"].to_string();
        (tools.contains("stubborn__echo") && tools.contains("good__echo")).then_some(())
    });
    let grandchild = until(Duration::from_secs(10), "the grandchild's pid in the log", || {
        let pid = find_pid(&daemon.folder().join("data"))?;
        Proc::now(pid)
    });
    let mut family = descendants(daemon.pid());
    assert!(family.len() >= 4, "guard, two servers, a grandchild: {family:?}");
    if !family.contains(&grandchild) {
        family.push(grandchild);
    }
    (daemon, family)
}

/// The number after `grandchild` in any log below the data folder.
fn find_pid(folder: &Path) -> Option<u32> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(pid) = find_pid(&path) {
                return Some(pid);
            }
        } else if let Ok(text) = fs::read(&path) {
            let text = String::from_utf8_lossy(&text).into_owned();
            let number = text.split("grandchild").nth(1).map(|rest| rest.trim_start_matches([' ', ':', '=']));
            let digits: Option<String> = number.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
            if let Some(pid) = digits.and_then(|digits| digits.parse().ok()) {
                return Some(pid);
            }
        }
    }
    None
}

#[test]
fn nothing_survives_kill_9() {
    let (mut daemon, family) = started();
    daemon.kill_hard();
    Proc::assert_all_gone(&family, LIMIT);
}

#[test]
fn nothing_survives_term() {
    let (daemon, family) = started();
    let code = daemon.stop();
    Proc::assert_all_gone(&family, LIMIT);
    assert_eq!(code, 0, "TERM is a normal end");
}

/// The daemon and the guard each clean up if the other dies.
#[test]
fn the_servers_do_not_survive_the_guard() {
    let (daemon, family) = started();
    let guard = family.iter().find(|one| one.shown().contains("__guard")).copied();
    let guard = guard.unwrap_or_else(|| panic!("no guard in {family:?}"));
    let killed = command("kill").args(["-9", &guard.pid.to_string()]).status().unwrap();
    assert!(killed.success());
    Proc::assert_all_gone(&family, LIMIT);
    drop(daemon);
}
