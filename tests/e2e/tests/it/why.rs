//! What a person asks when something does not work: `why`, `doctor`, and the builtin server
//! `switchboard`, which tells the same to an agent.

use crate::health::refusing;
use e2e::{Client as _, Home, SOON, Switchboard, await_some, entry_at, eventually, kill, misbehave};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Instant;

/// The gate of `name` in what `why` said, and its exit code.
fn gate(board: &Switchboard, args: &[&str], name: &str) -> (Value, Option<i32>) {
    let ended = board.cli(&[&["why", "--json"], args].concat());
    let gates = ended.json()["reasons"][0]["gates"].clone();
    let found = gates.as_array().and_then(|gates| gates.iter().find(|gate| gate["gate"] == name));
    (found.cloned().unwrap_or_else(|| panic!("no gate `{name}`: {gates}")), ended.code)
}

#[test]
fn why_names_the_gate_the_rule_and_the_line() {
    let config = format!(
        "{}\n{}tools.deny = [\"si*\", \"ec*\"]\n{}tools.allow = [\"echo\"]\n{}enabled = false\n{}{}restart = \"never\"\n{}",
        misbehave("fine", "ok", "dual"),
        misbehave("denied", "ok", "dual"),
        misbehave("allowed", "ok", "dual"),
        misbehave("off", "ok", "dual"),
        "[servers.gone]\ncommand = \"no-such-program\"\n",
        misbehave("dead", "die-at-start", "legacy"),
        entry_at("nobody", "http://127.0.0.1:9/mcp"),
    );
    let board = Switchboard::start(&config);
    for name in ["fine", "denied", "allowed"] {
        board.server_in(name, "ready");
    }
    board.server_in("gone", "failed");
    board.server_in("dead", "failed");
    let fails = |args: &[&str], name: &str, says: &str| {
        let (gate, status) = gate(&board, args, name);
        assert_eq!((gate["verdict"].as_str(), status), (Some("fail"), Some(1)), "{args:?}: {gate}");
        assert!(gate.to_string().contains(says), "{args:?}: `{says}` is not in {gate}");
        gate
    };
    let (passed, status) = gate(&board, &["fine.echo"], "policy");
    assert_eq!((passed["verdict"].as_str(), status), (Some("pass"), Some(0)), "{passed}");
    let denied = fails(&["denied.echo"], "policy", "tools.deny");
    assert!(denied["decided_by"].as_str().unwrap().contains("ec*"), "the pattern that decided: {denied}");
    assert!(denied["decided_by"].as_str().unwrap().contains("switchboard.toml:"), "its line: {denied}");
    fails(&["denied__echo"], "policy", "tools.deny");
    fails(&["allowed.sleep", "--as", "somebody"], "policy", "`somebody`");
    fails(&["off"], "enabled", "switchboard enable off");
    fails(&["gone"], "state", "no-such-program");
    fails(&["dead"], "state", "database is on fire");
    fails(&["fine.ecko"], "catalog", "lists no tool");
    let (nobody, status) = gate(&board, &["nobody"], "state");
    assert_eq!((nobody["verdict"].as_str(), status), (Some("warn"), Some(0)), "it is tried again: {nobody}");
    assert!(nobody["next"].as_str().is_some_and(|next| !next.is_empty()), "{nobody}");
    let unknown = board.cli(&["why", "fien"]);
    assert_eq!(unknown.code, Some(12));
    assert!(unknown.stderr.contains("did you mean `fine`?"), "{}", unknown.stderr);
    let all = board.cli(&["why"]);
    assert_eq!(all.code, Some(1));
    assert!(all.stdout.contains("gone") && !all.stdout.contains("fine "), "{}", all.stdout);
}

/// A cause, and what `why` must say about it: the one gate that fails, with these words in what it
/// says, in what decided and in what to do next.
struct Seeded {
    ask: &'static [&'static str],
    gate: &'static str,
    says: &'static str,
    by: &'static str,
    next: &'static str,
}

impl Seeded {
    /// Waits until `why` says exactly this, since some causes need a moment to show.
    #[track_caller]
    fn is_found(&self, board: &Switchboard) {
        let Self { ask, gate, says, by, next } = self;
        let args = [&["why", "--json"], *ask].concat();
        let (mut last, end) = (Value::Null, Instant::now() + SOON);
        let found = std::iter::from_fn(|| (Instant::now() < end).then_some(())).any(|()| {
            let ended = board.cli(&args);
            last = ended.json()["reasons"][0].clone();
            let gates = last["gates"].as_array().cloned().unwrap_or_default();
            let failing: Vec<&Value> = gates.iter().filter(|gate| gate["verdict"] == "fail").collect();
            let [failing] = failing[..] else { return false };
            let holds = |key: &str, words: &str| failing[key].as_str().unwrap_or_default().contains(words);
            failing["gate"] == *gate
                && holds("says", says)
                && holds("decided_by", by)
                && holds("next", next)
                && last["callable"] == false
                && ended.code == Some(1)
        });
        assert!(found, "{ask:?}: expected only `{gate}` to fail with `{says}`, `{by}`, `{next}`: {last:#}");
    }
}

const fn seeded(
    ask: &'static [&'static str],
    gate: &'static str,
    says: &'static str,
    by: &'static str,
    next: &'static str,
) -> Seeded {
    Seeded { ask, gate, says, by, next }
}

/// The gate of this name, waited for until it has this verdict.
#[track_caller]
fn gate_with(board: &Switchboard, args: &[&str], name: &str, verdict: &str) -> Value {
    await_some(SOON, &format!("the gate `{name}` of {args:?} to be {verdict}"), || {
        let said = board.cli(&[&["why", "--json"], args].concat()).json();
        let gates = said["reasons"][0]["gates"].as_array().cloned().unwrap_or_default();
        gates.into_iter().find(|gate| gate["gate"] == name && gate["verdict"] == verdict)
    })
}

/// Servers that cannot be called, each for another reason.
fn broken(port: u16, refusing: &str) -> String {
    let ok = |name: &str, keys: &str| misbehave(name, "ok", "dual") + keys + "\n";
    let dead = |name: &str, keys: &str| misbehave(name, "die-at-start", "legacy") + keys + "\n";
    [
        "container_engine = \"unix:///no/such/engine.sock\"\n[catalog]\nfirst_list_wait = \"100ms\"\n".to_owned(),
        "[discovery]\nfolders = [\"project\"]\ninterval = 1\nauto = true\n".to_owned(),
        ok("fine", ""),
        ok("off", "enabled = false"),
        ok("halted", ""),
        ok("app", "depends_on = [\"db\"]"),
        ok("rider", "depends_on = [\"dead\"]"),
        ok("unmade", "install = \"false\""),
        ok("squeezed", &format!("port = {port}\nmax_restarts = 100")),
        dead("dying", "max_restarts = 1"),
        dead("dead", "restart = \"never\""),
        "[servers.gone]\ncommand = \"no-such-program\"\n".to_owned(),
        "[servers.nowhere]\ncommand = \"sh\"\ncwd = \"/no/such/folder\"\n".to_owned(),
        "[servers.boxed]\nimage = \"nothing\"\nrestart = \"never\"\n".to_owned(),
        "[servers.away]\nurl = \"http://127.0.0.1:9/mcp\"\nrestart_delay = 300\nrestart_delay_max = 300\n".to_owned(),
        "[servers.hosted]\ncommand = \"sh\"\nargs = [\"-c\", \"echo no licence >&2; exit 3\"]\n\
         url = \"http://127.0.0.1:9/mcp\"\nrestart = \"never\"\n"
            .to_owned(),
        format!("[servers.locked]\nurl = {refusing:?}\n"),
        ok("denied", "tools.deny = [\"si*\", \"ec*\"]"),
        ok("allowed", "tools.allow = [\"echo\"]"),
        "[services.db]\ncommand = \"no-such-database\"\n".to_owned(),
    ]
    .concat()
}

const BROKEN: &[Seeded] = &[
    seeded(&["off.echo"], "enabled", "switches it off", "enabled = false, ", "switchboard enable off"),
    seeded(&["brought"], "approval", "nobody has approved it", ".mcp.json:", "switchboard approve brought"),
    seeded(&["halted.echo"], "wanted", "a person stopped it", "switchboard stop", "switchboard start halted"),
    seeded(&["app"], "dependencies", "no-such-database", "depends_on = [\"db\"], ", "install it"),
    seeded(&["rider"], "dependencies", "`dead`, which is failed", "depends_on = [\"dead\"], ", "switchboard why dead"),
    seeded(&["unmade"], "install", "its install step failed", "install = [\"false\"], ", "switchboard logs unmade"),
    seeded(&["squeezed"], "port", "is taken by", "port = ", "another `port`"),
    seeded(&["dying"], "restarts", "more than 1 times within 300 s", "max_restarts = 1, ", "switchboard start dying"),
    seeded(&["dead"], "state", "database is on fire", "restart = \"never\", ", "switchboard logs dead"),
    seeded(&["gone"], "state", "no-such-program", "switchboard.toml:", "install it"),
    seeded(&["nowhere"], "state", "/no/such/folder", "switchboard.toml:", "cwd"),
    seeded(&["boxed"], "state", "/no/such/engine.sock", "restart = \"never\", ", "docker info"),
    seeded(&["away"], "state", "no call waits so long", "", "the URL is right"),
    seeded(&["hosted"], "state", "no licence", "restart = \"never\", ", "switchboard logs hosted"),
    seeded(&["locked"], "sign-in", "sign in", "", "switchboard auth login locked"),
    seeded(&["denied.echo"], "policy", "`local` may not call it", "tools.deny \"ec*\", ", "switchboard.toml:"),
    seeded(&["allowed.sleep", "--as", "ann"], "policy", "`ann`", "tools.allow = [\"echo\"], ", "switchboard.toml:"),
    seeded(&["fine.ecko"], "catalog", "lists no tool `ecko`", "", "switchboard tools fine"),
];

#[test]
fn why_finds_each_cause_that_was_seeded() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, _) = refusing();
    let config = broken(taken.local_addr().unwrap().port(), &url);
    let home = Home::new(&config);
    let project = home.place("project");
    std::fs::create_dir_all(&project).unwrap();
    std::fs::write(project.join(".mcp.json"), r#"{"mcpServers": {"brought": {"command": "sh"}}}"#).unwrap();
    let board = home.start();
    for name in ["fine", "halted", "denied", "allowed"] {
        board.server_in(name, "ready");
    }
    board.cli_json(&["stop", "halted"]);
    for seeded in BROKEN {
        seeded.is_found(&board);
    }
    let line = |words: &str| 1 + config.lines().position(|line| line.contains(words)).unwrap();
    for (name, gate, words) in [("off", "enabled", "enabled = false"), ("denied.echo", "policy", "tools.deny")] {
        let by = gate_with(&board, &[name], gate, "fail")["decided_by"].clone();
        assert!(
            by.as_str().unwrap().ends_with(&format!("switchboard.toml:{}", line(words))),
            "expected the line: {by}"
        );
    }
    let well = board.cli(&["why", "fine.echo", "--as", "ann"]);
    assert_eq!(well.code, Some(0), "{well:?}");
    assert!(well.stdout.contains("fine.echo can be called by ann") && !well.stdout.contains("FAIL"), "{}", well.stdout);
    let shown = [
        ("dead", "  FAIL state          failed, and it is not started again by itself: ", "  next: see its log"),
        ("denied.echo", "  FAIL policy         `local` may not call it  (tools.deny \"ec*\", ", "  next: change it at"),
        ("halted", "  FAIL wanted         a person stopped it, and", "  next: switchboard start halted"),
    ];
    for (name, gate, next) in shown {
        let text = board.cli(&["why", name]).stdout;
        assert!(text.starts_with(&format!("{name} cannot be called by local\n")), "{text}");
        assert!(text.contains(gate) && text.contains(next), "expected `{gate}` and `{next}`:\n{text}");
    }
}

#[test]
fn why_knows_breakers_rates_places_groups_names_and_changed_tools() {
    let config = [
        "[limits]\ncalls_waiting_max = 1\n".to_owned(),
        misbehave("flaky", "lie-ids", "dual"),
        "request_timeout = \"100ms\"\nbreaker = { failures = 2, pause = \"10m\" }\n".to_owned(),
        misbehave("often", "ok", "dual") + "rate_limit = { calls_per_second_per_client = 1, burst = 1 }\n",
        misbehave("full", "ok", "dual") + "max_concurrent = 1\nstop_timeout = \"100ms\"\n",
        misbehave("left", "ok", "dual") + "group = \"pool\"\npriority = 1\n",
        misbehave("right", "ok", "dual") + "group = \"pool\"\npriority = 2\n",
        misbehave("bare", "ok", "dual") + "prefix = \"never\"\n",
        misbehave("bare2", "ok", "dual") + "prefix = \"never\"\n",
        misbehave("a-server-whose-name-is-longer-than-any-client-would-take", "ok", "dual"),
        misbehave("growing", "change-list", "dual"),
    ]
    .concat();
    let board = Switchboard::start(&config);
    let client = board.modern();
    for name in ["flaky", "often", "full", "left", "right", "bare", "bare2", "growing"] {
        board.server_in(name, "ready");
    }
    for _ in 0..2 {
        client.failure("flaky__lost", json!({}));
    }
    seeded(&["flaky.echo"], "breaker", "open for", "breaker = { failures = 2", "switchboard logs flaky")
        .is_found(&board);

    let refused = await_some(SOON, "the gate `rate` to fail", || {
        client.call("often__echo", json!({"text": "x"}));
        let ended = board.cli(&["why", "--json", "often.echo", "--as", "anonymous-loopback"]);
        Some(ended.json()["reasons"][0].clone()).filter(|why| why["callable"] == false)
    });
    let rate = refused["gates"].as_array().unwrap().iter().find(|gate| gate["gate"] == "rate").unwrap();
    assert_eq!(rate["verdict"], "fail", "{rate}");
    let by = rate["decided_by"].as_str().unwrap();
    assert!(by.contains("1 calls a second of each client") && by.contains("switchboard.toml:"), "{rate}");
    assert!(rate["next"].as_str().unwrap().contains("call again in"), "{rate}");
    gate_with(&board, &["often.echo", "--as", "somebody-else"], "rate", "pass");

    let calls = [1, 2].map(|_| {
        let client = board.modern();
        thread::spawn(move || client.call("full__sleep", json!({"ms": 600_000})))
    });
    seeded(&["full"], "places", "all 1 are taken, and 1 calls wait", "max_concurrent = 1, ", "try again")
        .is_found(&board);
    board.cli_json(&["stop", "full"]);
    for call in calls {
        assert_eq!(call.join().unwrap()["isError"], true, "expected who waited to be told");
    }

    board.cli_json(&["stop", "left"]);
    let instead = gate_with(&board, &["pool__echo"], "group", "warn");
    assert!(instead["says"].as_str().unwrap().contains("calls at /mcp go to `right` instead"), "{instead}");
    assert!(instead["decided_by"].as_str().unwrap().starts_with("group = \"pool\", "), "{instead}");
    assert_eq!(board.cli(&["why", "pool__echo"]).code, Some(0), "expected the public name to work");
    seeded(&["left.echo"], "wanted", "a person stopped it", "", "switchboard start left").is_found(&board);

    let hidden = gate_with(&board, &["bare2.echo"], "catalog", "warn");
    assert!(hidden["says"].as_str().unwrap().contains("already a name of the server `bare`"), "{hidden}");
    assert_eq!(hidden["next"], "call it at /mcp/bare2");
    let long = gate_with(&board, &["a-server-whose-name-is-longer-than-any-client-would-take.echo"], "catalog", "pass");
    assert_eq!(long["decided_by"], "names.max = 46", "{long}");
    client.call("growing__grow", json!({}));
    let grown = gate_with(&board, &["growing"], "definition", "warn");
    let next = grown["next"].as_str().unwrap();
    assert!(next.contains("switchboard approve-tools growing"), "{grown}");
    let approved = board.cli(&["approve", "--tools", "growing"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert_eq!(board.cli(&["why", "growing"]).code, Some(0));
    assert!(!board.cli(&["why", "growing"]).stdout.contains("definition"), "expected nothing to be unapproved");
}

#[test]
fn an_agent_asks_the_builtin_server() {
    let config = format!(
        "[servers.switchboard]\nbuiltin = \"switchboard\"\n[servers.hands]\nbuiltin = \"switchboard\"\nallow_changes = true\n{}",
        misbehave("fine", "ok", "dual")
    );
    let board = Switchboard::start(&config);
    board.server_in("fine", "ready");
    let client = board.modern();
    let tools = client.tools();
    assert!(tools.contains(&"switchboard__why".to_owned()), "{tools:?}");
    assert!(!tools.contains(&"switchboard__restart".to_owned()), "read-only unless its entry allows more: {tools:?}");
    assert!(tools.contains(&"hands__restart".to_owned()), "{tools:?}");
    let ask = |tool: &str, arguments: Value| {
        let (_, answer) = client.request("tools/call", json!({ "name": tool, "arguments": arguments }));
        answer["result"].clone()
    };
    let listed = ask("switchboard__list", json!({}));
    let fine = listed["structuredContent"]["servers"].as_array().unwrap().iter().find(|one| one["name"] == "fine");
    assert_eq!(fine.unwrap()["state"], "ready", "{listed}");
    assert_eq!(ask("switchboard__status", json!({ "server": "fine" }))["structuredContent"]["name"], "fine");
    assert_eq!(ask("switchboard__why", json!({ "name": "fine.echo" }))["structuredContent"]["callable"], true);
    let found = ask("switchboard__search", json!({ "text": "echo" }));
    assert_eq!(found["structuredContent"]["tools"][0]["name"], "fine__echo", "{found}");
    assert!(ask("switchboard__logs", json!({ "server": "fine" }))["structuredContent"]["lines"].is_array());
    let wrong = ask("switchboard__status", json!({ "server": "fien" }));
    assert_eq!(wrong["isError"], true);
    assert!(wrong["content"][0]["text"].as_str().unwrap().contains("did you mean `fine`?"), "{wrong}");
    let (_, refused) = client.request("tools/call", json!({ "name": "switchboard__restart", "arguments": {} }));
    assert!(refused["error"]["message"].as_str().is_some(), "not offered, so not callable: {refused}");
    let pid = client.text("fine__pid", json!({}));
    assert_eq!(ask("hands__restart", json!({ "server": "fine" }))["structuredContent"]["told"], true);
    eventually(SOON, "another process to answer", || {
        let (_, answer) = client.request("tools/call", json!({ "name": "fine__pid", "arguments": {} }));
        answer["result"]["content"][0]["text"].as_str().is_some_and(|now| now.parse::<u32>().is_ok() && now != pid)
    });
}

#[test]
fn doctor_finds_what_was_broken_on_purpose() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let home = Home::new(&format!(
        "[listen]\naddress = \"{address}\"\ntoken = \"plain-words-0123456789\"\n\
         [servers.missing]\ncommand = \"no-such-program\"\n\
         [servers.nowhere]\ncommand = \"sh\"\ncwd = \"no/such/folder\"\n\
         [servers.socket]\nurl = \"unix:///tmp/no-such-switchboard-peer.sock\"\n\
         [servers.twice]\ncommand = \"sh\"\nargs = [\"-c\", \"cat\"]\n\
         [servers.unset]\ncommand = \"sh\"\nenv = {{ KEY = \"${{env:NEVER_SET_ANYWHERE}}\" }}\nenabled = true\n"
    ));
    let user = home.folder().to_owned();
    let open = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&home.config(), 0o644);
    std::fs::create_dir_all(home.data()).unwrap();
    open(&home.data(), 0o755);
    drop(std::os::unix::net::UnixListener::bind(home.data().join("switchboard.sock")).unwrap());
    let file = |path: &str, text: &str| {
        let path = user.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file(".cursor/mcp.json", "{ \"mcpServers\": { \"x\": ");
    file(
        ".claude.json",
        r#"{"mcpServers": {"switchboard": {"command": "/old/switchboard", "args": ["connect"]},
            "mine": {"command": "sh", "args": ["-c", "cat"]}}}"#,
    );
    let mut command = home.command();
    command.args(["doctor", "--json"]).arg("--config").arg(home.config());
    let ended = e2e::run(&mut command, SOON);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let findings = ended.json()["findings"].clone();
    let said: Vec<String> = findings.as_array().unwrap().iter().map(Value::to_string).collect();
    let seeded = [
        "no-such-program",
        "no/such/folder",
        "no-such-switchboard-peer.sock",
        "NEVER_SET_ANYWHERE",
        "cannot be listened on",
        "looks like a secret",
        "is open to other people",
        "left by a daemon that is gone",
        "cursor: ",
        "another program than this one",
        "two of one server",
    ];
    for words in seeded {
        let found = said.iter().find(|finding| finding.contains(words));
        let found = found.unwrap_or_else(|| panic!("`{words}` was not found: {said:#?}"));
        assert!(!found.contains("\"fix\":null"), "a finding has its fix: {found}");
    }
    assert!(!ended.stdout.contains("plain-words"), "no secret is shown");
    let clean = Home::new("");
    let clean = clean.cli(&["doctor", "--listen", "127.0.0.1:0"]);
    assert!(clean.stdout.contains("0 errors"), "{}", clean.stdout);
}

#[test]
fn doctor_and_preflight_look_at_what_servers_need() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let runtimes = ["npx", "uvx", "python3", "docker"];
    let config = format!(
        "container_engine = \"unix:///no/such/engine.sock\"\n[servers.boxed]\nimage = \"nothing\"\n\
         [servers.app]\ncommand = \"/bin/sh\"\ndepends_on = [\"db\", \"off\"]\n\
         [servers.off]\ncommand = \"/bin/sh\"\nenabled = false\n\
         [servers.ported]\ncommand = \"/bin/sh\"\nport = {port}\n\
         [services.db]\ncommand = \"no-such-database\"\n"
    );
    let servers = runtimes.map(|runtime| format!("[servers.of-{runtime}]\ncommand = {runtime:?}\n"));
    let home = Home::new(&(config + &servers.concat()));
    // Nothing is installed here.
    std::fs::create_dir(home.place("bin")).unwrap();
    let asked = |args: &[&str]| {
        let mut command = home.command();
        command.env("PATH", home.place("bin")).args(args).arg("--json").arg("--config").arg(home.config());
        e2e::run(command.args(["--listen", "127.0.0.1:0"]), SOON)
    };
    let doctor = asked(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    let findings = doctor.json()["findings"].as_array().cloned().unwrap();
    let seeded = [
        ("programs", "there is no program `npx`", "Node.js"),
        ("programs", "there is no program `uvx`", "uv"),
        ("programs", "there is no program `python3`", "Python"),
        ("programs", "there is no program `docker`", "Docker"),
        ("programs", "the service `db`, which `app` needs, cannot start: there is no program", "install it"),
        ("container engine", "/no/such/engine.sock", "docker info"),
        ("dependencies", "the server `app` needs `off`, which is switched off", "switchboard enable off"),
        ("ports", "is to listen on port", "another `port`"),
    ];
    for (check, message, fix) in seeded {
        let of = |finding: &&Value, key: &str, words: &str| finding[key].as_str().unwrap_or_default().contains(words);
        let found = findings.iter().find(|one| one["check"] == check && of(one, "message", message));
        let found = found.unwrap_or_else(|| panic!("`{message}` was not found: {findings:#?}"));
        assert!(of(&found, "fix", fix), "expected `{fix}` in {found}");
    }
    let preflight = |server: &str| {
        let ended = asked(&["preflight", server]);
        let checks = ended.json()["checks"].as_array().cloned().unwrap();
        let bad = checks.iter().filter(|check| check["exit"] != 0);
        let whats: Vec<_> = bad.filter_map(|check| check["what"].as_str().map(str::to_owned)).collect();
        (ended.code, whats.join(" "))
    };
    assert_eq!(preflight("boxed"), (Some(10), "engine".to_owned()));
    assert_eq!(preflight("app"), (Some(11), "depends program".to_owned()));
    assert_eq!(preflight("of-npx"), (Some(11), "program".to_owned()));
}

#[test]
fn doctor_asks_the_running_daemon() {
    let config = misbehave("limited", "ok", "dual")
        + "resources = { memory = \"512MiB\", cpu = 100, processes = 50 }\n"
        + &misbehave("flaky", "lie-ids", "dual")
        + "request_timeout = \"100ms\"\nbreaker = { failures = 1, pause = \"10m\" }\n"
        + &misbehave("growing", "change-list", "dual")
        + &misbehave("app", "ok", "dual")
        + "depends_on = [\"db\"]\n[services.db]\ncommand = \"no-such-database\"\n";
    let board = Home::new(&("[catalog]\nfirst_list_wait = \"100ms\"\n".to_owned() + &config)).start();
    for name in ["limited", "flaky", "growing"] {
        board.server_in(name, "ready");
    }
    board.server_in("app", "failed");
    let client = board.modern();
    client.failure("flaky__lost", json!({}));
    client.call("growing__grow", json!({}));
    eventually(SOON, "a changed tool", || board.server("growing")["changed_tools"] != Value::Null);
    let findings = board.cli(&["doctor", "--json"]).json()["findings"].as_array().cloned().unwrap();
    let has = |check: &str, words: &str| {
        findings.iter().any(|one| one["check"] == check && one.to_string().contains(words) && !one["fix"].is_null())
    };
    assert!(has("servers", "the server `app` is failed"), "{findings:#?}");
    assert!(has("servers", "its breaker is open"), "{findings:#?}");
    assert!(has("services", "the service `db` is failed"), "{findings:#?}");
    assert!(has("tools", "switchboard approve-tools growing"), "{findings:#?}");
    // Which limits hold depends on the host; that a missing one is told does not.
    let limited = board.server("limited");
    for missing in limited["not_enforced"].as_array().unwrap() {
        assert!(has("sandbox", missing.as_str().unwrap()), "expected {missing} in {findings:#?}");
    }
    let sandboxed = findings.iter().filter(|one| one["check"] == "sandbox").count();
    assert_eq!(sandboxed, limited["not_enforced"].as_array().unwrap().len(), "{findings:#?}");
}

#[test]
fn status_says_which_instance_is_in_which_state() {
    let config =
        misbehave("many", "ok", "dual").replace("100ms", "10m") + "restart_delay_max = \"10m\"\nreplicas = 3\n";
    let board = Switchboard::start(&config);
    let instances = || board.server("many")["instance_states"].as_array().cloned().unwrap_or_default();
    eventually(SOON, "three instances", || instances().iter().filter(|one| one["state"] == "ready").count() == 3);
    kill(u32::try_from(instances()[1]["pid"].as_u64().unwrap()).unwrap());
    eventually(SOON, "the second one to be down", || instances()[1]["state"] == "backoff");
    let table = board.cli(&["status"]).stdout;
    assert!(table.contains("ready (2 of 3)"), "{table}");
    assert!(table.contains("many: instance 2 is backoff, 0 calls now"), "{table}");
    let one = board.cli(&["status", "many"]).stdout;
    assert!(one.contains("  instance 1   ready, process ") && one.contains("  instance 2   backoff, "), "{one}");
    let state = gate_with(&board, &["many"], "state", "pass");
    assert!(state["says"].as_str().unwrap().starts_with("ready: 2 of 3 instances"), "{state}");
    gate_with(&board, &["many"], "health", "warn");
}

#[test]
fn why_knows_what_was_found_and_is_not_listed() {
    let home = Home::new("[discovery]\nfolders = [\"project\"]\ninterval = 1\n");
    std::fs::create_dir_all(home.place("project")).unwrap();
    let entry = r#"{"mcpServers": {"brought": {"command": "sh"}}}"#;
    std::fs::write(home.place("project").join(".mcp.json"), entry).unwrap();
    let board = home.start();
    eventually(SOON, "it to be found", || board.cli(&["why", "brought"]).code == Some(1));
    let text = board.cli(&["why", "brought"]).stdout;
    assert!(
        text.contains("FAIL approval") && text.contains("next: look at it and decide: switchboard approve"),
        "{text}"
    );
}
