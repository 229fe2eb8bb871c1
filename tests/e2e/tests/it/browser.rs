//! Playwright MCP with the system's Chromium behind the gateway: clients of both eras open a page on
//! loopback, read it and press its button, one after the other in the same browser.

use crate::interactive::{listed, plays};
use e2e::{Page, Peers, Step, Switchboard, entry_of, play, require_peers, require_program};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PAGE: &str = "<html><head><title>A page on loopback</title></head><body><h1>Switchboard</h1>\
    <button onclick=\"document.querySelector('p').textContent = 'It was pressed.'\">Press</button>\
    <p>Nobody pressed it yet.</p></body></html>";

/// Without these Chromium calls its maker, which it cannot reach here.
const QUIET: &[&str] = &[
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-gpu",
    "--no-first-run",
];

/// An entry of the configuration for Playwright MCP with this browser.
fn playwright(peers: &Peers, chromium: &Path, folder: &Path) -> String {
    // Its sandbox wants a user of its own; the pages are ours.
    let launch = json!({"headless": true, "executablePath": chromium, "chromiumSandbox": false, "args": QUIET});
    let browser = json!({"browserName": "chromium", "isolated": true, "launchOptions": launch});
    let config = folder.join("playwright.json");
    fs::write(&config, json!({"browser": browser, "outputDir": folder.join("out")}).to_string()).unwrap();
    let script = peers.playwright().display().to_string();
    entry_of("playwright", &peers.node22(), &[&script, "--config", &config.display().to_string()])
}

fn client(peers: &Peers, script: &str, mode: &str, board: &Switchboard) -> Command {
    let mut client = peers.script_command(script);
    client.args([mode, &board.url()]);
    client
}

/// The reference by which the snapshot of a page names an element.
fn reference<'a>(snapshot: &'a str, element: &str) -> Option<&'a str> {
    let line = snapshot.lines().find(|line| line.contains(element))?;
    line.split("[ref=").nth(1)?.split(']').next()
}

#[test]
fn a_page_is_opened_read_and_pressed() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    let folder = TempDir::with_prefix("e2e-").unwrap();
    let page = Page::serve(PAGE);
    let board = Switchboard::start(&playwright(&peers, &chromium, folder.path()));
    listed(&board, "playwright__browser_navigate");
    let snapshot = || Step::call("playwright__browser_snapshot", json!({}));
    for (script, mode) in [("ts2_client.mjs", "pin"), ("ts1_client.mjs", "http")] {
        let open = Step::call("playwright__browser_navigate", json!({"url": page.url}));
        let read = (snapshot(), &["heading", "Switchboard", "Nobody pressed it yet."][..]);
        let played = plays(client(&peers, script, mode, &board), &[(open, &["A page on loopback"]), read], &json!({}));
        let seen = played.steps[1]["result"]["content"][0]["text"].as_str().unwrap_or_default();
        let button = reference(seen, "button \"Press\"");
        let button = button.unwrap_or_else(|| panic!("expected a button in the snapshot for {script}: {seen}"));
        // Another client, the same browser: the page is still open.
        let press = Step::call("playwright__browser_click", json!({"element": "Press", "target": button}));
        plays(
            client(&peers, "py_client.py", "auto", &board),
            &[(press, &[]), (snapshot(), &["It was pressed."])],
            &json!({}),
        );
    }
    let browsers = |board: &Switchboard| {
        let tree = board.tree();
        tree.processes().iter().filter(|process| process.command.contains("--headless")).count()
    };
    assert!(browsers(&board) > 0, "expected the browser below the switchboard: {:?}", board.tree());
    play(client(&peers, "py_client.py", "auto", &board), &[Step::call("playwright__browser_close", json!({}))]);
    // What is left of the browser ends with the switchboard, which is looked at when it is dropped.
}
