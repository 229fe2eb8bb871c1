//! Whatever comes in: each mistake is answered with a status, a code and words that help, and
//! nothing else is disturbed. After each the same good call still works.

use e2e::{Client, Home, LEGACY, Legacy, Listening, MODERN, Modern, Switchboard};
use e2e::{built, command, entry, entry_at, exchange, misbehave, send, try_exchange};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{TcpListener, TcpStream};

type Headers = Vec<(String, String)>;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn board() -> Switchboard {
    Switchboard::start(&misbehave("good", "ok", "dual"))
}

/// Nothing has been disturbed.
#[track_caller]
fn good(board: &Switchboard) {
    let said = board.modern().text("good__echo", json!({"text": "still here"}));
    assert_eq!(said, "still here", "expected a good call to work after bad ones");
}

/// Posts to `/mcp`; gives status and response.
#[track_caller]
fn post(board: &Switchboard, headers: &[(String, String)], body: &[u8]) -> (u16, Value) {
    send(board.address(), "POST", "/mcp", headers, body).last()
}

#[track_caller]
fn expect_error(case: &str, (status, response): &(u16, Value), wanted: (u16, i64)) {
    let code = response["error"]["code"].as_i64();
    assert_eq!((*status, code), (wanted.0, Some(wanted.1)), "expected {wanted:?} for {case}, got {response}");
    let message = response["error"]["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "expected words for {case}, got {response}");
}

#[track_caller]
fn expect_hint(case: &str, (_, response): &(u16, Value)) {
    let hint = response["error"]["data"]["hint"].as_str().unwrap_or_default();
    assert!(!hint.is_empty(), "expected a hint for {case}, got {response}");
}

/// A good call of a modern client, and its headers.
fn good_message() -> (Value, Headers) {
    let params = json!({"name": "good__echo", "arguments": {"text": "x"}});
    let message = Modern::message(json!(7), "tools/call", params);
    let headers = Modern::headers(&message);
    (message, headers)
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(key, _)| !key.eq_ignore_ascii_case(name)).cloned().collect()
}

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let mut changed = without(headers, name);
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

fn twice(headers: &Headers, name: &str) -> Headers {
    let again = headers.iter().find(|(key, _)| key == name).cloned();
    headers.iter().cloned().chain(again).collect()
}

/// Headers of both eras for bodies that are no message.
fn both_eras(board: &Switchboard) -> [(&'static str, Headers); 2] {
    let modern = with(&good_message().1, "Mcp-Method", "tools/call");
    [("modern", modern), ("legacy", board.legacy().headers().to_vec())]
}

#[test]
fn broken_json() {
    let board = board();
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    let nested = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"a":{deep}}}}}"#);
    let bodies: [&[u8]; 9] = [
        b"",
        b"not json",
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/list""#,
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"} x"#,
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/list",}"#,
        br#"{"jsonrpc":"2.0","id":NaN,"method":"tools/list"}"#,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/\xfflist\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/\nlist\"}",
        nested.as_bytes(),
    ];
    for (era, headers) in both_eras(&board) {
        for body in bodies {
            let case = format!("{era}: {}", String::from_utf8_lossy(&body[..body.len().min(60)]));
            let got = post(&board, &headers, body);
            expect_error(&case, &got, (400, -32700));
        }
        good(&board);
    }
}

#[test]
fn batches() {
    let board = board();
    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for (era, headers) in both_eras(&board) {
        for batch in [json!([]), json!([one]), json!([one, one])] {
            let case = format!("{era} batch {batch}");
            let got = post(&board, &headers, batch.to_string().as_bytes());
            expect_error(&case, &got, (400, -32600));
            expect_hint(&case, &got);
        }
    }
    good(&board);
}

#[test]
fn what_is_no_message() {
    let board = board();
    let bodies = [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","\u006dethod":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","extra":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#,
        r#"{"id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#""a text""#,
        "17",
        "null",
    ];
    for (era, headers) in both_eras(&board) {
        for body in bodies {
            expect_error(&format!("{era}: {body}"), &post(&board, &headers, body.as_bytes()), (400, -32600));
        }
        let listed = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}"#;
        expect_error(&format!("{era}: a list as params"), &post(&board, &headers, listed.as_bytes()), (400, -32602));
    }
    let (_, modern) = good_message();
    let answer = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    expect_error("a response of a modern client", &post(&board, &modern, answer), (400, -32600));
    good(&board);
}

#[test]
fn headers_of_modern_requests() {
    let board = board();
    let (message, headers) = good_message();
    let body = message.to_string();
    let cases: [(&str, Headers); 13] = [
        ("no Mcp-Method", without(&headers, "Mcp-Method")),
        ("another Mcp-Method", with(&headers, "Mcp-Method", "tools/list")),
        ("Mcp-Method in other letters", with(&headers, "Mcp-Method", "Tools/Call")),
        ("Mcp-Method twice", twice(&headers, "Mcp-Method")),
        ("no Mcp-Name", without(&headers, "Mcp-Name")),
        ("another Mcp-Name", with(&headers, "Mcp-Name", "good__pid")),
        ("Mcp-Name in other letters", with(&headers, "Mcp-Name", "GOOD__ECHO")),
        ("an empty Mcp-Name", with(&headers, "Mcp-Name", "")),
        ("Mcp-Name twice", twice(&headers, "Mcp-Name")),
        ("an Mcp-Name that is no Base64", with(&headers, "Mcp-Name", "=?base64?*?=")),
        ("no MCP-Protocol-Version", without(&headers, "MCP-Protocol-Version")),
        ("a legacy MCP-Protocol-Version", with(&headers, "MCP-Protocol-Version", LEGACY)),
        ("MCP-Protocol-Version twice", twice(&headers, "MCP-Protocol-Version")),
    ];
    for (case, headers) in cases {
        let got = post(&board, &headers, body.as_bytes());
        expect_error(case, &got, (400, -32020));
        expect_hint(case, &got);
        assert_eq!(got.1["id"], 7, "expected the id of the request for {case}, got {}", got.1);
    }
    let right = [
        ("blanks around", with(&headers, "Mcp-Name", "  good__echo  ")),
        ("Base64", with(&headers, "Mcp-Name", "=?base64?Z29vZF9fZWNobw==?=")),
        ("a stray session", with(&headers, "Mcp-Session-Id", "nobody")),
    ];
    for (case, headers) in right {
        let (status, response) = post(&board, &headers, body.as_bytes());
        assert_eq!(status, 200, "expected {case} to be accepted: {response}");
    }
    let mut read = Modern::message(json!(8), "resources/read", json!({"uri": "a://b"}));
    let headers = without(&Modern::headers(&read), "Mcp-Name");
    expect_error("a read without Mcp-Name", &post(&board, &headers, read.to_string().as_bytes()), (400, -32020));
    read["method"] = json!("prompts/get");
    read["params"]["name"] = json!("p");
    let headers = with(&Modern::headers(&read), "Mcp-Name", "q");
    expect_error("a prompt under another name", &post(&board, &headers, read.to_string().as_bytes()), (400, -32020));
    good(&board);
}

/// A call with mirrored arguments, and its headers.
fn mirroring_message() -> (String, Headers) {
    let arguments = json!({"region": "north", "priority": 42, "verbose": true});
    let params = json!({"name": "fix__test_custom_header", "arguments": arguments});
    let message = Modern::message(json!(1), "tools/call", params);
    let mut headers = Modern::headers(&message);
    for (name, value) in [("Region", "north"), ("Priority", "42"), ("Verbose", "true")] {
        headers.push((format!("Mcp-Param-{name}"), value.to_owned()));
    }
    (message.to_string(), headers)
}

#[test]
fn headers_that_mirror_arguments() {
    let mut command = command(built("mcp-fixture"));
    command.args(["http", "--era", "modern"]);
    let fixture = Listening::start(command);
    let board = Switchboard::start(&entry_at("fix", &fixture.url()));
    let (body, headers) = mirroring_message();
    let bad = [
        ("a missing parameter", without(&headers, "Mcp-Param-Region")),
        ("another value", with(&headers, "Mcp-Param-Region", "south")),
        ("another number", with(&headers, "Mcp-Param-Priority", "43")),
        ("another truth", with(&headers, "Mcp-Param-Verbose", "false")),
        ("no Base64", with(&headers, "Mcp-Param-Region", "=?base64?*?=")),
    ];
    for (case, headers) in bad {
        expect_error(case, &post(&board, &headers, body.as_bytes()), (400, -32020));
    }
    let right = [
        ("the right values", headers.clone()),
        ("Base64", with(&headers, "Mcp-Param-Region", "=?base64?bm9ydGg=?=")),
        ("a parameter that nobody knows", with(&headers, "Mcp-Param-Unknown", "x")),
    ];
    for (case, headers) in right {
        let (status, response) = post(&board, &headers, body.as_bytes());
        assert_eq!(status, 200, "expected {case} to be accepted: {response}");
    }
}

#[test]
fn mirrored_headers_are_checked_or_not_asked_for() {
    // The protocol lets a gateway show the annotation only if it checks the headers itself.
    let board = Switchboard::start(&entry("fix", "mcp-fixture", &["stdio", "--era", "modern"]));
    let listed = board.modern().result("tools/list", json!({}));
    let tools = listed["tools"].as_array().unwrap();
    let tool = tools.iter().find(|tool| tool["name"] == "fix__test_custom_header").unwrap();
    if tool["inputSchema"].to_string().contains("x-mcp-header") {
        let (body, headers) = mirroring_message();
        let wrong = with(&headers, "Mcp-Param-Region", "south");
        expect_error("a value of an annotated tool", &post(&board, &wrong, body.as_bytes()), (400, -32020));
    }
}

#[test]
fn versions() {
    let board = board();
    let (message, headers) = good_message();
    for version in ["2099-01-01", "2024-01-01", "1999-12-31"] {
        let mut message = message.clone();
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        let headers = with(&headers, "MCP-Protocol-Version", version);
        let got = post(&board, &headers, message.to_string().as_bytes());
        expect_error(version, &got, (400, -32022));
        let data = &got.1["error"]["data"];
        assert_eq!(data["requested"], version, "expected what was requested: {data}");
        let supported: Vec<&str> = data["supported"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        for ours in [MODERN, LEGACY, "2025-06-18", "2025-03-26"] {
            assert!(supported.contains(&ours), "expected {ours} among the supported versions: {data}");
        }
    }
    let mut other = message.clone();
    other["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(LEGACY);
    let got = post(&board, &headers, other.to_string().as_bytes());
    expect_error("a body of another version than its header", &got, (400, -32020));
    let discover = br#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#;
    let got = post(&board, &Legacy::bare_headers(), discover);
    expect_error("server/discover without headers", &got, (400, -32020));
    let said = got.1["error"]["message"].as_str().unwrap().to_ascii_lowercase();
    assert!(said.contains("mcp-protocol-version"), "expected the missing header to be named: {said}");
    let agreed = Legacy::connect(board.address(), "/mcp", "2099-01-01", None).initialized;
    assert_eq!(agreed["protocolVersion"], LEGACY, "expected the newest legacy version for an unknown one");
    good(&board);
}

#[test]
fn missing_meta() {
    let board = board();
    let (message, headers) = good_message();
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    let drop = |key: &str| {
        let mut message = message.clone();
        message["params"]["_meta"].as_object_mut().unwrap().remove(key);
        message
    };
    let mut without_meta = message.clone();
    without_meta["params"].as_object_mut().unwrap().remove("_meta");
    let mut no_object = message.clone();
    no_object["params"]["_meta"][capabilities] = json!("none");
    let cases = [
        ("no _meta", without_meta),
        ("no version", drop(version)),
        ("no capabilities", drop(capabilities)),
        ("capabilities that are no object", no_object),
    ];
    for (case, message) in cases {
        let got = post(&board, &headers, message.to_string().as_bytes());
        expect_error(case, &got, (400, -32602));
        expect_hint(case, &got);
    }
    let bare = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let got = post(&board, &Modern::headers(&bare), bare.to_string().as_bytes());
    expect_error("no params at all", &got, (400, -32602));
    good(&board);
}

#[test]
fn methods_of_the_other_era() {
    let board = board();
    let modern = board.modern();
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        expect_error(method, &modern.request(method, json!({"uri": "a://b", "level": "info"})), (404, -32601));
    }
    let (status, response) = board.legacy().request("subscriptions/listen", json!({"notifications": {}}));
    expect_error("a listen in a session", &(status, response), (200, -32601));
    good(&board);
}

#[test]
fn sessions() {
    let board = board();
    let list = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let bare = Legacy::bare_headers();
    let unknown = with(&bare, "Mcp-Session-Id", "0123456789abcdef0123456789abcdef");
    let (missing, gone) = ((400, -31005), (404, -31004));
    let at = |method: &str, path: &str, headers: &Headers| {
        let body: &[u8] = if method == "POST" { list } else { b"" };
        send(board.address(), method, path, headers, body).last()
    };
    for method in ["POST", "GET", "DELETE"] {
        let got = at(method, "/mcp", &bare);
        expect_error(&format!("{method} without a session"), &got, missing);
        expect_hint(&format!("{method} without a session"), &got);
        let got = at(method, "/mcp", &unknown);
        expect_error(&format!("{method} with an unknown session"), &got, gone);
        expect_hint(&format!("{method} with an unknown session"), &got);
    }
    let client = board.legacy();
    let headers = client.headers().to_vec();
    assert_eq!(at("POST", "/mcp", &headers).0, 200, "expected the session to work");
    expect_error("the session of another endpoint", &at("POST", "/mcp/good", &headers), gone);
    let deleted = client.delete();
    assert!(matches!(deleted, 200 | 204), "expected the session to end, got {deleted}");
    expect_error("a session that has ended", &at("POST", "/mcp", &headers), gone);
    good(&board);
}

#[test]
fn huge_bodies() {
    let config = "[limits]\nbody_bytes_max = \"64KiB\"\n".to_owned() + &misbehave("good", "ok", "dual");
    let board = Switchboard::start(&config);
    let (mut message, headers) = good_message();
    message["params"]["arguments"]["text"] = json!("x".repeat(60_000));
    let (status, _) = post(&board, &headers, message.to_string().as_bytes());
    assert_eq!(status, 200, "expected a body below the limit to be accepted");
    let head = |rest: &str| {
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("POST /mcp HTTP/1.1\r\nHost: {}\r\n{}{rest}\r\n\r\n", board.address(), lines.concat())
    };
    // Only announced: it must be refused before it is sent.
    let announced = exchange(board.address(), head("Content-Length: 5000000000").as_bytes()).last();
    expect_error("an announced body of 5 GB", &announced, (413, -31006));
    expect_hint("an announced body of 5 GB", &announced);
    let mut chunked = head("Transfer-Encoding: chunked").into_bytes();
    chunked.extend_from_slice(format!("{:x}\r\n{}\r\n", 70_000, "x".repeat(70_000)).as_bytes());
    let got = exchange(board.address(), &chunked).last();
    expect_error("a body that grows beyond the limit", &got, (413, -31006));
    good(&board);
}

#[test]
fn unknown_names() {
    let board = Switchboard::start(&(misbehave("good", "ok", "dual") + &misbehave("other", "ok", "legacy")));
    let modern = board.modern();
    let legacy = board.legacy();
    assert_eq!(modern.tools().len(), 8, "expected the tools of both servers");
    for client in [&modern as &dyn Client, &legacy] {
        let got = client.request("tools/call", json!({"name": "good__ehco", "arguments": {}}));
        expect_error("a slip of the pen", &got, (200, -32602));
        let hint = got.1["error"]["data"]["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("good__echo"), "expected a guess at what was meant: {}", got.1);
        let got = client.request("tools/call", json!({"name": "nothing_like_it_at_all"}));
        expect_error("a name like no other", &got, (200, -32602));
        expect_hint("a name like no other", &got);
        expect_error("no name", &client.request("tools/call", json!({"arguments": {}})), (200, -32602));
        expect_error("a prompt", &client.request("prompts/get", json!({"name": "poem"})), (200, -32602));
        expect_error("a resource", &client.request("resources/read", json!({"uri": "a://b"})), (200, -32602));
        expect_error("a cursor", &client.request("tools/list", json!({"cursor": "made up"})), (200, -32602));
    }
    good(&board);
}

#[test]
fn strange_places() {
    let board = board();
    let (message, headers) = good_message();
    let body = message.to_string();
    let from = |name: &str, value: &str, method: &str, path: &str| {
        send(board.address(), method, path, &with(&headers, name, value), body.as_bytes()).last()
    };
    for (method, path) in [("POST", "/mcp"), ("GET", "/mcp"), ("DELETE", "/mcp"), ("POST", "/mcp/good")] {
        for host in ["evil.example", "localhost.evil.example:80", "169.254.169.254"] {
            let got = from("Host", host, method, path);
            expect_error(&format!("{method} {path} as {host}"), &got, (403, -31002));
            expect_hint(host, &got);
        }
        for origin in ["http://evil.example", "null", "http://127.0.0.1.evil.example"] {
            expect_error(&format!("{method} {path} of {origin}"), &from("Origin", origin, method, path), (403, -31002));
        }
    }
    for origin in ["http://localhost:3000", "http://127.0.0.1:8080"] {
        assert_eq!(from("Origin", origin, "POST", "/mcp").0, 200, "expected {origin} to be allowed");
    }
    good(&board);
}

#[test]
fn a_token_guards_every_door() {
    let config = format!("[listen]\ntoken = \"{TOKEN}\"\n") + &misbehave("good", "ok", "dual");
    let board = Switchboard::start(&config);
    let (message, headers) = good_message();
    let body = message.to_string();
    let wrong = ["Bearer wrong-token-of-32-characters-xxx", "Basic dTpw", TOKEN, "Bearer"];
    for path in ["/mcp", "/mcp/good", "/mcp/nobody", "/sse", "/messages"] {
        for method in ["POST", "GET", "DELETE"] {
            for token in [None, Some(wrong[0]), Some(wrong[1]), Some(wrong[2]), Some(wrong[3])] {
                let mut headers = headers.clone();
                headers.extend(token.map(|token| ("Authorization".to_owned(), token.to_owned())));
                let answer = send(board.address(), method, path, &headers, body.as_bytes());
                let case = format!("{method} {path} with {token:?}");
                let challenge = answer.header("www-authenticate").map(str::to_owned);
                expect_error(&case, &answer.last(), (401, -31001));
                assert!(challenge.is_some_and(|said| said.starts_with("Bearer")), "expected a challenge for {case}");
            }
        }
    }
    let hello = Legacy::hello(LEGACY).to_string();
    expect_error("initialize", &post(&board, &Legacy::bare_headers(), hello.as_bytes()), (401, -31001));
    let modern = board.modern().with_token(TOKEN);
    assert_eq!(modern.tools().len(), 4, "expected the token to open the door");
    assert_eq!(modern.text("good__echo", json!({"text": "in"})), "in", "expected the token to open the door");
    let legacy = Legacy::connect(board.address(), "/mcp", LEGACY, Some(TOKEN));
    assert_eq!(legacy.text("good__echo", json!({"text": "in"})), "in", "expected the token to open a session");
}

#[test]
fn an_open_door_is_refused() {
    let home = Home::new(&misbehave("good", "ok", "dual"));
    let ended = home.refused("0.0.0.0:0");
    assert_eq!(ended.code, Some(2), "expected an address beyond loopback to be refused: {ended:?}");
    assert!(ended.stderr.contains("token"), "expected the way out to be named: {}", ended.stderr);
}

#[test]
fn wrong_http() {
    let board = board();
    let (message, headers) = good_message();
    let body = message.to_string();
    let typed = |value: &str| post(&board, &with(&headers, "Content-Type", value), body.as_bytes());
    expect_error("text", &typed("text/plain"), (400, -31007));
    expect_hint("text", &typed("text/plain"));
    expect_error("a form", &typed("application/x-www-form-urlencoded"), (400, -31007));
    assert_eq!(typed("Application/JSON; charset=utf-8").0, 200, "expected JSON with a charset to be accepted");
    let got = post(&board, &without(&headers, "Content-Type"), body.as_bytes());
    expect_error("no content type", &got, (400, -31007));
    let got = post(&board, &with(&headers, "Accept", "text/html"), body.as_bytes());
    expect_error("a client that takes only HTML", &got, (400, -31007));
    for method in ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"] {
        let answer = send(board.address(), method, "/mcp", &headers, b"");
        assert!(answer.header("allow").is_some(), "expected {method} to be told what is allowed");
        expect_error(method, &answer.last(), (405, -31008));
    }
    for path in ["/mcp/nobody", "/mcp/good/more", "/mcp/../etc/passwd"] {
        let got = send(board.address(), "POST", path, &headers, body.as_bytes()).last();
        assert_eq!(got.0, 404, "expected nothing at {path}: {}", got.1);
        expect_hint(path, &got);
    }
    for bytes in [&b"GARBAGE\r\n\r\n"[..], b"POST /mcp HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n"] {
        // An answer or none: what counts is what follows.
        let status = try_exchange(board.address(), bytes).map_or(400, |answer| answer.status);
        assert_eq!(status, 400, "expected what is no HTTP to be refused");
    }
    let mut half = TcpStream::connect(board.address()).unwrap();
    half.write_all(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{\"json").unwrap();
    good(&board);
    drop(half);
    good(&board);
}

#[test]
fn a_missing_binary() {
    let config = misbehave("good", "ok", "dual")
        + "[servers.missing]\ncommand = \"no-such-program-anywhere\"\n"
        + "[servers.elsewhere]\ncommand = \"/no/such/folder/program\"\n";
    let board = Switchboard::start(&config);
    good(&board);
    let missing = board.server_in("missing", "failed");
    let reason = missing["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no-such-program-anywhere"), "expected the program to be named: {missing}");
    assert!(reason.contains("/bin"), "expected the folders of PATH to be named: {missing}");
    assert!(missing["hint"].is_string(), "expected a hint: {missing}");
    let elsewhere = board.server_in("elsewhere", "failed");
    let reason = elsewhere["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("/no/such/folder/program"), "expected the path to be named: {elsewhere}");
    assert_eq!(board.server("good")["state"], "ready", "expected the good server to be ready");
    assert_eq!(board.modern().tools().len(), 4, "expected the tools of the good server");
    good(&board);
}

#[test]
fn a_port_in_use() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let home = Home::new(&misbehave("good", "ok", "dual"));
    let ended = home.refused(&address);
    assert_eq!(ended.code, Some(78), "expected a start on a taken port to fail: {ended:?}");
    assert!(ended.stderr.contains(&address), "expected the address to be named: {}", ended.stderr);
    let own = std::process::id().to_string();
    assert!(ended.stderr.contains(&own), "expected process {own} to be named as the holder: {}", ended.stderr);
    assert!(ended.stderr.contains("hint"), "expected a hint: {}", ended.stderr);
    drop(holder);
    starts(home);
}

#[test]
fn a_data_folder_in_use() {
    let board = board();
    let ended = board.home().refused("127.0.0.1:0");
    assert_eq!(ended.code, Some(1), "expected a second daemon on one data folder to be refused: {ended:?}");
    let pid = board.pid().to_string();
    assert!(ended.stderr.contains(&pid), "expected process {pid} to be named as the owner: {}", ended.stderr);
    good(&board);
}

#[test]
fn an_invalid_configuration() {
    let broken = misbehave("good", "ok", "dual") + "comand = \"x\"\n[servers.two]\nargs = 7\n";
    let home = Home::new(&broken);
    for ended in [home.refused("127.0.0.1:0"), home.cli(&["config", "check", "--config", &path(&home)])] {
        assert_eq!(ended.code, Some(2), "expected exit code 2: {ended:?}");
        let said = ended.stderr + &ended.stdout;
        for wanted in ["switchboard.toml", "comand", "did you mean", "command", "args", "^"] {
            assert!(said.contains(wanted), "expected `{wanted}` in what is said about the configuration:\n{said}");
        }
    }
    home.write_config("[servers.good\ncommand = \"x\"\n");
    let ended = home.refused("127.0.0.1:0");
    assert_eq!(ended.code, Some(2), "expected exit code 2 for what is no TOML: {ended:?}");
    assert!(ended.stderr.contains('^'), "expected a caret:\n{}", ended.stderr);
    home.write_config(&misbehave("good", "ok", "dual"));
    starts(home);
}

fn path(home: &Home) -> String {
    home.config().display().to_string()
}

/// The same home is good for a start now.
#[track_caller]
fn starts(home: Home) {
    let board = home.start();
    assert_eq!(board.modern().tools().len(), 4, "expected the tools of the good server");
    good(&board);
}
