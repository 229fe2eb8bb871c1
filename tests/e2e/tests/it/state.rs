//! What lasts: state of earlier builds, a store that cannot be used, a disk that is full, and what
//! people did.

use e2e::{Client as _, Home, SOON, SmallDisk, Switchboard, command, eventually, misbehave, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn one() -> String {
    misbehave("s", "ok", "dual")
}

/// Changes a store from outside.
#[track_caller]
pub(crate) fn meddle(store: &Path, sql: &str) {
    let script = "import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.commit()";
    let done = run(command("python3").args(["-c", script]).arg(store).arg(sql), SOON);
    assert_eq!(done.code, Some(0), "expected the store to be changed: {done:?}");
}

/// What a store says, from outside.
#[track_caller]
pub(crate) fn look(store: &Path, sql: &str) -> String {
    let script = "import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); print(db.execute(sys.argv[2]).fetchall())";
    let done = run(command("python3").args(["-c", script]).arg(store).arg(sql), SOON);
    assert_eq!(done.code, Some(0), "expected the store to be read: {done:?}");
    done.stdout
}

fn calls(board: &Switchboard) -> Vec<Value> {
    board.cli_json(&["logs", "--calls"])["calls"].as_array().cloned().unwrap_or_default()
}

#[test]
fn f_53_what_an_older_build_kept_in_files_counts_and_is_read_once() {
    let home = Home::new(&one());
    let data = home.data();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("desired.json"), r#"{"stopped":["s"]}"#).unwrap();
    fs::write(data.join("catalog.json"), "{ this is damaged").unwrap();
    let board = home.start();
    assert_eq!(board.server_in("s", "stopped")["name"], "s");
    let left = |name: &str| data.join(name).exists();
    assert!(left("desired.json.moved") && left("catalog.json.damaged"), "expected the files to be kept beside");
    assert!(!left("desired.json") && !left("catalog.json"), "expected the files to be read once");
    assert_eq!(board.cli(&["start", "s"]).code, Some(0));
    let board = board.restart();
    board.server_in("s", "ready");
}

#[test]
fn f_29_a_damaged_or_newer_store_is_refused_and_left_as_it_is() {
    let home = Home::new(&one()).start().stop();
    let store = home.data().join("state.db");
    meddle(&store, "INSERT INTO schema_migrations (step, name) VALUES (99, 'of the future')");
    let newer = home.refused("127.0.0.1:0");
    assert_eq!(newer.code, Some(1), "{newer:?}");
    assert!(newer.stderr.contains("version 99") && newer.stderr.contains("hint: "), "{}", newer.stderr);
    fs::write(&store, "no database at all, ".repeat(1000)).unwrap();
    let damaged = home.refused("127.0.0.1:0");
    assert_eq!(damaged.code, Some(1), "{damaged:?}");
    assert!(
        damaged.stderr.contains("is damaged") && damaged.stderr.contains("switchboard restore"),
        "{}",
        damaged.stderr
    );
    assert!(fs::read_to_string(&store).unwrap().starts_with("no database"), "expected the file to be left alone");
    let looking = home.cli(&["list"]);
    assert!(looking.stderr.contains("nothing counts as approved"), "expected commands to say so: {looking:?}");
}

#[test]
fn f_26_a_full_disk_is_said_once_and_writing_goes_on_when_there_is_room() {
    let home = Home::new(&one());
    let Some(disk) = SmallDisk::over(&home.data(), 4096) else { return };
    let board = home.start();
    let client = board.modern();
    client.text("s__count", json!({}));
    eventually(SOON, "a record", || !calls(&board).is_empty());
    disk.fill();
    let lost = || board.cli_json(&["status"])["records_dropped"].as_u64().unwrap();
    eventually(SOON, "calls to be answered and their records to be counted", || {
        client.text("s__count", json!({}));
        lost() > 0
    });
    let before = lost();
    eventually(SOON, "more of them to be lost", || {
        client.text("s__count", json!({}));
        lost() > before
    });
    assert_eq!(board.cli(&["stop", "s"]).code, Some(0), "expected people to be obeyed meanwhile");
    let said = board.home().said();
    assert_eq!(said.matches("records of calls are lost").count(), 1, "expected it to be said once: {said}");
    disk.empty();
    assert_eq!(board.cli(&["start", "s"]).code, Some(0));
    let kept = calls(&board).len();
    eventually(SOON, "records to be written again", || {
        client.text("s__count", json!({}));
        calls(&board).len() > kept
    });
    let acts = |board: &Switchboard| {
        let events = board.cli_json(&["audit"])["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["what"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    eventually(SOON, "what people did meanwhile to be written down", || acts(&board) == ["stopped", "started"]);
    drop(board.stop());
}

#[test]
fn what_people_did_is_written_down_and_a_change_of_it_is_found() {
    let board = Switchboard::start(&one());
    let config = board.home().config().display().to_string();
    board.server_in("s", "ready");
    for act in [&["restart", "s"][..], &["--config", &config, "disable", "s"], &["--config", &config, "enable", "s"]] {
        assert_eq!(board.cli(act).code, Some(0), "{act:?}");
    }
    let expected = ["restarted", "disabled", "reconfigured", "enabled", "reconfigured"];
    eventually(SOON, "every act to be there", || {
        let events = board.cli_json(&["audit"])["events"].as_array().cloned().unwrap_or_default();
        let mut acts: Vec<_> = events.iter().filter_map(|event| event["what"].as_str()).collect();
        acts.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        acts == expected && events.iter().all(|event| event["who"] == "local")
    });
    let whole = board.cli_json(&["audit", "--verify"]);
    assert_eq!(whole, json!({"whole": true, "entries": 5}));
    let home = board.stop();
    meddle(&home.data().join("state.db"), "UPDATE events SET entity = 'other' WHERE stream = 'audit' AND seq = 2");
    let broken = home.cli(&["audit", "--verify"]);
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.stderr.contains("entry 2 is not right"), "{}", broken.stderr);
}

#[test]
fn records_go_when_they_are_older_than_keep_says() {
    let home = Home::new(&one());
    let board = home.start();
    board.modern().text("s__count", json!({}));
    eventually(SOON, "the first record", || calls(&board).len() == 1);
    let home = board.stop();
    // The body says when it was for people; the page says it for the store.
    let two_days = "UPDATE call_records SET from_ms = from_ms - 172800000, to_ms = to_ms - 172800000";
    meddle(&home.data().join("state.db"), two_days);
    let board = home.start();
    board.modern().text("s__count", json!({}));
    eventually(SOON, "both records, since one of two days is kept", || calls(&board).len() == 2);
    let home = board.stop();
    home.write_config(&format!("records.keep = \"1d\"\n{}", one()));
    let board = home.start();
    eventually(SOON, "the old one to go, and the new one to stay", || calls(&board).len() == 1);
}
