//! Many processes on one state at once, each a `switchboard serve` of its own as clients start them.

use super::State;
use e2e::{Home, Talk};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Processes that claim.
const CLAIMERS: usize = 64;
/// Tasks that they claim.
const TASKS: usize = 8;
/// Processes that write memories, and how many each.
const WRITERS: usize = 8;
const MEMORIES: usize = 15;
/// How often a busy store is asked again.
const BUSY_MAX: usize = 20;

/// `switchboard serve NAME` on stdio, ready for calls.
struct Served {
    talk: Talk,
    calls: u64,
    /// What the last call asked.
    asked: (String, Value),
}

// === impl Served ===

impl Served {
    fn start(home: &Home, server: &str) -> Talk {
        let mut command = home.command();
        command.arg("--config").arg(home.config()).args(["serve", server]);
        Talk::start(command)
    }

    /// Waits until it answers, after all were started.
    fn greeted(mut talk: Talk) -> Self {
        let hello = json!({"protocolVersion": e2e::LEGACY, "capabilities": {}, "clientInfo": {"name": "crowd", "version": "1"}});
        talk.say(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}).to_string());
        talk.hear("an answer to initialize", |message| message["id"] == 0);
        talk.say(r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#);
        Self { talk, calls: 0, asked: Default::default() }
    }

    fn ask(&mut self, tool: &str, arguments: &Value) {
        self.calls += 1;
        let params = json!({"name": tool, "arguments": arguments});
        let request = json!({"jsonrpc": "2.0", "id": self.calls, "method": "tools/call", "params": params});
        self.talk.say(&request.to_string());
        self.asked = (tool.to_owned(), arguments.clone());
    }

    /// What the last call answered. Where the store was too busy nothing has happened, and it is asked
    /// again, as it says.
    fn answer(&mut self) -> Value {
        for _ in 0..BUSY_MAX {
            let id = self.calls;
            let result = self.talk.hear("an answer to a call", |message| message["id"] == id)["result"].clone();
            let text = result["content"][0]["text"].as_str().unwrap_or_default();
            if result["isError"] != true || !text.contains("\"type\":\"timeout\"") {
                return result;
            }
            let (tool, arguments) = std::mem::take(&mut self.asked);
            self.ask(&tool, &arguments);
        }
        panic!("expected the store to have time for {:?}", self.asked)
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask(tool, arguments);
        let result = self.answer();
        assert_ne!(result["isError"], true, "{tool}: {result}");
        result["structuredContent"].clone()
    }
}

fn crowd(home: &Home, server: &str, count: usize) -> Vec<Served> {
    let started: Vec<Talk> = (0..count).map(|_| Served::start(home, server)).collect();
    started.into_iter().map(Served::greeted).collect()
}

/// Each of the tasks is asked for by several at once, by its name and as "the best that is ready".
#[test]
fn of_many_processes_that_claim_a_task_one_has_it() {
    for state in State::each() {
        let home = state.home("");
        let mut all = crowd(&home, "goals", CLAIMERS);
        let tasks: Vec<Value> = (0..TASKS).map(|number| json!({"description": format!("task {number}")})).collect();
        let goal = all[0].call("create_goal", &json!({"description": "shared"}))["id"].clone();
        all[0].call("break_down_goal", &json!({"goal_id": goal, "subtasks": tasks}));
        let ready = all[0].call("get_next_tasks", &json!({"goal_id": goal}));
        let ids: Vec<Value> = ready["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect();
        assert_eq!(ids.len(), TASKS);

        for (number, one) in all.iter_mut().enumerate() {
            let mut claim = json!({"goal_id": goal, "holder": format!("process {number}"), "lease_seconds": 600});
            if number % 2 == 0 {
                claim["task_id"] = ids[number / 2 % TASKS].clone();
            }
            one.ask("claim_task", &claim);
        }
        let mut winners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, one) in all.iter_mut().enumerate() {
            let result = one.answer();
            let claimed = &result["structuredContent"];
            if result["isError"] != true && claimed["token"].is_number() {
                let task = claimed["task"]["id"].as_str().unwrap_or_default();
                winners.entry(task.to_owned()).or_default().push(number);
            }
        }
        assert_eq!(winners.len(), TASKS, "each task has somebody: {winners:?}");
        assert!(winners.values().all(|winners| winners.len() == 1), "and nobody else: {winners:?}");
    }
}

#[test]
fn many_processes_write_memories_at_once_and_none_is_lost() {
    for state in State::each() {
        let home = state.home("");
        let mut all = crowd(&home, "memory", WRITERS);
        for number in 0..MEMORIES {
            for (writer, one) in all.iter_mut().enumerate() {
                one.ask("save_memory", &json!({"text": format!("fact {number} of writer {writer}"), "tags": ["fact"]}));
            }
            for one in &mut all {
                let result = one.answer();
                assert_eq!(result["structuredContent"]["status"], "saved", "{result}");
            }
        }
        for one in &mut all {
            let page = one.call("get_all_memories", &json!({"limit": 1}));
            assert_eq!(page["total"], WRITERS * MEMORIES);
        }
        let (mut count, mut asked) = (0, json!({"query": "writer", "tags": ["fact"], "limit": 50}));
        loop {
            let found = all[0].call("search_memories", &asked);
            count += found["count"].as_u64().unwrap();
            let Some(cursor) = found["next_cursor"].as_str() else { break };
            asked["cursor"] = json!(cursor);
        }
        assert_eq!(count, u64::try_from(WRITERS * MEMORIES).unwrap());
    }
}
