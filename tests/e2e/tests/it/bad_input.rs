//! Wrong input from clients, files and the machine: a clear error each time, and nothing else
//! disturbed.

use e2e::{LegacySession, Reply, Switchboard, VERSION, built, exchange, modern, modern_body, modern_headers, until};
use serde_json::{Value, json};
use std::time::Duration;

fn daemon() -> Switchboard {
    let config = format!("[servers.good]\ncommand = {:?}\nargs = [\"ok\"]\n", built("mcp-misbehave"));
    let daemon = Switchboard::start(&config);
    until(Duration::from_secs(20), "the server", || works(&daemon).then_some(()));
    daemon
}

fn works(daemon: &Switchboard) -> bool {
    let params = json!({"name": "good__echo", "arguments": {"text": "fine"}});
    modern(&daemon.address, "tools/call", params).answer()["result"]["content"][0]["text"] == "fine"
}

fn post(daemon: &Switchboard, headers: &[(&str, &str)], body: &str) -> Reply {
    exchange(&daemon.address, "POST", "/mcp", headers, body.as_bytes())
}

/// Status, code, a message in words; and the daemon still works.
#[track_caller]
fn refused(daemon: &Switchboard, reply: &Reply, status: u16, code: i64) -> Value {
    let answer = reply.answer();
    assert_eq!((reply.status, answer["error"]["code"].as_i64()), (status, Some(code)), "{reply:?}");
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(message.len() > 8, "a message in words: {reply:?}");
    assert!(works(daemon), "others are disturbed");
    answer
}

#[test]
fn broken_json() {
    let daemon = daemon();
    let headers = modern_headers("tools/list", None);
    for body in ["{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\"", "", "\u{feff}{}", "nonsense", "{\"a\":1}{\"b\":2}"] {
        let reply = post(&daemon, &headers, body);
        assert_eq!(reply.status, 400, "{body:?}: {reply:?}");
        let code = reply.answer()["error"]["code"].as_i64();
        assert!(matches!(code, Some(-32700 | -32600)), "{body:?}: {reply:?}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post(&daemon, &headers, &deep).status, 400);
    let not_text =
        exchange(&daemon.address, "POST", "/mcp", &headers, b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}");
    assert_eq!(not_text.status, 400, "{not_text:?}");
    assert!(works(&daemon));
}

#[test]
fn a_batch_from_a_modern_client() {
    let daemon = daemon();
    let one = modern_body(1, "tools/list", json!({}));
    let reply = post(&daemon, &modern_headers("tools/list", None), &json!([one, one]).to_string());
    let answer = refused(&daemon, &reply, 400, -32600);
    assert!(answer["error"]["message"].as_str().unwrap().contains("batch"), "{answer}");
}

#[test]
fn duplicate_keys_and_unknown_members() {
    let daemon = daemon();
    let body = modern_body(1, "tools/call", json!({"name": "good__echo", "arguments": {}})).to_string();
    let headers = modern_headers("tools/call", Some("good__echo"));
    for wrong in [
        body.replacen("\"id\":1", "\"id\":1,\"id\":2", 1),
        body.replacen("\"method\":\"tools/call\"", "\"method\":\"tools/call\",\"method\":\"ping\"", 1),
        body.replacen("\"name\":\"good__echo\"", "\"name\":\"good__echo\",\"name\":\"good__pid\"", 1),
        body.replacen("\"id\":1", "\"id\":1,\"sudo\":true", 1),
        body.replacen("\"id\":1", "\"id\":null", 1),
        body.replacen("\"id\":1", "\"id\":[1]", 1),
    ] {
        assert_ne!(wrong, body);
        let reply = post(&daemon, &headers, &wrong);
        assert_eq!(reply.status, 400, "{wrong}: {reply:?}");
        let code = reply.answer()["error"]["code"].as_i64();
        assert!(matches!(code, Some(-32700 | -32600 | -32602)), "{wrong}: {reply:?}");
    }
    assert!(works(&daemon));
}

#[test]
fn wrong_headers() {
    let daemon = daemon();
    let params = json!({"name": "good__echo", "arguments": {}});
    let body = modern_body(1, "tools/call", params).to_string();
    let right = modern_headers("tools/call", Some("good__echo"));
    let with = |name: &str, value: Option<&'static str>| {
        let mut headers: Vec<_> = right.iter().copied().filter(|(known, _)| *known != name).collect();
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        headers.extend(value.map(|value| (name, value)));
        headers
    };
    refused(&daemon, &post(&daemon, &with("Mcp-Method", Some("tools/list")), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("Mcp-Method", None), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("Mcp-Name", Some("good__pid")), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("Mcp-Name", None), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("Mcp-Name", Some("=?base64?!!?=")), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("MCP-Protocol-Version", None), &body), 400, -32020);
    refused(&daemon, &post(&daemon, &with("MCP-Protocol-Version", Some("2025-06-18")), &body), 400, -32020);
    let future = body.replace(VERSION, "2031-01-01");
    let answer =
        refused(&daemon, &post(&daemon, &with("MCP-Protocol-Version", Some("2031-01-01")), &future), 400, -32022);
    assert!(answer["error"]["data"]["supported"].to_string().contains(VERSION), "{answer}");
}

#[test]
fn missing_metadata() {
    let daemon = daemon();
    let mut body = modern_body(1, "tools/list", json!({}));
    body["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    refused(&daemon, &post(&daemon, &modern_headers("tools/list", None), &body.to_string()), 400, -32602);
}

#[test]
fn foreign_hosts_origins_and_methods() {
    let daemon = daemon();
    let body = modern_body(1, "tools/list", json!({})).to_string();
    for (name, value) in [("Host", "evil.example"), ("Origin", "https://evil.example")] {
        let mut headers = modern_headers("tools/list", None);
        headers.push((name, value));
        let reply = post(&daemon, &headers, &body);
        assert_eq!(reply.status, 403, "{name}: {reply:?}");
    }
    let put = exchange(&daemon.address, "PUT", "/mcp", &[], b"");
    assert_eq!(put.status, 405, "{put:?}");
    let elsewhere = exchange(&daemon.address, "GET", "/nowhere", &[], b"");
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    assert!(works(&daemon));
}

#[test]
fn huge_bodies() {
    let daemon = daemon();
    let text = "x".repeat(64 * 1024 * 1024);
    let params = json!({"name": "good__echo", "arguments": {"text": text}});
    let body = modern_body(1, "tools/call", params).to_string();
    let reply = post(&daemon, &modern_headers("tools/call", Some("good__echo")), &body);
    assert_eq!(reply.status, 413, "{} {:.200}", reply.status, reply.body);
    // A length that is only claimed is refused as early.
    let headers = [("Content-Type", "application/json"), ("Content-Length", "99999999999")];
    assert_eq!(post(&daemon, &headers, "").status, 413);
    assert!(works(&daemon));
}

#[test]
fn unknown_names() {
    let daemon = daemon();
    let unknown = modern(&daemon.address, "tools/call", json!({"name": "good__ecko", "arguments": {}}));
    let answer = refused(&daemon, &unknown, 200, -32602);
    assert!(answer["error"].to_string().contains("good__echo"), "did you mean: {answer}");
    let unknown = modern(&daemon.address, "prompts/get", json!({"name": "no_such_prompt"}));
    refused(&daemon, &unknown, 200, -32602);
    let unknown = modern(&daemon.address, "resources/read", json!({"uri": "nowhere://at-all"}));
    let answer = refused(&daemon, &unknown, 200, -32602);
    assert_eq!(answer["error"]["data"]["uri"], "nowhere://at-all");
    let unknown = modern(&daemon.address, "no/such/method", json!({}));
    refused(&daemon, &unknown, 404, -32601);
    let elsewhere = exchange(&daemon.address, "POST", "/mcp/nobody", &modern_headers("tools/list", None), b"{}");
    assert_eq!(elsewhere.status, 404, "{elsewhere:?}");
    assert!(daemon.cli(&["call", "nobody.echo"]).code == 12, "exit code for an unknown name");
}

#[test]
fn sessions_that_do_not_exist() {
    let daemon = daemon();
    let mut session = LegacySession::open(&daemon.address, "2025-11-25");
    assert_eq!(session.request("ping", &json!({})).status, 200);
    session.id = "not-a-session".to_owned();
    assert_eq!(session.request("ping", &json!({})).status, 404);
    let headers = [("Content-Type", "application/json"), ("MCP-Protocol-Version", "2025-11-25")];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string();
    assert_eq!(post(&daemon, &headers, &body).status, 400, "no session header at all");
    assert!(works(&daemon));
}

#[test]
fn a_missing_binary() {
    let good = built("mcp-misbehave");
    let config = format!(
        "[servers.gone]\ncommand = \"no-such-program-anywhere\"\n[servers.good]\ncommand = {good:?}\nargs = [\"ok\"]\n"
    );
    let daemon = Switchboard::start(&config);
    until(Duration::from_secs(20), "the good server", || works(&daemon).then_some(()));
    assert!(daemon.output().contains("no-such-program-anywhere"), "run says what will not work: {}", daemon.output());
    let status = daemon.cli(&["status"]);
    assert!(status.stdout.contains("gone") && status.stdout.contains("no-such-program-anywhere"), "{status:?}");
}

#[test]
fn a_port_in_use() {
    let first = daemon();
    let second = Switchboard::try_start("", &first.address);
    let Err(ended) = second else { panic!("two daemons on one port") };
    assert_ne!(ended.code, 0);
    let pid = first.pid().to_string();
    assert!(ended.output.contains(&first.address), "which address: {}", ended.output);
    assert!(ended.output.contains(&pid) || ended.output.contains("switchboard"), "who holds it: {}", ended.output);
    assert!(ended.output.contains("--listen"), "what to do: {}", ended.output);
    assert!(works(&first));
}

#[test]
fn an_invalid_configuration() {
    let text =
        "[servers.a]\ncomand = \"node\"\n\n[servers.b]\nurl = \"http://127.0.0.1:1/mcp\"\nstartup_timeout = \"soon\"\n";
    let Err(ended) = Switchboard::try_start(text, "127.0.0.1:0") else { panic!("started with nonsense") };
    assert_eq!(ended.code, 2, "{}", ended.output);
    for wanted in ["switchboard.toml", "comand", "command", "startup_timeout", "2", "6"] {
        assert!(ended.output.contains(wanted), "no {wanted:?} in {}", ended.output);
    }
}

#[test]
fn an_address_for_everyone_needs_a_token() {
    let Err(ended) = Switchboard::try_start("", "0.0.0.0:0") else { panic!("open to the world") };
    assert_eq!(ended.code, 2, "{}", ended.output);
    assert!(ended.output.contains("token"), "{}", ended.output);
}
