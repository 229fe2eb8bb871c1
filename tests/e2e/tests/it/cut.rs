//! Results that are too long for a model are cut, and read on with `read_result`.

use e2e::{Client, Modern, Switchboard, misbehave};
use serde_json::{Value, json};

const BYTES: usize = 20_000;

fn board(settings: &str) -> Switchboard {
    let huge = misbehave("big", &format!("huge-result={BYTES}"), "dual");
    let board = Switchboard::start(&format!("[profiles.default]\nresult_tokens_max = 500\n{settings}{huge}"));
    board.server_in("big", "ready");
    board
}

fn texts(result: &Value) -> Vec<String> {
    result["content"].as_array().unwrap().iter().map(|block| block["text"].as_str().unwrap().to_owned()).collect()
}

fn cursor(result: &Value) -> Option<String> {
    let cursor = result["_meta"]["dev.switchboard/cut"]["cursor"].as_str()?;
    let said = texts(result).pop().unwrap();
    assert!(said.contains("read_result") && said.contains(cursor), "expected the sentence to have the cursor: {said}");
    Some(cursor.to_owned())
}

#[test]
fn a_long_result_is_cut_and_read_on_until_nothing_is_missing() {
    let board = board("");
    let vocabulary = tiktoken_rs::o200k_base_singleton();
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        assert!(client.tools().contains(&"read_result".to_owned()));
        let mut result = client.call("big__huge", json!({}));
        let (mut whole, mut rounds) = (String::new(), 0);
        while let Some(next) = cursor(&result) {
            let texts = texts(&result);
            let cost: usize = texts.iter().map(|text| vocabulary.encode_ordinary(text).len()).sum();
            assert!(cost <= 500, "expected at most 500 tokens, got {cost}");
            whole.push_str(&texts[0]);
            result = client.call("read_result", json!({ "cursor": next }));
            assert_ne!(result["isError"], true, "{result}");
            rounds += 1;
        }
        whole.push_str(&texts(&result)[0]);
        assert!(rounds > 2 && whole == "x".repeat(BYTES), "{rounds} rounds, {} bytes", whole.len());
    }
    let echo = board.modern().call("big__echo", json!({"text": "short"}));
    assert_eq!((texts(&echo).len(), echo["_meta"].get("dev.switchboard/cut")), (1, None));
}

#[test]
fn a_cursor_is_bound_and_ends_and_says_what_to_do() {
    let board = board("");
    let client = board.modern();
    let first = client.call("big__huge", json!({}));
    let next = cursor(&first).unwrap();
    let few = client.call("read_result", json!({"cursor": next, "tokens": 10}));
    assert!(cursor(&few).is_some() && tiktoken_rs::o200k_base_singleton().encode_ordinary(&texts(&few)[0]).len() <= 10);
    let refused = |result: Value| {
        assert_eq!(result["isError"], true, "{result}");
        assert!(texts(&result)[0].contains("Call the tool again"), "{result}");
    };
    refused(client.call("read_result", json!({"cursor": format!("{next}A")})));
    // A server alone is shown as it is.
    let alone = Modern::new(board.address(), "/mcp/big");
    assert!(!alone.tools().contains(&"read_result".to_owned()));
    assert_eq!(texts(&alone.call("huge", json!({}))), ["x".repeat(BYTES)]);
    // What is kept is kept in memory: another daemon says so.
    let board = board.restart();
    board.server_in("big", "ready");
    refused(board.modern().call("read_result", json!({"cursor": next})));
}

#[test]
fn what_is_too_much_to_keep_is_cut_all_the_same() {
    let board = board("[limits]\nresults_kept_per_principal_bytes_max = 1000\n");
    let result = board.modern().call("big__huge", json!({}));
    assert!(cursor_is_absent(&result), "{result}");
    let board = self::board("[limits]\nresults_kept_bytes_max = 1000\n");
    assert!(cursor_is_absent(&board.modern().call("big__huge", json!({}))));
    let board = self::board("[limits]\nresults_kept_time = \"1s\"\n");
    let client = board.modern();
    let next = cursor(&client.call("big__huge", json!({}))).unwrap();
    e2e::eventually(e2e::SOON, "the cursor to end", || {
        // Reading keeps it for longer, so it is asked for by a cursor that was sealed at the beginning.
        client.call("read_result", json!({"cursor": next}))["isError"] == true
    });
}

fn cursor_is_absent(result: &Value) -> bool {
    let texts = texts(result);
    let said = texts.last().unwrap();
    result["_meta"]["dev.switchboard/cut"]["cursor"].is_null()
        && texts[0].len() > 1_000
        && said.contains("too many to be kept")
}
