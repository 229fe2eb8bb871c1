//! Backups: written under load, brought back after everything is gone, and refused when they are not
//! what was written.

use crate::state::{look, meddle};
use e2e::{Client as _, Home, SOON, SmallDisk, Switchboard, eventually, misbehave};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An approval, as an earlier build kept it in a file.
const APPROVED: &str = r#"{"entries":[{"name":"brought","file":"/p/.mcp.json","found":true,"subject":{"keys":{"command":"./server.sh"},"files":[]}}]}"#;
const APPROVALS: &str = "SELECT body FROM documents WHERE kind = 'approvals'";
const WORDS: &str = "correct horse battery staple";

/// A server that keeps notes, and one that a person stopped.
fn servers(notes: &Path) -> String {
    misbehave("s", "ok", "dual") + &format!("data = [{notes:?}]\n") + &misbehave("db", "ok", "dual")
}

/// A home whose server keeps notes in it.
fn home() -> Home {
    let home = Home::new("").offering("memory");
    home.write_config(&servers(&home.place("notes")));
    fs::create_dir_all(home.place("notes/deep")).unwrap();
    fs::write(home.place("notes/deep/one"), "first note").unwrap();
    fs::create_dir(home.data()).unwrap();
    fs::write(home.data().join("approvals.json"), APPROVED).unwrap();
    fs::write(home.place("words"), format!("{WORDS}\n")).unwrap();
    home
}

/// A command with the configuration of this home.
#[track_caller]
fn cli(home: &Home, args: &[&str]) -> e2e::Ended {
    let config = home.config().display().to_string();
    home.cli(&[&["--config", &config], args].concat())
}

#[track_caller]
fn good(home: &Home, args: &[&str]) -> Value {
    let ended = cli(home, &[args, &["--json"]].concat());
    assert_eq!(ended.code, Some(0), "expected `{}` to go well: {ended:?}", args.join(" "));
    ended.json()
}

fn acts(home: &Home) -> Vec<String> {
    let events = good(home, &["audit"])["events"].as_array().cloned().unwrap_or_default();
    events.iter().map(|event| event["what"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Stops a server and waits until that is kept.
#[track_caller]
fn stop(board: &Switchboard) {
    assert_eq!(board.cli(&["stop", "db"]).code, Some(0));
    let store = board.data().join("state.db");
    let wanted = || look(&store, "SELECT body FROM documents WHERE kind = 'desired'");
    eventually(SOON, "what a person wants to be kept", || wanted().contains("db"));
}

fn save(client: &impl e2e::Client, text: &str, space: &str) {
    let saved = client.call("memory__save_memory", json!({ "text": text, "namespace": space }));
    assert!(saved["isError"] != true, "expected a memory to be saved: {saved}");
}

/// How many memories with this word there are.
fn memories(client: &impl e2e::Client, word: &str) -> usize {
    let found = client.call("memory__search_memories", json!({ "query": word, "namespace": "ours", "limit": 50 }));
    let found = found["structuredContent"]["memories"].as_array().unwrap_or_else(|| panic!("expected some: {found}"));
    // The search is generous: words that are alike count a little, too.
    found.iter().filter(|memory| memory["text"].as_str().is_some_and(|text| text.contains(word))).count()
}

/// Calls, and saves memories, until the work is done.
fn under_load<T>(board: &Switchboard, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let client = board.modern();
            let ended = &ended;
            scope.spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    client.text("s__count", json!({}));
                    save(&client, "said meanwhile", "theirs");
                }
            });
        }
        let done = work();
        ended.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn f_54_what_was_backed_up_under_load_is_there_again_after_everything_was_lost() {
    let board = home().start();
    board.server_in("s", "ready");
    stop(&board);
    let calls = |home: &Home| good(home, &["logs", "--calls", "-n", "100000"])["calls"].as_array().unwrap().len();
    let client = board.modern();
    client.text("s__count", json!({}));
    (0..5).for_each(|number| save(&client, &format!("known before {number}"), "ours"));
    eventually(SOON, "the first records and the first deed to be kept", || {
        calls(board.home()) > 0 && acts(board.home()) == ["stopped"]
    });
    assert_eq!(memories(&client, "before"), 5);
    let before = calls(board.home());
    let file = board.home().place("backup.tar.gz").display().to_string();
    let write = ["backup", &file, "--with-data", "--passphrase-file", "words"];
    let written = under_load(&board, || good(board.home(), &write));
    assert_eq!(memories(&client, "before"), 5, "expected them to be found while others are saved");
    let names = written["members"].to_string();
    for expected in ["state/local.db", "config/", "secrets/keys", "data/s/"] {
        assert!(names.contains(expected), "expected {expected}: {names}");
    }
    assert_eq!(written["left_out"], json!([]));

    let running = cli(board.home(), &["restore", &file]);
    assert!(running.code == Some(1) && running.stderr.contains("already runs"), "{running:?}");
    let home = board.stop();
    let keys = fs::read(home.data().join("keys")).unwrap();
    let config = fs::read_to_string(home.config()).unwrap();
    fs::remove_dir_all(home.data()).unwrap();
    fs::remove_dir_all(home.place("notes")).unwrap();
    home.write_config("");
    let open = ["--passphrase-file", "words"];
    let would = good(&home, &[&["restore", &file, "--dry-run"][..], &open].concat());
    assert!(would["dry_run"] == true && !home.data().join("state.db").exists(), "{would}");
    assert_eq!(fs::read_to_string(home.config()).unwrap(), "", "expected a dry run to change nothing");

    let done = good(&home, &[&["restore", &file][..], &open].concat());
    assert_eq!(done["left_out"], json!([]), "{done}");
    assert_eq!(fs::read(home.data().join("keys")).unwrap(), keys);
    assert_eq!(fs::read_to_string(home.config()).unwrap(), config);
    assert_eq!(fs::read_to_string(home.place("notes/deep/one")).unwrap(), "first note");
    assert!(calls(&home) >= before, "expected the records from before the backup");
    assert_eq!(acts(&home), ["stopped", "restored"]);
    good(&home, &["audit", "--verify"]);
    assert!(look(&home.data().join("state.db"), APPROVALS).contains("./server.sh"), "expected what was approved");
    let board = home.start();
    board.server_in("db", "stopped");
    board.server_in("s", "ready");
    assert_eq!(memories(&board.modern(), "before"), 5, "expected every memory from before the backup");
}

#[test]
fn what_was_there_stays_beside_and_a_damaged_store_is_put_aside() {
    let board = home().start();
    board.server_in("s", "ready");
    assert_eq!(board.cli(&["restart", "s"]).code, Some(0));
    eventually(SOON, "the deed to be kept", || acts(board.home()) == ["restarted"]);
    let folder = board.home().place("backups");
    fs::create_dir(&folder).unwrap();
    let to = folder.display().to_string();
    let file = good(board.home(), &["backup", "--to", &to, "--with-data"])["file"].as_str().unwrap().to_owned();
    assert!(fs::read_dir(&folder).unwrap().count() == 1 && file.starts_with(&to), "{file}");
    let home = board.stop();
    fs::write(home.place("notes/deep/one"), "later note").unwrap();
    let done = good(&home, &["restore", &file]);
    let kept = done["kept"].to_string();
    assert!(kept.contains("state.db.before-restore") && kept.contains("notes.before-restore"), "{kept}");
    assert_eq!(fs::read_to_string(home.place("notes/deep/one")).unwrap(), "first note");
    assert_eq!(fs::read_to_string(home.place("notes.before-restore/deep/one")).unwrap(), "later note");
    assert_eq!(acts(&home), ["restarted", "restored"]);

    fs::write(home.data().join("state.db"), "damaged, ".repeat(2000)).unwrap();
    assert_eq!(home.refused("127.0.0.1:0").code, Some(1));
    let done = good(&home, &["restore", &file]);
    assert!(done["kept"].to_string().contains("state.db.damaged"), "{done}");
    assert_eq!(acts(&home), ["restarted", "restored"]);
    assert_eq!(good(&home, &["backup", "--verify"])["whole"], true);
}

#[test]
fn secrets_are_sealed_or_left_out_and_only_the_passphrase_opens_them() {
    let home = home();
    let secret = "ghp_0123456789abcdef0123456789abcdef";
    let mut config = fs::read_to_string(home.config()).unwrap();
    config.push_str(&format!("env = {{ GITHUB_TOKEN = {secret:?} }}\n"));
    home.write_config(&config);
    let home = home.start().stop();
    let [plain, sealed] = ["plain", "sealed"].map(|name| home.place(name).display().to_string());
    let written = good(&home, &["backup", &plain]);
    let left = written["left_out"].to_string();
    assert!(left.contains("switchboard.toml") && left.contains("keys") && left.contains("passphrase"), "{left}");
    assert!(!written["members"].to_string().contains("secrets/"), "{written}");
    good(&home, &["backup", &sealed, "--passphrase-file", "words"]);
    for (file, what) in [(&plain, "left out"), (&sealed, "sealed")] {
        let unpacked = e2e::run(e2e::command("tar").args(["-xzOf", file]), SOON);
        let has_manifest = unpacked.stdout.contains("\"left_out\": [");
        assert!(unpacked.code == Some(0) && has_manifest, "expected a tar file: {}", unpacked.stderr);
        assert!(!unpacked.stdout.contains(secret), "expected the secret to be {what}");
    }
    assert_eq!(good(&home, &["backup", "--verify", &sealed, "--passphrase-file", "words"])["format"], 1);
    fs::write(home.place("other"), "another passphrase").unwrap();
    let wrong = cli(&home, &["restore", &sealed, "--passphrase-file", "other"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("does not open with this passphrase"), "{wrong:?}");
    let without = good(&home, &["restore", &sealed, "--dry-run"]);
    assert!(without["left_out"].to_string().contains("it is sealed"), "{without}");
    let short = cli(&home, &["backup", "--force", &plain, "--passphrase-file", "/dev/null"]);
    assert_eq!(short.code, Some(2), "{short:?}");
}

#[test]
fn a_backup_that_was_changed_is_refused_and_changes_nothing() {
    let home = home().start().stop();
    let file = home.place("backup").display().to_string();
    good(&home, &["backup", &file]);
    let again = cli(&home, &["backup", &file]);
    assert!(again.code == Some(2) && again.stderr.contains("--force"), "{again:?}");
    let state = fs::read(home.data().join("state.db")).unwrap();
    let whole = fs::read(&file).unwrap();
    for at in [20, whole.len() / 3, whole.len() / 2, whole.len() - 6] {
        let mut bent = whole.clone();
        bent[at] ^= 1;
        fs::write(&file, &bent).unwrap();
        for command in [&["restore", &file][..], &["backup", "--verify", &file]] {
            let refused = cli(&home, command);
            assert!(refused.code == Some(1) && refused.stderr.contains("no whole backup"), "byte {at}: {refused:?}");
        }
    }
    assert_eq!(fs::read(home.data().join("state.db")).unwrap(), state, "expected nothing to be changed");
    // A backup of what is not whole is whole, and says what it holds.
    meddle(&home.data().join("state.db"), "INSERT INTO claims VALUES ('nothing', 'me', 1, 1, 1, '{}')");
    good(&home, &["backup", "--force", &file]);
    for command in [&["restore", &file][..], &["backup", "--verify", &file], &["backup", "--verify"]] {
        let refused = cli(&home, command);
        assert!(refused.code == Some(1) && refused.stderr.contains("claims on no task"), "{refused:?}");
    }
}

#[test]
fn a_disk_that_fills_up_leaves_no_half_backup() {
    let home = home().start().stop();
    let folder = home.place("small");
    let Some(_disk) = SmallDisk::over(&folder, 64) else { return };
    let failed = cli(&home, &["backup", &folder.join("backup").display().to_string()]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("room") || failed.stderr.contains("space"), "{}", failed.stderr);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "expected nothing to be left");
}

/// A database of this test's own, on the server that the tests have.
fn database(name: &str) -> Option<String> {
    let Ok(server) = std::env::var("SWITCHBOARD_TEST_POSTGRES") else {
        e2e::tell("skipped: SWITCHBOARD_TEST_POSTGRES is not set; `cargo xtask databases -- COMMAND` sets it");
        return None;
    };
    let name = format!("{name}_{}", std::process::id());
    let made = e2e::run(e2e::command("psql").args([&server, "-c", &format!("CREATE DATABASE {name}")]), SOON);
    assert_eq!(made.code, Some(0), "expected a database: {made:?}");
    let (address, _) = server.rsplit_once('/').unwrap();
    Some(format!("{address}/{name}"))
}

#[test]
fn a_backup_of_either_database_is_restored_into_either() {
    let Some(url) = database("backup") else { return };
    let shared = home();
    let own = fs::read_to_string(shared.config()).unwrap();
    shared.write_config(&format!("state.url = {url:?}\n{own}"));
    let board = home().start();
    save(&board.modern(), "first kept in a file", "ours");
    stop(&board);
    let first = shared.place("first").display().to_string();
    good(board.home(), &["backup", &first]);
    drop(board.stop());
    let done = good(&shared, &["restore", &first]);
    assert!(done["restored"].to_string().contains("postgres://"), "{done}");
    let board = shared.start();
    board.server_in("db", "stopped");
    assert_eq!(memories(&board.modern(), "file"), 1, "expected what was in SQLite to be in PostgreSQL");
    save(&board.modern(), "second kept on a server", "ours");
    let second = board.home().place("second").display().to_string();
    let written = good(board.home(), &["backup", &second]);
    assert!(written["members"].to_string().contains("state/shared.db"), "{written}");
    let third = home();
    let moved = third.place("second");
    fs::copy(&second, &moved).unwrap();
    drop(board.stop());
    good(&third, &["restore", &moved.display().to_string()]);
    let board = third.start();
    board.server_in("db", "stopped");
    assert_eq!(memories(&board.modern(), "kept"), 2, "expected what was in PostgreSQL to be in SQLite");
}
