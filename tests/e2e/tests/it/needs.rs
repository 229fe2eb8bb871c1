//! What servers need beside themselves: services with each way of finding out that they are ready,
//! slow, absent and dying ones, other servers, and in which order everything ends.

use e2e::{Client, Home, SOON, Switchboard, await_some, built, eventually, kill, misbehave};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A server that needs these, and one that needs nothing.
fn config(depends_on: &str, services: &str) -> String {
    let settings = "[catalog]\nfirst_list_wait = \"100ms\"\n";
    let app = misbehave("app", "ok", "dual") + &format!("depends_on = {depends_on}\n");
    settings.to_owned() + &app + &misbehave("free", "ok", "dual") + services
}

fn service(board: &Switchboard, name: &str) -> Value {
    let status = board.cli_json(&["status"]);
    let services = status["services"].as_array().cloned().unwrap_or_default();
    let found = services.into_iter().find(|service| service["name"] == name);
    found.unwrap_or_else(|| panic!("expected a service `{name}` in {status}"))
}

#[track_caller]
fn server_that_says(board: &Switchboard, name: &str, words: &str) -> Value {
    await_some(SOON, &format!("`{words}` in the reason of `{name}`"), || {
        let server = board.server(name);
        server["reason"].as_str().is_some_and(|reason| reason.contains(words)).then_some(server)
    })
}

#[track_caller]
fn answers(board: &Switchboard, server: &str) {
    let said = board.modern().text(&format!("{server}__echo"), json!({"text": "here"}));
    assert_eq!(said, "here", "expected `{server}` to answer");
}

/// A free port of loopback, for something that is started a moment later.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Answers every request with status 200 until it is dropped.
struct Web {
    port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    fn at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let stops = over.clone();
        let thread = thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if stops.load(Ordering::Relaxed) {
                    return;
                }
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { port, over, thread: Some(thread) }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It looks with the next connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A shell that does something and stays, as a service.
fn shell(name: &str, script: &str, more: &str) -> String {
    format!("[services.{name}]\ncommand = \"sh\"\nargs = [\"-c\", '{script}']\nlinger = 0\n{more}\n")
}

/// An HTTP server that is there from the start, as a service.
fn web(name: &str, port: u16, more: &str) -> String {
    let program = built("mcp-fixture");
    format!("[services.{name}]\ncommand = {program:?}\nargs = [\"http\", \"--port\", \"{port}\"]\nlinger = 0\n{more}\n")
}

#[test]
fn each_check_finds_out_that_a_service_is_ready() {
    let port = free_port();
    let home = Home::new("");
    let flag = home.place("flag");
    // Each is ready only some time after its start, and none of them before it was started.
    let services = [
        web("tcp", port, &format!("ready = {{ tcp = \"127.0.0.1:{port}\", interval = \"20ms\" }}")),
        // Nothing at this path: a status, but not a good one, is no readiness.
        format!(
            "[services.http]\nready = {{ http = \"http://127.0.0.1:{port}/\", timeout = \"300ms\", interval = \"20ms\" }}\n"
        ),
        shell(
            "command",
            &format!("sleep 0.2; touch {}; exec sleep 600", flag.display()),
            &format!("ready = {{ command = [\"test\", \"-e\", {flag:?}], interval = \"20ms\" }}"),
        ),
        shell(
            "line",
            "echo starting; sleep 0.2; echo all is ready now >&2; exec sleep 600",
            "ready = { log_line = \"is ready\" }",
        ),
        shell("plain", "exec sleep 600", ""),
    ];
    home.write_config(&config("[\"tcp\", \"command\", \"line\", \"plain\"]", &services.concat()));
    let board = home.start();
    board.server_in("app", "ready");
    answers(&board, "app");
    for name in ["tcp", "command", "line", "plain"] {
        let service = service(&board, name);
        assert_eq!((&service["state"], &service["kind"]), (&json!("ready"), &json!("command")), "{service}");
        assert_eq!(service["needed_by"], json!(["app"]), "{service}");
    }
    assert!(flag.exists(), "expected the server to have waited for the command");
    let unused = service(&board, "http");
    assert_eq!((&unused["state"], &unused["kind"]), (&json!("stopped"), &json!("external")), "nobody needs it");
    let log = board.cli(&["logs", "line"]);
    assert!(log.stdout.contains("all is ready now"), "expected the log of a service: {log:?}");
    let shown = board.cli(&["status"]).stdout;
    assert!(shown.contains("NEEDED BY") && shown.contains("plain"), "expected the services in:\n{shown}");
}

#[test]
fn an_external_service_is_waited_for_and_watched() {
    let port = free_port();
    let check = format!("ready = {{ http = \"http://127.0.0.1:{port}/\", interval = \"20ms\", timeout = \"60s\" }}\n");
    let board = Home::new(&config("[\"web\"]", &format!("[services.web]\n{check}"))).start();
    let waiting = server_that_says(&board, "app", "waits for `web`");
    assert_eq!(waiting["state"], "starting", "{waiting}");
    answers(&board, "free");
    let page = Web::at(port);
    board.server_in("app", "ready");
    answers(&board, "app");
    drop(page);
    let degraded = server_that_says(&board, "app", "the service `web` is");
    assert_eq!((&degraded["state"], &degraded["health"]), (&json!("ready"), &json!("degraded")), "{degraded}");
    answers(&board, "app");
    let _page = Web::at(port);
    await_some(SOON, "a healthy server", || (board.server("app")["health"] == "healthy").then_some(()));
}

#[test]
fn a_slow_dependency_is_named_while_it_is_waited_for() {
    let home = Home::new("");
    let go = home.place("go");
    let ready = format!("ready = {{ command = [\"test\", \"-e\", {go:?}], interval = \"20ms\" }}");
    home.write_config(&config("[\"db\"]", &shell("db", "exec sleep 600", &ready)));
    let board = home.start();
    let waiting = server_that_says(&board, "app", "waits for `db` (1 s)");
    assert_eq!(waiting["state"], "starting", "{waiting}");
    let reason = waiting["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("its check `test` exited with status 1"), "expected the reason of the service: {reason}");
    answers(&board, "free");
    fs::write(&go, "").unwrap();
    board.server_in("app", "ready");
    answers(&board, "app");
}

#[test]
fn an_absent_dependency_is_named_with_what_to_do() {
    let missing = "[services.db]\ncommand = \"no-such-database\"\n";
    let board = Home::new(&config("[\"db\"]", missing)).start();
    let failed = board.server_in("app", "failed");
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("waits for `db`") && reason.contains("no-such-database"), "{failed}");
    assert!(failed["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "expected what to do: {failed}");
    assert_eq!(service(&board, "db")["state"], "failed");
    answers(&board, "free");
    // What was absent comes, and whoever failed for want of it is started again.
    board.rewrite_config(&config("[\"db\"]", &shell("db", "exec sleep 600", "")));
    board.hup();
    board.server_in("app", "ready");
    answers(&board, "app");
    let log = board.cli(&["logs", "app"]).stdout;
    assert!(log.contains("tried again: a service that it needs was changed"), "expected the reason: {log}");
    assert!(!log.contains("by a person"), "expected nobody to be named who did nothing: {log}");
}

#[test]
fn a_circle_is_an_error_that_names_it() {
    let circle = misbehave("a", "ok", "dual")
        + "depends_on = [\"b\"]\n"
        + &misbehave("b", "ok", "dual")
        + "depends_on = [\"c\"]\n"
        + &misbehave("c", "ok", "dual")
        + "depends_on = [\"a\"]\n";
    let refused = Home::new(&circle).refused("127.0.0.1:0");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("a → b → c → a"), "expected the circle in:\n{}", refused.stderr);
    let unknown = Home::new(&config("[\"dbb\"]", &shell("db", "exit 1", ""))).refused("127.0.0.1:0");
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains("did you mean `db`?"), "expected a proposal in:\n{}", unknown.stderr);
}

#[test]
fn a_service_that_dies_comes_back_and_the_server_goes_on() {
    let home = Home::new("");
    let pid = home.place("pid");
    // `$$` is a dollar sign in a configuration.
    let script = format!("echo $$$$ > {}; echo up; exec sleep 600", pid.display());
    home.write_config(&config("[\"db\"]", &shell("db", &script, "ready = { log_line = \"up\" }")));
    let board = home.start();
    let before = board.server_in("app", "ready");
    kill(fs::read_to_string(&pid).unwrap().trim().parse().unwrap());
    await_some(SOON, "the service to be started again", || {
        let service = service(&board, "db");
        (service["state"] == "ready" && service["restarts"] == 1).then_some(())
    });
    let after = board.server("app");
    assert_eq!(after["pid"], before["pid"], "expected the server to have gone on: {after}");
    await_some(SOON, "a healthy server", || (board.server("app")["health"] == "healthy").then_some(()));
    let log = board.cli(&["logs", "app"]).stdout;
    assert!(log.contains("the service `db` is"), "expected the server to have been told:\n{log}");
    answers(&board, "app");
}

/// A service whose start and end are in a file.
fn noted(name: &str, journal: &std::path::Path, more: &str) -> String {
    let journal = journal.display();
    let script = format!(
        "trap \"echo end {name} >> {journal}; exit 0\" TERM; echo start {name} >> {journal}; echo up; while :; do sleep 0.05; done"
    );
    format!(
        "[services.{name}]\ncommand = \"sh\"\nargs = [\"-c\", {script:?}]\nlinger = 0\nready = {{ log_line = \"up\" }}\n{more}\n"
    )
}

#[test]
fn what_two_servers_need_is_started_once_and_stopped_after_the_second() {
    let home = Home::new("");
    let journal = home.place("journal");
    let services = noted("db", &journal, "depends_on = [\"disk\"]") + &noted("disk", &journal, "");
    let one = misbehave("one", "ok", "dual") + "depends_on = [\"db\"]\n";
    let two = misbehave("two", "ok", "dual") + "depends_on = [\"db\"]\n";
    home.write_config(&format!("{one}{two}{services}"));
    let board = home.start();
    board.server_in("one", "ready");
    board.server_in("two", "ready");
    let read = || fs::read_to_string(&journal).unwrap_or_default();
    assert_eq!(read(), "start disk\nstart db\n");
    assert_eq!(service(&board, "db")["needed_by"], json!(["one", "two"]));
    assert_eq!(service(&board, "disk")["needed_by"], json!(["db"]));
    board.rewrite_config(&format!("{two}{services}"));
    board.cli_json(&["reload"]);
    assert_eq!(service(&board, "db")["needed_by"], json!(["two"]));
    answers(&board, "two");
    board.rewrite_config(&services);
    board.cli_json(&["reload"]);
    eventually(SOON, "both services to have stopped", || read() == "start disk\nstart db\nend db\nend disk\n");
    board.rewrite_config(&format!("{one}{services}"));
    board.cli_json(&["reload"]);
    board.server_in("one", "ready");
    let home = board.stop();
    let last = "start disk\nstart db\nend db\nend disk\n".repeat(2);
    let journal = fs::read_to_string(home.place("journal")).unwrap_or_default();
    assert_eq!(journal, last, "expected every service to be told to end at the end, in order");
}

#[test]
fn a_server_can_need_a_server_and_ends_before_it() {
    let home = Home::new("");
    let go = home.place("go");
    let base = format!(
        "[servers.base]\ncommand = \"sh\"\nargs = [\"-c\", 'while [ ! -e {} ]; do sleep 0.02; done; {} ok dual; echo end base >> {}']\nstop_timeout = 10\n",
        go.display(),
        built("mcp-misbehave").display(),
        home.place("journal").display()
    );
    let top = format!(
        "[servers.top]\ncommand = \"sh\"\nargs = [\"-c\", '{} ok dual; echo end top >> {}']\ndepends_on = [\"base\"]\nstop_timeout = 10\n",
        built("mcp-misbehave").display(),
        home.place("journal").display()
    );
    home.write_config(&format!("{base}{top}[catalog]\nfirst_list_wait = \"100ms\"\n"));
    let board = home.start();
    let waiting = server_that_says(&board, "top", "waits for `base`");
    assert_eq!((&waiting["state"], &waiting["pid"]), (&json!("starting"), &Value::Null), "{waiting}");
    fs::write(&go, "").unwrap();
    board.server_in("top", "ready");
    answers(&board, "top");
    let before = board.server("top");
    // The one below goes: the one above is told and goes on.
    fs::remove_file(&go).unwrap();
    kill(u32::try_from(board.server("base")["pid"].as_u64().unwrap()).unwrap());
    let degraded = server_that_says(&board, "top", "the server `base`, which it needs, is");
    assert_eq!(degraded["pid"], before["pid"], "{degraded}");
    fs::write(&go, "").unwrap();
    await_some(SOON, "a healthy server", || (board.server("top")["health"] == "healthy").then_some(()));
    let home = board.stop();
    let journal = fs::read_to_string(home.place("journal")).unwrap_or_default();
    assert_eq!(journal, "end top\nend base\n", "expected the one above to end first");
}

#[test]
fn a_changed_service_is_started_anew_and_others_are_not() {
    let home = Home::new("");
    let journal = home.place("journal");
    let other = noted("other", &journal, "");
    home.write_config(&config("[\"db\", \"other\"]", &(noted("db", &journal, "") + &other)));
    let board = home.start();
    let before = board.server_in("app", "ready");
    board.rewrite_config(&config("[\"db\", \"other\"]", &(noted("db", &journal, "stop_timeout = 9") + &other)));
    board.cli_json(&["reload"]);
    eventually(SOON, "the service to be started anew", || {
        let journal = fs::read_to_string(&journal).unwrap_or_default();
        journal.matches("start db").count() == 2 && service(&board, "db")["state"] == "ready"
    });
    let journal = fs::read_to_string(&journal).unwrap_or_default();
    assert_eq!(journal.matches("other").count(), 1, "expected the other one to be left alone:\n{journal}");
    assert_eq!(board.server("app")["pid"], before["pid"], "expected the server to have gone on");
}
