//! Signing in to a remote server, against an authorization server that we did not write: a person
//! with a browser, tokens that are renewed, more permissions, and the end of it.

use e2e::{
    Client, Ended, Home, Listening, Modern, Peers, SOON, Switchboard, await_some, eventually, require_peers, run,
};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

/// An authorization server, and a server that wants its tokens.
struct Remote {
    peers: Peers,
    provider: Listening,
    server: Listening,
}

impl Remote {
    /// `seconds` is how long an access token lives; nothing where there are no peers.
    fn start(seconds: u32) -> Option<Self> {
        let peers = require_peers()?;
        let mut provider = peers.script_command("oidc_provider.mjs");
        provider.arg(seconds.to_string());
        let provider = Listening::start(provider);
        let mut server = peers.script_command("ts_protected_server.mjs");
        server.arg(issuer(&provider));
        Some(Self { provider, server: Listening::start(server), peers })
    }

    fn entry(&self, more: &str) -> String {
        format!("[servers.notes]\nurl = {:?}\n{more}", self.server.url())
    }

    /// What the authorization server did so far.
    fn counts(&self) -> Value {
        let answer = e2e::send(address(&self.provider), "GET", "/test/counts", &[], b"");
        serde_json::from_str(&answer.text()).unwrap()
    }

    /// Every token ends at once.
    fn forget_all(&self) {
        e2e::send(address(&self.provider), "POST", "/test/forget", &[], b"");
    }

    /// Opens a page as a person would; gives the last page's text.
    fn browse(&self, url: &str) -> String {
        let mut browser = self.peers.script_command("browser.mjs");
        run(browser.arg(url), SOON).stdout
    }

    /// Signs in with a browser.
    #[track_caller]
    fn login(&self, home: &Home) -> String {
        let mut login = Login::start(auth(home, &["login", "notes", "--no-browser"]));
        let page = self.browse(&login.url);
        assert!(page.starts_with("200 ") && page.contains("You can close this page"), "{page}");
        let said = login.end();
        assert!(said.contains("signed in to notes at"), "{said}");
        login.url.clone()
    }
}

/// A `switchboard auth login` that waits for its browser.
struct Login {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    url: String,
}

impl Login {
    #[track_caller]
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.lines().any(|line| line.starts_with("http://")) {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "expected the address of a page: {said}");
        }
        let url = said.lines().find(|line| line.starts_with("http://")).unwrap().to_owned();
        Self { child, stderr, url }
    }

    /// Waits for its end; gives what it said since.
    #[track_caller]
    fn end(&mut self) -> String {
        let status = await_some(SOON, "the end of the login", || self.child.try_wait().unwrap());
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(status.success(), "{status} {said}");
        said
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn issuer(provider: &Listening) -> String {
    provider.url().trim_end_matches("/mcp").to_owned()
}

fn address(listening: &Listening) -> std::net::SocketAddr {
    listening.url().trim_start_matches("http://").trim_end_matches("/mcp").parse().unwrap()
}

fn auth(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command();
    command.arg("auth").args(args);
    command
}

#[track_caller]
fn call(board: &Switchboard, tool: &str, arguments: Value) -> (u16, Value) {
    board.modern().open(json!(1), "tools/call", json!({"name": tool, "arguments": arguments})).last()
}

fn text(answer: &(u16, Value)) -> &str {
    answer.1["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn a_person_signs_in_and_out_and_every_refusal_says_what_to_do() {
    let Some(remote) = Remote::start(3600) else { return };
    let board = Home::new(&remote.entry("")).start();
    let before = board.server_in("notes", "needs_auth");
    assert_eq!(before["hint"], "switchboard auth login notes", "{before}");
    assert_eq!(before["health"], "unhealthy", "{before}");
    let listed = board.cli_json(&["list"]);
    assert_eq!(listed["servers"][0]["state"], "needs_auth", "{listed}");
    assert_eq!(board.cli_json(&["auth", "status"])["servers"][0]["sign_in"], "signed_out");
    assert_eq!(remote.counts()["registrations"], 0, "nothing is registered before a person wants to");

    let url = remote.login(board.home());
    for part in ["code_challenge_method=S256", "resource=http%3A%2F%2F127.0.0.1", "state=", "scope=notes%3Aread"] {
        assert!(url.contains(part), "{part} in {url}");
    }
    board.server_in("notes", "ready");
    assert_eq!(board.modern().tools(), ["notes__read_notes", "notes__write_note"]);
    assert_eq!(call(&board, "notes__read_notes", json!({})).0, 200);
    let status = board.cli_json(&["auth", "status", "notes"])["servers"][0].clone();
    assert_eq!((&status["sign_in"], &status["renewable"]), (&json!("signed_in"), &json!(true)), "{status}");

    // More is wanted than was agreed to: only this call fails, and says what to do.
    let refused = call(&board, "notes__write_note", json!({"note": "one"}));
    let error = &refused.1["error"];
    assert_eq!(error["data"]["kind"], "needs_auth", "{error}");
    assert_eq!(error["data"]["hint"], "switchboard auth login notes", "{error}");
    assert!(error["message"].as_str().unwrap().contains("notes:write"), "{error}");
    board.server_in("notes", "ready");
    let url = remote.login(board.home());
    assert!(url.contains("notes%3Aread%20notes%3Awrite"), "both, the old and the new: {url}");
    let written = call(&board, "notes__write_note", json!({"note": "one"}));
    assert_eq!(text(&written), "one", "{written:?}");

    // Nothing of it is readable on disk, and a new run goes on with it.
    let board = board.restart();
    board.server_in("notes", "ready");
    let kept = std::fs::read_dir(board.data().join("sign-ins")).unwrap();
    for file in kept.map(|file| file.unwrap().path()) {
        let content = std::fs::read_to_string(&file).unwrap();
        assert!(!content.contains("127.0.0.1") && !content.contains("token"), "{}: {content}", file.display());
    }

    let out = board.cli_json(&["auth", "logout", "notes"]);
    assert_eq!((&out["was_signed_in"], &out["revoked"]), (&json!(true), &json!(true)), "{out}");
    let after = board.server_in("notes", "needs_auth");
    assert_eq!(after["hint"], "switchboard auth login notes", "{after}");
    assert_eq!(remote.counts()["revocations"].as_u64().unwrap().min(1), 1, "{}", remote.counts());
    let refused = call(&board, "notes__read_notes", json!({}));
    assert_eq!(refused.1["error"]["data"]["kind"], "needs_auth", "{refused:?}");
}

#[test]
fn short_tokens_are_renewed_once_for_all_and_what_is_revoked_is_not_tried_again() {
    let Some(remote) = Remote::start(3) else { return };
    let board = Home::new(&remote.entry("")).start();
    board.server_in("notes", "needs_auth");
    remote.login(board.home());
    board.server_in("notes", "ready");
    eventually(SOON, "two renewals, and no call that noticed", || {
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| call(&board, "notes__read_notes", json!({})))).collect();
            for answer in calls.into_iter().map(|call| call.join().unwrap()) {
                assert!(answer.1["error"].is_null(), "{answer:?}");
            }
        });
        remote.counts()["refresh_token"].as_u64() >= Some(2)
    });
    // The provider ends a sign-in whose refresh token is used twice: it was not.
    assert_eq!(remote.counts()["authorization_code"], 1);

    remote.forget_all();
    let mut refused = (0, Value::Null);
    eventually(SOON, "the server to notice that its tokens have ended", || {
        refused = call(&board, "notes__read_notes", json!({}));
        !refused.1["error"].is_null()
    });
    assert_eq!(refused.1["error"]["data"]["kind"], "needs_auth", "{refused:?}");
    let state = board.server_in("notes", "needs_auth");
    assert!(state["next_try_ms"].is_null(), "it is not tried on a timer: {state}");
    remote.login(board.home());
    board.server_in("notes", "ready");
}

#[test]
fn without_a_daemon_the_same_sign_in_serves_a_client_of_its_own() {
    let Some(remote) = Remote::start(3600) else { return };
    let home = Home::new(&remote.entry(""));
    let config = home.config().display().to_string();
    let login = |args: &[&str]| -> Command {
        let mut command = home.command();
        command.args(["--config", &config, "auth"]).args(args);
        command
    };
    // It runs since before anybody signed in, and nobody tells it.
    let words = home.words(&["connect"]);
    let mut client = e2e::command(&words[0]);
    client.args(&words[1..]).env("HOME", home.folder()).env("SWITCHBOARD_BUILTINS", "");
    let mut talk = e2e::Talk::start(client);
    let read = json!({"name": "notes__read_notes", "arguments": {}});
    let tools = talk.ask(&Modern::message(json!("before"), "tools/list", json!({})));
    assert_eq!(tools["result"]["tools"], json!([]), "{tools}");
    let mut waiting = Login::start(login(&["login", "notes", "--no-browser"]));
    // Strangers at the door change nothing.
    let landing = waiting.url.split("redirect_uri=http%3A%2F%2F127.0.0.1%3A").nth(1).unwrap();
    let port: u16 = landing.split('%').next().unwrap().parse().unwrap();
    for (path, host) in [
        ("/callback?code=x&state=wrong", "127.0.0.1"),
        ("/callback?error=access_denied", "127.0.0.1"),
        ("/", "127.0.0.1"),
        ("/callback?code=x", "evil.example"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n\r\n");
        let answer = e2e::exchange(([127, 0, 0, 1], port).into(), request.as_bytes());
        assert_eq!(answer.status, 404, "{path}");
    }
    assert!(remote.browse(&waiting.url).starts_with("200 "));
    waiting.end();
    let call: Ended = run(home.command().args(["--config", &config, "auth", "status", "--json"]), SOON);
    assert!(call.stdout.contains("\"signed_in\""), "{call:?}");

    let mut id = 0;
    eventually(SOON, "a list that finds the sign-in", || {
        id += 1;
        let tools = talk.ask(&Modern::message(json!(id), "tools/list", json!({})));
        tools.to_string().contains("notes__read_notes")
    });
    let answer = talk.ask(&Modern::message(json!("read"), "tools/call", read));
    assert!(answer["error"].is_null(), "{answer}");
}
