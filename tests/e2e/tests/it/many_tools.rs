//! More than a thousand tools behind the gateway, seen by agents on the Python and TypeScript SDKs in
//! both eras: what each exposure lists and costs, that lists keep their bytes, and that a tool that was
//! found is called as if it had been listed. How well tools are found: `cargo xtask bench search`.

use e2e::{Agent, Client as _, Home, Many, Peers, SOON, Switchboard, Walked, await_some, require_peers, send};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the profiles of these tests show.
const PROFILES: &str = r#"
[profiles.all]

[profiles.search]
exposure = "search"
pin = ["bakery__get_*"]

[profiles.over]
exposure = "auto"
context_budget = 20000
context_budgets = { "wide-agent" = 10000000 }

[profiles.under]
exposure = "auto"
context_budget = 10000000

[profiles.desk]
exposure = "search"
deny = ["*__delete_member"]

[profiles.desk.tools."bakery__create_booking"]
name = "reserve_table"
title = "Reserve a table"
description = "Reserves a table at the bakery"
"#;
/// Entries with rules of their own: a tool that may not be called, and a result that may not be large.
const RULES: [(&str, &str); 2] =
    [("museum", "tools = { deny = [\"delete_*\"] }"), ("clinic", "response_max = \"4KiB\"")];
/// Tools that the first rule hides.
const HIDDEN: usize = 8;
/// What the tools by which others are found may cost, in tokens.
const OWN_TOKENS_MAX: usize = 900;

/// A switchboard with more than a thousand tools, all of them known.
struct Board {
    board: Switchboard,
    peers: Peers,
    many: Many,
}

// === impl Board ===

impl Board {
    fn start(profiles: &str) -> Option<Self> {
        let peers = require_peers()?;
        let many = Many::thousand();
        assert!(many.count() > 1_000, "expected more than a thousand tools, got {}", many.count());
        let home = Home::new("");
        let list = home.place("tools.jsonl");
        many.write(&list);
        home.write_config(&(profiles.to_owned() + &many.entries(&list, &RULES)));
        let board = Self { board: home.start(), peers, many };
        board.complete();
        Some(board)
    }

    /// Waits until every tool is known.
    fn complete(&self) {
        let wanted = self.tools();
        await_some(SOON * 2, "every tool of every server", || {
            (self.board.modern().tools().len() == wanted).then_some(())
        });
    }

    fn tools(&self) -> usize {
        self.many.count() - HIDDEN
    }

    fn walk(&self, agent: &Agent, profile: &str, plan: Value) -> Walked {
        agent.walk(&self.peers, &[format!("{}/p/{profile}", self.board.url())], plan)
    }

    /// What the overview says of a profile.
    fn exposed(&self, profile: &str) -> Value {
        let token = ("Authorization".to_owned(), format!("Bearer {}", self.board.token()));
        let said = send(self.board.address(), "GET", "/api/overview", &[token], b"").text();
        let said: Value = serde_json::from_str(&said).unwrap();
        let profiles = said["profiles"].as_array().cloned().unwrap_or_default();
        let found = profiles.into_iter().find(|one| one["profile"] == profile);
        found.unwrap_or_else(|| panic!("expected the profile `{profile}` in the overview: {said}"))
    }

    /// The bytes of the list of each profile as each of some agents got them.
    fn lists(&self) -> BTreeMap<(&'static str, &'static str), String> {
        let agents = [1, 2, 4].map(|number| &Agent::OVER_HTTP[number]);
        let pairs = ["all", "search", "over"].into_iter().flat_map(|profile| agents.map(|agent| (profile, agent)));
        pairs.map(|(profile, agent)| ((profile, agent.name), self.walk(agent, profile, json!({})).bytes())).collect()
    }
}

/// What a list costs a model.
fn tokens(walked: &Walked) -> usize {
    let vocabulary = tiktoken_rs::o200k_base_singleton();
    walked.definitions().iter().map(|tool| vocabulary.encode_ordinary(&tool.to_string()).len()).sum()
}

#[test]
fn each_exposure_lists_what_it_says_to_every_client() {
    let Some(board) = Board::start(PROFILES) else { return };
    let mut lists: BTreeMap<(&str, bool), String> = BTreeMap::new();
    for (profile, agents) in [
        ("all", &Agent::OVER_HTTP[..]),
        ("search", &Agent::OVER_HTTP),
        ("over", &Agent::OVER_HTTP[1..3]),
        ("under", &Agent::OVER_HTTP[1..3]),
    ] {
        for agent in agents {
            let walked = board.walk(agent, profile, json!({}));
            let about = format!("{}, {profile}", agent.name);
            assert_eq!(walked.version == e2e::MODERN, agent.is_modern(), "{about}: {}", walked.version);
            let all = matches!(profile, "all" | "under");
            assert_eq!(walked.names.contains(&"museum__get_photo".to_owned()), all, "{about}: {:?}", walked.names);
            assert_eq!(walked.names.contains(&"search_tools".to_owned()), !all, "{about}: {:?}", walked.names);
            if all {
                assert_eq!(walked.names.len(), board.tools(), "{about}");
            }
            if let Some(first) = lists.get(&(profile, agent.is_modern())) {
                assert!(*first == walked.bytes(), "{about}: expected the same bytes for every client of an era");
                continue;
            }
            let said = board.exposed(profile);
            assert_eq!(said["tokens_listed"], tokens(&walked), "{about}: {said}");
            lists.insert((profile, agent.is_modern()), walked.bytes());
        }
    }
    let said = ["all", "search", "over", "under"].map(|profile| board.exposed(profile));
    let [all, search, over, under] = &said;
    let cost = |said: &Value| usize::try_from(said["tokens_listed"].as_u64().unwrap()).unwrap();
    assert!(cost(all) > 60_000, "expected a thousand tools to cost much: {all}");
    assert_eq!(search["pinned"].as_array().map(Vec::len), Some(8), "expected what bakery gets: {search}");
    assert!(cost(over) <= OWN_TOKENS_MAX, "expected little besides our own tools: {over}");
    for (said, word) in [(over, "above"), (under, "within")] {
        let why = said["why"].as_str().unwrap_or_default();
        assert!(why.contains(word) && why.contains(&cost(all).to_string()), "expected why: {said}");
    }
    // A client with a budget of its own is listed everything where others are not.
    let wide = board.walk(&Agent::OVER_HTTP[2], "over", json!({"client": "wide-agent"}));
    assert_eq!(wide.names.len(), board.tools(), "expected the budget of `wide-agent` to count");
}

#[test]
fn lists_keep_their_bytes_over_a_restart_and_another_order_of_servers() {
    let Some(mut board) = Board::start(PROFILES) else { return };
    let before = board.lists();
    let home = board.board.stop();
    let config = std::fs::read_to_string(home.config()).unwrap();
    let (profiles, entries) = config.split_once("[servers.").unwrap();
    let entries: Vec<&str> = entries.split("[servers.").collect();
    let entries: String = entries.iter().rev().map(|entry| format!("[servers.{}\n", entry.trim_end())).collect();
    home.write_config(&(profiles.to_owned() + &entries));
    board.board = home.start();
    board.complete();
    for (of, after) in board.lists() {
        assert!(
            before[&of] == after,
            "expected the same bytes for {of:?}: {} before, {} after",
            before[&of].len(),
            after.len()
        );
    }
}

#[test]
fn an_agent_finds_describes_and_calls() {
    let Some(board) = Board::start(PROFILES) else { return };
    let plan = json!({
        "tasks": [
            {"query": "delete a booking of the bakery", "tool": "bakery__delete_booking", "arguments": {"booking_id": "7"}},
            {"query": "details of a sensor at the quarry", "tool": "quarry__get_sensor", "arguments": {"sensor_id": "1"}, "with": "call_read_tool"},
        ],
        "show": ["call_read_tool", "call_write_tool", "call_destructive_tool", "search_tools", "bakery__get_photo"],
        "calls": [{"tool": "bakery__get_photo", "arguments": {"photo_id": "2"}}],
    });
    for agent in &Agent::OVER_HTTP {
        let walked = board.walk(agent, "search", plan.clone());
        for (task, (tool, arguments)) in walked.tasks.iter().zip([
            ("bakery__delete_booking", json!({"booking_id": "7"})),
            ("quarry__get_sensor", json!({"sensor_id": "1"})),
        ]) {
            let about = format!("{}: {task}", agent.name);
            let found = task["found"].as_array().unwrap();
            assert!(found.iter().any(|name| name == tool), "expected {tool} among what was found; {about}");
            assert!(Walked::text(&task["described"]).contains("_id"), "expected its parameters; {about}");
            let (server, own) = tool.split_once("__").unwrap();
            let called = json!({"server": server, "tool": own, "arguments": arguments});
            assert_eq!(task["result"]["structuredContent"], called, "expected the tool's own result; {about}");
        }
        assert_eq!(walked.calls[0]["structuredContent"]["tool"], "get_photo", "{}: {}", agent.name, walked.calls[0]);
        let hint = |tool: &str, hint: &str| walked.shown[tool]["annotations"][hint].clone();
        assert_eq!(hint("call_read_tool", "readOnlyHint"), true, "{}", walked.shown);
        assert_eq!(hint("call_write_tool", "destructiveHint"), false, "{}", walked.shown);
        assert_eq!(hint("call_destructive_tool", "destructiveHint"), true, "{}", walked.shown);
        assert_eq!(hint("search_tools", "readOnlyHint"), true, "{}", walked.shown);
    }
    let record = await_some(SOON, "the record of an inner call", || {
        let calls = board.board.cli_json(&["logs", "--calls", "quarry"])["calls"].take();
        calls.as_array()?.iter().find(|call| call["via"] == "call_read_tool").cloned()
    });
    assert!(record.to_string().contains("get_sensor"), "expected the record of the tool itself: {record}");
}

#[test]
fn inner_calls_meet_the_rules_of_the_tool_that_they_call() {
    let Some(board) = Board::start(PROFILES) else { return };
    let inner = |with: &str, name: &str, arguments: Value| json!({"tool": with, "arguments": {"name": name, "arguments": arguments}});
    let plan = json!({"calls": [
        inner("call_tool", "museum__delete_photo", json!({"photo_id": "1"})),
        inner("call_tool", "bakery__delete_member", json!({"member_id": "1"})),
        inner("call_tool", "clinic__create_ticket", json!({"fields": "x".repeat(8 << 10)})),
        inner("call_read_tool", "bakery__delete_photo", json!({"photo_id": "1"})),
        inner("call_write_tool", "bakery__delete_photo", json!({"photo_id": "1"})),
        inner("call_write_tool", "reserve_table", json!({"fields": "two persons"})),
        inner("call_tool", "bakery__create_booking", json!({})),
    ]});
    for agent in [&Agent::OVER_HTTP[1], &Agent::OVER_HTTP[2]] {
        let walked = board.walk(agent, "desk", plan.clone());
        let why: Vec<String> = walked.calls.iter().map(Walked::text).collect();
        let refused = |number: usize, words: &[&str]| {
            let result = &walked.calls[number];
            assert!(result["isError"] == true || result["error"].is_object(), "{}: {result}", agent.name);
            for word in words {
                assert!(why[number].contains(word), "{}: expected `{word}` in {result}", agent.name);
            }
        };
        refused(0, &["museum__delete_photo", "no tool"]);
        refused(1, &["bakery__delete_member", "no tool"]);
        refused(2, &["response_max"]);
        refused(3, &["may destroy", "call_destructive_tool"]);
        refused(4, &["may destroy", "call_destructive_tool"]);
        let called = json!({"server": "bakery", "tool": "create_booking", "arguments": {"fields": "two persons"}});
        assert_eq!(walked.calls[5]["structuredContent"], called, "expected the renamed tool: {}", walked.calls[5]);
        refused(6, &["bakery__create_booking"]);
    }
}

#[test]
fn a_renamed_tool_says_so_and_has_its_own_texts() {
    let pinned = PROFILES
        .replace("deny = [\"*__delete_member\"]", "deny = [\"*__delete_member\"]\npin = [\"bakery__create_booking\"]");
    let Some(board) = Board::start(&pinned) else { return };
    for agent in [&Agent::OVER_HTTP[0], &Agent::OVER_HTTP[4]] {
        let walked =
            board.walk(agent, "desk", json!({"show": ["reserve_table"], "calls": [{"tool": "reserve_table"}]}));
        let shown = &walked.shown["reserve_table"];
        assert_eq!(shown["description"], "Reserves a table at the bakery", "{}: {shown}", agent.name);
        assert_eq!(shown["title"], "Reserve a table", "{}: {shown}", agent.name);
        assert!(shown["_meta"].to_string().contains("bakery__create_booking"), "expected a mark: {shown}");
        assert_eq!(walked.calls[0]["structuredContent"]["tool"], "create_booking", "{}", walked.calls[0]);
    }
}

#[test]
fn clients_over_stdio_and_over_sse_see_a_profile_too() {
    let Some(board) = Board::start(PROFILES) else { return };
    let words = board.board.home().words(&["connect", "--profile", "search"]);
    let sse = [format!("http://{}/sse/p/search", board.board.address())];
    let plan = json!({"tasks": [{
        "query": "delete a booking of the bakery", "tool": "bakery__delete_booking",
        "arguments": {"booking_id": "7"}, "with": "call_destructive_tool",
    }]});
    let over_http = board.walk(&Agent::OVER_HTTP[2], "search", json!({}));
    let ways = Agent::OVER_STDIO.iter().map(|agent| (agent, &words[..])).chain([(&Agent::OVER_SSE, &sse[..])]);
    for (agent, target) in ways {
        let walked = agent.walk(&board.peers, target, plan.clone());
        assert_eq!(walked.names, over_http.names, "{}", agent.name);
        let called = json!({"server": "bakery", "tool": "delete_booking", "arguments": {"booking_id": "7"}});
        assert_eq!(walked.tasks[0]["result"]["structuredContent"], called, "{}: {}", agent.name, walked.tasks[0]);
    }
}
