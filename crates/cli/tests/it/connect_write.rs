//! `switchboard connect --write`.

use crate::sandbox::{Sandbox, finished, snapshot};

const CLIENTS: [&str; 5] = ["claude", "claude-code", "cursor", "vscode", "codex"];

/// Without a data folder of its own, which the entry could not name.
fn run(sandbox: &Sandbox, arguments: &[&str]) -> crate::sandbox::Finished {
    finished(sandbox.command(&[&["connect"], arguments].concat()).env_remove("SWITCHBOARD_DATA"))
}

#[test]
fn a_dry_run_shows_the_change_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let shown: Vec<String> =
        CLIENTS.iter().map(|client| run(&sandbox, &["--write", client, "--dry-run"]).shown(&sandbox)).collect();
    snapshot!("connect_write_dry_run", shown.join("\n"));
    assert_eq!(std::fs::read_dir(sandbox.root.join("home")).unwrap().count(), 0);
}

#[test]
fn the_change_is_made_with_a_backup_and_can_be_taken_back() {
    let sandbox = Sandbox::new();
    let file = sandbox.root.join("home/.claude.json");
    let before = "{\n  // mine\n  \"theme\": \"dark\"\n}\n";
    std::fs::write(&file, before).unwrap();
    let written = run(&sandbox, &["--write", "claude-code"]);
    snapshot!("connect_write", written.shown(&sandbox));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("// mine") && text.contains("\"connect\""), "{text}");
    let again = run(&sandbox, &["--write", "claude-code"]);
    assert!(again.stderr.contains("has the entry already"), "{}", again.shown(&sandbox));
    let undo = written.stdout.lines().find_map(|line| line.strip_prefix("undo: mv ")).unwrap();
    let (backup, target) = undo.trim_matches('\'').split_once("' '").unwrap();
    assert_eq!(target, file.display().to_string());
    assert_eq!(std::fs::read_to_string(backup).unwrap(), before);
}

#[test]
fn a_broken_file_is_left_as_it_is() {
    let sandbox = Sandbox::new();
    let file = sandbox.root.join("home/.claude.json");
    std::fs::write(&file, "{broken").unwrap();
    let refused = run(&sandbox, &["--write", "claude-code"]);
    assert_eq!(refused.code, Some(2), "{}", refused.shown(&sandbox));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{broken");
}

#[test]
fn a_folder_of_its_own_is_mentioned() {
    let sandbox = Sandbox::new();
    let shown = sandbox.run(&["connect", "--write", "cursor", "--dry-run"]);
    assert!(shown.stderr.contains("SWITCHBOARD_DATA"), "{}", shown.shown(&sandbox));
    let document = sandbox.json(&["connect", "--write", "cursor", "--dry-run"]);
    assert!(document["new"].as_str().unwrap().contains("connect"));
}
