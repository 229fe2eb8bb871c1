//! The programs that the tests run: where the built ones are, and how to run one to its end. The
//! only place of the harness that starts processes.

use super::waiting::SOON;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines of a program that wait to be looked at.
const LINES_MAX: usize = 10_000;

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

/// A program that is talked to in lines of JSON.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// A program that was built beside the tests.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("expected to know the test's own path");
    // target/debug/deps/it-… → target/debug
    let folder = own.parent().and_then(Path::parent).expect("expected the test in target/*/deps");
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
    format!("[servers.{name}]\ncommand = \"{}\"\nargs = {args:?}\n", built(program).display())
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
    format!("[servers.{name}]\ncommand = \"sh\"\nargs = [\"-c\", '{script}']\n")
}

/// A command; what it runs is the caller's business.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests start the programs that they test")]
pub fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or does not end soon.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("expected to start a command");
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, ends) = sync_channel(2);
    let second = sender.clone();
    thread::spawn(move || sender.send((1, drained(stdout.as_mut()))));
    thread::spawn(move || second.send((2, drained(stderr.as_mut()))));
    let mut output = Output { status: Default::default(), stdout: Vec::new(), stderr: Vec::new() };
    for _ in 0..2 {
        match ends.recv_timeout(SOON) {
            Ok((1, bytes)) => output.stdout = bytes,
            Ok((_, bytes)) => output.stderr = bytes,
            Err(_) => {
                let _ = child.kill();
                panic!("expected {shown} to end within {SOON:?}");
            }
        }
    }
    output.status = child.wait().expect("expected an exit status");
    output
}

fn drained(stream: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error is what there is.
    let _ = stream.map(|stream| stream.read_to_end(&mut bytes));
    bytes
}

/// Says something on stderr, for whoever reads why a test failed.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl Ended {
    /// From a finished command.
    #[must_use]
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Talk {
    /// Starts a command whose stdin and stdout carry lines.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("expected to start a program to talk to");
        let output = child.stdout.take().expect("expected its stdout");
        let (sender, lines) = sync_channel(LINES_MAX);
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Writes a line.
    ///
    /// # Panics
    /// When nobody reads any more.
    #[track_caller]
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("expected its stdin to be open");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("expected it to read its stdin");
    }

    /// The next message for which `fits` holds; others are passed over.
    ///
    /// # Panics
    /// When none comes soon, or a line is not JSON.
    #[track_caller]
    pub fn hear(&self, what: &str, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let end = Instant::now() + SOON;
        let mut heard = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("expected {what}, heard only {heard:?}") };
            let message = serde_json::from_str(&line);
            let message = message.unwrap_or_else(|error| panic!("expected JSON on stdout, got {line:?}: {error}"));
            if fits(&message) {
                return message;
            }
            heard.push(line);
        }
    }

    /// Sends a request and waits for its response.
    ///
    /// # Panics
    /// When there is none soon.
    #[track_caller]
    pub fn ask(&mut self, request: &serde_json::Value) -> serde_json::Value {
        self.say(&request.to_string());
        let id = request["id"].clone();
        self.hear(&format!("a response to {request}"), |message| message["id"] == id)
    }

    /// Closes its stdin and waits for its end; gives the exit code.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn hang_up(mut self) -> Option<i32> {
        self.input = None;
        let deadline = Duration::from_secs(15);
        let status = super::waiting::await_some(deadline, "the end of a program whose stdin was closed", || {
            self.child.try_wait().expect("expected its exit status")
        });
        status.code()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // It has ended in a test that went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
