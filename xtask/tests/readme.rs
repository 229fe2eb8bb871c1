//! The README is true: every command in its `sh` blocks runs here, in its order, as a new user
//! would type it, in a home of its own and with the configuration that the README shows.
//!
//! Lines that cannot run inside a test are listed with the reason. What the commands print is the
//! business of the end-to-end tests; here they only have to succeed.

// Always true here; it tells clippy that all of this is a test.
#![cfg(test)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

/// Lines that are not run, and why.
const NOT_RUN: [(&str, &str); 3] = [
    ("cargo run --release", "it is `switchboard run` after minutes of building"),
    ("cargo xtask test", "this test is a part of it"),
    ("cargo install --path crates/cli", "minutes of building; the built binary stands in for it"),
];

/// The line that stays in the foreground; the lines after it are for another terminal.
const RUN: &str = "switchboard run";

/// How long the switchboard may take until it answers.
const START: Duration = Duration::from_secs(30);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// The lines of all blocks of a language, without comments.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    let fence = format!("```{language}\n");
    let blocks = readme.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect()
}

fn is_run(line: &str) -> bool {
    !NOT_RUN.iter().any(|(listed, _)| *listed == line)
}

#[test]
fn every_command_is_run_or_listed() {
    let lines = blocks("sh");
    for (listed, why) in NOT_RUN {
        assert!(lines.iter().any(|line| line == listed), "the README has no `{listed}` ({why})");
    }
    for line in lines.iter().filter(|line| is_run(line)) {
        assert!(line.starts_with("switchboard "), "nothing runs `{line}`; list it with the reason");
    }
}

#[test]
fn the_commands_work() {
    let test = std::env::current_exe().expect("this test");
    let binary = test.parent().and_then(Path::parent).expect("its folder").join("switchboard");
    let server = root().join("target/peers/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    for needed in [&binary, &server] {
        if !needed.exists() {
            eprintln!("skipped: {} is not there; `cargo xtask test` makes it", needed.display());
            return;
        }
    }
    let user = User::new(&binary, &server);
    let mut running = None;
    for line in blocks("sh").iter().filter(|line| is_run(line)) {
        if line == RUN {
            running = Some(user.start(line));
            continue;
        }
        let output = user.output(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{line}` failed: {}\n{said}", output.status);
    }
    assert!(running.is_some(), "the README never runs the switchboard");
}

/// A new user: an empty home with the README's configuration.
struct User {
    home: tempfile::TempDir,
    listen: String,
}

/// A command in the foreground of a terminal; interrupted when dropped.
struct Running(Child);

// === impl User ===

impl User {
    fn new(binary: &Path, server: &Path) -> Self {
        let home = tempfile::tempdir().expect("a home");
        let bin = home.path().join("bin");
        let config = home.path().join(".config/switchboard");
        fs::create_dir_all(&bin).expect("bin");
        fs::create_dir_all(&config).expect("config");
        symlink(binary, bin.join("switchboard")).expect("switchboard");
        // npx would fetch the same server from the network.
        let npx = format!("#!/bin/sh\nexec node '{}'\n", server.display());
        fs::write(bin.join("npx"), npx).expect("npx");
        fs::set_permissions(bin.join("npx"), fs::Permissions::from_mode(0o755)).expect("npx");
        fs::write(config.join("switchboard.toml"), blocks("toml").join("\n")).expect("a configuration");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self { home, listen: free.expect("a free port").to_string() }
    }

    #[expect(clippy::disallowed_methods, reason = "tests drive built programs")]
    fn shell(&self, line: &str) -> Command {
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            let shown = name.to_string_lossy();
            if shown.starts_with("SWITCHBOARD_") || shown.starts_with("XDG_") {
                shell.env_remove(name);
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", self.home.path().join("bin").display()));
        shell.env("HOME", self.home.path()).env("SWITCHBOARD_LISTEN", &self.listen);
        shell.args(["-c", &format!("exec {line}")]).current_dir(self.home.path());
        shell
    }

    fn output(&self, line: &str) -> Output {
        self.shell(line).output().expect("a shell")
    }

    /// Starts the switchboard and waits until it answers.
    fn start(&self, line: &str) -> Running {
        let mut running = Running(self.shell(line).spawn().expect("a shell"));
        let deadline = Instant::now() + START;
        while !self.output("switchboard status").status.success() {
            let ended = running.0.try_wait().expect("a child");
            assert!(ended.is_none(), "`{line}` ended: {ended:?}");
            assert!(Instant::now() < deadline, "`{line}` does not answer");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        let asked = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let ended = self.0.wait();
        assert!(std::thread::panicking() || (asked.is_ok() && ended.is_ok_and(|status| status.success())));
    }
}
