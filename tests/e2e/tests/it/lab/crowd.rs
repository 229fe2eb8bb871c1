//! Very many servers, few of them needed: how soon the switchboard listens, whether its list is there at
//! once, and what it takes while nothing happens.

use super::{asleep, count, leave_alone};
use e2e::{Burden, Client, Home, SOON, eventually, misbehave, tell};
use std::time::{Duration, Instant};

/// Of so many servers, one runs.
const ONE_IN: usize = 3;

#[test]
fn crowd() {
    let total = count("SWITCHBOARD_LAB_CROWD", 12);
    let idle = Duration::from_secs(count("SWITCHBOARD_LAB_CROWD_IDLE", 1) as u64);
    let running = total.div_ceil(ONE_IN);
    let server = |number: usize| {
        let keys = if number.is_multiple_of(ONE_IN) { "" } else { asleep() };
        misbehave(&format!("s{number}"), "ok", "dual") + keys
    };
    let home = Home::new(&(0..total).map(server).collect::<String>());
    let board = home.start();
    let is_up = |board: &e2e::Switchboard| {
        let status = board.cli_json(&["status"]);
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        servers.iter().filter(|server| server["state"] == "ready").count() >= running
    };
    eventually(SOON * 4, "every server that is needed to be ready", || is_up(&board));
    let before = board.modern().tools();
    assert!(before.len() >= 4 * running, "expected the tools of {running} servers, got {}", before.len());
    let home = board.stop();
    let begun = Instant::now();
    let board = home.start();
    let listening = begun.elapsed();
    let tools = board.modern().tools();
    let listed = begun.elapsed();
    assert_eq!(tools, before, "expected the whole list from the disk");
    eventually(SOON * 4, "every server that is needed to be ready", || is_up(&board));
    let before = Burden::of_daemon(board.pid());
    leave_alone(idle);
    let after = Burden::of_daemon(board.pid());
    tell(&format!(
        "crowd: {total} servers, {running} running: listening after {} ms, {} tools listed after {} ms; idle: {} MiB, {} descriptors, {} ms of a processor in {} s",
        listening.as_millis(),
        tools.len(),
        listed.as_millis(),
        after.resident_kib / 1024,
        after.descriptors,
        (after.busy - before.busy).as_millis(),
        idle.as_secs()
    ));
}
