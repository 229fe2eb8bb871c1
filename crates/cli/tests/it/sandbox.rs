//! A folder with a home, a data folder and a configuration, and the binary run in it with nothing
//! of the machine's environment but PATH.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Where one test lives.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

/// A daemon that listens. Dropping it kills it.
pub(crate) struct Daemon {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) announced: Value,
    stderr: PathBuf,
}

/// What a command printed and how it ended.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Polls `condition` until it gives something.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The server that behaves as it is told, beside the binary under test.
pub(crate) fn misbehave() -> String {
    let path = Path::new(env!("CARGO_BIN_EXE_switchboard")).with_file_name("mcp-misbehave");
    assert!(path.exists(), "{} is missing: cargo build -p testkit", path.display());
    path.display().to_string()
}

/// The entry of a well-behaved server called `name`.
pub(crate) fn entry(name: &str, mode: &str) -> String {
    format!("[servers.{name}]\ncommand = \"{}\"\nargs = [\"{mode}\"]\n", misbehave())
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("home")).unwrap();
        Self { folder, root }
    }

    /// A sandbox whose configuration declares one good server, `ok`.
    pub(crate) fn with_server() -> Self {
        let sandbox = Self::new();
        sandbox.configure(&entry("ok", "ok"));
        sandbox
    }

    /// Writes the user's configuration.
    pub(crate) fn configure(&self, text: &str) {
        let folder = self.root.join("home/.config/switchboard");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("switchboard.toml"), text).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "tests run the program that is tested")]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.args(arguments).env_clear().current_dir(&self.root);
        command.env("PATH", "/usr/bin:/bin").env("HOME", self.root.join("home"));
        // A test sees the servers that it declares, and no others.
        command.env("SWITCHBOARD_BUILTINS", "");
        command.env("SWITCHBOARD_DATA", self.root.join("data")).env("SWITCHBOARD_LISTEN", "127.0.0.1:0");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        finished(&mut self.command(arguments))
    }

    /// Runs a command that must succeed and print JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}{}", finished.stdout, finished.stderr);
        serde_json::from_str(&finished.stdout).unwrap()
    }

    /// Starts a daemon and waits until it listens.
    pub(crate) fn daemon(&self) -> Daemon {
        self.daemon_with(&[])
    }

    pub(crate) fn daemon_with(&self, arguments: &[&str]) -> Daemon {
        let stderr = self.root.join("stderr");
        let mut command = self.command(&[&["run", "--json"], arguments].concat());
        command.stdout(Stdio::piped()).stderr(File::create(&stderr).unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let announced = serde_json::from_str(&line);
        let said = || std::fs::read_to_string(&stderr).unwrap();
        let announced: Value = announced.unwrap_or_else(|error| panic!("{error}: {line}{}", said()));
        Daemon { child, _stdout: stdout, announced, stderr }
    }

    /// Waits until `server` is in `state`.
    pub(crate) fn wait_for(&self, server: &str, state: &str) -> Value {
        eventually(&format!("{server} is {state}"), || {
            let status = self.json(&["status"]);
            let servers = status["servers"].as_array().unwrap().clone();
            servers.into_iter().find(|found| found["name"] == server && found["state"] == state)
        })
    }

    /// `text` with everything that differs from run to run replaced.
    pub(crate) fn stable(&self, text: &str) -> String {
        let text = text.replace(&misbehave(), "[MISBEHAVE]").replace(env!("CARGO_BIN_EXE_switchboard"), "[EXE]");
        let text = text.replace(&self.root.display().to_string(), "[DIR]");
        text.replace(&self.folder.path().display().to_string(), "[DIR]")
    }
}

impl Daemon {
    pub(crate) fn pid(&self) -> u64 {
        self.announced["pid"].as_u64().unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        self.announced["address"].as_str().unwrap()
    }

    /// What it said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends a signal by its number.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the daemon has ended", || self.child.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// The same for a table: how wide a column is depends on paths and process ids.
    pub(crate) fn shown_table(&self, sandbox: &Sandbox) -> String {
        let shown = self.shown(sandbox);
        let lines = shown.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()));
        lines.map(|cells| cells.collect::<Vec<_>>().join("  ")).collect::<Vec<_>>().join("\n")
    }

    /// Exit code and both streams, as a terminal would show them.
    pub(crate) fn shown(&self, sandbox: &Sandbox) -> String {
        let text = format!(
            "exit: {}\n--- stdout\n{}--- stderr\n{}",
            self.code.map_or("signal".to_owned(), |code| code.to_string()),
            self.stdout,
            self.stderr
        );
        sandbox.stable(&text)
    }
}

pub(crate) fn finished(command: &mut Command) -> Finished {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Hides ports, process ids, times and counts of bytes.
macro_rules! snapshot {
    ($name:literal, $text:expr) => {
        insta::with_settings!({
            prepend_module_to_snapshot => false,
            filters => vec![
                (r"127\.0\.0\.1:\d+", "[ADDR]"),
                (r"#token=[0-9a-f]{64}", "#token=[TOKEN]"),
                (r"process \d+", "process [PID]"),
                (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[TIME]"),
                (r"memory [\d.]+ MiB \(guard [\d.]+ MiB\)", "memory [SIZE] (guard [SIZE])"),
                (r"up \d+s", "up [AGE]"),
                // Between half and all of the delay.
                (r"tried again in \d+ s", "tried again in [AGE]"),
                (r"(stopped|ready), for \d+s", "$1, for [AGE]"),
                (r"backup-\d{8}-\d{6}", "backup-[TIME]"),
                (
                    r"(?m)^(ok  ready  healthy  )\d+s(  \w+  stdio  \d+  )\d+  [\d.]+ MiB  [\d.]+ %",
                    "$1[AGE]$2[PID]  [SIZE]  [SHARE]"
                ),
            ]
        }, { insta::assert_snapshot!($name, $text) });
    };
}
pub(crate) use snapshot;
