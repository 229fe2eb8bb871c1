//! Goals and tasks as people read them.
//!
//! It deliberately asks nothing: it is handed what the tools answered.

use super::text_in;
use crate::printer::{Printer, one_line};
use serde_json::Value;

/// Characters of a text in a list.
const LISTED_CHARS_MAX: usize = 72;
/// Characters of a line that says why.
const WHY_CHARS_MAX: usize = 160;
/// Tasks of a critical path that are told.
const PATH_MAX: usize = 20;

pub(super) fn goals(printer: &Printer, page: &Value) {
    let goals = page["goals"].as_array().map(Vec::as_slice).unwrap_or_default();
    if goals.is_empty() {
        printer.say("there are no goals; `switchboard goal new TEXT` makes one");
        return;
    }
    let row = |goal: &Value| {
        let progress = &goal["progress"];
        let done = format!("{}/{}", progress["completed"], progress["total"]);
        let text = one_line(text_in(goal, "description"), LISTED_CHARS_MAX);
        vec![
            text_in(goal, "id").to_owned(),
            text_in(goal, "status").to_owned(),
            text_in(goal, "priority").to_owned(),
            done,
            text,
        ]
    };
    let rows: Vec<Vec<String>> = goals.iter().map(row).collect();
    printer.table(&["ID", "STATUS", "PRIORITY", "DONE", "GOAL"], &rows);
    if page["count"] != page["shown"] {
        printer.say(&format!("{} of {}; --limit shows more", page["shown"], page["count"]));
    }
}

pub(super) fn goal(printer: &Printer, goal: &Value) {
    let progress = &goal["progress"];
    let head = format!("{}  {}, {}", text_in(goal, "id"), text_in(goal, "status"), text_in(goal, "priority"));
    printer.line(&format!("{head}: {}", one_line(text_in(goal, "description"), WHY_CHARS_MAX)));
    if let Some(why) = goal["why"].as_str() {
        printer.line(&format!("why: {}", one_line(why, WHY_CHARS_MAX)));
    }
    let tasks = goal["task_details"].as_array().map(Vec::as_slice).unwrap_or_default();
    if tasks.is_empty() {
        return;
    }
    printer.line(&format!(
        "{} of {} tasks completed, {} ready",
        progress["completed"], progress["total"], progress["ready"]
    ));
    self::tasks(printer, tasks);
}

pub(super) fn tasks(printer: &Printer, tasks: &[Value]) {
    let row = |task: &Value| {
        let status = match (task["ready"].as_bool(), task["claim"]["holder"].as_str()) {
            (Some(true), _) => "ready".to_owned(),
            (_, Some(holder)) => format!("{} by {}", text_in(task, "status"), one_line(holder, 24)),
            _ => text_in(task, "status").to_owned(),
        };
        let text = one_line(text_in(task, "description"), LISTED_CHARS_MAX);
        vec![
            text_in(task, "id").to_owned(),
            status,
            text_in(task, "priority").to_owned(),
            ids(&task["dependencies"]),
            text,
        ]
    };
    let rows: Vec<Vec<String>> = tasks.iter().map(row).collect();
    printer.table(&["ID", "STATUS", "PRIORITY", "AFTER", "TASK"], &rows);
}

pub(super) fn task(printer: &Printer, task: &Value, why: &Value) {
    tasks(printer, std::slice::from_ref(task));
    for hold in why["holds"].as_array().into_iter().flatten() {
        let until = hold["until"].as_str().map(|until| format!(", until {until}")).unwrap_or_default();
        printer.line(&format!("waits: {}{until}", one_line(text_in(hold, "why"), WHY_CHARS_MAX)));
    }
    for root in why["roots"].as_array().into_iter().flatten() {
        let holder =
            root["holder"].as_str().map(|holder| format!(", held by {}", one_line(holder, 40))).unwrap_or_default();
        printer.line(&format!(
            "first:  {} ({}{holder}), {} wait for it",
            text_in(root, "task_id"),
            text_in(root, "status"),
            root["unblocks"]
        ));
    }
    for check in task["acceptance"].as_array().into_iter().flatten() {
        let mark = if check["passed"] == true { "passed" } else { "open" };
        printer.line(&format!("check:  {mark}: {}", one_line(text_in(check, "text"), WHY_CHARS_MAX)));
    }
    if !task["result"].is_null() {
        printer.line(&format!("result: {}", one_line(&task["result"].to_string(), WHY_CHARS_MAX)));
    }
}

pub(super) fn claim(printer: &Printer, claim: &Value) {
    let task = &claim["task"];
    tasks(printer, std::slice::from_ref(task));
    let id = text_in(task, "id");
    printer.say(&format!(
        "it is yours until {}; then: switchboard goal done {id} --token {}",
        text_in(claim, "expires_at"),
        claim["token"]
    ));
}

pub(super) fn plan(printer: &Printer, plan: &Value, times: &Value) {
    let phases = plan["execution_phases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut rows = Vec::new();
    for phase in phases {
        for task in phase["tasks"].as_array().into_iter().flatten() {
            let text = one_line(text_in(task, "description"), LISTED_CHARS_MAX);
            let id = text_in(task, "id").to_owned();
            rows.push(vec![
                phase["phase"].to_string(),
                id,
                text_in(task, "status").to_owned(),
                ids(&task["dependencies"]),
                text,
            ]);
        }
    }
    if rows.is_empty() {
        printer.say("there is nothing to plan: the goal has no tasks; `switchboard goal add` makes one");
        return;
    }
    printer.table(&["PHASE", "ID", "STATUS", "AFTER", "TASK"], &rows);
    let path: Vec<&str> = times["critical_path"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if path.is_empty() {
        printer.say("everything is done");
        return;
    }
    let more = if path.len() > PATH_MAX { format!(" … {} more", path.len() - PATH_MAX) } else { String::new() };
    let shown = path.iter().take(PATH_MAX).copied().collect::<Vec<_>>().join(" → ");
    printer.line(&format!("critical path: {} h: {shown}{more}", times["critical_hours"]));
    printer.line(&format!(
        "finished in {} h (half of the cases) to {} h (nine of ten) with {} at once; {} h of work in all",
        times["finish_p50_hours"], times["finish_p90_hours"], times["agents"], times["work_hours"]
    ));
    if times["assumed_tasks"].as_u64().is_some_and(|assumed| assumed > 0) {
        printer.say(&format!("of {} tasks nobody said how long they take: an hour is assumed", times["assumed_tasks"]));
    }
}

fn ids(list: &Value) -> String {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}
