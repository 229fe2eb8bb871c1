//! Calls that go on as tasks: `server-everything`, whose research is a task of 2025-11-25, for
//! clients of both eras that know tasks and that do not; and ids over a restart of the daemon.

use e2e::{Client, Legacy, Modern, SOON, Switchboard, await_some, entry_at, entry_of, misbehave, require_peers, tell};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

const TASKS: &str = "io.modelcontextprotocol/tasks";
const RESEARCH: &str = "everything__simulate-research-query";

/// The real server beside another one, so that ids must say where they lead; nothing where the
/// peers are not installed.
fn start() -> Option<Switchboard> {
    let peers = require_peers()?;
    let package = peers.package("server-everything").display().to_string();
    let everything = entry_of("everything", Path::new("node"), &[&package, "stdio"]);
    let board = Switchboard::start(&(everything + &misbehave("another", "ok", "dual")));
    board.server_in("everything", "ready");
    board.server_in("another", "ready");
    Some(board)
}

/// Parameters of a modern request that declares the extension.
fn declaring(mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"extensions": {TASKS: {}}});
    params
}

fn research(topic: &str) -> Value {
    json!({"name": RESEARCH, "arguments": {"topic": topic}})
}

/// Asks until the task has ended.
#[track_caller]
fn ended(client: &Modern, id: &Value) -> Value {
    await_some(SOON, "the end of the task", || {
        let task = client.result("tasks/get", declaring(json!({"taskId": id})));
        (task["status"] != "working").then_some(task)
    })
}

#[test]
fn a_modern_client_gets_a_task_of_a_legacy_server() {
    let Some(board) = start() else { return };
    let client = board.modern();
    let offered = client.result("server/discover", json!({}));
    assert!(offered["capabilities"]["extensions"][TASKS].is_object(), "expected tasks to be offered: {offered}");
    let made = client.result("tools/call", declaring(research("owls")));
    assert_eq!(made["resultType"], "task", "expected a task: {made}");
    assert!(made["ttlMs"].is_u64() && made["pollIntervalMs"].is_u64(), "expected modern names: {made}");
    let id = &made["taskId"];
    let task = client.result("tasks/get", declaring(json!({"taskId": id})));
    assert_eq!((&task["taskId"], &task["status"]), (id, &json!("working")), "expected the same task: {task}");
    let task = ended(&client, id);
    assert_eq!(task["status"], "completed", "expected the research to end well: {task}");
    let text = task["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Research Report: owls"), "expected the report: {text}");
    assert_eq!(task["result"]["_meta"], Value::Null, "expected nothing of the old dialect: {task}");

    let made = client.result("tools/call", declaring(research("bats")));
    let cancelled = client.result("tasks/cancel", declaring(json!({"taskId": made["taskId"]})));
    assert_eq!(cancelled["resultType"], "complete", "expected an acknowledgement: {cancelled}");
    assert_eq!(ended(&client, &made["taskId"])["status"], "cancelled", "expected the research to be given up");
    let (status, refused) = client.request("tasks/get", declaring(json!({"taskId": "made up"})));
    assert_eq!((status, &refused["error"]["code"]), (200, &json!(-32602)), "expected it to be unknown: {refused}");
}

#[test]
fn who_knows_no_tasks_waits_for_the_result() {
    let Some(board) = start() else { return };
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        let result = client.result("tools/call", research("mice"));
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains("Research Report: mice"), "expected the report at once: {result}");
    }
}

#[test]
fn a_question_during_a_task_reaches_who_waits_for_the_result() {
    let Some(board) = start() else { return };
    let client = board.modern();
    let mut params = json!({"name": RESEARCH, "arguments": {"topic": "python", "ambiguous": true}});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}});
    let asked = client.result("tools/call", params.clone());
    assert_eq!(asked["resultType"], "input_required", "expected a question: {asked}");
    let (key, question) = asked["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let message = question["params"]["message"].as_str().unwrap();
    assert!(message.contains("everything") && message.contains("python"), "expected to be told who asks: {message}");
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = json!({key: {"action": "accept", "content": {"interpretation": "snake"}}});
    let result = client.result("tools/call", params);
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("Research Report: python (snake)"), "expected the answer to count: {result}");
}

#[test]
fn a_legacy_client_gets_a_task_of_a_legacy_server() {
    let Some(board) = start() else { return };
    let client = board.legacy();
    let offered = &client.initialized["capabilities"]["tasks"];
    assert_eq!(*offered, json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}));
    let mut params = research("foxes");
    params["task"] = json!({"ttl": 60_000});
    let made = client.result("tools/call", params)["task"].clone();
    assert_eq!(made["status"], "working", "expected a task: {made}");
    let id = json!({"taskId": made["taskId"]});
    let listed = client.result("tasks/list", json!({}));
    assert_eq!(listed["tasks"][0]["taskId"], made["taskId"], "expected one's own task: {listed}");
    let stranger = board.legacy().result("tasks/list", json!({}));
    assert_eq!(stranger["tasks"], json!([]), "expected no task of another session: {stranger}");
    let result = client.result("tasks/result", id.clone());
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("Research Report: foxes"), "expected the report: {result}");
    assert_eq!(result["_meta"]["io.modelcontextprotocol/related-task"], id, "expected to be told of which task");
    assert_eq!(client.result("tasks/get", id.clone())["status"], "completed");
    assert_eq!(client.request("tasks/cancel", id).1["error"]["code"], -32602, "expected it to have ended");
    let old = Legacy::connect(board.address(), "/mcp", "2025-06-18", None);
    assert_eq!(old.initialized["capabilities"]["tasks"], Value::Null, "expected no tasks for a client from before");
}

#[test]
fn ids_are_good_after_a_restart_of_the_daemon() {
    let config = entry_at("elsewhere", &serve()) + &misbehave("another", "ok", "dual");
    let board = Switchboard::start(&config);
    board.server_in("elsewhere", "ready");
    let made = board.modern().result("tools/call", declaring(json!({"name": "elsewhere__long"})));
    let id = made["taskId"].as_str().unwrap().to_owned();
    assert_ne!(id, "t-1", "expected an id of ours: {made}");
    let board = board.restart();
    board.server_in("elsewhere", "ready");
    let task = board.modern().result("tasks/get", declaring(json!({"taskId": id})));
    assert_eq!((&task["taskId"], &task["result"]["content"]), (&json!(id), &json!(["t-1"])), "{task}");
}

/// A modern server that outlives the daemon: its tool `long` is the task `t-1`, which has ended
/// when it is asked about, and it refuses a header that does not repeat the id.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(why) = respond(stream) {
                tell(&format!("the server of the test: {why}"));
            }
        }
    });
    url
}

fn respond(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut length, mut name) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(("mcp-name", value)) => name = value.trim().to_owned(),
            Some(_) => {}
            None if line.is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let flat = |status: &str| json!({"taskId": "t-1", "status": status, "createdAt": "c", "lastUpdatedAt": "l", "ttlMs": null});
    let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
    match request["method"].as_str().unwrap_or_default() {
        "server/discover" => {
            let capabilities = json!({"tools": {}, "extensions": {TASKS: {}}});
            answer["result"] = json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities});
        }
        "tools/list" => {
            answer["result"] = json!({"tools": [{"name": "long", "inputSchema": {"type": "object"}}]});
        }
        "tools/call" => {
            answer["result"] = flat("working");
            answer["result"]["resultType"] = "task".into();
        }
        "tasks/get" if name == "t-1" => {
            answer["result"] = flat("completed");
            answer["result"]["result"] = json!({"content": [request["params"]["taskId"]]});
        }
        other => answer["error"] = json!({"code": -32601, "message": format!("no {other} of {name}")}),
    }
    let body = answer.to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes())
}
