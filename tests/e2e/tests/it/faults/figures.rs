//! What a fault costs the others: the time that calls of a healthy server take, with a neighbour that
//! is as healthy and with one that misbehaves. A look here; `cargo xtask lab faults` measures long enough
//! and files the table.

use super::{PACE, SETTINGS, bad};
use e2e::{LINE, Line, Seen, Switchboard, Witness, misbehave, tell};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Between the calls of the witness where time is measured.
const BRISK: Duration = Duration::from_millis(1);
/// How long the caller of the bad server waits for each answer.
const PATIENCE: Duration = Duration::from_millis(50);

/// A fault, the mode that has it, and the call that brings it about.
type Fault = (&'static str, &'static str, &'static str, Value);

fn faults() -> Vec<Fault> {
    let none = || json!({});
    vec![
        ("F-01", "exit-after=20", "echo", none()),
        ("F-02", "hang-after-list", "echo", none()),
        ("F-03", "mute", "echo", none()),
        ("F-04", "noise=10", "echo", none()),
        ("F-04", "flood", "echo", none()),
        ("F-05", "flood-line=67108864", "flood", none()),
        ("F-06", "drip=2", "echo", none()),
        ("F-07", "half-close", "hang_up", json!({"how": "middle"})),
        ("F-08", "stderr-flood", "echo", none()),
        ("F-09", "no-read", "echo", json!({"text": "x".repeat(100_000)})),
        ("F-10", "ids", "echo", none()),
        ("F-11", "storm=400", "storm", none()),
        ("F-13", "daemonize", "echo", none()),
        ("F-14", "stubborn", "echo", none()),
        ("F-15", "hog=1", "hog", none()),
        ("F-16", "crash-loop", "echo", none()),
        ("F-17", "brood=100", "brood", none()),
        ("F-19", "change-list", "grow", none()),
    ]
}

/// Every way to be hostile: the mode, and the call that brings it about.
pub(crate) fn hostile_modes() -> Vec<(String, String, Value)> {
    let all = faults().into_iter();
    all.map(|(_, mode, tool, arguments)| (mode.to_owned(), tool.to_owned(), arguments)).collect()
}

/// Watches the healthy server for so long while the bad one is called.
fn watch(mode: &str, tool: &str, arguments: &Value, pace: Duration, time: Duration) -> Seen {
    let config = format!("{LINE}{SETTINGS}{}{}", misbehave("good", "ok", "dual"), bad(mode, super::IMPATIENT));
    let board = Switchboard::start(&config);
    board.server_in("good", "ready");
    let (line, tool) = (Line::of(&board), format!("bad__{tool}"));
    let witness = Witness::start(&board, "good", pace);
    witness.wait_for(1);
    let begun = Instant::now();
    while begun.elapsed() < time {
        let id = line.send(&tool, arguments.clone());
        if line.answer_within(id, PATIENCE).is_some() {
            std::thread::park_timeout(PACE);
        }
    }
    witness.stop()
}

#[test]
fn figures() {
    let seconds: Option<u64> = std::env::var("SWITCHBOARD_LAB_FAULTS").ok().map(|text| text.parse().unwrap());
    let time = seconds.map_or(Duration::from_millis(200), Duration::from_secs);
    let mut faults = faults();
    if seconds.is_none() {
        faults.truncate(3);
    }
    for (id, mode, tool, arguments) in faults {
        let calm = watch("ok", "echo", &json!({}), BRISK, time);
        let hurt = watch(mode, tool, &arguments, BRISK, time);
        assert!(calm.failures.is_empty() && hurt.failures.is_empty(), "{id} {mode}: {:?}", hurt.failures);
        let bound = calm.percentile(99) * 11 / 10 + 2_000;
        let verdict = if hurt.percentile(99) <= bound { "yes" } else { "no" };
        tell(&format!(
            "faults| {id} | `{mode}` | {} | {} | {} | {} | {} | {verdict} |",
            hurt.micros.len(),
            calm.percentile(50),
            hurt.percentile(50),
            calm.percentile(99),
            hurt.percentile(99),
        ));
    }
}
