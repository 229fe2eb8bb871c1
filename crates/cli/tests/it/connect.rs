//! `switchboard connect`: a stdio client, with and without a daemon.

use crate::sandbox::{Sandbox, finished};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

/// A client that speaks as they did before 2026-07-28.
struct Client {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Client {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = sandbox.command(&[&["connect"], arguments].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut client = Self { child, lines };
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let initialized = client.ask(1, "initialize", &params);
        assert_eq!(initialized["result"]["serverInfo"]["name"], "switchboard", "{initialized}");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, id: u64, method: &str, params: &Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = self.lines.next().expect("an answer").unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn tool_names(&mut self) -> Vec<String> {
        let listed = self.ask(2, "tools/list", &json!({}));
        let tools = listed["result"]["tools"].as_array().unwrap().clone();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Closes its side and waits for the end.
    fn leave(mut self) -> bool {
        drop(self.child.stdin.take());
        assert!(self.lines.next().is_none(), "nothing more is said");
        self.child.wait().unwrap().success()
    }
}

#[test]
fn through_the_daemon() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    let mut client = Client::start(&sandbox, &[]);
    assert_eq!(client.tool_names(), ["ok__count", "ok__echo", "ok__pid", "ok__sleep"]);
    let called = client.ask(3, "tools/call", &json!({"name": "ok__echo", "arguments": {"text": "hi"}}));
    assert_eq!(called["result"]["content"][0]["text"], "hi");
    let daemons = sandbox.json(&["status"])["servers"][0]["calls"].clone();
    assert_eq!(daemons, 1, "it was the daemon's server");
    assert!(client.leave());
}

#[test]
fn one_server_alone_has_its_own_names() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    let mut client = Client::start(&sandbox, &["--server", "ok"]);
    assert!(client.tool_names().contains(&"echo".to_owned()));
    assert!(client.leave());
    assert_eq!(sandbox.run(&["connect", "--server", "okk"]).code, Some(12));
}

#[test]
fn without_a_daemon_it_runs_the_servers_itself() {
    let sandbox = Sandbox::with_server();
    for (arguments, name) in [(&[][..], "ok__echo"), (&["--server", "ok"], "echo")] {
        let mut client = Client::start(&sandbox, arguments);
        assert!(client.tool_names().contains(&name.to_owned()));
        let called = client.ask(3, "tools/call", &json!({"name": name, "arguments": {"text": "hi"}}));
        assert_eq!(called["result"]["content"][0]["text"], "hi");
        assert!(client.leave());
    }
    assert_eq!(sandbox.run(&["connect", "--server", "okk"]).code, Some(12));
    assert!(!sandbox.root.join("data/switchboard.sock").exists(), "it is no daemon");
}

#[test]
fn a_client_that_says_nothing_leaves_at_once() {
    let sandbox = Sandbox::with_server();
    let finished = finished(&mut sandbox.command(&["connect"]));
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (Some(0), "", ""));
}
