//! The daemon: killed, told to end, started twice, out of descriptors, and kept from listening.

use super::{STALL, bad, beside};
use e2e::{Burden, Client, Home, LINE, Line, SOON, Switchboard, eventually, failure_of, misbehave, text_of};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

/// How long anything may outlive the daemon.
const AFTERLIFE: Duration = Duration::from_secs(2);

fn config() -> String {
    let stubborn = bad("ignore-eof", "stop_timeout = \"500ms\"\n");
    format!("{LINE}{}{stubborn}", misbehave("good", "ok", "dual"))
}

/// A line with calls under way, after so many answers.
fn loaded(board: &Switchboard, answers: usize) -> Line {
    let line = Line::of(board);
    for server in ["good", "bad"] {
        line.send(&format!("{server}__sleep"), json!({"ms": 60_000}));
    }
    for turn in 0..answers {
        assert_eq!(line.text("good__echo", json!({"text": turn.to_string()})), turn.to_string());
    }
    for turn in 0..50 {
        line.send("bad__echo", json!({"text": turn.to_string()}));
    }
    line
}

#[test]
fn f_21_a_daemon_killed_under_load_leaves_nothing_and_comes_back_as_it_was() {
    let kills: usize = std::env::var("SWITCHBOARD_LAB_KILLS").map_or(3, |count| count.parse().unwrap());
    let mut board = Switchboard::start(&config());
    board.server_in("bad", "ready");
    let tools = board.modern().tools();
    for kill in 1..=kills {
        let line = loaded(&board, kill * 7 % 23);
        let tree = board.tree();
        board.kill9();
        eventually(AFTERLIFE, &format!("nothing left after kill {kill} of {tree:?}"), || tree.alive().is_empty());
        eventually(SOON, "the end of the connection", || line.has_ended());
        line.check_broken();
        board = board.restart();
        assert_eq!(board.modern().tools(), tools, "expected the same list at once after kill {kill}");
        board.server_in("bad", "ready");
    }
}

#[test]
fn f_22_a_daemon_told_to_end_answers_what_it_took() {
    let mut board = Switchboard::start(&config());
    board.server_in("bad", "ready");
    let (line, tree) = (Line::of(&board), board.tree());
    let calls: Vec<u64> = (0..20).map(|turn| line.send("good__sleep", json!({"ms": 300 + turn}))).collect();
    // The connection keeps the order: when this is answered, all of them are under way.
    line.text("good__echo", json!({"text": "under way"}));
    let address = board.address();
    let status = board.terminate();
    assert_eq!(status.code(), Some(0), "expected exit code 0 after SIGTERM, got {status}");
    for (turn, id) in calls.into_iter().enumerate() {
        let answer = line.answer(id);
        let slept = text_of(&answer) == Some(format!("slept {}", 300 + turn));
        assert!(slept || failure_of(&answer).contains("shutting down"), "expected an answer or a refusal: {answer}");
    }
    line.check();
    assert!(TcpStream::connect(address).is_err(), "expected nobody to listen any more");
    eventually(AFTERLIFE, &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}

#[test]
fn f_24_a_second_daemon_on_the_same_folder_refuses_and_says_who_has_it() {
    beside("", |scene| {
        let refused = scene.board.home().refused("127.0.0.1:0");
        assert_eq!(refused.code, Some(1), "expected a refusal: {refused:?}");
        let pid = scene.board.pid().to_string();
        assert!(refused.stderr.contains(&pid), "expected process {pid} to be named: {}", refused.stderr);
        assert!(refused.stderr.contains("switchboard status"), "expected the next command: {}", refused.stderr);
        scene.board.server_in("good", "ready");
    });
}

#[test]
fn f_25_a_port_in_use_is_refused_with_its_holder() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new(&misbehave("good", "ok", "dual"));
    let refused = home.refused(&address);
    assert_eq!(refused.code, Some(78), "expected a refusal: {refused:?}");
    let pid = format!("process {}", std::process::id());
    assert!(refused.stderr.contains(&pid), "expected {pid} to be named: {}", refused.stderr);
    drop(taken);
    home.write_config(&format!("[listen]\ntoken = \"nobody-guesses-this\"\n{}", misbehave("good", "ok", "dual")));
    let gone = home.refused("203.0.113.1:7420");
    assert_eq!(gone.code, Some(78), "expected an address of nobody to be refused: {gone:?}");
    assert!(gone.stderr.contains("203.0.113.1"), "expected the address to be named: {}", gone.stderr);
    // What stood in the way is gone, and nothing of the attempts is.
    drop(home.start());
}

#[test]
fn f_25_a_stale_socket_is_replaced_and_one_in_use_is_left() {
    let socket = "[listen]\nunix = \"own.sock\"\n";
    let mut board = Switchboard::start(&format!("{socket}{}", misbehave("good", "ok", "dual")));
    let path = board.home().place("own.sock");
    board.kill9();
    assert!(path.exists(), "expected the socket of a killed daemon to lie there");
    let board = board.restart();
    assert!(UnixStream::connect(&path).is_ok(), "expected the new daemon to answer there");
    let home = board.stop();
    let other = UnixListener::bind(&path).unwrap();
    let refused = home.refused("127.0.0.1:0");
    assert_eq!(refused.code, Some(78), "expected a refusal: {refused:?}");
    let holder = format!("(process {}) answers there", std::process::id());
    assert!(refused.stderr.contains(&holder), "expected the holder to be named: {}", refused.stderr);
    assert!(UnixStream::connect(&path).is_ok(), "expected the other's socket to be left alone");
    drop(other);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    let refused = home.refused("127.0.0.1:0");
    assert_eq!(refused.code, Some(78), "expected a refusal: {refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious", "expected a file of somebody to be left alone");
}

#[test]
fn f_35_without_descriptors_what_is_there_goes_on_and_new_ones_wait() {
    beside(&bad("ok", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let pid = scene.board.pid();
        let limit = |current: Option<u64>| {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap());
            let maximum = getrlimit(Resource::Nofile).maximum;
            prlimit(pid, Resource::Nofile, Rlimit { current: current.or(maximum), maximum }).unwrap();
        };
        let room = Burden::of(pid).descriptors + 4;
        limit(Some(room as u64));
        let waiting: Vec<TcpStream> = (0..30).map(|_| TcpStream::connect(scene.board.address()).unwrap()).collect();
        let before = Burden::of(pid).busy;
        scene.witness.wait_for(50);
        assert_eq!(scene.echo("inside"), "inside", "expected calls on open connections to go on");
        let held = Burden::of(pid).descriptors;
        // The limit is on their numbers, and some may be free below.
        assert!((room - 1..room + 10).contains(&held), "expected the limit near {room} to hold, there are {held}");
        let busy = Burden::of(pid).busy - before;
        assert!(busy < STALL, "expected accepting to rest, it took {busy:?} of a processor");
        drop(waiting);
        let client = scene.board.modern();
        assert_eq!(client.text("bad__echo", json!({"text": "again"})), "again", "expected new clients to get in");
        limit(None);
    });
}
