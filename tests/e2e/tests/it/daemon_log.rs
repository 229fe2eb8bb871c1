//! What the daemon says of itself: as lines or as JSON, to a file that is rotated, from a level on that
//! is changed while it runs.

use e2e::{Ended, Home, Switchboard, await_some, eventually, misbehave, send};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

fn config(log: &str) -> String {
    format!("[log]\n{log}\n{}", misbehave("good", "ok", "dual"))
}

fn files(home: &Home) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(home.data().join("logs")) else { return Vec::new() };
    let ours = folder.flatten().map(|entry| entry.path());
    let mut ours: Vec<_> =
        ours.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("daemon.log")).collect();
    ours.sort();
    ours
}

fn events(home: &Home) -> Vec<Value> {
    let text: String = files(home).iter().rev().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line:?}"))).collect()
}

#[test]
fn with_a_file_every_event_is_a_line_of_json_in_it() {
    let board = Switchboard::start(&config("format = \"json\"\nfile = \"on\"\nlevel = \"info\""));
    board.server_in("good", "ready");
    let event = await_some(LONG, "that the server is ready", || {
        events(board.home()).into_iter().find(|event| event["message"] == "`good`: ready")
    });
    assert_eq!((&event["level"], &event["fields"]["server"]), (&json!("info"), &json!("good")));
    assert!(event["at"].as_str().unwrap().ends_with('Z') && event["target"].as_str().unwrap().starts_with("gateway"));
    // On a terminal's side the same events are said, in the same format.
    assert!(board.home().said().lines().any(|line| line.contains("\"message\":\"`good`: ready\"")));
}

#[test]
fn without_a_file_there_is_none_and_a_started_daemon_has_one() {
    let board = Switchboard::start(&config("file = \"auto\""));
    assert_eq!(files(board.home()), Vec::<PathBuf>::new());
    let home = board.stop();
    home.write_config(&config("file = \"auto\"\nlevel = \"info\""));
    let file = home.config();
    let started = home.cli(&["--config", file.to_str().unwrap(), "--listen", "127.0.0.1:0", "start", "--json"]);
    assert_eq!(started.code, Some(0), "{started:?}");
    eventually(LONG, "its words in the file", || {
        let text = fs::read_to_string(home.data().join("logs/daemon.log")).unwrap_or_default();
        text.contains("`good`: ready")
    });
    home.cli(&["stop"]);
}

#[test]
fn the_file_is_rotated_and_few_are_kept() {
    let log = "format = \"json\"\nfile = \"on\"\nlevel = \"trace\"\nfile_bytes_max = 4096\nfiles_max = 3";
    let board = Switchboard::start(&config(log));
    eventually(LONG, "three files", || {
        assert_eq!(board.cli(&["restart", "good"]).code, Some(0));
        files(board.home()).len() == 3
    });
    for _ in 0..5 {
        assert_eq!(board.cli(&["restart", "good"]).code, Some(0));
    }
    let home = board.stop();
    let sizes: Vec<u64> = files(&home).iter().map(|file| fs::metadata(file).unwrap().len()).collect();
    assert!(sizes.len() == 3 && sizes.iter().all(|bytes| *bytes <= 4096), "{sizes:?}");
    assert!(!events(&home).is_empty(), "each line is whole");
}

#[test]
fn the_level_is_changed_while_it_runs() {
    let board = Switchboard::start(&config("level = \"warn\""));
    let shown = |board: &Switchboard| board.cli_json(&["log-level"])["filter"].as_str().unwrap().to_owned();
    let restarts = |board: &Switchboard| {
        assert_eq!(board.cli(&["restart", "good"]).code, Some(0));
        board.home().said().matches("`good`: ready").count()
    };
    assert_eq!((shown(&board).as_str(), restarts(&board)), ("warn", 0), "{}", board.home().said());
    let set: Ended = board.cli(&["log-level", "off,gateway=info"]);
    assert_eq!((set.code, shown(&board).as_str()), (Some(0), "off,gateway=info"), "{set:?}");
    let heard = await_some(LONG, "events of the gateway", || Some(restarts(&board)).filter(|heard| *heard > 0));
    let bearer = ("Authorization".to_owned(), format!("Bearer {}", board.token()));
    let json_body = ("Content-Type".to_owned(), "application/json".to_owned());
    let put = |body: &str, headers: &[(String, String)]| {
        send(board.address(), "PUT", "/api/log-level", headers, body.as_bytes()).status
    };
    assert_eq!(
        put("{\"filter\":\"error\"}", std::slice::from_ref(&json_body)),
        401,
        "who brings no token changes nothing"
    );
    let headers = [bearer, json_body];
    assert_eq!(put("{\"filter\":\"loud\"}", &headers), 400);
    assert_eq!(shown(&board), "off,gateway=info", "what is no filter changes nothing");
    assert_eq!(put("{\"filter\":\"error\"}", &headers), 200);
    restarts(&board);
    assert_eq!(board.home().said().matches("`good`: ready").count(), heard, "silent again");
    // A reload that does not touch the level leaves it, one that does changes it.
    board.cli(&["reload"]);
    assert_eq!(shown(&board), "error");
    board.rewrite_config(&config("level = \"info\""));
    board.cli(&["reload"]);
    assert_eq!(shown(&board), "info");
    let refused = board.cli(&["log-level", "loud"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("`loud` is no level"), "{refused:?}");
}
