//! What the predecessors' READMEs promise (predecessors.md section 10, S0 and S2), with the Python SDK
//! and the TypeScript SDK taking turns and the daemon killed between any two of them.

use super::State;
use e2e::{Peers, Step, Switchboard, play, require_peers};
use serde_json::{Value, json};
use std::process::Command;

/// A client of somebody else's.
#[derive(Debug, Clone, Copy)]
enum Sdk {
    Python,
    TypeScript,
}

// === impl Sdk ===

impl Sdk {
    fn client(self, peers: &Peers, url: &str) -> Command {
        let (script, mode) = match self {
            Self::Python => ("py_client.py", "auto"),
            Self::TypeScript => ("ts2_client.mjs", "pin"),
        };
        let mut client = peers.script_command(script);
        client.args([mode, url]);
        client
    }

    const fn other(self) -> Self {
        match self {
            Self::Python => Self::TypeScript,
            Self::TypeScript => Self::Python,
        }
    }
}

/// The structured contents of calls; each must succeed.
#[track_caller]
fn calls(client: Command, steps: &[(&str, Value)]) -> Vec<Value> {
    let asked: Vec<Step> = steps.iter().map(|(tool, arguments)| Step::call(tool, arguments.clone())).collect();
    let mut played = play(client, &asked).steps;
    for ((tool, arguments), step) in steps.iter().zip(&mut played) {
        let result = &mut step["result"];
        assert!(result.is_object() && result["isError"] != true, "expected {tool} {arguments} to succeed, got {step}");
        *step = step["result"]["structuredContent"].take();
    }
    assert_eq!(played.len(), steps.len());
    played
}

/// `kill -9`, and the same home again.
#[track_caller]
fn killed(mut board: Switchboard) -> Switchboard {
    board.kill9();
    board.stop().start()
}

/// A task with a name for its siblings, after those that it needs.
fn task(name: &str, needs: &[&str]) -> Value {
    json!({"description": name, "ref": name, "dependencies": needs})
}

/// Descriptions of the tasks of each phase.
fn phases(plan: &Value) -> Vec<Vec<&str>> {
    let phases = plan["execution_phases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for phase in phases {
        let tasks = phase["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut names: Vec<&str> = tasks.iter().filter_map(|task| task["description"].as_str()).collect();
        names.sort_unstable();
        assert_eq!(phase["parallel_execution_possible"], names.len() > 1, "{phase}");
        found.push(names);
    }
    found
}

/// S0: a goal with six tasks and one with five, in any order of listing; the plan is right, and all
/// of it is there after each kill.
fn goals_survive(peers: &Peers, state: &State, first: Sdk) {
    let board = super::started(state.home("cache,goals"));
    let six = json!([
        task("docs", &["limiter", "tests"]),
        task("tests", &["limiter"]),
        task("limiter", &["config"]),
        task("config", &["design"]),
        task("design", &[]),
        task("release notes", &["limiter"]),
    ]);
    let made = calls(
        first.client(peers, &board.url()),
        &[
            (
                "goals__create_goal",
                json!({"description": "Add rate limiting", "priority": "high", "repos": ["org/api"]}),
            ),
            ("goals__break_down_goal", json!({"goal_id": "{{0.id}}", "subtasks": six})),
            ("goals__generate_execution_plan", json!({"goal_id": "{{0.id}}"})),
            ("cache_set", json!({"key": "test", "value": "hello world"})),
            ("cache_get", json!({"key": "test"})),
        ],
    );
    let expected = [vec!["design"], vec!["config"], vec!["limiter"], vec!["release notes", "tests"], vec!["docs"]];
    assert_eq!(phases(&made[2]), expected);
    assert_eq!(made[4]["value"], "hello world");
    let goal = made[0]["id"].clone();

    let board = killed(board);
    let second = first.other();
    let five = json!([
        task("frontend", &["design"]),
        task("test", &["backend", "frontend"]),
        task("design", &["research"]),
        task("backend", &["design"]),
        task("research", &[]),
    ]);
    let seen = calls(
        second.client(peers, &board.url()),
        &[
            ("goals__get_goal", json!({"goal_id": goal})),
            ("goals__get_next_tasks", json!({"goal_id": goal})),
            (
                "goals__update_task_status",
                json!({"task_id": "{{1.tasks.0.id}}", "status": "completed", "result": {"notes": "done"}}),
            ),
            ("goals__create_goal", json!({"description": "Five tasks"})),
            ("goals__break_down_goal", json!({"goal_id": "{{3.id}}", "subtasks": five})),
            ("goals__generate_execution_plan", json!({"goal_id": "{{3.id}}"})),
        ],
    );
    assert_eq!(seen[0]["description"], "Add rate limiting");
    assert_eq!(seen[0]["task_details"].as_array().map(Vec::len), Some(6));
    assert_eq!(seen[1]["tasks"].as_array().map(Vec::len), Some(1), "only the first is ready");
    assert_eq!(phases(&seen[5]), [vec!["research"], vec!["design"], vec!["backend", "frontend"], vec!["test"]]);

    let board = killed(board);
    let after = calls(
        first.client(peers, &board.url()),
        &[
            ("goals__list_goals", json!({})),
            ("goals__get_next_tasks", json!({"goal_id": goal})),
            ("goals__get_task", json!({"task_id": seen[2]["id"]})),
            ("goals__generate_execution_plan", json!({"goal_id": seen[3]["id"]})),
        ],
    );
    assert_eq!(after[0]["count"], 2);
    assert_eq!(after[1]["tasks"][0]["description"], "config");
    assert_eq!((&after[2]["status"], &after[2]["result"]), (&json!("completed"), &json!({"notes": "done"})));
    assert_eq!(phases(&after[3]).len(), 4);
}

/// S2: save, search, list; what one client was told the other knows, whatever happened between.
fn memories_survive(peers: &Peers, state: &State, first: Sdk) {
    let board = super::started(state.home("memory"));
    let saved = calls(
        first.client(peers, &board.url()),
        &[
            ("memory__save_memory", json!({"text": "I prefer Python for AI"})),
            ("memory__save_memory", json!({"text": "The staging database is reset on Mondays", "tags": ["ops"]})),
        ],
    );
    let board = killed(board);
    let found = calls(
        first.other().client(peers, &board.url()),
        &[
            ("memory__search_memories", json!({"query": "which language for AI"})),
            ("memory__get_all_memories", json!({})),
            (
                "memory__update_memory",
                json!({"memory_id": saved[1]["id"], "text": "The staging database is reset on Fridays"}),
            ),
        ],
    );
    assert_eq!(found[0]["memories"][0]["text"], "I prefer Python for AI");
    assert_eq!(found[1]["count"], 2);
    let board = killed(board);
    let after = calls(
        first.client(peers, &board.url()),
        &[
            ("memory__search_memories", json!({"query": "reset friday", "tags": ["ops"]})),
            ("memory__delete_memory", json!({"memory_id": saved[0]["id"]})),
            ("memory__get_all_memories", json!({})),
        ],
    );
    assert_eq!(after[0]["memories"][0]["version"], 2);
    assert_eq!(after[2]["count"], 1);
}

#[test]
fn goals_survive_kills_between_clients() {
    let Some(peers) = require_peers() else { return };
    for (state, first) in State::each().iter().zip([Sdk::Python, Sdk::TypeScript]) {
        goals_survive(&peers, state, first);
    }
}

#[test]
fn memories_survive_kills_between_clients() {
    let Some(peers) = require_peers() else { return };
    for (state, first) in State::each().iter().zip([Sdk::TypeScript, Sdk::Python]) {
        memories_survive(&peers, state, first);
    }
}
