//! What is left when the daemon or the guard dies: nothing, soon.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use supervisor::ExitHow;

use crate::running::{gone_within, guard_binary, is_alive, parent_of, read_pids, shell, start_guard, within};

/// What DESIGN.md section 6 promises.
const GONE_AFTER: Duration = Duration::from_secs(2);

/// A tree that does not want to go: the main process, a grandchild in a session of its own, and an
/// orphan with neither our marker nor a parent. All ignore TERM, HUP and a closed stdin; each
/// writes its pid to the file that the test names.
fn stubborn_tree(pids: &std::path::Path) -> String {
    let pids = pids.display();
    format!(
        r#"
        trap "" TERM HUP INT
        (setsid sh -c 'echo $$ >> {pids}; exec sleep 1000' &)
        (setsid env -i /bin/sh -c 'echo $$ >> {pids}; exec sleep 1000' &)
        setsid sh -c 'setsid sh -c "echo \$\$ >> {pids}; while :; do sleep 1000; done" & wait' &
        echo $$ >> {pids}
        while :; do sleep 1000; done
        "#
    )
}

const TREE_PIDS: usize = 4;

/// Waits until the whole tree has written its pids.
fn read_tree(pids: &std::path::Path) -> Vec<u32> {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(pids).unwrap_or_default();
        let found: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if found.len() == TREE_PIDS && text.ends_with('\n') {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "the tree did not grow: {found:?}");
        std::thread::yield_now();
    }
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// A daemon of its own, with a tree under its guard.
struct Daemon {
    process: Child,
    guard: u32,
    tree: Vec<u32>,
    _folder: tempfile::TempDir,
}

impl Daemon {
    #[expect(clippy::disallowed_methods, reason = "the daemon under test is nobody's server")]
    fn start() -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let mut process = Command::new(guard_binary())
            .args(["daemon", &stubborn_tree(&pids)])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let main: u32 = line.trim().parse().unwrap();
        let tree = read_tree(&pids);
        assert!(tree.contains(&main));
        Daemon { process, guard: parent_of(main), tree, _folder: folder }
    }

    /// Everything below the daemon.
    fn everyone(&self) -> Vec<u32> {
        self.tree.iter().copied().chain([self.guard]).collect()
    }
}

#[test]
fn a_killed_daemon_leaves_nothing() {
    let mut daemon = Daemon::start();
    let everyone = daemon.everyone();
    assert!(everyone.iter().all(|pid| is_alive(*pid)));
    daemon.process.kill().unwrap();
    let took = gone_within(&everyone, GONE_AFTER).expect("left alive");
    daemon.process.wait().unwrap();
    println!("gone {} ms after kill -9 of the daemon", took.as_millis());
}

#[test]
fn the_guard_survives_what_a_terminal_sends() {
    let mut daemon = Daemon::start();
    for signal in [Signal::INT, Signal::HUP, Signal::TERM] {
        kill(daemon.guard, signal);
    }
    // The guard still does its duty afterwards.
    daemon.process.kill().unwrap();
    daemon.process.wait().unwrap();
    gone_within(&daemon.everyone(), GONE_AFTER).expect("left alive");
}

#[test]
fn a_stopped_tree_dies_with_its_daemon() {
    let mut daemon = Daemon::start();
    for pid in &daemon.tree {
        kill(*pid, Signal::STOP);
    }
    daemon.process.kill().unwrap();
    daemon.process.wait().unwrap();
    gone_within(&daemon.everyone(), GONE_AFTER).expect("left alive");
}

#[test]
fn daemon_and_guard_killed_together_close_the_pipes_at_least() {
    // Nobody is left to kill: what reads its stdin ends, as with any parent that dies.
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script = format!("echo $$ >> {}; exec cat", pids.display());
    #[expect(clippy::disallowed_methods, reason = "the daemon under test is nobody's server")]
    let mut process = Command::new(guard_binary()).args(["daemon", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let main: u32 = line.trim().parse().unwrap();
    let guard = parent_of(main);
    process.kill().unwrap();
    // The guard may have gone already.
    let _ = kill_process(Pid::from_raw(i32::try_from(guard).unwrap()).unwrap(), Signal::KILL);
    process.wait().unwrap();
    gone_within(&[main], GONE_AFTER).expect("left alive");
}

#[tokio::test]
async fn a_killed_guard_leaves_nothing_and_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let guard = start_guard();
    let child = shell(&guard, &stubborn_tree(&pids)).await.unwrap();
    let idle = shell(&guard, "exec sleep 1000").await.unwrap();
    let tree = tokio::task::spawn_blocking(move || read_tree(&pids)).await.unwrap();
    kill(parent_of(child.pid), Signal::KILL);
    for handle in [&child.handle, &idle.handle] {
        let exit = within(handle.wait()).await;
        assert_eq!(exit.how, ExitHow::GuardDied, "{exit}");
    }
    let alive: Vec<_> = tree.iter().chain([&idle.pid]).filter(|pid| is_alive(**pid)).collect();
    assert!(alive.is_empty(), "left alive: {alive:?}");
    let mut next = shell(&guard, "echo $$; exec cat").await.unwrap();
    assert_eq!(read_pids(&mut next.stdout, 1).await, [next.pid]);
}

/// In a container the leader of our session is often outside, and our session has the number 0.
#[test]
#[expect(clippy::disallowed_methods, reason = "it runs this very test program, and no server")]
fn the_same_in_a_pid_namespace() {
    let inside = |program: &std::path::Path, arguments: &[&str]| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
    };
    if !inside("true".as_ref(), &[]).is_ok_and(|output| output.status.success()) {
        println!("skipped: this system lets us make no PID namespace with unshare(1)");
        return;
    }
    let test = ["deaths::a_killed_guard_leaves_nothing_and_is_replaced", "--exact"];
    let output = inside(&std::env::current_exe().unwrap(), &test).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
