//! The suite for servers: the fixture behind the gateway, over each transport and in each cell.

use super::{OF_SERVERS, Report, required};
use e2e::{LEGACY, Listening, MODERN, Switchboard, built, command, entry, entry_at, misbehave, require_peers};
use std::path::PathBuf;
use tempfile::TempDir;

/// Eras of client and server, as protocol.md section 2.1 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Legacy with legacy.
    A,
    /// A modern client of a legacy server.
    B,
    /// A legacy client of a modern server.
    C,
    /// Modern with modern.
    D,
}

/// How the fixture is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Stdio,
    Http,
    Sse,
    WebSocket,
    Tcp,
    Unix,
}

/// What cannot be in cell B, where answers go to a call that a legacy server has begun and that is
/// parked with us (protocol.md sections 2.3 and 2.4):
/// - A question of such a server has no key, only the number of a request: the keys are ours, and
///   this scenario wants the one that it knows from the fixture's source.
/// - Answers that come before any question, without a state, are for nobody: a legacy server takes
///   an answer only to what it has asked, and no key tells which that will be.
const NOT_IN_B: &[&str] = &["input-required-result-basic-elicitation", "input-required-result-ignore-extra-params"];

/// On a pipe a legacy server is asked one thing at a time (section 2.2, row 9), and some scenarios
/// leave a question open for good: here it is not kept for as long as a person may need.
const IMPATIENT: &str = "[limits]\nanswer_timeout = \"1s\"\n\n";

impl Cell {
    /// The revision of the suite, which is the client.
    fn revision(self) -> &'static str {
        if matches!(self, Cell::A | Cell::C) { LEGACY } else { MODERN }
    }

    /// The era of the fixture.
    fn era(self) -> &'static str {
        if matches!(self, Cell::A | Cell::B) { "legacy" } else { "modern" }
    }

    fn exceptions(self) -> &'static [&'static str] {
        if self == Cell::B { NOT_IN_B } else { &[] }
    }
}

/// The fixture, as it stands in a configuration.
struct Fixture {
    entry: String,
    running: Option<Listening>,
    _folder: Option<TempDir>,
}

impl Fixture {
    fn start(door: Door, era: &str) -> Self {
        let start = |word: &str| {
            let mut fixture = command(built("mcp-fixture"));
            fixture.args([word, "--era", era]);
            Listening::start(fixture)
        };
        let (running, entry) = match door {
            Door::Stdio => (None, entry("fixture", "mcp-fixture", &["stdio", "--era", era])),
            Door::Http => with(start("http"), |listening| entry_at("fixture", &listening.url())),
            Door::Sse => with(start("sse"), |listening| {
                entry_at("fixture", &format!("http://{}/sse", listening.address())) + "type = \"sse\"\n"
            }),
            Door::WebSocket => {
                with(start("ws"), |listening| entry_at("fixture", &format!("ws://{}/mcp", listening.address())))
            }
            Door::Tcp => with(start("tcp"), |listening| entry_at("fixture", &format!("tcp://{}", listening.address()))),
            Door::Unix => return Self::at_a_path(era),
        };
        Self { entry: entry + "prefix = \"never\"\n", running, _folder: None }
    }

    fn at_a_path(era: &str) -> Self {
        let folder = TempDir::with_prefix("e2e-").unwrap();
        let path: PathBuf = folder.path().join("fixture.sock");
        let mut fixture = command(built("mcp-fixture"));
        fixture.args(["unix", "--era", era, "--path"]).arg(&path);
        let running = Listening::start_at_path(fixture, &path);
        let entry = entry_at("fixture", &format!("unix://{}", path.display())) + "prefix = \"never\"\n";
        Self { entry, running: Some(running), _folder: Some(folder) }
    }
}

fn with(running: Listening, entry: impl FnOnce(&Listening) -> String) -> (Option<Listening>, String) {
    let entry = entry(&running);
    (Some(running), entry)
}

/// Runs the suite of the cell's client against the gateway with the cell's fixture behind it.
#[track_caller]
fn passes(cell: Cell, door: Door) {
    let Some(peers) = require_peers() else { return };
    let fixture = Fixture::start(door, cell.era());
    let limits = if cell == Cell::B && door != Door::Http { IMPATIENT } else { "" };
    let board = Switchboard::start(&format!("{limits}{}", fixture.entry));
    let report = Report::of_server(&peers, &board.url(), cell.revision());
    report.expect(required(OF_SERVERS, cell.revision()), cell.exceptions());
    if cell == Cell::D {
        report.expect_unscored(TASKS);
    }
}

/// The fixture itself, without us between: so that a failure below is ours.
#[test]
fn the_fixture_passes_by_itself() {
    let Some(peers) = require_peers() else { return };
    for cell in [Cell::A, Cell::D] {
        let fixture = Fixture::start(Door::Http, cell.era());
        let url = fixture.running.as_ref().map(Listening::url).unwrap();
        Report::of_server(&peers, &url, cell.revision()).expect(required(OF_SERVERS, cell.revision()), &[]);
    }
}

/// The tasks extension, which counts for nothing; all of it but `tasks-status-notifications`, in which
/// the suite looks at nothing.
const TASKS: &[&str] = &[
    "tasks-lifecycle",
    "tasks-capability-negotiation",
    "tasks-wire-fields",
    "tasks-request-state-removal",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-dispatch-and-envelope",
    "tasks-required-task-error",
    "tasks-mrtr-composition",
];

/// A server that is not alone, so that ids of tasks must say where they lead.
#[test]
fn modern_to_modern_beside_another_server() {
    let Some(peers) = require_peers() else { return };
    let fixture = Fixture::start(Door::Http, "modern");
    let board = Switchboard::start(&format!("{}{}", fixture.entry, misbehave("another", "ok", "dual")));
    let report = Report::of_server(&peers, &board.url(), MODERN);
    report.expect(required(OF_SERVERS, MODERN), &[]);
    report.expect_unscored(TASKS);
}

/// A test for each transport in a cell.
macro_rules! cells {
    ($($name:ident: $cell:ident, $door:ident;)*) => {
        $(#[test]
        fn $name() {
            passes(Cell::$cell, Door::$door);
        })*
    };
}

cells! {
    legacy_to_legacy_over_http: A, Http;
    legacy_to_legacy_over_stdio: A, Stdio;
    legacy_to_legacy_over_sse: A, Sse;
    legacy_to_legacy_over_websocket: A, WebSocket;
    legacy_to_legacy_over_tcp: A, Tcp;
    legacy_to_legacy_over_unix: A, Unix;

    modern_to_legacy_over_http: B, Http;
    modern_to_legacy_over_stdio: B, Stdio;
    modern_to_legacy_over_sse: B, Sse;
    modern_to_legacy_over_websocket: B, WebSocket;
    modern_to_legacy_over_tcp: B, Tcp;

    legacy_to_modern_over_http: C, Http;
    legacy_to_modern_over_stdio: C, Stdio;
    legacy_to_modern_over_websocket: C, WebSocket;
    legacy_to_modern_over_tcp: C, Tcp;

    modern_to_modern_over_http: D, Http;
    modern_to_modern_over_stdio: D, Stdio;
    modern_to_modern_over_websocket: D, WebSocket;
    modern_to_modern_over_tcp: D, Tcp;
    modern_to_modern_over_unix: D, Unix;
}
