//! What it costs to hold something open that does nothing: a session, a stream, a subscription, a
//! parked call. A few of each here; `cargo xtask lab held` opens many and files the figures.

use crate::parked::{elicit, legacy_fixture};
use e2e::{Answer, Client, Home, Legacy, SOON, Switchboard, entry_at, eventually, misbehave, tell};
use serde_json::json;
use std::fs;

/// How many are opened before the first look: what is allocated once is not what one costs.
const WARM: usize = 32;

fn count() -> usize {
    std::env::var("SWITCHBOARD_LAB_HELD").map_or(32, |count| count.parse().unwrap())
}

fn resident_kib(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Opens some, then `count` more, and says what each of these took.
fn measure<T>(board: &Switchboard, what: &str, mut open: impl FnMut() -> T) -> Vec<T> {
    let mut held: Vec<T> = (0..WARM).map(|_| open()).collect();
    let before = resident_kib(board.pid());
    held.extend((0..count()).map(|_| open()));
    let grown = resident_kib(board.pid()).saturating_sub(before);
    let each = grown * 1024 / count();
    let per_mib = (1024 * 1024_usize).checked_div(each).map_or("many".to_owned(), |many| many.to_string());
    tell(&format!("held: {what}: {each} bytes each ({per_mib} per MiB)"));
    held
}

fn board(servers: &str) -> Switchboard {
    let limits = "[limits]\nconnections_max = 20000\nsessions_max = 20000\nlistens_max = 20000\n\
                  parked_calls_max = 20000\nparked_calls_per_principal_max = 20000\ncalls_per_server_max = 20000\n";
    Home::new(&format!("{limits}{servers}")).start()
}

#[test]
fn sessions_and_streams() {
    let board = board(&misbehave("one", "ok", "dual"));
    board.modern().tools();
    let sessions = measure(&board, "legacy session", || Legacy::new(board.address(), "/mcp"));
    let mut number = sessions.iter();
    let streams = measure(&board, "its GET stream", || number.next().unwrap().listen());
    let status = board.home().cli(&["status", "--json"]).json();
    assert_eq!(status["sessions"], sessions.len(), "expected every session to be there");
    drop(streams);
    let client = board.modern();
    let listening: Vec<Answer> = measure(&board, "subscriptions/listen", || {
        let wanted = json!({"notifications": {"toolsListChanged": true}});
        let mut answer = client.open(client.fresh_id(), "subscriptions/listen", wanted);
        let first = answer.next_event().unwrap();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
        answer
    });
    drop(listening);
    drop(sessions);
}

#[test]
fn parked_calls() {
    let fixture = legacy_fixture();
    let board = board(&entry_at("desk", &fixture.url()));
    let client = board.modern();
    let parked = measure(&board, "parked call", || {
        let asked = client.result("tools/call", elicit("desk__test_elicitation"));
        assert_eq!(asked["resultType"], "input_required", "{asked}");
    });
    let held = || board.home().cli(&["status", "--json"]).json()["parked_calls"].as_u64();
    eventually(SOON, "every call to be parked", || held() == Some(parked.len() as u64));
}
