//! The OpenAPI document against the running binary, by schemathesis (PyPI): no answer of 5xx, none that
//! the document does not describe.

use super::count;
use e2e::{Home, misbehave, require_peers, run};
use std::time::Duration;

/// Requests for each operation where nobody says how many.
const EXAMPLES: usize = 3;
/// How long one run may take.
const TIME_MAX: Duration = Duration::from_secs(3600);
/// What is not asked: these end what is tested or one of its servers, and the two streams end never.
const LEFT_OUT: &[&str] = &[
    "/api/stop",
    "/api/restart",
    "/api/servers/{name}/stop",
    "/api/servers/{name}/disable",
    "/api/live",
    "/api/events",
];
/// What is looked at in each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method";

#[test]
fn every_answer_is_as_the_document_says() {
    let Some(peers) = require_peers() else { return };
    let Some(program) = peers.schemathesis() else { return };
    let board = Home::new(&misbehave("good", "ok", "dual")).offering("goals,memory,cache").start();
    board.server_in("good", "ready");
    let examples = count("SWITCHBOARD_LAB_SCHEMATHESIS", EXAMPLES).to_string();
    let mut command = e2e::command(program);
    command.arg("run").arg(format!("http://{}/api/openapi.json", board.address()));
    command.args(["-H", &format!("Authorization: Bearer {}", board.token())]);
    command.args(["--max-examples", &examples, "--checks", CHECKS, "--generation-deterministic"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "30"]);
    command.args(["--no-color", "--suppress-health-check", "all", "--warnings", "off"]);
    command.args(LEFT_OUT.iter().flat_map(|path| ["--exclude-path", path]));
    command.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("PYTHONPATH", peers.script("").as_os_str());
    let ended = run(command.current_dir(board.home().folder()), TIME_MAX);
    assert!(ended.code == Some(0), "{}\n{}", ended.stdout, ended.stderr);
    e2e::tell(&format!(
        "schemathesis: {examples} examples for each operation, no 5xx and nothing that is not described"
    ));
}
