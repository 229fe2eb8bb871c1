//! `switchboard top` as a person uses it: on a real pseudo-terminal of 80 columns and 24 lines, with
//! a real daemon and its servers.

use e2e::{Client as _, Home, Switchboard, Terminal, misbehave, script};
use rustix::process::Signal;
use serde_json::json;

/// Keys as terminals send them.
const ENTER: &str = "\r";
const ESC: &str = "\u{1b}";
const TAB: &str = "\t";
const CTRL_K: &str = "\u{b}";
const CTRL_C: &str = "\u{3}";

/// `switchboard top` for the daemon of this home.
fn top(home: &Home, args: &[&str]) -> Terminal {
    Terminal::run(home.command().arg("top").args(args))
}

/// A daemon with two servers that are ready, and what `top` shows of it.
fn two() -> (Switchboard, Terminal) {
    let board = Switchboard::start(&(misbehave("alpha", "ok", "dual") + &misbehave("beta", "ok", "legacy")));
    board.server_in("alpha", "ready");
    board.server_in("beta", "ready");
    let terminal = top(board.home(), &[]);
    terminal.shows(&["alpha ready", "beta  ready", "2/2 ready", "live"]);
    (board, terminal)
}

#[test]
fn servers_are_seen_and_filtered_and_quitting_gives_the_screen_back() {
    let (_board, mut terminal) = two();
    let screen = terminal.until("figures of processes", |screen| {
        let is_measured = |name| screen.lines().any(|line| line.starts_with(name) && line.contains("M "));
        is_measured("alpha") && is_measured("beta") && screen.contains(" calls/min")
    });
    let checked = ("ready, and not checked yet|it answered in .*", "HEALTH");
    insta::with_settings!({ filters => vec![checked, (r"2/2 ready .*", "FIGURES"), (r"[0-9.]+[0-9smhdKMGB%]*", "#"), (" +", " "), ("─+", "─")] }, {
        insta::assert_snapshot!("servers", screen);
    });
    terminal.types("/bet");
    terminal.shows(&["servers[1 of 2]", "/bet"]);
    terminal.hides("alpha");
    terminal.types(ENTER);
    terminal.types(ESC);
    terminal.shows(&["alpha", "servers[2]"]);
    assert!(!terminal.has_color(), "expected no colour with NO_COLOR");
    terminal.types("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_server_is_stopped_and_started_after_a_question() {
    let (board, mut terminal) = two();
    terminal.types("j");
    terminal.types(CTRL_K);
    terminal.shows(&["stop the server beta?", "[ no ]"]);
    // Enter alone does nothing: the button is `no`.
    terminal.types(ENTER);
    terminal.hides("stop the server beta?");
    terminal.types(CTRL_K);
    terminal.shows(&["stop the server beta?"]);
    terminal.types("y");
    terminal.shows(&["beta is stopped; start it again: switchboard start beta", "stopped"]);
    assert_eq!(board.server("beta")["state"], "stopped", "expected the CLI to see what was done");
    assert_eq!(board.server("alpha")["state"], "ready", "expected no other server to be touched");
    terminal.types(":start be");
    terminal.shows(&[":start beta"]);
    terminal.types(TAB);
    terminal.types(ENTER);
    terminal.shows(&["start the server beta?"]);
    terminal.types(TAB);
    terminal.types(ENTER);
    terminal.shows(&["beta is ready", "2/2 ready"]);
    board.server_in("beta", "ready");
    terminal.types(":stop bata");
    terminal.types(ENTER);
    terminal.shows(&["there is no server `bata`; did you mean `beta`?"]);
    terminal.types(CTRL_C);
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_page_says_everything_about_a_server() {
    let (_board, mut terminal) = two();
    terminal.types(ENTER);
    terminal.shows(&["server alpha", "state", "healthy", "target", "mcp-misbehave"]);
    terminal.types("G");
    terminal.shows(&["can be called by local", "pass"]);
    terminal.types("y");
    terminal.shows(&["config of alpha", "\"command\""]);
    // Two at once would be one key: what begins the codes of others.
    terminal.types(ESC);
    terminal.shows(&["─ server alpha"]);
    terminal.types(ESC);
    terminal.shows(&["servers[2]"]);
    terminal.types("4");
    terminal.shows(&["tools(all)", "alpha__echo"]);
    terminal.types("?");
    terminal.shows(&["act, after a question"]);
}

#[test]
fn logs_are_live_and_scrolled_and_cannot_steer_the_terminal() {
    let home = Home::new("");
    let go = home.place("go");
    let talks = format!(
        "i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i of the past >&2; done; printf \"\\033]0;owned\\007\\033[2Jevil\\n\" >&2; (until [ -e {} ]; do sleep 0.05; done; echo ERROR something new >&2) & exec $SERVER ok dual",
        go.display()
    );
    home.write_config(&(script("talker", &talks) + &misbehave("quiet", "ok", "dual")));
    let board = home.start();
    board.server_in("talker", "ready");
    let mut terminal = top(board.home(), &[]);
    terminal.shows(&["talker", "live"]);
    terminal.types(":logs tal");
    terminal.types(TAB);
    terminal.types(ENTER);
    terminal.shows(&["logs(talker) following", "line 100 of the past", "\\u{1b}]0;owned"]);
    terminal.types("g");
    terminal.shows(&["line 1 of the past"]);
    terminal.hides("following");
    std::fs::write(&go, "").unwrap();
    terminal.types("G");
    terminal.shows(&["following", "ERROR something new"]);
    terminal.types("/something");
    terminal.hides("line 100");
    terminal.types(ENTER);
    terminal.types("3");
    terminal.shows(&["logs(all) following", "talker ERROR something new"]);
    assert!(!terminal.raw().contains("\u{1b}]0;owned"), "expected no control sequence of the server's");
    terminal.types("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn calls_are_seen_as_they_end() {
    let (board, mut terminal) = two();
    terminal.types("2");
    terminal.shows(&["calls(all)"]);
    board.modern().request("tools/call", json!({"name": "alpha__echo", "arguments": {"text": "hi"}}));
    terminal.shows(&["tools/call", "alpha", "echo", "ok"]);
    terminal.types(ENTER);
    terminal.shows(&["outcome", "principal", "took"]);
}

#[test]
fn a_daemon_that_is_gone_is_said_and_found_again() {
    let (board, mut terminal) = two();
    let home = board.stop();
    terminal.shows(&["STALE", "alpha ready"]);
    let board = home.start();
    terminal.shows(&["live"]);
    board.server_in("alpha", "ready");
    terminal.shows(&["2/2 ready"]);
    terminal.types(":q");
    terminal.types(ENTER);
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn it_follows_the_size_of_the_terminal_and_ends_cleanly_when_it_is_told_to() {
    let (board, mut terminal) = two();
    terminal.shows(&["CPU%"]);
    terminal.resize(40, 12);
    terminal.hides("CPU%");
    terminal.resize(30, 5);
    terminal.shows(&["too small"]);
    terminal.resize(80, 24);
    terminal.shows(&["alpha ready", "CPU%"]);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        terminal.signal(signal);
        assert_eq!(terminal.ended(), 0);
        terminal = top(board.home(), &["tools"]);
        terminal.shows(&["alpha__echo"]);
    }
}

#[test]
fn colour_is_used_where_it_is_welcome() {
    let (board, _) = two();
    let terminal = Terminal::run(board.home().command().env_remove("NO_COLOR").arg("top"));
    terminal.shows(&["alpha ready"]);
    assert!(terminal.has_color());
}

#[test]
fn without_a_terminal_or_a_daemon_it_says_what_to_do() {
    let board = Switchboard::start(&misbehave("alpha", "ok", "dual"));
    let ended = board.cli(&["top"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("needs a terminal") && ended.stderr.contains("status --watch"), "{ended:?}");
    let ended = board.cli(&["top", "--json"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let error = ended.json();
    assert!(error["error"]["hints"][0].as_str().unwrap().contains("status --json"), "{error}");
    let home = board.stop();
    let mut terminal = top(&home, &[]);
    assert_eq!(terminal.ended(), 3);
    terminal.shows(&["no daemon runs", "switchboard --data"]);
}
