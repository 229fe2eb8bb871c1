//! Answers that lie about whose they are, and lists that change under the calls.

use super::{IMPATIENT, bad, beside};
use e2e::{Client, SOON, eventually, text_of};
use serde_json::json;
use std::thread;

#[test]
fn f_10_answers_under_wrong_ids_reach_nobody() {
    beside(&bad("ids", IMPATIENT), |scene| {
        scene.board.server_in("bad", "ready");
        let calls: Vec<(u64, String)> = (0..100)
            .map(|turn| {
                let text = format!("turn {turn}");
                (scene.line.send("bad__echo", json!({"text": text})), text)
            })
            .collect();
        for (id, text) in calls {
            let answer = scene.line.answer(id);
            assert_eq!(text_of(&answer), Some(text), "expected each call its own answer: {answer}");
        }
        // This one is answered after it was cancelled.
        let late = scene.line.send("bad__sleep", json!({"ms": 200}));
        scene.line.cancel(late);
        let why = scene.line.failure("bad__lost", json!({}));
        assert!(why.contains("did not answer"), "expected the reason of the failure: {why}");
        assert_eq!(scene.echo("still"), "still", "expected the liar to go on");
        assert_eq!(scene.board.server("bad")["restarts"], 0, "expected no restart");
    });
}

#[test]
fn f_19_a_list_that_changes_under_calls_is_whole_in_every_answer() {
    const GROWN: usize = 15;
    beside(&bad("change-list", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let client = scene.board.modern();
        let reader = scene.board.modern();
        let reading = thread::spawn(move || {
            let mut seen = Vec::new();
            while seen.last() != Some(&GROWN) {
                let tools = reader.tools();
                let grown = tools.iter().filter(|name| name.starts_with("bad__grown_")).count();
                let whole = (1..=grown).all(|number| tools.contains(&format!("bad__grown_{number}")));
                assert!(whole && tools.contains(&"bad__echo".to_owned()), "expected a list of one moment: {tools:?}");
                seen.push(grown);
            }
            seen
        });
        for number in 1..=GROWN {
            assert_eq!(client.text("bad__grow", json!({})), number.to_string(), "expected the call to be answered");
            assert_eq!(scene.echo("meanwhile"), "meanwhile", "expected other calls to go on");
        }
        eventually(SOON, "every new tool to be listed", || reading.is_finished());
        let seen = reading.join().unwrap();
        assert!(seen.is_sorted(), "expected lists to grow only: {seen:?}");
    });
}
