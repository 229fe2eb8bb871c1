//! A configuration that cannot be read, in each of the ways in which files break, changes nothing.

use super::{SETTINGS, bad, beside};
use e2e::{Client, LINE, SOON, eventually, misbehave};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn f_48_a_broken_configuration_changes_nothing_and_says_why() {
    beside(&bad("ok", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let home = scene.board.home();
        let before = scene.line.text("bad__pid", json!({}));
        let whole = fs::read_to_string(home.config()).unwrap();
        let (half, wrong) = (&whole[..whole.len() / 2], whole.clone() + "comand = \"x\"\n");
        let place = home.config();
        let place = place.to_str().unwrap();
        for broken in [half, &wrong, "[servers.bad\n", "\u{0}\u{1}"] {
            // In place, as a careless program writes: whoever looks may see a part.
            fs::write(home.config(), broken).unwrap();
            let refused = scene.board.cli(&["reload"]);
            let checked = scene.board.cli(&["--config", place, "config", "check"]);
            // A half may happen to be whole where it was cut.
            if checked.code == Some(0) {
                continue;
            }
            assert_ne!(refused.code, Some(0), "expected the reload to be refused: {refused:?}");
            assert!(!refused.stderr.is_empty(), "expected the mistake to be shown: {refused:?}");
            assert_eq!(checked.code, Some(2), "expected `config check` to fail: {checked:?}");
            assert_eq!(scene.line.text("bad__pid", json!({})), before, "expected the server to keep its process");
        }
        fs::write(home.config(), &whole).unwrap();
        let same = scene.board.cli(&["reload"]);
        assert_eq!(same.code, Some(0), "expected the mended file to be read: {same:?}");
        assert_eq!(scene.line.text("bad__pid", json!({})), before, "expected the server to keep its process");
    });
}

#[test]
fn f_48_a_link_that_is_swapped_is_followed_and_one_to_nothing_changes_nothing() {
    beside(&bad("ok", ""), |scene| {
        scene.board.server_in("bad", "ready");
        let home = scene.board.home();
        let before = scene.line.text("bad__pid", json!({}));
        let whole = fs::read_to_string(home.config()).unwrap();
        let more = misbehave("more", "ok", "dual");
        let (one, two) = (home.place("one.toml"), home.place("two.toml"));
        fs::write(&one, &whole).unwrap();
        fs::write(&two, whole.clone() + &more).unwrap();
        let swap = |to: &std::path::Path| {
            let draft = home.place("link");
            let _ = fs::remove_file(&draft);
            symlink(to, &draft).unwrap();
            fs::rename(&draft, home.config()).unwrap();
        };
        swap(&one);
        assert_eq!(scene.board.cli(&["reload"]).code, Some(0), "expected the same configuration behind a link");
        swap(&home.place("nowhere.toml"));
        let refused = scene.board.cli(&["reload"]);
        assert_ne!(refused.code, Some(0), "expected a link to nothing to be refused: {refused:?}");
        assert_eq!(scene.line.text("bad__pid", json!({})), before, "expected the server to keep its process");
        swap(&two);
        let client = scene.board.modern();
        // The swap is noticed without a signal.
        eventually(SOON, "the new server to be listed", || client.tools().contains(&"more__echo".to_owned()));
        assert_eq!(scene.line.text("bad__pid", json!({})), before, "expected the server to keep its process");
        assert!(whole.starts_with(&format!("{LINE}{SETTINGS}")), "expected the configuration of a scene");
    });
}
