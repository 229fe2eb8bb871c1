//! `switchboard memory`: the same memories with a daemon and without.

use super::State;
use e2e::{Client as _, Home};
use serde_json::json;

fn said(home: &Home, args: &[&str]) -> String {
    let config = home.config().display().to_string();
    let words: Vec<&str> = [&["--config", &config, "memory"], args].concat();
    let ended = home.cli(&words);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    ended.stdout
}

#[test]
fn memories_are_kept_with_a_daemon_and_without() {
    for state in State::each() {
        let home = state.home("memory");
        let saved = said(&home, &["save", "I prefer", "Python for AI", "--tag", "taste", "--ttl", "90d"]);
        let id = saved.split([' ', ':']).nth(2).unwrap().to_owned();
        assert_eq!(saved, format!("Saved as {id}: I prefer Python for AI\n"));

        let board = super::started(home);
        let page = board.modern().call("memory__get_all_memories", json!({}))["structuredContent"].clone();
        assert_eq!(page["memories"][0]["id"], json!(id), "what the person saved the client sees: {page}");
        board.modern().call("memory__save_memory", json!({"text": "told by a client"}));
        let listed = said(board.home(), &["list"]);
        assert!(listed.lines().count() == 3 && listed.contains("told by a client"), "{listed}");
        let linked = said(board.home(), &["store", "a note", "--link", &format!("{id}:about")]);
        let note = linked.split([' ', ':']).nth(2).unwrap().to_owned();
        let home = board.stop();

        let shown = said(&home, &["show", &note]);
        assert!(shown.contains(&format!("to         {id} about: I prefer Python for AI")), "{shown}");
        let found = said(&home, &["search", "python", "-n", "1"]);
        assert!(found.lines().nth(1).unwrap().starts_with(&id), "{found}");
        let json: serde_json::Value = serde_json::from_str(&said(&home, &["find", "python", "--json"])).unwrap();
        assert_eq!(json["memories"][0]["tags"], json!(["taste"]));
        assert_eq!(said(&home, &["delete", &note]), format!("Deleted {note}: a note\n"));
        assert_eq!(said(&home, &["delete", "--all", "--tag", "taste"]), "Deleted 1 memories with taste\n");

        let gone = home.cli(&["--config", &home.config().display().to_string(), "memory", "show", &note]);
        assert_eq!(gone.code, Some(1));
        assert!(gone.stderr.contains("there is no memory") && gone.stderr.contains("hint:"), "{gone:?}");
    }
}
