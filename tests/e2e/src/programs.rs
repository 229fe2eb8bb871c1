//! The programs that the tests run: where the built ones are, how they stand in a configuration,
//! and how to run one to its end. No program that goes on beside the test: those are a
//! [`Switchboard`](crate::Switchboard), a [`Talk`](crate::Talk) or a [`Listening`](crate::Listening).

use crate::waiting::{SOON, await_some};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The first delay of a restart in tests.
const SOON_AGAIN: &str = "restart_delay = \"100ms\"\n";

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it said on stdout.
    pub stdout: String,
    /// What it said on stderr.
    pub stderr: String,
}

impl Ended {
    /// What it said on stdout, as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("expected JSON ({error}): {}{}", self.stdout, self.stderr))
    }
}

/// A program that was built beside the tests.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("expected to know the test's own path");
    // A test is target/debug/deps/it-…, a program of ours target/debug/….
    let folder = own.parent().expect("expected the test in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().expect("expected target/*") } else { folder };
    let program = folder.join(name);
    assert!(program.is_file(), "expected {}: build it with `cargo build --workspace`", program.display());
    program
}

/// The switchboard: `SWITCHBOARD_BIN`, or the one that was built beside the tests.
#[must_use]
pub(crate) fn switchboard() -> PathBuf {
    std::env::var_os("SWITCHBOARD_BIN").map_or_else(|| built("switchboard"), PathBuf::from)
}

/// An entry of the configuration for a program that was built beside the tests.
#[must_use]
pub fn entry(name: &str, program: &str, args: &[&str]) -> String {
    entry_of(name, &built(program), args)
}

/// An entry of the configuration for any program. It is started again soon when it ends: tests
/// wait for that.
#[must_use]
pub fn entry_of(name: &str, program: &Path, args: &[&str]) -> String {
    format!("[servers.{name}]\ncommand = {program:?}\nargs = {args:?}\n{SOON_AGAIN}")
}

/// An entry of the configuration for a server that is reached at a URL.
#[must_use]
pub fn entry_at(name: &str, url: &str) -> String {
    format!("[servers.{name}]\nurl = {url:?}\n{SOON_AGAIN}")
}

/// An entry of the configuration for a server that is reached at a URL over this transport.
#[must_use]
pub fn entry_over(name: &str, transport: &str, url: &str) -> String {
    format!("[servers.{name}]\ntype = {transport:?}\nurl = {url:?}\n{SOON_AGAIN}")
}

/// An entry of the configuration for a server that misbehaves as `mode` says.
#[must_use]
pub fn misbehave(name: &str, mode: &str, era: &str) -> String {
    entry(name, "mcp-misbehave", &[mode, era])
}

/// An entry of the configuration for a script in which `$SERVER` is the misbehaving server.
#[must_use]
pub fn script(name: &str, script: &str) -> String {
    let script = script.replace("$SERVER", &built("mcp-misbehave").display().to_string());
    format!("[servers.{name}]\ncommand = \"sh\"\nargs = [\"-c\", '{script}']\n{SOON_AGAIN}")
}

/// A command; what it runs is the caller's business.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests start the programs that they test")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Runs a command to its end, with nothing on its stdin.
///
/// What it says goes to files and not through pipes: a program that it leaves behind holds nothing up.
///
/// # Panics
/// When it cannot be started, or does not end within `limit`; it is killed then, and what it said is shown.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Ended {
    let shown = format!("{command:?}");
    let folder = TempDir::with_prefix("e2e-run-").expect("expected a temporary folder");
    let file = |name: &str| File::create(folder.path().join(name)).expect("expected a file for what a command says");
    let said =
        |name: &str| String::from_utf8_lossy(&fs::read(folder.path().join(name)).unwrap_or_default()).into_owned();
    command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("expected to start {shown}: {error}"));
    let end = Instant::now() + limit;
    let status = await_some(limit + SOON, &format!("the end of {shown}, killed at last"), || {
        let status = child.try_wait().expect("expected an exit status");
        if status.is_none() && Instant::now() > end {
            let _ = child.kill();
        }
        status
    });
    let ended = Ended { code: status.code(), stdout: said("stdout"), stderr: said("stderr") };
    assert!(Instant::now() <= end, "expected {shown} to end within {limit:?}: {ended:?}");
    ended
}

/// Says something on stderr, for whoever reads why a test failed.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
