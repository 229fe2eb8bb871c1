//! `switchboard config`.

use crate::sandbox::{Sandbox, finished, snapshot};

#[test]
fn a_good_configuration_is_ok() {
    let sandbox = Sandbox::with_server();
    snapshot!("config_check_ok", sandbox.run(&["config", "check"]).shown(&sandbox));
    assert_eq!(sandbox.json(&["config", "check"])["ok"], true);
}

#[test]
fn every_problem_is_shown_at_once() {
    let sandbox = Sandbox::new();
    sandbox.configure("[servers.a]\ncomand = \"x\"\n\n[servers.b]\ncommand = \"x\"\nstartup_timeout = \"soon\"\n");
    snapshot!("config_check_errors", sandbox.run(&["config", "check"]).shown(&sandbox));
    let found = finished(&mut sandbox.command(&["config", "check", "--json"]));
    assert_eq!(found.code, Some(2));
    let document: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert!(document["diagnostics"].as_array().unwrap().len() >= 2);
}

#[test]
fn a_broken_configuration_is_not_run() {
    let sandbox = Sandbox::new();
    sandbox.configure("[servers.a]\ncomand = \"x\"\n");
    for command in [&["run"][..], &["connect"], &["list"]] {
        let finished = sandbox.run(command);
        assert_eq!(finished.code, Some(2), "{command:?}: {}", finished.shown(&sandbox));
        assert!(finished.stderr.contains("did you mean `command`?"), "{}", finished.stderr);
    }
    assert!(!sandbox.root.join("data/switchboard.sock").exists());
}

#[test]
fn secrets_are_not_shown() {
    let sandbox = Sandbox::new();
    sandbox.configure("[servers.a]\ncommand = \"x\"\nenv = { TOKEN = \"hunter2\" }\n");
    for arguments in [&["config", "show"][..], &["config", "show", "--json"]] {
        let shown = sandbox.run(arguments).stdout;
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn the_schema_is_json() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.json(&["config", "schema"])["title"], "switchboard.toml");
}

#[test]
fn files_named_by_flag_or_variable_are_read() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.root.join("one.toml"), "[servers.one]\ncommand = \"x\"\n").unwrap();
    std::fs::write(sandbox.root.join("two.json"), r#"{"mcpServers": {"two": {"command": "x"}}}"#).unwrap();
    let by_flag = sandbox.json(&["list", "--config", "one.toml", "--config", "two.json"]);
    assert_eq!(by_flag["servers"].as_array().unwrap().len(), 2);
    let by_variable = finished(sandbox.command(&["list", "--json"]).env("SWITCHBOARD_CONFIG", "one.toml:two.json"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&by_variable.stdout).unwrap(), by_flag);
}
