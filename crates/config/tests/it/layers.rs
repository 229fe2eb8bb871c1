//! Which layer wins, what a project may say, and where values come from.

use config::{Approval, Layer};

use crate::fixture::Fixture;

const USER: &str = "home/.config/switchboard/switchboard.toml";

#[test]
fn the_users_file_then_the_projects_then_the_environment_then_flags() {
    let mut fixture = Fixture::new()
        .file(USER, "[listen]\naddress = \"127.0.0.1:1001\"\n[limits]\ndepth_max = 64\nlog_files_max = 2\n[servers.a]\ncommand = \"mine\"\n")
        .file("switchboard.toml", "[limits]\ndepth_max = 32\n[servers.b]\ncommand = \"theirs\"\n")
        .file(".mcp.json", r#"{"mcpServers": {"c": {"command": "x"}}}"#);
    let loaded = fixture.good();
    let config = &loaded.config;
    assert_eq!(config.listen.address.port(), 1001);
    assert_eq!((config.limits.depth_max, config.limits.log_files_max), (32, 2));
    let approvals = ["a", "b", "c"].map(|name| config.servers[name].approval);
    let expected = [Approval::Approved, Approval::Pending, Approval::Pending];
    assert_eq!(approvals, expected);
    assert!(config.servers["a"].is_active() && !config.servers["b"].is_active());
    assert_eq!(config.origins["limits.depth_max"].layer, Layer::Project);
    let origin = &config.servers["b"].origin;
    assert_eq!((origin.to_string(), origin.line), ("switchboard.toml:3".to_owned(), 3));

    fixture = fixture.var("SWITCHBOARD_LISTEN", "127.0.0.1:1002");
    assert_eq!(fixture.good().config.listen.address.port(), 1002);
    fixture.sources.flags.listen = Some("localhost:1003".to_owned());
    let loaded = fixture.good();
    assert_eq!(loaded.config.listen.address.to_string(), "127.0.0.1:1003");
    assert_eq!(loaded.config.origins["listen.address"].layer, Layer::Flag);
}

#[test]
fn without_any_file_there_are_defaults_and_files_to_watch() {
    let fixture = Fixture::new();
    let loaded = fixture.good();
    assert!(loaded.diagnostics.is_empty() && loaded.config.servers.is_empty());
    assert_eq!(loaded.config.listen.address.to_string(), "127.0.0.1:7420");
    for name in [USER, "switchboard.toml", ".mcp.json", ".env"] {
        assert!(loaded.files.contains(&fixture.path(name)), "{name}");
    }
}

#[test]
fn a_project_cannot_move_the_door() {
    let text = "[listen]\naddress = \"0.0.0.0:80\"\ntoken = \"0123456789abcdef\"\n";
    let fixture = Fixture::new().file("switchboard.toml", text);
    let loaded = fixture.good();
    assert!(loaded.config.listen.address.ip().is_loopback());
    assert_eq!(loaded.diagnostics.len(), 2);
    let named = Fixture::named("switchboard.toml", text).good();
    assert_eq!(named.config.listen.address.port(), 80);
}

#[test]
fn named_files_are_approved_and_keep_discovery_out() {
    let fixture = Fixture::new()
        .file(USER, "[servers.a]\ncommand = \"x\"\n")
        .file("one.toml", "[servers.b]\ncommand = \"one\"\n")
        .file("two.json", r#"{"mcpServers": {"b": {"command": "two"}}}"#)
        .config("one.toml")
        .config("two.json");
    let loaded = fixture.good();
    assert_eq!(loaded.config.servers.len(), 1);
    assert_eq!(loaded.config.servers["b"].written.command.as_deref(), Some("two"));
    assert_eq!(loaded.config.servers["b"].approval, Approval::Approved);
    let expected = "note: `b` replaces the server of that name from one.toml:1";
    assert_eq!(fixture.said(), [expected]);
}

#[test]
fn what_is_wrong_with_a_project_is_not_fatal() {
    let fixture = Fixture::new()
        .file(USER, "[servers.a]\ncommand = \"x\"\n")
        .file(".mcp.json", r#"{"mcpServers": {"b": {"command": "${NONE}"}, "A": {"command": "y"}}}"#);
    let loaded = fixture.good();
    assert_eq!(loaded.config.servers.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(loaded.diagnostics.len(), 2);
}

#[test]
fn an_open_door_needs_a_token() {
    let cases = [
        ("address = \"0.0.0.0:80\"", 1),
        ("address = \"0.0.0.0:80\"\ntoken = \"short\"", 1),
        ("address = \"0.0.0.0:80\"\ntoken = \"0123456789abcdef\"", 0),
        ("address = \"[::1]:80\"", 0),
        ("address = \"8080\"", 0),
        ("address = \"example.com:80\"", 1),
        ("token = \"${env:NONE}\"", 1),
    ];
    for (text, errors) in cases {
        let fixture = Fixture::named("c.toml", &format!("[listen]\n{text}\n"));
        assert_eq!(fixture.load().diagnostics.len(), errors, "{text}");
        assert_eq!(fixture.load().has_errors(), errors > 0, "{text}");
    }
    let mut fixture = Fixture::new();
    fixture.sources.flags.listen = Some("0.0.0.0:1".to_owned());
    assert!(fixture.load().has_errors());
}

#[test]
fn a_project_cannot_switch_off_what_is_approved() {
    let fixture = Fixture::new()
        .file(USER, "[servers.a]\ncommand = \"mine\"\n")
        .file("switchboard.toml", "[servers.a]\ncommand = \"theirs\"\n[servers.b]\ncommand = \"one\"\n")
        .file(".mcp.json", r#"{"mcpServers": {"b": {"command": "two"}}}"#);
    let servers = fixture.good().config.servers;
    let commands = ["a", "b"].map(|name| servers[name].written.command.as_deref());
    assert_eq!(commands, [Some("mine"), Some("two")]);
    assert!(servers["a"].is_active() && !servers["b"].is_active());
    assert_eq!(fixture.said().len(), 2);
}
