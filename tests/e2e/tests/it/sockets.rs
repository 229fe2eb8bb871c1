//! TCP, Unix sockets and WebSockets: clients on our listeners, and a switchboard behind a
//! switchboard over each of them.

use e2e::{Client, Home, Modern, SOON, Switchboard, entry_at, exchange, misbehave};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

const LISTEN: &str = "[listen]\ntcp = \"127.0.0.1:0\"\nunix = \"own.sock\"\n";

/// One conversation over a socket.
struct Lines<S> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Lines<S> {
    fn new(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    #[track_caller]
    fn say(&mut self, line: &str) {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What is said next; nothing at the end.
    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        if line.is_empty() { Value::Null } else { serde_json::from_str(&line).unwrap() }
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(&Modern::message(json!(1), method, params).to_string());
        self.hear()
    }
}

fn tcp(address: SocketAddr) -> Lines<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    Lines::new(stream)
}

fn unix(board: &Switchboard) -> Lines<UnixStream> {
    let stream = UnixStream::connect(board.home().place("own.sock")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    Lines::new(stream)
}

/// Where its TCP listener listens.
fn tcp_address(board: &Switchboard) -> SocketAddr {
    let note: Value = serde_json::from_slice(&fs::read(board.data().join("listen.json")).unwrap()).unwrap();
    note["tcp"].as_str().unwrap().parse().unwrap()
}

fn tool_names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("expected tools: {answer}"));
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

fn back() -> Switchboard {
    Switchboard::start(&format!("{LISTEN}{}", misbehave("one", "ok", "dual")))
}

#[test]
fn a_switchboard_stands_behind_a_switchboard() {
    let back = back();
    let at = back.address();
    let socket = back.home().place("own.sock");
    let config = [
        entry_at("everything", &format!("ws://{at}/mcp")),
        entry_at("single", &format!("ws://{at}/mcp/one")),
        entry_at("wired", &format!("tcp://{}", tcp_address(&back))),
        entry_at("near", &format!("unix://{}", socket.display())),
    ];
    let front = Switchboard::start(&config.concat());
    let process = back.modern().text("one__pid", json!({}));
    for (server, transport, tool) in [
        ("everything", "websocket", "everything__one__pid"),
        ("single", "websocket", "single__pid"),
        ("wired", "tcp", "wired__one__pid"),
        ("near", "unix", "near__one__pid"),
    ] {
        let state = front.server_in(server, "ready");
        assert_eq!(state["transport"], transport, "expected its transport in {state}");
        for client in [&front.modern() as &dyn Client, &front.legacy()] {
            assert_eq!(client.text(tool, json!({})), process, "expected the process behind both, by {tool}");
        }
    }
    // What was there before is found again: a remote server is looked for as long as it takes.
    let home = back.stop();
    let gone = front.modern().request("tools/call", json!({"name": "near__one__echo", "arguments": {"text": "x"}}));
    assert!(gone.1.to_string().contains("near"), "expected to hear which server is gone: {gone:?}");
    let back = home.start();
    front.server_in("near", "ready");
    back.modern().request("tools/list", json!({}));
    assert_eq!(front.modern().text("near__one__echo", json!({"text": "again"})), "again");
}

#[test]
fn clients_speak_lines_over_tcp_and_unix_sockets() {
    let back = back();
    let echo = |name: &str| json!({"name": name, "arguments": {"text": "hello"}});
    let answer = tcp(tcp_address(&back)).ask("tools/call", echo("one__echo"));
    assert_eq!(answer["result"]["content"][0]["text"], "hello", "expected the tool: {answer}");
    let answer = unix(&back).ask("tools/call", echo("one__echo"));
    assert_eq!(answer["result"]["content"][0]["text"], "hello", "expected the tool: {answer}");
    let mut alone = tcp(tcp_address(&back));
    alone.say("/mcp/one");
    assert_eq!(tool_names(&alone.ask("tools/list", json!({}))), ["count", "echo", "pid", "sleep"]);
    let mut alone = unix(&back);
    alone.say("/mcp/one");
    assert_eq!(tool_names(&alone.ask("tools/list", json!({}))), ["count", "echo", "pid", "sleep"]);
    let mode = fs::metadata(back.home().place("own.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "expected a socket for its owner only");
}

#[test]
fn a_client_that_ends_its_side_still_hears_its_answers() {
    let back = back();
    let call = Modern::message(json!(1), "tools/call", json!({"name": "one__sleep", "arguments": {"ms": 500}}));
    let answered = |text: &str| {
        let answer: Value = serde_json::from_str(text).unwrap();
        assert_eq!(answer["result"]["content"][0]["text"], "slept 500", "expected the answer: {answer}");
    };
    let mut client = tcp(tcp_address(&back));
    client.say(&call.to_string());
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut said = String::new();
    client.stream.read_to_string(&mut said).unwrap();
    answered(&said);
    let mut client = unix(&back);
    client.say(&call.to_string());
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    said.clear();
    client.stream.read_to_string(&mut said).unwrap();
    answered(&said);
}

#[test]
fn a_page_cannot_speak_over_tcp() {
    let back = back();
    let mut page = tcp(tcp_address(&back));
    let call = Modern::message(json!(1), "tools/call", json!({"name": "one__count", "arguments": {}}));
    page.say(&format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n\r\n{call}"));
    let refused = page.hear();
    assert_eq!(refused["error"]["code"], -32600, "expected a refusal: {refused}");
    let mut rest = Vec::new();
    // Closing on bytes that nobody read resets the connection.
    let _ = page.stream.read_to_end(&mut rest);
    assert!(rest.is_empty(), "expected nothing after the refusal: {}", String::from_utf8_lossy(&rest));
    assert_eq!(back.modern().text("one__count", json!({})), "1", "expected no call of the page");
}

#[test]
fn a_socket_is_taken_over_from_the_dead_and_not_from_the_living() {
    let mut back = back();
    let other = Home::new(&format!("[listen]\nunix = {:?}\n", back.home().place("own.sock")));
    let refused = other.refused("127.0.0.1:0");
    assert_eq!(refused.code, Some(78), "expected a refusal: {refused:?}");
    assert!(
        refused.stderr.contains(&format!("`switchboard` (process {}) answers there", back.pid())),
        "expected the reason: {refused:?}"
    );
    back.kill9();
    assert!(back.home().place("own.sock").exists(), "expected the socket of the dead one");
    let back = back.restart();
    unix(&back).ask("tools/list", json!({}));
    let home = back.stop();
    assert!(!home.place("own.sock").exists(), "expected no socket when it has ended");
    fs::write(home.place("own.sock"), "mine").unwrap();
    let refused = home.refused("127.0.0.1:0");
    assert!(refused.stderr.contains("no socket lies there"), "expected a file to be left alone: {refused:?}");
    assert_eq!(fs::read_to_string(home.place("own.sock")).unwrap(), "mine");
}

#[test]
fn plain_tcp_is_for_loopback_only() {
    let refused = Home::new("[listen]\ntcp = \"0.0.0.0:0\"\n").refused("127.0.0.1:0");
    assert_eq!(refused.code, Some(2), "expected a mistake of the configuration: {refused:?}");
    for words in ["other machines can reach", "with a later version"] {
        assert!(refused.stderr.contains(words), "expected `{words}` in {refused:?}");
    }
}

#[test]
fn a_websocket_is_refused_to_foreign_pages_and_other_protocols() {
    let back = back();
    let upgrade = |more: &str| {
        let request = format!(
            "GET /mcp HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
            back.address()
        );
        exchange(back.address(), request.as_bytes()).status
    };
    assert_eq!(upgrade(""), 101);
    assert_eq!(upgrade("Sec-WebSocket-Protocol: mcp\r\n"), 101);
    assert_eq!(upgrade("Origin: http://localhost:3000\r\n"), 101);
    assert_eq!(upgrade("Origin: https://evil.example\r\n"), 403);
    assert_eq!(upgrade("Sec-WebSocket-Protocol: graphql-ws\r\n"), 400);
}
