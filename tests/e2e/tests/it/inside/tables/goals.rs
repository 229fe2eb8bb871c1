//! `goals`: table 2.2 of the predecessors under their names and ids. What ours has beyond it is tested
//! where it is made.

use crate::inside::table::{Known, Row, fails, ok};
use serde_json::{Value, json};

const GOAL: &[&str] = &["id", "description", "priority", "status", "_persistence"];
const TASK: &[&str] = &["id", "goal_id", "description", "status"];

pub(in crate::inside) const KNOWN: &[Known] = &[
    ("create_goal", &["description", "priority", "repos", "metadata"], GOAL),
    ("break_down_goal", &["goal_id", "subtasks"], GOAL),
    ("get_goal", &["goal_id"], &["id", "task_details", "_cache_status"]),
    ("list_goals", &["status", "priority"], &["goals", "count", "persistence", "cache_enabled"]),
    ("get_next_tasks", &["goal_id"], &["tasks"]),
    ("update_task_status", &["task_id", "status", "result"], &["id", "status", "_persistence"]),
    ("delete_task", &["task_id"], &["deleted_task_id", "goal_id", "dependent_tasks", "success"]),
    ("get_task", &["task_id"], TASK),
    (
        "generate_execution_plan",
        &["goal_id"],
        &["goal_id", "goal_description", "total_tasks", "total_phases", "execution_phases"],
    ),
    ("delete_goal", &["goal_id"], &["deleted_goal_id", "deleted_tasks", "task_ids", "success"]),
    ("update_goal", &["goal_id", "description", "priority", "status", "repos", "metadata"], GOAL),
    ("batch_update_tasks", &["updates"], &["successful", "failed", "total"]),
    ("batch_get_tasks", &["task_ids"], &["tasks", "not_found", "total"]),
    ("get_agent_status", &[], &["persistence", "current_state", "agent_config", "architecture"]),
    ("save_state_to_cache", &[], &["success"]),
    ("restore_state_from_cache", &["state_json"], &[]),
    ("get_cache_status", &[], &["cache_enabled"]),
];

fn goal(id: &str, status: &str, more: &Value) -> Value {
    shape(json!({"…": true, "id": id, "status": status, "_persistence": kept()}), more)
}

fn task(id: &str, status: &str, more: &Value) -> Value {
    shape(json!({"…": true, "id": id, "goal_id": "GOAL-0001", "status": status}), more)
}

fn shape(mut shape: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        shape[name] = value.clone();
    }
    shape
}

fn kept() -> Value {
    json!({"database": "<sql>", "cache_enabled": "<flag>", "message": "<text>"})
}

pub(in crate::inside) fn rows() -> Vec<Row> {
    let mut rows = looks();
    rows.extend(changes());
    rows
}

/// A goal that is broken down, and everything that looks at it.
fn looks() -> Vec<Row> {
    let served = json!({"enabled": "<flag>", "persistence": "<sql>", "served_from": "<text>", "cache_hit": "<flag>"});
    let subtasks = json!([
        {"description": "research", "type": "documentation", "priority": "high", "repo": "org/app",
         "jira_ticket": "APP-1", "estimated_effort": "3d", "tools": ["web"]},
        {"description": "design", "dependencies": [0]},
        {"description": "extra"},
    ]);
    let phase = |number: u32, tasks: &[&str]| {
        let parts: Vec<Value> = tasks.iter().map(|id| json!({"…": true, "id": id})).collect();
        json!({
            "…": true, "phase": number, "tasks": parts, "task_count": tasks.len(),
            "parallel_execution_possible": tasks.len() > 1,
        })
    };
    let plan = json!({
        "…": true, "goal_id": "GOAL-0001", "goal_description": "Ship it", "total_tasks": 3, "total_phases": 2,
        "execution_phases": [phase(1, &["TASK-0001", "TASK-0003"]), phase(2, &["TASK-0002"])],
    });
    let status = json!({
        "…": true, "persistence": "<any>", "architecture": "<any>",
        "current_state": {"…": true, "goals": 1, "tasks": 2, "goal_counter": "<number>", "task_counter": "<number>"},
        "agent_config": {"…": true, "max_workers": "<any>", "timeout": "<any>", "cache_enabled": "<flag>"},
    });
    let one = "GOAL-0001";
    vec![
        ok(
            "create_goal",
            json!({"description": "Ship it", "priority": "high", "repos": ["org/app"], "metadata": {"a": 1}}),
            goal(
                one,
                "planned",
                &json!({"description": "Ship it", "priority": "high", "repos": ["org/app"], "metadata": {"a": 1}}),
            ),
        ),
        ok("break_down_goal", json!({"goal_id": one, "subtasks": subtasks}), goal(one, "in_progress", &json!({}))),
        ok(
            "get_goal",
            json!({"goal_id": one}),
            json!({
                "…": true, "id": one, "_cache_status": served,
                "task_details": [
                    task("TASK-0001", "pending", &json!({"description": "research", "type": "documentation",
                        "repo": "org/app", "jira_ticket": "APP-1", "estimated_effort": "3d", "priority": "high"})),
                    task("TASK-0002", "pending", &json!({"dependencies": ["TASK-0001"], "type": "general", "priority": "medium"})),
                    task("TASK-0003", "pending", &json!({"dependencies": []})),
                ],
            }),
        ),
        ok(
            "list_goals",
            json!({"status": "in_progress", "priority": "high"}),
            json!({"…": true, "goals": [{"…": true, "id": one}], "count": 1, "persistence": "<any>", "cache_enabled": "<flag>"}),
        ),
        ok(
            "get_next_tasks",
            json!({"goal_id": one}),
            json!({"…": true, "tasks": [task("TASK-0001", "pending", &json!({})), task("TASK-0003", "pending", &json!({}))]}),
        ),
        ok("generate_execution_plan", json!({"goal_id": one}), plan),
        ok(
            "get_task",
            json!({"task_id": "TASK-0002"}),
            task("TASK-0002", "pending", &json!({"_cache_status": served})),
        ),
        ok(
            "delete_task",
            json!({"task_id": "TASK-0003"}),
            json!({"…": true, "deleted_task_id": "TASK-0003", "goal_id": one, "dependent_tasks": [], "success": true}),
        ),
        ok("get_agent_status", json!({}), status),
        ok("save_state_to_cache", json!({}), json!({"…": true, "success": true, "state_json": "<text>"})),
        ok("restore_state_from_cache", json!({"state_json": "{{9.state_json}}"}), json!({"…": true})),
        ok("get_cache_status", json!({}), json!({"…": true, "cache_enabled": "<flag>"})),
    ]
}

/// What changes a goal and its tasks, and what is refused.
fn changes() -> Vec<Row> {
    let one = "GOAL-0001";
    vec![
        ok(
            "update_task_status",
            json!({"task_id": "TASK-0001", "status": "in_progress"}),
            task("TASK-0001", "in_progress", &json!({"_persistence": kept()})),
        ),
        ok(
            "update_task_status",
            json!({"task_id": "TASK-0001", "status": "completed", "result": {"notes": "done"}}),
            task("TASK-0001", "completed", &json!({"completed_at": "<time>", "result": {"notes": "done"}})),
        ),
        ok(
            "batch_update_tasks",
            json!({"updates": "[{\"task_id\": \"TASK-0002\", \"status\": \"in_progress\"}]"}),
            json!({"…": true, "successful": [{"…": true, "task_id": "TASK-0002", "status": "in_progress"}], "failed": [], "total": 1}),
        ),
        ok(
            "batch_get_tasks",
            json!({"task_ids": ["TASK-0002", "TASK-9999", "TASK-0001"]}),
            json!({
                "…": true, "tasks": [task("TASK-0002", "in_progress", &json!({})), task("TASK-0001", "completed", &json!({}))],
                "not_found": ["TASK-9999"], "total": 3,
            }),
        ),
        ok(
            "update_goal",
            json!({"goal_id": one, "description": "Ship it now", "priority": "low", "repos": ["org/web"], "metadata": {"b": 2}}),
            goal(one, "in_progress", &json!({"description": "Ship it now", "priority": "low", "repos": ["org/web"]})),
        ),
        ok(
            "update_task_status",
            json!({"task_id": "TASK-0002", "status": "completed"}),
            task("TASK-0002", "completed", &json!({})),
        ),
        ok("get_goal", json!({"goal_id": one}), json!({"…": true, "id": one, "status": "completed"})),
        ok(
            "create_goal",
            json!({"description": "Another"}),
            goal("GOAL-0002", "planned", &json!({"priority": "medium"})),
        ),
        fails("create_goal", json!({"description": " "}), "validation", "description"),
        fails("create_goal", json!({"description": "x", "priority": "urgent"}), "validation", "urgent"),
        fails("get_goal", json!({"goal_id": "GOAL-9999"}), "not_found", "GOAL-9999"),
        fails("get_task", json!({"task_id": "TASK-9999"}), "not_found", "TASK-9999"),
        fails("break_down_goal", json!({"goal_id": "GOAL-0002", "subtasks": []}), "validation", "subtasks"),
        fails(
            "break_down_goal",
            json!({"goal_id": "GOAL-0002", "subtasks": [{"description": "x", "dependencies": ["TASK-9999"]}]}),
            "not_found",
            "TASK-9999",
        ),
        fails("list_goals", json!({"status": "odd"}), "validation", "odd"),
        fails("update_task_status", json!({"task_id": "TASK-0001", "status": "odd"}), "validation", "odd"),
        fails("update_goal", json!({"goal_id": one, "description": "x", "expected_version": 1}), "conflict", "version"),
        ok(
            "update_goal",
            json!({"goal_id": "GOAL-0002", "status": "cancelled"}),
            goal("GOAL-0002", "cancelled", &json!({})),
        ),
        ok(
            "delete_goal",
            json!({"goal_id": one}),
            json!({"…": true, "deleted_goal_id": one, "deleted_tasks": 2, "task_ids": ["TASK-0001", "TASK-0002"], "success": true}),
        ),
    ]
}
