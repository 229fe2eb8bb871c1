//! Limits, and what is sent to remote servers: each key with two values, and what is refused, kept or
//! seen by the other side because of it.

use super::{Row, differ, setting};
use e2e::{Client as _, SOON, Switchboard, await_some, entry, entry_at, eventually, script};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A server that answers everything with one status: another one if a header was there.
fn picky(large: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), large);
        }
    });
    format!("http://{address}/mcp")
}

fn answer(mut stream: TcpStream, large: bool) {
    let mut head = vec![0; 16 * 1024];
    let Ok(read) = stream.read(&mut head) else { return };
    let head = String::from_utf8_lossy(&head[..read]).to_lowercase();
    let status = match (large, head.contains("x-word: said")) {
        (true, _) => "200 OK",
        (false, true) => "418 I am a teapot",
        (false, false) => "451 Not allowed",
    };
    let body = if large { format!("{{\"text\": \"{}\"}}", "x".repeat(64 * 1024)) } else { "{}".to_owned() };
    let length = body.len();
    // Who does not want it all hangs up.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn reason(board: &Switchboard) -> String {
    await_some(SOON, "a reason", || board.server("good")["reason"].as_str().map(str::to_owned))
}

/// Whether somebody else is answered while a connection is open.
fn second_is_answered(board: &Switchboard) -> Value {
    let _held = TcpStream::connect(board.address()).unwrap();
    let mut second = TcpStream::connect(board.address()).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    json!(second.read(&mut [0; 16]).is_ok_and(|read| read > 0))
}

/// Whether a session may subscribe to a second resource.
fn second_subscription(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.legacy();
    let said = ["test://watched-resource", "test://static-text"].map(|uri| {
        let (_, response) = client.request("resources/subscribe", json!({ "uri": uri }));
        response["error"].is_null()
    });
    json!(said)
}

/// How many log files there are when everything is written.
fn log_files(board: &Switchboard) -> Value {
    let folder = board.data().join("logs");
    let files = || {
        let entries = fs::read_dir(&folder).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("good")).collect::<Vec<_>>()
    };
    eventually(SOON, "the last line to be in a file", || {
        files().iter().any(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("this is the end")))
    });
    json!(files().len())
}

fn rows() -> Vec<Row> {
    let remote = |lines: &str, large: bool, keys: &str| format!("{lines}\n{}{keys}\n", entry_at("good", &picky(large)));
    // 150 lines of more than a KiB.
    let writes = "x=0123456789012345678901234567890123456789012345678901234567890123456789; \
                  x=$x$x$x$x$x$x$x$x$x$x$x$x$x$x$x$x; i=0; \
                  while [ $i -lt 150 ]; do echo $x >&2; i=$((i+1)); done; echo this is the end >&2; exec $SERVER ok dual";
    let written = |limits: &str| format!("{limits}\n{}", script("good", writes));
    let small = "limits.log_file_bytes_max = \"64KiB\"";
    vec![
        Row {
            key: "servers.headers",
            texts: ["", "headers = { X-Word = \"said\" }"].map(|keys| remote("", false, keys)),
            see: |board| json!(reason(board).contains("418")),
        },
        Row {
            key: "limits.response_bytes_max",
            texts: ["", "limits.response_bytes_max = \"16KiB\""].map(|lines| remote(lines, true, "")),
            see: |board| json!(reason(board).contains("larger than the limit of 16384 bytes")),
        },
        setting("limits.connections_max", ["", "limits.connections_max = 1"], second_is_answered),
        Row {
            key: "limits.session_subscriptions_max",
            texts: ["", "limits.session_subscriptions_max = 1"]
                .map(|line| format!("{line}\n{}", entry("good", "mcp-fixture", &["stdio"]))),
            see: second_subscription,
        },
        Row { key: "limits.log_file_bytes_max", texts: ["", small].map(written), see: log_files },
        Row {
            key: "limits.log_files_max",
            texts: [small.to_owned(), format!("{small}\nlimits.log_files_max = 1")].map(|limits| written(&limits)),
            see: log_files,
        },
    ]
}

#[test]
fn every_limit_changes_something_that_can_be_seen() {
    differ(rows());
}
