//! What a task asks while it goes on, in the four cells of client era and server era: a modern
//! client sees it in `tasks/get` and answers with `tasks/update`, a legacy one is sent requests
//! while it waits for `tasks/result`. The legacy server is `server-everything`.

use crate::interactive::everything_over_http;
use e2e::{
    Answer, Client, Legacy, Listening, Modern, SOON, Switchboard, await_some, built, command, entry_at, entry_of,
    entry_over, eventually, kill, misbehave, require_peers, send,
};
use serde_json::{Value, json};
use std::path::Path;

const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
const RESEARCH: &str = "everything__simulate-research-query";

/// The real legacy server beside another one; nothing where the peers are not installed.
fn everything() -> Option<Switchboard> {
    everything_with("")
}

/// The same, with this before it in the configuration.
fn everything_with(limits: &str) -> Option<Switchboard> {
    let peers = require_peers()?;
    let package = peers.package("server-everything").display().to_string();
    let everything = entry_of("everything", Path::new("node"), &[&package, "stdio"]);
    let another = misbehave("another", "ok", "dual");
    let board = Switchboard::start(&format!("{limits}{everything}{another}"));
    board.server_in("everything", "ready");
    board.server_in("another", "ready");
    Some(board)
}

/// The modern fixture beside another server.
fn fixture() -> (Switchboard, Listening) {
    let mut fixture = command(built("mcp-fixture"));
    fixture.args(["http", "--port", "0", "--era", "modern"]);
    let fixture = Listening::start(fixture);
    let board = Switchboard::start(&(entry_at("fixture", &fixture.url()) + &misbehave("another", "ok", "dual")));
    board.server_in("fixture", "ready");
    (board, fixture)
}

/// Parameters of a modern request that declares tasks and elicitation.
fn declaring(mut params: Value) -> Value {
    let extensions = json!({"io.modelcontextprotocol/tasks": {}});
    params["_meta"] = json!({CAPABILITIES: {"elicitation": {}, "extensions": extensions}});
    params
}

fn ambiguous() -> Value {
    json!({"name": RESEARCH, "arguments": {"topic": "python", "ambiguous": true}})
}

/// The task when it is not `working` any more.
#[track_caller]
fn after_work(client: &Modern, id: &Value) -> Value {
    await_some(SOON, "the task to ask or to end", || {
        let task = client.result("tasks/get", declaring(json!({"taskId": id})));
        (task["status"] != "working").then_some(task)
    })
}

/// The only question of a task: its key and its parameters.
#[track_caller]
fn question(task: &Value) -> (String, Value) {
    assert_eq!(task["status"], "input_required", "expected the task to ask: {task}");
    let requests = task["inputRequests"].as_object().cloned().unwrap_or_default();
    assert_eq!(requests.len(), 1, "expected one question: {task}");
    let (key, request) = requests.into_iter().next().unwrap();
    assert_eq!(request["method"], "elicitation/create");
    (key, request["params"].clone())
}

/// A legacy client that answers what it is asked.
struct Session {
    board: Switchboard,
    headers: Vec<(String, String)>,
}

impl Session {
    fn open(board: Switchboard) -> Self {
        let mut headers = Legacy::bare_headers();
        let mut hello = Legacy::hello("2025-11-25");
        hello["params"]["capabilities"] = json!({"elicitation": {}});
        let answer = send(board.address(), "POST", "/mcp", &headers, hello.to_string().as_bytes());
        headers.push(("Mcp-Session-Id".to_owned(), answer.header("mcp-session-id").unwrap().to_owned()));
        headers.push(("MCP-Protocol-Version".to_owned(), "2025-11-25".to_owned()));
        assert_eq!(answer.last().0, 200);
        Self { board, headers }
    }

    fn post(&self, message: &Value) -> Answer {
        send(self.board.address(), "POST", "/mcp", &self.headers, message.to_string().as_bytes())
    }

    /// The id of the task that a call of the tool makes.
    #[track_caller]
    fn task(&self, mut params: Value) -> Value {
        params["task"] = json!({"ttl": 60_000});
        let (_, made) = self.post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})).last();
        let id = &made["result"]["task"]["taskId"];
        assert!(id.is_string(), "expected a task: {made}");
        id.clone()
    }

    /// Waits for the result of the task, and answers every question on the way; gives the messages
    /// of the questions too.
    #[track_caller]
    fn outcome(&self, id: &Value, content: &Value) -> (Vec<String>, Value) {
        let params = json!({"taskId": id});
        let mut answer = self.post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tasks/result", "params": params}));
        assert!(answer.is_stream(), "expected a stream, got {}", answer.text());
        let mut asked = Vec::new();
        loop {
            let message = answer.event_that("a question or the response", |message| message.get("id").is_some());
            if message["method"].is_null() {
                let related = &message["result"]["_meta"][RELATED_TASK]["taskId"];
                assert_eq!(related, id, "expected to be told of which task: {message}");
                return (asked, message["result"].clone());
            }
            let related = &message["params"]["_meta"][RELATED_TASK]["taskId"];
            assert_eq!(related, id, "expected to be told which task asks: {message}");
            let result = json!({"action": "accept", "content": content});
            let response = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            assert_eq!(self.post(&response).status, 202, "expected the answer to be accepted");
            asked.push(message["params"]["message"].as_str().unwrap_or_default().to_owned());
        }
    }
}

#[test]
fn tasks_of_a_legacy_server_ask_a_modern_client_each_its_own() {
    let Some(board) = everything() else { return };
    each_asks_its_own(&board.modern());
}

#[test]
fn so_do_those_of_one_that_is_reached_over_the_net() {
    let Some(peers) = require_peers() else { return };
    let server = everything_over_http(&peers, "streamableHttp");
    let board = Switchboard::start(&(entry_at("everything", &server.url()) + &misbehave("another", "ok", "dual")));
    board.server_in("everything", "ready");
    each_asks_its_own(&board.modern());
    let server = everything_over_http(&peers, "sse");
    let entry = entry_over("everything", "sse", &format!("http://{}/sse", server.address()));
    let board = Switchboard::start(&(entry + &misbehave("another", "ok", "dual")));
    board.server_in("everything", "ready");
    each_asks_its_own(&board.modern());
}

#[track_caller]
fn each_asks_its_own(client: &Modern) {
    let made = || client.result("tools/call", declaring(ambiguous()))["taskId"].clone();
    let ids = [made(), made()];
    let questions = [0, 1].map(|number| question(&after_work(client, &ids[number])));
    assert_ne!(questions[0].0, questions[1].0, "expected keys of their own");
    let again = question(&after_work(client, &ids[0]));
    assert_eq!(again, questions[0], "expected the question to stand");
    let message = again.1["message"].as_str().unwrap();
    assert!(message.contains("everything") && message.contains("python"), "expected to be told who asks: {message}");
    assert_eq!(again.1["_meta"][RELATED_TASK], Value::Null, "expected nothing of the old dialect: {}", again.1);
    for (number, meant) in [(1, "snake"), (0, "comedy")] {
        let answer = json!({"action": "accept", "content": {"interpretation": meant}});
        let mut params = json!({"taskId": ids[number], "inputResponses": {}});
        params["inputResponses"][&questions[number].0] = answer;
        let taken = client.result("tasks/update", declaring(params));
        assert_eq!(taken["resultType"], "complete", "expected an acknowledgement: {taken}");
    }
    for (id, meant) in ids.iter().zip(["comedy", "snake"]) {
        let task = after_work(client, id);
        assert_eq!(task["status"], "completed", "expected the research to end: {task}");
        let text = task["result"]["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains(&format!("Research Report: python ({meant})")), "expected the answer to count: {text}");
    }
    let late = client.result("tasks/update", declaring(json!({"taskId": ids[0], "inputResponses": {}})));
    assert_eq!(late["resultType"], "complete", "expected answers to nothing to do no harm: {late}");
}

#[test]
fn a_task_that_asks_can_be_cancelled_and_blocks_nobody() {
    let Some(board) = everything() else { return };
    let client = board.modern();
    let id = client.result("tools/call", declaring(ambiguous()))["taskId"].clone();
    question(&after_work(&client, &id));
    let echoed =
        client.result("tools/call", declaring(json!({"name": "everything__echo", "arguments": {"message": "hi"}})));
    assert!(echoed["content"][0]["text"].as_str().unwrap().contains("hi"), "expected other calls to go on: {echoed}");
    client.result("tasks/cancel", declaring(json!({"taskId": id})));
    assert_eq!(after_work(&client, &id)["status"], "cancelled");
}

#[test]
fn what_a_task_asks_ends_with_the_time_to_answer_and_with_the_server() {
    let Some(board) = everything_with("[limits]\nanswer_timeout = \"1s\"\n\n") else { return };
    let client = board.modern();
    let id = client.result("tools/call", declaring(ambiguous()))["taskId"].clone();
    question(&after_work(&client, &id));
    let task = await_some(SOON, "the task to go on", || {
        Some(after_work(&client, &id)).filter(|task| task["status"] != "input_required")
    });
    let text = task["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("python (User cancelled"), "expected the server to be told: {task}");

    let Some(board) = everything() else { return };
    let client = board.modern();
    let id = client.result("tools/call", declaring(ambiguous()))["taskId"].clone();
    question(&after_work(&client, &id));
    let waiting = || board.cli_json(&["status"])["parked_calls"].clone();
    assert_eq!(waiting(), 1, "expected to be told that somebody is asked");
    kill(u32::try_from(board.server("everything")["pid"].as_u64().unwrap()).unwrap());
    eventually(SOON, "the question to be gone", || waiting() == 0);
    await_some(SOON, "the task to be unknown", || {
        let (_, answer) = client.request("tasks/get", declaring(json!({"taskId": id})));
        (answer["error"]["code"] == -32602).then_some(())
    });
}

#[test]
fn a_task_of_a_legacy_server_asks_a_legacy_client() {
    let Some(board) = everything() else { return };
    let session = Session::open(board);
    let id = session.task(ambiguous());
    let (asked, result) = session.outcome(&id, &json!({"interpretation": "snake"}));
    assert!(asked.len() == 1 && asked[0].contains("everything"), "expected one question: {asked:?}");
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("Research Report: python (snake)"), "expected the answer to count: {result}");
}

#[test]
fn a_task_goes_on_without_who_can_answer_nothing() {
    let Some(board) = everything() else { return };
    let modern = board.modern();
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let mut made = ambiguous();
    made["_meta"] = json!({CAPABILITIES: tasks});
    let id = modern.result("tools/call", made)["taskId"].clone();
    for client in [&modern as &dyn Client, &board.legacy()] {
        let result = client.result("tools/call", ambiguous());
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("elicitation unavailable"), "expected the research to do without: {result}");
    }
    let task = await_some(SOON, "the end of the task", || {
        let task = modern.result("tasks/get", json!({"taskId": id, "_meta": {CAPABILITIES: tasks}}));
        assert_eq!(task["inputRequests"], Value::Null, "expected not to be asked: {task}");
        (task["status"] == "completed").then_some(task)
    });
    let text = task["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("elicitation unavailable"), "expected the research to do without: {task}");
}

#[test]
fn a_task_of_a_modern_server_asks_a_legacy_client() {
    let (board, _fixture) = fixture();
    let session = Session::open(board);
    let id = session.task(json!({"name": "fixture__confirm_delete", "arguments": {"filename": "notes"}}));
    let (asked, result) = session.outcome(&id, &json!({"confirm": true}));
    assert_eq!(asked, ["[fixture] Delete notes?"]);
    assert_eq!(result["content"][0]["text"], "deleted notes", "expected the answer to count: {result}");
    let id = session.task(json!({"name": "fixture__multi_input", "arguments": {}}));
    let (asked, result) = session.outcome(&id, &json!({"name": "Ada"}));
    assert_eq!(asked.len(), 2, "expected both questions once: {asked:?}");
    assert_eq!(result["content"][0]["text"], r#""Ada" and "Ada""#, "expected the answers to count: {result}");
}

#[test]
fn a_task_of_a_modern_server_asks_a_modern_client() {
    let (board, _fixture) = fixture();
    let client = board.modern();
    let call = json!({"name": "fixture__confirm_delete", "arguments": {"filename": "notes"}});
    let id = client.result("tools/call", declaring(call))["taskId"].clone();
    let (key, asked) = question(&after_work(&client, &id));
    assert_eq!(asked["message"], "[fixture] Delete notes?");
    let mut params = json!({"taskId": id, "inputResponses": {}});
    params["inputResponses"][&key] = json!({"action": "accept", "content": {"confirm": true}});
    client.result("tasks/update", declaring(params));
    let task = await_some(SOON, "the end of the task", || {
        Some(after_work(&client, &id)).filter(|task| task["status"] == "completed")
    });
    assert_eq!(task["result"]["content"][0]["text"], "deleted notes", "expected the answer to count: {task}");
}
