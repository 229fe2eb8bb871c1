//! Calls that wait for the answer of a person: a legacy server asks in the middle of a call, and a
//! modern client answers with a retry of its own. And who shares an instance with whom.

use e2e::{
    Client, Home, Legacy, Listening, Modern, SOON, Switchboard, await_some, built, command, entry, entry_at,
    eventually, misbehave, script,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The fixture over stdio, in the legacy era.
fn stdio(name: &str) -> String {
    entry(name, "mcp-fixture", &["stdio", "--era", "legacy"])
}

/// The fixture over HTTP, in the legacy era.
pub(crate) fn legacy_fixture() -> Listening {
    let mut fixture = command(built("mcp-fixture"));
    fixture.args(["http", "--port", "0", "--era", "legacy"]);
    Listening::start(fixture)
}

/// The parameters of a call by a client that declares `capabilities`.
fn params(tool: &str, arguments: &Value, capabilities: &Value) -> Value {
    json!({"name": tool, "arguments": arguments, "_meta": {CAPABILITIES: capabilities}})
}

pub(crate) fn elicit(tool: &str) -> Value {
    params(tool, &json!({"message": "Who are you?"}), &json!({"elicitation": {}}))
}

/// The retry that accepts everything that `asked` asks for.
fn retry(mut params: Value, asked: &Value) -> Value {
    let answers = asked["inputRequests"].as_object().cloned().unwrap_or_default();
    let accept = json!({"action": "accept", "content": {"username": "ann", "email": "ann@example.org"}});
    let answers: serde_json::Map<String, Value> = answers.keys().map(|key| (key.clone(), accept.clone())).collect();
    params["inputResponses"] = answers.into();
    params["requestState"] = asked["requestState"].clone();
    params
}

fn only_question(asked: &Value) -> &Value {
    assert_eq!(asked["resultType"], "input_required", "expected a question: {asked}");
    let requests = asked["inputRequests"].as_object().into_iter().flat_map(|requests| requests.values());
    let requests: Vec<&Value> = requests.collect();
    let [only] = requests[..] else { panic!("expected one question: {asked}") };
    only
}

#[test]
fn the_retry_brings_the_answer_to_the_same_call() {
    let fixture = legacy_fixture();
    for config in [stdio("desk"), entry_at("desk", &fixture.url())] {
        let board = Switchboard::start(&config);
        let client = board.modern();
        let params = elicit("desk__test_elicitation");
        let asked = client.result("tools/call", params.clone());
        let question = only_question(&asked);
        assert_eq!(question["method"], "elicitation/create");
        assert_eq!(question["params"]["message"], "[desk] Who are you?", "expected to be told who asks");
        assert_eq!(board.home().cli(&["status", "--json"]).json()["parked_calls"], 1);

        // Other arguments, and no answer at all, do not reach the call.
        let mut other = retry(params.clone(), &asked);
        other["arguments"]["message"] = "Something else".into();
        assert_eq!(client.request("tools/call", other).1["error"]["code"], -32602);
        let mut nothing = retry(params.clone(), &asked);
        nothing["inputResponses"] = json!({});
        let again = client.result("tools/call", nothing);
        only_question(&again);

        let done = client.result("tools/call", retry(params.clone(), &again));
        assert_eq!(done["resultType"], "complete", "{done}");
        assert!(done["content"][0]["text"].as_str().unwrap_or_default().contains("ann"), "expected the answer: {done}");
        assert_eq!(client.request("tools/call", retry(params, &again)).1["error"]["code"], -32602, "it is used up");
        eventually(SOON, "no parked call", || board.home().cli(&["status", "--json"]).json()["parked_calls"] == 0);
    }
}

#[test]
fn nobody_is_asked_what_they_did_not_declare() {
    let board = Switchboard::start(&stdio("desk"));
    let client = board.modern();
    for capabilities in [json!({}), json!({"sampling": {}}), json!({"elicitation": {"url": {}}})] {
        let result =
            client.result("tools/call", params("desk__test_elicitation", &json!({"message": "?"}), &capabilities));
        assert_ne!(result["resultType"], "input_required", "declared only {capabilities}: {result}");
    }
}

#[test]
fn a_call_that_nobody_answers_ends_with_its_time_and_with_its_server() {
    let config = format!("[limits]\nanswer_timeout = \"1s\"\n{}", stdio("desk"));
    let board = Switchboard::start(&config);
    let client = board.modern();
    let asked = client.result("tools/call", elicit("desk__test_elicitation"));
    only_question(&asked);
    eventually(SOON, "no parked call", || board.home().cli(&["status", "--json"]).json()["parked_calls"] == 0);
    let (_, late) = client.request("tools/call", retry(elicit("desk__test_elicitation"), &asked));
    assert_eq!(late["error"]["code"], -32602, "expected to be told that it is over: {late}");
    assert!(late["error"]["message"].as_str().unwrap_or_default().contains("not waiting"), "{late}");
}

#[test]
fn a_server_that_dies_ends_its_parked_calls_and_a_new_run_of_ours_says_so() {
    let mut board = Switchboard::start(&stdio("desk"));
    let client = board.modern();
    let asked = client.result("tools/call", elicit("desk__test_elicitation"));
    let pid = board.home().cli(&["status", "--json"]).json()["servers"][0]["pid"].as_u64().expect("a pid");
    e2e::kill(u32::try_from(pid).expect("a pid"));
    let ended = client.result("tools/call", retry(elicit("desk__test_elicitation"), &asked));
    assert_eq!(ended["isError"], true, "expected to be told that the server ended: {ended}");
    assert!(ended["content"][0]["text"].as_str().unwrap_or_default().contains("desk"), "{ended}");

    let asked = await_some(SOON, "the server to be back", || {
        let asked = client.result("tools/call", elicit("desk__test_elicitation"));
        (asked["resultType"] == "input_required").then_some(asked)
    });
    board.kill9();
    let board = board.restart();
    let client = board.modern();
    let (_, lost) = client.request("tools/call", retry(elicit("desk__test_elicitation"), &asked));
    assert_eq!(lost["error"]["code"], -32603, "{lost}");
    assert!(lost["error"]["message"].as_str().unwrap_or_default().contains("started anew"), "{lost}");
}

fn pid(client: &dyn Client) -> String {
    client.text("one__pid", json!({}))
}

#[test]
fn isolation_decides_who_shares_a_process() {
    let with = |isolation: &str| misbehave("one", "ok", "dual") + &format!("isolation = \"{isolation}\"\n");
    let pids = |board: &Switchboard| -> BTreeSet<String> {
        let clients: [Box<dyn Client>; 4] =
            [Box::new(board.legacy()), Box::new(board.legacy()), Box::new(board.modern()), Box::new(board.modern())];
        clients.iter().flat_map(|client| [pid(&**client), pid(&**client)]).collect()
    };
    assert_eq!(pids(&Switchboard::start(&with("shared"))).len(), 1);
    assert_eq!(pids(&Switchboard::start(&with("principal"))).len(), 1);
    let board = Switchboard::start(&with("session"));
    assert_eq!(pids(&board).len(), 3, "two sessions, and the modern clients' principal");
    let tree = board.tree();
    let status = board.home().cli(&["status"]);
    assert!(status.stdout.contains("3 instances beside the first one"), "{}", status.stdout);
    // An instance that dies takes nobody else's along, and its owner gets another.
    let client = Legacy::new(board.address(), "/mcp");
    let before = pid(&client);
    let other = board.legacy();
    let others = pid(&other);
    e2e::kill(before.parse().expect("a pid"));
    await_some(SOON, "another instance", || {
        let result = client.call("one__pid", json!({}));
        let now = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        (result["isError"] != true && now != before).then_some(())
    });
    assert_eq!(pid(&other), others);
    drop(board);
    eventually(SOON, "every instance to end", || tree.alive().is_empty());
}

#[test]
fn idle_instances_end() {
    let config = "[limits]\nsession_idle_timeout = \"1s\"\n".to_owned()
        + &misbehave("one", "ok", "dual")
        + "isolation = \"principal\"\n";
    let board = Home::new(&config).start();
    let client = Modern::new(board.address(), "/mcp");
    pid(&client);
    let instances = || board.home().cli(&["status", "--json"]).json()["servers"][0]["instances"].as_u64();
    assert_eq!(instances(), Some(1));
    eventually(SOON, "the instance to end", || instances() == Some(0));
    pid(&client);
}

#[test]
fn a_server_has_ended_when_every_instance_of_it_has() {
    let home = Home::new("");
    // The first one ends with its input; those of callers must be killed.
    let first = home.place("first");
    let text = format!("mkdir {} && exec $SERVER ok dual; exec $SERVER stubborn dual", first.display());
    home.write_config(&(script("one", &text) + "isolation = \"session\"\nstop_timeout = \"800ms\"\n"));
    let board = home.start();
    let instances: Vec<String> = [board.legacy(), board.legacy()].iter().map(|client| pid(client)).collect();
    assert_ne!(instances[0], instances[1]);
    let lives = |pid: &String| std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(instances.iter().all(lives));
    let stopped = board.cli(&["stop", "one"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert!(!instances.iter().any(lives), "expected nothing of it to be left");
}
