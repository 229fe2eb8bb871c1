//! Putting ourselves into a client's file: one entry changes, everything else stays.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use config::Environment;
use config::client_files::Client;

use crate::fixture::Fixture;

const PROGRAM: &str = "/usr/local/bin/switchboard";

#[test]
fn json_keeps_comments_order_and_other_keys() {
    let text = r#"{
  // mine
  "theme": "dark",
  "mcpServers": {
    "other": { "command": "x" }, // stays
    "switchboard": { "command": "/old", "args": [] }
  }
}
"#;
    let edited = Client::Cursor.edited(text, PROGRAM).expect("it is fine");
    insta::assert_snapshot!(edited, @r#"
    {
      // mine
      "theme": "dark",
      "mcpServers": {
        "other": { "command": "x" }, // stays
        "switchboard": {
          "command": "/usr/local/bin/switchboard",
          "args": ["connect"]
        }
      }
    }
    "#);
    assert_eq!(Client::Cursor.edited(&edited, PROGRAM).as_ref(), Ok(&edited), "done once is done");
}

#[test]
fn an_empty_file_gets_what_it_needs() {
    for client in Client::ALL {
        let edited = client.edited("", PROGRAM).expect("it is fine");
        let name = if *client == Client::Codex { "c.toml" } else { "c.json" };
        let fixture = Fixture::named(name, &edited);
        let said = fixture.said();
        assert_eq!(said.len(), 1, "{edited} {said:?}");
        assert!(said[0].contains("is this switchboard itself"), "{said:?}");
    }
    insta::assert_snapshot!(Client::VsCode.edited("{}", PROGRAM).expect("it is fine"), @r#"
    {
      "servers": {
        "switchboard": {
          "command": "/usr/local/bin/switchboard",
          "args": ["connect"]
        }
      }
    }
    "#);
}

#[test]
fn toml_keeps_comments_order_and_other_keys() {
    let text = "model = \"m\" # mine\n\n# the old one\n[mcp_servers.switchboard]\ncommand = \"/old\"\nenabled = true\n\n[mcp_servers.other]\ncommand = \"x\"\n";
    let edited = Client::Codex.edited(text, PROGRAM).expect("it is fine");
    insta::assert_snapshot!(edited, @r#"
    model = "m" # mine

    # the old one
    [mcp_servers.switchboard]
    command = "/usr/local/bin/switchboard"
    args = ["connect"]

    [mcp_servers.other]
    command = "x"
    "#);
}

#[test]
fn a_broken_file_is_left_alone() {
    for text in ["{ \"mcpServers\": ", "[]", "{ \"mcpServers\": [] }"] {
        assert!(Client::Claude.edited(text, PROGRAM).is_err(), "{text}");
    }
    for text in ["a = ", "mcp_servers = 1"] {
        assert!(Client::Codex.edited(text, PROGRAM).is_err(), "{text}");
    }
}

#[test]
fn each_client_has_its_place() {
    let vars = [("XDG_CONFIG_HOME", "/x"), ("CODEX_HOME", "/codex")];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment =
        Environment { vars: vars.into(), home: Some(PathBuf::from("/home/ann")), cwd: PathBuf::from("/") };
    let files: Vec<String> = Client::ALL
        .iter()
        .filter_map(|client| client.file(&environment))
        .map(|file| file.display().to_string())
        .collect();
    if cfg!(target_os = "linux") {
        let expected = [
            "/x/Claude/claude_desktop_config.json",
            "/home/ann/.claude.json",
            "/home/ann/.cursor/mcp.json",
            "/x/Code/User/mcp.json",
            "/codex/config.toml",
        ];
        assert_eq!(files, expected);
    }
}

#[test]
fn writing_leaves_a_backup_and_says_how_to_undo() {
    let fixture = Fixture::new();
    let environment = &fixture.sources.environment;
    let now = UNIX_EPOCH + Duration::from_secs(951_782_400);
    let edit = Client::Cursor.plan(environment, PROGRAM).expect("a plan");
    assert_eq!(edit.old, None);
    let written = edit.write(now).expect("written");
    let file = fixture.path("home/.cursor/mcp.json");
    assert_eq!(written.undo, format!("rm '{}'", file.display()));
    assert!(Client::Cursor.plan(environment, PROGRAM).expect("a plan").is_done());

    let edit = Client::Cursor.plan(environment, "/elsewhere/switchboard").expect("a plan");
    let written = edit.write(now).expect("written");
    let backup = fixture.path("home/.cursor/mcp.json.backup-20000229-000000");
    assert_eq!(written.backup.as_ref(), Some(&backup));
    assert_eq!(written.undo, format!("mv '{}' '{}'", backup.display(), file.display()));
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a file");
    assert!(text(&backup).contains(PROGRAM) && text(&file).contains("/elsewhere/"));
}
