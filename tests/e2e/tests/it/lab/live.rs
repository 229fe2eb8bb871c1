//! Very many readers of live events: what a change costs until all of them have it, what each costs the
//! daemon, and what all of them cost while nothing happens.

use super::{count, leave_alone, ms};
use crate::dashboard::{Given, play_with};
use e2e::{Burden, Client, Switchboard, WebSocket, misbehave, require_peers, require_program, tell};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Calls a second.
const RATE: u32 = 50;
/// How long figures may still come to rest.
const REST: Duration = Duration::from_secs(12);
/// What all readers want.
const TOPICS: [&str; 5] = ["overview", "servers", "calls", "logs", "history"];

/// Readers on threads of their own.
struct Readers {
    frames: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<u64>>>,
}

impl Readers {
    fn start(board: &Switchboard, readers: usize) -> Self {
        let (frames, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let threads = (0..readers).map(|_| {
            let mut socket = WebSocket::open(board.address(), "/api/live", Some(&board.token()));
            socket.say(&json!({ "type": "subscribe", "topics": TOPICS }));
            for _ in TOPICS {
                assert_eq!(socket.message().unwrap()["type"], "snapshot");
            }
            let (frames, end) = (frames.clone(), end.clone());
            thread::Builder::new().stack_size(128 * 1024).spawn(move || read(&mut socket, &frames, &end)).unwrap()
        });
        let threads = threads.collect();
        Self { frames, end, threads }
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Microseconds from the end of each call until each reader had it, sorted.
    fn stop(self) -> Vec<u64> {
        self.end.store(true, Ordering::Relaxed);
        let mut late: Vec<u64> = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        late.sort_unstable();
        late
    }
}

fn read(socket: &mut WebSocket, frames: &AtomicU64, end: &AtomicBool) -> Vec<u64> {
    let mut late = Vec::new();
    socket.patience(Duration::from_secs(1));
    loop {
        match socket.try_next() {
            Ok(Some(text)) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
                frames.fetch_add(1, Ordering::Relaxed);
                late.extend(ended(&text).map(|at| now.saturating_sub(at)));
            }
            // Nothing came for a second.
            Err(_) if !end.load(Ordering::Relaxed) => {}
            _ => return late,
        }
    }
}

/// When the calls of a frame ended, in microseconds since 1970. Read by hand: reading JSON two hundred
/// times would be what is measured.
fn ended(text: &str) -> impl Iterator<Item = u64> {
    text.split("{\"id\":\"").skip(1).filter_map(|item| {
        let began = u64::from_str_radix(item.get(..12)?, 16).ok()? * 1000;
        let total = item.split("\"total_us\":").nth(1)?;
        let digits = total.split(|letter: char| !letter.is_ascii_digit()).next()?;
        Some(began + digits.parse::<u64>().ok()?)
    })
}

/// Calls at the rate, for so long.
fn calls(board: &Switchboard, time: Duration) -> u32 {
    let client = board.modern();
    let begun = Instant::now();
    let mut calls = 0;
    while begun.elapsed() < time {
        let result = client.call("s0__echo", json!({ "text": "x" }));
        assert_ne!(result["isError"], true, "{result}");
        calls += 1;
        let next = begun + Duration::from_secs(1) / RATE * calls;
        if let Some(left) = next.checked_duration_since(Instant::now()) {
            leave_alone(left);
        }
    }
    calls
}

/// A browser that looks on, where there is one; gives what it says of how late it was.
fn page(board: &Switchboard, time: Duration) -> Option<JoinHandle<String>> {
    let (peers, chromium) = require_peers().zip(require_program("chromium"))?;
    let given = Given::of(board);
    let more = json!({ "calls": 0, "seconds": time.as_secs().saturating_sub(5), "servers": ["s0"] });
    Some(thread::spawn(move || play_with(&peers, &chromium, &given, "late", &more).to_string()))
}

fn share(before: Burden, after: Burden, time: Duration) -> f64 {
    100.0 * (after.busy - before.busy).as_secs_f64() / time.as_secs_f64()
}

#[test]
fn live() {
    let readers = count("SWITCHBOARD_LAB_LIVE", 8);
    let time = Duration::from_secs(count("SWITCHBOARD_LAB_LIVE_SECONDS", 2) as u64);
    let idle = Duration::from_secs(count("SWITCHBOARD_LAB_LIVE_IDLE", 1) as u64);
    let is_lab = std::env::var("SWITCHBOARD_LAB_LIVE").is_ok();
    let servers: String = (0..3).map(|number| misbehave(&format!("s{number}"), "ok", "dual")).collect();
    let board = Switchboard::start(&servers);
    let burden = || Burden::of_daemon(board.pid());
    let alone = burden();
    calls(&board, time / 4);
    let called = burden();
    let waiting = if is_lab { REST * 6 } else { Duration::from_millis(100) };
    leave_alone(waiting);
    let quiet = burden();
    leave_alone(idle);
    let quiet = share(quiet, burden(), idle);
    let all = Readers::start(&board, readers);
    leave_alone(if is_lab { REST } else { Duration::from_millis(100) });
    let (before, frames) = (burden(), all.frames());
    leave_alone(idle);
    let (idle_share, idle_frames) = (share(before, burden(), idle), all.frames() - frames);
    assert!(!is_lab || idle_frames == 0, "{idle_frames} frames while nothing happened");
    let (before, frames) = (burden(), all.frames());
    let painted = is_lab.then(|| page(&board, time)).flatten();
    let made = calls(&board, time);
    let after = burden();
    let painted = painted.map_or_else(|| "no browser".to_owned(), |page| page.join().unwrap());
    leave_alone(Duration::from_millis(500));
    let frames = all.frames() - frames;
    let late = all.stop();
    assert!(late.len() >= readers * made as usize, "{} of {made} calls told to {readers}", late.len());
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    assert!(at(0.99) < 1_000_000, "a stall of {}", ms(at(0.99)));
    let busy = share(before, after, time);
    let without = share(alone, called, time / 4);
    tell(&format!(
        "live: {readers} readers, {made} calls in {} s: change to reader p50 {}, p99 {}, most {} ({frames} frames); change to paint in Chromium beside them: {painted}; daemon {busy:.1} % of a core ({without:.1} % without readers), {:.3} % for each reader; RSS {:.1} MiB, most {:.1} MiB; idle for {} s: {idle_frames} frames, {idle_share:.2} % of a core ({quiet:.2} % without readers)",
        time.as_secs(),
        ms(at(0.5)),
        ms(at(0.99)),
        ms(at(1.0)),
        (busy - without).max(0.0) / readers as f64,
        after.resident_kib as f64 / 1024.0,
        after.peak_kib as f64 / 1024.0,
        idle.as_secs(),
    ));
}
