//! A program whose stdin and stdout carry lines of JSON, as a client that starts its server has it.
//! It knows no MCP: a test writes each message itself.

use crate::waiting::{SOON, await_some};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to end when its stdin is closed.
const END: Duration = Duration::from_secs(15);
/// Lines of a program that wait to be looked at.
const LINES_MAX: usize = 10_000;

/// A program that is talked to in lines of JSON.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
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
    pub fn hear(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
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
    pub fn ask(&mut self, request: &Value) -> Value {
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
        let status = await_some(END, "the end of a program whose stdin was closed", || {
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
