//! What stands between a faulty server and everybody else besides its pipes: limits of the host, checks of
//! health, the breaker, and a client's wire that outlives the daemon.

use super::{IMPATIENT, Scene, bad, beside};
use e2e::{Legacy, SOON, Switchboard, Talk, await_some, eventually, failure_of, misbehave, script, tell};
use serde_json::json;
use std::time::Duration;

/// Whether this host enforces every limit of the bad server; says what it does not.
fn enforced(scene: &Scene) -> bool {
    let missing = scene.board.server_in("bad", "ready")["not_enforced"].clone();
    if missing != json!([]) {
        tell(&format!("skipped: this host cannot enforce {missing}"));
    }
    missing == json!([])
}

#[test]
fn f_01_the_calls_of_a_server_that_exits_say_how_it_ended() {
    beside(&bad("exit-after=2", ""), |scene| {
        scene.board.server_in("bad", "ready");
        scene.line.text("bad__pid", json!({}));
        let why = scene.line.failure("bad__echo", json!({"code": 7}));
        assert!(why.contains("status 7"), "expected the exit code in the failure: {why}");
        assert!(why.contains("one too many"), "expected its last words in the failure: {why}");
    });
}

#[test]
fn f_02_a_server_that_hangs_is_not_called_any_more_when_its_breaker_opens() {
    let keys = format!("{IMPATIENT}breaker = {{ failures = 3, pause = \"60s\" }}\n");
    beside(&bad("hang-after-list", &keys), |scene| {
        scene.board.server_in("bad", "ready");
        for _ in 0..3 {
            let why = scene.line.failure("bad__echo", json!({"text": "?"}));
            assert!(why.contains("did not answer"), "expected the reason of the failure: {why}");
        }
        let begun = std::time::Instant::now();
        let why = scene.line.failure("bad__echo", json!({"text": "?"}));
        assert!(begun.elapsed() < Duration::from_millis(500), "expected an open breaker to refuse at once: {why}");
        assert!(why.contains("its breaker is open"), "expected the breaker to be named: {why}");
    });
}

#[test]
fn f_02_a_server_that_hangs_becomes_unhealthy() {
    let checked = "health = { interval = \"1s\", timeout = \"1s\", failures = 2, recover = false }\n";
    beside(&bad("hang-after-list", checked), |scene| {
        scene.board.server_in("bad", "ready");
        eventually(SOON, "the server to be marked", || {
            let server = scene.board.server("bad");
            matches!(server["health"].as_str(), Some("unhealthy" | "critical"))
        });
    });
}

#[test]
fn f_08_a_flood_on_stderr_is_dropped_and_counted() {
    beside(&bad("stderr-flood", ""), |scene| {
        scene.board.server_in("bad", "ready");
        scene.logged("bytes of its stderr were dropped");
        assert_eq!(scene.echo("heard"), "heard", "expected answers during the flood");
    });
}

#[test]
fn f_09_a_server_that_reads_nothing_is_started_again() {
    let keys = format!(
        "{IMPATIENT}stop_timeout = \"500ms\"\nhealth = {{ interval = \"1s\", timeout = \"1s\", failures = 2 }}\n"
    );
    beside(&bad("no-read", &keys), |scene| {
        scene.board.server_in("bad", "ready");
        eventually(SOON, "a restart", || scene.board.server("bad")["restarts"].as_u64() > Some(0));
    });
}

/// Only where the limit is proven: without one the bomb would take the machine.
#[test]
fn f_12_a_fork_bomb_ends_at_its_limit_and_is_gone_at_once() {
    let sleepers = "(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done) 2>/dev/null; exec $SERVER bomb legacy";
    let bomb = script("bad", sleepers) + "resources.processes = 5\nstop_timeout = \"500ms\"\n";
    beside(&bomb, |scene| {
        if !enforced(scene) {
            return;
        }
        let proven = scene.board.server("bad")["processes"].as_u64();
        assert!(proven.is_some_and(|count| (2..=5).contains(&count)), "expected at most 5 processes: {proven:?}");
        let said = scene.line.text("bad__bomb", json!({}));
        let started: u64 = said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(u64::MAX);
        assert!(started < 5, "expected fewer than 5 more: {said}");
        scene.take_away_the_bad();
        eventually(Duration::from_millis(1500), "the whole tree to be gone", || {
            scene.board.tree().processes().len() == 2
        });
    });
}

#[test]
fn f_15_a_hog_of_the_processor_slows_nobody_down() {
    let busy = "(while :; do :; done) & (while :; do :; done) & exec $SERVER ok dual";
    beside(&(script("bad", busy) + "resources.cpu = 20\n"), |scene| {
        if enforced(scene) {
            // The witness calls the other one meanwhile.
            scene.witness.wait_for(100);
            assert_eq!(scene.echo("slow"), "slow", "expected the hog to have its share");
        }
    });
}

#[test]
fn f_15_a_hog_is_ended_and_its_limit_named() {
    beside(&bad("hog=300", "resources.memory = \"64MiB\"\n"), |scene| {
        if !enforced(scene) {
            return;
        }
        let before = scene.line.text("bad__pid", json!({}));
        let why = failure_of(&scene.line.call("bad__hog", json!({})));
        for words in ["`bad`", "it used more than its memory limit of 64 MiB"] {
            assert!(why.contains(words), "expected `{words}` in what who called hears: {why}");
        }
        scene.logged("memory limit of 64 MiB");
        scene.another(&before);
    });
}

#[test]
fn f_23_a_client_on_stdio_sees_one_slow_call_when_the_daemon_is_replaced() {
    let board = Switchboard::start(&misbehave("good", "ok", "dual"));
    let mut command = board.home().command();
    command.arg("connect");
    let mut talk = Talk::start(command);
    let hello = talk.ask(&Legacy::hello(e2e::LEGACY));
    assert!(hello["result"].is_object(), "expected a handshake: {hello}");
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    let call = |id: u64| {
        let params = json!({"name": "good__echo", "arguments": {"text": id.to_string()}});
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
    };
    for id in 1..20 {
        assert_eq!(talk.ask(&call(id))["result"]["content"][0]["text"], id.to_string());
    }
    let home = board.stop();
    // Asked while nobody is there.
    talk.say(&call(100).to_string());
    let board = home.start();
    let answer = talk.hear("the answer of the next daemon", |message| message["id"] == 100);
    assert_eq!(answer["result"]["content"][0]["text"], "100", "expected a slow answer and no error: {answer}");
    let again = await_some(SOON, "calls to go on", || Some(talk.ask(&call(101))));
    assert_eq!(again["result"]["content"][0]["text"], "101", "expected calls to go on: {again}");
    drop(talk);
    drop(board);
}
