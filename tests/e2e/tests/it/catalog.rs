//! What clients are shown: names, order, bytes, changes and pages, over restarts of the daemon.

use e2e::{Client, Home, Legacy, Modern, SOON, Switchboard, await_some, entry, eventually, misbehave};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const AT_ONCE: Duration = Duration::from_secs(1);

fn fixture(name: &str) -> String {
    entry(name, "mcp-fixture", &["stdio", "--era", "dual"])
}

/// The body of `tools/list` as it came.
#[track_caller]
fn listed(board: &Switchboard) -> String {
    let answer = board.modern().open(json!("list"), "tools/list", json!({}));
    assert_eq!(answer.status, 200, "expected a list");
    answer.text()
}

#[test]
fn names() {
    let config = misbehave("My_Server", "ok", "dual")
        + &misbehave("grown", "change-list", "dual")
        + &(misbehave("bare", "ok", "dual") + "prefix = \"never\"\n")
        + &(misbehave("late", "ok", "dual") + "prefix = \"never\"\n")
        + &(misbehave("few", "ok", "dual") + "tools = { allow = [\"e*\", \"p*\"], deny = [\"pid\"] }\n");
    let board = Switchboard::start(&config);
    for server in ["My_Server", "grown", "bare", "late", "few"] {
        board.server_in(server, "ready");
    }
    let client = board.modern();
    assert_eq!(client.text("grown__grow", json!({})), "1", "expected the list to grow");
    let tools = await_some(SOON, "a tool that does not stutter", || {
        Some(client.tools()).filter(|tools| tools.contains(&"grown_1".to_owned()))
    });
    let mut wanted: Vec<String> =
        ["echo", "sleep", "count", "pid", "few__echo", "grown__grow", "grown_1"]
            .iter()
            .map(|&name| name.to_owned())
            .chain(["my-server", "grown"].iter().flat_map(|server| {
                ["echo", "sleep", "count", "pid"].iter().map(move |tool| format!("{server}__{tool}"))
            }))
            .collect();
    wanted.sort();
    assert_eq!(tools, wanted, "expected these names, sorted");
    assert_eq!(
        client.text("my-server__echo", json!({"text": "a"})),
        "a",
        "expected a reduced name to lead to its server"
    );
    assert_eq!(client.text("echo", json!({"text": "b"})), "b", "expected a bare name to lead to its server");
    let hidden = board.cli_json(&["status"])["hidden"].clone();
    let hides = |server: &str, own: &str| {
        hidden
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["server"] == server && item["own"] == own && item["why"].is_string())
    };
    assert!(hides("late", "echo"), "expected the second bare name to be marked: {hidden}");
    assert!(hides("few", "pid") && hides("few", "sleep"), "expected what is not offered to be marked: {hidden}");
    for name in ["few__pid", "few__sleep"] {
        let (_, response) = client.request("tools/call", json!({"name": name, "arguments": {}}));
        let refused = response["error"].is_object() || response["result"]["isError"] == true;
        assert!(refused, "expected {name} not to be callable: {response}");
    }
}

#[test]
fn a_list_is_the_same_bytes_over_restarts() {
    let config = misbehave("b", "ok", "legacy")
        + &misbehave("a", "ok", "modern")
        + &misbehave("c", "ok", "dual")
        + &fixture("fix");
    let board = Switchboard::start(&config);
    for server in ["a", "b", "c", "fix"] {
        board.server_in(server, "ready");
    }
    let first = listed(&board);
    let names = board.modern().tools();
    assert!(names.is_sorted(), "expected the names to be sorted: {names:?}");
    assert!(names.len() > 40, "expected the tools of all four servers: {names:?}");
    let mut board = board;
    for restart in 1..=2 {
        board = board.restart();
        assert_eq!(listed(&board), first, "expected the same bytes at once after restart {restart}");
        for server in ["a", "b", "c", "fix"] {
            board.server_in(server, "ready");
        }
        assert_eq!(listed(&board), first, "expected the same bytes with all servers ready after restart {restart}");
    }
}

#[test]
fn a_list_is_complete_while_a_server_starts() {
    let config = misbehave("good", "ok", "dual") + &misbehave("slow", "slow-start=4000", "dual");
    let board = Switchboard::start(&config);
    board.server_in("slow", "ready");
    let first = listed(&board);
    assert!(first.contains("slow__echo"), "expected the slow server's tools: {first}");
    let board = board.restart();
    let begun = Instant::now();
    let again = listed(&board);
    let took = begun.elapsed();
    assert_eq!(again, first, "expected the whole list while the slow server starts");
    assert!(took < AT_ONCE, "expected the list within {AT_ONCE:?}, it took {took:?}");
    assert_eq!(board.server("slow")["state"], "starting", "expected the slow server to be starting still");
    let said = board.modern().text("slow__echo", json!({"text": "waited"}));
    assert_eq!(said, "waited", "expected a call to wait for the slow server");
}

#[test]
fn a_call_right_after_the_first_start_waits_for_its_server() {
    // Nothing is stored yet, and nobody has asked for a list: a client that knows the name from
    // before is not told that there is no such tool.
    let board = Home::new(&misbehave("one", "slow-start=300", "dual")).start();
    let said = board.modern().text("one__echo", json!({"text": "first"}));
    assert_eq!(said, "first", "expected the first call to wait for the first list");
}

#[test]
fn changes_are_told_to_both_eras() {
    for era in ["legacy", "modern", "dual"] {
        let board = Switchboard::start(&(misbehave("grows", "change-list", era) + &misbehave("other", "ok", era)));
        board.server_in("grows", "ready");
        let changed = |event: &Value| event["method"] == "notifications/tools/list_changed";
        let legacy = board.legacy();
        let mut stream = legacy.listen();
        let modern = board.modern();
        let wanted = json!({"notifications": {"toolsListChanged": true}});
        let mut listen = modern.open(json!("mine"), "subscriptions/listen", wanted);
        let first = listen.next_event().expect("expected an acknowledgement");
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "expected it first: {first}");
        assert_eq!(first["params"]["notifications"]["toolsListChanged"], true, "expected what was asked for: {first}");
        let id = "io.modelcontextprotocol/subscriptionId";
        assert_eq!(first["params"]["_meta"][id], "mine", "expected the listen's id: {first}");
        assert_eq!(modern.text("grows__grow", json!({})), "1", "expected the list of the {era} server to grow");
        let told = listen.event_that("a change on the listen", changed);
        assert_eq!(told["params"]["_meta"][id], "mine", "expected the listen's id: {told}");
        stream.event_that("a change on the GET stream", changed);
        for client in [&modern as &dyn Client, &legacy] {
            let tools = client.tools();
            assert!(
                tools.contains(&"grows__grown_1".to_owned()),
                "expected the new tool of the {era} server: {tools:?}"
            );
            client.call("grows__echo", json!({"text": "after"}));
        }
    }
}

#[test]
fn a_listener_of_one_server_hears_of_that_one_only() {
    let board = Switchboard::start(&(misbehave("a", "change-list", "dual") + &misbehave("b", "change-list", "dual")));
    board.server_in("a", "ready");
    board.server_in("b", "ready");
    let client = Modern::new(board.address(), "/mcp/a");
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut listen = client.open(json!(1), "subscriptions/listen", wanted);
    listen.next_event().expect("expected an acknowledgement");
    let modern = board.modern();
    modern.text("b__grow", json!({}));
    eventually(SOON, "the other server's new tool", || modern.tools().contains(&"b__grown_1".to_owned()));
    modern.text("a__grow", json!({}));
    listen.event_that("a change", |event| event["method"] == "notifications/tools/list_changed");
    let tools = client.tools();
    assert!(tools.contains(&"grown_1".to_owned()), "expected the first change heard to be the server's own: {tools:?}");
}

#[test]
fn long_lists_have_pages() {
    let config = "[limits]\nlist_pages_max = 1500\n".to_owned()
        + &misbehave("page", "endless-pages", "dual")
        + &misbehave("z", "ok", "dual");
    let board = Switchboard::start(&config);
    board.server_in("page", "ready");
    board.server_in("z", "ready");
    let client = board.modern();
    let first = client.result("tools/list", json!({}));
    let cursor = first["nextCursor"].as_str().expect("expected a second page").to_owned();
    let tools = client.tools();
    assert_eq!(tools.len(), 1504, "expected all tools over the pages");
    assert!(tools.is_sorted(), "expected the pages in order");
    assert_eq!(board.legacy().tools(), tools, "expected the same pages for a legacy client");
    let mut damaged = cursor.clone();
    damaged.replace_range(10..11, if &cursor[10..11] == "A" { "B" } else { "A" });
    for (what, method, cursor) in
        [("a damaged cursor", "tools/list", damaged), ("another list's cursor", "prompts/list", cursor)]
    {
        let (status, response) = client.request(method, json!({"cursor": cursor}));
        assert_eq!(
            (status, &response["error"]["code"]),
            (200, &json!(-32602)),
            "expected {what} to be refused: {response}"
        );
    }
}

#[test]
fn one_server_has_its_own_names() {
    let board = Switchboard::start(&(misbehave("My_Server", "ok", "dual") + &misbehave("other", "ok", "dual")));
    let modern = Modern::new(board.address(), "/mcp/my-server");
    let legacy = Legacy::new(board.address(), "/mcp/my-server");
    let pid = board.modern().text("my-server__pid", json!({}));
    for client in [&modern as &dyn Client, &legacy] {
        assert_eq!(client.tools(), ["count", "echo", "pid", "sleep"], "expected the server's own names");
        assert_eq!(client.text("pid", json!({})), pid, "expected the same process behind both endpoints");
        let (_, response) = client.request("tools/call", json!({"name": "my-server__pid", "arguments": {}}));
        assert_eq!(response["error"]["code"], -32602, "expected no public names here: {response}");
    }
}

#[test]
fn resources_and_prompts_lead_to_their_server() {
    let board = Switchboard::start(&(misbehave("a", "ok", "dual") + &fixture("fix") + &fixture("more")));
    board.server_in("fix", "ready");
    board.server_in("more", "ready");
    for client in [&board.modern() as &dyn Client, &board.legacy()] {
        let text = |uri: &str| client.result("resources/read", json!({"uri": uri}))["contents"][0].clone();
        let content = text("test://static-text");
        assert_eq!(content["uri"], "test://static-text", "expected the URI unchanged: {content}");
        let content = text("test://template/17/data");
        assert!(content.to_string().contains("17"), "expected the template's server to answer: {content}");
        let listed = client.result("resources/list", json!({}));
        let uris: Vec<&str> =
            listed["resources"].as_array().unwrap().iter().filter_map(|item| item["uri"].as_str()).collect();
        let distinct = ["test://static-binary", "test://static-text", "test://watched-resource"];
        assert_eq!(uris, distinct, "expected each URI once, of the first server that has it");
        let prompt = client.result("prompts/get", json!({"name": "fix__test_simple_prompt"}));
        assert!(prompt["messages"][0].is_object(), "expected a prompt: {prompt}");
        let (_, response) = client.request("resources/read", json!({"uri": "test://nobody-has-it"}));
        assert!(response["error"].is_object(), "expected an error for an unknown URI: {response}");
    }
    let own = Modern::new(board.address(), "/mcp/more").result("resources/read", json!({"uri": "test://static-text"}));
    assert!(own["contents"][0].is_object(), "expected the second server to be reachable at its own endpoint: {own}");
    let hidden = board.cli_json(&["status"])["hidden"].clone();
    let marked =
        hidden.as_array().unwrap().iter().any(|item| item["server"] == "more" && item["own"] == "test://static-text");
    assert!(marked, "expected the URI that two servers list to be marked: {hidden}");
}

#[test]
fn no_configuration_is_a_start_too() {
    let board = Home::new("").start();
    assert_eq!(board.modern().tools(), Vec::<String>::new(), "expected an empty list");
    board.rewrite_config(&misbehave("first", "ok", "dual"));
    board.hup();
    eventually(SOON, "the first server to be listed", || board.modern().tools().contains(&"first__echo".to_owned()));
}
