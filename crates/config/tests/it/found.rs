//! Discovery and approval: what is found, how it stands, and that only exactly what was approved
//! may run.

use std::os::unix::fs::PermissionsExt as _;

use config::{Approval, Search, Standing, discover};

use crate::fixture::Fixture;

const USER: &str = "home/.config/switchboard/switchboard.toml";

fn search(fixture: &Fixture) -> Search {
    discover(&fixture.sources, &["projects".into()])
}

fn standing(search: &Search, name: &str) -> Standing {
    let found = search.found.iter().find(|found| found.name == name);
    found.unwrap_or_else(|| panic!("{name} was not found: {search:?}")).standing
}

fn executable(fixture: &Fixture, name: &str) {
    let path = fixture.path(name);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
}

#[test]
fn every_place_is_searched() {
    let fixture = Fixture::new()
        .file("projects/one/.mcp.json", r#"{"mcpServers": {"portable": {"command": "a", "timeout": 5}}}"#)
        .file("projects/one/web.mcp.json", r#"{"mcpServers": {"web": {"url": "https://h/mcp"}}}"#)
        .file("projects/two/pyproject.toml", "[project.scripts]\nfoo-mcp = \"foo.mcp:main\"\nother = \"o:x\"\n[tool.mcp.servers.direct]\nargs = [\"-m\", \"direct\"]\n")
        .file("projects/two/package.json", r#"{"scripts": {"mcp:serve": "node s.js", "build": "x"}, "mcp": {"servers": {"inner": {"args": ["i.js"]}}}}"#)
        .file("projects/two/node_modules/x/.mcp.json", r#"{"mcpServers": {"hidden": {"command": "a"}}}"#)
        .file("projects/three/mcp-servers.yaml", "servers:\n  yaml:\n    command: y\n    timeout: 5\n")
        .file("projects/three/scripts/mcp/tool.sh", "#!/bin/sh\n# Serves a tool over MCP\nexec x\n")
        .file("projects/three/scripts/mcp/wrappers/wrap.sh", "#!/bin/sh\n# Wraps\nMCP_COMMAND=x\n")
        .file("projects/three/scripts/mcp/plain.sh", "#!/bin/sh\necho\n")
        .file("projects/four/.vscode/mcp.json", r#"{"servers": {"editor": {"command": "e"}}}"#)
        .file("home/.mcp-servers.json", r#"{"launcher": {"command": "l", "path": "/"}}"#)
        .file("home/.cursor/mcp.json", r#"{"mcpServers": {"cursor": {"command": "c"}, "us": {"command": "switchboard", "args": ["connect"]}}}"#)
        .file("home/.codex/config.toml", "[mcp_servers.codex]\ncommand = \"x\"\n")
        .file("home/.gemini/settings.json", r#"{"theme": "x", "mcpServers": {"gemini": {"httpUrl": "https://g/mcp"}}}"#);
    for script in ["tool.sh", "plain.sh", "wrappers/wrap.sh"] {
        executable(&fixture, &format!("projects/three/scripts/mcp/{script}"));
    }
    std::os::unix::fs::symlink(fixture.path("projects"), fixture.path("projects/loop")).expect("a link");
    let search = search(&fixture);
    let mut names: Vec<&str> = search.found.iter().map(|found| found.name.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "codex",
        "cursor",
        "direct",
        "editor",
        "foo-mcp",
        "gemini",
        "inner",
        "launcher",
        "mcp:serve",
        "portable",
        "tool",
        "web",
        "wrap",
        "yaml",
    ];
    assert_eq!(names, expected, "{:?}", search.remarks);
    assert!(search.found.iter().all(|found| found.standing == Standing::New), "{search:?}");
    let target = |name: &str| search.found.iter().find(|found| found.name == name).map(|found| found.target.clone());
    assert_eq!(target("foo-mcp").as_deref(), Some("uv run foo-mcp"));
    assert_eq!(target("direct").as_deref(), Some("python3 -m direct"));
    assert_eq!(target("inner").as_deref(), Some("node i.js"));
    assert!(fixture.good().config.servers.is_empty(), "nothing that is found is configured");
}

#[test]
fn what_is_found_is_compared_with_what_is_configured() {
    let fixture = Fixture::new()
        .file(
            USER,
            "[servers.same]\ncommand = \"x\"\n[servers.other]\ncommand = \"y\"\n[servers.renamed]\ncommand = \"z\"\n",
        )
        .file(
            "projects/a.mcp.json",
            r#"{"mcpServers": {"same": {"command": "x"}, "other": {"command": "Y"}, "another": {"command": "z"},
                "new": {"command": "n"}, "broken": {"command": "${NONE}"}}}"#,
        )
        .file("projects/b.mcp.json", r#"{"mcpServers": {"new": {"command": "m"}}}"#)
        .file("projects/c.mcp.json", "{");
    let search = search(&fixture);
    let standings = ["same", "other", "another", "new", "broken"].map(|name| standing(&search, name));
    let expected = [Standing::Same, Standing::Changed, Standing::Same, Standing::New, Standing::Unusable];
    assert_eq!(standings, expected);
    let new = search.found.iter().find(|found| found.name == "new").expect("new");
    assert!(new.also[0].contains("b.mcp.json:1 (another command)"), "the first wins and the other is said: {new:?}");
    assert!(search.remarks.iter().any(|remark| remark.contains("c.mcp.json")), "{:?}", search.remarks);
}

fn project() -> Fixture {
    Fixture::new()
        .file(".mcp.json", r#"{"mcpServers": {"a": {"command": "node", "args": ["server.js"], "env": {"K": "v"}}}}"#)
        .file("server.js", "one")
}

#[test]
fn an_entry_runs_when_it_is_exactly_what_was_approved() {
    let mut fixture = project();
    assert_eq!(fixture.good().config.servers["a"].approval, Approval::Pending);
    fixture.approve_all();
    let server = &fixture.good().config.servers["a"];
    assert!(server.is_active() && server.waits().is_none());
    let files = fixture.good().files;
    assert!(files.contains(&fixture.path("server.js")), "a script is watched: {files:?}");
    let changes = [
        (r#"{"command": "bun", "args": ["server.js"], "env": {"K": "v"}}"#, "command: node → bun"),
        (r#"{"command": "node", "args": ["server.js", "-x"], "env": {"K": "v"}}"#, "args: server.js → server.js -x"),
        (r#"{"command": "node", "args": ["server.js"], "env": {"K": "v", "L": "w"}}"#, "env: K → K, L"),
        (r#"{"command": "node", "args": ["server.js"], "env": {"K": "v"}, "cwd": "x"}"#, "cwd: nothing → x"),
        (r#"{"url": "https://h/mcp"}"#, "url: nothing → https://h/mcp"),
    ];
    for (entry, line) in changes {
        fixture = fixture.file(".mcp.json", &format!(r#"{{"mcpServers": {{"a": {entry}}}}}"#));
        let server = &fixture.good().config.servers["a"];
        let waits = server.waits().unwrap_or_default();
        assert!(!server.is_active() && waits.contains(line), "{line}: {waits}");
    }
    let text = r#"{"mcpServers": {"a": {"command": "node", "args": ["server.js"], "env": {"K": "other"}}}}"#;
    assert!(
        fixture.file(".mcp.json", text).good().config.servers["a"].is_active(),
        "only names of variables are approved"
    );
}

#[test]
fn a_script_a_link_and_a_missing_file_count() {
    let mut fixture = project();
    fixture.approve_all();
    let fixture = fixture.file("server.js", "two");
    let waits = fixture.good().config.servers["a"].waits().unwrap_or_default();
    assert!(waits.contains("server.js: sha256 "), "{waits}");
    let fixture = fixture.file("server.js", "one").file("other.js", "one");
    assert!(fixture.good().config.servers["a"].is_active(), "what was approved is back");
    std::fs::remove_file(fixture.path("server.js")).expect("gone");
    assert!(!fixture.good().config.servers["a"].is_active());
    std::os::unix::fs::symlink("other.js", fixture.path("server.js")).expect("a link");
    let waits = fixture.good().config.servers["a"].waits().unwrap_or_default();
    assert!(waits.contains("leads to"), "{waits}");
}

#[test]
fn the_last_look_before_a_start_sees_what_has_changed_since() {
    let mut fixture = project();
    fixture.approve_all();
    let server = fixture.good().config.servers["a"].clone();
    let subject = server.subject.as_ref().expect("it is not a person's own");
    assert!(subject.altered().is_empty(), "{:?}", subject.altered());
    let fixture = fixture.file("server.js", "two");
    assert!(subject.altered()[0].contains("server.js: sha256 "), "{:?}", subject.altered());
    std::fs::remove_file(fixture.path("server.js")).expect("gone");
    assert!(subject.altered()[0].contains("is not now"), "{:?}", subject.altered());
}

#[test]
fn a_program_of_the_system_that_changed_is_a_warning() {
    let mut fixture =
        Fixture::new().file("p/.mcp.json", r#"{"mcpServers": {"a": {"command": "prog"}}}"#).file("bin/prog", "one");
    executable(&fixture, "bin/prog");
    let bin = fixture.path("bin").display().to_string();
    fixture = fixture.var("PATH", &bin);
    fixture.sources.environment.cwd = fixture.path("p");
    fixture.approve_all();
    assert!(fixture.said().is_empty() && fixture.good().config.servers["a"].is_active());
    std::fs::write(bin + "/prog", "another one").expect("an upgrade");
    assert!(fixture.good().config.servers["a"].is_active());
    assert!(fixture.said()[0].contains("is not the program that was there"), "{:?}", fixture.said());
}

#[test]
fn a_project_cannot_steer_programs_or_settings() {
    for name in ["LD_PRELOAD", "NODE_OPTIONS", "PYTHONSTARTUP", "PATH", "npm_config_registry", "GIT_CONFIG_COUNT"] {
        let text = format!(r#"{{"mcpServers": {{"a": {{"command": "x", "env": {{"{name}": "y"}}}}}}}}"#);
        let mut fixture = Fixture::new().file(".mcp.json", &text);
        fixture.approve_all();
        assert!(fixture.good().config.servers.is_empty(), "{name}");
        assert!(fixture.said()[0].contains(name));
    }
    let text = "[discovery]\nauto = true\n[defaults]\nrestart = \"never\"\n[servers.b]\ncommand = \"x\"\n";
    let fixture = Fixture::new().file(USER, "[servers.a]\ncommand = \"x\"\n").file("switchboard.toml", text);
    let config = fixture.good().config;
    assert!(!config.discovery.auto && config.servers["a"].restart == config::Restart::Always);
    assert_eq!(fixture.said().len(), 2);
    let text = "roots = [\"file:///\"]\ncontainer_engine = \"/tmp/other.sock\"\n[records]\narguments = true\n";
    let fixture = Fixture::new().file(USER, "[servers.a]\ncommand = \"x\"\n").file("switchboard.toml", text);
    let config = fixture.good().config;
    assert!(config.roots.is_empty() && config.container_engine.is_none() && !config.servers["a"].record_arguments);
    assert_eq!(fixture.said().len(), 3, "{:?}", fixture.said());
}

/// Writes the entry `a` of the project.
fn entry(fixture: Fixture, text: &str) -> Fixture {
    fixture.file(".mcp.json", &format!(r#"{{"mcpServers": {{"a": {text}}}}}"#))
}

fn waits(fixture: &Fixture) -> String {
    fixture.good().config.servers["a"].waits().unwrap_or_default()
}

#[test]
fn everything_that_is_run_for_a_server_is_approved() {
    let table = [
        // A program that is reached at a port.
        (r#"{"command": "node", "args": ["run.js"], "type": "http", "port": 4000}"#, "run.js"),
        (r#"{"command": "node", "install": "sh setup.sh"}"#, "setup.sh"),
        (r#"{"command": "node", "health_check": {"command": ["./check.sh", "x"]}}"#, "check.sh"),
        // A file that is referred to is found beside the file that says so, wherever the program runs.
        (r#"{"command": "node", "cwd": "sub", "args": ["${file:words.txt}"]}"#, "words.txt"),
    ];
    for (text, file) in table {
        let mut fixture = entry(Fixture::new().file("sub/x", "").file(file, "one"), text);
        fixture.approve_all();
        assert!(fixture.good().config.servers["a"].is_active(), "{text}: {}", waits(&fixture));
        let fixture = fixture.file(file, "two");
        assert!(!fixture.good().config.servers["a"].is_active(), "{text}: {file} changed and nobody was asked");
        assert!(waits(&fixture).contains(file), "{text}: {}", waits(&fixture));
    }
}

#[test]
fn a_project_cannot_change_afterwards_what_an_approved_entry_may_do() {
    let table = [
        (r#"{"command": "x"}"#, r#"{"command": "x", "tools": {"safe": ["*"]}}"#),
        (r#"{"command": "x", "tools": {"deny": ["drop"]}}"#, r#"{"command": "x"}"#),
        (r#"{"command": "x"}"#, r#"{"command": "x", "prefix": "never"}"#),
    ];
    for (before, after) in table {
        let mut fixture = entry(Fixture::new(), before);
        fixture.approve_all();
        assert!(fixture.good().config.servers["a"].is_active(), "{before}");
        let fixture = entry(fixture, after);
        assert!(!fixture.good().config.servers["a"].is_active(), "{before} → {after}");
    }
}

#[test]
fn a_variable_of_the_projects_env_file_is_approved_wherever_it_is_used() {
    let text = r#"{"command": "x", "install": "${SETUP}"}"#;
    let mut fixture = entry(Fixture::new().file(".env", "SETUP=true\n"), text);
    fixture.approve_all();
    assert!(fixture.good().config.servers["a"].is_active());
    let fixture = fixture.file(".env", "SETUP=evil\n");
    assert!(waits(&fixture).contains("SETUP of .env"), "{}", waits(&fixture));
}

#[test]
fn what_a_script_of_a_project_runs_is_approved_with_its_name() {
    let user = "[discovery]\nfolders = [\"~/work\"]\nauto = true\n";
    let package = |line: &str| format!(r#"{{"scripts": {{"a-mcp": "{line}"}}}}"#);
    let mut fixture = Fixture::new().file(USER, user).file("home/work/x/package.json", &package("node s.js"));
    fixture.approve_all();
    let active = |fixture: &Fixture| fixture.good().config.servers["a-mcp"].is_active();
    assert!(active(&fixture));
    let fixture = fixture.file("home/work/x/package.json", &package("node other.js"));
    assert!(!active(&fixture), "npm runs another line under the same name");
}

#[test]
fn a_person_is_shown_all_that_would_run() {
    let long = "x".repeat(5000);
    let text = format!(r#"{{"command": "python3", "args": ["-c", "a\nb;evil()", "\u202elive", "{long};harm()"]}}"#);
    let fixture = entry(Fixture::new(), &text);
    let found = config::approvable(&fixture.sources, &[]);
    let lines = found[0].subject.as_ref().expect("usable").lines();
    let args = lines.iter().find(|line| line.starts_with("args: ")).expect("arguments");
    assert!(args.contains("\\nb;evil()") && args.contains("\\u{202e}") && args.ends_with(";harm()"), "{args}");
}

#[test]
fn a_name_that_would_steer_a_terminal_is_none() {
    for name in ["a\\u001b[2J", "a\\nb", "a\\u202eb"] {
        let fixture =
            Fixture::new().file(".mcp.json", &format!(r#"{{"mcpServers": {{"{name}": {{"command": "x"}}}}}}"#));
        assert!(fixture.good().config.servers.is_empty(), "{name}");
    }
    assert!(
        Fixture::new()
            .file(".mcp.json", r#"{"mcpServers": {"Größe ⚙️": {"command": "x"}}}"#)
            .good()
            .config
            .servers
            .len()
            == 1
    );
}

#[test]
fn a_flag_is_no_program() {
    let fixture = Fixture::new().file(USER, "[servers.a]\ncommand = \"--help\"\n");
    assert!(fixture.load().has_errors() && fixture.said()[0].contains("is a flag"), "{:?}", fixture.said());
}

#[test]
fn found_servers_are_listed_as_pending_and_run_once_approved() {
    let user = "[discovery]\nfolders = [\"~/work\"]\ninterval = 60\nauto = true\n";
    let mut fixture =
        Fixture::new().file(USER, user).file("home/work/x/.mcp.json", r#"{"mcpServers": {"found": {"command": "x"}}}"#);
    let loaded = fixture.good();
    let server = &loaded.config.servers["found"];
    assert_eq!(server.waits().as_deref(), Some("waits for approval: discovery found it"));
    fixture.approve_all();
    assert!(fixture.good().config.servers["found"].is_active());
    // Approved once, it needs no search.
    let fixture = fixture.file(USER, "");
    let server = &fixture.good().config.servers["found"];
    assert!(server.is_active());
    let folder = fixture.path("home/work/x");
    assert!(matches!(&server.reach, config::Reach::Stdio { cwd: Some(cwd), .. } if *cwd == folder));
    let fixture = fixture.file("home/work/x/.mcp.json", r#"{"mcpServers": {"found": {"command": "y"}}}"#);
    let waits = fixture.good().config.servers["found"].waits().unwrap_or_default();
    assert!(waits.contains("command: x → y"), "{waits}");
    // What is a person's own is never replaced.
    let fixture = fixture.file(USER, "[servers.found]\ncommand = \"mine\"\n");
    assert_eq!(fixture.good().config.servers["found"].written.command.as_deref(), Some("mine"));
}
