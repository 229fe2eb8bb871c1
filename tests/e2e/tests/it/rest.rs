//! REST over every operation that its own document names: who may, what a form can send, what a client
//! may repeat, and that no answer holds a secret (threats.md S-12, S-13, S-63). The document is asked for,
//! so that a route that is added is tested too.

use e2e::{Answer, Client as _, Home, SOON, Switchboard, eventually, misbehave, send};
use serde_json::{Value, json};

const LISTEN_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Values of the configuration that must not leave, and would not be anywhere by chance.
const SECRETS: [&str; 2] = ["qZ7-environment-value", "xK9-header-value"];

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn bearer(token: &str) -> (String, String) {
    header("Authorization", &format!("Bearer {token}"))
}

/// A request with the token and a body of JSON.
#[track_caller]
fn ask(board: &Switchboard, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [bearer(&board.token()), header("Content-Type", "application/json")];
    read(send(board.address(), method, path, &headers, body.as_bytes()))
}

#[track_caller]
fn get(board: &Switchboard, path: &str) -> Value {
    let (status, said) = ask(board, "GET", path, &Value::Null);
    assert_eq!(status, 200, "{path}: {said}");
    said
}

fn read(answer: Answer) -> (u16, Value) {
    let status = answer.status;
    let text = answer.text();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Every operation of the document: method and path, with words in place of names.
fn operations(board: &Switchboard) -> Vec<(String, String)> {
    let document = get(board, "/api/openapi.json");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "good" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        operations.extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    assert!(operations.len() > 60, "{operations:?}");
    operations
}

/// Whether it goes on for as long as whoever asked listens.
fn is_stream(path: &str) -> bool {
    matches!(path, "/api/live" | "/api/events") || path.ends_with("/wait")
}

#[test]
fn every_operation_wants_a_token_where_it_changes_something_or_one_is_set() {
    let open = Switchboard::start(&misbehave("good", "ok", "dual"));
    let guarded = Home::new(&format!("[listen]\ntoken = \"{LISTEN_TOKEN}\"\n")).start();
    for (method, path) in operations(&open) {
        // A text to search for is posted, since it may be long; nothing is changed by that.
        let looks = method == "GET" || matches!(&*path, "/api/search" | "/api/route");
        for (board, is_open) in [(&open, looks), (&guarded, false)] {
            for (brought, headers) in [("nothing", vec![]), ("a wrong one", vec![bearer("wrong")])] {
                if is_open && brought == "nothing" {
                    continue;
                }
                let answer = send(board.address(), &method, &path, &headers, b"");
                let (kind, status) = (answer.header("content-type").map(str::to_owned), answer.status);
                assert_eq!(
                    (status, kind.as_deref()),
                    (401, Some("application/problem+json")),
                    "{method} {path}: {brought}"
                );
            }
        }
    }
}

#[test]
fn what_a_form_can_send_is_not_read_anywhere() {
    let board = Switchboard::start(&misbehave("good", "ok", "dual"));
    let changing = operations(&board).into_iter().filter(|(method, _)| method != "GET");
    for (method, path) in changing {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let headers = [bearer(&board.token()), header("Content-Type", kind)];
            let (status, said) = read(send(board.address(), &method, &path, &headers, b"{}"));
            assert_eq!(status, 415, "{method} {path} {kind}: {said}");
        }
    }
}

#[test]
fn no_answer_holds_a_secret_or_its_beginning() {
    let config = format!(
        "[listen]\ntoken = \"{LISTEN_TOKEN}\"\n{}env = {{ API_KEY = \"{}\" }}\n\
         [servers.far]\nurl = \"http://127.0.0.1:9/mcp\"\nheaders = {{ Authorization = \"Bearer {}\" }}\n",
        misbehave("good", "ok", "dual"),
        SECRETS[0],
        SECRETS[1]
    );
    let board = Home::new(&config).offering("goals,memory,cache").start();
    board.server_in("good", "ready");
    let token = board.token();
    let gets = operations(&board).into_iter().filter(|(method, path)| method == "GET" && !is_stream(path));
    for (_, path) in gets {
        let answer = send(board.address(), "GET", &path, &[bearer(LISTEN_TOKEN)], b"");
        let (status, said) = (answer.status, answer.text());
        assert!(status < 500, "GET {path}: {status} {said}");
        for secret in SECRETS {
            assert!(!said.contains(&secret[..4]), "GET {path} tells of a secret: {said}");
        }
        for token in [LISTEN_TOKEN, token.as_str()] {
            assert!(!said.contains(&token[..8]), "GET {path} tells of a token: {said}");
        }
    }
}

#[test]
fn whatever_is_wrong_is_said_as_a_problem() {
    let board = Home::new("").offering("memory").start();
    let wrong = [
        ("GET", "/api/nothing", json!(null), 404),
        ("DELETE", "/api/call", json!(null), 405),
        ("GET", "/api/records?limti=3", json!(null), 400),
        ("GET", "/api/records?limit=0", json!(null), 400),
        ("GET", "/api/records?before=x", json!(null), 400),
        ("GET", "/api/records?since=soon", json!(null), 400),
        ("GET", "/api/records/0000000000000000", json!(null), 404),
        ("GET", "/api/servers/none", json!(null), 404),
        ("GET", "/api/audit?before=a0", json!(null), 400),
        ("GET", "/api/memory/none", json!(null), 400),
        ("GET", "/api/goals/GOAL-0001/graph", json!(null), 404),
        ("POST", "/api/memory", json!({ "text": 1 }), 400),
        ("POST", "/api/memory", json!({ "text": "a", "more": 1 }), 400),
        ("POST", "/api/memory/clear", json!({ "confirm": false }), 400),
        ("POST", "/api/servers", json!({ "name": "x", "command": "id" }), 403),
        ("POST", "/api/servers/memory/approve", json!(null), 403),
    ];
    for (method, path, body, wanted) in wrong {
        let (status, said) = ask(&board, method, path, &body);
        assert_eq!(status, wanted, "{method} {path}: {said}");
        assert_eq!(said["status"], wanted, "{method} {path}: {said}");
        assert!(!said["kind"].as_str().unwrap().is_empty() && !said["title"].as_str().unwrap().is_empty());
        assert!(said["hint"].is_string(), "{method} {path}: no next step: {said}");
    }
    let headers = [bearer(&board.token())];
    let refused = send(board.address(), "DELETE", "/api/call", &headers, b"");
    assert_eq!(refused.header("allow"), Some("POST"));
}

#[test]
fn a_request_with_a_key_happens_once_and_a_document_has_a_tag() {
    let board = Home::new("").offering("memory").start();
    let keyed = |key: &str, body: &Value| {
        let headers =
            [bearer(&board.token()), header("Content-Type", "application/json"), header("Idempotency-Key", key)];
        let answer = send(board.address(), "POST", "/api/memory", &headers, body.to_string().as_bytes());
        let replayed = answer.header("idempotency-replayed").is_some();
        (read(answer), replayed)
    };
    let (first, replayed) = keyed("k-1", &json!({ "text": "once" }));
    assert!(first.0 == 201 && !replayed, "{first:?}");
    assert_eq!(keyed("k-1", &json!({ "text": "once" })), (first, true));
    assert_eq!(keyed("k-1", &json!({ "text": "twice" })).0.0, 422);
    assert_eq!(keyed("k\u{e4}", &json!({ "text": "once" })).0.0, 400);
    assert_eq!(get(&board, "/api/memory")["total"], 1);
    let document = send(board.address(), "GET", "/api/limits", &[bearer(&board.token())], b"");
    let tag = document.header("etag").unwrap().to_owned();
    let again = [bearer(&board.token()), header("If-None-Match", &tag)];
    assert_eq!(send(board.address(), "GET", "/api/limits", &again, b"").status, 304);
    let other = [bearer(&board.token()), header("If-None-Match", "W/\"0\"")];
    assert_eq!(send(board.address(), "GET", "/api/limits", &other, b"").status, 200);
}

#[test]
fn records_are_found_paged_and_shown_to_who_may_see_them() {
    let board = Switchboard::start(&format!("{}record_arguments = true\n", misbehave("good", "ok", "dual")));
    board.server_in("good", "ready");
    for number in 0..5 {
        let call = json!({ "name": "good.echo", "arguments": { "text": format!("word-{number}") } });
        assert_eq!(ask(&board, "POST", "/api/call", &call).0, 200);
    }
    let calls = "/api/records?tool=good.echo&outcome=ok";
    eventually(SOON, "the records of the calls", || get(&board, calls)["records"].as_array().unwrap().len() == 5);
    let mut ids = Vec::new();
    let mut path = format!("{calls}&limit=2");
    loop {
        let page = get(&board, &path);
        let records = page["records"].as_array().unwrap();
        assert!(records.len() <= 2, "{page}");
        ids.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{calls}&limit=2&before={next}");
    }
    let mut sorted = ids.clone();
    sorted.sort_unstable_by(|left, right| right.cmp(left));
    sorted.dedup();
    assert_eq!((ids.len(), &ids), (5, &sorted), "each once, the newest first");
    let one = get(&board, &format!("/api/records/{}", ids[0]));
    assert_eq!((&one["name"], &one["principal"]), (&json!("echo"), &json!("token")));
    assert!(!one["stages"].as_array().unwrap().is_empty(), "{one}");
    assert_eq!(get(&board, "/api/records?since=1h&server=good&limit=1")["records"][0]["id"], ids[0]);
    assert_eq!(get(&board, "/api/records?until=1h")["records"], json!([]));
    // Whoever brings no token sees their own calls only, and these are not.
    let (status, said) = read(send(board.address(), "GET", "/api/records", &[], b""));
    let seen = said["records"].as_array().unwrap();
    assert!(status == 200 && seen.iter().all(|record| record["principal"] == "anonymous-loopback"), "{said}");
    let (status, said) = read(send(board.address(), "GET", &format!("/api/records/{}", ids[0]), &[], b""));
    assert_eq!(status, 404, "{said}");
}

#[test]
fn a_server_is_switched_off_and_on_in_its_file_and_the_audit_says_who() {
    let board = Switchboard::start(&misbehave("good", "ok", "dual"));
    board.server_in("good", "ready");
    let (status, said) = ask(&board, "POST", "/api/servers/good/disable", &Value::Null);
    assert_eq!(status, 200, "{said}");
    board.server_in("good", "disabled");
    assert!(std::fs::read_to_string(board.home().config()).unwrap().contains("enabled = false"));
    assert_eq!(ask(&board, "POST", "/api/servers/good/enable", &Value::Null).0, 200);
    board.server_in("good", "ready");
    let whats = || {
        let audit = get(&board, "/api/audit");
        let events = audit["events"].as_array().unwrap().clone();
        let by = |event: &Value| format!("{} {} {}", event["who"], event["what"], event["on"]).replace('"', "");
        events.iter().map(by).collect::<Vec<_>>()
    };
    eventually(SOON, "both deeds in the audit", || {
        let whats = whats();
        ["disabled", "enabled"].iter().all(|done| whats.contains(&format!("token {done} good")))
    });
    assert_eq!(get(&board, "/api/audit/verify")["whole"], true);
    assert_eq!(read(send(board.address(), "GET", "/api/audit/verify", &[], b"")).0, 403);
}

#[test]
fn goals_are_drawn_claimed_and_finished() {
    let board = Home::new("").offering("goals").start();
    let tool = |name: &str, arguments: Value| {
        let (status, said) = ask(&board, "POST", "/api/call", &json!({ "name": name, "arguments": arguments }));
        assert_eq!(status, 200, "{said}");
        said["structuredContent"].clone()
    };
    let goal = tool("goals.create_goal", json!({ "description": "ship" }))["id"].as_str().unwrap().to_owned();
    let tasks = json!([{ "description": "a" }, { "description": "b", "dependencies": [0] }]);
    tool("goals.break_down_goal", json!({ "goal_id": goal, "subtasks": tasks }));
    let graph = get(&board, &format!("/api/goals/{goal}/graph"));
    assert_eq!((graph["nodes"].as_array().unwrap().len(), graph["edges"].as_array().unwrap().len()), (2, 1), "{graph}");
    assert_eq!(graph["critical_path"].as_array().unwrap().len(), 2);
    assert!(graph["nodes"].as_array().unwrap().iter().all(|node| node["critical"] == true), "{graph}");
    assert_eq!(get(&board, &format!("/api/goals/{goal}/plan"))["plan"]["total_tasks"], 2);
    let (status, claim) = ask(&board, "POST", "/api/tasks/claim", &json!({ "goal_id": goal }));
    assert!(status == 200 && claim["claimed"] == true, "{claim}");
    let task = get(&board, "/api/tasks/TASK-0001");
    assert!(task["task"]["id"] == "TASK-0001" && task["why"].is_object(), "{task}");
    let done = json!({ "token": claim["token"], "action": "complete" });
    let (status, said) = ask(&board, "POST", "/api/tasks/TASK-0001/finish", &done);
    assert_eq!((status, &said["status"]), (200, &json!("completed")), "{said}");
    assert_eq!(get(&board, "/api/tasks/next")["tasks"][0]["id"], "TASK-0002");
    assert!(board.modern().tools().iter().any(|tool| tool == "goals__get_goal"));
}
