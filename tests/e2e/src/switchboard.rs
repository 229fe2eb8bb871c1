//! One running switchboard: the built binary with a configuration, a data folder, a home and a
//! port of its own. When the value is dropped the daemon is told to end, and nothing of it may
//! be left.

use crate::client::{Client, Legacy, Modern};
use crate::processes::Tree;
use crate::programs::{self, Ended};
use crate::waiting::{SOON, await_some, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a daemon may take to end when it is told to.
const END: Duration = Duration::from_secs(15);
/// How long its processes may outlive it.
const AFTERLIFE: Duration = Duration::from_secs(2);

/// Folders and files of one switchboard, whether it runs or not.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    /// The command that runs ours, where it is to run elsewhere: in another network namespace.
    inside: Vec<String>,
    /// Servers inside the program that are offered without an entry; none, so that a test sees
    /// the servers that it declares and no others.
    builtins: String,
}

/// A switchboard that runs.
#[derive(Debug)]
pub struct Switchboard {
    home: Option<Home>,
    child: Option<Child>,
    address: SocketAddr,
    pid: u32,
}

impl Home {
    /// A home with this configuration.
    ///
    /// # Panics
    /// When the disk does not want to.
    #[must_use]
    pub fn new(config: &str) -> Self {
        Self::inside(Vec::new(), config)
    }

    /// A home whose programs are run by `inside`, which must become what it runs.
    #[must_use]
    pub(crate) fn inside(inside: Vec<String>, config: &str) -> Self {
        let folder = TempDir::with_prefix("e2e-").expect("expected a temporary folder");
        let home = Self { folder, inside, builtins: String::new() };
        home.write_config(config);
        home
    }

    /// The same with these servers inside it, separated by commas.
    #[must_use]
    pub fn offering(mut self, builtins: &str) -> Self {
        builtins.clone_into(&mut self.builtins);
        self
    }

    /// The folder with everything of it; also where it runs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("switchboard.toml")
    }

    /// The data folder; the switchboard itself creates it.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A path for something of the test's own.
    #[must_use]
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the configuration in one step, as editors do.
    ///
    /// # Panics
    /// When the disk does not want to.
    pub fn write_config(&self, config: &str) {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, config).expect("expected to write the configuration");
        fs::rename(draft, self.config()).expect("expected to replace the configuration");
    }

    /// What the daemon said on stderr.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    /// The binary with an environment of its own: nothing of whoever runs the tests but `PATH`.
    #[must_use]
    pub fn command(&self) -> Command {
        let program = programs::switchboard();
        let mut command = match self.inside.split_first() {
            Some((first, rest)) => {
                let mut command = programs::command(first);
                command.args(rest).arg(program);
                command
            }
            None => programs::command(program),
        };
        command.env_clear().env("HOME", self.folder.path()).env("NO_COLOR", "1");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("SWITCHBOARD_BUILTINS", &self.builtins);
        command.env("RUST_BACKTRACE", "1").current_dir(self.folder.path());
        command.arg("--data").arg(self.data()).stdin(Stdio::null());
        command
    }

    /// The words of a command for this home, for clients that start their server themselves.
    #[must_use]
    pub fn words(&self, args: &[&str]) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let program = path(programs::switchboard());
        let mut words = vec![program, "--config".into(), path(self.config()), "--data".into(), path(self.data())];
        words.extend(args.iter().map(ToString::to_string));
        words
    }

    /// A command line of `run` for this home.
    #[must_use]
    pub fn run_command(&self, listen: &str) -> Command {
        let mut command = self.command();
        command.arg("run").arg("--config").arg(self.config()).args(["--listen", listen, "-q"]);
        command
    }

    /// Runs `switchboard` with these arguments to its end.
    ///
    /// # Panics
    /// When it does not end soon.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Ended {
        programs::run(self.command().args(args), SOON)
    }

    /// Runs `run` where it is expected to refuse.
    ///
    /// # Panics
    /// When it does not end soon.
    #[track_caller]
    pub fn refused(&self, listen: &str) -> Ended {
        programs::run(&mut self.run_command(listen), SOON)
    }

    /// Starts the switchboard in this home.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Switchboard {
        self.start_with(&[])
    }

    /// The same with these flags of `run`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    #[track_caller]
    pub fn start_with(self, flags: &[&str]) -> Switchboard {
        let note = self.data().join("listen.json");
        // One of an earlier run must not be taken for this one's.
        let _ = fs::remove_file(&note);
        let said = File::options().create(true).append(true).open(self.folder.path().join("stderr"));
        let mut command = self.run_command("127.0.0.1:0");
        command.args(flags).stdout(Stdio::null()).stderr(said.expect("expected a file for stderr"));
        let mut child = command.spawn().expect("expected to start the switchboard");
        let pid = child.id();
        let address = await_some(SOON, "listen.json with an address", || {
            let ended = child.try_wait().expect("expected to ask for the exit status");
            assert!(ended.is_none(), "expected the switchboard to run, it ended with {ended:?}:\n{}", self.said());
            let note: Value = serde_json::from_str(&fs::read_to_string(&note).ok()?).ok()?;
            note["address"].as_str()?.parse().ok()
        });
        Switchboard { home: Some(self), child: Some(child), address, pid }
    }
}

impl Switchboard {
    /// Starts a switchboard with this configuration and waits for its first list, so that names
    /// are known.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    #[track_caller]
    pub fn start(config: &str) -> Self {
        let board = Home::new(config).start();
        // Behind a token it is refused, and those who have one ask themselves.
        board.modern().request("tools/list", json!({}));
        board
    }

    /// The address of its HTTP listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its folders and files.
    ///
    /// # Panics
    /// Never while it runs.
    #[must_use]
    pub fn home(&self) -> &Home {
        self.home.as_ref().expect("expected the home of a running switchboard")
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home().data()
    }

    /// The token of the dashboard and of REST.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn token(&self) -> String {
        let text = fs::read_to_string(self.data().join("token")).expect("expected a token in the data folder");
        text.trim().to_owned()
    }

    /// A modern client of everything.
    #[must_use]
    pub fn modern(&self) -> Modern {
        Modern::new(self.address, "/mcp")
    }

    /// A legacy client of everything.
    #[must_use]
    #[track_caller]
    pub fn legacy(&self) -> Legacy {
        Legacy::new(self.address, "/mcp")
    }

    /// Replaces the configuration; the daemon may notice by itself.
    pub fn rewrite_config(&self, config: &str) {
        self.home().write_config(config);
    }

    /// Tells it to read its configuration again.
    pub fn hup(&self) {
        self.signal(Signal::HUP);
    }

    /// Runs `switchboard` with these arguments against this daemon.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> Ended {
        self.home().cli(args)
    }

    /// The output of a command with `--json`.
    ///
    /// # Panics
    /// When it fails or prints something else.
    #[track_caller]
    pub fn cli_json(&self, args: &[&str]) -> Value {
        let ended = self.cli(&[args, &["--json"]].concat());
        match serde_json::from_str(&ended.stdout) {
            Ok(json) if ended.code == Some(0) => json,
            other => panic!("expected JSON of `switchboard {}`, got {other:?} of {ended:?}", args.join(" ")),
        }
    }

    /// A server as `switchboard status --json` shows it.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn server(&self, name: &str) -> Value {
        let status = self.cli_json(&["status"]);
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        let found = servers.into_iter().find(|server| server["name"] == name);
        found.unwrap_or_else(|| panic!("expected a server `{name}` in {status}"))
    }

    /// Waits until a server is in a state; gives what `status` says then.
    ///
    /// # Panics
    /// When it does not get there soon.
    #[track_caller]
    pub fn server_in(&self, name: &str, state: &str) -> Value {
        let what = format!("the server `{name}` in state {state}");
        await_some(SOON, &what, || Some(self.server(name)).filter(|server| server["state"] == state))
    }

    /// What descends from it now.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree::of(self.pid)
    }

    /// Tells it to end; gives its exit status.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Kills it, the daemon alone.
    ///
    /// # Panics
    /// When it does not end in time.
    #[track_caller]
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Ends it with everything that belongs to it and gives its home, to start it again.
    ///
    /// # Panics
    /// When it does not end, or leaves something behind.
    #[must_use]
    #[track_caller]
    pub fn stop(mut self) -> Home {
        self.end();
        self.home.take().expect("expected the home of a stopped switchboard")
    }

    /// Ends it and starts it again in the same home.
    #[must_use]
    #[track_caller]
    pub fn restart(self) -> Self {
        self.stop().start()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).expect("expected a process id");
        if self.child.is_some() {
            kill_process(pid, signal).expect("expected to reach the switchboard with a signal");
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("expected a switchboard that has not ended yet");
        await_some(END, "the end of the switchboard", || child.try_wait().expect("expected the exit status"))
    }

    #[track_caller]
    fn end(&mut self) {
        if self.child.is_none() {
            return;
        }
        let tree = self.tree();
        self.terminate();
        eventually(AFTERLIFE, "nothing left of the switchboard's processes", || tree.alive().is_empty());
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
            return;
        }
        // The test has failed already: say what the daemon said, and leave nothing behind.
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(home) = &self.home {
            programs::tell(&format!("--- the switchboard said:\n{}", home.said()));
        }
    }
}
