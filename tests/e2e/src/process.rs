//! Processes as tests see them: programs to start, children and grandchildren by `/proc`, whether
//! one still lives. A process is known by pid and start time, so that a reused pid fools nobody.

use crate::wait::until;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A command that a test runs.
#[expect(clippy::disallowed_methods, reason = "tests start real programs")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Path of a program of this workspace, beside the test's own.
///
/// # Panics
/// It is not built; the message says how to build it.
pub fn built(name: &str) -> PathBuf {
    if name == "switchboard"
        && let Some(path) = std::env::var_os("SWITCHBOARD_BIN")
    {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().unwrap_or_else(|why| panic!("no path of this test: {why}"));
    let folder = test.ancestors().nth(2).unwrap_or_else(|| panic!("{} has no folder", test.display()));
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not built: run `cargo build -p cli -p fixture -p testkit`", path.display());
    path
}

/// What a program that ended has left.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// Runs a program to its end and collects what it prints.
///
/// # Panics
/// It does not start, or does not end within `limit` (it is killed then).
pub fn run(mut command: Command, limit: Duration) -> Outcome {
    let shown = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start {shown}: {why}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let deadline = std::time::Instant::now() + limit;
    let code = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            Ok(None) if std::time::Instant::now() < deadline => std::thread::park_timeout(Duration::from_millis(10)),
            _ => {
                drop(child.kill());
                drop(child.wait());
                let (stdout, stderr) = (joined(stdout), joined(stderr));
                panic!("{shown} did not end within {limit:?}\nstdout: {stdout}\nstderr: {stderr}");
            }
        }
    };
    Outcome { code, stdout: joined(stdout), stderr: joined(stderr) }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn joined(reader: std::thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

/// A server of others that said where it listens. Killed when dropped.
#[derive(Debug)]
pub struct Listening {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Listening {
    /// Starts a server that prints `listening on ADDRESS` on stdout.
    ///
    /// # Panics
    /// It does not start or ends without having said so.
    pub fn start(mut command: Command) -> Self {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|why| panic!("cannot start {shown}: {why}"));
        let mut lines = BufReader::new(child.stdout.take().unwrap_or_else(|| panic!("no stdout"))).lines();
        let address = loop {
            match lines.next() {
                Some(Ok(line)) => {
                    if let Some(address) = line.strip_prefix("listening on ") {
                        break address.trim().to_owned();
                    }
                }
                _ => panic!("{shown} ended before it listened"),
            }
        };
        // Whatever it prints later must not fill the pipe and stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Takes a server that was started in another way and is known to listen.
    ///
    /// # Panics
    /// It does not start, or does not accept connections within 30 s.
    pub fn start_at(mut command: Command, port: u16) -> Self {
        let shown = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|why| panic!("cannot start {shown}: {why}"));
        let listening = Self { child, address: format!("127.0.0.1:{port}") };
        until(Duration::from_secs(30), &format!("{shown} to listen"), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        listening
    }

    /// `http://ADDRESS/mcp`.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One process, known by pid and start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proc {
    /// Process id.
    pub pid: u32,
    start: u64,
}

impl Proc {
    /// The process that has this pid now; nothing if there is none or only its remains.
    pub fn now(pid: u32) -> Option<Self> {
        let (_, start) = stat(pid)?;
        Some(Self { pid, start })
    }

    /// Whether it still runs. A zombie does not.
    pub fn lives(self) -> bool {
        Self::now(self.pid) == Some(self)
    }

    /// Its command line, for messages.
    pub fn shown(self) -> String {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        format!("{} {}", self.pid, String::from_utf8_lossy(&line).replace('\0', " "))
    }
}

/// Parent and start time of a process that is not a zombie.
fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count from its end.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some((fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

/// All living descendants of a process, in the order of their pids.
pub fn descendants(root: u32) -> Vec<Proc> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some((parent, _)) = stat(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            found.extend(Proc::now(pid));
            open.push(pid);
        }
    }
    found.sort_unstable();
    found
}
