//! Servers over three transports, called at once at a steady rate: no error.

use super::{count, ms};
use e2e::{
    LINE, Line, Listening, SOON, Seen, Switchboard, built, command, entry_over, eventually, misbehave, tell, text_of,
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that the calls come over.
const CLIENTS: usize = 20;

/// A server of the fixture behind a socket.
fn fixture(transport: &str) -> Listening {
    let mut fixture = command(built("mcp-fixture"));
    fixture.args([transport, "--era", "dual"]);
    Listening::start(fixture)
}

#[test]
fn fleet() {
    let total = count("SWITCHBOARD_LAB_FLEET", 6);
    let seconds = count("SWITCHBOARD_LAB_FLEET_SECONDS", 1);
    let rate = if total >= 50 { 1_000 } else { 200 };
    let mut held = Vec::new();
    let mut tools = Vec::new();
    let mut config = LINE.to_owned();
    for number in 0..total {
        let name = format!("s{number}");
        let plain = |held: &mut Vec<Listening>, transport: &str, scheme: &str| {
            let server = fixture(transport);
            let path = if transport == "tcp" { "" } else { "/mcp" };
            let url = format!("{scheme}://{}{path}", server.address());
            held.push(server);
            url
        };
        match number % 3 {
            0 => config += &misbehave(&name, "ok", "dual"),
            1 => config += &entry_over(&name, "http", &plain(&mut held, "http", "http")),
            _ => config += &entry_over(&name, "websocket", &plain(&mut held, "ws", "ws")),
        }
        tools.push(format!("{name}__{}", if number % 3 == 0 { "pid" } else { "test_simple_text" }));
    }
    let board = Switchboard::start(&config);
    eventually(SOON * 4, "every server to be ready", || {
        let status = board.cli_json(&["status"]);
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        servers.iter().all(|server| server["state"] == "ready")
    });
    let lines: Vec<Line> = (0..CLIENTS).map(|_| Line::of(&board)).collect();
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let calls = rate * seconds;
    let work = |line: &Line| {
        let mut seen = Seen::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= calls {
                line.check();
                return seen;
            }
            // Each call has its moment, whether the one before was slow or not.
            let due = begun
                + Duration::from_secs(seconds as u64) * u32::try_from(number).unwrap() / u32::try_from(calls).unwrap();
            thread::park_timeout(due.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            let answer = line.call(&tools[number % tools.len()], json!({}));
            match text_of(&answer) {
                Some(_) => seen.micros.push(u64::try_from(sent.elapsed().as_micros()).unwrap()),
                None => seen.failures.push(answer.to_string()),
            }
        }
    };
    let seen: Vec<Seen> = thread::scope(|scope| {
        let threads: Vec<_> = lines.iter().map(|line| scope.spawn(|| work(line))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let took = begun.elapsed();
    let mut all = Seen::default();
    for one in seen {
        all.failures.extend(one.failures);
        all.micros.extend(one.micros);
    }
    assert!(all.failures.is_empty(), "expected 0 of {calls} calls to fail: {:?}", all.failures.first());
    assert_eq!(all.micros.len(), calls, "expected every call to be answered");
    tell(&format!(
        "fleet: {total} servers over stdio, HTTP and WebSocket, {calls} calls at {:.0} a second: 0 failed; p50 {}, p99 {}",
        calls as f64 / took.as_secs_f64(),
        ms(all.percentile(50)),
        ms(all.percentile(99))
    ));
}
