//! Interactive calls of legacy clients: what a server asks is put to the client, and the call is
//! repeated with the answers.

use crate::web::Web;
use crate::{Peer, legacy};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}})
}

fn form() -> Value {
    let params = json!({"mode": "form", "message": "?", "requestedSchema": {"type": "object", "properties": {}}});
    json!({"method": "elicitation/create", "params": params})
}

fn sampling() -> Value {
    json!({"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 7}})
}

fn roots() -> Value {
    json!({"method": "roots/list"})
}

fn url() -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "url", "message": "?", "url": "https://a.example/"}})
}

fn ask(id: u64, questions: Value) -> Value {
    legacy(id, "tools/call", json!({"name": "ask", "arguments": {"questions": questions}}))
}

fn answer(question: &Value, result: Value) -> String {
    json!({"jsonrpc": "2.0", "id": question["id"], "result": result}).to_string()
}

fn refusal(question: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no person here"}}).to_string()
}

async fn peer(version: &str, capabilities: Value) -> Peer {
    let mut peer = Peer::connect();
    peer.initialize_as(version, capabilities).await;
    assert_eq!(peer.next().await["method"], "notifications/tools/list_changed");
    peer
}

#[tokio::test]
async fn all_questions_are_asked_at_once_and_answered_in_any_order() {
    let mut peer = peer("2025-11-25", everything()).await;
    peer.send(&ask(1, json!({"a": form(), "b": sampling(), "c": roots()})).to_string()).await;
    let questions = [peer.next().await, peer.next().await, peer.next().await];
    let methods: Vec<_> = questions.iter().map(|question| question["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["elicitation/create", "sampling/createMessage", "roots/list"]);
    assert_eq!(questions[0]["params"], form()["params"]);
    assert_eq!(questions[1]["params"], sampling()["params"]);
    assert!(questions[2].get("params").is_none());
    peer.send(&answer(&questions[2], json!({"roots": []}))).await;
    peer.send(&answer(&questions[1], json!({"role": "assistant", "model": "m"}))).await;
    peer.send(&answer(&questions[0], json!({"action": "accept", "content": {"x": 1.0}}))).await;
    let got = peer.next().await;
    assert_eq!(got["id"], 1);
    let wanted = json!({
        "a": {"action": "accept", "content": {"x": 1.0}},
        "b": {"role": "assistant", "model": "m"},
        "c": {"roots": []}
    });
    assert_eq!(got["result"], json!({"got": wanted}), "the answers come under their keys, the state is repeated");
}

#[tokio::test]
async fn answers_that_nobody_waits_for_mean_nothing() {
    let mut peer = peer("2025-11-25", everything()).await;
    peer.send(&ask(1, json!({"a": form(), "b": form()})).to_string()).await;
    let questions = [peer.next().await, peer.next().await];
    assert_ne!(questions[0]["id"], questions[1]["id"]);
    for stray in [json!(99), json!("1"), json!(null)] {
        peer.send(&answer(&json!({ "id": stray }), json!({"action": "accept"}))).await;
    }
    peer.send(&answer(&questions[0], json!({"action": "decline"}))).await;
    peer.send(&answer(&questions[0], json!({"action": "accept"}))).await;
    peer.send(&answer(&questions[1], json!({"action": "accept"}))).await;
    let got = peer.next().await;
    assert_eq!(got["result"]["got"]["a"], json!({"action": "decline"}), "the first answer counts");
    peer.send(&answer(&questions[1], json!({"action": "cancel"}))).await;
    assert_eq!(peer.ask(legacy(2, "ping", json!({}))).await["id"], 2);
}

#[tokio::test]
async fn rounds_repeat_up_to_a_limit() {
    let mut peer = peer("2025-11-25", everything()).await;
    for (rounds, fits) in [(3, true), (4, false)] {
        let arguments = json!({"questions": {"a": roots()}, "rounds": rounds});
        let params = json!({"name": "ask", "arguments": arguments});
        peer.send(&legacy(rounds, "tools/call", params).to_string()).await;
        for _ in 0..3 {
            let question = peer.next().await;
            peer.send(&answer(&question, json!({"roots": []}))).await;
        }
        let end = peer.next().await;
        assert_eq!(end["id"], rounds);
        assert_eq!(end.get("result").is_some(), fits, "{end}");
        if !fits {
            assert!(end["error"]["message"].as_str().unwrap().contains("rounds_max"), "{end}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_only_asks_for_time_is_called_again_later() {
    let mut peer = peer("2025-03-26", json!({})).await;
    let begun = tokio::time::Instant::now();
    let end = peer.ask(legacy(1, "tools/call", json!({"name": "later"}))).await;
    assert_eq!(end["result"]["echo"], json!({"name": "later", "requestState": "xx"}));
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(600) && waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_refused_elicitation_is_cancelled_and_other_refusals_end_the_call() {
    let mut peer = peer("2025-11-25", everything()).await;
    let question = peer.ask(ask(1, json!({"a": form()}))).await;
    peer.send(&refusal(&question)).await;
    assert_eq!(peer.next().await["result"]["got"], json!({"a": {"action": "cancel"}}));
    for (id, kind) in [(2, sampling()), (3, roots())] {
        peer.send(&ask(id, json!({"a": form(), "b": kind})).to_string()).await;
        let (first, second) = (peer.next().await, peer.next().await);
        peer.send(&refusal(&second)).await;
        let taken_back = peer.next().await;
        assert_eq!(taken_back["method"], "notifications/cancelled", "the other question is not open any more");
        assert_eq!(taken_back["params"]["requestId"], first["id"]);
        let end = peer.next().await;
        assert_eq!(end["id"], id);
        assert_eq!(end["error"]["data"]["kind"], "unanswered", "{end}");
        let message = end["error"]["message"].as_str().unwrap();
        assert!(message.contains("no person here"), "{message}");
        assert!(message.contains(if id == 2 { "sampling" } else { "roots" }), "{message}");
    }
    let question = peer.ask(ask(4, json!({"a": roots()}))).await;
    peer.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": [1]}).to_string()).await;
    let end = peer.next().await;
    assert_eq!((&end["id"], &end["error"]["data"]["kind"]), (&json!(4), &json!("unanswered")), "{end}");
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_has_a_deadline() {
    let mut peer = peer("2025-11-25", everything()).await;
    let begun = tokio::time::Instant::now();
    let question = peer.ask(ask(1, json!({"a": form()}))).await;
    let taken_back = peer.next().await;
    assert_eq!(taken_back["method"], "notifications/cancelled");
    assert_eq!(taken_back["params"]["requestId"], question["id"]);
    assert!(begun.elapsed() >= Duration::from_secs(600));
    assert_eq!(peer.next().await["result"]["got"], json!({"a": {"action": "cancel"}}));
    peer.send(&answer(&question, json!({"action": "accept"}))).await;
    peer.send(&ask(2, json!({"a": sampling()})).to_string()).await;
    assert_eq!(peer.next().await["method"], "sampling/createMessage");
    assert_eq!(peer.next().await["method"], "notifications/cancelled");
    let end = peer.next().await;
    assert!(end["error"]["message"].as_str().unwrap().contains("answer_timeout"), "{end}");
}

#[tokio::test]
async fn cancelling_the_call_takes_its_questions_back() {
    let mut peer = peer("2025-11-25", everything()).await;
    let question = peer.ask(ask(1, json!({"a": form()}))).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let taken_back = peer.ask(cancel).await;
    assert_eq!(taken_back["method"], "notifications/cancelled");
    assert_eq!(taken_back["params"]["requestId"], question["id"]);
    assert_eq!(peer.ask(legacy(2, "ping", json!({}))).await["id"], 2, "and it has no answer");
    assert_eq!(*peer.fake.calls.lock().unwrap(), ["ask"], "it is not repeated");
}

#[tokio::test]
async fn what_the_client_did_not_declare_is_never_asked() {
    let cases = [
        ("2025-11-25", json!({}), form(), "elicitation"),
        ("2025-11-25", json!({"elicitation": {"url": {}}}), form(), "elicitation.form"),
        ("2025-11-25", json!({"elicitation": {}}), url(), "elicitation.url"),
        ("2025-06-18", json!({"elicitation": {"url": {}}}), url(), "elicitation.url"),
        ("2025-11-25", json!({"elicitation": {}}), sampling(), "sampling"),
        ("2025-11-25", json!({"sampling": {}}), roots(), "roots"),
        (
            "2025-11-25",
            json!({"sampling": {}}),
            json!({"method": "sampling/createMessage", "params": {"tools": []}}),
            "sampling.tools",
        ),
    ];
    for (version, capabilities, question, missing) in cases {
        let mut peer = peer(version, capabilities).await;
        let end = peer.ask(ask(1, json!({"fine": form(), "q": question}))).await;
        assert_eq!(end["id"], 1, "no question of the round is sent: {end}");
        assert!(end["error"]["message"].as_str().unwrap().contains(missing) || missing != "elicitation", "{end}");
        let end = peer.ask(ask(2, json!({ "q": question }))).await;
        assert!(end["error"]["message"].as_str().unwrap().contains(&format!("`{missing}`")), "{end}");
    }
    let mut peer = peer("2025-11-25", everything()).await;
    let end = peer.ask(ask(1, json!({"q": {"method": "ping"}}))).await;
    assert!(end["error"]["message"].as_str().unwrap().contains("no question"), "{end}");
    let end = peer.ask(legacy(2, "tools/call", json!({"name": "needy"}))).await;
    assert_eq!(end["result"]["isError"], true, "-32021 means nothing to a legacy client: {end}");
    assert!(end["result"]["content"][0]["text"].as_str().unwrap().contains("`sampling`"), "{end}");
}

#[tokio::test]
async fn questions_fit_the_revision_of_the_client() {
    let mut old = peer("2025-06-18", json!({"elicitation": {}})).await;
    let question = old.ask(ask(1, json!({"a": form()}))).await;
    assert!(question["params"].get("mode").is_none(), "2025-06-18 knows no modes: {question}");
    let mut new = peer("2025-11-25", everything()).await;
    let question = new.ask(ask(1, json!({"a": url()}))).await;
    let id = question["params"]["elicitationId"].as_str().unwrap().to_owned();
    assert!(id.len() >= 32, "{id}");
    new.send(&answer(&question, json!({"action": "accept"}))).await;
    let complete = new.next().await;
    assert_eq!(complete["method"], "notifications/elicitation/complete");
    assert_eq!(complete["params"], json!({ "elicitationId": id }));
    assert_eq!(new.next().await["result"]["got"], json!({"a": {"action": "accept"}}));
    let question = new.ask(ask(2, json!({"a": url()}))).await;
    assert_ne!(question["params"]["elicitationId"], id);
    new.send(&answer(&question, json!({"action": "decline"}))).await;
    assert_eq!(new.next().await["id"], 2, "what was declined is not completed");
}

#[tokio::test]
async fn over_http_the_stream_of_the_call_asks() {
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let web = Web::connect(version, everything()).await;
        let mut stream = web.call(1, "ask", json!({"questions": {"a": roots(), "b": sampling()}})).await;
        let (_, first) = stream.message().await.unwrap();
        let (_, second) = stream.message().await.unwrap();
        web.reply(&second["id"], json!({"model": "m"})).await;
        web.reply(&json!(77), json!({})).await;
        web.reply(&first["id"], json!({"roots": []})).await;
        let (_, end) = stream.message().await.unwrap();
        assert_eq!(end["result"]["got"], json!({"a": {"roots": []}, "b": {"model": "m"}}));
        assert!(stream.message().await.is_none());
    }
}

#[tokio::test]
async fn answers_count_only_in_their_own_session() {
    let web = Web::connect("2025-06-18", everything()).await;
    let mut stream = web.call(1, "ask", json!({"questions": {"a": roots()}})).await;
    let (_, question) = stream.message().await.unwrap();
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}});
    let other = web.post(&legacy(5, "initialize", params)).await;
    let other = web.with_session(other.headers["mcp-session-id"].to_str().unwrap());
    other.reply(&question["id"], json!({"roots": [{"uri": "file:///stolen"}]})).await;
    web.reply(&question["id"], json!({"roots": []})).await;
    let (_, end) = stream.message().await.unwrap();
    assert_eq!(end["result"]["got"], json!({"a": {"roots": []}}));
}

#[tokio::test]
async fn when_the_stream_is_gone_the_session_is_asked() {
    let web = Web::connect("2025-06-18", everything()).await;
    let mut outside = web.get(None).await;
    assert_eq!(outside.message().await.unwrap().1["method"], "notifications/tools/list_changed");
    let arguments = json!({"questions": {"a": roots()}, "rounds": 2});
    let mut stream = web.call(1, "ask", arguments).await;
    let (_, question) = stream.message().await.unwrap();
    drop(stream);
    // While this is answered, the listener notices the hang-up.
    for id in 2..5 {
        assert_eq!(web.post(&legacy(id, "ping", json!({}))).await.status, 200);
    }
    web.reply(&question["id"], json!({"roots": []})).await;
    let (id, question) = outside.message().await.unwrap();
    assert!(id.starts_with("0-"), "{id}");
    assert_eq!(question["method"], "roots/list");
    web.reply(&question["id"], json!({"roots": []})).await;
    let mut end = web.get(Some("1-1")).await;
    assert_eq!(end.message().await.unwrap().1["result"]["got"], json!({"a": {"roots": []}}));
}

#[tokio::test]
async fn a_session_that_ends_ends_its_calls_and_questions() {
    let web = Web::connect("2025-11-25", everything()).await;
    let mut asking = web.call(1, "ask", json!({"questions": {"a": form()}})).await;
    let (_, question) = asking.message().await.unwrap();
    let mut waiting = web.call(2, "gate", json!({})).await;
    assert!(waiting.event().await.unwrap().data.is_empty(), "a call that takes long can be come back to");
    assert_eq!(web.delete().await.status, 204);
    let (_, taken_back) = asking.message().await.unwrap();
    assert_eq!(taken_back["method"], "notifications/cancelled");
    assert_eq!(taken_back["params"]["requestId"], question["id"]);
    for stream in [asking, waiting] {
        let end = stream.rest().await;
        assert_eq!(end[0]["error"]["data"]["kind"], "cancelled", "{end:?}");
    }
    assert_eq!(web.fake.dropped.load(Ordering::SeqCst), 1);
    assert_eq!(web.call(3, "echo", json!({})).await.status, 404);
}
