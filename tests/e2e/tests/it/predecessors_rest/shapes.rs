//! The shapes of the predecessors' answers, as `predecessors.md` sections 4.1, 4.3 and 4.6 have them, each
//! written as an answer in which a word stands for a value: what the values are is compared elsewhere.
//! Members that are ours and come in addition are not named.

use serde_json::{Value, json};

/// A path to look at, and the shape that it answers with.
pub(super) type Row = (&'static str, Value);

/// Every path that is looked at on a state that is not empty; section 4.1.
pub(super) fn dashboard() -> Vec<Row> {
    let line = json!({"text": "text", "level": "text", "timestamp": "text"});
    let goal = goal();
    let task = task();
    let by_status = json!({"pending": "number", "in_progress": "number", "completed": "number", "failed": "number",
                           "blocked": "number", "cancelled": "number"});
    let variable = json!({"configured": "bool", "masked_value": "text?"});
    vec![
        ("/api/status", status()),
        ("/api/servers", servers()),
        (
            "/api/redis/stats",
            json!({
                "server": {"version": "text", "uptime_seconds": "number", "uptime_days": "number"},
                "memory": {"used_memory_mb": "number", "used_memory_peak_mb": "number", "memory_fragmentation_ratio": "number"},
                "clients": {"connected_clients": "number", "blocked_clients": "number"},
                "stats": {"total_connections_received": "number", "total_commands_processed": "number",
                          "ops_per_sec": "number", "keyspace_hits": "number", "keyspace_misses": "number"},
                "keyspace": {"*": {"keys": "number", "expires": "number", "avg_ttl": "number"}},
                "total_keys": "number",
            }),
        ),
        (
            "/api/redis/keys?pattern=user:*&limit=10",
            json!({
                "keys": [{"key": "text", "type": "text", "ttl": "number"}], "count": "number", "pattern": "text",
                "limited": "bool",
            }),
        ),
        ("/api/redis/key/user:1", json!({"key": "text", "type": "text", "ttl": "number", "value": {"*": "any"}})),
        (
            "/api/goals",
            json!({
                "summary": {
                    "total_goals": "number", "total_tasks": "number",
                    "goals_by_status": {"planned": "number", "in_progress": "number", "completed": "number",
                                        "cancelled": "number"},
                    "tasks_by_status": by_status,
                },
                "recent_goals": [goal], "active_tasks": [task], "source": "text",
            }),
        ),
        ("/api/goals/list", json!({"goals": [goal], "count": "number", "source": "text"})),
        ("/api/tasks/list", json!({"tasks": [task], "count": "number", "source": "text"})),
        (
            "/api/goals/GOAL-0001",
            json!({
                "goal": goal, "tasks": [task], "task_count": "number", "tasks_by_status": by_status, "source": "text",
            }),
        ),
        ("/api/logs?server=s", json!({"server": "text", "logs": [line]})),
        (
            "/api/logs?lines=10",
            json!({
                "all_servers": {"*": [line]}, "summary": {"total_errors": "number", "total_warnings": "number"},
            }),
        ),
        (
            "/api/env",
            json!({
                "servers": {"*": {"name": "text", "env_vars": {"*": variable}, "all_set": "bool"}}, "timestamp": "text",
            }),
        ),
        ("/api/env/get/API_KEY", json!({"variable": "text", "configured": "bool", "masked_value": "text?"})),
    ]
}

/// Section 4.3.
pub(super) fn web_server() -> Vec<Row> {
    let cache_stats = json!({"hits": "number", "misses": "number", "hit_rate": "number"});
    let breakers = json!({"*": {"state": "text", "says": "text?"}});
    let connection = json!({"connected": "bool", "last_activity": "text?", "health_score": "number", "url": "text?"});
    vec![
        (
            "/api/health",
            json!({
                "status": "text", "timestamp": "text", "connections": {"*": connection}, "available_tools": "number",
                "cache_stats": cache_stats, "breakers": breakers,
            }),
        ),
        (
            "/api/status/s",
            json!({
                "service": "text", "connected": "bool", "last_activity": "text?", "error": "text?",
                "health_score": "number", "url": "text?",
            }),
        ),
        (
            "/api/metrics",
            json!({
                "timestamp": "text", "execution_metrics": {"*": {"count": "number", "average_ms": "number"}},
                "tool_usage_counts": {"*": "number"}, "error_counts": {"*": "number"}, "total_tools": "number",
                "connected_services": "number", "cache_stats": cache_stats, "breakers": breakers,
            }),
        ),
    ]
}

/// Section 4.6.
pub(super) fn manager() -> Vec<Row> {
    let summary = json!({
        "status": "text", "total_servers": "number", "healthy_servers": "number", "degraded_servers": "number",
        "unhealthy_servers": "number", "critical_servers": "number", "healthy_percentage": "number",
        "monitoring_enabled": "bool",
    });
    let system = json!({
        "manager_running": "bool", "total_servers": "number", "running_servers": "number",
        "healthy_servers": "number", "monitoring_active": "bool", "active_connections": "number",
        "health_summary": summary,
    });
    vec![
        ("/api/manager/status", system.clone()),
        (
            "/api/manager/servers",
            json!({
                "system": system,
                "servers": {"*": {"status": "text", "health": "text", "uptime": "number", "capabilities": ["text"]}},
            }),
        ),
        ("/api/manager/health", summary),
        (
            "/api/manager/servers/s/statistics",
            json!({
                "total_checks": "number", "healthy_percentage": "number", "degraded_percentage": "number",
                "unhealthy_percentage": "number", "critical_percentage": "number", "average_response_time": "number",
                "failure_count": "number", "recovery_count": "number", "last_check": "text?",
            }),
        ),
        (
            "/api/manager/performance",
            json!({
                "total_requests": "number", "successful_requests": "number", "failed_requests": "number",
                "success_rate_percent": "number", "average_execution_time": "number", "response_time_p50": "number",
                "response_time_p95": "number", "response_time_p99": "number", "current_load": "number",
                "tools": {"*": {"calls": "number", "successes": "number", "failures": "number", "total_time": "number",
                                "min_time": "number", "max_time": "number"}},
            }),
        ),
        (
            "/api/manager/capabilities",
            json!({
                "total_capabilities": "number", "total_servers": "number",
                "capabilities": {"*": {"total_servers": "number", "healthy_servers": "number", "server_list": ["text"],
                                       "healthy_server_list": ["text"], "available": "bool"}},
            }),
        ),
        (
            "/api/manager/cache",
            json!({
                "cache_entries": "number", "cache_enabled": "bool", "cache_ttl_seconds": "number",
            }),
        ),
    ]
}

/// What was called by the predecessor's page and answered with a change.
pub(super) fn changed(what: &str) -> Value {
    match what {
        "goal" => json!({"success": "bool", "goal": goal(), "message": "text"}),
        "tasks" => json!({"success": "bool", "goal_id": "text", "tasks_added": "number", "goal_status": "text",
                          "message": "text"}),
        "task" => json!({"success": "bool", "task": task(), "message": "text"}),
        "goal deleted" => json!({"success": "bool", "deleted_goal_id": "text", "deleted_tasks_count": "number",
                                 "message": "text"}),
        "task deleted" => json!({"success": "bool", "deleted_task_id": "text", "goal_id": "text", "message": "text"}),
        "all" => json!({"status": "text", "action": "text", "results": {"*": "text"}, "note": "text"}),
        "call" => json!({"success": "bool", "timestamp": "text", "execution_time_ms": "number"}),
        _ => json!({"success": "bool"}),
    }
}

fn status() -> Value {
    json!({
        "timestamp": "text", "version": "text",
        "servers": {"total": "number", "running": "number", "stopped": "number"},
        "redis": {"connected": "bool", "version": "text", "uptime_days": "number", "used_memory_mb": "number",
                  "total_keys": "number", "connected_clients": "number", "ops_per_sec": "number"},
        "system": {"cpu_percent": "number", "memory_percent": "number", "disk_percent": "number"},
    })
}

fn servers() -> Value {
    json!({"servers": [{
        "key": "text", "name": "text", "status": "text", "env_configured": "bool", "required_env_vars": ["text"],
        "log_file": "text?",
        "details": {"pid": "number?", "uptime": "number?", "memory_mb": "number?", "cpu_percent": "number?"},
    }]})
}

/// Section 6.1.
fn goal() -> Value {
    json!({"id": "text", "description": "text", "priority": "text", "status": "text", "repos": ["any"],
           "created_at": "text", "updated_at": "text", "metadata": {"*": "any"}})
}

/// Section 6.1.
fn task() -> Value {
    json!({"id": "text", "goal_id": "text", "description": "text", "type": "text", "status": "text",
           "priority": "text", "dependencies": ["text"], "repo": "text?", "jira_ticket": "text?",
           "estimated_effort": "text?", "assigned_tools": ["any"], "created_at": "text", "updated_at": "text",
           "completed_at": "text?", "result": "any"})
}

/// What is wrong with `value`, where it is not of this shape: the place and what is there.
pub(super) fn fault(shape: &Value, value: &Value, place: &str) -> Option<String> {
    let wrong = || Some(format!("{place}: expected {shape}, got {value}"));
    match shape {
        Value::String(word) => {
            let fits = match word.trim_end_matches('?') {
                _ if word.ends_with('?') && value.is_null() => true,
                "text" => value.is_string(),
                "number" => value.is_number(),
                "bool" => value.is_boolean(),
                _ => true,
            };
            if fits { None } else { wrong() }
        }
        Value::Array(of) => {
            let Some(items) = value.as_array() else { return wrong() };
            items.iter().find_map(|item| fault(&of[0], item, &format!("{place}[]")))
        }
        Value::Object(members) => {
            let Some(found) = value.as_object() else { return wrong() };
            if let Some(every) = members.get("*") {
                return found.iter().find_map(|(key, value)| fault(every, value, &format!("{place}.{key}")));
            }
            members.iter().find_map(|(key, shape)| match found.get(key) {
                Some(value) => fault(shape, value, &format!("{place}.{key}")),
                None => Some(format!("{place}.{key} is missing in {value}")),
            })
        }
        _ => wrong(),
    }
}
