//! A PostgreSQL server of a test's own, to be killed, stopped and started again.

use crate::base::skipped;
use secrecy::SecretString;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use store::Place;
use tempfile::TempDir;

/// A cluster; its server is killed with it.
pub(crate) struct Cluster {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
    settings: &'static [&'static str],
}

/// Starts a tool of the system.
#[expect(clippy::disallowed_methods, reason = "a database server of the test's own, and tools")]
pub(crate) fn tool(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

// === impl Cluster ===

impl Cluster {
    /// Nothing, with a line, where there is no PostgreSQL.
    pub(crate) fn start(settings: &'static [&'static str]) -> Option<Self> {
        let Some(initdb) = program("initdb") else {
            skipped("a PostgreSQL of its own", "there is no initdb on this machine");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            assert!(tool("chown").arg("nobody").arg(folder.path()).status().unwrap().success());
        }
        let mut init = plain(&initdb);
        init.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"]);
        let made = init.arg(folder.path().join("data")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut cluster = Self { folder, port, server: None, settings };
        cluster.go();
        Some(cluster)
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn go(&mut self) {
        let mut command = plain(&program("postgres").unwrap());
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]);
        for setting in self.settings {
            command.args(["-c", setting]);
        }
        let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {said:?}")).unwrap();
            if line.contains("ready to accept connections") {
                break;
            }
            said.push(line);
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.server = Some(server);
    }

    /// Ends the server at once, as after a crash.
    pub(crate) fn crash(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal("QUIT", server.id());
            server.wait().unwrap();
        }
    }

    /// Signals the server and all its processes.
    pub(crate) fn signal_all(&self, name: &str) {
        let server = self.server.as_ref().unwrap().id();
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        for process in children.split_whitespace() {
            signal(name, process.parse().unwrap());
        }
        signal(name, server);
    }

    pub(crate) fn place(&self) -> Place {
        Place::Url(SecretString::from(self.address()))
    }

    pub(crate) fn address(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.crash();
    }
}

fn signal(name: &str, process: u32) {
    // A process that has just ended needs none.
    let _ = tool("kill").args([format!("-{name}"), process.to_string()]).stderr(Stdio::null()).status();
}

fn plain(program: &Path) -> Command {
    let mut command = tool("setpriv");
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn program(name: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest = versions.map(|version| version.path().join("bin").join(name)).filter(|path| path.exists()).max();
    newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists())
    })
}
