//! `switchboard auth`, as far as it goes without an authorization server.

use crate::sandbox::{Sandbox, snapshot};
use std::net::TcpListener;

const SERVERS: &str = r#"
[servers.notes]
url = "http://127.0.0.1:9/mcp"

[servers.own]
url = "http://127.0.0.1:9/mcp"
headers = { Authorization = "Bearer x" }

[servers.plain]
url = "http://192.0.2.1/mcp"

[servers.local]
command = "sh"
"#;

#[test]
fn what_cannot_be_signed_in_to_says_why() {
    let sandbox = Sandbox::new();
    sandbox.configure(SERVERS);
    let tried = ["local", "own", "nowhere", "notes", "plain"].map(|server| {
        let finished = sandbox.run(&["auth", "login", server, "--no-browser"]);
        format!("$ switchboard auth login {server}\n{}", finished.shown(&sandbox))
    });
    snapshot!("auth_login_refused", tried.join("\n"));
}

#[test]
fn nobody_is_signed_in_at_first_with_and_without_a_daemon() {
    let sandbox = Sandbox::new();
    let nothing = sandbox.run(&["auth", "status"]);
    assert!(nothing.code == Some(0) && nothing.stderr.contains("no server is declared"), "{}", nothing.stderr);
    sandbox.configure(SERVERS);
    snapshot!("auth_status", sandbox.run(&["auth", "status"]).shown_table(&sandbox));
    let out = sandbox.json(&["auth", "logout", "notes"]);
    assert_eq!((out["was_signed_in"].as_bool(), out["revoked"].as_bool()), (Some(false), Some(false)));
    let _daemon = sandbox.daemon();
    let names = |standings: serde_json::Value| {
        let standings = standings["servers"].as_array().unwrap().clone();
        standings.iter().map(|one| one["server"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(sandbox.json(&["auth", "status"])), ["notes", "plain"]);
    assert_eq!(names(sandbox.json(&["auth", "status", "plain"])), ["plain"]);
    assert_eq!(sandbox.run(&["auth", "status", "local"]).code, Some(2));
}

#[test]
fn a_port_of_your_own_that_is_taken_is_not_replaced() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = protected();
    sandbox.configure(&format!("[servers.a]\nurl = \"{server}/mcp\"\noauth.redirect_port = {port}\n"));
    let finished = sandbox.run(&["auth", "login", "a", "--no-browser"]);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("port {port} on 127.0.0.1")), "{}", finished.stderr);
    assert!(finished.stderr.contains("redirect_port"), "{}", finished.stderr);
}

/// A server and its authorization server, as far as their metadata goes.
fn protected() -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let served = base.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let (status, body) = match line.split(' ').nth(1).unwrap() {
                "/.well-known/oauth-protected-resource/mcp" => {
                    (200, format!(r#"{{"resource":"{served}/mcp","authorization_servers":["{served}"]}}"#))
                }
                "/.well-known/oauth-authorization-server" => (
                    200,
                    format!(
                        r#"{{"issuer":"{served}","authorization_endpoint":"{served}/a","token_endpoint":"{served}/t",
                            "code_challenge_methods_supported":["S256"]}}"#
                    ),
                ),
                _ => (401, String::new()),
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
            // What it asked with is not read to its end: it may have hung up.
            let _ = write!(reader.get_mut(), "{head}connection: close\r\n\r\n{body}");
        }
    });
    base
}
