//! Transports with servers and clients that we did not write at the other end: `supergateway` as a
//! WebSocket server, the WebSocket client of the TypeScript SDK v1, and `socat` between a stream of
//! lines and a TCP port or a Unix socket, on both sides of the gateway.

use crate::fleet::free_port;
use crate::interactive::{answers, answers_the_desk, everything, everything_over_http, listed, modern_server, plays};
use e2e::{
    Home, Listening, Peers, SOON, Step, Switchboard, command, entry_at, entry_of, entry_over, eventually, play,
    require_peers, require_program,
};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What `server-everything` shows without a question; its names begin with `prefix`.
fn shows(prefix: &str) -> Vec<Step> {
    let name = |own: &str| format!("{prefix}{own}");
    let long = name("trigger-long-running-operation");
    vec![
        Step::call(&name("echo"), json!({"message": "hi"})),
        Step::progress(&long, json!({"duration": 1, "steps": 4})),
        Step::cancel(&long, json!({"duration": 25, "steps": 5}), 300),
        Step::call(&name("get-sum"), json!({"a": 20, "b": 22})),
        Step::prompt(&name("simple-prompt"), json!({})),
        Step::read("demo://resource/static/document/architecture.md"),
    ]
}

/// Through the gateway, where `server-everything` is named `booth`.
#[track_caller]
fn shows_the_booth(client: Command) {
    shows_everything(client, "booth__");
}

#[track_caller]
fn shows_everything(client: Command, prefix: &str) {
    let shown = format!("{client:?}");
    let played = play(client, &shows(prefix));
    let [echo, progress, cancelled, sum, prompt, document] = &played.steps[..] else {
        panic!("expected six results for {shown}: {played:?}");
    };
    let says = |step: &Value, text: &str| {
        assert!(step["result"].to_string().contains(text), "expected {text:?} for {shown}, got {step}");
    };
    says(echo, "Echo: hi");
    says(progress, "completed");
    let told = progress["progress"].as_array().map_or(0, Vec::len);
    assert!(told >= 3, "expected progress for {shown}: {progress}");
    assert_eq!(cancelled["cancelled"], true, "expected {shown} to give a call up: {cancelled}");
    says(sum, "42");
    says(prompt, "simple prompt");
    says(document, "Architecture");
}

fn at(peers: &Peers, script: &str, mode: &str, url: &str) -> Command {
    let mut client = peers.script_command(script);
    client.args([mode, url]);
    client
}

/// Both eras before one server.
#[track_caller]
fn both_eras_see_the_booth(peers: &Peers, board: &Switchboard) {
    listed(board, "booth__echo");
    shows_the_booth(at(peers, "ts1_client.mjs", "http", &board.url()));
    shows_the_booth(at(peers, "py_client.py", "2026-07-28", &board.url()));
}

/// `supergateway` as a WebSocket server before `server-everything`.
///
/// It gives what clients answer to the server's own questions an id of its own making, so a server
/// behind it asks in vain: no question in its tests.
fn supergateway(peers: &Peers) -> Listening {
    let port = free_port();
    let (node, script) = everything(peers);
    let mut gateway = command(peers.node22());
    gateway.arg(peers.npm("supergateway"));
    gateway.args(["--stdio", &format!("{node} '{script}' stdio"), "--outputTransport", "ws"]);
    gateway.args(["--port", &port.to_string(), "--messagePath", "/message", "--logLevel", "none"]);
    Listening::start_at(gateway, port)
}

/// Others with others, without us between: so that a failure below is ours. Nothing may be left of
/// their servers.
#[test]
fn the_transports_of_others_work_by_themselves() {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let server = supergateway(&peers);
    shows_everything(at(&peers, "ts1_client.mjs", "ws", &format!("ws://{}/message", server.address())), "");
    leaves_nothing(server);
    let (server, port) = socat_on_a_port(&peers, &socat);
    let mut client = peers.script_command("ts1_client.mjs");
    client.arg("stdio").arg(&socat).args(["-", &format!("TCP:127.0.0.1:{port}")]);
    shows_everything(client, "");
    leaves_nothing(server);
    let folder = TempDir::with_prefix("e2e-").unwrap();
    let socket = folder.path().join("everything.sock");
    let server = socat_on_a_socket(&peers, &socat, &socket);
    let mut client = peers.script_command("py_client.py");
    client.args(["legacy", "--"]).arg(&socat).args(["-", &format!("UNIX-CONNECT:{}", socket.display())]);
    shows_everything(client, "");
    leaves_nothing(server);
}

#[track_caller]
fn leaves_nothing(server: Listening) {
    let tree = server.tree();
    drop(server);
    eventually(SOON, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}

#[test]
fn supergateway_is_a_websocket_server() {
    let Some(peers) = require_peers() else { return };
    let server = supergateway(&peers);
    let board = Switchboard::start(&entry_over("booth", "websocket", &format!("ws://{}/message", server.address())));
    both_eras_see_the_booth(&peers, &board);
}

#[test]
fn server_everything_over_http_and_sse() {
    let Some(peers) = require_peers() else { return };
    let server = everything_over_http(&peers, "sse");
    let board = Switchboard::start(&entry_over("booth", "sse", &format!("http://{}/sse", server.address())));
    both_eras_see_the_booth(&peers, &board);
}

/// The WebSocket client of the TypeScript SDK v1, at a path of ours.
fn websocket(peers: &Peers, board: &Switchboard, path: &str) -> Command {
    at(peers, "ts1_client.mjs", "ws", &format!("ws://{}{path}", board.address()))
}

#[test]
fn the_websocket_client_of_sdk_v1_on_our_listener() {
    let Some(peers) = require_peers() else { return };
    let server = modern_server(&peers);
    let board = Switchboard::start(&config(&peers, &server));
    listed(&board, "booth__echo");
    shows_the_booth(websocket(&peers, &board, "/mcp"));
    let change = [(Step::change("desk__toggle", "desk__extra"), &["true"][..])];
    plays(websocket(&peers, &board, "/mcp"), &change, &json!({}));
    // One server under its own names.
    let own = [(Step::call("echo", json!({"message": "own"})), &["Echo: own"][..])];
    plays(websocket(&peers, &board, "/mcp/booth"), &own, &json!({}));
}

#[test]
fn a_modern_server_asks_the_websocket_client_of_sdk_v1() {
    let Some(peers) = require_peers() else { return };
    let server = modern_server(&peers);
    let board = Switchboard::start(&entry_at("desk", &server.url()));
    answers_the_desk(websocket(&peers, &board, "/mcp"));
}

/// Starts `socat` with `server-everything` behind every connection to `address`.
fn socat_server(peers: &Peers, socat: &Path, address: &str) -> Command {
    let (node, script) = everything(peers);
    let mut server = command(socat);
    server.args([address, &format!("EXEC:\"{node} {script} stdio\"")]);
    server
}

fn socat_on_a_port(peers: &Peers, socat: &Path) -> (Listening, u16) {
    let port = free_port();
    let address = format!("TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork");
    (Listening::start_at(socat_server(peers, socat, &address), port), port)
}

fn socat_on_a_socket(peers: &Peers, socat: &Path, socket: &Path) -> Listening {
    let address = format!("UNIX-LISTEN:{},fork", socket.display());
    Listening::start_at_path(socat_server(peers, socat, &address), socket)
}

#[test]
fn server_everything_behind_socat_on_a_tcp_port() {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let (server, _) = socat_on_a_port(&peers, &socat);
    let board = Switchboard::start(&entry_over("booth", "tcp", &format!("tcp://{}", server.address())));
    both_eras_see_the_booth(&peers, &board);
}

#[test]
fn server_everything_behind_socat_on_a_unix_socket() {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let folder = TempDir::with_prefix("e2e-").unwrap();
    let socket = folder.path().join("everything.sock");
    let _server = socat_on_a_socket(&peers, &socat, &socket);
    let board = Switchboard::start(&entry_over("booth", "unix", &format!("unix://{}", socket.display())));
    both_eras_see_the_booth(&peers, &board);
}

/// Over a stream that all calls share, with others of them under way.
#[test]
fn server_everything_behind_socat_asks() {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let (server, _) = socat_on_a_port(&peers, &socat);
    let board = Switchboard::start(&entry_over("booth", "tcp", &format!("tcp://{}", server.address())));
    listed(&board, "booth__trigger-elicitation-request");
    std::thread::scope(|clients| {
        for (script, mode) in [("ts2_client.mjs", "pin"), ("ts1_client.mjs", "http")] {
            let form = Step::call("booth__trigger-elicitation-request", json!({}));
            let expected = [(form.clone(), &["Name: Ada"][..]), (form, &["Name: Ada"])];
            let client = at(&peers, script, mode, &board.url());
            clients.spawn(move || plays(client, &expected, &answers()));
        }
    });
}

/// Clients of each era that start `socat` as their server, which is our listener in truth.
#[track_caller]
fn through_socat(peers: &Peers, socat: &Path, address: &str) -> Vec<Command> {
    let through = |script: &str, words: &[&str]| {
        let mut client = peers.script_command(script);
        client.args(words).arg(socat).args(["-", address]);
        client
    };
    vec![
        through("ts1_client.mjs", &["stdio"]),
        through("py_client.py", &["legacy", "--"]),
        through("py_client.py", &["2026-07-28", "--"]),
    ]
}

/// `server-everything` and the modern server.
fn config(peers: &Peers, modern: &Listening) -> String {
    let (node, script) = everything(peers);
    entry_at("desk", &modern.url()) + &entry_of("booth", Path::new(&node), &[&script, "stdio"])
}

/// A gateway with both servers, and one more listener.
fn with_listener(peers: &Peers, modern: &Listening, listener: &str) -> Switchboard {
    let board = Home::new(&format!("[listen]\n{listener}\n{}", config(peers, modern))).start();
    listed(&board, "booth__echo");
    listed(&board, "desk__ask_form");
    board
}

/// Lets each client do it on our TCP listener.
fn on_our_port(does: fn(Command)) {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let modern = modern_server(&peers);
    let port = free_port();
    let _board = with_listener(&peers, &modern, &format!("tcp = \"127.0.0.1:{port}\""));
    through_socat(&peers, &socat, &format!("TCP:127.0.0.1:{port}")).into_iter().for_each(does);
}

/// Lets each client do it on our Unix socket.
fn on_our_socket(does: fn(Command)) {
    let Some((peers, socat)) = require_peers().zip(require_program("socat")) else { return };
    let modern = modern_server(&peers);
    let folder = TempDir::with_prefix("e2e-").unwrap();
    let socket = folder.path().join("switchboard.sock");
    let _board = with_listener(&peers, &modern, &format!("unix = {socket:?}"));
    through_socat(&peers, &socat, &format!("UNIX-CONNECT:{}", socket.display())).into_iter().for_each(does);
}

#[test]
fn clients_through_socat_on_our_tcp_listener() {
    on_our_port(shows_the_booth);
}

#[test]
fn clients_through_socat_on_our_unix_socket() {
    on_our_socket(shows_the_booth);
}

#[test]
fn a_modern_server_asks_clients_through_socat_on_our_tcp_listener() {
    on_our_port(answers_the_desk);
}

#[test]
fn a_modern_server_asks_clients_through_socat_on_our_unix_socket() {
    on_our_socket(answers_the_desk);
}
