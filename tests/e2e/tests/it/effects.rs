//! Keys of the configuration, a row each: two values of the key, and something that can be seen from
//! outside and must differ between them. `xtask/tests/tidy/effects.rs` fails for a key that neither
//! has a row here nor a test of its own: a new key gets its row here.

mod guards;
mod life;
mod limits;

use e2e::{Client as _, Home, SOON, Switchboard, await_some, built, misbehave};
use serde_json::{Value, json};
use std::fs;
use std::sync::Mutex;
use std::thread;

/// How many rows are looked at side by side: most of their time is waiting.
const SIDE_BY_SIDE: usize = 4;

/// A key, two texts of configuration that differ in it alone, and what is looked at.
struct Row {
    key: &'static str,
    texts: [String; 2],
    see: fn(&Switchboard) -> Value,
}

fn setting(key: &'static str, lines: [&str; 2], see: fn(&Switchboard) -> Value) -> Row {
    let good = misbehave("good", "ok", "dual");
    Row { key, texts: lines.map(|line| format!("{line}\n{good}")), see }
}

fn of_server(key: &'static str, lines: [&str; 2], see: fn(&Switchboard) -> Value) -> Row {
    let good = misbehave("good", "ok", "dual");
    Row { key, texts: lines.map(|line| format!("{good}{line}\n")), see }
}

/// A program that writes down what it got before it becomes a server.
fn of_program(key: &'static str, lines: [&str; 2], see: fn(&Switchboard) -> Value) -> Row {
    let server = built("mcp-misbehave");
    let script =
        format!("{{ env; pwd; ulimit -n; echo \"$@\"; }} > \"$HOME/got\"; exec \"{}\" ok dual", server.display());
    let entry = "[servers.good]\ncommand = \"sh\"\n";
    let with_args = |line: &str| match line.starts_with("args") {
        true => format!("{entry}args = [\"-c\", '{script}', \"sh\", {}]\n", line.trim_start_matches("args = ")),
        false => format!("{entry}args = [\"-c\", '{script}']\n{line}\n"),
    };
    Row { key, texts: lines.map(with_args), see }
}

fn server_field(board: &Switchboard, field: &str) -> Value {
    board.server_in("good", "ready")[field].clone()
}

fn tools(board: &Switchboard) -> Value {
    json!(board.modern().tools())
}

/// Whether the program got something, by a word of what it wrote down.
fn got(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let text = fs::read_to_string(board.home().place("got")).unwrap();
    let folder = board.home().folder().display().to_string();
    let mut lines: Vec<String> = text.lines().map(|line| line.replace(&folder, "HOME")).collect();
    lines.retain(|line| !line.starts_with('_') && !line.starts_with("SHLVL"));
    lines.sort();
    json!(lines)
}

fn slow_call(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let (_, response) = board.modern().request("tools/call", json!({"name": "good__sleep", "arguments": {"ms": 600}}));
    json!(response["result"]["content"][0]["text"] == "slept 600")
}

fn large_body(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let text = "x".repeat(64 * 1024);
    let (status, _) = board.modern().request("tools/call", json!({"name": "good__echo", "arguments": {"text": text}}));
    json!(status)
}

/// How often a word of a call stands in its record.
fn recorded(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let said = board.modern().text("good__echo", json!({"text": "needle"}));
    assert_eq!(said, "needle");
    let mut record = await_some(SOON, "the record of the call", || {
        let calls = board.cli_json(&["logs", "--calls", "good"])["calls"].take();
        calls.as_array()?.iter().find(|call| call["method"] == "tools/call").cloned()
    });
    let fields = record.as_object_mut().unwrap();
    fields.retain(|_, value| value.to_string().contains("needle"));
    json!(fields.keys().collect::<Vec<_>>())
}

/// Whether the record of the first call is there when others have taken much room.
fn first_record_is_kept(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let client = board.modern();
    let records = |of: &str| {
        let calls = board.cli_json(&["logs", "--calls", "good", "--grep", of, "-n", "1000"])["calls"].take();
        calls.as_array().map_or(0, Vec::len)
    };
    client.text("good__count", json!({}));
    await_some(SOON, "the record of the first call", || (records("\"count\"") > 0).then_some(()));
    for _ in 0..8 {
        client.text("good__echo", json!({"text": "x".repeat(16 * 1024)}));
        client.text("good__sleep", json!({"ms": 200}));
    }
    // Where there is room for all, all are there at last.
    let kept =
        await_some(SOON, "all records, or the first to go", || match (records("\"count\""), records("\"echo\"")) {
            (0, _) => Some(false),
            (_, 8) => Some(true),
            _ => None,
        });
    json!(kept)
}

/// How many sessions are left when two were opened.
fn sessions(board: &Switchboard) -> Value {
    let client =
        json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client }).to_string();
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for _ in 0..2 {
        assert_eq!(e2e::send(board.address(), "POST", "/mcp", &headers, hello.as_bytes()).status, 200);
    }
    board.cli_json(&["status"])["sessions"].clone()
}

/// The status of a call whose arguments are nested.
fn nested(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    let deep = (0..60).fold(json!("x"), |inner, _| json!([inner]));
    let (status, _) =
        board.modern().request("tools/call", json!({"name": "good__echo", "arguments": {"text": "a", "deep": deep}}));
    json!(status)
}

/// How the server is; where its start has a short limit, after that.
fn after_start(board: &Switchboard) -> Value {
    let hasty = fs::read_to_string(board.home().config()).unwrap().contains("startup_timeout");
    let state = || board.server("good")["state"].clone();
    match hasty {
        true => await_some(SOON, "the start to be given up", || Some(state()).filter(|state| state != "starting")),
        false => state(),
    }
}

fn rows() -> Vec<Row> {
    let long = "a-server-whose-name-is-quite-long";
    let named = |line: &str| format!("{line}\n{}{}", misbehave(long, "ok", "dual"), misbehave("good", "ok", "dual"));
    let slow = |line: &str| format!("{line}\n{}", misbehave("good", "slow-start=400", "legacy"));
    let hangs = |line: &str| format!("{}{line}\n", misbehave("good", "hang", "legacy"));
    vec![
        Row {
            key: "catalog.first_list_wait",
            texts: ["catalog.first_list_wait = \"0s\"", "catalog.first_list_wait = \"10s\""].map(slow),
            see: tools,
        },
        Row { key: "servers.startup_timeout", texts: ["", "startup_timeout = \"200ms\""].map(hangs), see: after_start },
        setting("limits.sessions_max", ["", "limits.sessions_max = 1"], sessions),
        setting("limits.depth_max", ["", "limits.depth_max = 32"], nested),
        setting("listen.public_url", ["", "listen.public_url = \"https://mcp.example.com\""], |board| {
            json!(
                board.cli_json(&["status"])["url"]
                    .as_str()
                    .is_some_and(|url| url.starts_with("https://mcp.example.com"))
            )
        }),
        setting("limits.body_bytes_max", ["", "limits.body_bytes_max = \"16KiB\""], large_body),
        setting("limits.list_items_max", ["", "limits.list_items_max = 1"], tools),
        setting("catalog.ttl", ["", "catalog.ttl = \"5s\""], |board| {
            let mut result = board.modern().result("tools/list", json!({}));
            result["tools"].take();
            result
        }),
        setting(
            "records.bytes_max",
            ["records.arguments = true", "records.arguments = true\nrecords.bytes_max = \"64KiB\""],
            first_record_is_kept,
        ),
        setting("records.arguments", ["", "records.arguments = true"], recorded),
        setting("records.results", ["", "records.results = true"], recorded),
        setting("discovery.folders", ["", "discovery.folders = [\".\"]\ndiscovery.interval = 1"], |board| {
            let text = "{\"mcpServers\": {\"brought\": {\"command\": \"x\"}}}";
            fs::write(board.home().place(".mcp.json"), text).unwrap();
            let asks = fs::read_to_string(board.home().config()).unwrap().contains("discovery");
            if asks {
                await_some(SOON, "it to be found", || board.cli_json(&["status"])["found"].get(0).cloned());
            }
            json!(board.cli_json(&["status"])["found"].as_array().map(Vec::len))
        }),
        setting("defaults", ["", "defaults.prefix = \"never\""], tools),
        Row { key: "names.max", texts: ["", "names.max = 16"].map(named), see: tools },
        of_server("servers.description", ["", "description = \"for tests\""], |board| {
            server_field(board, "description")
        }),
        of_server("servers.tags", ["", "tags = [\"one\"]"], |board| server_field(board, "tags")),
        of_server("servers.enabled", ["", "enabled = false"], |board| board.server("good")["state"].clone()),
        of_server("servers.disabled", ["", "disabled = true"], |board| board.server("good")["state"].clone()),
        of_server("servers.prefix", ["", "prefix = \"never\""], tools),
        of_server("servers.tools.allow", ["", "tools.allow = [\"echo\"]"], tools),
        of_server("servers.tools.deny", ["", "tools.deny = [\"echo\"]"], tools),
        of_server("servers.era", ["era = \"legacy\"", "era = \"modern\""], |board| server_field(board, "era")),
        of_server("servers.request_timeout", ["", "request_timeout = \"100ms\""], slow_call),
        of_server(
            "servers.request_timeout_max",
            ["request_timeout = \"30s\"", "request_timeout = \"100ms\"\nrequest_timeout_max = \"100ms\""],
            slow_call,
        ),
        of_server("servers.record_arguments", ["", "record_arguments = true"], recorded),
        of_server("servers.record_results", ["", "record_results = true"], recorded),
        of_program("servers.args", ["args = \"one\"", "args = \"two\""], got),
        of_program("servers.env", ["", "env = { WORD = \"said\" }"], got),
        of_program("servers.env_file", ["", "env_file = \"words.env\""], got),
        of_program("servers.inherit_env", ["", "inherit_env = [\"NO_COLOR\"]"], got),
        of_program("servers.cwd", ["", "cwd = \"/\""], got),
        of_program("servers.resources.open_files", ["", "resources.open_files = 99"], got),
    ]
}

/// Starts a switchboard with either text of each row; both must not look alike.
#[track_caller]
fn differ(rows: Vec<Row>) {
    let rows = Mutex::new(rows);
    let look = || {
        let mut idle = Vec::new();
        loop {
            let Some(Row { key, texts, see }) = rows.lock().unwrap().pop() else { return idle };
            let seen = texts.map(|text| {
                let home = Home::new(&text);
                fs::write(home.place("words.env"), "WORD=from-file\n").unwrap();
                let board = home.start();
                see(&board)
            });
            if seen[0] == seen[1] {
                idle.push(format!("{key}: {} both times", seen[0]));
            }
        }
    };
    let idle: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(look)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(idle.is_empty(), "these keys change nothing that can be seen: {idle:#?}");
}

#[test]
fn every_key_changes_something_that_can_be_seen() {
    differ(rows());
}
