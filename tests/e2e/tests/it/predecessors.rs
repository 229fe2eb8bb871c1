//! What people had before: the example files of the launcher and of the manager run as they are, under
//! the manager's own program name; every field does what it says, or is named with the reason.
//!
//! Only programs that cannot be here are others (`uv`, `npx`, `ollama`, PostgreSQL in a container), and
//! ports are free ones. Containers as dependencies are shown by `containers`.

use crate::daemon::{Background, old};
use crate::fleet::free_port;
use e2e::{Home, Page, SOON, await_some, built, eventually, kill, misbehave, run};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)).unwrap()
}

/// A program in `folder` that writes down what it got before it does what `then` says.
fn program(folder: &Path, name: &str, then: &str) {
    fs::create_dir_all(folder).unwrap();
    let text = format!("#!/bin/sh\n{{ env; pwd; for word in \"$@\"; do echo \"[$word]\"; done; }} > got\n{then}\n");
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Starts a switchboard with this file instead of its own.
fn start(home: Home, file: &str, text: &str) -> Background {
    fs::write(home.place(file), text).unwrap();
    let mut command = home.command();
    command.env("MEM0_PASSWORD", "from-env").env("WEATHER_KEY", "a-key").env("SEARCH_TOKEN", "search-token");
    command.args(["start", "--config", file, "--listen", "127.0.0.1:0"]);
    let started = run(&mut command, SOON);
    let daemon = Background { home };
    assert_eq!(started.code, Some(0), "expected {file} to run: {started:?}");
    daemon
}

fn server(home: &Home, name: &str) -> Value {
    let status = home.cli(&["status", "--json"]).json();
    let found = status["servers"].as_array().and_then(|all| all.iter().find(|server| server["name"] == name));
    found.cloned().unwrap_or_else(|| panic!("expected `{name}`: {status}"))
}

#[track_caller]
fn server_in(home: &Home, name: &str, state: &str) -> Value {
    await_some(SOON, &format!("`{name}` in state {state}"), || {
        Some(server(home, name)).filter(|server| server["state"] == state)
    })
}

#[track_caller]
fn calls(home: &Home, tool: &str, arguments: &str, expected: &str) {
    let said = home.cli(&["call", tool, arguments]);
    assert!(said.code == Some(0) && said.stdout.contains(expected), "expected an answer of {tool}: {said:?}");
}

#[test]
fn the_launchers_example_runs_with_every_field() {
    let home = Home::new("");
    let [mem0, files, weather] = [(); 3].map(|()| free_port());
    let answers = Page::serve("Ollama is running");
    let serve = format!("exec '{}' sse --port $PORT", built("mcp-fixture").display());
    program(&home.place("mcp/mem0"), "serve.sh", &serve);
    program(&home.place("mcp/filesystem"), "serve.sh", &serve);
    program(&home.place("mcp/weather"), "serve.sh", &serve);
    program(&home.place("ollama"), "ollama.sh", "exec sleep 1000");
    fs::create_dir_all(home.place("full")).unwrap();
    fs::write(home.place("full/weather.env"), "LLM_PROVIDER=from-file\n").unwrap();

    let mut all: Value = serde_json::from_str(&example("mcp-servers.json")).unwrap();
    let replaced = |text: &mut Value, old: &str, new: &str| {
        let written = text.as_str().unwrap();
        assert!(written.contains(old), "expected {old} in the example: {written}");
        *text = json!(written.replace(old, new));
    };
    replaced(&mut all["mem0"]["command"], "uv run main.py", "./serve.sh");
    replaced(&mut all["mem0"]["install"], "uv sync", "touch installed");
    replaced(&mut all["mem0"]["health_check"], "curl -sf http://127.0.0.1:8050/health", "test -e installed");
    replaced(&mut all["filesystem"]["command"], "npx -y @modelcontextprotocol/server-filesystem", "./serve.sh");
    replaced(&mut all["weather"]["command"], "python server.py", "./serve.sh");
    let health = format!("http://127.0.0.1:{weather}/nothing");
    all["weather"]["health_check"] = json!(health);
    for (name, port) in [("mem0", mem0), ("filesystem", files), ("weather", weather)] {
        all[name]["port"] = json!(port);
    }
    let needs = &mut all["mem0"]["dependencies"];
    needs.as_object_mut().unwrap().remove("postgres");
    replaced(
        &mut needs["ollama"]["command"],
        "ollama serve",
        &format!("'{}' serve", home.place("ollama/ollama.sh").display()),
    );
    needs["ollama"]["check_url"] = json!(answers.url);

    let daemon = start(home, ".mcp-servers.json", &all.to_string());
    let home = &daemon.home;
    let shown = server_in(home, "mem0", "ready");
    assert_eq!(shown["description"], "Mem0 memory", "{shown}");
    let got = fs::read_to_string(home.place("mcp/mem0/got")).unwrap();
    let folder = home.folder().canonicalize().unwrap().join("mcp/mem0").display().to_string();
    for line in [
        "TRANSPORT=sse".to_owned(),
        "LLM_PROVIDER=from-file".to_owned(),
        "DATABASE_URL=postgresql://mem0:from-env@localhost:5432/mem0db".to_owned(),
        format!("PORT={mem0}"),
        folder,
        "[--host]".to_owned(),
        "[127.0.0.1]".to_owned(),
    ] {
        assert!(got.lines().any(|one| one == line), "expected `{line}` in what it got:\n{got}");
    }
    assert!(home.place("mcp/mem0/installed").exists(), "expected its install step to be done");
    let status = home.cli(&["status", "--json"]).json();
    let service = &status["services"][0];
    assert_eq!((&service["name"], &service["state"]), (&json!("ollama"), &json!("ready")), "{service}");
    assert_eq!(service["needed_by"], json!(["mem0"]), "{service}");
    calls(home, "mem0.test_simple_text", "{}", "text");
    let health = home.cli(&["health", "mem0", "--json"]).json();
    assert_eq!(health["server"]["check"], "command", "{health}");
    let health = home.cli(&["health", "weather", "--json"]).json();
    assert_eq!(health["server"]["check"], "http", "{health}");
    server_in(home, "filesystem", "ready");
    let got = fs::read_to_string(home.place("mcp/filesystem/got")).unwrap();
    assert!(got.lines().any(|line| line == "[/srv/my files]"), "expected words as a shell splits them:\n{got}");
    server_in(home, "weather", "ready");
    let got = fs::read_to_string(home.place("mcp/weather/got")).unwrap();
    assert!(got.lines().any(|line| line == "API_KEY=a-key"), "{got}");
}

/// The manager's example, its programs replaced. The ports of `search` and `board`.
fn managers_example(home: &Home) -> (String, u16) {
    let (search, fixture) = (free_port(), built("mcp-fixture"));
    program(&home.place("tasks"), "python3", &format!("exec '{}' die-on-call dual", built("mcp-misbehave").display()));
    let serve = format!("exec '{}' http --port $PORT", fixture.display());
    program(&home.place("search"), "node", &serve);
    let mut text = example("mcp-servers.yaml");
    for (old, new) in [
        ("command: python3", "command: ./python3".to_owned()),
        ("restart_delay: 5\n", "restart_delay: 0.1\n".to_owned()),
        ("command: node\n", format!("command: {}\n", home.place("search/node").display())),
        ("port: 8090", format!("port: {search}")),
    ] {
        assert!(text.contains(old), "expected {old} in the example");
        text = text.replace(old, &new);
    }
    (text, search)
}

#[test]
fn the_managers_example_runs_with_every_field() {
    let home = Home::new("");
    let (text, search) = managers_example(&home);
    let daemon = start(home, "mcp-servers.yaml", &text);
    let home = &daemon.home;
    let tasks = server_in(home, "task-runner", "ready");
    assert_eq!((&tasks["description"], &tasks["tags"]), (&json!("Runs tasks"), &json!(["tasks", "core"])), "{tasks}");
    let got = fs::read_to_string(home.place("tasks/got")).unwrap();
    for line in ["TASKS=/srv/tasks", "DEBUG=1", "[-m]", "[task_runner]", "[--stdio]"] {
        assert!(got.lines().any(|one| one == line), "expected `{line}` in what it got:\n{got}");
    }
    let shown = run(
        home.command()
            .args(["--config", "mcp-servers.yaml", "config", "show", "--json"])
            .env("SEARCH_TOKEN", "search-token"),
        SOON,
    );
    let shown = shown.json();
    let (tasks, search_shown) = (&shown["servers"]["task-runner"], &shown["servers"]["search"]);
    for (path, value) in [
        ("/startup_timeout", json!("30s")),
        ("/request_timeout", json!("60500ms")),
        ("/retry/attempts", json!(3)),
        ("/retry/delay", json!("1s")),
        ("/health/interval", json!("30s")),
        ("/health/timeout", json!("10s")),
        ("/health/failures", json!(3)),
        ("/health/recoveries", json!(2)),
        ("/health/recover", json!(true)),
        ("/restart", json!("always")),
        ("/restart_delay", json!("100ms")),
        ("/max_restarts", json!(5)),
        ("/restart_window", json!("5m")),
        ("/max_concurrent", json!(10)),
        ("/rate_limit/calls_per_second", json!(20)),
        ("/resources/memory", json!("512MiB")),
        ("/resources/cpu", json!(80)),
    ] {
        assert_eq!(tasks.pointer(path), Some(&value), "{path} of {tasks}");
    }
    assert_eq!(search_shown["port"], json!(search), "{search_shown}");
    assert_eq!(shown["limits"]["startup_concurrency"], json!(3), "{shown}");
    // What listens on a port of this machine is run and told its port; what is elsewhere is only reached.
    let ready = server_in(home, "search", "ready");
    assert_eq!(ready["transport"], "http", "{ready}");
    calls(home, "search.test_simple_text", "{}", "text");
    assert_eq!(server(home, "live")["state"], "disabled");
    assert_eq!(server(home, "board")["transport"], "tcp");
    // What has no effect is said with its reason, once.
    let checked = run(
        home.command().args(["--config", "mcp-servers.yaml", "config", "check"]).env("SEARCH_TOKEN", "search-token"),
        SOON,
    );
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for field in ["version", "server_type", "validate_ssl", "storage.state_file", "api.api_port"] {
        let said = checked.stderr.lines().chain(checked.stdout.lines());
        let lines =
            said.filter(|line| line.contains(&format!("`{field}`")) && line.contains("has no effect: ")).count();
        assert_eq!(lines, 1, "expected `{field}` to be named once: {checked:?}");
    }
    assert!(!format!("{checked:?}").contains("search-token"), "expected the token to stay hidden");
}

/// predecessors.md section 10: install, start, status, discover, health, start one server, list
/// capabilities; kill a server: it is started again, at most 5 times.
#[test]
fn what_the_manager_promised_is_kept_under_its_name() {
    let home = Home::new(&(misbehave("git", "ok", "dual") + &misbehave("mortal", "die-on-call", "dual")));
    let bin = home.place("bin").display().to_string();
    let installed = home.cli(&["aliases", "install", "--dir", &bin]);
    assert_eq!(installed.code, Some(0), "{installed:?}");
    let daemon = Background { home };
    let home = &daemon.home;
    let manager = |words: &[&str]| old(home, &[&["mcp-manager"], words].concat());
    let well = |words: &[&str], part: &str| {
        let ended = manager(words);
        assert_eq!(ended.code, Some(0), "expected {words:?} to go well: {ended:?}");
        assert!(
            ended.stdout.contains(part) || ended.stderr.contains(part),
            "expected `{part}` of {words:?}: {ended:?}"
        );
    };
    well(&["start", "--daemon", "--no-monitoring"], "listening on http://");
    well(&["status", "--json"], "\"servers\"");
    well(&["list-servers", "--status", "running"], "git");
    fs::write(home.place(".mcp.json"), r#"{"mcpServers": {"brought": {"command": "x"}}}"#).unwrap();
    well(&["discover"], "brought");
    well(&["discover", "--rescan"], "brought");
    well(&["start-server", "git"], "git is ready");
    well(&["health"], "git");
    well(&["health", "--server", "git"], "healthy");
    well(&["capabilities"], "CAPABILITY");
    well(&["capabilities", "--server", "git", "--json"], "\"echo\"");
    let unknown = manager(&["start-server", "nobody"]);
    assert!(unknown.code != Some(0) && unknown.stderr.contains("nobody"), "{unknown:?}");

    // Each call ends it; five times it is started again, and then it is left alone.
    for turn in 1..=6_u64 {
        let before = server_in(home, "mortal", "ready");
        kill(u32::try_from(before["pid"].as_u64().unwrap()).unwrap());
        eventually(SOON, "its end to be seen", || {
            let server = server(home, "mortal");
            server["restarts"].as_u64() >= Some(turn) || server["state"] == "crash_loop"
        });
    }
    let left = server_in(home, "mortal", "crash_loop");
    assert_eq!(left["restarts"], 5, "expected at most five restarts: {left}");
    assert_eq!(server(home, "git")["restarts"], 0, "expected nobody else to notice");
    well(&["stop"], "has ended");
}

/// Nothing from a folder runs before a person has seen it: neither what a server is, nor what it needs,
/// what installs, watches and checks it.
#[test]
fn nothing_of_a_project_runs_before_it_is_approved() {
    let home = Home::new("");
    let project = home.place("project");
    for name in ["server", "install", "check", "service", "ready"] {
        program(&project, &format!("{name}.sh"), &format!("touch ran-{name}"));
    }
    let server = built("mcp-misbehave").display().to_string();
    let serves = format!("touch ran-server; exec '{server}' ok dual");
    program(&project, "server.sh", &serves);
    program(&project, "service.sh", "touch ran-service; exec sleep 1000");
    let text = |more: &str| {
        format!(
            "[servers.brought]\ncommand = \"./server.sh\"\ncwd = \".\"\ninstall = \"./install.sh\"\nwatch = [\"*.sh\"]\n\
             depends_on = [\"helper\"]\nhealth.interval = \"50ms\"\nhealth_check.command = [\"./check.sh\"]\n\
             [servers.boxed]\nimage = \"switchboard-test/never:1\"\n\
             [services.helper]\ncommand = \"./service.sh\"\ncwd = \".\"\n{more}ready = {{ command = [\"{}\"] }}\n",
            project.join("ready.sh").display()
        )
    };
    fs::write(project.join("switchboard.toml"), text("")).unwrap();
    let ran = || {
        let entries = fs::read_dir(&project).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut ran: Vec<String> = entries.filter_map(|name| Some(name.strip_prefix("ran-")?.to_owned())).collect();
        ran.sort();
        ran
    };
    let mut daemon = home.command();
    daemon.current_dir(&project).args(["start", "--listen", "127.0.0.1:0"]);
    assert_eq!(run(&mut daemon, SOON).code, Some(0));
    let daemon = Background { home };
    let home = &daemon.home;
    for name in ["brought", "boxed"] {
        server_in(home, name, "pending");
    }
    let asked = home.cli(&["call", "brought.echo", "{}"]);
    assert!(asked.code != Some(0) && asked.stderr.contains("approve brought"), "{asked:?}");
    assert_eq!(ran(), Vec::<String>::new(), "expected nothing to have run");

    let approve = |args: &[&str]| run(home.command().current_dir(&project).arg("approve").args(args), SOON);
    let refused = approve(&["brought"]);
    let canonical = project.canonicalize().unwrap();
    for shown in ["install: ./install.sh", "health_check: command=./check.sh", "services.helper.command: ./service.sh"]
    {
        assert!(refused.stderr.contains(shown), "expected `{shown}`: {}", refused.stderr);
    }
    for file in ["server", "install", "check", "service", "ready"] {
        let hash = format!("{}: sha256 ", canonical.join(format!("{file}.sh")).display());
        assert!(refused.stderr.contains(&hash), "expected `{hash}`: {}", refused.stderr);
    }
    assert_eq!(ran(), Vec::<String>::new());
    let approved = approve(&["--yes", "brought"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    server_in(home, "brought", "ready");
    eventually(SOON, "all of it to have run", || ran() == ["check", "install", "ready", "server", "service"]);
    server_in(home, "boxed", "pending");

    // Another service is another thing to approve, and what runs of the old one ends.
    fs::write(project.join("switchboard.toml"), text("args = [\"--more\"]\n")).unwrap();
    let waiting = server_in(home, "brought", "pending");
    let reason = waiting["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("services.helper.args: nothing → --more"), "{reason}");
}
