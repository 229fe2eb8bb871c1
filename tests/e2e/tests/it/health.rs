//! How well servers are, by their checks: what is slow, mute, wrong or away is seen, said with a
//! reason and a next step, and recovered; nobody else notices.

use e2e::{
    Client, Home, Listening, Page, SOON, Switchboard, await_some, built, command, eventually, misbehave, script,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Checks without much patience, so that a test need not have it.
const OFTEN: &str = "health.interval = \"50ms\"\n";
const PATIENT: &str = "health.timeout = \"20s\"\n";
const IMPATIENT: &str = "health.timeout = \"300ms\"\n";

/// What `health NAME` says.
#[track_caller]
fn health(board: &Switchboard, name: &str) -> Value {
    board.cli(&["health", name, "--json"]).json()
}

/// Waits until a server is on a level; gives what is said of it then.
#[track_caller]
fn on_level(board: &Switchboard, name: &str, level: &str) -> Value {
    await_some(SOON, &format!("`{name}` to be {level}"), || {
        let server = health(board, name)["server"].clone();
        (server["level"] == level).then_some(server)
    })
}

/// Waits until a server has been checked so often.
#[track_caller]
fn checked(board: &Switchboard, name: &str, checks: u64) -> Value {
    await_some(SOON, &format!("{checks} checks of `{name}`"), || {
        Some(health(board, name)).filter(|said| said["server"]["checks"].as_u64() >= Some(checks))
    })
}

#[track_caller]
fn log(board: &Switchboard, name: &str) -> String {
    let lines = board.cli_json(&["logs", name, "-n", "1000"])["lines"].clone();
    let texts = lines.as_array().unwrap().iter().filter_map(|line| line["text"].as_str());
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn who_answers_is_healthy_with_times() {
    for era in ["legacy", "modern"] {
        let board = Switchboard::start(&(misbehave("one", "ok", era) + OFTEN + PATIENT));
        let said = checked(&board, "one", 5);
        let server = &said["server"];
        assert_eq!((&server["level"], &server["action"]), (&json!("healthy"), &json!("nothing to do")), "{said}");
        assert_eq!((&server["failed"], &server["check"]), (&json!(0), &json!("protocol")), "{said}");
        for time in ["response_ms", "p50_ms", "p95_ms", "p99_ms"] {
            assert!(server[time].as_f64() > Some(0.0), "expected {time} in {said}");
        }
        let history = said["history"].as_array().unwrap();
        assert!(history.iter().all(|check| check["result"] == "good" && check["at"].is_string()), "{said}");
        let shown = board.server("one");
        assert_eq!(shown["calls"], 0, "expected checks not to count as calls: {shown}");
        assert!(shown["health_reason"].as_str().unwrap().contains("answered"), "{shown}");
    }
}

#[test]
fn a_server_that_answers_no_checks_is_restarted_and_becomes_healthy() {
    let home = Home::new("");
    // Mute at its first start only.
    let mark = home.place("started");
    let mute = script(
        "mute",
        &format!("mkdir {} && exec $SERVER hang-on-ping legacy; exec $SERVER ok legacy", mark.display()),
    );
    home.write_config(&(mute + OFTEN + IMPATIENT + &misbehave("good", "ok", "dual") + OFTEN + PATIENT));
    let board = home.start();
    let before = board.server_in("mute", "ready");
    let client = board.modern();
    eventually(SOON, "the mute server to be recovered", || {
        let said = client.text("good__echo", json!({"text": "unharmed"}));
        assert_eq!(said, "unharmed", "expected the good server to answer");
        health(&board, "mute")["server"]["recoveries"] == 1
    });
    let server = on_level(&board, "mute", "healthy");
    let after = board.server_in("mute", "ready");
    assert_ne!(before["pid"], after["pid"], "expected a new process: {after}");
    assert_eq!(after["restarts"], 1, "expected one restart: {after}");
    assert_eq!(server["recoveries"], 1, "expected it to be recovered once: {server}");
    let log = log(&board, "mute");
    for words in ["degraded: it did not answer a check", "unhealthy: it did not answer", "(3 in a row)", "healthy: it"]
    {
        assert!(log.contains(words), "expected `{words}` in its log:\n{log}");
    }
    assert_eq!(board.server("good")["restarts"], 0, "expected nothing to happen to the good server");
}

#[test]
fn a_server_that_stays_mute_is_not_restarted_in_a_tight_loop() {
    let board = Switchboard::start(&(misbehave("mute", "hang-on-ping", "modern") + OFTEN + IMPATIENT));
    eventually(SOON, "it to be restarted", || health(&board, "mute")["server"]["recoveries"] == 1);
    let server = await_some(SOON, "it to be unhealthy again", || {
        let server = health(&board, "mute")["server"].clone();
        (server["level"] == "unhealthy" && server["state"] == "ready").then_some(server)
    });
    assert!(server["action"].as_str().unwrap().contains("recover_pause"), "expected it to wait: {server}");
    let checks = server["checks"].as_u64().unwrap();
    checked(&board, "mute", checks + 3);
    assert_eq!(health(&board, "mute")["server"]["recoveries"], 1, "expected no second restart so soon");
    assert_eq!(board.modern().text("mute__echo", json!({"text": "calls"})), "calls", "expected calls to be served");
}

#[test]
fn a_slow_server_is_degraded_and_left_alone() {
    let config = misbehave("slow", "slow-ping=100", "legacy") + OFTEN + PATIENT + "health.degraded_at = 1\n";
    // 1 % of 8 s is 80 ms.
    let board = Switchboard::start(&config.replace("20s", "8s"));
    let server = on_level(&board, "slow", "degraded");
    assert!(server["reason"].as_str().unwrap().contains("more than 1 % of 8000 ms"), "{server}");
    assert!(server["action"].as_str().unwrap().contains("health.timeout"), "{server}");
    let said = checked(&board, "slow", 5);
    assert_eq!((&said["server"]["failed"], &said["server"]["recoveries"]), (&json!(0), &json!(0)), "{said}");
    let ended = board.cli(&["health"]);
    assert_eq!(ended.code, Some(0), "expected degraded to be no failure: {ended:?}");
    let status = board.server("slow");
    assert_eq!((&status["state"], &status["health"]), (&json!("ready"), &json!("degraded")), "{status}");
    assert!(status["reason"].as_str().unwrap().contains("to answer"), "expected the reason in `status`: {status}");
}

#[test]
fn a_program_says_how_well_a_server_is() {
    let home = Home::new("");
    let flag = home.place("well");
    let check = format!(
        "health_check.command = [\"sh\", \"-c\", \"test -e {} || {{ echo the disk is full >&2; exit 3; }}\"]\n",
        flag.display()
    );
    let settings = "health.failures = 2\nhealth.recover = false\n";
    home.write_config(&(misbehave("one", "ok", "dual") + OFTEN + PATIENT + settings + &check));
    std::fs::write(&flag, "").unwrap();
    let board = home.start();
    let said = checked(&board, "one", 2);
    assert_eq!((&said["server"]["level"], &said["server"]["check"]), (&json!("healthy"), &json!("command")), "{said}");
    std::fs::remove_file(&flag).unwrap();
    let server = on_level(&board, "one", "critical");
    let reason = server["reason"].as_str().unwrap();
    assert!(reason.contains("exited with status 3: the disk is full"), "{server}");
    assert!(server["action"].as_str().unwrap().contains("switchboard restart one"), "expected no recovery: {server}");
    let ended = board.cli(&["health"]);
    assert_eq!(ended.code, Some(1), "expected a failure: {ended:?}");
    assert!(ended.stdout.contains("the disk is full") && ended.stdout.contains("next: "), "{ended:?}");
    std::fs::write(&flag, "").unwrap();
    let server = on_level(&board, "one", "healthy");
    assert_eq!((&server["recoveries"], &board.server("one")["restarts"]), (&json!(0), &json!(0)), "{server}");
}

#[test]
fn a_page_and_a_tool_say_how_well_a_server_is() {
    let page = Page::serve("alive");
    let closed = crate::fleet::free_port();
    let once = "health.failures = 1\nhealth.recover = false\n";
    let entry = |name: &str, check: &str| misbehave(name, "ok", "dual") + OFTEN + PATIENT + once + check + "\n";
    let config = entry("page", &format!("health_check.http = {:?}", page.url))
        + &entry("gone", &format!("health_check.http = \"http://127.0.0.1:{closed}/\""))
        + &entry("missing", &format!("health_check.http = \"{}robots.txt\"", page.url))
        + &entry("tool", "health_check = { tool = \"echo\", arguments = { text = \"x\" } }")
        + &entry("wrong", "health_check.tool = \"no-such-tool\"");
    let board = Switchboard::start(&config);
    for (name, check) in [("page", "http"), ("tool", "tool")] {
        let said = checked(&board, name, 3);
        assert_eq!((&said["server"]["level"], &said["server"]["check"]), (&json!("healthy"), &json!(check)), "{said}");
    }
    for (name, level, words) in [
        ("gone", "unhealthy", "cannot connect"),
        ("missing", "critical", "HTTP 404"),
        ("wrong", "critical", "there is no tool `no-such-tool`"),
    ] {
        let server = on_level(&board, name, level);
        assert!(server["reason"].as_str().unwrap().contains(words), "expected `{words}`: {server}");
    }
    assert_eq!(board.server("tool")["calls"], 0, "expected checks not to count as calls");
    let all = board.cli(&["health", "--json"]).json();
    assert_eq!(all["overall"], "critical", "expected the worst of all: {all}");
}

#[test]
fn a_remote_server_that_went_away_is_connected_to_again() {
    let port = crate::fleet::free_port();
    let start = || {
        let mut fixture = command(built("mcp-fixture"));
        fixture.args(["http", "--port", &port.to_string()]);
        Listening::start(fixture)
    };
    let remote = start();
    let entry = format!("[servers.far]\nurl = {:?}\n", remote.url());
    let board = Switchboard::start(&(entry + OFTEN + PATIENT));
    checked(&board, "far", 2);
    drop(remote);
    let server = on_level(&board, "far", "unhealthy");
    assert!(server["reason"].as_str().unwrap().contains("127.0.0.1"), "expected the place in the reason: {server}");
    eventually(SOON, "it to be connected to again", || health(&board, "far")["server"]["recoveries"] == 1);
    let _remote = start();
    on_level(&board, "far", "healthy");
    board.server_in("far", "ready");
}

/// A server that refuses everybody, with an authorization server that it names; and how often it
/// was asked anything.
pub(crate) fn refusing() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let url = format!("{base}/mcp");
    let resource = json!({"resource": url, "authorization_servers": [base]}).to_string();
    let issuer = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
    });
    let (issuer, asked) = (issuer.to_string(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            count.fetch_add(1, Ordering::SeqCst);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let (status, body) = match request.split_whitespace().nth(1).unwrap_or_default() {
                path if path.contains("oauth-protected-resource") => ("200 OK", resource.as_str()),
                path if path.contains("oauth-authorization-server") => ("200 OK", issuer.as_str()),
                _ => ("401 Unauthorized\r\nWWW-Authenticate: Bearer", ""),
            };
            let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close", body.len());
            let _ = stream.write_all(format!("HTTP/1.1 {status}\r\n{head}\r\n\r\n{body}").as_bytes());
        }
    });
    (url, asked)
}

#[test]
fn who_waits_for_a_person_is_not_checked() {
    for (auth, state, words) in [("auto", "needs_auth", "switchboard auth login far"), ("none", "failed", "headers")] {
        let (url, asked) = refusing();
        let far = format!("[servers.far]\nurl = {url:?}\nauth = {auth:?}\n{OFTEN}");
        let board = Home::new(&(far + &misbehave("good", "ok", "dual") + OFTEN)).start();
        board.server_in("far", state);
        let server = on_level(&board, "far", "unhealthy");
        assert!(server["action"].as_str().unwrap().contains(words), "{server}");
        let before = asked.load(Ordering::SeqCst);
        let checks = health(&board, "good")["server"]["checks"].as_u64().unwrap();
        checked(&board, "good", checks + 10);
        assert_eq!(asked.load(Ordering::SeqCst), before, "expected nobody to ask it meanwhile");
        assert_eq!(health(&board, "far")["server"]["checks"], 0, "expected no check of it");
    }
}

#[test]
fn so_many_checks_run_at_once_and_no_more() {
    let home = Home::new("");
    let folder = home.folder().display().to_string();
    // Each check holds a lock for a while; two at once would meet.
    let held = format!("mkdir {folder}/lock || touch {folder}/met; sleep 0.02; rmdir {folder}/lock");
    let check = format!("{OFTEN}{PATIENT}health_check.command = [\"sh\", \"-c\", \"{held}\"]\n");
    let servers: String = (0..5).map(|at| misbehave(&format!("s{at}"), "ok", "dual") + &check).collect();
    home.write_config(&("[limits]\nprobes_max = 1\n".to_owned() + &servers));
    let board = home.start();
    (0..5).for_each(|at| drop(checked(&board, &format!("s{at}"), 4)));
    assert!(!board.home().place("met").exists(), "expected no two checks at once");
    let all = board.cli_json(&["health"]);
    assert_eq!(all["overall"], "healthy", "expected every check to have gone well: {all}");
}

#[test]
fn other_settings_take_effect_without_a_restart() {
    let board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let before = board.server_in("one", "ready");
    assert_eq!(health(&board, "one")["server"]["checks"], 0, "expected no check within half a minute");
    board.rewrite_config(&(misbehave("one", "ok", "dual") + OFTEN + PATIENT));
    board.cli(&["reload"]);
    checked(&board, "one", 2);
    assert_eq!(board.server("one")["pid"], before["pid"], "expected the same process");
}

#[test]
fn a_call_that_takes_long_is_no_reason_to_restart() {
    let settings = "health.failures = 1\nhealth.timeout = \"200ms\"\nrequest_timeout = \"60s\"\n";
    let board = Switchboard::start(&(misbehave("one", "hang-on-ping", "legacy") + OFTEN + settings));
    let client = board.modern();
    let long = thread::spawn(move || client.text("one__sleep", json!({"ms": 2000})));
    let server = await_some(SOON, "the recovery to wait for the call", || {
        let server = health(&board, "one")["server"].clone();
        server["action"].as_str().is_some_and(|action| action.contains("in flight")).then_some(server)
    });
    assert_eq!(server["recoveries"], 0, "expected it not to be restarted yet: {server}");
    assert_eq!(long.join().unwrap(), "slept 2000", "expected the call to end as if nothing were");
    eventually(Duration::from_secs(30), "the restart after the call", || {
        health(&board, "one")["server"]["recoveries"] == 1
    });
}

#[test]
fn capabilities_are_shown() {
    let board = Switchboard::start(&(misbehave("one", "ok", "dual") + &misbehave("two", "ok", "legacy")));
    board.server_in("one", "ready");
    board.server_in("two", "ready");
    let said = board.cli_json(&["capabilities"]);
    let tools = &said["summary"]["tools"];
    assert_eq!((&tools["servers"], &tools["available"]), (&json!(["one", "two"]), &json!(true)), "{said}");
    assert_eq!((&said["servers"][0]["era"], &said["servers"][0]["tools"]), (&json!("modern"), &json!(4)), "{said}");
    let shown = board.cli(&["capabilities", "--server", "one"]);
    assert!(shown.stdout.contains("one__echo") && shown.stdout.contains("capabilities: tools"), "{shown:?}");
    let unknown = board.cli(&["capabilities", "ones"]);
    assert_eq!(unknown.code, Some(12), "expected a name to be refused: {unknown:?}");
}

#[test]
fn an_instance_that_hangs_is_found_beside_others_that_do_not() {
    let keys = "replicas = 3\nhealth.recover_pause = \"0s\"\nrequest_timeout = \"2s\"\n";
    let board = Switchboard::start(&(misbehave("many", "ok", "dual") + keys + OFTEN + IMPATIENT));
    let client = board.modern();
    let pids = || -> BTreeSet<String> {
        let asked = (0..30).map(|_| client.call("many__pid", json!({})));
        asked.filter_map(|result| result["content"][0]["text"].as_str().map(str::to_owned)).collect()
    };
    eventually(SOON, "three instances", || pids().len() == 3);
    let first = board.server("many")["pid"].to_string();
    let hung = pids().into_iter().find(|pid| *pid != first).unwrap();
    let stopped = command("kill").args(["-STOP", &hung]).status().unwrap();
    assert!(stopped.success());
    eventually(SOON, "the one that hangs to be ended", || !std::path::Path::new(&format!("/proc/{hung}")).exists());
    on_level(&board, "many", "healthy");
    eventually(SOON, "three instances again", || pids().len() == 3);
    assert!(pids().contains(&first), "expected the others to be left alone");
    assert!(log(&board, "many").contains("did not answer a check within 300 ms"), "{}", log(&board, "many"));
}
