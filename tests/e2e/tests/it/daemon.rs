//! The daemon as a program: in the background, told to start, stop and restart servers and itself,
//! under systemd, and under the names of what it replaces.

use e2e::{
    Client, Ended, Home, LEGACY, Legacy, SOON, Switchboard, Talk, Tree, await_some, command, eventually, kill,
    misbehave, require_program, run,
};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Two servers that can be told apart, and one that cannot start.
fn servers() -> String {
    misbehave("one", "ok", "dual") + &misbehave("two", "ok", "legacy") + &misbehave("broken", "die-at-start", "dual")
}

/// A daemon in the background; it is ended with the test.
pub(crate) struct Background {
    pub(crate) home: Home,
}

impl Background {
    /// Starts it as a person does.
    #[track_caller]
    fn start(config: &str) -> (Self, Value) {
        let home = Home::new(config);
        let started = in_background(&home, &["start", "--json"]);
        assert_eq!(started.code, Some(0), "expected a daemon: {started:?}");
        let said = started.json();
        (Self { home }, said)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let ended = self.home.cli(&[args, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "expected `{}` to go well: {ended:?}", args.join(" "));
        ended.json()
    }

    fn pid(&self) -> u32 {
        u32::try_from(self.json(&["status"])["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have been stopped by the test.
        let _ = self.home.cli(&["stop"]);
    }
}

/// A command with this home's configuration and a free port.
#[track_caller]
pub(crate) fn in_background(home: &Home, args: &[&str]) -> Ended {
    let mut command = home.command();
    command.args(args).arg("--config").arg(home.config()).args(["--listen", "127.0.0.1:0"]);
    run(&mut command, SOON)
}

#[test]
fn it_runs_in_the_background_until_it_is_stopped() {
    let (daemon, said) = Background::start(&servers());
    let pid = u32::try_from(said["pid"].as_u64().unwrap()).unwrap();
    assert_eq!((&said["already"], daemon.pid()), (&json!(false), pid), "expected the daemon that was started: {said}");
    assert!(said["url"].as_str().unwrap().ends_with("/mcp"), "expected where it listens: {said}");
    let again = in_background(&daemon.home, &["start"]);
    assert_eq!(again.code, Some(0), "expected a second start to be content: {again:?}");
    assert!(again.stderr.contains("it runs already"), "expected to be told so: {again:?}");
    // A session of its own: closing the terminal does not end it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, pid.to_string(), "expected it to lead a session: {stat}");
    let log = fs::read_to_string(said["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("listening on http://"), "expected what it said in its log: {log}");
    let second = in_background(&daemon.home, &["run"]);
    assert_eq!(second.code, Some(1), "expected the folder to be taken: {second:?}");
    let holder = format!("another switchboard (process {pid}, since 2");
    assert!(second.stderr.contains(&holder) && second.stderr.contains("listening on 127.0.0.1:"), "{second:?}");
    let tree = Tree::of(pid);
    let stopped = daemon.home.cli(&["stop"]);
    assert_eq!(stopped.code, Some(0), "expected a good end: {stopped:?}");
    eventually(Duration::from_secs(2), &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
}

#[test]
fn starts_at_the_same_moment_start_one_daemon() {
    let home = Home::new("");
    let ended: Vec<Ended> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| in_background(&home, &["start", "--json"]))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let _ended_with_the_test = Background { home };
    assert!(ended.iter().all(|ended| ended.code == Some(0)), "expected every start to be content: {ended:?}");
    let said: Vec<Value> = ended.iter().map(Ended::json).collect();
    assert!(said.iter().all(|one| one["pid"] == said[0]["pid"]), "expected one daemon: {said:?}");
    assert_eq!(said.iter().filter(|one| one["already"] == json!(false)).count(), 1, "{said:?}");
}

#[test]
fn why_it_cannot_run_is_said_by_who_started_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new("");
    let mut start = home.command();
    start.args(["start", "--listen", &address]).arg("--config").arg(home.config());
    let refused = run(&mut start, SOON);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    let holder = format!("(process {}) holds it", std::process::id());
    assert!(refused.stderr.contains(&holder) && refused.stderr.contains("daemon.log"), "{refused:?}");
    home.write_config("[servers.x]\ncomand = 'sh'\n");
    let refused = in_background(&home, &["start"]);
    assert_eq!(refused.code, Some(2), "expected a wrong configuration to be shown at once: {refused:?}");
    assert!(refused.stderr.contains("command"), "{refused:?}");
}

#[test]
fn a_server_is_stopped_started_and_waited_for() {
    let board = Switchboard::start(&servers());
    let client = board.modern();
    let first = client.text("one__pid", json!({}));
    let stopped = board.cli_json(&["stop", "one"]);
    assert_eq!(stopped["state"], "stopped", "expected it stopped: {stopped}");
    let (_, refused) = client.request("tools/call", json!({"name": "one__echo", "arguments": {"text": "x"}}));
    assert!(refused.to_string().contains("switchboard start one"), "expected what to do next: {refused}");
    assert!(client.tools().iter().any(|tool| tool == "one__echo"), "expected its tools to stay listed");
    assert_eq!(client.text("two__echo", json!({"text": "on"})), "on", "expected the other to go on");
    let waited = board.cli(&["wait", "one", "--timeout", "50ms"]);
    assert_eq!(waited.code, Some(10), "expected the time to be over: {waited:?}");
    let home = board.home();
    let waiting = {
        let mut wait = home.command();
        wait.args(["wait", "one", "--state", "ready", "--timeout", "30s"]).stdout(Stdio::null()).stderr(Stdio::null());
        wait.spawn().unwrap()
    };
    let started = board.cli_json(&["start", "one"]);
    assert_eq!((&started["state"], &started["tools"]), (&json!("ready"), &json!(4)), "{started}");
    assert!(waiting.wait_with_output().unwrap().status.success(), "expected the wait to end with it");
    let second = client.text("one__pid", json!({}));
    assert_ne!(first, second, "expected another process");
    assert_eq!(board.cli_json(&["restart", "one"])["state"], "ready");
    assert_ne!(client.text("one__pid", json!({})), second, "expected yet another process");
    let detail = board.cli(&["status", "one"]);
    assert!(detail.stdout.contains("state        ready, for ") && detail.stdout.contains("memory"), "{detail:?}");
    for command in [&["start", "onee"][..], &["stop", "onee"], &["wait", "onee"], &["status", "onee"]] {
        let ended = board.cli(command);
        assert_eq!(ended.code, Some(12), "expected an unknown name: {ended:?}");
        assert!(ended.stderr.contains("did you mean `one`?"), "{ended:?}");
    }
    let wrong = board.cli(&["wait", "one", "--state", "redy"]);
    assert_eq!(wrong.code, Some(2), "expected an unknown state: {wrong:?}");
}

#[test]
fn a_server_that_does_not_come_up_says_why() {
    let board = Switchboard::start(&servers());
    let failed = board.cli(&["start", "broken"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("the database is on fire"), "expected its last words: {failed:?}");
    assert!(failed.stderr.contains("hint:"), "expected what to do next: {failed:?}");
    assert_eq!(board.cli(&["start", "broken", "--no-wait"]).code, Some(0));
    let all = board.cli(&["restart", "--all"]);
    assert_eq!(all.code, Some(1), "expected one of three to fail: {all:?}");
    assert!(all.stderr.contains("1 of 3 servers failed"), "{all:?}");
    board.server_in("one", "ready");
    let stopped = board.cli_json(&["stop", "--all"]);
    let states: Vec<&Value> = stopped["servers"].as_array().unwrap().iter().map(|turn| &turn["state"]).collect();
    assert_eq!(states, ["stopped"; 3], "expected every server stopped: {stopped}");
    assert_eq!(board.cli_json(&["list", "--state", "stopped"])["servers"].as_array().unwrap().len(), 3);
}

#[test]
fn the_logs_of_all_are_shown_together() {
    let board = Switchboard::start(&(misbehave("loud", "noise", "dual") + &misbehave("good", "ok", "dual")));
    board.server_in("loud", "ready");
    board.server_in("good", "ready");
    let lines = board.cli_json(&["logs", "--all", "-n", "1000"])["lines"].clone();
    let lines = lines.as_array().unwrap();
    let times: Vec<&str> = lines.iter().filter_map(|line| line["at"].as_str()).collect();
    assert!(times.is_sorted(), "expected the order of time: {times:?}");
    for server in ["loud", "good"] {
        let own = |line: &&Value| line["server"] == server && line["text"] == "ready";
        assert!(lines.iter().any(|line| own(&line)), "expected `{server}` to be named: {lines:?}");
    }
    let only = board.cli(&["logs", "--all", "--grep", "READY"]).stdout;
    assert_eq!(only.lines().count(), 2, "expected only lines with the text: {only}");
    let bad = board.cli(&["logs", "good", "--level", "error"]).stdout;
    assert_eq!(bad, "", "expected nothing bad in a good log");
}

#[test]
fn a_server_alone_runs_attached() {
    let home = Home::new(&(misbehave("loud", "noise", "dual") + &misbehave("broken", "die-at-start", "dual")));
    let attached = |server: &str| {
        let mut command = home.command();
        command.args(["start", "--fg", server, "--config"]).arg(home.config());
        command
    };
    let (out, err) = (home.place("out"), home.place("err"));
    let mut loud = attached("loud");
    let file = |path: &Path| fs::File::create(path).unwrap();
    let mut child = loud.stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    eventually(SOON, "that it is ready", || read(&err).contains("ready: 4 tools"));
    eventually(SOON, "what it prints", || read(&out).contains("stdout ") && read(&out).contains("stderr "));
    let tree = Tree::of(child.id());
    assert!(tree.processes().len() >= 2, "expected a guard and a server: {tree:?}");
    assert!(!home.data().join("switchboard.sock").exists(), "expected no daemon");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = await_some(SOON, "the end after ctrl-C", || child.try_wait().unwrap());
    assert!(status.success(), "expected a good end: {status}: {}", read(&err));
    eventually(Duration::from_secs(2), &format!("nothing left of {tree:?}"), || tree.alive().is_empty());
    let unknown = run(&mut attached("lod"), SOON);
    assert_eq!(unknown.code, Some(12), "{unknown:?}");
}

#[test]
fn preflight_says_what_would_not_run() {
    let home = Home::new(&misbehave("one", "ok", "dual"));
    let preflight = |home: &Home, args: &[&str]| {
        let mut command = home.command();
        command.arg("preflight").args(args).arg("--config").arg(home.config());
        run(&mut command, SOON)
    };
    let well = preflight(&home, &["--listen", "127.0.0.1:0", "--json"]);
    assert_eq!((well.code, well.json()["exit"].as_u64()), (Some(0), Some(0)), "{well:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let later = preflight(&home, &["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(later.code, Some(10), "{later:?}");
    assert!(later.stdout.contains(&format!("process {}", std::process::id())), "expected who holds it: {later:?}");
    assert_eq!(preflight(&home, &["nobody"]).code, Some(12));
    home.write_config("[servers.gone]\ncommand = 'no-such-program'\n");
    let person = preflight(&home, &["--listen", "127.0.0.1:0"]);
    assert_eq!(person.code, Some(11), "{person:?}");
    assert!(person.stdout.contains("no-such-program") && person.stdout.contains("next:"), "{person:?}");
    home.write_config("[servers.gone]\n");
    assert_eq!(preflight(&home, &[]).code, Some(2), "expected a wrong configuration");
    home.write_config(&misbehave("one", "ok", "dual"));
    let board = home.start();
    let runs = board.cli(&["preflight", "--config", &board.home().config().display().to_string()]);
    assert_eq!(runs.code, Some(0), "expected the running daemon to be in nobody's way: {runs:?}");
}

fn say(talk: &mut Talk, id: u64, tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    talk.ask(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}))
}

#[test]
fn a_restart_of_the_daemon_is_a_slow_call_for_a_client() {
    let (daemon, _) = Background::start(&misbehave("one", "ok", "dual"));
    let mut connect = daemon.home.command();
    connect.arg("connect");
    let mut talk = Talk::start(connect);
    talk.ask(&Legacy::hello(LEGACY));
    talk.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
    let first = say(&mut talk, 1, "one__pid", &json!({}))["result"]["content"][0]["text"].clone();
    let pid = daemon.pid();
    for round in 0..2_u64 {
        let home = &daemon.home;
        std::thread::scope(|scope| {
            let restart = scope.spawn(|| home.cli(&["restart"]));
            let mut id = 100_000 * (round + 1);
            while !restart.is_finished() {
                id += 3;
                // Three at once: which of them the daemon has read when it ends is anybody's guess.
                for id in id..id + 3 {
                    let params = json!({"name": "one__echo", "arguments": {"text": "still here"}});
                    talk.say(
                        &json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string(),
                    );
                }
                for _ in 0..3 {
                    let ours = |message: &Value| message["id"].as_u64().is_some_and(|heard| heard >= id);
                    let echoed = talk.hear("an answer to each", ours);
                    let text = &echoed["result"]["content"][0]["text"];
                    assert_eq!(text, "still here", "expected no call to fail: {echoed}");
                }
            }
            let ended = restart.join().unwrap();
            assert_eq!(ended.code, Some(0), "expected the daemon to come back: {ended:?}");
        });
    }
    let last = say(&mut talk, 9, "one__pid", &json!({}))["result"]["content"][0]["text"].clone();
    assert_ne!(first, last, "expected another server process behind the same conversation");
    assert_eq!(daemon.pid(), pid, "expected the daemon to be the same process");
    assert_eq!(talk.hang_up(), Some(0), "expected a good end");
    daemon.home.write_config("[servers.one]\ncomand = 'x'\n");
    let refused = daemon.home.cli(&["restart"]);
    assert_eq!(refused.code, Some(2), "expected a wrong configuration to be refused: {refused:?}");
    assert_eq!(daemon.pid(), pid, "expected the daemon to go on");
}

#[test]
fn a_killed_daemon_fails_the_call_in_flight_and_no_other() {
    let mut board = Switchboard::start(&misbehave("one", "ok", "dual"));
    let mut connect = board.home().command();
    connect.arg("connect");
    let mut talk = Talk::start(connect);
    talk.ask(&Legacy::hello(LEGACY));
    let params = json!({"name": "one__sleep", "arguments": {"ms": 60_000}, "_meta": {"progressToken": "t"}});
    talk.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string());
    talk.hear("progress of the call", |message| message["params"]["progressToken"] == "t");
    board.kill9();
    let refused = talk.hear("an answer to the call", |message| message["id"] == 1);
    assert_eq!(refused["error"]["data"]["retryable"], true, "expected to be told to look and try again: {refused}");
    // What is asked while there is none is answered by the next.
    talk.say(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}).to_string());
    let board = board.restart();
    let listed = talk.hear("the list of the next daemon", |message| message["id"] == 2);
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 4, "{listed}");
    assert_eq!(talk.hang_up(), Some(0), "expected a good end");
    drop(board);
}

#[test]
fn systemd_is_told_what_happens() {
    let home = Home::new("");
    let path = home.place("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let hear = |wanted: &str| {
        let mut heard = Vec::new();
        loop {
            let mut text = [0; 4096];
            let count = socket.recv(&mut text).unwrap_or_else(|error| panic!("expected {wanted}: {error}: {heard:?}"));
            let text = String::from_utf8_lossy(&text[..count]).into_owned();
            if text.lines().any(|line| line == wanted) {
                return text;
            }
            heard.push(text);
        }
    };
    let mut run = home.run_command("127.0.0.1:0");
    run.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").stderr(Stdio::null()).stdout(Stdio::null());
    let mut child = run.spawn().unwrap();
    let ready = hear("READY=1");
    assert!(ready.contains("STATUS=serves 0 servers at http://127.0.0.1:"), "expected what it serves: {ready}");
    assert!(ready.contains(&format!("MAINPID={}", child.id())), "{ready}");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    hear("RELOADING=1");
    hear("READY=1");
    assert_eq!(home.cli(&["restart"]).code, Some(0));
    hear("READY=1");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    hear("STOPPING=1");
    assert!(await_some(SOON, "its end", || child.try_wait().unwrap()).success());
}

#[test]
fn systemd_hands_over_the_socket() {
    let activate = "systemd-socket-activate";
    if require_program(activate).is_none() {
        return;
    }
    let home = Home::new(&misbehave("one", "ok", "dual"));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let run = home.run_command("127.0.0.1:1");
    let mut systemd = command(activate);
    systemd.args(["--listen", &free.to_string(), "--fdname", "http"]).env_clear().current_dir(home.folder());
    for (name, value) in run.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        systemd.arg(format!("--setenv={}={value}", name.to_string_lossy())).env(name, value.as_ref());
    }
    systemd.arg(run.get_program()).args(run.get_args()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = systemd.spawn().unwrap();
    eventually(SOON, "that systemd listens", || std::net::TcpStream::connect(free).is_ok());
    let client = e2e::Modern::new(free, "/mcp");
    assert_eq!(client.text("one__echo", json!({"text": "handed over"})), "handed over");
    let status = home.cli(&["status", "--json"]).json();
    assert_eq!(status["address"], free.to_string(), "expected the socket of systemd, not --listen: {status}");
    // The same process finds the socket again.
    assert_eq!(home.cli(&["restart"]).code, Some(0));
    assert_eq!(client.text("one__echo", json!({"text": "again"})), "again");
    assert_eq!(home.cli(&["stop"]).code, Some(0));
    assert!(await_some(SOON, "its end", || child.try_wait().unwrap()).success());
}

#[test]
fn the_service_file_is_shown_before_it_is_written() {
    let home = Home::new("");
    let shown = home.cli(&["service", "install", "--dry-run", "--listen", "127.0.0.1:7421"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for part in ["Type=notify", "WatchdogSec=30", "\"--listen\" \"127.0.0.1:7421\"", "enable --now switchboard.service"]
    {
        assert!(shown.stdout.contains(part), "expected `{part}`: {}", shown.stdout);
    }
    assert!(!home.place(".config/systemd").exists(), "expected nothing to be written");
    for kind in ["launchd", "windows"] {
        let shown = home.cli(&["service", "install", "--for", kind]);
        assert!(shown.code == Some(0) && shown.stdout.contains("Untested"), "{shown:?}");
    }
    let status = home.cli(&["service", "status", "--json"]);
    assert_eq!(status.json()["installed"], false, "{status:?}");
}

/// A command under an old name, in this home.
#[track_caller]
pub(crate) fn old(home: &Home, words: &[&str]) -> Ended {
    let mut old = command(home.place("bin").join(words[0]));
    old.env_clear().env("HOME", home.folder()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    old.env("SWITCHBOARD_DATA", home.data()).env("SWITCHBOARD_CONFIG", home.config());
    old.env("SWITCHBOARD_LISTEN", "127.0.0.1:0").env("NO_COLOR", "1").current_dir(home.folder());
    run(old.args(&words[1..]), SOON)
}

#[test]
fn the_old_names_do_what_they_did_and_more() {
    let home = Home::new(&(misbehave("memory", "ok", "dual") + &misbehave("git", "ok", "dual")));
    let bin = home.place("bin").display().to_string();
    let installed = home.cli(&["aliases", "install", "--dir", &bin]);
    assert_eq!(installed.code, Some(0), "{installed:?}");
    assert!(installed.stderr.contains("is not in PATH"), "expected to be told: {installed:?}");
    let daemon = Background { home };
    let home = &daemon.home;
    let well = |words: &[&str], now: &str, part: &str| {
        let ended = old(home, words);
        assert_eq!(ended.code, Some(0), "expected {words:?} to go well: {ended:?}");
        let note = format!(" is now: switchboard {now}\n");
        assert!(ended.stderr.contains(&note), "expected `{note}`: {ended:?}");
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(said.contains(part), "expected `{part}` of {words:?}: {ended:?}");
    };
    // predecessors.md section 10, the rows of S3.
    well(&["mcp-manager", "start"], "start", "listening on http://");
    well(&["mcp-manager", "start-server", "git"], "start git", "git is ready: 4 tools");
    well(&["mcp-manager", "status", "--detailed"], "status", "git");
    well(&["mcp-manager", "list-servers", "--status", "ready"], "list --state ready", "git");
    well(
        &["mcp-manager", "send", "git", "--tool", "echo", "--data", "{\"text\":\"hi\"}"],
        "call git.echo '{\"text\":\"hi\"}'",
        "hi",
    );
    well(&["mcp-manager", "restart-server", "git"], "restart git", "git is ready");
    well(&["mcp-manager", "stop-server", "git"], "stop git", "git is stopped");
    well(&["mcpctl", "status", "-v"], "status", "memory");
    well(&["mcpctl", "restart", "memory"], "restart memory", "memory is ready");
    well(&["mcpctl", "logs", "memory", "-n", "5"], "logs memory -n 5", "ready");
    well(&["mcpctl", "start", "--check-only"], "preflight", "the daemon on");
    well(&["mcpctl", "dashboard"], "dashboard", "#token=");
    well(&["mcp"], "list", "memory");
    well(&["mcp", "mem", "stop"], "stop mem", "memory is stopped");
    well(&["mcp", "mem"], "start mem", "memory is ready");
    for (words, why) in [(&["mcp-test", "run"][..], "later release"), (&["mcp", "all", "status"], "not supported")] {
        let ended = old(home, words);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(why) && ended.stderr.contains("hint:"), "expected `{why}`: {ended:?}");
    }
    well(&["mcpctl", "stop"], "stop", "has ended");
    let removed = home.cli(&["aliases", "uninstall", "--dir", &bin]);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(!home.place("bin").join("mcp").exists(), "expected the links to be gone");
}

#[test]
fn a_killed_server_is_started_again() {
    let board = Switchboard::start(&misbehave("steady", "ok", "dual"));
    let before = board.server_in("steady", "ready");
    kill(u32::try_from(before["pid"].as_u64().unwrap()).unwrap());
    let after = await_some(SOON, "another process of the server", || {
        Some(board.server("steady")).filter(|now| now["state"] == "ready" && now["pid"] != before["pid"])
    });
    assert_eq!(after["restarts"], 1, "expected one restart: {after}");
    assert_eq!(board.modern().text("steady__echo", json!({"text": "back"})), "back");
}
