//! Children: good ones, ones that cannot start, ones that will not end.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use supervisor::{ExitHow, SpawnError, Spawner, StopStep};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::running::{
    children_of, gone_within, guard_binary, is_alive, open_fds, parent_of, read_pids, request, shell, start_guard,
    within,
};

/// A grandchild in a session of its own that ignores everything it can. Prints its pid.
const STUBBORN_GRANDCHILD: &str =
    r#"(trap "" TERM HUP INT; setsid sh -c 'trap "" TERM HUP INT; echo $$; exec sleep 1000' &);"#;

#[tokio::test]
async fn talks_through_its_pipes_and_reports_its_status() {
    let guard = start_guard();
    let mut child = shell(&guard, "cat; echo oops >&2; exit 3").await.unwrap();
    child.stdin.write_all(b"hello").await.unwrap();
    drop(child.stdin);
    let (mut out, mut err) = (String::new(), String::new());
    within(child.stdout.read_to_string(&mut out)).await.unwrap();
    within(child.stderr.read_to_string(&mut err)).await.unwrap();
    let exit = within(child.handle.wait()).await;
    assert_eq!((out.as_str(), err.as_str()), ("hello", "oops\n"));
    assert_eq!(exit.to_string(), "exited with status 3");
    assert!(!exit.is_success());
}

#[tokio::test]
async fn a_megabyte_goes_round() {
    let guard = start_guard();
    let mut child = guard.spawn(request("cat", &[])).await.unwrap();
    let sent = vec![b'x'; 1 << 20];
    let copy = sent.clone();
    let mut stdin = child.stdin;
    let writing = tokio::spawn(async move { stdin.write_all(&copy).await });
    let mut received = Vec::new();
    within(child.stdout.read_to_end(&mut received)).await.unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(received, sent);
    assert!(within(child.handle.wait()).await.is_success());
}

#[tokio::test]
async fn gets_its_own_environment_and_nothing_else() {
    let guard = start_guard();
    let mut wanted = request("sh", &["-c", "env; pwd; ls -1 /proc/self/fd; tty"]);
    wanted.env.push(("GREETING".into(), "hi".into()));
    wanted.cwd = Some("/".into());
    let mut child = guard.spawn(wanted).await.unwrap();
    let mut out = String::new();
    within(child.stdout.read_to_string(&mut out)).await.unwrap();
    assert!(out.contains("GREETING=hi\n") && out.contains("\n/\n"), "{out}");
    assert!(out.contains("SWITCHBOARD_INSTANCE="), "{out}");
    assert!(!out.contains("CARGO"), "{out}");
    // 3 is the folder that `ls` reads.
    assert!(out.contains("0\n1\n2\n3\nnot a tty"), "a descriptor leaked: {out}");
}

#[tokio::test]
async fn says_why_it_did_not_start() {
    let guard = start_guard();
    let mut missing = request("no-such-server", &[]);
    missing.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    let error = guard.spawn(missing).await.unwrap_err();
    assert_eq!(error.to_string(), "`no-such-server` was not found (looked in /usr/bin, /bin)");
    assert!(!error.can_pass() && error.hint().is_some());

    let mut nowhere = request("sh", &[]);
    nowhere.cwd = Some("/no/such/folder".into());
    let error = guard.spawn(nowhere).await.unwrap_err();
    assert!(error.to_string().starts_with("the working folder /no/such/folder cannot be used"));

    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "hello").unwrap();
    let mut file = request("./plain", &[]);
    file.cwd = Some(folder.path().to_owned());
    for (mode, expected) in [(0o600, "exists and is not executable"), (0o700, "neither a program")] {
        std::fs::set_permissions(&plain, Permissions::from_mode(mode)).unwrap();
        let error = guard.spawn(file.clone()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.can_pass() && error.hint().is_some());
    }

    let long = "x".repeat(3 << 20);
    let error = guard.spawn(request("true", &[&long])).await.unwrap_err();
    assert!(error.to_string().starts_with("`true` could not be started"), "{error}");
    let error = guard.spawn(request("true", &[&long, &long])).await.unwrap_err();
    assert!(error.to_string().contains("the limit is"), "{error}");
    assert!(within(guard.spawn(request("true", &[])).await.unwrap().handle.wait()).await.is_success());
}

#[tokio::test]
async fn stops_as_gently_as_it_can() {
    let guard = start_guard();
    let timeout = Duration::from_millis(600);
    let cases = [
        ("echo 1; cat", StopStep::StdinClosed, ExitHow::Code(0)),
        ("echo 1; exec sleep 1000", StopStep::Terminated, ExitHow::Signal(15)),
        ("trap '' TERM; echo 1; while :; do sleep 1000; done", StopStep::Killed, ExitHow::Signal(9)),
    ];
    for (script, step, how) in cases {
        // The line proves that the script is where it waits for its end.
        let mut child = shell(&guard, script).await.unwrap();
        read_pids(&mut child.stdout, 1).await;
        drop(child.stdin);
        let report = within(child.handle.stop(timeout)).await;
        assert_eq!((report.step, report.exit.how), (step, how), "{script}");
    }
}

#[tokio::test]
async fn kills_the_whole_tree() {
    let guard = start_guard();
    let script = format!("{STUBBORN_GRANDCHILD} echo $$; trap '' TERM; while :; do sleep 1000; done");
    let mut child = shell(&guard, &script).await.unwrap();
    let pids = read_pids(&mut child.stdout, 2).await;
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    child.handle.kill().await;
    let exit = within(child.handle.wait()).await;
    assert_eq!(exit.how, ExitHow::Signal(9));
    assert!(exit.killed >= 1 && exit.left == 0, "{exit}");
    // The report comes when they are gone, not before.
    assert_eq!(pids.iter().find(|pid| is_alive(**pid)), None);
}

#[tokio::test]
async fn what_a_child_leaves_behind_goes_with_it() {
    let guard = start_guard();
    let mut child = shell(&guard, &format!("{STUBBORN_GRANDCHILD} read go; exit 0")).await.unwrap();
    let pids = read_pids(&mut child.stdout, 1).await;
    drop(child.stdin);
    let exit = within(child.handle.wait()).await;
    assert_eq!(exit.how, ExitHow::Code(0));
    assert_eq!(exit.killed, 1, "{exit}");
    assert!(!is_alive(pids[0]));
}

#[tokio::test]
async fn other_trees_live_on() {
    let guard = start_guard();
    let mut staying = shell(&guard, &format!("{STUBBORN_GRANDCHILD} cat")).await.unwrap();
    let grandchild = read_pids(&mut staying.stdout, 1).await[0];
    let going = shell(&guard, "exec sleep 1000").await.unwrap();
    going.handle.kill().await;
    within(going.handle.wait()).await;
    assert!(is_alive(staying.pid) && is_alive(grandchild));
    assert_eq!(staying.handle.exited(), None);
}

#[tokio::test]
async fn dropping_the_handle_kills() {
    let guard = start_guard();
    let mut child = shell(&guard, &format!("{STUBBORN_GRANDCHILD} echo $$; sleep 1000")).await.unwrap();
    let pids = read_pids(&mut child.stdout, 2).await;
    drop(child);
    let gone = tokio::task::spawn_blocking(move || gone_within(&pids, Duration::from_secs(2)));
    gone.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_hundred_children_leave_nothing() {
    let guard = start_guard();
    let first = shell(&guard, "cat").await.unwrap();
    let guard_pid = parent_of(first.pid);
    // Its end comes when the guard has done all that belongs to the start of the first.
    within(shell(&guard, "exit 0").await.unwrap().handle.wait()).await;
    let guard_fds = open_fds(guard_pid);
    for round in 0..100 {
        let child = shell(&guard, "sleep 1000 & exec sleep 1000").await.unwrap();
        if round % 2 == 0 {
            child.handle.kill().await;
        } else {
            child.handle.terminate().await;
        }
        within(child.handle.wait()).await;
    }
    assert_eq!(open_fds(guard_pid), guard_fds);
    // A killed grandchild may be a zombie of the guard for a moment.
    within(async {
        while children_of(guard_pid) != [first.pid] {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn a_hundred_children_leave_no_descriptor_in_the_daemon() {
    // In a process of its own: other tests open files in this one.
    #[expect(clippy::disallowed_methods, reason = "the daemon under test is nobody's server")]
    let mut daemon = std::process::Command::new(guard_binary());
    let output = daemon.args(["cycles", "100"]).output().unwrap();
    let counts = String::from_utf8(output.stdout).unwrap();
    let (before, after) = counts.trim().split_once(' ').unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn many_start_at_once() {
    let guard = start_guard();
    let starts = (0..50).map(|_| guard.spawn(request("cat", &[])));
    let children = within(futures_util::future::join_all(starts)).await;
    let children: Vec<_> = children.into_iter().map(Result::unwrap).collect();
    assert_eq!(children.len(), 50);
    let pids: Vec<u32> = children.iter().map(|child| child.pid).collect();
    within(guard.close()).await;
    assert_eq!(pids.iter().find(|pid| is_alive(**pid)), None);
    let exit = within(children[0].handle.wait()).await;
    assert!(matches!(exit.how, ExitHow::GuardClosed), "{exit}");
    let refused = guard.spawn(request("cat", &[])).await.unwrap_err();
    assert!(matches!(refused, SpawnError::NoGuard { .. }));
}
