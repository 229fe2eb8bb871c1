//! One bad server hurts nobody: whatever it does, lists and calls of the good one beside it are
//! answered at once, and a call of its own says why it failed.

use e2e::{Client, Home, SOON, Switchboard, await_some, eventually, misbehave, script};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// What "at once" means on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The first list need not wait long for what will never come.
const SETTINGS: &str = "[catalog]\nfirst_list_wait = \"300ms\"\n";
const IMPATIENT: &str = "startup_timeout = \"1s\"\nrequest_timeout = \"1s\"\n";

/// A good server beside one that misbehaves.
fn beside(mode: &str, more: &str) -> Switchboard {
    let config = SETTINGS.to_owned() + &misbehave("good", "ok", "dual") + &misbehave("bad", mode, "legacy") + more;
    let board = Switchboard::start(&config);
    board.server_in("good", "ready");
    // Whoever asks first may wait a little for a server that was never listed.
    board.modern().tools();
    board
}

#[track_caller]
fn at_once<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = act();
    let took = begun.elapsed();
    assert!(took < AT_ONCE, "expected {what} within {AT_ONCE:?}, it took {took:?}");
    done
}

/// The good server and every list are as if the bad one were not there.
#[track_caller]
fn unhurt(board: &Switchboard) {
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        for _ in 0..5 {
            let tools = at_once("tools/list", || client.tools());
            assert!(tools.contains(&"good__echo".to_owned()), "expected the good server's tools in {tools:?}");
            let said = at_once("a call of the good server", || client.text("good__echo", json!({"text": "fine"})));
            assert_eq!(said, "fine", "expected the good server to answer");
        }
    }
}

/// Waits until the bad server has a reason that contains `words`.
#[track_caller]
fn reason(board: &Switchboard, words: &str) -> Value {
    await_some(SOON, &format!("`{words}` in the reason of the bad server"), || {
        let server = board.server("bad");
        server["reason"].as_str().is_some_and(|reason| reason.contains(words)).then_some(server)
    })
}

#[test]
fn hangs() {
    let board = beside("hang", IMPATIENT);
    unhurt(&board);
    let server = reason(&board, "within 1 s");
    assert!(server["hint"].is_string(), "expected a hint: {server}");
    unhurt(&board);
}

#[test]
fn hangs_after_its_list() {
    let board = beside("hang-after-list", IMPATIENT);
    board.server_in("bad", "ready");
    let client = board.modern();
    let waiting = thread::spawn(move || client.failure("bad__echo", json!({"text": "?"})));
    unhurt(&board);
    let why = waiting.join().unwrap();
    assert!(why.contains("`bad`") && why.contains("did not answer"), "expected the reason of the failure: {why}");
    assert!(why.contains("hint"), "expected a hint: {why}");
}

#[test]
fn floods() {
    let board = beside("flood", IMPATIENT);
    unhurt(&board);
    eventually(SOON, "lines of noise to be counted", || board.server("bad")["noise_lines"].as_u64() > Some(0));
    unhurt(&board);
}

#[test]
fn makes_noise() {
    let board = beside("noise", "");
    board.server_in("bad", "ready");
    let said = board.modern().text("bad__echo", json!({"text": "between the lines"}));
    assert_eq!(said, "between the lines", "expected noise on stdout not to be fatal");
    let noise = board.server("bad")["noise_lines"].as_u64();
    assert!(noise > Some(0), "expected the noise to be counted, got {noise:?}");
    unhurt(&board);
}

#[test]
fn dies_at_start() {
    let board = beside("die-at-start", "");
    unhurt(&board);
    reason(&board, "the database is on fire");
    let server = await_some(SOON, "the bad server to be given up for a while", || {
        Some(board.server("bad")).filter(|server| server["state"] == "crash_loop" || server["state"] == "backoff")
    });
    assert_eq!(server["health"], "unhealthy", "expected it to be marked: {server}");
    unhurt(&board);
}

#[test]
fn dies_on_probe() {
    let board = beside("die-on-probe", "");
    let said = board.modern().text("bad__echo", json!({"text": "legacy then"}));
    assert_eq!(said, "legacy then", "expected one more start in legacy mode");
    assert_eq!(board.server("bad")["era"], "legacy", "expected its era to be known");
    unhurt(&board);
}

#[test]
fn dies_after_its_handshake() {
    for era in ["legacy", "modern"] {
        let config = SETTINGS.to_owned() + &misbehave("good", "ok", "dual") + &misbehave("bad", "die-after-init", era);
        let board = Switchboard::start(&config);
        unhurt(&board);
        reason(&board, "end");
        let server = await_some(SOON, "the bad server to be given up for a while", || {
            Some(board.server("bad")).filter(|server| server["state"] == "crash_loop" || server["state"] == "backoff")
        });
        assert!(server["hint"].is_string(), "expected a hint about the {era} server: {server}");
        unhurt(&board);
    }
}

#[test]
fn dies_on_a_call() {
    let board = beside("die-on-call", "");
    let client = board.modern();
    let pid = client.text("bad__pid", json!({}));
    let why = client.failure("bad__die", json!({}));
    assert!(why.contains("`bad`") && why.contains("ended or hung up"), "expected the reason of the failure: {why}");
    unhurt(&board);
    let again = await_some(SOON, "the server to be started again", || {
        let result = client.call("bad__pid", json!({}));
        (result["isError"] != true).then(|| result["content"][0]["text"].as_str().unwrap_or_default().to_owned())
    });
    assert_ne!(again, pid, "expected a new process");
}

#[test]
fn lies_about_ids() {
    let board = beside("lie-ids", IMPATIENT);
    let client = board.modern();
    for turn in 0..20 {
        let text = format!("turn {turn}");
        let said = client.text("bad__echo", json!({"text": text}));
        assert_eq!(said, text, "expected the right answer among wrong ones");
    }
    let why = client.failure("bad__lost", json!({}));
    assert!(why.contains("did not answer"), "expected the reason of the failure: {why}");
    let said = client.text("bad__echo", json!({"text": "still"}));
    assert_eq!(said, "still", "expected the liar to go on");
    unhurt(&board);
}

#[test]
fn answers_with_too_much() {
    let board = beside("huge-result=20000000", "");
    let client = board.modern();
    assert_eq!(client.text("bad__echo", json!({"text": "small"})), "small", "expected a small answer to pass");
    let why = client.failure("bad__huge", json!({}));
    assert!(why.contains("`bad`"), "expected the server to be named: {why}");
    assert!(why.contains("larger") || why.contains("longer") || why.contains("limit"), "expected the reason: {why}");
    assert_eq!(client.text("bad__echo", json!({"text": "after"})), "after", "expected it to go on afterwards");
    unhurt(&board);
}

#[test]
fn answers_with_much() {
    let board = beside("huge-result=5000000", "");
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        let said = client.text("bad__huge", json!({}));
        assert_eq!(said.len(), 5_000_000, "expected 5 MB to pass whole");
    }
    unhurt(&board);
}

#[test]
fn pages_without_end() {
    let board = beside("endless-pages", "[limits]\nlist_pages_max = 5\n");
    board.server_in("bad", "ready");
    let tools = board.modern().tools();
    let pages = tools.iter().filter(|name| name.contains("page_")).count();
    assert_eq!(pages, 5, "expected five pages of the endless list: {tools:?}");
    let server = board.server("bad");
    assert_eq!(server["health"], "degraded", "expected the cut to be marked: {server}");
    let said = server.to_string();
    assert!(said.contains("list_pages_max"), "expected the limit to be named: {said}");
    unhurt(&board);
}

#[test]
fn answers_with_half_a_message() {
    let board = beside("bad-json", IMPATIENT);
    let client = board.modern();
    let why = client.failure("bad__broken", json!({}));
    assert!(why.contains("`bad`"), "expected the server to be named: {why}");
    let said = client.text("bad__echo", json!({"text": "whole"}));
    assert_eq!(said, "whole", "expected the next answer to be read");
    unhurt(&board);
}

#[test]
fn starts_slowly() {
    let board = beside("slow-start=3000", "");
    let tools = board.modern().tools();
    assert!(!tools.contains(&"bad__echo".to_owned()), "expected the slow server to be still starting: {tools:?}");
    unhurt(&board);
    eventually(SOON, "the slow server's tools to appear", || board.modern().tools().contains(&"bad__echo".to_owned()));
    assert_eq!(board.modern().text("bad__echo", json!({"text": "up"})), "up", "expected it to answer");
}

/// A server that works until a file appears.
fn fragile(home: &Home) -> String {
    let flag = home.place("broken");
    let fragile = script(
        "bad",
        &format!("test -e {} && {{ echo the disk is full >&2; exit 3; }}; exec $SERVER ok dual", flag.display()),
    );
    SETTINGS.to_owned() + &misbehave("good", "ok", "dual") + &fragile
}

#[test]
fn a_broken_server_stays_listed_over_a_restart() {
    let home = Home::new("");
    home.write_config(&fragile(&home));
    let flag = home.place("broken");
    let board = home.start();
    board.server_in("bad", "ready");
    let before = board.modern().tools();
    assert!(before.contains(&"bad__echo".to_owned()), "expected the tools of both servers: {before:?}");
    std::fs::write(&flag, "").unwrap();
    let board = board.restart();
    let client = board.modern();
    let after = at_once("the first tools/list", || client.tools());
    assert_eq!(after, before, "expected the stored catalog to be listed at once");
    reason(&board, "the disk is full");
    let server = await_some(SOON, "the broken server to be given up for a while", || {
        Some(board.server("bad")).filter(|server| server["state"] == "crash_loop")
    });
    assert_eq!(server["tools"], 4, "expected its tools to be counted still: {server}");
    let why = at_once("a refusal", || client.failure("bad__echo", json!({"text": "?"})));
    assert!(why.contains("the disk is full"), "expected the reason of the failure: {why}");
    assert_eq!(client.tools(), before, "expected its tools to stay listed");
    unhurt(&board);
}
