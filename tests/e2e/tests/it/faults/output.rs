//! What servers print: garbage, one endless line, drops, floods on stderr.

use super::{IMPATIENT, bad, beside};
use e2e::{Burden, SOON, eventually};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn f_04_garbage_on_stdout_is_dropped_and_counted_and_loses_no_answer() {
    beside(&bad("noise=10", ""), |scene| {
        scene.board.server_in("bad", "ready");
        for turn in 0..100 {
            let text = format!("turn {turn}");
            assert_eq!(scene.echo(&text), text, "expected the right answer amid garbage");
        }
        let server = scene.board.server("bad");
        assert!(server["noise_lines"].as_u64() > Some(20), "expected the garbage to be counted: {server}");
        assert_eq!((&server["state"], &server["restarts"]), (&json!("ready"), &json!(0)), "expected it to live on");
    });
}

#[test]
fn f_05_an_endless_line_is_cut_at_the_limit_and_the_next_answer_is_read() {
    let mib: u64 = std::env::var("SWITCHBOARD_LAB_LINE_MIB").map_or(64, |mib| mib.parse().unwrap());
    let config = format!("[limits]\nframe_bytes_max = \"4MiB\"\n{}", bad(&format!("flood-line={}", mib << 20), ""));
    beside(&config, |scene| {
        scene.board.server_in("bad", "ready");
        let before = Burden::of(scene.board.pid());
        let why = scene.line.failure("bad__flood", json!({}));
        assert!(why.contains("`bad`") && why.contains("limit"), "expected the limit to be named: {why}");
        assert_eq!(scene.echo("next"), "next", "expected the reader to find the next line");
        let peak = Burden::of(scene.board.pid()).peak_kib.saturating_sub(before.peak_kib.max(before.resident_kib));
        assert!(peak <= 2 * 4 * 1024, "expected at most twice the limit of 4 MiB, it took {peak} KiB more");
        assert_eq!(scene.board.server("bad")["restarts"], 0, "expected no restart");
    });
}

#[test]
fn f_06_drops_are_put_together_and_a_deadline_holds() {
    beside(&bad("drip=2", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let (begun, before) = (Instant::now(), Burden::of(scene.board.pid()).busy);
        for text in ["äöü€", "𝄞 half a character at every edge 𝄞"] {
            assert_eq!(scene.echo(text), text, "expected the characters whole");
        }
        let (busy, took) = (Burden::of(scene.board.pid()).busy - before, begun.elapsed());
        assert!(busy < took, "expected no spinning: {busy:?} of a processor in {took:?}");
    });
    beside(&bad("drip=1000", IMPATIENT), |scene| {
        scene.board.server_in("bad", "ready");
        let begun = Instant::now();
        let why = scene.line.failure("bad__echo", json!({"text": "slow"}));
        assert!(why.contains("did not answer"), "expected the reason of the failure: {why}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "expected the deadline of 1 s to hold, it took {took:?}");
    });
}

#[test]
fn f_08_a_flood_on_stderr_is_drained_and_kept_in_a_ring() {
    beside(&bad("stderr-flood=100", ""), |scene| {
        scene.board.server_in("bad", "ready");
        for turn in 0..20 {
            let text = format!("turn {turn}");
            assert_eq!(scene.echo(&text), text, "expected answers during the flood");
        }
        let lines = scene.board.cli_json(&["logs", "bad", "-n", "100000"])["lines"].as_array().map_or(0, Vec::len);
        assert!((1..=2000).contains(&lines), "expected a bounded number of lines, got {lines}");
        let kept = || {
            let folder = std::fs::read_dir(scene.board.data().join("logs")).into_iter().flatten().flatten();
            folder.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum::<u64>()
        };
        eventually(SOON, "the log on disk to stay within five files of 10 MB", || kept() <= 60_000_000);
    });
}
