//! The door of REST and the dashboard: who comes in over HTTP, and what stands in their way
//! (threats.md S-08, S-10, S-11, S-12); `switchboard dashboard`; a run with one half of it only.

use e2e::{Answer, Client as _, Home, Switchboard, exchange, misbehave, send};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

const LISTEN_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Requests with a path written in another way.
const PATHS: u32 = 300;

fn board() -> Switchboard {
    Switchboard::start(&misbehave("good", "ok", "dual"))
}

fn guarded() -> Switchboard {
    let config = format!("[listen]\ntoken = \"{LISTEN_TOKEN}\"\n{}", misbehave("good", "ok", "dual"));
    Home::new(&config).start()
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn bearer(token: &str) -> (String, String) {
    header("Authorization", &format!("Bearer {token}"))
}

fn text(answer: Answer) -> (u16, String) {
    (answer.status, answer.text())
}

#[track_caller]
fn ask(board: &Switchboard, method: &str, path: &str, headers: &[(String, String)], body: &str) -> (u16, String) {
    text(send(board.address(), method, path, headers, body.as_bytes()))
}

/// A call through REST works and is the same call as everybody's.
#[track_caller]
fn good(board: &Switchboard) {
    let headers = [bearer(&board.token()), header("Content-Type", "application/json")];
    let call = json!({"name": "good__echo", "arguments": {"text": "still here"}}).to_string();
    let (status, said) = ask(board, "POST", "/api/call", &headers, &call);
    assert_eq!(status, 200, "{said}");
    assert!(said.contains("still here"), "{said}");
}

#[test]
fn looking_is_free_on_loopback_and_changing_needs_the_token() {
    let board = board();
    assert_eq!(ask(&board, "GET", "/api/servers", &[], "").0, 200);
    for (method, path) in [("POST", "/api/reload"), ("POST", "/api/stop"), ("POST", "/api/servers/good/stop")] {
        for headers in [vec![], vec![bearer("wrong")], vec![header("Authorization", "Basic Og==")]] {
            let (status, said) = ask(&board, method, path, &headers, "");
            assert_eq!(status, 401, "{method} {path} {headers:?}: {said}");
            let problem: Value = serde_json::from_str(&said).unwrap();
            assert!(problem["hint"].as_str().unwrap().contains("switchboard dashboard"), "{said}");
        }
    }
    let (status, said) = ask(&board, "POST", "/api/servers/good/restart?wait=10000", &[bearer(&board.token())], "");
    assert_eq!(status, 200, "{said}");
    good(&board);
}

#[test]
fn behind_a_token_of_the_listener_nothing_is_shown_without_it() {
    let board = guarded();
    for path in
        ["/api/overview", "/api/servers", "/api/logs", "/api/why", "/api/nothing", "/metrics", "/ws", "/api/live"]
    {
        let answer = send(board.address(), "GET", path, &[], b"");
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path}");
        let (status, said) = ask(&board, "GET", path, &[bearer(LISTEN_TOKEN)], "");
        assert_ne!(status, 401, "{path}: {said}");
    }
    // The page itself holds nothing that is anybody's.
    assert_eq!(ask(&board, "GET", "/", &[], "").0, 200);
    good(&board);
}

#[test]
fn s_10_no_name_and_no_page_but_ours_gets_in() {
    let board = board();
    let host = board.address().to_string();
    let own = bearer(&board.token());
    for path in ["/mcp", "/", "/api/servers", "/api/live", "/api/events", "/ws", "/metrics", "/health"] {
        for foreign in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "user@evil.example", "evil.example/x"]
        {
            let (status, said) = ask(&board, "GET", path, &[header("Host", foreign), own.clone()], "");
            assert!([400, 403, 421].contains(&status), "{path} as {foreign}: {status} {said}");
        }
        for foreign in ["http://evil.example", "null", "https://localhost.evil.example", "file://"] {
            let (status, said) = ask(&board, "GET", path, &[header("Origin", foreign), own.clone()], "");
            assert_eq!(status, 403, "{path} from {foreign}: {said}");
        }
        let twice = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        let (status, said) = text(exchange(board.address(), twice.as_bytes()));
        assert!([400, 403, 421].contains(&status) || path == "/health" || path == "/mcp", "{path}: {status} {said}");
    }
    // Pages of other programs on this machine are no pages of ours.
    let neighbour = [header("Origin", "http://localhost:3000"), own];
    assert_eq!(ask(&board, "GET", "/api/servers", &neighbour, "").0, 403);
    good(&board);
}

#[test]
fn s_12_a_form_a_socket_and_a_stream_of_another_site_are_refused() {
    let board = board();
    let own = bearer(&board.token());
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let form = [header("Content-Type", kind)];
        assert_eq!(ask(&board, "POST", "/api/call", &form, "{}").0, 401, "{kind}");
        let form = [header("Content-Type", kind), own.clone()];
        assert_eq!(ask(&board, "POST", "/api/call", &form, "{}").0, 415, "{kind}");
    }
    let upgrade = [
        header("Connection", "Upgrade"),
        header("Upgrade", "websocket"),
        header("Sec-WebSocket-Version", "13"),
        header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        header("Origin", "http://evil.example"),
    ];
    for path in ["/api/live", "/ws", "/mcp"] {
        assert_eq!(ask(&board, "GET", path, &upgrade, "").0, 403, "{path}");
    }
    let stream = [header("Accept", "text/event-stream"), header("Sec-Fetch-Site", "cross-site")];
    assert_eq!(ask(&board, "GET", "/api/events", &stream, "").0, 403);
    good(&board);
}

/// Other ways to write a path that is guarded.
fn written() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec!["/api/servers", "/api/limits", "/api/config", "/api/why", "/mcp"]);
    let twist = (0usize..9, any::<prop::sample::Index>());
    (path, prop::collection::vec(twist, 1..4)).prop_map(|(path, twists)| {
        let mut path = path.to_owned();
        for (twist, at) in twists {
            let at = at.index(path.len());
            match twist {
                0 => path.insert(at, '/'),
                1 => path.replace_range(at..=at, &format!("%{:02x}", path.as_bytes()[at])),
                2 => path.insert_str(at, "/../"),
                3 => path.insert_str(at, "/./"),
                4 => path = path.to_uppercase(),
                5 => path.push_str(";x=1"),
                6 => path.push_str("%00"),
                7 => path.insert(at, '\\'),
                _ => path.push('/'),
            }
        }
        if path.starts_with('/') { path } else { format!("/{path}") }
    })
}

#[test]
fn s_11_a_path_in_another_spelling_opens_nothing() {
    let board = guarded();
    let mut runner = TestRunner::new(Config { cases: PATHS, ..Config::default() });
    let opened = runner.run(&written(), |path| {
        for target in [path.clone(), format!("http://{}{path}", board.address())] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", board.address());
            let status = exchange(board.address(), request.as_bytes()).status;
            // Nothing but the files of the page is there for who brings no token.
            prop_assert!(status >= 400, "{target} was answered with {status}");
        }
        Ok(())
    });
    opened.unwrap();
}

#[test]
fn s_08_nothing_listens_beyond_this_machine_without_a_token() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ended = Home::new(&misbehave("good", "ok", "dual")).refused(address);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("there is no token") && ended.stderr.contains("set `token`"), "{ended:?}");
    }
}

#[test]
fn a_page_of_ours_may_load_from_us_only() {
    let board = board();
    for path in ["/", "/api/servers", "/nothing", "/api/nothing"] {
        let answer = send(board.address(), "GET", path, &[], b"");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let page = ask(&board, "GET", "/", &[], "").1;
    assert!(!page.contains("onload=") && !page.contains("<style"), "{page}");
}

#[test]
fn the_dashboard_is_found_by_its_command() {
    let board = board();
    let url = board.cli_json(&["dashboard"])["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("http://{}/#token={}", board.address(), board.token()));
    assert_eq!(board.cli(&["dashboard", "--print"]).stdout.trim(), url);
    // Private to whoever runs the daemon, and the same after a restart.
    let mode = std::fs::metadata(board.data().join("token")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = board.token();
    assert_eq!(board.restart().token(), token);
}

#[test]
fn servers_only_serves_no_page_and_no_rest() {
    let board = Home::new(&misbehave("good", "ok", "dual")).start_with(&["--servers-only"]);
    board.server_in("good", "ready");
    for path in ["/", "/api/servers", "/metrics"] {
        assert_eq!(ask(&board, "GET", path, &[bearer(&board.token())], "").0, 404, "{path}");
    }
    assert_eq!(board.modern().text("good__echo", json!({"text": "x"})), "x");
    let ended = board.cli(&["dashboard"]);
    assert!(ended.code == Some(1) && ended.stderr.contains("--servers-only"), "{ended:?}");
}

#[test]
fn dashboard_only_starts_no_server_until_a_person_does() {
    let home = Home::new(&misbehave("good", "ok", "dual"));
    let board = home.start_with(&["--dashboard-only"]);
    let server = board.server("good");
    assert_eq!((&server["state"], &server["pid"]), (&json!("stopped"), &Value::Null), "{server}");
    assert!(server["reason"].as_str().unwrap().contains("--dashboard-only"), "{server}");
    let why = board.cli(&["why", "good"]).stdout;
    assert!(why.contains("--dashboard-only") && why.contains("switchboard start good"), "{why}");
    let started = board.cli(&["start", "good"]);
    assert_eq!(started.code, Some(0), "{started:?}");
    assert_eq!(board.modern().text("good__echo", json!({"text": "x"})), "x");
    // It was for that run only: what a person did not stop starts with the next one.
    board.restart().server_in("good", "ready");
}
