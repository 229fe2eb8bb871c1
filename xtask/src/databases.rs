//! The databases that tests run on: a PostgreSQL cluster and a Redis of their own, in a temporary
//! folder and on free ports, which end with whoever started them, even when that is killed.
//!
//! What is tested on them is the tests' business: they find the addresses in the environment.

use crate::tool;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where tests find PostgreSQL.
const POSTGRES: &str = "SWITCHBOARD_TEST_POSTGRES";
/// Where tests find Redis.
const REDIS: &str = "SWITCHBOARD_TEST_REDIS";
/// PostgreSQL refuses to run as root; root starts it as this user.
const PLAIN_USER: &str = "nobody";
/// Connections to PostgreSQL: every test has a pool of its own.
const CONNECTIONS_MAX: u32 = 400;

/// Flags of `cargo xtask databases`.
#[derive(Debug, clap::Args)]
pub(crate) struct DatabasesArgs {
    /// What to run while they are there, such as cargo nextest run -p store
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Both databases, as long as this lives.
#[derive(Debug)]
pub(crate) struct Databases {
    postgres: Server,
    redis: Server,
    folder: PathBuf,
}

#[derive(Debug)]
struct Server {
    process: Child,
    url: String,
}

/// Runs a command with both databases.
///
/// # Errors
/// They do not start, or the command fails.
pub(crate) fn run(args: &DatabasesArgs) -> Result<()> {
    let databases = Databases::start()?;
    let (program, rest) = args.command.split_first().context("no command")?;
    let mut command = tool::command(program);
    databases.tell(command.args(rest));
    tool::run(&mut command)
}

// === impl Databases ===

impl Databases {
    /// Starts both and waits until they answer.
    ///
    /// # Errors
    /// What is missing, or what they said when they did not start.
    pub(crate) fn start() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("switchboard-databases-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let started = start_postgres(&folder.join("postgres")).and_then(|postgres| {
            let redis = start_redis(&folder)?;
            Ok((postgres, redis))
        });
        match started {
            Ok((postgres, redis)) => Ok(Self { postgres, redis, folder }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    /// Tells a command where they are.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(POSTGRES, &self.postgres.url).env(REDIS, &self.redis.url);
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        self.postgres.end();
        self.redis.end();
        // What stays is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

// === impl Server ===

impl Server {
    /// Starts a server and reads what it says until it is ready.
    fn start(mut command: Command, output: Output, ready: &str, url: String) -> Result<Self> {
        match output {
            Output::Stdout => command.stdout(Stdio::piped()).stderr(Stdio::null()),
            Output::Stderr => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let shown = format!("{command:?}");
        let mut process = command.stdin(Stdio::null()).spawn().with_context(|| format!("cannot start {shown}"))?;
        let said: Box<dyn Read + Send> = match output {
            Output::Stdout => Box::new(process.stdout.take().context("no stdout")?),
            Output::Stderr => Box::new(process.stderr.take().context("no stderr")?),
        };
        let mut lines = BufReader::new(said).lines();
        let mut last = String::new();
        for line in lines.by_ref() {
            last = line?;
            if last.contains(ready) {
                // What it says later is nobody's business, but it must be able to say it.
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Ok(Self { process, url });
            }
        }
        let status = process.wait()?;
        bail!("{shown} ended: {status}: {last}")
    }

    fn end(&mut self) {
        // At once, but PostgreSQL shall give its shared memory back. It may have ended by itself.
        if let Some(process) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process(process, Signal::QUIT);
        }
        let _ = self.process.wait();
    }
}

#[derive(Debug, Clone, Copy)]
enum Output {
    Stdout,
    Stderr,
}

/// A program that ends when we do, whatever ends us: PostgreSQL by the signal for an immediate end.
fn bound(program: &Path, signal: &str, user: Option<&str>) -> Command {
    let mut command = tool::command("setpriv");
    command.args(["--pdeathsig", signal]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

fn start_postgres(folder: &Path) -> Result<Server> {
    fs::create_dir_all(folder)?;
    let user = rustix::process::geteuid().is_root().then_some(PLAIN_USER);
    if let Some(user) = user {
        tool::run(tool::command("chown").arg(user).arg(folder))?;
    }
    let data = folder.join("data");
    let mut init = bound(&postgres_program("initdb")?, "KILL", user);
    init.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]).arg(&data);
    let made = init.stdin(Stdio::null()).output().context("cannot start initdb")?;
    ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr).trim());
    let port = free_port()?;
    let mut command = bound(&postgres_program("postgres")?, "QUIT", user);
    command.arg("-D").arg(&data).arg("-k").arg(folder).args(["-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "shared_buffers=64MB", "fsync=on", "log_min_messages=log"] {
        command.args(["-c", setting]);
    }
    command.args(["-c", &format!("max_connections={CONNECTIONS_MAX}")]);
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    Server::start(command, Output::Stderr, "ready to accept connections", url)
}

fn start_redis(folder: &Path) -> Result<Server> {
    let port = free_port()?.to_string();
    let mut command = bound(Path::new("redis-server"), "QUIT", None);
    command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]).arg(folder);
    Server::start(command, Output::Stdout, "Ready to accept connections", format!("redis://127.0.0.1:{port}/"))
}

/// A program of PostgreSQL: Debian keeps them beside each other by version, outside the search path.
fn postgres_program(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let programs = versions.map(|version| version.path().join("bin").join(name));
    let newest = programs.filter(|program| program.exists()).max();
    let found = newest.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.exists())
    });
    found.with_context(|| format!("there is no {name}; on Debian: sudo apt-get install postgresql"))
}

/// A port that nobody listens on just now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
