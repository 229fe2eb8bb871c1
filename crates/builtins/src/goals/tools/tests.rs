//! What the tools say: each of them, hostile texts, failures with their next steps.

use super::{Options, server};
use protocol::{Call, CallContext, Object, Principal, Raw, Service as _, Text, ToolServer};
use serde_json::{Value, json};
use store::{Place, Store};
use tempfile::TempDir;

/// Goals in a folder of their own.
struct World {
    _folder: TempDir,
    server: ToolServer,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("state.db"));
        let store = Store::open(place, store::Options::default()).await.unwrap();
        Self { _folder: folder, server: server(store, Options::default()) }
    }

    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = Object::of(&Raw::of(&json!({ "name": tool, "arguments": arguments }))).unwrap();
        let context = CallContext::internal(Principal::new("tester"));
        let reply = self.server.call(Call { method: Text::from_static("tools/call"), params, context }).await.unwrap();
        serde_json::from_slice(reply.to_raw().as_bytes()).unwrap()
    }

    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert!(result.get("isError").is_none(), "{said}: {result}");
        result["structuredContent"].clone()
    }

    async fn failed(&self, tool: &str, arguments: Value) -> Value {
        let said = format!("{tool} {arguments}");
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{said}: {result}");
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    /// A goal of six tasks: a chain of three, two that wait for its end, one that waits for both.
    async fn six(&self) -> Value {
        self.ok("create_goal", json!({ "description": "Add rate limiting", "priority": "high", "repos": "[\"app\"]" }))
            .await;
        let subtasks = json!([
            { "ref": "release", "description": "Release", "dependencies": ["tests", 3] },
            { "ref": "tests", "description": "Test", "type": "testing", "dependencies": ["config"] },
            { "ref": "config", "description": "Configure", "dependencies": ["code"] },
            { "ref": "docs", "description": "Document", "type": "documentation", "dependencies": ["config"], "priority": "low" },
            { "ref": "code", "description": "Write", "type": "code", "dependencies": ["design"], "estimated_effort": "2d" },
            { "ref": "design", "description": "Design", "priority": "high", "acceptance": ["reviewed"], "tools": ["pen"] },
        ]);
        self.ok("break_down_goal", json!({ "goal_id": "GOAL-0001", "subtasks": subtasks })).await
    }
}

#[tokio::test]
async fn definitions_are_small() {
    let world = World::new().await;
    let definitions = world.server.definitions();
    if let Ok(path) = std::env::var("SWITCHBOARD_TEST_DEFINITIONS") {
        std::fs::write(path, definitions.as_bytes()).unwrap();
    }
    // 4.2 bytes a token, counted with o200k: below 2 500 tokens.
    assert!(definitions.as_bytes().len() <= 10_500, "{} bytes", definitions.as_bytes().len());
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_predecessors_dialogue_comes_out_right() {
    let world = World::new().await;
    let goal = world.six().await;
    assert_eq!(
        (&goal["id"], &goal["status"], &goal["repos"]),
        (&json!("GOAL-0001"), &json!("in_progress"), &json!(["app"]))
    );
    assert_eq!(goal["_persistence"]["database"], "sqlite");
    let plan = world.ok("generate_execution_plan", json!({ "goal_id": "goal-1" })).await;
    assert_eq!(members(&plan), ["goal_id", "goal_description", "total_tasks", "total_phases", "execution_phases"]);
    let phases: Vec<usize> = plan["execution_phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase["tasks"].as_array().unwrap().len())
        .collect();
    assert_eq!(phases, [1, 1, 1, 2, 1]);
    assert_eq!(plan["execution_phases"][3]["parallel_execution_possible"], true);
    let next = world.call("get_next_tasks", json!({ "goal_id": "GOAL-0001" })).await;
    let text: Value = serde_json::from_str(next["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (text[0]["id"].as_str(), &text, text.as_array().unwrap().len()),
        (Some("TASK-0006"), &next["structuredContent"]["tasks"], 1)
    );
    // Tickets are linked after they were made elsewhere.
    let task =
        world.ok("update_task", json!({ "task_id": "TASK-0006", "changes": { "jira_ticket": "PROJ-101" } })).await;
    assert_eq!((&task["jira_ticket"], &task["assigned_tools"]), (&json!("PROJ-101"), &json!(["pen"])));
    let claim = world.ok("claim_task", json!({ "holder": "me", "lease_seconds": 60 })).await;
    let token = &claim["token"];
    let failure = world.failed("update_task_status", json!({ "task_id": "TASK-0006", "status": "completed" })).await;
    assert_eq!((&failure["type"], failure["error"].as_str().unwrap().contains("`me`")), (&json!("conflict"), true));
    let failure =
        world.failed("finish_task", json!({ "task_id": "TASK-0006", "token": token, "action": "complete" })).await;
    assert!(failure["error"].as_str().unwrap().contains("`reviewed`") && failure["next"].is_string(), "{failure}");
    let done = json!({ "task_id": "TASK-0006", "token": token, "action": "complete", "checks_passed": ["reviewed"], "result": "{\"pages\": 3}" });
    let task = world.ok("finish_task", done).await;
    assert_eq!((&task["status"], &task["result"]["pages"], task.get("claim")), (&json!("completed"), &json!(3), None));
    let why = world.ok("explain_task", json!({ "task_id": "TASK-0001" })).await;
    assert_eq!((&why["ready"], &why["roots"][0]["task_id"]), (&json!(false), &json!("TASK-0005")));
    let times = world.ok("schedule_goal", json!({ "goal_id": "GOAL-0001", "hours": { "TASK-0005": 1 } })).await;
    assert_eq!((&times["critical_hours"], &times["critical_path"][0]), (&json!(4.0), &json!("TASK-0005")));
    assert!(times["saved_hours"].as_f64().unwrap() > 10.0, "{times}");
    let goal = world.ok("get_goal", json!({ "goal_id": goal["uid"] })).await;
    assert_eq!(
        (goal["task_details"].as_array().unwrap().len(), &goal["_cache_status"]["served_from"]),
        (6, &json!("memory"))
    );
}

#[tokio::test]
async fn goals_are_found_by_what_they_are_about() {
    let world = World::new().await;
    for (description, subtask) in [
        ("Renew the certificates of the web shop", "Ask the authority"),
        ("Pay the invoices of this quarter", "Collect the bills"),
        ("Repaint the office", "Choose a colour"),
    ] {
        let goal = world.ok("create_goal", json!({ "description": description })).await;
        let tasks = json!({ "goal_id": goal["id"], "subtasks": [{ "description": subtask }] });
        world.ok("break_down_goal", tasks).await;
    }
    for (query, expected) in [
        ("certificate", "Renew the certificates of the web shop"),
        ("payment deadline", "Pay the invoices of this quarter"),
        ("colour", "Repaint the office"),
    ] {
        let found = world.ok("list_goals", json!({ "query": query, "limit": 1 })).await;
        assert_eq!(found["goals"][0]["description"], expected, "{query}: {found}");
        assert!(found["goals"][0]["score"].as_f64().unwrap() > 0.0, "{found}");
    }
    assert_eq!(world.ok("list_goals", json!({ "query": "colour", "status": "completed" })).await["count"], 0);
    let both = world.failed("list_goals", json!({ "query": "x", "after": "GOAL-0001" })).await;
    assert_eq!(both["type"], "validation");
}

#[tokio::test]
async fn each_other_tool_answers_with_the_members_of_the_book() {
    let world = World::new().await;
    world.six().await;
    let list = world.ok("list_goals", json!({ "status": "in_progress", "priority": "high" })).await;
    assert_eq!(members(&list), ["goals", "count", "shown", "persistence", "cache_enabled"]);
    assert_eq!(world.failed("list_goals", json!({ "status": "open" })).await["type"], "validation");
    let batch = json!({ "updates": [{ "task_id": "TASK-0006", "status": "in_progress" }, { "task_id": "TASK-0099", "status": "failed" }], "best_effort": true });
    let batch = world.ok("batch_update_tasks", batch).await;
    assert_eq!(
        (members(&batch), &batch["failed"][0]["task_id"]),
        (vec!["successful", "failed", "total"], &json!("TASK-0099"))
    );
    let got = world.ok("batch_get_tasks", json!({ "task_ids": ["TASK-0006", "nothing", "TASK-0001"] })).await;
    assert_eq!(
        (&got["not_found"], &got["total"], &got["tasks"][1]["id"]),
        (&json!(["nothing"]), &json!(3), &json!("TASK-0001"))
    );
    let status = world.ok("get_agent_status", json!({})).await;
    assert_eq!(members(&status), ["persistence", "current_state", "agent_config", "architecture"]);
    assert_eq!((&status["current_state"]["tasks"], &status["current_state"]["task_counter"]), (&json!(6), &json!(6)));
    let linked = world.ok("link_tasks", json!({ "from": "TASK-0006", "to": "TASK-0001", "type": "relates" })).await;
    assert_eq!(linked["changed"], true);
    let failure =
        world.failed("link_tasks", json!({ "from": "TASK-0001", "to": "TASK-0006", "type": "waits_all" })).await;
    assert!(failure["error"].as_str().unwrap().contains("circle"), "{failure}");
    let gated = world.ok("set_gate", json!({ "task_id": "TASK-0005", "kind": "ci", "note": "run 12" })).await;
    assert_eq!(gated["gates"][0]["state"], "waiting");
    world.ok("set_gate", json!({ "task_id": "TASK-0005", "state": "open" })).await;
    assert_eq!(
        world.failed("set_gate", json!({ "task_id": "TASK-0005", "kind": "time", "opens_at": "soon" })).await["type"],
        "validation"
    );
    let refused = world.failed("delete_task", json!({ "task_id": "TASK-0005" })).await;
    assert_eq!(refused["type"], "conflict");
    let deleted = world.ok("delete_task", json!({ "task_id": "TASK-0005", "dependents": "detach" })).await;
    assert_eq!(members(&deleted), ["deleted_task_id", "goal_id", "dependent_tasks", "deleted_tasks", "success"]);
    let history = world.ok("goal_history", json!({ "after": 0, "limit": 3, "goal_id": "GOAL-0001" })).await;
    assert_eq!((history["changes"].as_array().unwrap().len(), &history["next_after"]), (3, &json!(3)));
    let last = &world.ok("goal_history", json!({})).await["last_seq"];
    world.ok("undo_change", json!({ "seq": last })).await;
    assert_eq!(world.ok("get_task", json!({ "task_id": "TASK-0004" })).await["dependencies"], json!(["TASK-0003"]));
    let then = world.ok("goal_history", json!({ "goal_id": "GOAL-0001", "at": 1 })).await;
    assert_eq!((&then["goal"]["status"], &then["goal"]["task_details"]), (&json!("planned"), &json!([])));
    let saved = world.ok("save_state_to_cache", json!({})).await;
    let other = World::new().await;
    let restored = other.ok("restore_state_from_cache", json!({ "state_json": saved })).await;
    assert_eq!(
        (&restored["tasks"], other.ok("save_state_to_cache", json!({})).await["state_json"] == saved["state_json"]),
        (&json!(6), true)
    );
    assert_eq!(other.ok("get_cache_status", json!({})).await["tasks"], 6);
    let stale =
        other.failed("update_goal", json!({ "goal_id": "GOAL-0001", "priority": "low", "expected_version": 1 })).await;
    assert_eq!((&stale["type"], &stale["current"]["id"]), (&json!("conflict"), &json!("GOAL-0001")));
    let deleted = other.ok("delete_goal", json!({ "goal_id": "GOAL-0001" })).await;
    assert_eq!(members(&deleted), ["deleted_goal_id", "deleted_tasks", "task_ids", "success"]);
    assert_eq!(other.failed("get_goal", json!({ "goal_id": "GOAL-0001" })).await["type"], "not_found");
    // Numbers are not given again.
    assert_eq!(other.ok("create_goal", json!({ "description": "next" })).await["id"], "GOAL-0002");
}

#[tokio::test]
async fn a_retry_with_the_same_key_makes_one_goal() {
    let world = World::new().await;
    let asked = json!({ "description": "once", "idempotency_key": "k" });
    let first = world.ok("create_goal", asked.clone()).await;
    assert_eq!(world.ok("create_goal", asked).await, first);
    let other = world.failed("create_goal", json!({ "description": "twice", "idempotency_key": "k" })).await;
    assert_eq!(other["type"], "conflict");
}

/// Texts that attack whoever reads them; the first lines of the book where it is there.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> =
        ["\u{0}", "\u{1b}[2J", "'; DROP TABLE goals; --", "\u{202e}abc", "{\"a\":", "\\u0000", "$1", "%s%n", "🏴‍☠️"]
            .map(str::to_owned)
            .to_vec();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/attack-data/hostile_text.jsonl");
    let nested = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/attack-data/hostile_text.jsonl");
    match std::fs::read_to_string(path).or_else(|_| std::fs::read_to_string(nested)) {
        Ok(book) => {
            let lines = book.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            texts.extend(lines.filter_map(|line| line["text"].as_str().map(str::to_owned)));
        }
        Err(_) => eprintln!("skipped: ../shared/attack-data/hostile_text.jsonl is not here"),
    }
    texts
}

#[tokio::test]
async fn g_09_hostile_texts_come_back_as_they_were_and_do_nothing() {
    let world = World::new().await;
    world.six().await;
    for text in hostile() {
        if text.trim().is_empty() || text.len() > 1_000 {
            continue;
        }
        let goal = json!({ "description": text, "repos": [text], "metadata": { "k": text, &text: 1 }, "details": { "why": text, "owner": text, "labels": [text] } });
        let goal = world.ok("create_goal", goal).await;
        assert_eq!(
            (goal["description"].as_str(), goal["metadata"]["k"].as_str(), goal["why"].as_str()),
            (Some(text.as_str()), Some(text.as_str()), Some(text.as_str()))
        );
        let task = json!({ "ref": text, "description": text, "type": text, "repo": text, "jira_ticket": text, "estimated_effort": text, "tools": [text], "acceptance": [text], "capabilities": [text] });
        let goal = world.ok("break_down_goal", json!({ "goal_id": goal["id"], "subtasks": [task] })).await;
        let task = &goal["task_details"][0];
        assert_eq!(
            (task["type"].as_str(), task["acceptance"][0]["text"].as_str()),
            (Some(text.as_str()), Some(text.as_str()))
        );
        world.ok("set_gate", json!({ "task_id": task["id"], "name": text, "kind": "human", "note": text })).await;
        world.ok("set_gate", json!({ "task_id": task["id"], "name": text, "state": "open" })).await;
        let claim =
            world.ok("claim_task", json!({ "task_id": task["id"], "holder": text, "capabilities": [text] })).await;
        let done = json!({ "task_id": task["id"], "token": claim["token"], "action": "complete", "result": { "r": text }, "checks_passed": [text] });
        world.ok("finish_task", done).await;
        // As an id it is an unknown one, and what is said of it obeys no terminal.
        let failure = world.failed("get_task", json!({ "task_id": text })).await;
        assert!(!failure["error"].as_str().unwrap().chars().any(char::is_control), "{failure}");
        world.ok("update_goal", json!({ "goal_id": goal["id"], "description": format!("{text}!") })).await;
    }
    let saved = world.ok("save_state_to_cache", json!({})).await;
    let other = World::new().await;
    other.ok("restore_state_from_cache", json!({ "state_json": saved["state_json"] })).await;
    assert_eq!(other.ok("save_state_to_cache", json!({})).await["state_json"], saved["state_json"]);
    // What goes for goals of six tasks goes on.
    assert_eq!(world.ok("get_next_tasks", json!({ "goal_id": "GOAL-0001" })).await["tasks"][0]["id"], "TASK-0006");
}
