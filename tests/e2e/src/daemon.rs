//! A running switchboard of its own: own folder, own port, own configuration. When it is dropped
//! it is told to stop, must do so in time, and must leave no process behind.

use crate::process::{Outcome, Proc, built, command, descendants, run};
use crate::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// After the daemon is gone, however it went, nothing of it may live longer than this.
const LEFTOVER_LIMIT: Duration = Duration::from_secs(2);

/// A daemon that runs.
#[derive(Debug)]
pub struct Switchboard {
    child: Child,
    folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

/// A daemon that ended before it was ready.
#[derive(Debug)]
pub struct Stopped {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// What it printed on stdout and stderr.
    pub output: String,
}

impl Switchboard {
    /// Starts with this text as its `switchboard.toml`, on a free port.
    ///
    /// # Panics
    /// It is not ready within 30 s; the message holds what it printed.
    pub fn start(config: &str) -> Self {
        Self::try_start(config, "127.0.0.1:0")
            .unwrap_or_else(|ended| panic!("the daemon ended with {}:\n{}", ended.code, ended.output))
    }

    /// Starts, or says how it ended instead.
    ///
    /// # Errors
    /// The daemon ended by itself before it was ready.
    ///
    /// # Panics
    /// It neither ended nor became ready within 30 s.
    pub fn try_start(config: &str, listen: &str) -> Result<Self, Stopped> {
        let folder = tempfile::Builder::new().prefix("sb-").tempdir();
        let folder = folder.unwrap_or_else(|why| panic!("no folder: {why}"));
        write(&folder.path().join("switchboard.toml"), config);
        Self::start_in(folder, listen)
    }

    fn start_in(folder: TempDir, listen: &str) -> Result<Self, Stopped> {
        let output = folder.path().join("output");
        let log = File::create(&output).unwrap_or_else(|why| panic!("no log: {why}"));
        let same = log.try_clone().unwrap_or_else(|why| panic!("no log: {why}"));
        let mut daemon = program(folder.path());
        daemon.args(["--listen", listen, "run"]).stdin(Stdio::null()).stdout(log).stderr(same);
        let mut child = daemon.spawn().unwrap_or_else(|why| panic!("cannot start the daemon: {why}"));
        let ready = folder.path().join("data/listen.json");
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let said: Option<Value> = fs::read(&ready).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if let Some(address) = said.as_ref().and_then(|said| said["address"].as_str()) {
                let address = address.to_owned();
                return Ok(Self { child, folder, address });
            }
            if let Ok(Some(status)) = child.try_wait() {
                let output = fs::read_to_string(&output).unwrap_or_default();
                return Err(Stopped { code: status.code().unwrap_or(-1), output });
            }
            if Instant::now() > deadline {
                drop(child.kill());
                panic!("not ready within {START_LIMIT:?}: {}", fs::read_to_string(&output).unwrap_or_default());
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// The endpoint for clients.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Process id of the daemon.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder with `switchboard.toml` and `data`; also the daemon's working folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the daemon printed so far.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder().join("output")).unwrap_or_default()
    }

    /// Runs a command of the CLI against this daemon.
    pub fn cli(&self, args: &[&str]) -> Outcome {
        let mut program = program(self.folder());
        program.args(args);
        run(program, Duration::from_secs(30))
    }

    /// The words of a command of the CLI against this daemon, for clients that start it themselves.
    pub fn cli_words(&self, args: &[&str]) -> Vec<String> {
        let folder = self.folder();
        let mut words = vec![built("switchboard").display().to_string()];
        words.extend(["--config".into(), folder.join("switchboard.toml").display().to_string()]);
        words.extend(["--data".into(), folder.join("data").display().to_string()]);
        words.extend(args.iter().map(ToString::to_string));
        words
    }

    /// Replaces the configuration in one step, as an editor does. The daemon notices by itself.
    pub fn rewrite_config(&self, config: &str) {
        let new = self.folder().join("switchboard.toml.new");
        write(&new, config);
        fs::rename(&new, self.folder().join("switchboard.toml")).unwrap_or_else(|why| panic!("rename: {why}"));
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // A daemon that is gone already needs no signal.
            kill_process(pid, signal).unwrap_or_default();
        }
    }

    /// Kills the daemon without a warning; gives back all that it had running.
    pub fn kill_hard(&mut self) -> Vec<Proc> {
        let all = descendants(self.pid());
        drop(self.child.kill());
        drop(self.child.wait());
        all
    }

    /// Stops with TERM and gives back the exit code.
    ///
    /// # Panics
    /// It takes longer than 15 s, or something of it lives on 2 s later.
    pub fn stop(mut self) -> i32 {
        self.end()
    }

    fn end(&mut self) -> i32 {
        if let Ok(Some(status)) = self.child.try_wait() {
            return status.code().unwrap_or(-1);
        }
        let family = descendants(self.pid());
        self.signal(Signal::TERM);
        let code = until(STOP_LIMIT, "the daemon to stop on TERM", || {
            let status = self.child.try_wait().ok().flatten();
            status.map(|status| status.code().unwrap_or(-1))
        });
        assert_gone(&family, LEFTOVER_LIMIT);
        code
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the daemon printed:\n{}---", self.output());
            drop(self.child.kill());
            drop(self.child.wait());
            return;
        }
        self.end();
    }
}

/// Waits until none of the processes lives.
///
/// # Panics
/// One of them lives longer than `limit`; all that do are named.
pub(crate) fn assert_gone(family: &[Proc], limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        let left: Vec<String> = family.iter().filter(|one| one.lives()).map(|one| one.shown()).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind after {limit:?}: {left:#?}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

impl Proc {
    /// Waits until none of these lives.
    ///
    /// # Panics
    /// One lives longer than `limit`.
    pub fn assert_all_gone(family: &[Self], limit: Duration) {
        assert_gone(family, limit);
    }
}

/// The binary with the flags that keep it in its folder, away from the user's own files.
fn program(folder: &Path) -> Command {
    let mut program = command(built("switchboard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHBOARD_") {
            program.env_remove(name);
        }
    }
    let home: PathBuf = folder.join("home");
    program
        .current_dir(folder)
        .env("HOME", &home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_RUNTIME_DIR")
        .env("NO_COLOR", "1")
        .arg("--config")
        .arg(folder.join("switchboard.toml"))
        .arg("--data")
        .arg(folder.join("data"));
    program
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|why| panic!("cannot write {}: {why}", path.display()));
}
