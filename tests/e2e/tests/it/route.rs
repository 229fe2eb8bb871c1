//! Which servers a task needs: `search` and `route` on the command line and over REST, with a server of
//! others and ours; the rules of a person and of the prompt router; and the names of its programs.

use crate::daemon::old;
use e2e::{Home, Switchboard, built, entry_of, misbehave, require_peers, send};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

/// The sentence of the predecessor's README.
const SENTENCE: &str = "I want to work with GitHub repositories and save notes";

/// Servers that sleep until somebody needs them.
fn lazy(entry: &str) -> String {
    format!("{entry}start = \"lazy\"\n")
}

/// GitHub's server from npm and ours for memories among others, all known and asleep but ours.
fn with_github() -> Option<Switchboard> {
    let peers = require_peers()?;
    let node = |name: &str, package: &str, args: &[&str]| {
        let script = peers.package(package).display().to_string();
        let words: Vec<&str> = std::iter::once(script.as_str()).chain(args.iter().copied()).collect();
        lazy(&entry_of(name, "node".as_ref(), &words))
    };
    let fixture = lazy(&entry_of("fixture", &built("mcp-fixture"), &["stdio"]));
    let entries = [
        node("github", "server-github", &[]),
        node("files", "server-filesystem", &["/tmp"]),
        node("everything", "server-everything", &[]),
        fixture,
    ];
    let board = Home::new(&entries.concat()).offering("cache,goals,memory,web").start();
    Some(slept(board, &["github", "files", "everything", "fixture"]))
}

/// The same in another run: what these servers have is known then, and they sleep.
fn slept(board: Switchboard, names: &[&str]) -> Switchboard {
    names.iter().for_each(|name| drop(board.server_in(name, "ready")));
    let board = board.restart();
    names.iter().for_each(|name| drop(board.server_in(name, "asleep")));
    board
}

fn route(board: &Switchboard, words: &[&str]) -> Value {
    let line: Vec<&str> = ["route"].into_iter().chain(words.iter().copied()).collect();
    board.cli_json(&line)
}

fn recommended(routed: &Value) -> Vec<&str> {
    routed["recommended_servers"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn the_sentence_of_the_predecessor_wakes_github_and_the_memory() {
    let Some(board) = with_github() else { return };
    let said = route(&board, &["I prefer Python"]);
    assert!(!recommended(&said).contains(&"github"), "{said}");
    let python = route(&board, &["I prefer Python", "--start"]);
    assert_eq!(board.server("github")["state"], "asleep", "a preference wakes no server of repositories");

    let analysis = route(&board, &[SENTENCE]);
    let names = recommended(&analysis);
    assert!(names.contains(&"github") && names.contains(&"memory") && names.len() <= 3, "{analysis}");
    assert_eq!(analysis["primary"], names[0]);
    assert_eq!(analysis["prompt"], SENTENCE);
    assert_eq!(board.server("github")["state"], "asleep", "asking wakes nobody");

    let started = route(&board, &[SENTENCE, "--start"]);
    let ready = started["started"].as_array().unwrap();
    assert!(ready.contains(&json!("github")) && ready.contains(&json!("memory")), "{started}");
    board.server_in("github", "ready");
    for name in ["files", "everything", "fixture"] {
        let woken = python["started"].as_array().unwrap().contains(&json!(name));
        assert!(woken || board.server(name)["state"] == "asleep", "{name}: {started}");
    }

    // For people, with what speaks for each.
    let shown = board.cli(&["route", SENTENCE]);
    assert!(shown.stdout.contains("github") && shown.stdout.contains("WHY"), "{shown:?}");
    let found = board.cli_json(&["search", "open an issue about a bug", "-n", "3"]);
    let names = found["tools"].to_string();
    assert!(names.contains("github__create_issue"), "{found}");
    let first = &found["tools"][0];
    assert!(first["tokens"].as_u64().unwrap() > 20 && !first["reasons"].as_array().unwrap().is_empty(), "{first}");
    let shown = board.cli(&["search", "open an issue about a bug"]);
    assert!(shown.stdout.contains("github__create_issue") && shown.stdout.contains("TOKENS"), "{shown:?}");
    let of_one = board.cli_json(&["search", "read something", "--server", "files"]);
    assert!(of_one["tools"].as_array().unwrap().iter().all(|tool| tool["server"] == "files"), "{of_one}");
}

/// Ours with servers that have the same tools.
fn small(more: &str) -> Switchboard {
    let entries = [misbehave("left", "ok", "dual"), misbehave("right", "ok", "dual"), more.to_owned()];
    Home::new(&entries.concat()).offering("memory").start()
}

#[test]
fn a_tool_is_called_on_the_server_that_fits_best() {
    let board = small("[search]\nserver_keywords.right = [\"parrot\"]\n");
    for name in ["left", "right"] {
        board.server_in(name, "ready");
    }
    let saved = board.cli(&[
        "route",
        "remember what I prefer",
        "--tool",
        "save_memory",
        "--data",
        "{\"text\": \"I prefer Python\"}",
    ]);
    assert!(saved.code == Some(0) && saved.stdout.contains("Saved as"), "{saved:?}");
    // Two have it: the rule decides, and it is said.
    let both = board.cli(&["route", "tell the parrot", "--tool", "echo", "--data", "{\"text\": \"hello\"}"]);
    assert!(both.code == Some(0) && both.stdout.contains("hello"), "{both:?}");
    assert!(both.stderr.contains("right fits the text best"), "{both:?}");
    let both = route(&board, &["tell the parrot", "--tool", "echo", "-a", "{\"text\": \"hi\"}"]);
    assert_eq!((&both["server"], both["error"].is_null()), (&json!("right"), true), "{both}");
    assert!(both["result"]["content"].is_array(), "{both}");
    // One of them by name.
    let left = route(&board, &["tell the parrot", "--tool", "left.echo", "-a", "{\"text\": \"hi\"}"]);
    assert_eq!(left["server"], "left", "{left}");
    // None has it.
    let none = board.cli(&["route", "tell the parrot", "--tool", "ecko"]);
    assert!(none.code == Some(1) && none.stderr.contains("did you mean"), "{none:?}");
    let none = board.cli(&["route", "tell the parrot", "--tool", "ecko", "--json"]);
    let none: Value = serde_json::from_str(&none.stdout).unwrap();
    assert!(none["error"].is_string() && none["suggestion"].is_string() && none["server"].is_null(), "{none}");
    let bad = board.cli(&["route", "x", "--tool", "echo", "-a", "[1]"]);
    assert!(bad.code == Some(2) && bad.stderr.contains("no object"), "{bad:?}");
}

#[test]
fn keys_of_search_do_what_they_say() {
    let rules = "[search]\nfeedback = false\nserver_keywords.left = [\"walrus\"]\nserver_keywords.slow = [\"tortoise\"]\n\
                 task_patterns.right = ['\\bwal(nut|lpaper)s?\\b']\n\
                 [search.default_limits]\nresponse_timeout = \"300ms\"\nmax_retries = 0\nstartup_wait = \"100ms\"\n";
    let slow = lazy(&misbehave("slow", "slow-start=3000", "dual"));
    let board = slept(small(&format!("{slow}{rules}")), &["slow"]);
    for name in ["left", "right"] {
        board.server_in(name, "ready");
    }
    let reason = |text: &str| {
        let routed = route(&board, &[text]);
        let first = routed["servers"][0].clone();
        let kinds: Vec<String> = first["reasons"].as_array().unwrap().iter().map(|one| one.to_string()).collect();
        (first["name"].as_str().unwrap().to_owned(), kinds.join("\n"))
    };
    let (server, why) = reason("feed the walrus");
    assert!(server == "left" && why.contains("\"rule\"") && why.contains("walrus"), "{server}: {why}");
    let (server, why) = reason("paint the Wallpaper");
    assert!(server == "right" && why.contains("\"rule\""), "{server}: {why}");
    assert!(!reason("swallow a pill").1.contains("\"rule\""), "a part of a word is no word");
    // A call that takes longer than `response_timeout` is given up, and not tried again.
    let slow = board.cli(&["route", "sleep", "--tool", "left.sleep", "-a", "{\"ms\": 60000}"]);
    assert!(slow.code == Some(1) && slow.stderr.contains("300 ms"), "{slow:?}");
    // A start that takes longer than `startup_wait` is said, and goes on.
    let late = board.cli(&["route", "wake the tortoise", "--start"]);
    assert!(late.code == Some(1) && late.stderr.contains("within 100 ms"), "{late:?}");
    board.server_in("slow", "ready");
    // With `feedback = false` nothing is learned.
    for _ in 0..3 {
        board.cli_json(&["search", "parrot it back"]);
        assert_eq!(board.cli(&["call", "left.echo", "text=x"]).code, Some(0));
    }
    let found = board.cli_json(&["search", "parrot it back"]);
    assert!(!found.to_string().contains("\"use\""), "{found}");
}

#[test]
fn what_was_called_after_a_search_is_found_again() {
    let board = small("");
    for name in ["left", "right"] {
        board.server_in(name, "ready");
    }
    for _ in 0..3 {
        board.cli_json(&["search", "parrot it back"]);
        assert_eq!(board.cli(&["call", "right.echo", "text=x"]).code, Some(0));
    }
    let found = board.cli_json(&["search", "parrot it back"]);
    let first = &found["tools"][0];
    assert!(first["name"] == "right__echo" && first["reasons"].to_string().contains("\"use\""), "{found}");
}

#[test]
fn the_rules_of_the_prompt_router_count() {
    let home = Home::new(&(misbehave("left", "ok", "dual") + &misbehave("right", "ok", "dual")));
    let rules = json!({
        "server_keywords": { "left": ["walrus"] },
        "task_patterns": { "right": ["wall ?paper", "(?!never)x"] },
        "default_limits": { "response_timeout": 10, "max_retries": 3, "startup_wait": 5 },
    });
    fs::write(home.place(".mcp-router-config.json"), rules.to_string()).unwrap();
    let checked = home.cli(&["config", "check"]);
    assert!(checked.stderr.contains("task_patterns.right") && checked.stderr.contains("no pattern"), "{checked:?}");
    let board = home.start();
    for name in ["left", "right"] {
        board.server_in(name, "ready");
    }
    let said = route(&board, &["hang wallpaper"]);
    assert!(said["servers"][0]["name"] == "right" && said["servers"][0].to_string().contains("wall ?paper"), "{said}");
    let said = route(&board, &["the walrus"]);
    assert!(said["primary"] == "left", "{said}");
    // Another file, named; an empty name is none.
    fs::write(board.home().place("rules.json"), json!({"server_keywords": {"right": ["walrus"]}}).to_string()).unwrap();
    let servers = misbehave("left", "ok", "dual") + &misbehave("right", "ok", "dual");
    for (rules, ruled) in [("rules.json", true), ("", false)] {
        board.rewrite_config(&format!("{servers}[search]\nrules = \"{rules}\"\n"));
        assert_eq!(board.cli(&["reload"]).code, Some(0));
        let said = route(&board, &["walrus"]);
        let right = said["primary"] == "right" && said.to_string().contains("\"rule\"");
        assert_eq!(right, ruled, "{said}");
    }
}

#[test]
fn nothing_fits_is_an_answer() {
    let board = small("");
    for name in ["left", "right"] {
        board.server_in(name, "ready");
    }
    // No word, and so nothing that it could be about.
    let said = route(&board, &["?! …"]);
    assert_eq!((&said["band"], &said["primary"]), (&json!("nothing"), &Value::Null), "{said}");
    assert_eq!(said["recommended_servers"], json!([]));
    let shown = board.cli(&["route", "?! …", "--start"]);
    assert!(shown.code == Some(0) && shown.stderr.contains("no server fits"), "{shown:?}");
    let variables = board.cli(&["route", "?! …", "--env"]);
    assert!(variables.code == Some(1) && variables.stdout.is_empty(), "{variables:?}");
    let empty = board.cli(&["search", " "]);
    assert!(empty.code == Some(2) && empty.stderr.contains("there is no text"), "{empty:?}");
    let unknown = board.cli(&["search", "x", "--server", "lefd"]);
    assert!(unknown.code == Some(12) && unknown.stderr.contains("did you mean `left`"), "{unknown:?}");
}

#[test]
fn over_rest_a_question_needs_no_token_and_a_start_does() {
    let board = small("");
    board.server_in("left", "ready");
    let post = |path: &str, body: &Value, token: Option<&str>| {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        let answer = send(board.address(), "POST", path, &headers, body.to_string().as_bytes());
        (answer.status, serde_json::from_str::<Value>(&answer.text()).unwrap())
    };
    let (status, found) = post("/api/search", &json!({ "query": "give the text back" }), None);
    assert!(status == 200 && found["tools"][0]["own"] == "echo" && found["took_us"].is_u64(), "{found}");
    assert!(["confident", "weak"].contains(&found["band"].as_str().unwrap()), "{found}");
    let (status, said) = post("/api/route", &json!({ "prompt": "give the text back" }), None);
    assert!(status == 200 && said["servers"][0]["url"].as_str().unwrap().contains("/mcp/"), "{said}");
    for body in [json!({ "prompt": "x", "start": true }), json!({ "prompt": "x", "tool": "echo" })] {
        let (status, refused) = post("/api/route", &body, None);
        assert!(status == 401 && refused["hint"].is_string(), "{refused}");
    }
    let token = board.token();
    let body = json!({ "prompt": "give the text back", "tool": "left.echo", "data": { "text": "hi" } });
    let (status, said) = post("/api/route", &body, Some(&token));
    assert!(status == 200 && said["result"]["content"][0]["text"] == "hi", "{said}");
    for (body, expected) in [
        (json!({ "query": "" }), 400),
        (json!({ "query": "x", "server": "gone" }), 404),
        (json!({ "query": "x", "profile": "gone" }), 404),
        (json!({ "prompt": "x" }), 400),
    ] {
        let (status, refused) = post("/api/search", &body, None);
        assert!(status == expected && refused["title"].is_string(), "{body}: {refused}");
    }
}

#[test]
fn the_old_names_route_and_remember() {
    let board = small("[search]\nserver_keywords.left = [\"walrus\"]\n");
    board.server_in("left", "ready");
    let home = board.home();
    let bin = home.place("bin").display().to_string();
    assert_eq!(home.cli(&["aliases", "install", "--dir", &bin]).code, Some(0));
    let well = |words: &[&str]| {
        let ended = old(home, words);
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
        ended.stdout
    };
    let said: Value = serde_json::from_str(&well(&["mcp-router", "--analyze", "feed the walrus"])).unwrap();
    assert_eq!((&said["prompt"], &said["primary"]), (&json!("feed the walrus"), &json!("left")), "{said}");
    assert_eq!(said["recommended_servers"], json!(["left"]));
    let line = ["mcp-router", "--route", "feed the walrus", "--tool", "echo", "--data", "{\"text\": \"krill\"}"];
    let said: Value = serde_json::from_str(&well(&line)).unwrap();
    assert_eq!((&said["server"], &said["result"]["content"][0]["text"]), (&json!("left"), &json!("krill")), "{said}");
    let variables = well(&["claude-mcp", "analyze", "feed the walrus"]);
    let url = format!("http://{}/mcp/left", board.address());
    let port = board.address().port();
    assert_eq!(variables, format!("MCP_SERVER=left\nMCP_PORT={port}\nMCP_URL={url}\n"));
    assert!(well(&["claude-mcp", "memory", "save", "I prefer Python"]).contains("Saved as"));
    assert!(well(&["claude-mcp", "memory", "find", "python"]).contains("I prefer Python"));
    assert!(well(&["claude-mcp", "memory", "all"]).contains("I prefer Python"));
    // The server that was named is the one that is asked, and the text is never made into JSON by pasting.
    let text = "it's a \"quote\" $HOME";
    let sent = well(&["claude-mcp", "send", "right", "echo", &json!({ "text": text }).to_string()]);
    assert_eq!(sent.trim_end(), text);
}

/// Runs `route` with this on stdin.
fn with_input(board: &Switchboard, words: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = board.home().command();
    command.args(["route"]).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ended.status.code(), text(&ended.stdout), text(&ended.stderr))
}

#[test]
fn a_text_comes_from_a_pipe_and_one_after_the_other() {
    let sleeping = lazy(&misbehave("sleeper", "ok", "dual"));
    let board = small(&format!("{sleeping}[search]\nserver_keywords.sleeper = [\"walrus\"]\n"));
    let board = slept(board, &["sleeper"]);
    let (code, stdout, _) = with_input(&board, &["--json"], "feed the walrus\n");
    let said: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &said["primary"]), (Some(0), &json!("sleeper")), "{said}");
    let (code, _, stderr) = with_input(&board, &[], "");
    assert!(code == Some(2) && stderr.contains("stdin is empty"), "{stderr}");
    let (code, stdout, stderr) = with_input(&board, &["--interactive"], "feed the walrus\nno\n");
    assert!(code == Some(0) && stdout.contains("sleeper") && stderr.contains("start sleeper?"), "{stdout}{stderr}");
    assert_eq!(board.server("sleeper")["state"], "asleep");
    let (code, stdout, stderr) = with_input(&board, &["--interactive"], "feed the walrus\ny\n\n");
    assert!(code == Some(0) && stdout.contains("ready: sleeper"), "{stdout}{stderr}");
    board.server_in("sleeper", "ready");
}
