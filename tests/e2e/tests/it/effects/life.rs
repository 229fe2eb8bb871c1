//! Keys of the life and the health of a server: each with two values after which it fares otherwise.

use super::{Row, differ};
use e2e::{Client as _, SOON, Switchboard, await_some, misbehave, script};
use serde_json::{Value, json};
use std::fs;

fn health(board: &Switchboard) -> Value {
    board.cli(&["health", "good", "--json"]).json()["server"].clone()
}

/// The level after so many checks.
fn level(board: &Switchboard, checks: u64) -> Value {
    let checked = || Some(health(board)).filter(|server| server["checks"].as_u64() >= Some(checks));
    await_some(SOON, &format!("{checks} checks"), checked)["level"].clone()
}

/// Whether the next start is more than a minute away.
fn waits_long(board: &Switchboard) -> Value {
    json!(board.server_in("good", "backoff")["next_try_ms"].as_u64() > Some(60_000))
}

/// Whether the pause between two starts ever grows beyond what is short.
fn grows(board: &Switchboard) -> Value {
    await_some(SOON, "a long pause, or many short ones", || {
        let server = board.server("good");
        let long = server["next_try_ms"].as_u64() > Some(300);
        (long || server["restarts"].as_u64() > Some(12)).then_some(json!(long))
    })
}

/// Whether it is left alone before it was started again so often.
fn left_alone(board: &Switchboard) -> Value {
    await_some(SOON, "a crash loop, or many starts", || {
        let server = board.server("good");
        let given_up = server["state"] == "crash_loop";
        (given_up || server["restarts"].as_u64() > Some(4)).then_some(json!(given_up))
    })
}

/// Whether it is left alone although it was ready for a while each time.
fn forgiven(board: &Switchboard) -> Value {
    for turn in 1..4 {
        await_some(SOON, "it to be up for a while", || {
            Some(board.server("good")).filter(|server| server["uptime_ms"].as_u64() > Some(200))
        });
        board.modern().failure("good__die", json!({}));
        let server = await_some(SOON, "its end to be seen", || {
            let server = board.server("good");
            let seen = server["restarts"].as_u64() >= Some(turn) || server["state"] == "crash_loop";
            seen.then_some(server)
        });
        if server["state"] == "crash_loop" {
            return json!(false);
        }
    }
    json!(true)
}

/// The state after the start, however it ends.
fn started(board: &Switchboard) -> Value {
    await_some(SOON, "its start to end", || {
        Some(board.server("good")["state"].clone()).filter(|state| state == "ready" || state == "failed")
    })
}

/// Whether any of its stderr was dropped; else all of it is there.
fn dropped(board: &Switchboard) -> Value {
    await_some(SOON, "its stderr to be read", || {
        let log = board.cli(&["logs", "good", "-n", "1000"]).stdout;
        let dropped = log.contains("were dropped");
        (dropped || log.matches("a long line").count() >= 40).then_some(json!(dropped))
    })
}

/// Whether two programs were starting at the same time.
fn met(board: &Switchboard) -> Value {
    (0..4).for_each(|at| drop(board.server_in(&format!("s{at}"), "ready")));
    json!(board.home().place("met").exists())
}

/// Whether a check came soon after the start.
fn soon(board: &Switchboard) -> Value {
    board.server_in("good", "ready");
    match fs::read_to_string(board.home().config()).unwrap().contains("interval") {
        true => json!(level(board, 2) != Value::Null),
        false => json!(health(board)["checks"].as_u64() > Some(0)),
    }
}

/// The level when the program that checks says yes again.
fn well_again(board: &Switchboard) -> Value {
    let ill = || Some(health(board)).filter(|server| server["level"] == "critical");
    let checks = await_some(SOON, "it to be critical", ill)["checks"].as_u64().unwrap();
    fs::write(board.home().place("well"), "").unwrap();
    level(board, checks + 4)
}

/// Whether it is recovered a second time at once; else checks go on failing.
fn recovered_again(board: &Switchboard) -> Value {
    await_some(SOON, "a second recovery, or none", || {
        let server = health(board);
        let again = server["recoveries"].as_u64() > Some(1);
        (again || server["failed"].as_u64() > Some(3)).then_some(json!(again))
    })
}

fn rows() -> Vec<Row> {
    let ends = |keys: &str| format!("[servers.good]\ncommand = \"sh\"\nargs = [\"-c\", \"exit 3\"]\n{keys}\n");
    let often = "health.interval = \"30ms\"\nhealth.recover = false\n";
    let entry = |mode: &str, keys: &str| format!("{}{keys}\n", misbehave("good", mode, "dual"));
    let ok = |keys: &str| entry("ok", keys);
    let checked = |key, mode: &str, texts: [&str; 2], see| Row { key, texts: texts.map(|keys| entry(mode, keys)), see };
    let ailing =
        |keys: &str| ok(&format!("{often}health_check.command = [\"sh\", \"-c\", \"test -e $HOME/well\"]\n{keys}"));
    let window = "restart_delay = \"700ms\"\nrestart_delay_max = \"700ms\"\nmax_restarts = 3\n";
    let growing = "restart_delay = \"20ms\"\nmax_restarts = 1000\n";
    let loud = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; \
                do echo a long line of the program, which is the same each time and has nothing to say, $i >&2; done; exec $SERVER ok dual";
    let lock = "mkdir $HOME/lock || touch $HOME/met; sleep 0.1; rmdir $HOME/lock; exec $SERVER ok dual";
    let together = |limit: u32| {
        let servers: String = (0..4).map(|at| script(&format!("s{at}"), lock)).collect();
        format!("limits.startup_concurrency = {limit}\n{servers}")
    };
    let mute = |pause: &str| {
        let keys = "health.interval = \"30ms\"\nhealth.timeout = \"100ms\"\nhealth.failures = 1\nhealth.recover_pause";
        entry("hang-on-ping", &format!("{keys} = {pause:?}"))
    };
    let sleeper =
        "health.timeout = \"150ms\"\nhealth.failures = 1\nhealth_check.tool = \"sleep\"\nhealth_check.arguments";
    vec![
        Row {
            key: "servers.restart_delay",
            texts: ["restart_delay = \"10s\"", "restart_delay = \"1h\""].map(ends),
            see: waits_long,
        },
        Row {
            key: "servers.restart_delay_max",
            texts: ["40ms", "60s"].map(|most| ends(&format!("{growing}restart_delay_max = {most:?}"))),
            see: grows,
        },
        Row {
            key: "servers.restart_window",
            texts: ["1s", "300s"].map(|time| ends(&format!("{window}restart_window = {time:?}"))),
            see: left_alone,
        },
        checked(
            "servers.stable_after",
            "die-on-call",
            ["max_restarts = 1", "max_restarts = 1\nstable_after = \"100ms\""],
            forgiven,
        ),
        checked(
            "servers.install_timeout",
            "ok",
            ["install = \"sleep 2\"", "install = \"sleep 2\"\ninstall_timeout = \"1s\""],
            started,
        ),
        Row {
            key: "servers.resources.stderr",
            texts: ["", "resources.stderr = \"1KiB\"\n"].map(|keys| script("good", loud) + keys),
            see: dropped,
        },
        Row { key: "limits.startup_concurrency", texts: [1, 4].map(together), see: met },
        checked("servers.health.interval", "ok", ["", "health.interval = \"30ms\""], soon),
        checked(
            "servers.health.timeout",
            "slow-ping=300",
            [often, &format!("{often}health.failures = 1\nhealth.timeout = \"100ms\"")],
            |board| level(board, 1),
        ),
        Row {
            key: "servers.health.failures",
            texts: ["health.failures = 1", "health.failures = 1000"].map(ailing),
            see: |board| level(board, 3),
        },
        Row {
            key: "servers.health.recoveries",
            texts: ["health.recoveries = 1", "health.recoveries = 1000"].map(ailing),
            see: well_again,
        },
        Row { key: "servers.health.recover_pause", texts: ["0s", "60s"].map(mute), see: recovered_again },
        Row {
            key: "servers.health_check.arguments",
            texts: ["{ ms = 0 }", "{ ms = 5000 }"].map(|with| ok(&format!("{often}{sleeper} = {with}"))),
            see: |board| level(board, 1),
        },
    ]
}

#[test]
fn every_key_of_a_life_changes_something_that_can_be_seen() {
    differ(rows());
}
