//! One bad server hurts nobody: it hangs, floods, dies or lies, and calls to its neighbour are
//! answered as if it were not there.

use e2e::{Switchboard, built, modern, until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a call to a healthy neighbour may take beside a bad server, on a loaded machine.
const PROMPT: Duration = Duration::from_secs(2);
/// The first list may wait for a server never listed before, but no longer than this.
const FIRST_LIST: Duration = Duration::from_secs(6);

fn pair(mode: &str) -> Switchboard {
    let misbehave = built("mcp-misbehave");
    let mut config = String::new();
    for (name, mode) in [("good", "ok"), ("bad", mode)] {
        config.push_str(&format!("[servers.{name}]\ncommand = {misbehave:?}\nargs = [{mode:?}]\n"));
    }
    Switchboard::start(&config)
}

fn call(daemon: &Switchboard, tool: &str, arguments: Value) -> Value {
    modern(&daemon.address, "tools/call", json!({"name": tool, "arguments": arguments})).answer()
}

fn good_works(daemon: &Switchboard) {
    for round in 0..20 {
        let began = Instant::now();
        let answer = call(daemon, "good__echo", json!({"text": format!("round {round}")}));
        assert_eq!(answer["result"]["content"][0]["text"], format!("round {round}"), "{answer}");
        assert!(began.elapsed() < PROMPT, "took {:?}", began.elapsed());
    }
}

/// The first list comes in time and has the good server's tools; so do all later lists, at once.
fn lists_in_time(daemon: &Switchboard) {
    for limit in [FIRST_LIST, PROMPT] {
        let began = Instant::now();
        let answer = modern(&daemon.address, "tools/list", json!({})).answer();
        assert!(began.elapsed() < limit, "the list took {:?}", began.elapsed());
        assert!(answer["result"]["tools"].to_string().contains("good__echo"), "{answer}");
    }
}

/// A call that cannot be served says so: a result with `isError`, or an error, in words.
fn refused(answer: &Value) {
    let text = answer["result"]["content"][0]["text"].as_str().or_else(|| answer["error"]["message"].as_str());
    let refused = answer["result"]["isError"] == true || answer["error"].is_object();
    assert!(refused && text.is_some_and(|text| !text.is_empty()), "{answer}");
}

#[test]
fn it_hangs_at_start() {
    let daemon = pair("hang");
    lists_in_time(&daemon);
    good_works(&daemon);
}

#[test]
fn it_hangs_after_the_list() {
    let daemon = pair("hang-after-list");
    lists_in_time(&daemon);
    good_works(&daemon);
}

#[test]
fn it_floods_both_streams() {
    let daemon = pair("flood");
    lists_in_time(&daemon);
    good_works(&daemon);
}

#[test]
fn it_dies_at_start() {
    let daemon = pair("die-at-start");
    lists_in_time(&daemon);
    good_works(&daemon);
    let status = daemon.cli(&["status", "--json"]);
    assert!(status.stdout.contains("bad"), "{status:?}");
}

#[test]
fn it_dies_after_the_handshake() {
    let daemon = pair("die-after-init");
    lists_in_time(&daemon);
    good_works(&daemon);
}

#[test]
fn it_dies_in_a_call() {
    let daemon = pair("die-on-call");
    lists_in_time(&daemon);
    until(Duration::from_secs(20), "the tools of the bad server", || {
        let tools = modern(&daemon.address, "tools/list", json!({})).answer();
        tools["result"]["tools"].to_string().contains("bad__die").then_some(())
    });
    refused(&call(&daemon, "bad__die", json!({})));
    good_works(&daemon);
    // It comes back by itself.
    until(Duration::from_secs(20), "the bad server to work again", || {
        (call(&daemon, "bad__echo", json!({"text": "back"}))["result"]["content"][0]["text"] == "back").then_some(())
    });
}

#[test]
fn it_lies_about_ids() {
    let daemon = pair("lie-ids");
    lists_in_time(&daemon);
    good_works(&daemon);
    let answer = call(&daemon, "bad__echo", json!({"text": "mine"}));
    assert_eq!(answer["result"]["content"][0]["text"], "mine", "{answer}");
}

#[test]
fn it_talks_between_messages() {
    let daemon = pair("noise");
    lists_in_time(&daemon);
    let answer = call(&daemon, "bad__echo", json!({"text": "through the noise"}));
    assert_eq!(answer["result"]["content"][0]["text"], "through the noise", "{answer}");
    good_works(&daemon);
}

#[test]
fn it_sends_half_a_message() {
    let daemon = pair("bad-json");
    lists_in_time(&daemon);
    let address = daemon.address.clone();
    // The broken call may wait for its time-out; the neighbour must not.
    let waiting = std::thread::spawn(move || {
        let params = json!({"name": "bad__broken", "arguments": {}});
        std::net::TcpStream::connect(&address).map(drop).unwrap();
        drop(std::panic::catch_unwind(|| modern(&address, "tools/call", params)));
    });
    good_works(&daemon);
    drop(waiting);
}

#[test]
fn it_pages_without_end() {
    let daemon = pair("endless-pages");
    lists_in_time(&daemon);
    good_works(&daemon);
}

#[test]
fn it_starts_slowly() {
    let daemon = pair("slow-start=5000");
    lists_in_time(&daemon);
    good_works(&daemon);
    until(Duration::from_secs(20), "the slow server to be listed", || {
        let tools = modern(&daemon.address, "tools/list", json!({})).answer();
        tools["result"]["tools"].to_string().contains("bad__echo").then_some(())
    });
}

#[test]
fn its_result_is_huge() {
    let daemon = pair("huge-result=4000000");
    lists_in_time(&daemon);
    until(Duration::from_secs(20), "the tools of the bad server", || {
        let tools = modern(&daemon.address, "tools/list", json!({})).answer();
        tools["result"]["tools"].to_string().contains("bad__huge").then_some(())
    });
    let answer = call(&daemon, "bad__huge", json!({}));
    let length = answer["result"]["content"][0]["text"].as_str().map_or(0, str::len);
    assert!(length == 4_000_000 || answer["result"]["isError"] == true || answer["error"].is_object());
    good_works(&daemon);
}
