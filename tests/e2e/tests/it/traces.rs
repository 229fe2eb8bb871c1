//! Traces of calls as a collector of others gets them, decoded by the official messages: whose child a
//! call is, what its stages are, and what is in no span.

use e2e::{Client as _, Home, Listening, Peers, Switchboard, await_some, entry_at, misbehave, require_peers, send};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const SECRET: &str = "hunter2-in-arguments";

fn collector(peers: &Peers) -> Listening {
    Listening::start(peers.script_command("otlp_collector.py"))
}

fn config(collector: &Listening, telemetry: &str) -> String {
    let traced = entry_at("traced", &format!("http://{}/mcp", collector.address()));
    format!("{telemetry}\n{}\n{traced}", misbehave("good", "ok", "dual"))
}

fn told(collector: SocketAddr) -> Value {
    serde_json::from_str(&send(collector, "GET", "/spans", &[], b"").text()).unwrap()
}

/// The spans, once as many calls of that name were told.
fn spans(collector: &Listening, name: &str, calls: usize) -> Vec<Value> {
    await_some(LONG, &format!("{calls} spans of {name}"), || {
        let spans = told(collector.address())["spans"].as_array().unwrap().clone();
        (spans.iter().filter(|span| span["name"] == name).count() == calls).then_some(spans)
    })
}

fn context() -> Value {
    json!({"traceparent": format!("00-{TRACE}-{PARENT}-01"), "tracestate": "vendor=1"})
}

fn call(board: &Switchboard, tool: &str, meta: &Value) -> Value {
    let params = json!({"name": tool, "arguments": {"text": SECRET}, "_meta": meta});
    let result = board.legacy().result("tools/call", params);
    serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap_or_default()
}

#[test]
fn a_call_is_the_child_of_its_client_and_the_parent_of_its_server() {
    let Some(peers) = require_peers() else { return };
    let collector = collector(&peers);
    let url = collector.address();
    let telemetry = format!(
        "[telemetry]\notlp_url = \"http://{url}/\"\notlp_headers = \"authorization=Bearer%20t0ken\"\nservice_name = \"mine\""
    );
    let board = Switchboard::start(&config(&collector, &telemetry));
    board.server_in("traced", "ready");
    let seen = call(&board, "traced__where", &context());
    let all = spans(&collector, "tools/call where", 1);
    let of = |name: &str| all.iter().find(|span| span["trace"] == TRACE && span["name"] == name).unwrap();
    let whole = of("tools/call where");
    assert_eq!((&whole["parent"], &whole["state"], &whole["kind"]), (&json!(PARENT), &json!("vendor=1"), &json!(2)));
    let upstream = of("upstream");
    assert_eq!((&upstream["kind"], &upstream["parent"]), (&json!(3), &whole["id"]));
    let expected = format!("00-{TRACE}-{}-01", upstream["id"].as_str().unwrap());
    assert_eq!(seen["meta"]["traceparent"], expected, "what the server was told: {seen}");
    assert_eq!((&seen["header"], &seen["meta"]["tracestate"]), (&json!(expected), &json!("vendor=1")));
    for stage in ["authn", "listener", "route", "policy", "upstream", "finish"] {
        let (span, at) = (of(stage), |span: &Value, key: &str| span[key].as_u64().unwrap());
        assert_eq!(span["parent"], whole["id"]);
        assert!(at(span, "start") >= at(whole, "start") && at(span, "end") <= at(whole, "end"), "{span} in {whole}");
    }
    let attributes = &whole["attributes"];
    for (key, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "where"),
        ("gen_ai.operation.name", "execute_tool"),
        ("switchboard.server", "traced"),
    ] {
        assert_eq!(attributes[key], value, "{attributes}");
    }
    assert_eq!((&whole["resource"]["service.name"], &whole["error"]), (&json!("mine"), &json!(false)));
    let said = told(url);
    assert_eq!(said["requests"][0]["authorization"], "Bearer t0ken", "{}", said["requests"]);
    assert!(!said["spans"].to_string().contains(SECRET), "no arguments in spans");
    let shown = board.cli(&["config", "show"]);
    assert!(!shown.stdout.contains("t0ken"), "{}", shown.stdout);
}

#[test]
fn as_many_are_traced_as_asked_for_and_the_client_decides_for_its_own() {
    let Some(peers) = require_peers() else { return };
    let collector = collector(&peers);
    let telemetry = format!("[telemetry]\notlp_url = \"http://{}\"\nsample = 0", collector.address());
    let board = Switchboard::start(&config(&collector, &telemetry));
    let unsampled = json!({"traceparent": format!("00-{TRACE}-{PARENT}-00")});
    board.server_in("traced", "ready");
    assert_eq!(call(&board, "traced__where", &unsampled)["meta"], unsampled, "handed on as it came");
    call(&board, "good__echo", &json!({}));
    call(&board, "good__echo", &context());
    let all = spans(&collector, "tools/call echo", 1);
    assert!(all.iter().all(|span| span["trace"] == TRACE), "{all:?}");
    board.rewrite_config(&config(&collector, &telemetry.replace("sample = 0", "sample = 100")));
    board.cli(&["reload"]);
    call(&board, "good__echo", &json!({}));
    spans(&collector, "tools/call echo", 2);
    let record = await_some(LONG, "the record with its trace", || {
        let records = board.cli(&["logs", "--calls", "--json"]).stdout;
        let record = records.lines().find(|line| line.contains(TRACE))?.to_owned();
        serde_json::from_str::<Value>(&record).ok()
    });
    assert!(record.to_string().contains("\"stage\":\"upstream\""), "{record}");
}

#[test]
fn without_a_collector_nothing_is_traced_and_the_environment_may_name_one() {
    let Some(peers) = require_peers() else { return };
    let collector = collector(&peers);
    let board = Switchboard::start(&config(&collector, ""));
    board.server_in("traced", "ready");
    assert_eq!(call(&board, "traced__where", &context())["meta"], context(), "it passes as every key of _meta does");
    drop(board);
    assert_eq!(told(collector.address())["spans"], json!([]));
    let home = Home::new(&config(&collector, ""));
    let mut run = home.run_command("127.0.0.1:0");
    run.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address()));
    run.env("OTEL_EXPORTER_OTLP_HEADERS", "x-from=environment").env("OTEL_SERVICE_NAME", "named");
    let mut child = run.spawn().unwrap();
    await_some(LONG, "a call through it", || {
        let ended = home.cli(&["call", "good__echo", "{\"text\":\"a\"}"]);
        (ended.code == Some(0)).then_some(())
    });
    let all = spans(&collector, "tools/call echo", 1);
    home.cli(&["stop"]);
    child.wait().unwrap();
    assert_eq!(all[0]["resource"]["service.name"], "named");
    assert_eq!(told(collector.address())["requests"][0]["x-from"], "environment");
}

#[test]
fn a_collector_that_fails_costs_spans_and_nothing_else() {
    let Some(peers) = require_peers() else { return };
    let collector = collector(&peers);
    let telemetry = format!("[telemetry]\notlp_url = \"http://{}\"", collector.address());
    let board = Switchboard::start(&config(&collector, &telemetry));
    send(collector.address(), "POST", "/refuse", &[], b"1");
    call(&board, "good__echo", &json!({}));
    spans(&collector, "tools/call echo", 1);
    board.rewrite_config(&config(&collector, "[telemetry]\notlp_url = \"http://127.0.0.1:1\""));
    board.cli(&["reload"]);
    call(&board, "good__echo", &json!({}));
    await_some(LONG, "spans that are counted as lost", || {
        let metrics = send(board.address(), "GET", "/metrics", &[], b"").text();
        let line = metrics.lines().find(|line| line.starts_with("switchboard_spans_dropped_total "))?.to_owned();
        (!line.ends_with(" 0.0")).then_some(())
    });
}
