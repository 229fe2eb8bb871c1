//! The tools that look: plans, reasons, forecasts, history, counts.
//!
//! It deliberately changes nothing, whatever it is asked to imagine.

use super::Desk;
use super::answer::{self, Answer, Anything};
use super::{goals, tasks};
use crate::goals::model::graph::Graph;
use crate::goals::model::schedule::WhatIf;
use crate::goals::model::{Refusal, TaskStatus, explain as reasons, view};
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Changes of one answer, where nothing is said.
const CHANGES: u32 = 50;
/// What chance in forecasts follows from, so that the same question has the same answer.
const SEED: u64 = 20_261_121;
/// The most agents that are imagined.
const AGENTS_MAX: u32 = 10_000;

pub(super) async fn plan(desk: Desk, _context: CallContext, asked: goals::Which) -> Result<Answer<Anything>, Failure> {
    let graph = desk.read(move |state| Ok(Graph::of(state, state.find_goal(&asked.goal_id)?))).await?;
    Ok(Answer::of(view::value(graph.plan())))
}

pub(super) async fn explain(
    desk: Desk,
    _context: CallContext,
    asked: tasks::Which,
) -> Result<Answer<Anything>, Failure> {
    let why = desk.read(move |state| Ok(view::value(reasons(state, state.find_task(&asked.task_id)?)))).await?;
    Ok(Answer::of(why))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Schedule {
    goal_id: String,
    agents: Option<u32>,
    /// What if these were not.
    #[serde(default)]
    without: Vec<String>,
    /// What if: {id: hours}
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    hours: BTreeMap<String, f64>,
}

pub(super) async fn schedule(desk: Desk, _context: CallContext, asked: Schedule) -> Result<Answer<Anything>, Failure> {
    if let Some((task, _)) = asked.hours.iter().find(|(_, hours)| !(0.0..=1_000_000.0).contains(*hours)) {
        return Err(Failure::validation(format!("`hours` of {task} are not 0 to 1 000 000")));
    }
    let agents = asked.agents.map(|agents| agents.clamp(1, AGENTS_MAX) as usize);
    let is_what_if = !asked.without.is_empty() || !asked.hours.is_empty();
    let (graph, what_if) = desk
        .read(move |state| {
            let number = |id: &String| -> Result<u64, Refusal> {
                let at = state.find_task(id)?;
                Ok(state.task(at).map(|slot| slot.row.number).unwrap_or_default())
            };
            let without = asked.without.iter().map(number).collect::<Result<_, Refusal>>()?;
            let hours =
                asked.hours.iter().map(|(id, hours)| Ok((number(id)?, *hours))).collect::<Result<_, Refusal>>()?;
            Ok((Graph::of(state, state.find_goal(&asked.goal_id)?), WhatIf { without, hours }))
        })
        .await?;
    // It takes a while for large goals; nobody else waits for it.
    let reckoned = tokio::task::spawn_blocking(move || {
        let now = graph.schedule(agents, SEED);
        let mut answer = view::value(&now);
        if is_what_if {
            let then = graph.with(&what_if).schedule(agents, SEED);
            let saved = ((now.finish_p50_hours - then.finish_p50_hours) * 100.0).round() / 100.0;
            answer = view::value(&then);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("now_finish_p50_hours".to_owned(), json!(now.finish_p50_hours));
                answer.insert("saved_hours".to_owned(), json!(saved));
            }
        }
        answer
    });
    let answer = reckoned.await.map_err(|_| Failure::new(FailureKind::Unexpected, "the calculation broke off"))?;
    Ok(Answer::of(answer))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct History {
    #[serde(default)]
    after: i64,
    limit: Option<u32>,
    goal_id: Option<String>,
    /// Seq to go back to, with goal_id.
    at: Option<i64>,
}

pub(super) async fn history(desk: Desk, _context: CallContext, asked: History) -> Result<Answer<Anything>, Failure> {
    if let Some(at) = asked.at {
        let Some(id) = asked.goal_id else {
            return Err(Failure::validation("`at` needs `goal_id`").next("say which goal as it was"));
        };
        let state = desk.goals.at(at).await.map_err(answer::failure)?;
        let goal = state.find_goal(&id).map_err(|refusal| answer::failure(refusal.into()))?;
        return Ok(Answer::of(json!({ "seq": at, "goal": view::goal_with_tasks(&state, goal) })));
    }
    let limit = asked.limit.unwrap_or(CHANGES);
    let goal = match asked.goal_id {
        None => None,
        Some(id) => {
            Some(desk.read(move |state| Ok(state.goal(state.find_goal(&id)?).map(|slot| slot.row.id.clone()))).await?)
        }
    };
    let (events, last) = desk.goals.history(asked.after.max(0), limit).await.map_err(answer::failure)?;
    let read_to = events.last().map_or(asked.after, |event| event.seq);
    let of_goal = |event: &&crate::goals::engine::Happened| match &goal {
        None => true,
        Some(goal) => {
            let of = |row: &Option<Map<String, Value>>| {
                let row = row.as_ref()?;
                row.get("goal").or_else(|| row.get("id")).and_then(Value::as_str).map(str::to_owned)
            };
            of(&event.after).or_else(|| of(&event.before)) == *goal
        }
    };
    let changes: Vec<Value> = events.iter().filter(of_goal).map(change).collect();
    Ok(Answer::of(json!({ "changes": changes, "next_after": read_to, "last_seq": last })))
}

/// A change as it is told: the members that changed, from and to.
fn change(event: &crate::goals::engine::Happened) -> Value {
    let (before, after) = (event.before.as_ref(), event.after.as_ref());
    let changed: Map<String, Value> = match (before, after) {
        (Some(before), Some(after)) => {
            let now = |name: &String| after.get(name).cloned().unwrap_or(Value::Null);
            before.iter().map(|(name, was)| (name.clone(), json!([was, now(name)]))).collect()
        }
        (None, Some(row)) | (Some(row), None) => row.clone(),
        (None, None) => Map::new(),
    };
    json!({
        "seq": event.seq, "at": view::moment(event.at_ms), "actor": event.actor, "kind": event.kind,
        "entity": event.entity, "cause": event.cause, "changed": changed,
    })
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Nothing {}

pub(super) async fn status(desk: Desk, _context: CallContext, _asked: Nothing) -> Result<Answer<Anything>, Failure> {
    let current = desk
        .read(|state| {
            let counters = state.counters();
            let of = |status: TaskStatus| state.all_tasks().filter(|slot| slot.row.status == status).count();
            Ok(json!({
                "goals": state.goal_count(), "tasks": state.task_count(), "goal_counter": counters.goal,
                "task_counter": counters.task, "ready": state.ready_count(), "in_progress": of(TaskStatus::InProgress),
                "failed": of(TaskStatus::Failed), "blocked": of(TaskStatus::Blocked), "seq": state.seq,
            }))
        })
        .await?;
    Ok(Answer::of(json!({
        "persistence": desk.database(),
        "current_state": current,
        "agent_config": {
            "max_workers": 1, "timeout": 10, "cache_enabled": true, "lease_seconds": desk.options.lease_seconds,
        },
        "architecture": "an append-only log and its tables in the store; the state in memory is brought up to date before each look",
    })))
}
