//! Ten real servers behind one gateway × ten real clients: names, results, progress, cancellation
//! and list changes. Every cell runs, or says why it cannot.

use crate::fleet::{Cell, Expect, Fleet};
use e2e::{Client as _, Home, Peers, Played, Step, entry, eventually, play, require_peers, run, tell};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// A client that plays scenarios.
struct Client {
    name: &'static str,
    modern: bool,
    command: fn(&Peers, &Fleet) -> Command,
}

fn script(peers: &Peers, name: &str, mode: &str, fleet: &Fleet) -> Command {
    let mut client = peers.script_command(name);
    client.args([mode, &fleet.board.url()]);
    client
}

const LEGACY: &[Client] = &[
    Client { name: "py-legacy", modern: false, command: |peers, fleet| script(peers, "py_client.py", "legacy", fleet) },
    Client { name: "ts1-http", modern: false, command: |peers, fleet| script(peers, "ts1_client.mjs", "http", fleet) },
    Client {
        name: "ts1-stdio",
        modern: false,
        command: |peers, fleet| {
            let mut client = peers.script_command("ts1_client.mjs");
            client.arg("stdio").args(fleet.board.home().words(&["connect"]));
            client
        },
    },
    Client {
        name: "ts2-legacy",
        modern: false,
        command: |peers, fleet| script(peers, "ts2_client.mjs", "legacy", fleet),
    },
];

const MODERN: &[Client] = &[
    Client { name: "py-auto", modern: true, command: |peers, fleet| script(peers, "py_client.py", "auto", fleet) },
    Client {
        name: "py-2026",
        modern: true,
        command: |peers, fleet| script(peers, "py_client.py", "2026-07-28", fleet),
    },
    Client { name: "ts2-pin", modern: true, command: |peers, fleet| script(peers, "ts2_client.mjs", "pin", fleet) },
];

#[test]
fn legacy_clients_see_every_server() {
    scripted(LEGACY);
}

#[test]
fn modern_clients_see_every_server() {
    scripted(MODERN);
}

fn scripted(clients: &[Client]) {
    let Some(peers) = require_peers() else { return };
    let fleet = Fleet::start(&peers);
    wait_for_all(&fleet);
    let mut failures = Vec::new();
    for client in clients {
        let cells = fleet.cells(client.name);
        let steps: Vec<Step> = cells.iter().flat_map(|cell| cell.steps.iter().map(|(step, _)| step.clone())).collect();
        let all: Vec<Step> = std::iter::once(Step::list()).chain(steps).collect();
        let played = play((client.command)(&peers, &fleet), &all);
        if (played.version.as_str() >= "2026-07-28" && played.version != "legacy") != client.modern {
            failures.push(format!("{}: speaks {}", client.name, played.version));
        }
        judge(client.name, &cells, &played, &mut failures);
    }
    assert!(failures.is_empty(), "{} cells failed:\n{}", failures.len(), failures.join("\n"));
}

/// Until every server was listed once; later starts have the stored catalog.
fn wait_for_all(fleet: &Fleet) {
    let wanted: Vec<&str> = fleet.cells("").iter().flat_map(|cell| cell.names.iter().copied()).collect();
    eventually(Duration::from_secs(60), "the tools of all servers to be listed", || {
        let listed = fleet.board.modern().tools();
        wanted.iter().all(|&name| listed.iter().any(|tool| tool == name))
    });
}

fn judge(client: &str, cells: &[Cell], played: &Played, failures: &mut Vec<String>) {
    let mut results = played.steps.iter();
    let lists = results.next().unwrap_or(&Value::Null);
    let tools: Vec<&str> = lists["tools"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !tools.is_sorted() || tools.is_empty() {
        failures.push(format!("{client}: tools are not a sorted list: {lists}"));
    }
    for (list, wanted) in [
        ("prompts", "everything__simple-prompt"),
        ("prompts", "py__greet"),
        ("resources", "peer://note"),
        ("templates", "peer://item/{key}"),
    ] {
        if !lists[list].as_array().is_some_and(|names| names.iter().any(|name| name == wanted)) {
            failures.push(format!("{client}: {list} lack {wanted}: {}", lists[list]));
        }
    }
    for cell in cells {
        for name in cell.names {
            if !tools.contains(name) {
                failures.push(format!("{client} × {}: `{name}` is not listed", cell.server));
            }
        }
        for (step, expect) in &cell.steps {
            let result = results.next().unwrap_or(&Value::Null);
            if let Err(why) = expect.check(result) {
                failures.push(format!("{client} × {}: {step:?}: {why}", cell.server));
            }
        }
        for (what, why) in cell.cannot {
            tell(&format!("cell {client} × {}: no {what}: {why}", cell.server));
        }
    }
}

impl Expect {
    fn check(&self, seen: &Value) -> Result<(), String> {
        let fails = |why: &str| Err(format!("{why}: {seen}"));
        let result = &seen["result"];
        let worked = result.is_object() && result["isError"] != true;
        match self {
            Self::Text(text) if worked && result.to_string().contains(text) => Ok(()),
            Self::Text(text) => fails(&format!("no result with {text:?}")),
            Self::Cancelled if seen["cancelled"] == true => Ok(()),
            Self::Cancelled => fails("not cancelled"),
            Self::Changed if worked && seen["changed"] == true => Ok(()),
            Self::Changed => fails("not told of the change"),
            Self::Progress(least) => {
                let told = seen["progress"].as_array().map_or(&[][..], Vec::as_slice);
                let values: Vec<f64> = told.iter().filter_map(|each| each["progress"].as_f64()).collect();
                let increasing = values.windows(2).all(|two| matches!(two, [first, second] if first < second));
                if worked && values.len() >= *least && increasing { Ok(()) } else { fails("no rising progress") }
            }
        }
    }
}

/// Why the Inspector's cells are smaller: its CLI runs one method and prints the result.
const INSPECTOR_CANNOT: &str = "the CLI sends one request and shows only its result";

#[test]
fn inspector_sees_every_server_in_each_era() {
    let Some(peers) = require_peers() else { return };
    let fleet = Fleet::start(&peers);
    wait_for_all(&fleet);
    let mut failures = Vec::new();
    for era in ["legacy", "auto", "modern"] {
        let client = format!("inspector-{era}");
        let cells = fleet.cells(&client);
        let listed = inspect(&peers, &fleet, era, &["--method", "tools/list"]);
        for cell in &cells {
            for name in cell.names {
                if !listed.contains(&format!("\"{name}\"")) {
                    failures.push(format!("{client} × {}: `{name}` is not listed", cell.server));
                }
            }
            let (tool, args, text) = &cell.plain_call;
            let mut words = vec!["--method", "tools/call", "--tool-name", tool];
            let pairs: Vec<String> = args.iter().map(|(name, value)| format!("{name}={value}")).collect();
            for pair in &pairs {
                words.extend(["--tool-arg", pair]);
            }
            let said = inspect(&peers, &fleet, era, &words);
            if !said.contains(text) {
                failures.push(format!("{client} × {}: {tool}: no {text:?} in {said}", cell.server));
            }
            for what in ["progress", "cancellation", "list changes"] {
                tell(&format!("cell {client} × {}: no {what}: {INSPECTOR_CANNOT}", cell.server));
            }
        }
    }
    assert!(failures.is_empty(), "{} cells failed:\n{}", failures.len(), failures.join("\n"));
}

fn inspect(peers: &Peers, fleet: &Fleet, era: &str, words: &[&str]) -> String {
    let mut inspector = peers.inspector();
    inspector.arg(fleet.board.url()).args(words).args(["--protocol-era", era, "--format", "json"]);
    inspector.env("HOME", fleet.board.home().folder());
    let outcome = run(&mut inspector, Duration::from_secs(60));
    format!("{}{}", outcome.stdout, if outcome.code == Some(0) { "" } else { outcome.stderr.as_str() })
}

/// `connect` without a daemon serves by itself.
#[test]
fn a_client_over_stdio_without_a_daemon() {
    let Some(peers) = require_peers() else { return };
    let home = Home::new(&entry("fixture", "mcp-fixture", &["stdio"]));
    let mut client = peers.script_command("ts1_client.mjs");
    client.arg("stdio").args(home.words(&["connect"])).env("HOME", home.folder()).env("SWITCHBOARD_BUILTINS", "");
    let text = "This is a simple text response for testing.";
    let played = play(client, &[Step::until("fixture__test_simple_text", json!({}), text)]);
    let step = played.steps.first();
    assert!(step.is_some_and(|step| step["result"].is_object()), "expected the text of the tool: {played:?}");
}
