//! The tools: the predecessors' fourteen with their names, parameters and result fields
//! (predecessors.md 2.2), the three of the release before, and what leases, gates and plans need.
//!
//! All definitions together stay below 2 500 tokens, so descriptions are one short line. It
//! deliberately decides nothing.

mod answer;
mod exchange;
mod goals;
mod look;
mod sought;
mod tasks;
#[cfg(test)]
mod tests;
mod work;

use super::engine::Goals;
use protocol::CallContext;
use protocol::tools::{Effect, Failure, ResourceTemplate, Tool, ToolServer};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::Future;
use store::Store;

/// `options` of an entry with `builtin = "goals"`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// How long a claim lasts without a heartbeat where its taker says nothing, in seconds; 300.
    pub lease_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { lease_seconds: 300 }
    }
}

/// What the tools stand on.
#[derive(Debug, Clone)]
struct Desk {
    goals: Goals,
    options: Options,
}

/// The server over `store`.
#[must_use]
pub fn server(store: Store, options: Options) -> ToolServer {
    let desk = &Desk { goals: Goals::new(store), options };
    let (reads, writes, destroys) = (Effect::reads(), Effect::writes(), Effect::destroys());
    let server = ToolServer::new(
        "goals",
        "Goals, tasks and who works on them. create_goal, break_down_goal, then claim_task and finish_task. Ids: GOAL-0001, TASK-0001.",
    );
    let server = server
        .tool(tool(desk, "create_goal", writes, "Create a goal.", goals::create))
        .tool(tool(desk, "break_down_goal", writes, "Add tasks to a goal.", goals::break_down))
        .tool(tool(desk, "get_goal", reads, "A goal with its tasks.", goals::get))
        .tool(tool(desk, "list_goals", reads, "Goals, newest first, or about a query.", goals::list))
        .tool(tool(desk, "get_next_tasks", reads, "Tasks ready now, best first.", tasks::next).text_of("tasks"))
        .tool(tool(desk, "update_task_status", writes, "Set a task's status.", tasks::update_status))
        .tool(tool(desk, "delete_task", destroys, "Delete a task.", tasks::delete))
        .tool(tool(desk, "get_task", reads, "A task.", tasks::get))
        .tool(tool(desk, "generate_execution_plan", reads, "Phases of parallel tasks.", look::plan))
        .tool(tool(desk, "delete_goal", destroys, "Delete a goal and its tasks.", goals::delete))
        .tool(tool(desk, "update_goal", writes, "Change a goal.", goals::update))
        .tool(tool(desk, "batch_update_tasks", writes, "Set statuses, all or none.", tasks::batch_update))
        .tool(tool(desk, "batch_get_tasks", reads, "Several tasks.", tasks::batch_get))
        .tool(tool(desk, "get_agent_status", reads, "Counts and settings.", look::status));
    let server = server
        .tool(tool(desk, "update_task", writes, "Change a task.", tasks::edit))
        .tool(tool(desk, "claim_task", writes, "Lease the best ready task.", work::claim))
        .tool(tool(desk, "finish_task", writes, "Report on a claimed task.", work::finish))
        .tool(tool(desk, "link_tasks", writes, "Link two tasks, or unlink.", work::link))
        .tool(tool(desk, "set_gate", writes, "Let a task wait for more, or go on.", work::gate))
        .tool(tool(desk, "explain_task", reads, "Why a task waits.", look::explain))
        .tool(tool(desk, "schedule_goal", reads, "Critical path, finish times, what-if.", look::schedule))
        .tool(tool(desk, "goal_history", reads, "Changes, or a goal as it was.", look::history))
        .tool(tool(desk, "undo_change", writes, "Undo the command of a change.", work::undo));
    server
        .tool(tool(desk, "save_state_to_cache", reads, "Export as JSON lines.", exchange::save))
        .tool(tool(desk, "restore_state_from_cache", writes.idempotent(), "Import.", exchange::restore))
        .tool(tool(desk, "get_cache_status", reads, "Where goals are kept.", exchange::cache_status))
        .resources(resource(desk))
}

fn tool<A, R, D>(
    desk: &Desk,
    name: &'static str,
    effect: Effect,
    description: &'static str,
    function: fn(Desk, CallContext, A) -> D,
) -> Tool
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: Serialize + JsonSchema,
    D: Future<Output = Result<R, Failure>> + Send + 'static,
{
    let desk = desk.clone();
    Tool::new(name, effect, description, move |context, arguments| function(desk.clone(), context, arguments))
}

/// A goal with its tasks, as JSON.
fn resource(desk: &Desk) -> ResourceTemplate {
    let desk = desk.clone();
    ResourceTemplate::new("goal://{id}", "goal", "application/json", move |_context, id: String| {
        let desk = desk.clone();
        async move {
            let shown = goals::shown(&desk, id).await;
            match shown {
                Ok(goal) => Ok(Some(goal.to_string())),
                Err(failure) if failure.kind == protocol::tools::FailureKind::NotFound => Ok(None),
                Err(failure) => Err(failure),
            }
        }
    })
}
