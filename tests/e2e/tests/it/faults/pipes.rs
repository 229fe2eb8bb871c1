//! Pipes and calls: servers that end or hang with calls in their hands, and pipes that nobody reads or
//! that close half.

use super::{IMPATIENT, STALL, bad, beside};
use e2e::{SOON, Switchboard, eventually, failure_of, script};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn f_01_a_server_that_exits_in_a_call_fails_its_calls_at_once_and_comes_back() {
    for (arguments, how) in
        [(json!({"code": 0}), "status 0"), (json!({"code": 7}), "status 7"), (json!({"signal": true}), "signal")]
    {
        beside(&bad("exit-after=3", "restart = \"always\"\n"), |scene| {
            scene.board.server_in("bad", "ready");
            let before = scene.line.text("bad__pid", json!({}));
            let begun = Instant::now();
            // Whichever comes last is the one that ends it.
            let mut arguments = arguments;
            arguments["ms"] = json!(60_000);
            let pending = [0, 1].map(|_| scene.line.send("bad__sleep", arguments.clone()));
            for id in pending {
                let why = failure_of(&scene.line.answer(id));
                assert!(why.contains("`bad`") && why.contains("ended"), "expected the reason of the failure: {why}");
            }
            assert!(begun.elapsed() < STALL, "expected the calls to fail at once, not after {:?}", begun.elapsed());
            let log = scene.logged(how);
            assert!(log.contains("the process ended"), "expected its end in the log: {log}");
            assert!(log.contains("fatal: call 3 was one too many"), "expected last words: {log}");
            scene.another(&before);
            assert_eq!(scene.board.server("bad")["restarts"], 1, "expected one restart");
        });
    }
}

#[test]
fn f_02_a_server_that_hangs_is_told_to_cancel_and_its_place_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("tape");
    let limits = "[limits]\ncalls_per_server_max = 2\n";
    let hangs = script("bad", &format!("tee {} | $SERVER ok legacy", tape.display())) + IMPATIENT;
    beside(&(limits.to_owned() + &hangs), |scene| {
        scene.board.server_in("bad", "ready");
        let hanging: Vec<u64> = (0..2).map(|_| scene.line.send("bad__sleep", json!({"ms": 60_000}))).collect();
        eventually(SOON, "both calls to be with the server", || {
            fs::read_to_string(&tape).is_ok_and(|sent| sent.matches("60000").count() == 2)
        });
        let why = scene.line.failure("bad__echo", json!({"text": "?"}));
        assert!(why.contains("in flight"), "expected the limit to be named: {why}");
        for id in hanging {
            let why = failure_of(&scene.line.answer(id));
            assert!(why.contains("`bad`") && why.contains("did not answer"), "expected the reason: {why}");
        }
        eventually(SOON, "both calls to be cancelled at the server", || {
            fs::read_to_string(&tape).is_ok_and(|sent| sent.matches("notifications/cancelled").count() == 2)
        });
        assert_eq!(scene.echo("free"), "free", "expected the places of the calls to be free again");
    });
}

#[test]
fn f_07_a_pipe_that_closes_half_is_the_end_of_the_process_and_one_restart() {
    for how in ["stdout", "middle", "stdin"] {
        beside(&bad("half-close", "stop_timeout = \"500ms\"\n"), |scene| {
            scene.board.server_in("bad", "ready");
            let before = scene.line.text("bad__pid", json!({}));
            let hung = scene.line.send("bad__hang_up", json!({"how": how}));
            if how == "stdin" {
                // A closed stdin shows when something is written to it.
                eventually(SOON, "a write to the closed stdin to be noticed", || {
                    scene.line.send("bad__echo", json!({"text": "?"}));
                    scene.line.answer_within(hung, Duration::from_millis(100)).is_some()
                });
            }
            let why = failure_of(&scene.line.answer(hung));
            assert!(why.contains("ended or hung up"), "expected the reason after {how}: {why}");
            eventually(SOON, "the process that hung up to be gone", || !scene.has(&before));
            scene.another(&before);
            assert_eq!(scene.board.server("bad")["restarts"], 1, "expected one restart after {how}");
        });
    }
}

#[test]
fn f_09_a_server_that_reads_nothing_holds_up_only_its_own_calls() {
    beside(&bad("no-read", IMPATIENT), |scene| {
        scene.board.server_in("bad", "ready");
        let big = "x".repeat(300_000);
        let begun = Instant::now();
        let stuck: Vec<u64> = (0..8).map(|_| scene.line.send("bad__echo", json!({"text": big}))).collect();
        for id in stuck {
            let why = failure_of(&scene.line.answer(id));
            let expected = why.contains("did not answer") || why.contains("does not read its input");
            assert!(expected && why.contains("`bad`"), "expected the reason of the failure: {why}");
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "expected the deadline of 1 s to hold, it took {took:?}");
    });
}

/// What a call asks its client for, by the keys of the questions.
fn asked_of(board: &Switchboard, capabilities: Value) -> (usize, Value) {
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    let params = json!({"name": "bad__storm", "arguments": {}, "_meta": meta});
    let (_, response) = e2e::Client::request(&board.modern(), "tools/call", params);
    let questions = response["result"]["inputRequests"].as_object().map_or(0, serde_json::Map::len);
    (questions, response)
}

#[test]
fn f_11_a_storm_of_requests_is_answered_within_bounds() {
    beside(&bad("storm=400", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let said = scene.line.text("bad__storm", json!({}));
        assert_eq!(said, "200 answered, 200 refused", "expected ping and roots alone to be answered");
        assert_eq!(scene.echo("after"), "after", "expected the server to go on");
        let (count, response) = asked_of(&scene.board, json!({"sampling": {}, "elicitation": {"form": {}}}));
        assert!((1..=16).contains(&count), "expected a bounded number of questions to the client: {response}");
    });
}
