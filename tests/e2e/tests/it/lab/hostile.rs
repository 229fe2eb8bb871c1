//! All servers but one are hostile, each in a way of its own, all at once and called all the while: the
//! one that is well is not hurt.

use super::{count, leave_alone, ms};
use crate::faults::hostile_modes;
use e2e::{Burden, LINE, Line, Seen, Switchboard, Witness, misbehave, tell};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long the caller of a hostile server waits for an answer.
const PATIENCE: Duration = Duration::from_millis(100);
const KEYS: &str = "startup_timeout = \"2s\"\nrequest_timeout = \"1s\"\nstop_timeout = \"500ms\"\n";

/// Calls one hostile server until it is told to stop.
fn poke(board: &Switchboard, tool: String, arguments: Value, stop: Arc<AtomicBool>) -> thread::JoinHandle<()> {
    let line = Line::of(board);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let id = line.send(&tool, arguments.clone());
            let _ = line.answer_within(id, PATIENCE);
            thread::park_timeout(PATIENCE);
        }
    })
}

/// Watches the healthy server for so long among `others`.
fn watch(others: &[(String, String, Value)], time: Duration) -> (Seen, Burden) {
    let declared = others.iter().enumerate();
    let declared = declared.map(|(at, (mode, _, _))| misbehave(&format!("h{at}"), mode, "legacy") + KEYS);
    let settings = format!("{LINE}[catalog]\nfirst_list_wait = \"300ms\"\n");
    let board = Switchboard::start(&(settings + &misbehave("good", "ok", "dual") + &declared.collect::<String>()));
    board.server_in("good", "ready");
    let stop = Arc::new(AtomicBool::new(false));
    let pokes: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(at, (_, tool, arguments))| poke(&board, format!("h{at}__{tool}"), arguments.clone(), stop.clone()))
        .collect();
    let witness = Witness::start(&board, "good", Duration::from_millis(2));
    witness.wait_for(20);
    leave_alone(time);
    let seen = witness.stop();
    stop.store(true, Ordering::Relaxed);
    pokes.into_iter().for_each(|poke| poke.join().unwrap());
    (seen, Burden::of_daemon(board.pid()))
}

#[test]
fn hostile() {
    let others = count("SWITCHBOARD_LAB_HOSTILE", 6);
    let time = Duration::from_secs(count("SWITCHBOARD_LAB_HOSTILE_SECONDS", 1) as u64);
    let hostile: Vec<_> = hostile_modes().into_iter().cycle().take(others).collect();
    let calm: Vec<_> = hostile.iter().map(|_| ("ok".to_owned(), "echo".to_owned(), Value::Null)).collect();
    let (calm, _) = watch(&calm, time);
    let (hurt, burden) = watch(&hostile, time);
    assert!(hurt.failures.is_empty(), "expected 0 calls of the healthy server to fail: {:?}", hurt.failures);
    let longest = hurt.micros.iter().copied().max().unwrap_or(0);
    tell(&format!(
        "hostile: {others} of {} servers hostile: {} calls of the other, 0 failed; p50 {} (among healthy ones {}), p99 {} ({}), longest {}; daemon and guard {} MiB",
        others + 1,
        hurt.micros.len(),
        ms(hurt.percentile(50)),
        ms(calm.percentile(50)),
        ms(hurt.percentile(99)),
        ms(calm.percentile(99)),
        ms(longest),
        burden.resident_kib / 1024
    ));
}
