//! What the tests stand on: a guard, shells, and waiting for conditions with a deadline.

use std::future::Future;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use supervisor::{Guard, ProcessLimits, SpawnError, SpawnRequest, Spawned, Spawner};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;

/// The binary that is a guard and nothing else.
pub(crate) fn guard_binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_guard_only"))
}

pub(crate) fn start_guard() -> Guard {
    Guard::start(guard_binary()).unwrap()
}

pub(crate) fn request(program: &str, args: &[&str]) -> SpawnRequest {
    SpawnRequest {
        program: program.into(),
        args: args.iter().map(|arg| (*arg).into()).collect(),
        env: vec![("PATH".into(), std::env::var("PATH").unwrap())],
        cwd: None,
        limits: ProcessLimits::default(),
    }
}

pub(crate) async fn shell(guard: &Guard, script: &str) -> Result<Spawned, SpawnError> {
    guard.spawn(request("sh", &["-c", script])).await
}

/// Reads `count` numbers, one per line, that a script prints.
pub(crate) async fn read_pids(stdout: &mut pipe::Receiver, count: usize) -> Vec<u32> {
    let mut lines = BufReader::new(stdout).lines();
    let mut pids = Vec::new();
    while pids.len() < count {
        let line = within(lines.next_line()).await.unwrap().unwrap();
        pids.push(line.trim().parse().unwrap());
    }
    pids
}

/// The result of a future that must come soon.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("took over 10 s")
}

/// Whether a process runs (a zombie does not).
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    !matches!(stat.rsplit_once(')'), Some((_, rest)) if rest.trim_start().starts_with('Z'))
}

/// Polls until none of `pids` runs; returns how long that took, or who is left at the deadline.
pub(crate) fn gone_within(pids: &[u32], deadline: Duration) -> Result<Duration, Vec<u32>> {
    let since = Instant::now();
    loop {
        let left: Vec<u32> = pids.iter().copied().filter(|pid| is_alive(*pid)).collect();
        if left.is_empty() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > deadline {
            return Err(left);
        }
        std::thread::yield_now();
    }
}

/// The processes whose parent is `parent`, zombies included.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let mut text = String::new();
    std::fs::File::open(path).unwrap().read_to_string(&mut text).unwrap();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The parent of `pid`: of a spawned child, the guard.
pub(crate) fn parent_of(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    line.trim().parse().unwrap()
}

/// How many descriptors `pid` has open.
pub(crate) fn open_fds(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}
