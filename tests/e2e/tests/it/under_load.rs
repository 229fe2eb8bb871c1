//! Servers that come and go while clients call them: replicas, groups, sessions that stay where they
//! are, what is sent again and how much of it, and results that are kept for one principal only.

use e2e::{
    Client, LINE, Legacy, Load, Modern, SOON, Switchboard, await_some, entry_at, eventually, failure_of, kill,
    misbehave, text_of,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const CALLERS: usize = 6;

/// A caller of `sleep` at this endpoint, whose calls may be made twice.
fn sleeper(board: &Switchboard, tool: &str, number: usize) -> impl FnMut(usize) -> Result<(), String> + Send + 'static {
    let (client, tool) = (board.modern(), tool.to_owned());
    move |turn| {
        let ms = 5 + (number * 7 + turn * 3) % 40;
        let (_, answer) = client.request("tools/call", json!({"name": tool, "arguments": {"ms": ms}}));
        match text_of(&answer) {
            Some(said) if said == format!("slept {ms}") => Ok(()),
            _ => Err(answer.to_string()),
        }
    }
}

fn sleepers(board: &Switchboard, tool: &str) -> Load {
    let load = Load::start(CALLERS, |number| sleeper(board, tool, number));
    load.wait_for(CALLERS * 2);
    load
}

/// Ends it, and no call may have failed.
#[track_caller]
fn unhurt(load: Load) {
    load.wait_for(CALLERS * 2);
    let (calls, failures) = load.stop();
    assert!(failures.is_empty(), "expected 0 of {calls} calls to fail, {} did: {:?}", failures.len(), failures[0]);
}

fn pids(board: &Switchboard, name: &str) -> Option<Vec<u32>> {
    let server = board.server(name);
    let instances = server["instance_states"].as_array()?;
    let ready = instances.iter().all(|instance| instance["state"] == "ready");
    let pid = |instance: &Value| u32::try_from(instance["pid"].as_u64()?).ok();
    ready.then(|| instances.iter().filter_map(pid).collect())
}

/// Waits until every instance is ready and none of `gone` is among them.
#[track_caller]
fn ready_without(board: &Switchboard, name: &str, gone: &[u32]) -> Vec<u32> {
    await_some(SOON, "every instance to be ready and anew", || {
        pids(board, name).filter(|pids| pids.iter().all(|pid| !gone.contains(pid)))
    })
}

// === replicas

fn three(keys: &str) -> (Switchboard, Vec<u32>) {
    let board = Switchboard::start(&(misbehave("many", "ok", "dual") + "replicas = 3\n" + keys));
    let pids = ready_without(&board, "many", &[]);
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 3, "expected three processes: {pids:?}");
    (board, pids)
}

#[test]
fn a_replica_that_is_killed_costs_no_safe_call() {
    let (board, mut before) = three("tools.safe = [\"sleep\"]\n");
    let load = sleepers(&board, "many__sleep");
    for turn in 0..3 {
        kill(before[turn]);
        before = ready_without(&board, "many", &[before[turn]]);
        load.wait_for(CALLERS);
    }
    unhurt(load);
    assert_eq!(board.server("many")["restarts"], 3);
}

#[test]
fn a_restart_of_all_replicas_costs_no_call() {
    let (board, before) = three("");
    let load = sleepers(&board, "many__sleep");
    let ended = board.cli(&["restart", "many"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ready_without(&board, "many", &before);
    unhurt(load);
}

#[test]
fn a_changed_entry_costs_no_call() {
    let slow = |round: usize| {
        misbehave("s", &format!("slow-start={}", 300 + round), "dual") + &format!("env = {{ ROUND = \"{round}\" }}\n")
    };
    let board = Switchboard::start(&slow(0));
    let load = sleepers(&board, "s__sleep");
    for round in 1..=6 {
        board.rewrite_config(&slow(round));
        // It may have noticed by itself already.
        board.cli_json(&["reload"]);
        // Every other change meets a server that is starting, and calls that wait for it.
        if round % 2 == 0 {
            board.server_in("s", "ready");
            load.wait_for(CALLERS * 2);
        }
    }
    unhurt(load);
}

#[test]
fn a_session_stays_at_its_replica_and_only_those_of_a_dead_one_move() {
    let (board, pids) = three("pin = \"session\"\n");
    let clients: Vec<Arc<Legacy>> = (0..9).map(|_| Arc::new(board.legacy())).collect();
    let place = |client: &Legacy| client.text("many__pid", json!({})).parse::<u32>().unwrap();
    let places: Vec<u32> = clients.iter().map(|client| place(client)).collect();
    // Nine sessions at one of three replicas happen once in six thousand times.
    let dead = places[0];
    let load = Load::start(clients.len(), |number| {
        let (client, own) = (clients[number].clone(), places[number]);
        move |_| {
            let (_, answer) = client.request("tools/call", json!({"name": "many__pid", "arguments": {}}));
            match text_of(&answer) {
                Some(pid) if (pid == own.to_string()) || own == dead => Ok(()),
                None if own == dead && failure_of(&answer).contains("signal 9") => Ok(()),
                _ => Err(format!("at home at {own}: {answer}")),
            }
        }
    });
    load.wait_for(clients.len() * 3);
    kill(dead);
    ready_without(&board, "many", &[dead]);
    load.wait_for(clients.len() * 3);
    let (calls, failures) = load.stop();
    assert!(failures.is_empty(), "expected the sessions elsewhere to notice nothing in {calls} calls: {failures:?}");
    for (client, own) in clients.iter().zip(&places).filter(|(_, own)| **own != dead) {
        assert_eq!(place(client), *own, "expected it to stay; the replicas were {pids:?}");
    }
}

// === groups

/// A member of the group `pool` whose calls may be made twice.
fn member(name: &str, keys: &str) -> String {
    misbehave(name, "ok", "dual") + "group = \"pool\"\ntools.safe = [\"*\"]\n" + keys
}

fn group(members: &[(&str, &str)]) -> Switchboard {
    let config: String = members.iter().map(|(name, keys)| member(name, keys)).collect();
    let board = Switchboard::start(&config);
    for (name, _) in members {
        board.server_in(name, "ready");
    }
    board
}

fn calls(board: &Switchboard, name: &str) -> u64 {
    board.server(name)["calls"].as_u64().unwrap_or_default()
}

/// Waits until `name` gets calls.
#[track_caller]
fn is_used(board: &Switchboard, name: &str) {
    let before = calls(board, name);
    eventually(SOON, &format!("calls of {name}"), || calls(board, name) > before + 3);
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_group_fails_over_when_its_best_member_dies_hangs_or_is_stopped() {
    // Ends with the breaker open for a moment after a hang.
    let hasty = "request_timeout = \"400ms\"\nbreaker = { failures = 2, pause = \"300ms\", trials = 1 }\n";
    let board = group(&[("a", &format!("priority = 1\n{hasty}")), ("b", "priority = 2\n")]);
    let load = sleepers(&board, "pool__sleep");
    assert_eq!(calls(&board, "b"), 0, "expected the second member to be spared");

    let pid = pids(&board, "a").unwrap()[0];
    kill(pid);
    let pid = ready_without(&board, "a", &[pid])[0];
    is_used(&board, "a");

    signal(pid, Signal::STOP);
    eventually(SOON, "the breaker to open", || {
        board.server("a")["breaker"].as_str().is_some_and(|breaker| breaker.starts_with("open"))
    });
    is_used(&board, "b");
    signal(pid, Signal::CONT);
    eventually(SOON, "the breaker to close", || board.server("a")["breaker"].is_null());
    is_used(&board, "a");

    for verb in ["stop", "start"] {
        let ended = board.cli(&[verb, "a"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        is_used(&board, if verb == "stop" { "b" } else { "a" });
    }
    unhurt(load);
}

#[test]
fn members_of_equal_priority_share_by_weight_and_take_over_from_each_other() {
    let board = group(&[("heavy", "weight = 4\n"), ("light", "weight = 1\n")]);
    let client = board.modern();
    for _ in 0..100 {
        client.text("pool__echo", json!({"text": "x"}));
    }
    let (heavy, light) = (calls(&board, "heavy"), calls(&board, "light"));
    assert!(heavy > light && light > 0, "expected them to share by weight: {heavy} and {light}");
    let load = sleepers(&board, "pool__sleep");
    for name in ["heavy", "light"] {
        let pid = pids(&board, name).unwrap()[0];
        kill(pid);
        ready_without(&board, name, &[pid]);
        is_used(&board, name);
    }
    unhurt(load);
}

// === a server behind HTTP that says what a test wants

/// What it says to a call of its only tool `work`, given how many there were before.
type Says = fn(usize) -> (&'static str, bool);

const FINE: (&str, bool) = ("200 OK", true);

/// A modern server that keeps its connections, but after `kept` answers on one hangs up without having
/// said so.
struct Scripted {
    url: String,
    /// When each call came.
    calls: Arc<Mutex<Vec<Instant>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    fn serve(kept: usize, says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (calls, connections) = (Arc::<Mutex<Vec<Instant>>>::default(), Arc::new(AtomicUsize::new(0)));
        let (noted, count) = (calls.clone(), connections.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let noted = noted.clone();
                // A client that hangs up ends it.
                thread::spawn(move || drop(converse(&stream, kept, says, &noted)));
            }
        });
        Self { url, calls, connections }
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

fn converse(stream: &TcpStream, kept: usize, says: Says, noted: &Mutex<Vec<Instant>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    for _ in 0..kept {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
        let tool = json!({"name": "work", "inputSchema": {"type": "object"}});
        let (status, result) = match asked["method"].as_str() {
            Some("server/discover") => {
                (FINE, json!({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}))
            }
            Some("tools/list") => (FINE, json!({"tools": [tool], "resultType": "complete", "ttlMs": 60_000})),
            _ => {
                let mut noted = noted.lock().unwrap();
                noted.push(Instant::now());
                (
                    says(noted.len() - 1),
                    json!({"content": [{"type": "text", "text": "done"}], "resultType": "complete"}),
                )
            }
        };
        let body = match status.1 {
            true => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string(),
            false => String::new(),
        };
        let head = format!("HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}", status.0, body.len());
        (&*stream).write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
    }
    Ok(())
}

fn remote(server: &Scripted, keys: &str) -> Switchboard {
    let board = Switchboard::start(&(entry_at("far", &server.url) + keys));
    board.server_in("far", "ready");
    board
}

#[test]
fn a_server_that_says_when_to_come_again_is_left_alone_until_then() {
    let server = Scripted::serve(usize::MAX, |call| match call {
        0 => ("429 Too Many Requests\r\nRetry-After: 1", false),
        1 => ("503 Service Unavailable\r\nRetry-After: 1", false),
        _ => FINE,
    });
    let keys = "tools.safe = [\"work\"]\nretry = { attempts = 3, delay = \"10ms\", delay_max = \"5s\" }\n";
    let board = remote(&server, keys);
    assert_eq!(board.modern().text("far__work", json!({})), "done", "expected it to be sent again");
    let calls = server.calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 3, "expected two more tries");
    for pair in calls.windows(2) {
        let pause = pair[1] - pair[0];
        assert!(pause >= Duration::from_millis(990), "expected the pause that was asked for, got {pause:?}");
    }
}

#[test]
fn retries_are_a_tenth_of_the_calls_at_most_and_a_reserve() {
    let server = Scripted::serve(usize::MAX, |_| ("503 Service Unavailable", false));
    let keys = "tools.safe = [\"work\"]\nmax_concurrent = 5\nbreaker = { failures = 0 }\n";
    let board = remote(&server, &format!("{keys}retry = {{ attempts = 3, delay = \"1ms\", delay_max = \"2ms\" }}\n"));
    let client = board.modern();
    let (made, reserve) = (200, 5);
    for _ in 0..made {
        client.failure("far__work", json!({}));
    }
    let seen = server.calls();
    assert!(seen > made, "expected some to be sent again");
    assert!(seen <= made + made / 10 + reserve, "expected a tenth more at most, the server saw {seen} for {made}");
}

#[test]
fn a_server_that_closes_kept_connections_without_a_word_costs_no_safe_call() {
    let server = Scripted::serve(20, |_| FINE);
    let board = remote(&server, "tools.safe = [\"work\"]\n");
    let load = Load::start(2, |_| {
        let client = board.modern();
        move |_| {
            let (_, answer) = client.request("tools/call", json!({"name": "far__work", "arguments": {}}));
            text_of(&answer).map(drop).ok_or_else(|| answer.to_string())
        }
    });
    let begun = server.connections.load(Ordering::SeqCst);
    eventually(SOON, "many connections to be closed", || server.connections.load(Ordering::SeqCst) > begun + 10);
    let (calls, failures) = load.stop();
    assert!(failures.is_empty(), "expected 0 of {calls} calls to fail, {} did: {:?}", failures.len(), failures[0]);
}

// === kept results

/// Calls a tool as the owner of this switchboard, over its Unix socket.
fn as_owner(stream: &UnixStream, tool: &str) -> String {
    let message = Modern::message(json!(1), "tools/call", json!({"name": tool, "arguments": {}}));
    writeln!(&*stream, "{message}").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let answer: Value = serde_json::from_str(&line).unwrap();
    text_of(&answer).unwrap_or_else(|| panic!("expected {tool} to succeed: {answer}"))
}

#[test]
fn a_kept_result_is_for_one_principal_and_cleared_by_its_tool() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("calls.sock");
    let cached = "tools.safe = [\"count\", \"pid\"]\ncache = { tools = [\"count\", \"pid\"] }\n";
    let config = format!("{LINE}unix = {socket:?}\n{}{cached}", misbehave("s", "ok", "dual"));
    let board = Switchboard::start(&config);
    board.server_in("s", "ready");
    let anyone = board.modern();
    let owner = UnixStream::connect(&socket).unwrap();
    assert_eq!(anyone.text("s__count", json!({})), "1");
    assert_eq!(as_owner(&owner, "s__count"), "2", "expected no result of somebody else");
    let pid = anyone.text("s__pid", json!({}));
    for _ in 0..3 {
        assert_eq!((anyone.text("s__count", json!({})).as_str(), as_owner(&owner, "s__count").as_str()), ("1", "2"));
    }
    let stats = board.cli_json(&["cache", "stats"]);
    assert_eq!((&stats["all"]["hits"], &stats["all"]["misses"]), (&json!(6), &json!(3)), "{stats}");
    assert_eq!(board.cli_json(&["cache", "clear", "s.count"])["results"], 2, "expected those of both");
    // The third call that reached the server was for its process id.
    assert_eq!(anyone.text("s__count", json!({})), "4", "expected the tool to be called again");
    assert_eq!(anyone.text("s__pid", json!({})), pid);
    let stats = board.cli_json(&["cache", "stats"]);
    assert_eq!((&stats["all"]["hits"], &stats["all"]["misses"]), (&json!(7), &json!(4)), "{stats}");
    assert!(fs::metadata(&socket).is_ok());
}
