//! The predecessors' endpoints over HTTP, on a state that is not empty and with both caches: each answers
//! with its documented shape, with the values that the command line shows, and each write is read back.

mod shapes;

use e2e::{Client as _, Home, Redis, SOON, Switchboard, await_some, eventually, misbehave, script, send};
use serde_json::{Value, json};
use shapes::{changed, fault};
use std::collections::BTreeSet;

/// The value of a variable, of which not one piece may be shown.
const SECRET: &str = "hunter2-9f8e7d";

/// A switchboard, asked over HTTP with its token.
struct Rest {
    board: Switchboard,
    token: String,
}

// === impl Rest ===

impl Rest {
    /// Servers that run, do not run and cannot be reached; goals, keys, logs and calls.
    fn new(redis: Option<&Redis>) -> Self {
        let cache = redis.map(|redis| format!("[cache]\nurl = \"{}\"\n", redis.url())).unwrap_or_default();
        let said = "echo \"ERROR disk is full\" >&2; echo \"level=warn msg=error\" >&2; echo \"INFO no error\" >&2";
        let kept = "tools.safe = [\"pid\", \"count\"]\ncache = { tools = [\"pid\"], ttl = \"90s\" }\nhealth = { interval = \"1s\" }\n";
        let env = format!("env = {{ API_KEY = \"{SECRET}\", EMPTY = \"\" }}\ninherit_env = [\"NOT_SET\"]\n");
        let config = [
            cache,
            script("s", &format!("{said}; exec $SERVER ok dual")),
            kept.to_owned(),
            env,
            misbehave("twin", "ok", "modern"),
            misbehave("off", "ok", "modern"),
            "enabled = false\n".to_owned(),
        ];
        let board = Home::new(&config.concat()).offering("cache,goals").start();
        for name in ["s", "twin", "cache", "goals"] {
            board.server_in(name, "ready");
        }
        let rest = Self { token: board.token(), board };
        rest.fill();
        rest
    }

    fn fill(&self) {
        let board = &self.board;
        board.cli_json(&["goal", "new", "Ship it", "--task", "build", "--task", "test", "--priority", "high"]);
        board.cli_json(&["goal", "new", "Think about it"]);
        board.cli_json(&["cache", "set", "user:1", "{\"a\": 1}", "--ttl", "1000"]);
        board.cli_json(&["cache", "set", "user:2", "plain"]);
        board.cli_json(&["cache", "set", "other", "42"]);
        for _ in 0..3 {
            board.modern().call("s__pid", json!({}));
            board.modern().call("twin__count", json!({}));
        }
        board.modern().request("tools/call", json!({"name": "twin__echo", "arguments": {"text": "hello"}}));
        eventually(SOON, "checks of the server s", || {
            self.get("/api/manager/servers/s/statistics")["total_checks"].as_u64() > Some(0)
        });
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers =
            [header("Authorization", &format!("Bearer {}", self.token)), header("Content-Type", "application/json")];
        let text = body.map(ToString::to_string).unwrap_or_default();
        let answer = send(self.board.address(), method, path, &headers, text.as_bytes());
        let (status, text) = (answer.status, answer.text());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask("GET", path, None);
        assert_eq!(status, 200, "GET {path}: {value}");
        value
    }

    /// Does something that must succeed, with an answer of this shape.
    #[track_caller]
    fn done(&self, method: &str, path: &str, body: Value, shape: &str) -> Value {
        let (status, value) = self.ask(method, path, Some(&body).filter(|body| !body.is_null()));
        assert_eq!(status, 200, "{method} {path}: {value}");
        let wrong = fault(&changed(shape), &value, path);
        assert_eq!(wrong, None);
        assert!(value["success"] != false, "{value}");
        value
    }

    /// Does something that must be refused, and gives the problem.
    #[track_caller]
    fn refused(&self, method: &str, path: &str, body: &Value, wanted: u16) -> Value {
        let (status, value) = self.ask(method, path, Some(body).filter(|body| !body.is_null()));
        assert_eq!(status, wanted, "{method} {path}: {value}");
        assert!(value["title"].is_string() && value["status"] == wanted, "{method} {path}: {value}");
        value
    }
}

/// One for each cache.
fn each() -> Vec<(Rest, Option<Redis>)> {
    let redis = Redis::start();
    let mut all = vec![(Rest::new(None), None)];
    if let Some(redis) = redis {
        all.push((Rest::new(Some(&redis)), Some(redis)));
    }
    all
}

fn texts<'a>(list: &'a Value, key: &str) -> BTreeSet<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item[key].as_str()).collect()
}

#[test]
fn every_path_answers_with_its_shape_on_a_state_that_is_not_empty() {
    for (rest, redis) in each() {
        for (path, shape) in [shapes::dashboard(), shapes::web_server(), shapes::manager()].concat() {
            let value = rest.get(path);
            assert_eq!(fault(&shape, &value, path), None);
            assert!(!value.to_string().contains(SECRET), "{path}: {value}");
            assert!(!value.to_string().contains(&SECRET[..4]), "{path}: {value}");
        }
        let backend = rest.get("/api/status")["redis"]["backend"].clone();
        assert_eq!(backend, if redis.is_some() { "redis" } else { "embedded" });
    }
}

#[test]
fn servers_and_their_health_are_those_of_the_command_line() {
    let rest = Rest::new(None);
    let status = rest.board.cli_json(&["status"]);
    let servers = rest.get("/api/servers");
    let (said, shown) = (status["servers"].as_array().unwrap(), servers["servers"].as_array().unwrap());
    assert_eq!(said.len(), shown.len());
    let manager = rest.get("/api/manager/servers");
    for (said, shown) in said.iter().zip(shown) {
        let name = said["name"].as_str().unwrap();
        for key in ["name", "state", "health", "pid", "tools", "era", "transport", "restarts", "origin"] {
            assert_eq!(said[key], shown[key], "{key} of {name}");
        }
        let ready = said["state"] == "ready";
        assert_eq!(
            (&shown["key"], &shown["status"]),
            (&said["name"], &json!(if ready { "running" } else { "stopped" }))
        );
        assert_eq!(shown["details"]["pid"], said["pid"]);
        let managed = &manager["servers"][name];
        assert_eq!((&managed["status"], &managed["health"]), (&shown["status"], &said["health"]), "{name}");
        assert_eq!(managed["capabilities"].as_array().unwrap().len(), said["tools"].as_u64().unwrap() as usize);
        let connection = &rest.get(&format!("/api/status/{name}"))["connected"];
        assert_eq!(connection, &json!(ready), "{name}");
    }
    let s = shown.iter().find(|server| server["name"] == "s").unwrap();
    assert_eq!(
        (&s["required_env_vars"], &s["env_configured"]),
        (&json!(["API_KEY", "EMPTY", "NOT_SET"]), &json!(false))
    );
    assert!(s["log_file"].as_str().unwrap().ends_with("/logs/s.log"), "{s}");
    assert!(s["details"]["memory_mb"].as_f64() > Some(0.0), "{s}");
    let counts = rest.get("/api/status")["servers"].clone();
    assert_eq!(counts, json!({"total": 5, "running": 4, "stopped": 1}));
    let env = rest.get("/api/env")["servers"]["s"].clone();
    assert_eq!(env["all_set"], false);
    assert_eq!(env["env_vars"]["API_KEY"], json!({"configured": true, "masked_value": "••••"}));
    assert_eq!(env["env_vars"]["NOT_SET"], json!({"configured": false, "masked_value": null}));
    assert_eq!(rest.get("/api/env/get/API_KEY")["servers"], json!(["s"]));
    rest.refused("GET", "/api/env/get/PATH", &Value::Null, 404);
    let problem = rest.refused("POST", "/api/env/update", &json!({"key": "API_KEY", "value": "x"}), 403);
    assert!(problem["hint"].as_str().unwrap().contains("switchboard"), "{problem}");
    rest.refused("GET", "/api/status/nobody", &Value::Null, 404);
}

#[test]
fn goals_and_tasks_are_those_of_the_command_line_and_writes_are_read_back() {
    let rest = Rest::new(None);
    let made = json!({"description": "Third", "priority": "low", "repos": ["r"], "metadata": {"k": 1}});
    let made = rest.done("POST", "/api/goals", made, "goal");
    let id = made["goal"]["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["goal"]["status"], &made["goal"]["metadata"]), (&json!("planned"), &json!({"k": 1})));
    let subtasks = json!({"subtasks": [{"description": "a"}, {"description": "b", "dependencies": [0]}]});
    let added = rest.done("POST", &format!("/api/goals/{id}/tasks"), subtasks, "tasks");
    assert_eq!((&added["tasks_added"], &added["goal_status"]), (&json!(2), &json!("in_progress")));
    let path = format!("/api/goals/{id}");
    let tasks = rest.get(&path)["tasks"].clone();
    let task = |at: usize| tasks[at]["id"].as_str().unwrap().to_owned();
    let failed = json!({"status": "failed", "result": {"why": "x"}});
    let failed = rest.done("PUT", &format!("/api/tasks/{}/status", task(0)), failed, "task");
    assert_eq!(failed["task"]["result"], json!({"why": "x"}));
    rest.done("PATCH", &format!("/api/tasks/{}", task(1)), json!({"status": "blocked"}), "task");
    let described = rest.done("PATCH", &format!("/api/tasks/{}", task(1)), json!({"description": "c"}), "task");
    assert_eq!((&described["task"]["description"], &described["task"]["status"]), (&json!("c"), &json!("blocked")));
    rest.done("PATCH", &path, json!({"description": "Third, again", "metadata": {"l": 2}}), "goal");

    let shown = rest.board.cli_json(&["goal", "show", &id]);
    let one = rest.get(&path);
    assert_eq!((&one["tasks"], &one["task_count"]), (&shown["task_details"], &json!(2)));
    for key in ["id", "description", "priority", "status", "repos", "metadata", "created_at", "progress", "version"] {
        assert_eq!(one["goal"][key], shown[key], "{key}");
    }
    assert_eq!(shown["metadata"], json!({"k": 1, "l": 2}));
    assert_eq!((&one["tasks_by_status"]["failed"], &one["tasks_by_status"]["blocked"]), (&json!(1), &json!(1)));
    let listed = rest.board.cli_json(&["goal", "list"]);
    let list = rest.get("/api/goals/list");
    assert_eq!(
        (&list["goals"], &list["count"], &list["source"]),
        (&listed["goals"], &json!(3), &listed["persistence"])
    );
    assert_eq!(rest.get("/api/goals/list?status=planned")["count"], 1);
    let summary = rest.get("/api/goals");
    assert_eq!(summary["recent_goals"], listed["goals"]);
    assert_eq!(
        summary["summary"]["goals_by_status"],
        json!({"planned": 1, "in_progress": 2, "completed": 0, "cancelled": 0})
    );
    let by_status = json!({"pending": 2, "in_progress": 0, "completed": 0, "failed": 1, "blocked": 1, "cancelled": 0});
    assert_eq!(summary["summary"]["tasks_by_status"], by_status);
    assert_eq!(texts(&summary["active_tasks"], "description"), BTreeSet::from(["build"]));
    assert_eq!(rest.get("/api/tasks/list")["count"], 4);

    rest.refused("DELETE", &format!("/api/tasks/{}", task(0)), &Value::Null, 409);
    let gone = rest.done("DELETE", &format!("/api/tasks/{}?dependents=detach", task(0)), Value::Null, "task deleted");
    assert_eq!((&gone["deleted_task_id"], &gone["goal_id"]), (&json!(task(0)), &json!(id)));
    assert_eq!(rest.get(&path)["task_count"], 1);
    let gone = rest.done("DELETE", &path, Value::Null, "goal deleted");
    assert_eq!((&gone["deleted_goal_id"], &gone["deleted_tasks_count"]), (&json!(id), &json!(1)));
    rest.refused("GET", &path, &Value::Null, 404);
    assert_eq!(rest.board.cli_json(&["goal", "list"])["count"], 2);
    rest.refused("POST", "/api/goals", &json!({"description": " "}), 400);
    rest.refused("POST", "/api/goals", &json!({"priority": "high"}), 400);
    rest.refused("PUT", "/api/tasks/TASK-0001/status", &json!({"status": "done"}), 400);
    rest.refused("PATCH", "/api/tasks/TASK-0001", &json!({"status": "blocked", "description": "both"}), 400);
    rest.refused("PATCH", "/api/tasks/TASK-0001", &json!({}), 400);
}

#[test]
fn keys_are_those_of_the_command_line_and_writes_are_read_back() {
    for (rest, redis) in each() {
        let listed = rest.board.cli_json(&["cache", "keys"]);
        let keys = rest.get("/api/redis/keys");
        let shown: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["key"]).collect();
        assert_eq!(json!(shown), listed["keys"]);
        assert_eq!((&keys["count"], &keys["limited"], &keys["pattern"]), (&json!(3), &json!(false), &json!("*")));
        let few = rest.get("/api/redis/keys?limit=1");
        assert_eq!((&few["count"], &few["limited"]), (&json!(1), &json!(true)));
        for key in ["user:1", "user:2", "other"] {
            let found = rest.get(&format!("/api/redis/key/{key}"));
            assert_eq!(found["value"], rest.board.cli_json(&["cache", "get", key])["value"], "{key}");
            assert_eq!(found["type"], "string");
        }
        let left = rest.get("/api/redis/key/user:1")["ttl"].as_i64().unwrap();
        assert!((900..=1000).contains(&left), "{left}");
        assert_eq!(rest.get("/api/redis/key/other")["ttl"], -1);
        rest.done("POST", "/api/redis/key", json!({"key": "a b", "value": {"n": [1, "2"]}, "ttl": 50}), "key");
        assert_eq!(rest.board.cli_json(&["cache", "get", "a b"])["value"], json!({"n": [1, "2"]}));
        assert!(rest.board.cli_json(&["cache", "ttl", "a b"])["ttl"].as_i64() > Some(0));
        rest.done("DELETE", "/api/redis/key/a%20b", Value::Null, "key");
        assert_eq!(rest.board.cli(&["cache", "get", "a b"]).code, Some(1));
        rest.refused("DELETE", "/api/redis/key/a%20b", &Value::Null, 404);
        rest.refused("GET", "/api/redis/key/a%20b", &Value::Null, 404);
        rest.refused("POST", "/api/redis/key", &json!({"key": "", "value": 1}), 400);
        rest.refused("POST", "/api/redis/flush", &json!({}), 400);
        rest.refused("POST", "/api/redis/flush", &json!({"confirm": false}), 400);
        assert_eq!(rest.get("/api/redis/keys")["count"], 3);
        let stats = rest.get("/api/redis/stats");
        assert!(
            stats["stats"]["keyspace_hits"].as_u64() > Some(0) && stats["stats"]["keyspace_misses"].as_u64() > Some(0)
        );
        assert!(stats["total_keys"].as_u64() >= Some(3), "{stats}");
        let flushed = rest.done("POST", "/api/redis/flush", json!({"confirm": true}), "key");
        assert_eq!(flushed["deleted"], 3);
        assert_eq!(rest.board.cli_json(&["cache", "keys"])["keys"], json!([]));
        // Kept results of tools are other keys, and stay.
        assert!(rest.get("/api/manager/cache")["cache_entries"].as_u64() > Some(0));
        if let Some(mut redis) = redis {
            redis.kill();
            let problem = rest.refused("GET", "/api/redis/keys", &Value::Null, 503);
            assert_eq!((&problem["keys"], &problem["count"]), (&json!([]), &json!(0)));
            rest.refused("GET", "/api/redis/stats", &Value::Null, 503);
            assert_eq!(rest.get("/api/status")["redis"]["connected"], false);
            assert_eq!(rest.get("/api/health")["status"], "degraded");
        }
    }
}

#[test]
fn logs_are_those_of_the_command_line_and_can_be_taken_along_and_cleared() {
    let rest = Rest::new(None);
    let listed = rest.board.cli_json(&["logs", "s", "-n", "500"]);
    let one = rest.get("/api/logs?server=s&lines=500");
    assert_eq!(texts(&one["logs"], "text"), texts(&listed["lines"], "text"));
    let times =
        |list: &Value, key: &str| list.as_array().unwrap().iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(times(&one["logs"], "timestamp"), times(&listed["lines"], "at"));
    let level = |text: &str| {
        let lines = one["logs"].as_array().unwrap();
        lines.iter().find(|line| line["text"] == text).unwrap()["level"].clone()
    };
    let levels = ["ERROR disk is full", "level=warn msg=error", "INFO no error"].map(level);
    assert_eq!(json!(levels), json!(["error", "warn", "info"]));
    let all = rest.get("/api/logs");
    assert!(all["all_servers"].as_object().unwrap().contains_key("off"), "{all}");
    assert!(all["summary"]["total_errors"].as_u64() >= Some(1) && all["summary"]["total_warnings"].as_u64() >= Some(1));
    assert_eq!(rest.get("/api/logs?server=s&lines=1")["logs"].as_array().unwrap().len(), 1);

    let bearer = ("Authorization".to_owned(), format!("Bearer {}", rest.token));
    let file = send(rest.board.address(), "GET", "/api/logs/download/s", &[bearer], b"");
    assert_eq!((file.status, file.header("content-disposition")), (200, Some("attachment; filename=\"s.log\"")));
    let text = file.text();
    assert!(text.contains(" stderr ERROR disk is full\n"), "{text}");
    assert_eq!(text, std::fs::read_to_string(rest.board.data().join("logs/s.log")).unwrap());

    rest.done("DELETE", "/api/logs/s", Value::Null, "log");
    assert_eq!(rest.board.cli_json(&["logs", "s"])["lines"], json!([]));
    assert!(!rest.board.data().join("logs/s.log").exists());
    rest.done("POST", "/api/servers/s/control", json!({"action": "restart"}), "server");
    eventually(SOON, "lines that come after", || {
        rest.get("/api/logs?server=s")["logs"].to_string().contains("ERROR disk is full")
    });
    eventually(SOON, "the deed in the audit", || rest.board.cli_json(&["audit"]).to_string().contains("log_cleared"));
    rest.refused("DELETE", "/api/logs/nobody", &Value::Null, 404);
    rest.refused("GET", "/api/logs/download/nobody", &Value::Null, 404);
    rest.refused("GET", "/api/logs?server=nobody", &Value::Null, 404);
}

#[test]
fn servers_are_told_what_to_do_and_are_so_afterwards() {
    let rest = Rest::new(None);
    let state = |name: &str| rest.board.server(name)["state"].as_str().unwrap().to_owned();
    rest.done("POST", "/api/servers/s/control", json!({"action": "stop"}), "server");
    assert_eq!(state("s"), "stopped");
    assert_eq!(rest.get("/api/status")["servers"]["running"], 3);
    let started = rest.done("POST", "/api/manager/servers/s/start", Value::Null, "server");
    assert_eq!((&started["status"], state("s").as_str()), (&json!("ready"), "ready"));
    let before = rest.board.server("s")["pid"].clone();
    rest.done("POST", "/api/manager/servers/s/restart", Value::Null, "server");
    assert_ne!(rest.board.server("s")["pid"], before);
    let stopped = rest.done("POST", "/api/servers/control-all", json!({"action": "stop"}), "all");
    assert_eq!((&stopped["status"], &stopped["results"]["s"]), (&json!("success"), &json!("stopped")));
    assert_eq!([state("s"), state("twin"), state("off")], ["stopped", "stopped", "disabled"]);
    assert_eq!(rest.get("/api/manager/status")["running_servers"], 0);
    let started = rest.done("POST", "/api/manager/all/start", Value::Null, "all");
    assert_eq!((&started["results"]["twin"], state("twin").as_str()), (&json!("ready"), "ready"));
    // One that cannot start is a warning, and why stands beside it.
    rest.board.rewrite_config("[servers.broken]\ncommand = \"/nothing/here\"\n");
    assert_eq!(rest.ask("POST", "/api/reload", None).0, 200);
    let all = rest.done("POST", "/api/servers/control-all", json!({"action": "start"}), "all");
    assert_eq!(all["status"], "warning");
    assert!(all["results"]["broken"].as_str().unwrap().contains("/nothing/here"), "{all}");
    assert_eq!(rest.get("/api/health")["status"], "unhealthy");
    assert_eq!(rest.get("/api/manager/health")["status"], "unhealthy");
    rest.refused("POST", "/api/servers/control-all", &json!({"action": "kill"}), 400);
    rest.refused("POST", "/api/servers/nobody/control", &json!({"action": "stop"}), 404);
    for (method, path) in [("POST", "/api/manager/servers"), ("DELETE", "/api/manager/servers/broken")] {
        let problem = rest.refused(method, path, &Value::Null, 403);
        assert!(problem["hint"].as_str().unwrap().contains("switchboard "), "{problem}");
    }
}

#[test]
fn calls_are_made_and_counted() {
    let rest = Rest::new(None);
    let echo = |text: &str| json!({"service": "s", "tool_name": "echo", "params": {"text": text}});
    assert_eq!(rest.done("POST", "/api/call-tool", echo("hello"), "call")["data"], "hello");
    rest.refused("POST", "/api/call-tool", &json!({"service": "nobody", "tool_name": "x"}), 404);
    rest.refused("POST", "/api/call-tool", &json!({"service": "s", "tool_name": "x"}), 404);
    let failed = rest.ask(
        "POST",
        "/api/call-tool",
        Some(&json!({"service": "goals", "tool_name": "get_goal", "params": {"goal_id": "GOAL-9999"}})),
    );
    assert_eq!((failed.0, &failed.1["success"]), (200, &json!(false)), "{}", failed.1);
    assert!(failed.1["error"].as_str().unwrap().contains("GOAL-9999"), "{}", failed.1);

    let call = |body: Value| rest.done("POST", "/api/manager/call", body, "call")["data"].clone();
    let pids = ["s", "twin"].map(|name| rest.board.server(name)["pid"].clone());
    assert_eq!(call(json!({"tool_name": "pid", "preferred_server": "twin"})), pids[1]);
    assert_eq!(call(json!({"tool_name": "s.pid", "preferred_server": "twin"})), pids[1]);
    assert_eq!(call(json!({"tool_name": "s__pid"})), pids[0]);
    // The result that is kept is that of the process that was there; without it the new one is asked.
    rest.done("POST", "/api/manager/servers/s/restart", Value::Null, "server");
    let now = rest.board.server("s")["pid"].clone();
    assert_eq!(call(json!({"tool_name": "s.pid", "use_cache": false, "retry": false, "timeout": 30})), now);
    let kept = call(json!({"tool_name": "s.pid"}));
    assert_eq!(kept, pids[0]);
    rest.done("POST", "/api/manager/servers/s/stop", Value::Null, "server");
    assert_eq!(call(json!({"tool_name": "pid", "preferred_server": "s"})), pids[1], "the preferred one is down");
    rest.refused("POST", "/api/call-tool", &echo("x"), 503);
    rest.done("POST", "/api/manager/servers/s/start", Value::Null, "server");
    assert_eq!(call(json!({"tool_name": "s.pid"})), kept);
    let entries = rest.get("/api/manager/cache")["cache_entries"].clone();
    let cleared = rest.done("DELETE", "/api/manager/cache", Value::Null, "cache");
    assert!(entries.as_u64() > Some(0) && cleared["cleared_entries"] == entries, "{entries} {cleared}");
    assert_eq!(rest.get("/api/manager/cache")["cache_entries"], 0);
    assert_ne!(call(json!({"tool_name": "s.pid"})), kept);
    rest.refused("POST", "/api/manager/call", &json!({"tool_name": "nothing"}), 404);
    rest.refused("POST", "/api/manager/call", &json!({"tool_name": "s.pid", "timeout": -1}), 400);
    let slow = json!({"tool_name": "s.sleep", "arguments": {"ms": 60000}, "timeout": 0.05});
    assert_eq!(rest.refused("POST", "/api/manager/call", &slow, 503)["kind"], "timeout");
    counted(&rest);
}

/// The figures are those of the records.
fn counted(rest: &Rest) {
    let recorded = |tool: &str| {
        let calls = rest.board.cli_json(&["logs", "--calls", "-n", "1000"])["calls"].clone();
        let calls = calls.as_array().unwrap().iter();
        let (server, name) = tool.split_once('.').unwrap();
        let calls: Vec<Value> =
            calls.filter(|call| call["server"] == server && call["name"] == name).cloned().collect();
        (calls.len(), calls.iter().filter(|call| call["outcome"] != "ok").count())
    };
    let (metrics, performance) = await_some(SOON, "every call to be recorded", || {
        let (metrics, performance) = (rest.get("/api/metrics"), rest.get("/api/manager/performance"));
        let known = metrics["error_counts"]["s.sleep"] == 1 && performance["tools"]["s.sleep"]["calls"] == 1;
        known.then_some((metrics, performance))
    });
    for tool in ["s.pid", "s.echo", "s.sleep", "twin.count", "goals.get_goal"] {
        let (calls, failed) = recorded(tool);
        assert_eq!(metrics["tool_usage_counts"][tool], calls, "{tool}");
        assert_eq!(metrics["execution_metrics"][tool]["count"], calls, "{tool}");
        assert_eq!(metrics["error_counts"].get(tool).and_then(Value::as_u64).unwrap_or(0), failed as u64, "{tool}");
        let tool = &performance["tools"][tool];
        assert_eq!((&tool["calls"], &tool["failures"]), (&json!(calls), &json!(failed)));
    }
    let number = |key: &str| performance[key].as_f64().unwrap();
    assert_eq!(number("total_requests"), number("successful_requests") + number("failed_requests"));
    assert!(number("response_time_p50") <= number("response_time_p95") && number("response_time_p50") > 0.0);
    let stats = rest.board.cli_json(&["cache", "stats"])["all"].clone();
    for path in ["/api/health", "/api/metrics"] {
        let shown = &rest.get(path)["cache_stats"];
        assert_eq!(
            (&shown["hits"], &shown["misses"], &shown["entries"]),
            (&stats["hits"], &stats["misses"], &stats["entries"])
        );
    }
    let tools = rest.board.cli_json(&["tools"])["tools"].as_array().unwrap().len();
    assert_eq!((&metrics["total_tools"], &metrics["connected_services"]), (&json!(tools), &json!(4)));
    let capability = rest.get("/api/manager/capabilities")["capabilities"]["pid"].clone();
    assert_eq!((&capability["server_list"], &capability["available"]), (&json!(["s", "twin"]), &json!(true)));
}
