//! Containers for real, on an engine of the test's own: servers in containers over both transports,
//! services in containers, what is absent, and what is left after `kill -9`.

use e2e::{Docker, Home, SOON, Switchboard, await_some, eventually, misbehave};
use serde_json::{Value, json};

fn call(board: &Switchboard, tool: &str, arguments: &str) -> e2e::Ended {
    board.cli(&["call", tool, arguments])
}

/// Asks a server in its own words, through the daemon's socket: the listener is in another network.
#[track_caller]
fn answers(board: &Switchboard, server: &str) {
    let said = call(board, &format!("{server}__echo"), "{\"text\": \"from inside\"}");
    assert!(said.code == Some(0) && said.stdout.contains("from inside"), "expected `{server}` to answer: {said:?}");
}

#[track_caller]
fn service_in(board: &Switchboard, name: &str, state: &str) -> Value {
    await_some(SOON, &format!("the service `{name}` in state {state}"), || {
        let status = board.cli_json(&["status"]);
        let services = status["services"].as_array().cloned().unwrap_or_default();
        services.into_iter().find(|service| service["name"] == name && service["state"] == state)
    })
}

/// A server that is a container and speaks on its stdin and stdout, within limits.
fn boxed(name: &str) -> String {
    format!(
        "[servers.{name}]\nimage = \"switchboard-test/misbehave:1\"\nargs = [\"ok\", \"dual\"]\nenv = {{ WHO = \"{name}\" }}\n\
         container = {{ network = \"none\", read_only = true, memory = \"64MiB\", cpu = 50, pids = 16, pull = \"never\",\n\
         volumes = [\"{name}-data:/data:ro\"] }}\n"
    )
}

/// A service that is a container with a port. It does not hear TERM, as the first process of a container.
fn web(port: u16) -> String {
    format!(
        "[services.web]\nimage = \"switchboard-test/fixture:1\"\nargs = [\"http\", \"--host\", \"0.0.0.0\", \"--port\", \"80\"]\n\
         ports = [\"{port}:80\"]\npull = \"never\"\nlinger = 0\nstop_timeout = 1\nready = {{ tcp = \"127.0.0.1:{port}\", interval = \"50ms\" }}\n"
    )
}

#[test]
fn a_server_in_a_container_speaks_on_its_stdin_and_stdout() {
    let Some(docker) = Docker::start() else { return };
    docker.image("switchboard-test/misbehave:1", "mcp-misbehave");
    let board = docker.home(&boxed("boxed")).start();
    let server = board.server_in("boxed", "ready");
    assert_eq!((&server["transport"], &server["pid"]), (&json!("stdio"), &Value::Null), "{server}");
    answers(&board, "boxed");
    let ids = docker.containers("boxed");
    assert_eq!(ids.len(), 1, "expected one container: {ids:?}");
    let known = docker.inspect(&ids[0]);
    let host = &known["HostConfig"];
    let limits =
        json!([host["Memory"], host["NanoCpus"], host["PidsLimit"], host["ReadonlyRootfs"], host["NetworkMode"]]);
    assert_eq!(limits, json!([64 * 1024 * 1024, 500_000_000, 16, true, "none"]));
    assert_eq!(host["Binds"], json!(["boxed-data:/data:ro"]));
    // Killed from outside: its end is told, and it is started again.
    let killed = docker.cli(&["kill", &ids[0]]);
    assert_eq!(killed.code, Some(0), "{killed:?}");
    await_some(SOON, "the server to be started again", || {
        let server = board.server("boxed");
        (server["state"] == "ready" && server["restarts"] == 1).then_some(())
    });
    answers(&board, "boxed");
    let log = board.cli(&["logs", "boxed"]).stdout;
    assert!(log.contains("ended by signal 9"), "expected how it ended in:\n{log}");
    drop(board.stop());
    assert_eq!(docker.containers("boxed"), Vec::<String>::new(), "expected nothing to be left");
}

#[test]
fn a_server_in_a_container_speaks_http_and_a_service_is_one_too() {
    let Some(docker) = Docker::start() else { return };
    docker.image("switchboard-test/fixture:1", "mcp-fixture");
    let http = "[servers.http]\nimage = \"switchboard-test/fixture:1\"\n\
                args = [\"http\", \"--host\", \"0.0.0.0\", \"--port\", \"80\"]\ntype = \"http\"\nstop_timeout = 1\n\
                container = { port = 80, pull = \"never\" }\n";
    let app = misbehave("app", "ok", "dual") + "depends_on = [\"web\"]\n";
    let lost = http.replace("servers.http", "servers.lost").replace("port = 80,", "port = 80, path = \"/nowhere\",");
    let board = docker.home(&format!("{http}{lost}{app}{}", web(8080))).start();
    let server = board.server_in("http", "ready");
    assert_eq!(server["transport"], "http", "{server}");
    assert!(server["tools"].as_u64() > Some(0), "expected its tools: {server}");
    await_some(SOON, "the path to be used", || board.server("lost")["reason"].as_str()?.contains("404").then_some(()));
    let said = call(&board, "http.test_simple_text", "{}");
    assert_eq!(said.code, Some(0), "expected an answer over the published port: {said:?}");
    let before = board.server_in("app", "ready");
    answers(&board, "app");
    let service = service_in(&board, "web", "ready");
    assert_eq!((&service["kind"], &service["needed_by"]), (&json!("container"), &json!(["app"])), "{service}");
    let ids = docker.containers("web");
    assert_eq!(docker.inspect(&ids[0])["Name"], "/switchboard-web");
    // It dies: the server is told, goes on, and has it again.
    assert_eq!(docker.cli(&["kill", &ids[0]]).code, Some(0));
    await_some(SOON, "the service to be started again", || {
        let status = board.cli_json(&["status"]);
        (status["services"][0]["state"] == "ready" && status["services"][0]["restarts"] == 1).then_some(())
    });
    await_some(SOON, "a healthy server", || (board.server("app")["health"] == "healthy").then_some(()));
    assert_eq!(board.server("app")["pid"], before["pid"], "expected the server to have gone on");
    drop(board.stop());
    assert_eq!(docker.containers("web"), Vec::<String>::new(), "expected nothing to be left");
    assert_eq!(docker.containers("http"), Vec::<String>::new(), "expected nothing to be left");
}

#[test]
fn what_a_killed_daemon_leaves_is_gone_by_itself_or_with_the_next_start() {
    let Some(docker) = Docker::start() else { return };
    docker.image("switchboard-test/misbehave:1", "mcp-misbehave");
    docker.image("switchboard-test/fixture:1", "mcp-fixture");
    let app = misbehave("app", "ok", "dual") + "depends_on = [\"web\"]\n";
    let mut board = docker.home(&format!("{}{app}{}", boxed("boxed"), web(8081))).start();
    board.server_in("boxed", "ready");
    board.server_in("app", "ready");
    let left = docker.containers("web");
    let tree = board.tree();
    board.kill9();
    eventually(SOON, "the guard to leave nothing behind", || tree.alive().is_empty());
    eventually(SOON, "the container that lost its stdin to end and remove itself", || {
        docker.containers("boxed").is_empty()
    });
    assert_eq!(docker.containers("web"), left, "expected the service to be the engine's still");
    let board = board.stop().start();
    board.server_in("app", "ready");
    let now = docker.containers("web");
    assert!(now.len() == 1 && now != left, "expected another container in its place: {left:?}, {now:?}");
}

#[test]
fn an_absent_image_and_an_absent_engine_say_what_to_do() {
    let absent = Home::new(&format!("container_engine = \"/nonexistent/docker.sock\"\n{}", boxed("boxed"))).start();
    let server = absent.server_in("boxed", "backoff");
    let reason = server["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("/nonexistent/docker.sock") && server["hint"].is_string(), "{server}");
    drop(absent.stop());
    let Some(docker) = Docker::start() else { return };
    let app = misbehave("app", "ok", "dual") + "depends_on = [\"web\"]\n";
    let board = docker.home(&format!("{}{app}{}", boxed("boxed"), web(8082))).start();
    let server = board.server_in("boxed", "failed");
    let reason = server["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("`switchboard-test/misbehave:1` is not on this machine"), "{server}");
    let hint = server["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("docker pull switchboard-test/misbehave:1"), "{server}");
    let app = board.server_in("app", "failed");
    let reason = app["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("waits for `web`") && reason.contains("switchboard-test/fixture:1"), "{app}");
}
