//! Files of the predecessors: every field has its effect or is named with the reason, and no line
//! for a shell reaches one.

use config::predecessors::{LAUNCHER_FIELDS, MANAGER_FIELDS, MANAGER_GROUPS};
use config::{Reach, Server};
use secrecy::ExposeSecret as _;

use crate::fixture::Fixture;

fn command(server: &Server) -> Vec<String> {
    match &server.reach {
        Reach::Stdio { command, args, .. } => [std::slice::from_ref(command), args].concat(),
        other => panic!("expected a program, found {other:?}"),
    }
}

fn variable(server: &Server, name: &str) -> Option<String> {
    match &server.reach {
        Reach::Stdio { env, .. } => env.get(name).map(|value| value.expose_secret().to_owned()),
        _ => None,
    }
}

#[test]
fn the_manager_has_35_fields_and_each_is_in_the_page() {
    assert_eq!(MANAGER_FIELDS.len(), 35);
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/predecessors.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for row in LAUNCHER_FIELDS.iter().chain(MANAGER_FIELDS).chain(MANAGER_GROUPS) {
        let found = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{}`", row.field)));
        let line = found.unwrap_or_else(|| panic!("`{}` is not in the page", row.field));
        let ours = match row.effect {
            config::predecessors::Effect::Key(path)
            | config::predecessors::Effect::Mebibytes(path)
            | config::predecessors::Effect::Words(path, ..) => path,
            config::predecessors::Effect::Unused(_) => "no effect",
            config::predecessors::Effect::Together(_) => "",
        };
        assert!(line.contains(ours), "{line}: expected {ours}");
    }
}

/// Each field of the manager alone in an entry: it changes the server, or it is spoken of.
#[test]
fn no_field_of_the_manager_is_swallowed() {
    for row in MANAGER_FIELDS {
        let value = match row.field {
            "name" | "command" => continue,
            "args" | "tags" | "allowed_origins" => "[\"x\"]",
            "environment" => "{ A: b }",
            "auto_restart" | "enabled" | "requires_auth" | "validate_ssl" => "false",
            "connection_type" => "http",
            "description" | "version" | "server_type" | "working_directory" | "host" | "base_url" | "auth_token" => "x",
            _ => "7",
        };
        let text = format!("servers:\n  a:\n    command: prog\n    {}: {value}\n", row.field);
        let plain = Fixture::named("m.yaml", "servers:\n  a:\n    command: prog\n");
        let with = Fixture::named("m.yaml", &text);
        let said = with.said();
        let changed =
            config::to_json(&plain.load().config)["servers"] != config::to_json(&with.load().config)["servers"];
        assert!(changed || said.iter().any(|line| line.contains(row.field)), "{} does nothing: {said:?}", row.field);
    }
}

#[test]
fn a_manager_file_runs_as_it_is() {
    let text = "servers:\n- name: tasks\n  command: python3\n  args: [-m, tasks]\n  environment: {DEBUG: 1}\n  \
                request_timeout: 20.5\n  startup_timeout: 7\n  auto_restart: false\n  priority: 3\n- name: web\n  command: x\n  \
                connection_type: http\n  host: example.com\n  port: 8090\n  auth_token: secret-word\n  memory_limit_mb: 64\n";
    let fixture = Fixture::named("m.yaml", text);
    let config = fixture.good().config;
    let tasks = &config.servers["tasks"];
    assert_eq!(command(tasks), ["python3", "-m", "tasks"]);
    assert_eq!(variable(tasks, "DEBUG").as_deref(), Some("1"));
    assert_eq!((tasks.request_timeout.as_millis(), tasks.startup_timeout.as_secs()), (20_500, 7));
    assert_eq!(tasks.restart, config::Restart::Never);
    let Reach::Http { url, headers, .. } = &config.servers["web"].reach else {
        panic!("expected a remote server");
    };
    assert_eq!((url.as_str(), headers[0].1.expose_secret()), ("http://example.com:8090/mcp", "Bearer secret-word"));
    assert!(!fixture.rendered().contains("secret-word"));
}

#[test]
fn settings_of_the_manager_become_ours() {
    let text = "discovery: {auto_discovery: true, discovery_interval: 30, config_directories: [a, b]}\n\
                api: {api_port: 8080}\nstorage: {state_file: x}\nservers: {}\nnonsense: 1\n";
    let fixture = Fixture::named("m.yaml", text);
    let discovery = fixture.good().config.discovery;
    assert!(discovery.auto && discovery.folders == [fixture.path("a"), fixture.path("b")]);
    assert_eq!(discovery.interval.as_secs(), 30);
    let said = fixture.said().join("\n");
    for word in ["api.api_port", "storage.state_file", "nonsense"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_launcher_file_runs_as_it_is() {
    let text = r#"{"time": {"name": "Time", "path": "~/time", "command": "TZ=UTC uvx 'mcp server' --x $ZONE",
        "env_file": "t.env", "env": {"A": "env", "B": "$ZONE/b"}, "install": "npm ci"}}"#;
    let fixture = Fixture::named(".mcp-servers.json", text).file("t.env", "A='from file'\n").var("ZONE", "CET");
    let config = fixture.good().config;
    let time = &config.servers["time"];
    assert_eq!(command(time), ["uvx", "mcp server", "--x", "CET"]);
    for (name, value) in [("A", "from file"), ("B", "CET/b"), ("TZ", "UTC")] {
        assert_eq!(variable(time, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(time.description.as_deref(), Some("Time"));
    let Reach::Stdio { cwd, .. } = &time.reach else { panic!("a program") };
    assert_eq!(cwd.as_deref(), Some(fixture.path("home/time").as_path()));
}

#[test]
fn a_line_that_needs_a_shell_is_refused_with_the_reason() {
    for line in ["a | b", "cd x && y", "source venv/bin/activate; python s.py", "a > log", "x $(y)"] {
        let text = serde_json::json!({ "a": { "command": line, "path": "/" } }).to_string();
        let fixture = Fixture::named("s.json", &text);
        assert!(fixture.load().has_errors(), "{line}");
        let said = fixture.said().join("\n");
        assert!(said.contains("without a shell"), "{said}");
    }
}

#[test]
fn dependencies_of_the_launcher_become_services() {
    let text = r#"{
        "mem0": {"path": "/", "command": "x", "dependencies": {
            "db": {"type": "docker", "image": "pg:16", "name": "mem0-pg", "env": {"POSTGRES_DB": "$NAME"}, "ports": {"5432": 5432}},
            "ollama": {"type": "service", "command": "HOST=here ollama serve", "check_url": "http://localhost:11434/"}}},
        "other": {"path": "/", "command": "y", "dependencies": {
            "db": {"type": "docker", "image": "mysql:8"},
            "ollama": {"type": "service", "command": "HOST=here ollama serve", "check_url": "http://localhost:11434/"},
            "outside": {"type": "service", "check_url": "http://localhost:1/"}}}}"#;
    let fixture = Fixture::named(".mcp-servers.json", text).var("NAME", "mem0db");
    let config = fixture.good().config;
    assert_eq!(fixture.said(), Vec::<String>::new());
    assert_eq!(config.servers["mem0"].depends_on, ["db", "ollama"]);
    assert_eq!(config.servers["other"].depends_on, ["other-db", "ollama", "outside"]);
    let config::ServiceKind::Container(db) = &config.services["db"].kind else { panic!("a container") };
    assert_eq!((db.image.as_str(), db.name.as_deref(), db.ports[0].host), ("pg:16", Some("mem0-pg"), 5432));
    assert_eq!(db.env["POSTGRES_DB"].expose_secret(), "mem0db");
    let config::ServiceKind::Command { command, args, env, .. } = &config.services["ollama"].kind else {
        panic!("a program")
    };
    assert_eq!((command.as_str(), args.as_slice()), ("ollama", ["serve".to_owned()].as_slice()));
    assert_eq!(env["HOST"].expose_secret(), "here");
    let check = Some(config::Check::Http("http://localhost:11434/".to_owned()));
    assert_eq!(config.services["ollama"].ready.check, check);
    assert_eq!(config.services["outside"].kind.as_str(), "external");
    let refused = text.replace("ollama serve", "ollama serve | tee log");
    assert!(Fixture::named(".mcp-servers.json", &refused).load().has_errors(), "no shell for services either");
}

#[test]
fn what_the_manager_said_for_all_holds_for_those_that_say_more() {
    let text = "health_monitoring: {global_health_check_interval: 7}\nrecovery: {global_auto_recovery: false}\nservers:\n  \
                a: {command: x, failure_threshold: 9, request_rate_limit: 4, priority: 100}\n  b: {command: y, auto_restart: true}\n";
    let fixture = Fixture::named("m.yaml", text);
    let servers = fixture.good().config.servers;
    assert_eq!(fixture.said(), Vec::<String>::new());
    let (a, b) = (&servers["a"], &servers["b"]);
    assert_eq!((a.health.interval.as_secs(), a.health.failures, a.health.recover), (7, 9, false));
    assert_eq!((b.health.interval.as_secs(), b.health.recover), (7, false));
    assert_eq!((a.restart, b.restart), (config::Restart::Never, config::Restart::Always));
    assert_eq!(a.guards.rate_limit.calls_per_second, 4);
}
