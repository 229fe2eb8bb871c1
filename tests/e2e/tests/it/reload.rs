//! A new configuration while calls are in flight: none of them fails, servers that did not change
//! keep their process, and a file that is wrong changes nothing.

use e2e::{Switchboard, built, modern, until};
use rustix::process::Signal;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn server(name: &str, mode: &str) -> String {
    format!("[servers.{name}]\ncommand = {:?}\nargs = [{mode:?}]\n", built("mcp-misbehave"))
}

fn call(address: &str, tool: &str, arguments: serde_json::Value) -> Result<String, String> {
    let reply = modern(address, "tools/call", json!({"name": tool, "arguments": arguments}));
    let answer = reply.answer();
    let text = answer["result"]["content"][0]["text"].as_str().map(str::to_owned);
    match text {
        Some(text) if answer["result"]["isError"] != true => Ok(text),
        _ => Err(format!("{tool}: {} {answer}", reply.status)),
    }
}

fn lists(address: &str, name: &str) -> bool {
    let reply = modern(address, "tools/list", json!({}));
    reply.answer()["result"]["tools"].to_string().contains(&format!("\"{name}\""))
}

#[test]
fn no_call_fails_while_the_configuration_changes() {
    let daemon = Switchboard::start(&server("steady", "ok"));
    until(LIMIT, "the first server", || lists(&daemon.address, "steady__echo").then_some(()));
    let pid = call(&daemon.address, "steady__pid", json!({})).unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (done, calls, failures) = (Arc::clone(&done), Arc::clone(&calls), Arc::clone(&failures));
            let address = daemon.address.clone();
            std::thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    if let Err(why) = call(&address, "steady__sleep", json!({"ms": 150})) {
                        failures.lock().unwrap().push(why);
                    }
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let flowing = |least: u64| {
        let from = calls.load(Ordering::SeqCst);
        until(LIMIT, "calls to flow", || (calls.load(Ordering::SeqCst) >= from + least).then_some(()));
    };
    flowing(4);

    // By the file alone.
    daemon.rewrite_config(&(server("steady", "ok") + &server("second", "ok")));
    until(LIMIT, "the second server", || lists(&daemon.address, "second__echo").then_some(()));
    flowing(4);
    // By signal, with one server less and one more.
    daemon.rewrite_config(&(server("steady", "ok") + &server("third", "ok")));
    daemon.signal(Signal::HUP);
    until(LIMIT, "the third server", || lists(&daemon.address, "third__echo").then_some(()));
    until(LIMIT, "the second server to go", || (!lists(&daemon.address, "second__echo")).then_some(()));
    flowing(4);

    done.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.join().unwrap();
    }
    assert_eq!(*failures.lock().unwrap(), Vec::<String>::new());
    assert_eq!(call(&daemon.address, "steady__pid", json!({})).unwrap(), pid, "an unchanged server was restarted");
    assert_eq!(call(&daemon.address, "third__echo", json!({"text": "new"})).unwrap(), "new");
}

#[test]
fn a_wrong_file_changes_nothing() {
    let daemon = Switchboard::start(&server("steady", "ok"));
    until(LIMIT, "the server", || lists(&daemon.address, "steady__echo").then_some(()));
    let pid = call(&daemon.address, "steady__pid", json!({})).unwrap();
    daemon.rewrite_config("[servers.steady\ncommand = 7\n");
    daemon.signal(Signal::HUP);
    until(LIMIT, "the refusal in the log", || daemon.output().contains("switchboard.toml").then_some(()));
    assert_eq!(call(&daemon.address, "steady__pid", json!({})).unwrap(), pid);
    // And a right one after it is taken again.
    daemon.rewrite_config(&(server("steady", "ok") + &server("second", "ok")));
    until(LIMIT, "the second server", || lists(&daemon.address, "second__echo").then_some(()));
    assert_eq!(call(&daemon.address, "steady__pid", json!({})).unwrap(), pid);
}
