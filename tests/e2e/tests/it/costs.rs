//! What the gateway says that clients cost is what an independent implementation of the vocabulary counts.

use e2e::{Client, Modern, SOON, Switchboard, entry, eventually, misbehave, send};
use serde_json::{Value, json};

fn get(board: &Switchboard, path: &str) -> Value {
    let headers = [("Authorization".to_owned(), format!("Bearer {}", board.token()))];
    let answer = send(board.address(), "GET", path, &headers, b"");
    assert_eq!(answer.status, 200, "{path}");
    serde_json::from_str(&answer.text()).unwrap()
}

fn count(tool: &Value) -> u64 {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(&tool.to_string()).len() as u64
}

#[test]
fn definitions_cost_what_the_vocabulary_says() {
    let board = Switchboard::start(&(misbehave("good", "ok", "dual") + &entry("fix", "mcp-fixture", &["stdio"])));
    board.server_in("good", "ready");
    board.server_in("fix", "ready");
    let said = get(&board, "/api/tokens");
    assert_eq!((&said["estimated"], &said["vocabulary"]), (&json!(false), &json!("o200k_base")));
    let mut total = 0;
    for server in said["servers"].as_array().unwrap() {
        let name = server["server"].as_str().unwrap();
        let tools =
            Modern::new(board.address(), &format!("/mcp/{name}")).result("tools/list", json!({}))["tools"].take();
        for tool in server["tools"].as_array().unwrap() {
            let definition = tools.as_array().unwrap().iter().find(|one| one["name"] == tool["name"]).unwrap();
            assert_eq!(tool["tokens"], count(definition), "{name}: {definition}");
            total += count(definition);
        }
    }
    assert!(total > 300, "expected the tools of both servers: {said}");
    assert_eq!(said["total"], total);
    let metrics = send(board.address(), "GET", "/metrics", &[], b"").text();
    let sums = metrics.lines().filter(|line| line.starts_with("switchboard_catalog_tokens{"));
    let sum: f64 = sums.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    assert_eq!(sum as u64, total);
}

#[test]
fn a_session_costs_the_lists_that_it_read_and_the_results_that_it_got() {
    let board = Switchboard::start(&misbehave("good", "ok", "dual"));
    board.server_in("good", "ready");
    let (reads, calls) = (board.legacy(), board.modern());
    let list = reads.result("tools/list", json!({}))["tools"].take();
    reads.tools();
    calls.text("good__echo", json!({"text": "word ".repeat(1_000)}));
    let costs = || get(&board, "/api/sessions/costs")["sessions"].as_array().cloned().unwrap();
    eventually(SOON, "the call to be entered", || {
        costs().iter().any(|one| one["results_tokens"].as_u64() > Some(1_000))
    });
    let found = costs();
    let session = found.iter().find(|one| one["lists"] == 2).unwrap();
    let definitions: u64 = list.as_array().unwrap().iter().map(count).sum();
    assert_eq!(session["definitions_tokens"], 2 * definitions, "{session}");
    assert_eq!((&session["client"], &session["calls"], &session["breaks"]), (&json!("e2e"), &json!(0), &json!(0)));
    let called = found.iter().find(|one| one["calls"] == 1).unwrap();
    assert_eq!(called["client"], "e2e");
    let results = called["results_tokens"].as_u64().unwrap();
    assert!(results < 2_000, "expected an estimate of about 1 000 tokens: {called}");
}
