//! The life of a server as people and clients see it: lazy start and sleep, replicas and pins,
//! restarts and their limits, what a person stopped, files that are watched.

use e2e::{
    Client, Home, Legacy, SOON, Switchboard, await_some, built, command, eventually, kill, misbehave, script, tell,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What "at once" means on a machine that does much else.
const AT_ONCE: Duration = Duration::from_secs(1);

/// An entry for a server that writes a line into `file` each time it is started.
fn counted(name: &str, file: &Path, more: &str) -> String {
    script(name, &format!("echo started >> {}; exec $SERVER ok dual", file.display())) + more
}

fn starts(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// Tells the daemon what a person wants of a server.
#[track_caller]
fn person(board: &Switchboard, name: &str, verb: &str) {
    let mut socket = UnixStream::connect(board.data().join("switchboard.sock")).unwrap();
    write!(
        socket,
        "POST /api/servers/{name}/{verb} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "expected `{verb}` to be done: {said}");
}

fn alive(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn pid_of(server: &Value) -> u64 {
    server["pid"].as_u64().unwrap_or_else(|| panic!("expected a process id: {server}"))
}

// === lazy start and sleep

#[test]
fn a_lazy_server_is_listed_asleep_and_many_callers_wake_it_once() {
    let home = Home::new("");
    let file = home.place("starts");
    home.write_config(&counted("lazy", &file, "start = \"lazy\"\n"));
    let board = home.start();
    eventually(SOON, "it to be started once to be listed", || {
        board.modern().tools().contains(&"lazy__echo".to_owned())
    });
    assert_eq!(starts(&file), 1, "expected one start");
    let board = board.restart();
    assert!(board.modern().tools().contains(&"lazy__echo".to_owned()), "expected its tools at once");
    let server = board.server("lazy");
    assert_eq!((&server["state"], &server["pid"]), (&json!("asleep"), &json!(null)), "{server}");
    assert_eq!(starts(&file), 1, "expected nobody to have started it");
    thread::scope(|scope| {
        for caller in 0..24 {
            let board = &board;
            scope.spawn(move || {
                let text = format!("caller {caller}");
                assert_eq!(board.modern().text("lazy__echo", json!({"text": text})), text);
            });
        }
    });
    assert_eq!(starts(&file), 2, "expected many callers to start it once");
    let server = board.server_in("lazy", "ready");
    assert_eq!(server["restarts"], 0, "a wake is no restart: {server}");
    assert!(server["uptime_ms"].is_u64(), "{server}");
}

#[test]
fn an_idle_server_sleeps_and_a_call_wakes_it() {
    let board = Switchboard::start(&(misbehave("nap", "ok", "dual") + "idle_timeout = \"300ms\"\n"));
    let client = board.modern();
    let first = client.text("nap__pid", json!({}));
    for _ in 0..3 {
        board.server_in("nap", "asleep");
        assert!(!alive(first.parse().unwrap()), "expected nothing of it to be left while it sleeps");
        assert!(client.tools().contains(&"nap__echo".to_owned()), "expected its tools to stay listed");
        assert_eq!(client.text("nap__echo", json!({"text": "awake"})), "awake");
    }
    // Longer than any sleep of it is away.
    assert_eq!(client.text("nap__sleep", json!({"ms": 1800})), "slept 1800", "expected a call to keep it awake");
    assert_eq!(board.server("nap")["restarts"], 0, "a wake is no restart");
}

#[test]
fn a_subscription_keeps_it_awake() {
    let fixture = e2e::entry("lib", "mcp-fixture", &["stdio"]) + "idle_timeout = \"200ms\"\n";
    let board = Switchboard::start(&(fixture + &misbehave("other", "ok", "dual") + "idle_timeout = \"200ms\"\n"));
    board.server_in("lib", "asleep");
    let client = board.modern();
    let wanted = json!({"notifications": {"resourceSubscriptions": ["test://watched-resource"]}});
    let mut listening = client.open(client.fresh_id(), "subscriptions/listen", wanted);
    let first = listening.next_event().unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    board.server_in("lib", "ready");
    for _ in 0..3 {
        // A few idle times pass over this.
        client.text("other__echo", json!({"text": "up"}));
        board.server_in("other", "asleep");
    }
    assert_eq!(board.server("lib")["state"], "ready", "expected who is listened to not to sleep");
    drop(listening);
    board.server_in("lib", "asleep");
}

// === replicas and pins

/// Calls again and again; gives how many calls there were and what went wrong.
fn under_load(board: &Switchboard, tool: &str, threads: usize, meanwhile: impl FnOnce()) -> (usize, Vec<String>) {
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..threads)
        .map(|seed| {
            let (client, tool, stop, calls) = (board.modern(), tool.to_owned(), stop.clone(), calls.clone());
            thread::spawn(move || {
                let mut failures = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let ms = 20 + seed * 7 % 60;
                    let (_, response) = client.request("tools/call", json!({"name": tool, "arguments": {"ms": ms}}));
                    if response["result"]["content"][0]["text"] != format!("slept {ms}") {
                        failures.push(response.to_string());
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        })
        .collect();
    eventually(SOON, "some calls", || calls.load(Ordering::Relaxed) > threads * 2);
    meanwhile();
    let seen = calls.load(Ordering::Relaxed);
    eventually(SOON, "calls to go on", || calls.load(Ordering::Relaxed) > seen + threads * 4);
    stop.store(true, Ordering::Relaxed);
    let failures = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    (calls.load(Ordering::Relaxed), failures)
}

/// Waits until every instance is ready.
#[track_caller]
fn all_ready(board: &Switchboard, name: &str) -> Vec<u64> {
    await_some(SOON, "every instance to be ready", || {
        let server = board.server(name);
        let instances = server["instance_states"].as_array()?.clone();
        let ready = instances.iter().all(|instance| instance["state"] == "ready");
        ready.then(|| instances.iter().map(pid_of).collect())
    })
}

#[test]
fn one_of_three_dies_and_nobody_else_notices() {
    let entry = misbehave("many", "ok", "dual").replace("100ms", "2s") + "replicas = 3\n";
    let board = Switchboard::start(&entry);
    let pids = all_ready(&board, "many");
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 3, "expected three processes: {pids:?}");
    let threads = 8;
    let (calls, failures) = under_load(&board, "many__sleep", threads, || {
        kill(u32::try_from(pids[1]).unwrap());
        let server = await_some(SOON, "the loss to be seen", || {
            Some(board.server("many")).filter(|server| server["health"] == "degraded")
        });
        assert_eq!(server["state"], "ready", "expected the others to serve: {server}");
        let reason = server["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("1 of 3 instances is down") && reason.contains("signal 9"), "{server}");
        all_ready(&board, "many");
    });
    assert!(failures.len() <= threads, "expected only calls in flight to fail: {} of {calls}", failures.len());
    for failure in &failures {
        assert!(failure.contains("signal 9"), "expected the reason in each failure: {failure}");
    }
    let server = board.server("many");
    assert_eq!((&server["health"], &server["restarts"]), (&json!("healthy"), &json!(1)), "{server}");
}

#[test]
fn calls_go_where_there_is_less_to_do() {
    let board = Switchboard::start(&(misbehave("many", "ok", "dual") + "replicas = 2\n"));
    all_ready(&board, "many");
    let long: Vec<_> = (0..8)
        .map(|_| {
            let client = board.modern();
            thread::spawn(move || client.text("many__sleep", json!({"ms": 1500})))
        })
        .collect();
    let busy = await_some(SOON, "all of them to be on their way", || {
        let server = board.server("many");
        let calls = server["instance_states"].as_array()?.iter().map(|one| one["in_flight"].as_u64().unwrap_or(0));
        let calls: Vec<u64> = calls.collect();
        (calls.iter().sum::<u64>() == 8).then_some(calls)
    });
    assert_eq!(busy, [4, 4], "expected the calls to be spread");
    for call in long {
        assert_eq!(call.join().unwrap(), "slept 1500");
    }
}

#[test]
fn a_pinned_caller_stays_where_it_is() {
    let entry = misbehave("state", "ok", "dual").replace("100ms", "60s") + "replicas = 3\npin = \"session\"\n";
    let board = Switchboard::start(&entry);
    let sessions: Vec<Legacy> = (0..12).map(|_| board.legacy()).collect();
    let pid = |session: &Legacy| session.text("state__pid", json!({}));
    let places: Vec<String> = sessions.iter().map(pid).collect();
    assert!(places.iter().collect::<BTreeSet<_>>().len() > 1, "expected sessions to be spread: {places:?}");
    for (session, place) in sessions.iter().zip(&places) {
        for _ in 0..5 {
            assert_eq!(&pid(session), place, "expected a session to stay where it is");
        }
    }
    kill(places[0].parse().unwrap());
    eventually(SOON, "the loss to be seen", || board.server("state")["health"] == "degraded");
    for (session, place) in sessions.iter().zip(&places) {
        let now = pid(session);
        assert!((now == *place) != (*place == places[0]), "expected only those to move whose instance is gone");
    }
}

// === restarts

#[test]
fn a_crash_loop_says_why() {
    let dies = "echo the disk is full >&2; echo cannot write the journal >&2; echo giving up >&2; exit 3";
    let more = "max_restarts = 2\nrestart_delay_max = \"100ms\"\n";
    let board = Home::new(&(script("bad", dies) + more)).start();
    let server = board.server_in("bad", "crash_loop");
    let reason = server["reason"].as_str().unwrap_or_default();
    for words in ["exited with status 3", "the disk is full | cannot write the journal | giving up"] {
        assert!(reason.contains(words), "expected `{words}` in {reason}");
    }
    assert_eq!(server["restarts"], 2, "expected as many restarts as are allowed: {server}");
    assert!(server["next_try_ms"].as_u64() > Some(60_000), "expected it to be left alone for long: {server}");
    person(&board, "bad", "start");
    eventually(SOON, "a person to get one more try", || board.server("bad")["restarts"].as_u64() > Some(2));
}

#[test]
fn who_must_not_be_restarted_is_not() {
    let never = misbehave("never", "die-on-call", "dual") + "restart = \"never\"\n";
    let failure = misbehave("failure", "die-on-call", "dual") + "restart = \"on-failure\"\n";
    let board = Switchboard::start(&(never + &failure));
    let client = board.modern();
    let why = client.failure("never__die", json!({}));
    assert!(why.contains("exited with status 3"), "expected the exit status in the answer: {why}");
    let server = board.server_in("never", "failed");
    assert!(server["reason"].as_str().unwrap_or_default().contains("exited with status 3"), "{server}");
    let begun = Instant::now();
    let refused = client.failure("never__echo", json!({"text": "?"}));
    assert!(begun.elapsed() < AT_ONCE && refused.contains("exited with status 3"), "{refused}");
    client.failure("failure__die", json!({}));
    assert_eq!(client.text("failure__echo", json!({"text": "again"})), "again");
}

#[test]
fn who_ends_with_success_rests_until_it_is_wanted() {
    let done = |name, more: &str| script(name, "$SERVER die-on-call dual; exit 0") + more;
    let lazy = done("lazy", "start = \"lazy\"\nrestart = \"on-failure\"\n");
    let never = done("never", "restart = \"never\"\n");
    let two = done("two", "restart = \"on-failure\"\nreplicas = 2\npin = \"principal\"\n");
    let board = Switchboard::start(&(lazy + &never + &two));
    let client = board.modern();
    for name in ["lazy", "never", "two"] {
        board.server_in(name, "ready");
        for _ in 0..if name == "two" { 2 } else { 1 } {
            client.failure(&format!("{name}__die"), json!({}));
        }
        let server = board.server_in(name, "asleep");
        assert!(server["reason"].as_str().unwrap_or_default().contains("the process ended"), "{server}");
        assert!(server["hint"].as_str().unwrap_or_default().contains("a call starts it"), "{server}");
        assert_eq!(client.text(&format!("{name}__echo"), json!({"text": "again"})), "again");
        let server = board.server_in(name, "ready");
        assert_eq!((&server["restarts"], &server["reason"]), (&json!(0), &json!(null)), "{server}");
    }
    // Whoever calls at the very moment is not forgotten.
    for _ in 0..10 {
        client.failure("lazy__die", json!({}));
        assert_eq!(client.text("lazy__echo", json!({"text": "at once"})), "at once");
    }
    client.failure("never__die", json!({}));
    board.server_in("never", "asleep");
    person(&board, "never", "start");
    board.server_in("never", "ready");
    client.failure("never__die", json!({}));
    board.server_in("never", "asleep");
    person(&board, "never", "stop");
    board.server_in("never", "stopped");
}

#[test]
fn calls_wait_for_a_restart_and_not_for_one_that_is_too_late() {
    let soon = misbehave("soon", "die-on-call", "dual").replace("100ms", "1500ms");
    let late = misbehave("late", "die-on-call", "dual").replace("100ms", "2m");
    let board = Switchboard::start(&(soon + &late));
    let client = board.modern();
    for (name, dies) in [("soon", "soon__die"), ("late", "late__die")] {
        client.failure(dies, json!({}));
        board.server_in(name, "backoff");
    }
    assert_eq!(client.text("soon__echo", json!({"text": "parked"})), "parked", "expected the call to wait");
    let begun = Instant::now();
    let why = client.failure("late__echo", json!({"text": "?"}));
    assert!(begun.elapsed() < AT_ONCE, "expected a refusal at once");
    assert!(why.contains("exited with status 3") && why.contains("tried again in"), "{why}");
}

#[test]
fn a_restart_loses_no_call() {
    let board = Switchboard::start(&misbehave("calm", "ok", "dual"));
    let before = pid_of(&board.server_in("calm", "ready"));
    let (calls, failures) = under_load(&board, "calm__sleep", 8, || {
        person(&board, "calm", "restart");
        eventually(SOON, "another process", || board.server("calm")["pid"].as_u64().is_some_and(|pid| pid != before));
    });
    assert!(failures.is_empty(), "expected none of {calls} calls to fail: {failures:?}");
}

// === what a person wants

#[test]
fn what_a_person_stopped_stays_stopped() {
    let board = Switchboard::start(&(misbehave("db", "ok", "dual") + &misbehave("other", "ok", "dual")));
    let pid = pid_of(&board.server_in("db", "ready"));
    let tools = board.modern().tools();
    person(&board, "db", "stop");
    let refused = |board: &Switchboard| {
        let server = board.server("db");
        assert_eq!((&server["state"], &server["pid"]), (&json!("stopped"), &json!(null)), "{server}");
        assert_eq!(board.modern().tools(), tools, "expected its tools to stay listed");
        let why = board.modern().failure("db__echo", json!({"text": "?"}));
        assert!(why.contains("stopped by a person") && why.contains("switchboard start db"), "{why}");
    };
    assert!(!alive(pid), "expected it to have ended when the answer came");
    refused(&board);
    let board = board.restart();
    board.server_in("other", "ready");
    refused(&board);
    person(&board, "db", "start");
    board.server_in("db", "ready");
    assert_eq!(board.modern().text("db__echo", json!({"text": "back"})), "back");
    let board = board.restart();
    assert_eq!(board.modern().text("db__echo", json!({"text": "still"})), "still");
}

// === files

#[test]
fn a_changed_file_starts_it_anew() {
    let home = Home::new("");
    let work = home.place("work");
    fs::create_dir_all(work.join("src")).unwrap();
    let watch = format!("cwd = {:?}\nwatch = [\"*.json\", \"src/**/*.py\"]\n", work.display().to_string());
    home.write_config(&(misbehave("dev", "ok", "dual") + &watch));
    let board = home.start();
    let mut before = pid_of(&board.server_in("dev", "ready"));
    for path in ["settings.json", "src/main.py"] {
        fs::write(work.join(path), "new").unwrap();
        before = await_some(SOON, &format!("a new process after {path}"), || {
            let server = board.server("dev");
            server["pid"].as_u64().filter(|pid| *pid != before && server["state"] == "ready")
        });
        let log = board.cli(&["logs", "dev"]).stdout;
        assert!(log.contains(&format!("a file changed: {path}")), "expected the reason in the log: {log}");
    }
    fs::write(work.join("notes.txt"), "new").unwrap();
    assert_eq!(board.modern().text("dev__pid", json!({})), before.to_string(), "expected other files not to count");
}

#[test]
fn who_writes_into_what_it_watches_is_left_running_in_the_end() {
    let home = Home::new("");
    let (work, starts_of) = (home.place("work"), home.place("starts"));
    fs::create_dir_all(&work).unwrap();
    let place = work.display();
    // More than once, since what is written while it is being started anew is part of the change before.
    let writes = format!(
        "echo started >> {}; (for i in 1 2 3 4; do echo $$$$ > {place}/state.json; sleep 0.15; done) & \
         exec $SERVER ok dual",
        starts_of.display()
    );
    let more = format!("cwd = \"{place}\"\nwatch = [\"*.json\", \"*.py\"]\nmax_restarts = 2\n");
    home.write_config(&(script("own", &writes) + &more));
    let board = home.start();
    let at_rest = || {
        await_some(SOON, "it to be left running", || {
            let server = board.server("own");
            let says = server["reason"].as_str().is_some_and(|reason| reason.contains("state.json"));
            (says && server["state"] == "ready" && server["in_state_ms"].as_u64() > Some(1500)).then_some(server)
        })
    };
    let server = at_rest();
    assert!(starts(&starts_of) >= 3 && server["health"] == "degraded", "{server}");
    let before = starts(&starts_of);
    // What a person saves counts as before.
    fs::write(work.join("main.py"), "new").unwrap();
    eventually(SOON, "a person's change to start it anew", || starts(&starts_of) > before);
    at_rest();
    assert_eq!(board.modern().text("own__echo", json!({"text": "here"})), "here");
}

// === what a wake costs

fn wakes() -> usize {
    std::env::var("SWITCHBOARD_LAB_WAKES").map_or(5, |count| count.parse().unwrap())
}

/// How long the server itself takes from its start to the answer of a first call.
fn own_start(program: &PathBuf) -> Duration {
    let begun = Instant::now();
    let mut child = command(program).args(["ok", "dual"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let call = json!({"name": "echo", "arguments": {"text": "up"}});
    for (method, params) in [("server/discover", json!({})), ("tools/list", json!({})), ("tools/call", call)] {
        writeln!(input, "{}", e2e::Modern::message(json!(1), method, params)).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains("result"), "{answer}");
    }
    let took = begun.elapsed();
    drop(input);
    child.wait().unwrap();
    took
}

#[test]
fn a_wake_costs_little_beyond_the_start() {
    let board = Switchboard::start(&(misbehave("nap", "ok", "dual") + "idle_timeout = \"100ms\"\n"));
    let client = board.modern();
    let program = built("mcp-misbehave");
    let mut costs: Vec<Duration> = (0..wakes())
        .map(|_| {
            board.server_in("nap", "asleep");
            let own = own_start(&program);
            let begun = Instant::now();
            assert_eq!(client.text("nap__echo", json!({"text": "up"})), "up");
            begun.elapsed().saturating_sub(own)
        })
        .collect();
    costs.sort();
    let at = |part: usize| costs[(costs.len() * part / 100).min(costs.len() - 1)];
    tell(&format!("wake: {} wakes, beyond the server's own start p50 {:?}, p99 {:?}", costs.len(), at(50), at(99)));
    assert!(at(50) < AT_ONCE, "expected a wake to cost little: {costs:?}");
}
