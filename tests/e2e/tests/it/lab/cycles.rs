//! Hostile servers are started, crash, are stopped, again and again: no process, no zombie and no
//! descriptor may be left over.

use super::count;
use e2e::{Burden, LINE, Line, SOON, Switchboard, eventually, misbehave, tell, zombies};
use serde_json::json;

/// What is started in each round: the mode, and the tool that ends it, if any.
const HOSTILE: [(&str, Option<&str>); 8] = [
    ("ok", None),
    ("stubborn", None),
    ("ignore-eof", None),
    ("daemonize", None),
    ("exit-after=1", Some("echo")),
    ("half-close", Some("hang_up")),
    ("brood=10", Some("brood")),
    ("crash-loop", None),
];

fn config(hostile: bool) -> String {
    let good = LINE.to_owned() + &misbehave("good", "ok", "dual");
    let one = |(at, (mode, _)): (usize, &(&str, Option<&str>))| {
        misbehave(&format!("h{at}"), mode, "legacy") + "stop_timeout = \"200ms\"\n"
    };
    if hostile { good + &HOSTILE.iter().enumerate().map(one).collect::<String>() } else { good }
}

#[track_caller]
fn reload(board: &Switchboard, config: &str) {
    board.rewrite_config(config);
    let done = board.cli(&["reload"]);
    assert_eq!(done.code, Some(0), "expected the reload to work: {done:?}");
}

/// Starts all of them, lets those crash that do, and takes them away.
#[track_caller]
fn round(board: &Switchboard, line: &Line) {
    reload(board, &config(true));
    eventually(SOON, "every hostile server to be ready or down", || {
        let status = board.cli_json(&["status"]);
        let servers = status["servers"].as_array().cloned().unwrap_or_default();
        servers.iter().all(|server| server["state"] != "starting")
    });
    let ends = HOSTILE.iter().enumerate().filter_map(|(at, (_, tool))| Some((at, (*tool)?)));
    let calls: Vec<u64> = ends.map(|(at, tool)| line.send(&format!("h{at}__{tool}"), json!({}))).collect();
    for id in calls {
        line.answer(id);
    }
    reload(board, &config(false));
    let what = || format!("the guard and one server alone: {:?}", board.tree());
    eventually(SOON, &what(), || board.tree().processes().len() == 2);
}

#[test]
fn cycles() {
    let wanted = count("SWITCHBOARD_LAB_CYCLES", 16);
    let rounds = wanted.div_ceil(HOSTILE.len()).max(2);
    let board = Switchboard::start(&config(false));
    let line = Line::of(&board);
    // What the first round allocates is kept.
    round(&board, &line);
    let before = Burden::of_daemon(board.pid());
    for _ in 1..rounds {
        round(&board, &line);
        eventually(SOON, "0 zombies", || zombies(board.pid()).is_empty());
    }
    let mut after = Burden::of_daemon(board.pid());
    eventually(SOON, &format!("as many descriptors as before: {before:?}"), || {
        after = Burden::of_daemon(board.pid());
        after.descriptors <= before.descriptors
    });
    line.check();
    tell(&format!(
        "cycles: {} lives of hostile servers: 0 orphans, 0 zombies, {} descriptors before and {} after, {} KiB before and {} after",
        rounds * HOSTILE.len(),
        before.descriptors,
        after.descriptors,
        before.resident_kib,
        after.resident_kib
    ));
}
