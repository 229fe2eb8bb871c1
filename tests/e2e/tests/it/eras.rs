//! The four cells and both ways through them: whatever the eras of client and server, results,
//! progress, cancellation and errors look as the client's own era wants them.

use e2e::{Answer, Client, Home, Legacy, SOON, Switchboard, await_some, eventually, misbehave, script};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::thread;

const ERAS: [&str; 3] = ["legacy", "modern", "dual"];
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// A switchboard with one server whose stdin is written down in a file.
struct Tapped {
    board: Switchboard,
    tape: PathBuf,
}

impl Tapped {
    fn start(era: &str) -> Self {
        let home = Home::new("");
        let tape = home.place("tape");
        home.write_config(&script("one", &format!("tee {} | $SERVER ok {era}", tape.display())));
        let board = home.start();
        assert_eq!(board.modern().tools().len(), 4, "expected the tools of the {era} server");
        Self { board, tape }
    }

    /// What the server was sent.
    fn sent(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.tape).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until the server was sent a message that fits.
    #[track_caller]
    fn was_sent(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        await_some(SOON, what, || self.sent().into_iter().find(&fits))
    }
}

/// Progress notifications among messages.
fn progress(messages: &[Value]) -> Vec<&Value> {
    messages.iter().filter(|message| message["method"] == "notifications/progress").collect()
}

/// A sleep, with a progress token if there is one.
fn sleep(client: &dyn Client, id: Value, ms: u64, token: Option<&Value>) -> Answer {
    let mut params = json!({"name": "one__sleep", "arguments": {"ms": ms}});
    if let Some(token) = token {
        params["_meta"] = json!({"progressToken": token});
    }
    client.open(id, "tools/call", params)
}

#[test]
fn results_fit_the_era_of_the_client() {
    for era in ERAS {
        let board = Switchboard::start(&misbehave("one", "ok", era));
        let (modern, legacy) = (board.modern(), board.legacy());
        let result = modern.call("one__echo", json!({"text": "é \u{1f980} \"x\""}));
        assert_eq!(
            result["content"][0]["text"], "é \u{1f980} \"x\"",
            "expected the text of the {era} server: {result}"
        );
        assert_eq!(result["resultType"], "complete", "expected a modern result of the {era} server: {result}");
        assert!(result["_meta"][SERVER_INFO].is_object(), "expected to be told who answers: {result}");
        let listed = modern.result("tools/list", json!({}));
        assert!(listed["ttlMs"].is_u64() && listed["cacheScope"].is_string(), "expected cache hints: {listed}");
        let result = legacy.call("one__echo", json!({"text": "é"}));
        assert_eq!(result["content"][0]["text"], "é", "expected the text of the {era} server: {result}");
        let listed = legacy.result("tools/list", json!({}));
        for (what, result) in [("call", &result), ("list", &listed)] {
            for key in ["resultType", "ttlMs", "cacheScope"] {
                assert!(
                    result.get(key).is_none(),
                    "expected no {key} in a legacy {what} of the {era} server: {result}"
                );
            }
            assert!(
                result["_meta"].get(SERVER_INFO).is_none(),
                "expected no modern _meta in a legacy {what}: {result}"
            );
        }
        let wanted = if era == "legacy" { "legacy" } else { "modern" };
        assert_eq!(board.server("one")["era"], wanted, "expected the best era of a {era} server to be spoken");
    }
}

#[test]
fn every_legacy_revision_is_agreed() {
    let board = Switchboard::start(&misbehave("one", "ok", "modern"));
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let client = Legacy::connect(board.address(), "/mcp", version, None);
        let hello = &client.initialized;
        assert_eq!(hello["protocolVersion"], version, "expected the version to be agreed: {hello}");
        assert!(hello["capabilities"]["tools"].is_object(), "expected tools to be offered: {hello}");
        assert!(hello["serverInfo"]["name"].is_string(), "expected a name: {hello}");
        assert_eq!(client.text("one__echo", json!({"text": version})), version, "expected a call to work");
        assert_eq!(client.result("ping", json!({})), json!({}), "expected a ping to be answered");
        assert_eq!(client.tools().len(), 4, "expected the tools");
    }
}

#[test]
fn ids_come_back_as_they_went() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let ids =
        [json!(0), json!(-1), json!(u64::MAX), json!(""), json!("7"), json!("x".repeat(300)), json!("\u{1f980}\n")];
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        for id in &ids {
            let params = json!({"name": "one__echo", "arguments": {"text": "x"}});
            let (status, response) = client.open(id.clone(), "tools/call", params).last();
            assert_eq!((status, &response["id"]), (200, id), "expected the client's own id: {response}");
        }
    }
}

#[test]
fn progress_comes_with_the_clients_token_and_only_then() {
    for era in ERAS {
        let tapped = Tapped::start(era);
        for client in [&tapped.board.modern() as &dyn Client, &tapped.board.legacy()] {
            let answer = sleep(client, json!("plain"), 30, None);
            assert!(!answer.is_stream(), "expected plain JSON without progress from the {era} server");
            let messages = answer.messages();
            assert_eq!(messages.len(), 1, "expected nothing but the response: {messages:?}");
        }
        let asked = |message: &Value| message["params"]["_meta"].get("progressToken").is_some();
        let sent = tapped.sent();
        assert!(!sent.iter().any(asked), "expected no token to reach the {era} server unasked: {sent:?}");
        for client in [&tapped.board.modern() as &dyn Client, &tapped.board.legacy()] {
            for token in [json!("mine"), json!(7), json!(u64::MAX)] {
                let messages = sleep(client, json!(1), 40, Some(&token)).messages();
                let progress = progress(&messages);
                assert_eq!(progress.len(), 1, "expected the progress of the {era} server: {messages:?}");
                assert_eq!(
                    progress[0]["params"]["progressToken"], token,
                    "expected the client's own token: {messages:?}"
                );
                assert_eq!(progress[0]["params"]["total"], 40, "expected the rest of it as it was: {messages:?}");
                let last = &messages[messages.len() - 1];
                assert_eq!(last["result"]["content"][0]["text"], "slept 40", "expected the result: {messages:?}");
            }
        }
    }
}

#[test]
fn two_clients_with_one_token_and_one_id_stay_apart() {
    for era in ERAS {
        let board = Switchboard::start(&misbehave("one", "ok", era));
        let clients: Vec<Box<dyn Client>> = vec![
            Box::new(board.modern()),
            Box::new(board.modern()),
            Box::new(board.legacy()),
            Box::new(board.legacy()),
        ];
        let threads: Vec<_> = clients
            .into_iter()
            .zip([400, 350, 300, 450])
            .map(|(client, ms)| {
                thread::spawn(move || (ms, sleep(&*client, json!(1), ms, Some(&json!("same"))).messages()))
            })
            .collect();
        for thread in threads {
            let (ms, messages) = thread.join().unwrap();
            let progress = progress(&messages);
            assert_eq!(progress.len(), 1, "expected one progress of one's own: {messages:?}");
            assert_eq!(progress[0]["params"]["total"], ms, "expected the progress of one's own call: {messages:?}");
            let last = &messages[messages.len() - 1];
            assert_eq!(last["id"], 1, "expected the shared id: {last}");
            assert_eq!(
                last["result"]["content"][0]["text"],
                format!("slept {ms}"),
                "expected one's own result: {last}"
            );
        }
    }
}

#[test]
fn cancelling_reaches_the_server() {
    for era in ERAS {
        let tapped = Tapped::start(era);
        let (modern, legacy) = (tapped.board.modern(), tapped.board.legacy());
        for (ms, client) in [(61_000, &modern as &dyn Client), (62_000, &legacy)] {
            let token = json!("t");
            let mut answer = sleep(client, json!("long"), ms, Some(&token));
            answer.event_that("progress of a call that runs", |event| event["method"] == "notifications/progress");
            let call = tapped.was_sent("the call", |message| message["params"]["arguments"]["ms"] == ms);
            if ms == 61_000 {
                // Hanging up is how a modern client cancels.
                drop(answer);
            } else {
                legacy.notify("notifications/cancelled", json!({"requestId": "long", "reason": "no need"}));
            }
            tapped.was_sent(&format!("a cancellation at the {era} server"), |message| {
                message["method"] == "notifications/cancelled" && message["params"]["requestId"] == call["id"]
            });
            assert_eq!(client.text("one__echo", json!({"text": "on"})), "on", "expected the next call to work");
        }
    }
}

#[test]
fn a_legacy_client_that_hangs_up_cancels_nothing() {
    let tapped = Tapped::start("dual");
    let legacy = tapped.board.legacy();
    let mut answer = sleep(&legacy, json!(1), 300, Some(&json!("t")));
    answer.event_that("progress of a call that runs", |event| event["method"] == "notifications/progress");
    drop(answer);
    // A later call that takes longer: the first has ended when this one has.
    let text = legacy.text("one__sleep", json!({"ms": 600}));
    assert_eq!(text, "slept 600", "expected the session to go on");
    let sent = tapped.sent();
    let cancelled = sent.iter().any(|message| message["method"] == "notifications/cancelled");
    assert!(!cancelled, "expected no cancellation, hanging up is none for a legacy client: {sent:?}");
}

#[test]
fn unknown_methods_and_fields_are_carried() {
    for era in ERAS {
        let tapped = Tapped::start(era);
        for (status, client) in [(404, &tapped.board.modern() as &dyn Client), (200, &tapped.board.legacy())] {
            let params = json!({"deep": [1, {"x": 1.50}], "_meta": {"vendor.example/key": {"kept": true}}});
            let got = client.request("vendor.example/thing", params);
            assert_eq!(
                (got.0, &got.1["error"]["code"]),
                (status, &json!(-32601)),
                "expected the server's refusal: {}",
                got.1
            );
            let said = &got.1["error"]["message"];
            assert_eq!(said, "there is no such method here", "expected the {era} server's own words: {}", got.1);
            let params = json!({"name": "one__echo", "arguments": {"text": "x", "more": [null]}, "future": {"y": 2}});
            client.result("tools/call", params);
        }
        let sent = tapped.sent();
        let things: Vec<&Value> = sent.iter().filter(|message| message["method"] == "vendor.example/thing").collect();
        assert_eq!(things.len(), 2, "expected the method of both clients at the {era} server: {sent:?}");
        for thing in things {
            assert_eq!(thing["params"]["deep"], json!([1, {"x": 1.50}]), "expected the parameters: {thing}");
            assert_eq!(
                thing["params"]["_meta"]["vendor.example/key"],
                json!({"kept": true}),
                "expected _meta: {thing}"
            );
        }
        let futures = sent.iter().filter(|message| message["params"]["future"] == json!({"y": 2})).count();
        assert_eq!(futures, 2, "expected an unknown field of both clients at the {era} server: {sent:?}");
    }
}

#[test]
fn a_server_that_asks_is_answered() {
    let config = "roots = [\"file:///srv/data\"]\n".to_owned() + &misbehave("asks", "asks", "legacy");
    let board = Switchboard::start(&config);
    let client = board.modern();
    let asked = await_some(SOON, "answers to ping and roots/list of the server", || {
        let asked: Value = serde_json::from_str(&client.text("asks__asked", json!({}))).unwrap();
        (asked.get("ask-ping").is_some() && asked.get("ask-roots").is_some()).then_some(asked)
    });
    assert_eq!(asked["ask-ping"], json!({}), "expected a ping to be answered: {asked}");
    let roots = &asked["ask-roots"]["roots"];
    assert_eq!(roots[0]["uri"], "file:///srv/data", "expected the configured roots: {asked}");
    assert_eq!(roots.as_array().map(Vec::len), Some(1), "expected no other roots: {asked}");
}

#[test]
fn sixty_four_sessions_share_one_process() {
    let board = Switchboard::start(&misbehave("one", "ok", "legacy"));
    let sessions: Vec<Legacy> = (0..64).map(|_| board.legacy()).collect();
    let pids: Vec<String> = thread::scope(|scope| {
        let calls: Vec<_> = sessions.iter().map(|client| scope.spawn(|| client.text("one__pid", json!({})))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(pids.iter().all(|pid| *pid == pids[0]), "expected one process for all: {pids:?}");
    let count = board.modern().text("one__count", json!({}));
    assert_eq!(count, "65", "expected every call at that one process");
    let tree = board.tree();
    let servers = tree.processes().iter().filter(|process| process.command.contains("mcp-misbehave")).count();
    assert_eq!(servers, 1, "expected one server process: {tree:?}");
    let open = || board.cli_json(&["status"])["sessions"].clone();
    assert_eq!(open(), 64, "expected the sessions to be counted");
    sessions.iter().for_each(|client| assert_eq!(client.delete(), 204, "expected the session to end"));
    eventually(SOON, "no session left", || open() == 0);
}

#[test]
fn many_calls_run_at_once() {
    for era in ERAS {
        let board = Switchboard::start(&misbehave("one", "ok", era));
        board.server_in("one", "ready");
        let clients: Vec<Legacy> = (0..20).map(|_| board.legacy()).collect();
        let begun = std::time::Instant::now();
        thread::scope(|scope| {
            for client in &clients {
                scope.spawn(|| client.text("one__sleep", json!({"ms": 1000})));
            }
        });
        let took = begun.elapsed().as_secs();
        assert!(took < 8, "expected 20 calls of a second to run at once on one {era} connection, they took {took} s");
    }
}
