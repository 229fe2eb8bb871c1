//! Limits with real processes, as far as this host can enforce any; what it cannot is said, and
//! the test about it is skipped with a line that says so.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use supervisor::{ExitHow, Guard, ProcessLimits, Spawned, Spawner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running::{gone_within, guard_binary, is_alive, parent_of, read_pids, request, shell, start_guard, within};

/// A shell under limits; nothing where the host cannot enforce them.
#[expect(clippy::print_stdout, reason = "whoever reads the results must see what was not tested")]
async fn limited(guard: &Guard, limits: ProcessLimits, script: &str) -> Option<Spawned> {
    let wanted = supervisor::SpawnRequest { limits, ..request("sh", &["-c", script]) };
    let child = guard.spawn(wanted).await.unwrap();
    let missing = child.handle.meter().not_enforced().join("; ");
    if missing.is_empty() {
        return Some(child);
    }
    println!("skipped: this host cannot enforce {missing}");
    None
}

/// The group that a process is in, below any hierarchy; none where no group is writable.
fn group_of(pid: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let named = text.lines().find(|line| line.contains("/switchboard-"))?;
    Some(named.rsplit_once(':')?.1.to_owned())
}

#[tokio::test]
async fn open_files_are_limited() {
    let guard = start_guard();
    let limits = ProcessLimits { open_files: Some(64), ..ProcessLimits::default() };
    let mut child = limited(&guard, limits, "read go; ulimit -Sn; ulimit -Hn").await.unwrap();
    child.stdin.write_all(b"go\n").await.unwrap();
    assert_eq!(read_pids(&mut child.stdout, 2).await, [64, 64]);
}

#[tokio::test]
async fn processes_are_limited() {
    let guard = start_guard();
    let limits = ProcessLimits { processes: Some(5), ..ProcessLimits::default() };
    // Ten harmless sleepers, of which some cannot be; a shell that cannot fork ends.
    let script = "(for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done) 2>/dev/null; echo $$; read go";
    let Some(mut child) = limited(&guard, limits, script).await else { return };
    let group = group_of(child.pid).expect("a limited process is in a group");
    read_pids(&mut child.stdout, 1).await;
    let usage = child.handle.meter().read().unwrap();
    assert!((2..=5).contains(&usage.processes), "{usage:?}");
    child.handle.kill().await;
    let exit = within(child.handle.wait()).await;
    assert_eq!(exit.left, 0, "{exit}");
    let left = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .map(|mount| format!("{mount}{group}"))
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
    assert_eq!(left, None, "the group is removed");
}

#[tokio::test]
async fn too_much_memory_is_the_reason_that_is_given() {
    let guard = start_guard();
    let limits = ProcessLimits { memory_bytes: Some(32 << 20), ..ProcessLimits::default() };
    // `tail` keeps the one endless line.
    let Some(child) = limited(&guard, limits, "head -c 300000000 /dev/zero | tail -n 1 >/dev/null").await else {
        return;
    };
    let exit = within(child.handle.wait()).await;
    assert_eq!(exit.out_of_memory, Some(32 << 20), "{exit}");
    assert!(exit.to_string().contains("it used more than its memory limit of 32 MiB"), "{exit}");
    // Others, and the guard, are as before.
    assert!(within(shell(&guard, "exit 0").await.unwrap().handle.wait()).await.is_success());
}

#[tokio::test]
async fn the_processor_is_shared_out() {
    let guard = start_guard();
    let limits = ProcessLimits { cpu_percent: Some(20), ..ProcessLimits::default() };
    let began = Instant::now();
    let Some(child) = limited(&guard, limits, "while :; do :; done").await else { return };
    let pid = child.pid;
    let used = tokio::task::spawn_blocking(move || {
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
            if ticks >= 40 {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    });
    within(used).await.unwrap();
    // 400 ms of work at a fifth of a core; unlimited, it would take those 400 ms.
    assert!(began.elapsed() > Duration::from_millis(1200), "{:?}", began.elapsed());
    let usage = child.handle.meter().read().unwrap();
    assert!(usage.cpu_percent > 1.0 && usage.cpu_percent < 60.0, "{usage:?}");
}

#[tokio::test]
async fn what_a_tree_uses_is_known_when_asked() {
    let guard = start_guard();
    let mut child = shell(&guard, "setsid sleep 1000 & echo $$; read go").await.unwrap();
    read_pids(&mut child.stdout, 1).await;
    let meter = child.handle.meter();
    let usage = meter.read().unwrap();
    assert!(usage.processes == 2 && usage.memory_bytes > 100_000, "{usage:?}");
    child.handle.kill().await;
    within(child.handle.wait()).await;
    assert_eq!(meter.read(), None);
}

#[tokio::test]
async fn a_child_has_three_descriptors() {
    let guard = start_guard();
    for limits in [ProcessLimits::default(), ProcessLimits { processes: Some(100), ..ProcessLimits::default() }] {
        let mut wanted = request("sh", &["-c", "echo /proc/$$/fd/*"]);
        wanted.limits = limits;
        let mut child = guard.spawn(wanted).await.unwrap();
        let mut out = String::new();
        within(child.stdout.read_to_string(&mut out)).await.unwrap();
        let numbers: Vec<&str> = out.split_whitespace().filter_map(|path| path.rsplit('/').next()).collect();
        // One more is the folder that the shell reads.
        assert!(numbers.starts_with(&["0", "1", "2"]) && numbers.len() <= 4, "{out}");
    }
}

#[tokio::test]
async fn who_hears_nothing_on_stdin_is_told_at_once() {
    let guard = start_guard();
    let mut child = shell(&guard, "echo $$; exec sleep 1000").await.unwrap();
    read_pids(&mut child.stdout, 1).await;
    drop(child.stdin);
    child.handle.ignores_stdin();
    let began = Instant::now();
    let stopped = within(child.handle.stop(Duration::from_secs(8))).await;
    assert_eq!(stopped.exit.how, ExitHow::Signal(15));
    assert!(began.elapsed() < Duration::from_secs(3));
}

/// Daemon and guard are killed together: nobody is left to end the child, until the next guard.
#[test]
fn the_next_guard_ends_what_a_dead_one_left() {
    let script = "trap '' HUP TERM INT; exec sleep 1000 </dev/null";
    #[expect(clippy::disallowed_methods, reason = "the daemon under test is nobody's server")]
    let mut daemon = Command::new(guard_binary()).args(["daemon", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(daemon.stdout.take().unwrap()), &mut line).unwrap();
    let main: u32 = line.trim().parse().unwrap();
    let guard = Pid::from_raw(i32::try_from(parent_of(main)).unwrap()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(3);
    while group_of(main).is_none() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let grouped = group_of(main).is_some();
    kill_process(guard, Signal::STOP).unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    kill_process(guard, Signal::KILL).unwrap();
    if !grouped {
        println!("skipped: no cgroup is writable here");
        kill_process(Pid::from_raw(i32::try_from(main).unwrap()).unwrap(), Signal::KILL).unwrap();
        return;
    }
    assert!(is_alive(main), "nobody is left to end it");
    // A guard of somebody else, alive, keeps what is its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let other = start_guard();
        let kept = shell(&other, "exec sleep 1000").await.unwrap();
        let next = start_guard();
        let first = shell(&next, "exec sleep 1000").await.unwrap();
        gone_within(&[main], Duration::from_secs(3)).expect("left alive");
        assert!(is_alive(kept.pid) && is_alive(first.pid));
    });
}
