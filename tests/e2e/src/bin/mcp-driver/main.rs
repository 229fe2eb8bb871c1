//! `mcp-driver legacy|modern URL`: what the conformance suite runs as its client under test. It starts
//! a switchboard with the suite's server behind it and does in front of it, as a client of that era,
//! what the scenario wants to see; so the suite judges the switchboard's own client side.
//!
//! The suite says in `MCP_CONFORMANCE_*` what it plays. Exit code 0 when all went as a user wants it,
//! 1 when not; the switchboard is stopped in any case.
#![expect(clippy::expect_used, reason = "a step that fails is a scenario that fails")]

mod front;
mod person;
mod scenario;
mod slots;
mod watchdog;

use e2e::{Client as _, Home, Switchboard, tell};
use front::{Front, LegacyFront, ModernFront};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the switchboard may take until its server is there, or is known not to come.
const SETTLED: Duration = Duration::from_secs(20);
/// How often that is looked at.
const GLANCE: Duration = Duration::from_millis(300);
/// The name of the only server.
const SERVER: &str = "s";
/// The document that stands for a client in the scenario of that name.
const CLIENT_METADATA_URL: &str = "https://conformance-test.local/client-metadata.json";

/// What the suite wants.
struct Task {
    scenario: String,
    /// The era of the suite's server.
    upstream: &'static str,
    context: Value,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(era), Some(url)) = (words.next(), words.next()) else {
        tell("usage: mcp-driver legacy|modern URL");
        return ExitCode::from(2);
    };
    let task = Task::from_environment();
    let slot = slots::take();
    let board = Home::new(&task.config(&url)).start();
    let guard = watchdog::Watchdog::over(board.pid());
    settle(&board);
    let front: Box<dyn Front> = match era.as_str() {
        "legacy" => Box::new(LegacyFront::connect(board.address())),
        _ => Box::new(ModernFront::new(board.address())),
    };
    let outcome = scenario::play(front.as_ref(), &task.scenario, &task.context);
    drop(front);
    if let Err(why) = &outcome {
        tell(&format!("{}: {why}\nstatus: {}\n{}", task.scenario, board.server(SERVER), board.home().said()));
    }
    drop(board);
    drop((guard, slot));
    if outcome.is_err() {
        return ExitCode::FAILURE;
    }
    // The suite keeps no exit code, but what its client said.
    let _ = writeln!(std::io::stdout(), "driver: done");
    ExitCode::SUCCESS
}

/// Waits until the server is there, or it is known that it will not come without a person.
fn settle(board: &Switchboard) {
    let end = Instant::now() + SETTLED;
    while Instant::now() < end {
        // The first list waits for the server by itself, so that this looks rarely.
        board.modern().request("tools/list", json!({}));
        let server = board.server(SERVER);
        if matches!(server["state"].as_str(), Some("ready" | "failed" | "crash_loop" | "needs_auth")) {
            return;
        }
        std::thread::park_timeout(GLANCE);
    }
}

impl Task {
    fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let version = variable("MCP_CONFORMANCE_PROTOCOL_VERSION");
        Self {
            scenario: variable("MCP_CONFORMANCE_SCENARIO"),
            upstream: if version.as_str() >= e2e::MODERN { "modern" } else { "legacy" },
            context: serde_json::from_str(&variable("MCP_CONFORMANCE_CONTEXT")).unwrap_or_default(),
        }
    }

    fn config(&self, url: &str) -> String {
        let mut config = format!("[servers.{SERVER}]\nurl = {url:?}\nprefix = \"never\"\nera = {:?}\n", self.upstream);
        if self.scenario.starts_with("auth/") {
            config.push_str("auth = \"auto\"\n\n[servers.s.oauth]\nheadless = true\n");
            config.push_str(&format!("client_metadata_url = {CLIENT_METADATA_URL:?}\n"));
            for key in ["client_id", "client_secret", "issuer"] {
                if let Some(value) = self.context[key].as_str() {
                    config.push_str(&format!("{key} = {value:?}\n"));
                }
            }
        }
        config
    }
}
