//! Tools that are found and called through `search_tools` and `call_tool`, with real servers behind: the
//! rules, progress, questions and tasks of the inner call, and lists that stay what they are.

use e2e::{Client as _, SOON, Switchboard, entry, eventually, misbehave};
use serde_json::{Value, json};

const SEARCH: &str = "[profiles.default]\nexposure = \"search\"\npin = [\"desk__echo\"]\n";

fn fixture(name: &str, era: &str) -> String {
    entry(name, "mcp-fixture", &["stdio", "--era", era])
}

fn inner(tool: &str, name: &str, arguments: Value) -> Value {
    json!({"name": tool, "arguments": {"name": name, "arguments": arguments}})
}

#[track_caller]
fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("expected a text: {result}"))
}

#[test]
fn a_tool_is_found_and_called_in_either_era_under_its_own_rules() {
    let config = format!(
        "{SEARCH}{}{}tools = {{ deny = [\"greet\"] }}\n",
        misbehave("desk", "ok", "dual"),
        fixture("fix", "dual")
    );
    let board = Switchboard::start(&config);
    for server in ["desk", "fix"] {
        board.server_in(server, "ready");
    }
    let (modern, legacy) = (board.modern(), board.legacy());
    let clients: [&dyn e2e::Client; 2] = [&modern, &legacy];
    for client in clients {
        let tools = client.tools();
        assert!(
            tools.contains(&"desk__echo".to_owned()) && !tools.iter().any(|name| name.starts_with("fix")),
            "{tools:?}"
        );
        let found = client.call("search_tools", json!({"query": "compute something slowly"}));
        let names: Vec<&str> = found["structuredContent"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|tool| tool["name"].as_str())
            .collect();
        assert_eq!(names[0], "fix__slow_compute", "{found}");
        assert!(text(&found).contains("1. fix__slow_compute") && text(&found).contains("\"seconds\""), "{found}");
        let done = client.call("call_tool", json!({"name": "desk__echo", "arguments": {"text": "hi"}}));
        assert_eq!(text(&done), "hi");
        let refused = client.call("call_read_tool", json!({"name": "desk__echo", "arguments": {"text": "hi"}}));
        assert!(text(&refused).contains("call it with call_"), "expected the right variant to be named: {refused}");
        let denied = client.call("call_tool", json!({"name": "fix__greet", "arguments": {"name": "x"}}));
        assert!(denied["isError"] == true && text(&denied).contains("no tool `fix__greet`"), "{denied}");
    }
    eventually(SOON, "records of the real tool that say how it came", || {
        let calls = board.cli_json(&["logs", "--calls", "-n", "1000"])["calls"].take();
        let of_it = |call: &&Value| call["via"] == "call_tool" && call["server"] == "desk" && call["name"] == "echo";
        calls.as_array().is_some_and(|calls| calls.iter().filter(of_it).count() == clients.len())
    });
}

#[test]
fn progress_and_questions_are_those_of_the_inner_call() {
    for era in ["legacy", "modern"] {
        let board = Switchboard::start(&(SEARCH.to_owned() + &fixture("fix", era)));
        board.server_in("fix", "ready");
        let mut params = inner("call_tool", "fix__test_tool_with_progress", json!({}));
        params["_meta"] = json!({"progressToken": "p"});
        let said = board.modern().open(json!(1), "tools/call", params).messages();
        let progress = said.iter().filter(|message| message["params"]["progressToken"] == "p").count();
        assert_eq!(progress, 3, "{era}: {said:?}");
        assert!(said.last().is_some_and(|last| last["result"]["content"].is_array()), "{era}: {said:?}");

        let client = board.modern();
        let mut asking = inner("call_tool", "fix__test_elicitation", json!({"message": "Who are you?"}));
        asking["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}});
        let asked = client.result("tools/call", asking.clone());
        assert_eq!(asked["resultType"], "input_required", "{era}: {asked}");
        let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
        let accept = json!({"action": "accept", "content": {"username": "ann", "email": "ann@example.org"}});
        asking["inputResponses"] = json!({key: accept});
        asking["requestState"] = asked["requestState"].clone();
        let done = client.result("tools/call", asking);
        assert!(text(&done).contains("ann"), "{era}: {done}");
    }
}

#[test]
fn what_auto_chose_stays_in_a_session_and_is_the_same_after_a_restart() {
    let config = |profile: &str| format!("[profiles.default]\n{profile}\n{}", misbehave("desk", "ok", "dual"));
    let auto = |budget: u64| config(&format!("exposure = \"auto\"\ncontext_budget = {budget}"));
    let board = Switchboard::start(&config(""));
    board.server_in("desk", "ready");
    let said = |board: &Switchboard| board.cli_json(&["status"])["profiles"][0].clone();
    let tokens = said(&board)["tokens_all"].as_u64().unwrap();
    board.rewrite_config(&auto(tokens));
    eventually(SOON, "the profile to choose", || said(&board)["exposure"] == "auto");
    let (session, modern) = (board.legacy(), board.modern());
    let is_search = |tools: Vec<String>| tools.contains(&"call_tool".to_owned());
    assert!(!is_search(session.tools()) && !is_search(modern.tools()), "it all fits");
    board.rewrite_config(&auto(tokens - 1));
    eventually(SOON, "the smaller budget", || said(&board)["mode"] == "search");
    assert!(!is_search(session.tools()) && !is_search(modern.tools()), "neither is switched");
    assert!(is_search(board.legacy().tools()), "who comes now sees what fits");
    let why = said(&board)["why"].as_str().unwrap_or_default().to_owned();
    assert_eq!(why, format!("all tools cost {tokens} tokens, above the budget of {}", tokens - 1));
    let bytes = |board: &Switchboard| board.modern().open(json!("list"), "tools/list", json!({})).text();
    let before = bytes(&board);
    let board = board.restart();
    assert_eq!(before, bytes(&board), "a restart is no new conversation for whoever has no session");
    let status = board.cli(&["status"]).stdout;
    assert!(status.contains("profile default at /mcp: search tools instead of 4 tools"), "{status}");
    assert!(status.contains("  e2e: all: "), "{status}");
}

#[test]
fn what_was_found_and_called_is_known_after_a_restart() {
    let config = SEARCH.to_owned() + &misbehave("desk", "ok", "dual") + &fixture("fix", "dual");
    let board = Switchboard::start(&config);
    for server in ["desk", "fix"] {
        board.server_in(server, "ready");
    }
    let query = json!({"query": "say hello to a visitor", "limit": 10});
    let used = |found: &Value, name: &str| {
        let tools = found["structuredContent"]["tools"].as_array().unwrap().clone();
        tools.iter().any(|tool| tool["name"] == name && tool["reasons"].to_string().contains("used before"))
    };
    let first = board.modern().call("search_tools", query.clone());
    let name = first["structuredContent"]["tools"][0]["name"].as_str().unwrap().to_owned();
    assert_eq!(name, "fix__greet", "{first}");
    board.modern().call("call_tool", json!({"name": name, "arguments": {"name": "ann"}}));
    let second = board.modern().call("search_tools", query.clone());
    assert!(used(&second, &name), "{second}");
    let board = board.restart();
    board.server_in("fix", "ready");
    assert!(board.data().join("search.idx").is_file() && board.data().join("uses").is_file());
    let uses = std::fs::read(board.data().join("uses")).unwrap();
    assert!(!uses.windows(7).any(|part| part == b"visitor"), "no text is kept");
    let third = board.modern().call("search_tools", query);
    assert!(used(&third, &name), "{third}");
}
