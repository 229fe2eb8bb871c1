//! The dashboard in Debian's Chromium, over the built binary with real servers: every tab, what it does,
//! what it does when the connection breaks, and what it costs to load. Before that, what needs no browser:
//! its types, and the tests of its modules.
//!
//! The scenarios are scripts in `tests/peers`; pictures of what they saw are in `target/screenshots`.

use e2e::{Home, Peers, Switchboard, built, command, require_peers, require_program, run, tell};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a browser may take for a whole scenario.
const PLAY: Duration = Duration::from_secs(240);

fn house() -> PathBuf {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    house.canonicalize().unwrap()
}

/// A server that writes markup into its log, one that needs a service, one that fails and one that is off.
fn config() -> String {
    let program = built("mcp-misbehave").display().to_string();
    let said = "echo '<img src=x onerror=alert(1)> starts' >&2; exec";
    format!(
        "[servers.alpha]\ncommand = \"sh\"\nargs = [\"-c\", \"{said} {program} ok dual\"]\ndescription = \"Answers well\"\n\n\
         [servers.beta]\ncommand = \"{program}\"\nargs = [\"ok\", \"dual\"]\ndepends_on = [\"db\"]\n\n\
         [servers.gamma]\ncommand = \"false\"\n\n\
         [servers.delta]\ncommand = \"{program}\"\nargs = [\"ok\", \"dual\"]\nenabled = false\n\n\
         [services.db]\ncommand = \"sleep\"\nargs = [\"10000\"]\n"
    )
}

fn start() -> Switchboard {
    let board = Home::new(&config()).offering("cache,goals,memory").start();
    board.server_in("alpha", "ready");
    board
}

/// What a scenario is told of a switchboard.
pub(crate) struct Given(Value);

impl Given {
    pub(crate) fn of(board: &Switchboard) -> Self {
        Self(json!({
            "address": board.address().to_string(),
            "note": board.data().join("listen.json"),
            "token": board.token(),
            "shots": house().join("target/screenshots"),
            "cli": board.home().words(&[]),
            "servers": ["alpha", "beta"],
        }))
    }
}

/// Plays a scenario; gives what it says.
#[track_caller]
pub(crate) fn play(peers: &Peers, chromium: &Path, board: &Switchboard, name: &str) -> Value {
    play_with(peers, chromium, &Given::of(board), name, &json!({}))
}

/// The same with more words for the scenario, which are stronger than ours.
#[track_caller]
pub(crate) fn play_with(peers: &Peers, chromium: &Path, given: &Given, name: &str, more: &Value) -> Value {
    let mut given = given.0.clone();
    given["chromium"] = json!(chromium);
    for (key, value) in more.as_object().into_iter().flatten() {
        given[key] = value.clone();
    }
    let mut script = peers.script_command(&format!("dashboard_{name}.mjs"));
    let ended = run(script.arg(given.to_string()), PLAY);
    assert_eq!(ended.code, Some(0), "the scenario `{name}` failed:\n{}{}", ended.stderr, ended.stdout);
    serde_json::from_str(ended.stdout.trim()).unwrap_or_else(|why| panic!("{why}: {}", ended.stdout))
}

#[test]
fn every_tab_is_drawn_for_everybody() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    play(&peers, &chromium, &start(), "walk");
}

#[test]
fn what_is_done_in_the_page_is_done() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    play(&peers, &chromium, &start(), "act");
}

#[test]
fn a_broken_connection_is_said_and_mended() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    play(&peers, &chromium, &start(), "break");
}

#[test]
fn the_first_load_is_small() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    tell(&format!("first load: {}", play(&peers, &chromium, &start(), "fast")));
}

#[test]
fn what_happens_is_painted_at_once() {
    let Some((peers, chromium)) = require_peers().zip(require_program("chromium")) else { return };
    tell(&format!("change to paint: {}", play(&peers, &chromium, &start(), "late")));
}

#[test]
fn its_types_are_right() {
    let Some(peers) = require_peers() else { return };
    let mut check = command(peers.program("tsc"));
    check.arg("--project").arg(house().join("crates/control/dashboard/tsconfig.json"));
    let ended = run(&mut check, PLAY);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn its_modules_do_what_they_say() {
    let Some(peers) = require_peers() else { return };
    let folder = house().join("tests/dashboard");
    let files = folder.read_dir().unwrap().flatten().map(|entry| entry.path());
    let tests: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    assert!(!tests.is_empty(), "expected tests in {}", folder.display());
    let ended = run(command(peers.node22()).arg("--test").args(tests), PLAY);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
