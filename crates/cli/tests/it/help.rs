//! Help, version, completions, the reference pages, and what the parser refuses.

use crate::sandbox::{Sandbox, snapshot};

#[test]
fn the_reference_of_the_command_line_is_the_help_of_every_command() {
    let sandbox = Sandbox::new();
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("cli_reference", sandbox.run(&["__docs", "cli"]).stdout);
    });
}

#[test]
fn the_other_reference_pages_are_made() {
    let sandbox = Sandbox::new();
    let pages = [
        ("errors", "| `unknown_name`"),
        ("config", "`startup_timeout`"),
        ("limits", "`body_bytes_max`"),
        ("env", "`SWITCHBOARD_DATA`"),
        ("schema", "json-schema.org"),
    ];
    for (page, expected) in pages {
        let finished = sandbox.run(&["__docs", page]);
        let text = finished.stdout.replace("<a id=\"unknown_name\"></a>", "");
        assert!(finished.code == Some(0) && text.contains(expected), "{page}: {text}");
    }
}

#[test]
fn help_is_data_and_has_no_colour_in_a_pipe() {
    let sandbox = Sandbox::new();
    for arguments in [&["--help"][..], &["call", "--help"], &["help", "logs"], &["--version"]] {
        let finished = sandbox.run(arguments);
        assert!(finished.code == Some(0) && finished.stderr.is_empty(), "{}", finished.shown(&sandbox));
        assert!(!finished.stdout.is_empty() && !finished.stdout.contains('\u{1b}'), "{}", finished.stdout);
    }
}

#[test]
fn what_is_typed_wrong_is_answered_with_what_was_meant() {
    let sandbox = Sandbox::new();
    let wrong = [&["statsu"][..], &["--jsno", "list"], &["connect", "--write", "cursr"], &["logs"], &["config"]];
    let shown: Vec<String> = wrong
        .iter()
        .map(|arguments| format!("$ switchboard {}\n{}", arguments.join(" "), sandbox.run(arguments).shown(&sandbox)))
        .collect();
    snapshot!("typed_wrong", shown.join("\n"));
}

#[test]
fn completions_are_made_for_shells() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let finished = sandbox.run(&["completions", shell]);
        assert!(finished.code == Some(0) && finished.stdout.contains("switchboard"), "{shell}");
    }
    assert_eq!(sandbox.json(&["completions", "bash"])["shell"], "bash");
}

#[test]
fn without_a_daemon_the_exit_code_is_3() {
    let sandbox = Sandbox::new();
    for command in
        [&["status"][..], &["tools"], &["call", "a.b"], &["reload"], &["stop"], &["logs", "x"], &["logs", "x", "-f"]]
    {
        let finished = sandbox.run(command);
        assert_eq!(finished.code, Some(3), "{command:?}: {}", finished.shown(&sandbox));
        assert!(finished.stderr.contains("hint: start one: switchboard "), "{}", finished.stderr);
    }
    let finished = sandbox.run(&["status", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&error["error"]["kind"], &error["error"]["exit"]), (&"no_daemon".into(), &3.into()));
    assert!(finished.stderr.is_empty());
}
