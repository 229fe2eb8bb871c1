//! Servers of others that ask, clients of others that answer, in all four pairs of eras: forms,
//! pages to open, models, roots, several questions at once and one after the other. Each question
//! must name the server that asks.

use crate::fleet::free_port;
use e2e::{
    Client, Listening, Peers, Played, Step, Switchboard, command, entry_at, entry_of, entry_over, eventually,
    play_answering, require_peers,
};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A client and how it is told to speak: script, mode.
type Speaker = (&'static str, &'static str);

const MODERN: &[Speaker] = &[("ts2_client.mjs", "pin"), ("py_client.py", "2026-07-28")];
const LEGACY: &[Speaker] = &[("ts1_client.mjs", "http"), ("py_client.py", "legacy"), ("ts2_client.mjs", "legacy")];

/// What a person, a model and a project would say.
pub(crate) fn answers() -> Value {
    let content = json!({"name": "Ada", "colour": "green", "check": true, "integer": 7});
    let said = json!({"type": "text", "text": "Paris"});
    json!({
        "form": {"action": "accept", "content": content},
        "url": {"action": "accept"},
        "sampling": {"role": "assistant", "model": "scripted", "stopReason": "endTurn", "content": said},
        "roots": [{"uri": "file:///srv/project", "name": "project"}],
    })
}

/// `server-everything` as a child: what to start, and with what.
pub(crate) fn everything(peers: &Peers) -> (String, String) {
    ("node".to_owned(), peers.package("server-everything").display().to_string())
}

/// An entry named `booth` for `server-everything` as a child.
fn everything_as_child(peers: &Peers) -> String {
    let (node, script) = everything(peers);
    entry_of("booth", Path::new(&node), &[&script, "stdio"])
}

/// `server-everything` over HTTP, in one of its two ways.
pub(crate) fn everything_over_http(peers: &Peers, way: &str) -> Listening {
    let port = free_port();
    let (node, script) = everything(peers);
    let mut everything = command(node);
    everything.args([&script, way]).env("PORT", port.to_string());
    Listening::start_at(everything, port)
}

/// The server on the TypeScript SDK v2 that speaks nothing older than 2026-07-28.
pub(crate) fn modern_server(peers: &Peers) -> Listening {
    let mut server = peers.script_command("ts_modern_server.mjs");
    server.arg("0");
    Listening::start(server)
}

/// Waits until a tool is listed: a server may offer some only after its handshake.
pub(crate) fn listed(board: &Switchboard, tool: &str) {
    let client = board.modern();
    eventually(Duration::from_secs(20), &format!("the tool {tool} to be listed"), || {
        client.tools().iter().any(|name| name == tool)
    });
}

/// One step's expected texts, all of which must be in its result, which must not be an error.
pub(crate) type Expected = (Step, &'static [&'static str]);

/// Lets a client play, and compares result by result.
#[track_caller]
pub(crate) fn plays(client: Command, expected: &[Expected], answers: &Value) -> Played {
    let shown = format!("{client:?}");
    let steps: Vec<Step> = expected.iter().map(|(step, _)| step.clone()).collect();
    let played = play_answering(client, &steps, answers);
    for ((step, texts), seen) in expected.iter().zip(&played.steps) {
        let result = &seen["result"];
        let said = result.to_string();
        let worked = result.is_object() && result["isError"] != true;
        let fits = worked && texts.iter().all(|text| said.contains(text));
        assert!(fits, "expected {texts:?} of {step:?} for {shown}, got {seen}");
    }
    assert_eq!(played.steps.len(), expected.len(), "expected a result of every step: {played:?}");
    played
}

/// The methods that a client was asked; every question that a person sees must name the server.
#[track_caller]
fn questions<'a>(played: &'a Played, server: &str) -> Vec<&'a str> {
    for asked in &played.asked {
        let message = asked["params"]["message"].as_str();
        let named = message.is_none_or(|message| message.contains(server));
        assert!(named, "expected the question to name the server `{server}`: {asked}");
    }
    played.asked.iter().filter_map(|asked| asked["method"].as_str()).collect()
}

fn script(peers: &Peers, (name, mode): Speaker, url: &str) -> Command {
    let mut client = peers.script_command(name);
    client.args([mode, url]);
    client
}

const FORM: &str = "elicitation/create";
const MODEL: &str = "sampling/createMessage";
const ROOTS: &str = "roots/list";

/// The tools of `server-everything` that ask, behind `entry`, with each of these clients.
fn everything_asks(peers: &Peers, entry: &str, clients: &[Speaker]) {
    let board = Switchboard::start(entry);
    for tool in ["trigger-elicitation-request", "trigger-sampling-request", "trigger-url-elicitation"] {
        listed(&board, &format!("booth__{tool}"));
    }
    let form = || Step::call("booth__trigger-elicitation-request", json!({}));
    let page = |url: &str, by_error: bool| {
        Step::call("booth__trigger-url-elicitation", json!({"url": url, "errorPath": by_error}))
    };
    let prompt = json!({"prompt": "the capital of France", "maxTokens": 20});
    let expected: &[Expected] = &[
        (form(), &["User provided the requested information", "Name: Ada", "Favorite Integer: 7"]),
        (Step::call("booth__trigger-sampling-request", prompt), &["LLM sampling result", "Paris"]),
        (page("http://127.0.0.1:9/one", false), &["User completed the URL elicitation flow"]),
        // By the error -32042 first, and once more when the call is tried again.
        (page("http://127.0.0.1:9/two", true), &["User completed the URL elicitation flow"]),
        (Step::call("booth__echo", json!({"message": "after all"})), &["Echo: after all"]),
    ];
    for &client in clients {
        let played = plays(script(peers, client, &board.url()), expected, &answers());
        let mut asked = questions(&played, "booth");
        // It asks for the roots a moment after its handshake, and where all calls share one stream
        // that may be in the middle of one of them.
        asked.retain(|method| *method != ROOTS);
        assert_eq!(asked, [FORM, MODEL, FORM, FORM, FORM], "asked {client:?}: {played:?}");
        let form = played.asked.iter().find(|asked| asked["method"] == FORM).unwrap();
        let form = form["params"]["requestedSchema"]["properties"].as_object().unwrap();
        assert_eq!(form.len(), 13, "expected the whole form at {client:?}: {form:?}");
    }
    let mut no = answers();
    no["form"] = json!({"action": "decline"});
    let played = plays(script(peers, clients[0], &board.url()), &[(form(), &["declined"])], &no);
    assert!(questions(&played, "booth").contains(&FORM), "expected a form to decline: {played:?}");
}

#[test]
fn modern_clients_answer_server_everything_as_a_child() {
    let Some(peers) = require_peers() else { return };
    everything_asks(&peers, &everything_as_child(&peers), MODERN);
}

#[test]
fn modern_clients_answer_server_everything_over_http() {
    let Some(peers) = require_peers() else { return };
    let server = everything_over_http(&peers, "streamableHttp");
    everything_asks(&peers, &entry_at("booth", &server.url()), MODERN);
}

#[test]
fn modern_clients_answer_server_everything_over_sse() {
    let Some(peers) = require_peers() else { return };
    let server = everything_over_http(&peers, "sse");
    everything_asks(&peers, &entry_over("booth", "sse", &format!("http://{}/sse", server.address())), MODERN);
}

#[test]
fn legacy_clients_answer_server_everything_as_a_child() {
    let Some(peers) = require_peers() else { return };
    everything_asks(&peers, &everything_as_child(&peers), LEGACY);
}

#[test]
fn legacy_clients_answer_server_everything_over_http() {
    let Some(peers) = require_peers() else { return };
    let server = everything_over_http(&peers, "streamableHttp");
    everything_asks(&peers, &entry_at("booth", &server.url()), LEGACY);
}

/// The tools of the modern server that ask, for a server named `desk`, and what was asked for them.
pub(crate) fn desk() -> (Vec<Expected>, Vec<&'static str>) {
    let call = |tool: &str| Step::call(&format!("desk__{tool}"), json!({}));
    let expected: Vec<Expected> = vec![
        (call("ask_form"), &["hello Ada"]),
        (call("ask_url"), &["page: accept"]),
        (call("ask_model"), &["the model said Paris"]),
        (call("ask_roots"), &["roots: file:///srv/project"]),
        (call("ask_all"), &["Ada | Paris | file:///srv/project"]),
        (call("ask_twice"), &["Ada likes green"]),
    ];
    (expected, vec![FORM, FORM, MODEL, ROOTS, FORM, MODEL, ROOTS, FORM, FORM])
}

/// Plays [`desk`]; what is asked at once may come in any order, and the results show the rest.
#[track_caller]
pub(crate) fn answers_the_desk(client: Command) {
    let shown = format!("{client:?}");
    let (expected, mut wanted) = desk();
    let played = plays(client, &expected, &answers());
    let mut asked = questions(&played, "desk");
    asked.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(asked, wanted, "asked {shown}: {played:?}");
}

#[test]
fn legacy_clients_answer_a_modern_server() {
    let Some(peers) = require_peers() else { return };
    let server = modern_server(&peers);
    let board = Switchboard::start(&entry_at("desk", &server.url()));
    for &client in LEGACY {
        answers_the_desk(script(&peers, client, &board.url()));
    }
    let mut child = peers.script_command("ts1_client.mjs");
    child.arg("stdio").args(board.home().words(&["connect"]));
    answers_the_desk(child);
}

#[test]
fn modern_clients_answer_a_modern_server() {
    let Some(peers) = require_peers() else { return };
    let server = modern_server(&peers);
    let board = Switchboard::start(&entry_at("desk", &server.url()));
    for &client in MODERN {
        answers_the_desk(script(&peers, client, &board.url()));
    }
}

/// A client that can answer only for a model is asked nothing else, in each pair of eras.
#[test]
fn nobody_is_asked_for_what_they_did_not_declare() {
    let Some(peers) = require_peers() else { return };
    let server = modern_server(&peers);
    let board = Switchboard::start(&(entry_at("desk", &server.url()) + &everything_as_child(&peers)));
    listed(&board, "booth__trigger-elicitation-request");
    let only_a_model = json!({"sampling": answers()["sampling"]});
    let calls = ["desk__ask_form", "desk__ask_roots", "booth__trigger-elicitation-request"];
    let steps: Vec<Step> = calls.iter().map(|tool| Step::call(tool, json!({}))).collect();
    for &client in MODERN.iter().chain(LEGACY) {
        let played = play_answering(script(&peers, client, &board.url()), &steps, &only_a_model);
        assert_eq!(played.asked, Vec::<Value>::new(), "expected no question to {client:?}");
        for (tool, seen) in calls.iter().zip(&played.steps) {
            let refused = seen["error"].is_object() || seen["result"]["isError"] == true;
            assert!(refused, "expected {tool} to fail for {client:?}, got {seen}");
        }
        let form = played.steps[0].to_string();
        assert!(form.contains("elicitation"), "expected {client:?} to be told what is missing, got {form}");
    }
}
