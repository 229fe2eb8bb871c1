//! Processes: what servers leave behind, take and refuse to give back.

use super::{IMPATIENT, bad, beside};
use crate::daemon::{Background, in_background};
use e2e::{Burden, Home, SOON, await_some, built, entry_of, eventually, script, zombies};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn f_13_grandchildren_in_sessions_of_their_own_end_with_the_server() {
    beside(&bad("daemonize", "stop_timeout = \"500ms\"\n"), |scene| {
        scene.board.server_in("bad", "ready");
        let grandchildren = await_some(SOON, "the pids of both grandchildren", || {
            let log = scene.board.cli(&["logs", "bad"]).stdout;
            let pids = log.split("grandchild ").skip(1).filter_map(|rest| rest.split_whitespace().next());
            let pids: Vec<String> = pids.map(str::to_owned).collect();
            (pids.len() == 2 && pids.iter().all(|pid| scene.has(pid))).then_some(pids)
        });
        scene.take_away_the_bad();
        // Its server is told to end, and given half a second.
        let gone = || !grandchildren.iter().any(|pid| scene.has(pid));
        eventually(Duration::from_millis(1500), &format!("none of {grandchildren:?}"), gone);
    });
}

#[test]
fn f_14_a_server_that_ignores_its_end_is_gone_after_its_time() {
    beside(&bad("stubborn", "stop_timeout = \"1s\"\n"), |scene| {
        scene.board.server_in("bad", "ready");
        let pid = scene.line.text("bad__pid", json!({}));
        scene.take_away_the_bad();
        eventually(Duration::from_secs(2), "no stubborn server", || !scene.has(&pid));
    });
}

#[test]
fn f_15_a_hog_takes_its_memory_from_nobody() {
    beside(&bad("hog=256", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let before = Burden::of_daemon(scene.board.pid()).resident_kib;
        assert_eq!(scene.line.text("bad__hog", json!({})), "256000000", "expected the memory to be there");
        let after = Burden::of_daemon(scene.board.pid()).resident_kib;
        assert!(after < before + 16 * 1024, "expected the memory to be the server's: {before} KiB, then {after} KiB");
    });
}

#[test]
fn f_16_a_crash_loop_is_left_alone_after_some_tries() {
    beside(&bad("crash-loop", ""), |scene| {
        let server = scene.board.server_in("bad", "crash_loop");
        let reason = server["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("the database is on fire"), "expected its last words: {server}");
        assert!(server["restarts"].as_u64() <= Some(5), "expected at most 5 restarts: {server}");
        assert!(server["next_try_ms"].as_u64() > Some(60_000), "expected it to be left alone for long: {server}");
        assert_eq!(server["health"], "unhealthy", "expected it to be marked: {server}");
        let why = scene.line.failure("bad__echo", json!({"text": "?"}));
        assert!(!why.is_empty(), "expected a refusal");
    });
}

#[test]
fn f_16_a_crash_loop_is_said_once_costs_nothing_and_ends_when_a_person_says_so() {
    let home = Home::new("");
    let mended = home.place("mended");
    let dies = format!("test -e {} && exec $SERVER ok dual; echo on fire >&2; exit 1", mended.display());
    home.write_config(&(script("bad", &dies) + "restart_delay_max = \"100ms\"\n"));
    let daemon = Background { home };
    let started = in_background(&daemon.home, &["start", "--json"]);
    let pid = started.json()["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap();
    let state = |name: &str| daemon.home.cli(&["wait", "bad", "--state", name, "--timeout", "20s"]).code;
    assert_eq!(state("crash_loop"), Some(0), "expected it to be left alone");
    let alarms = || {
        let log = fs::read_to_string(daemon.home.data().join("logs/daemon.log")).unwrap();
        let alarms = log.lines().filter(|line| line.contains("warning: `bad` is in a crash loop"));
        alarms.map(str::to_owned).collect::<Vec<_>>()
    };
    let said = alarms();
    assert_eq!(said.len(), 1, "expected it to be said once: {said:?}");
    for words in ["more than 5 times", "switchboard start bad", "on fire"] {
        assert!(said[0].contains(words), "expected `{words}` in {said:?}");
    }
    let before = Burden::of_daemon(pid).busy;
    let waited = daemon.home.cli(&["wait", "bad", "--timeout", "2s"]);
    assert_eq!(waited.code, Some(10), "expected nothing to happen by itself: {waited:?}");
    let busy = Burden::of_daemon(pid).busy - before;
    assert!(busy <= Duration::from_millis(20), "expected less than 1 % of two seconds: {busy:?}");
    fs::write(&mended, "").unwrap();
    let started = daemon.home.cli(&["start", "bad"]);
    assert_eq!(started.code, Some(0), "expected a person to end it: {started:?}");
    assert_eq!(state("ready"), Some(0), "expected it to run");
    assert_eq!(alarms().len(), 1, "expected nothing more to be said");
}

#[test]
fn f_17_what_ends_is_collected() {
    let count: usize = std::env::var("SWITCHBOARD_LAB_BROOD").map_or(300, |count| count.parse().unwrap());
    beside(&bad(&format!("brood={count}"), "request_timeout = \"10m\"\n"), |scene| {
        scene.board.server_in("bad", "ready");
        let pid = scene.board.pid();
        let before = scene.board.tree().processes().len();
        assert_eq!(scene.line.text("bad__brood", json!({})), format!("left {count}"), "expected children");
        let mut dead = Vec::new();
        eventually(Duration::from_secs(1), "0 zombies", || {
            dead = zombies(pid);
            dead.is_empty()
        });
        eventually(SOON, "as many processes as before", || scene.board.tree().processes().len() == before);
    });
}

#[test]
fn f_18_a_program_that_is_missing_or_no_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, plain) = (folder.path().join("missing"), folder.path().join("plain"));
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    for program in [missing, plain] {
        beside(&entry_of("bad", &program, &[]), |scene| {
            let server = scene.reason(&program.display().to_string());
            assert_eq!(server["state"], "failed", "expected it not to be tried again: {server}");
            assert!(server["hint"].is_string(), "expected a hint: {server}");
        });
    }
}

#[test]
fn f_18_a_program_replaced_while_it_runs_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("server");
    let put = |source: &std::path::Path| {
        let draft = folder.path().join("draft");
        fs::copy(source, &draft).unwrap();
        fs::rename(&draft, &program).unwrap();
    };
    put(&built("mcp-misbehave"));
    beside(&entry_of("bad", &program, &["exit-after=3", "legacy"]), |scene| {
        scene.board.server_in("bad", "ready");
        let before = scene.line.text("bad__pid", json!({}));
        let broken = folder.path().join("broken");
        fs::write(&broken, "#!/bin/sh\necho the new version is broken >&2; exit 9\n").unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(scene.board.server("bad")["drift"].is_null(), "expected nothing else on disk than what runs");
        put(&broken);
        let server = scene.board.server("bad");
        let drift = server["drift"].as_str().unwrap_or_default();
        let shown = scene.board.cli(&["status", "bad"]).stdout;
        for words in [program.to_str().unwrap(), "changed since it was started", "switchboard restart bad"] {
            assert!(drift.contains(words) && shown.contains(words), "expected `{words}` in {server} and {shown}");
        }
        assert_eq!(scene.line.text("bad__pid", json!({})), before, "expected the running one to go on");
        scene.line.failure("bad__echo", json!({"code": 1}));
        scene.reason("the new version is broken");
        put(&built("mcp-misbehave"));
        await_some(SOON, "the mended program to run", || {
            Some(scene.board.server("bad")).filter(|server| server["state"] == "ready" && server["drift"].is_null())
        });
    });
}

#[test]
fn a_stubborn_start_is_ended_in_time() {
    beside(&bad("mute", &format!("{IMPATIENT}stop_timeout = \"500ms\"\n")), |scene| {
        scene.reason("within");
        eventually(SOON, "no process of a server that did not start", || {
            let server = scene.board.server("bad");
            server["state"] != "starting" && scene.board.tree().processes().len() == 2
        });
    });
}
