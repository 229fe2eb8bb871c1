//! A daemon as tests know it: servers, calls, lines and tools, friendly and hostile.

use super::facts::{Call, News};
use super::state::{Effect, Event, State};
use control::said::{LogLine, Server, Tool};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};
use std::time::Duration;

/// What a stranger would like to do to a terminal.
pub(super) const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}y\r\nz";

/// A second of the clock.
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A server in this state.
pub(super) fn server(name: &str, state: &str, more: Value) -> Server {
    let health = if state == "ready" { "healthy" } else { "unhealthy" };
    let mut server = json!({
        "name": name, "public": name, "state": state, "health": health, "health_reason": "the last check was good",
        "transport": "stdio", "target": format!("npx {name}"), "tags": [], "tools": 3, "prompts": 0, "resources": 1,
        "templates": 0, "calls": 12, "failures": 0, "restarts": 0, "noise_lines": 0, "members_dropped": 0,
        "since": "2026-11-21T10:00:00.000Z", "origin": "switchboard.toml:3", "era": "modern",
    });
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        server[key] = value;
    }
    serde_json::from_value(server).expect("a server")
}

/// These servers and no others.
pub(super) fn servers(servers: Vec<Server>) -> Event {
    let changed = servers.into_iter().map(|server| (server.name.clone(), server)).collect();
    Event::News(News::Servers { whole: true, changed, removed: Vec::new() })
}

/// Three servers, of which one is well.
pub(super) fn three() -> Event {
    let well = json!({ "uptime_ms": 3_661_000, "pid": 7, "memory_kib": 51_200, "cpu_percent": 1.5 });
    let sick = json!({ "failures": 4, "restarts": 2, "reason": "it ended with status 1", "era": null,
        "hint": "see its log: switchboard logs beta" });
    servers(vec![
        server("alpha", "ready", well),
        server("beta", "crash_loop", sick),
        server("gamma", "asleep", json!({ "health": "unknown", "transport": "http" })),
    ])
}

/// The figures of the daemon.
pub(super) fn figures() -> Event {
    let members = json!({ "version": "0.1.0", "uptime_ms": 60_000, "calls_per_minute": 42.0, "error_rate": 0.015,
        "p95_ms": 12.3, "in_flight": 1, "sessions": 2, "memory_bytes": 20 << 20, "cpu_percent": 0.4 });
    Event::News(News::Overview { whole: true, members: members.as_object().cloned().unwrap_or_default() })
}

/// Three calls, of which one failed.
pub(super) fn calls() -> Event {
    let call = |id: u64, outcome: &str, total_us: u64| -> Call {
        serde_json::from_value(json!({
            "id": id, "at": format!("2026-11-21T10:00:0{id}.000Z"), "method": "tools/call", "server": "alpha",
            "name": "search", "principal": "local", "client_era": "modern", "server_era": "legacy",
            "outcome": outcome, "cached": id == 3, "bytes_in": 20, "bytes_out": 4000, "total_us": total_us,
            "cause": (outcome != "ok").then_some("the disk is full"),
            "stages": [
                { "stage": "listener", "from_us": 0, "to_us": 200 },
                { "stage": "upstream", "from_us": 200, "to_us": total_us },
            ],
        }))
        .expect("a call")
    };
    let items = vec![call(1, "ok", 2000), call(2, "tool_error", 150_000), call(3, "ok", 400)];
    Event::News(News::Calls { whole: true, items, missed: 0 })
}

/// A tool of alpha.
pub(super) fn tools() -> Event {
    let definition = json!({ "name": "search", "description": "Finds things.\nQuickly.", "inputSchema": {} });
    let tool = json!({ "name": "alpha__search", "server": "alpha", "own": "search", "definition": definition,
        "unapproved": "changed" });
    let tool: Tool = serde_json::from_value(tool).expect("a tool");
    Event::News(News::Tools(vec![tool]))
}

/// Lines of a log: these texts.
pub(super) fn lines(number: u64, texts: &[&str]) -> Event {
    let line = |text: &&str| LogLine {
        at: "2026-11-21T10:00:01.000Z".to_owned(),
        server: Some("alpha".to_owned()),
        stream: "stderr".to_owned(),
        text: (*text).to_owned(),
    };
    Event::News(News::LogGoesOn(number, texts.iter().map(line).collect()))
}

/// Presses a key.
pub(super) fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    let now = state.now;
    state.update(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), now)
}

/// Presses a key with ctrl.
pub(super) fn control(state: &mut State, letter: char) -> Vec<Effect> {
    let now = state.now;
    state.update(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)), now)
}

/// Types a text, letter by letter, and what came of the last one.
pub(super) fn typed(state: &mut State, text: &str) -> Vec<Effect> {
    text.chars().map(|letter| press(state, KeyCode::Char(letter))).last().unwrap_or_default()
}

/// A state that knows all of this.
pub(super) fn state() -> State {
    let mut state = State::new("servers");
    state.begin();
    for event in [figures(), three(), calls()] {
        state.update(event, SECOND);
    }
    state
}
