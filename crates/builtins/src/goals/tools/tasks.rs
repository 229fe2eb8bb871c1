//! The tools for single tasks and for several.
//!
//! It deliberately leaves claims to `work`.

use super::Desk;
use super::answer::{self, Answer, Anything, Item};
use crate::goals::model::{
    BATCH_MAX, Command, Dependents, Estimate, Priority, Refusal, StatusChange, TaskChange, TaskStatus, view,
};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Ready tasks of one answer, where nothing is said.
const NEXT: u32 = 50;
/// Ready tasks of one answer at most.
const NEXT_MAX: u32 = 1_000;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Next {
    goal_id: Option<String>,
    limit: Option<u32>,
}

/// The best ready tasks, by priority.
pub(super) async fn next(desk: Desk, _context: CallContext, asked: Next) -> Result<Answer<Anything>, Failure> {
    let limit = answer::bounded(asked.limit, NEXT, NEXT_MAX);
    let tasks = desk
        .read(move |state| {
            let goal = asked.goal_id.as_deref().map(|goal| state.find_goal(goal)).transpose()?;
            let mut tasks: Vec<_> = state.ready(goal).take(limit).filter_map(|at| view::task(state, at)).collect();
            // The queue lets nobody wait for ever; among those it puts first, high ones are shown first.
            tasks.sort_by_key(|task| task.priority);
            Ok(view::value(tasks))
        })
        .await?;
    Ok(Answer::of(json!({ "tasks": tasks })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Which {
    pub(super) task_id: String,
}

pub(super) async fn get(desk: Desk, _context: CallContext, asked: Which) -> Result<Answer<Item>, Failure> {
    let task = desk.read(move |state| Ok(view::value(view::task(state, state.find_task(&asked.task_id)?)))).await?;
    Ok(Answer::of(desk.served(task)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateStatus {
    task_id: String,
    status: TaskStatus,
    result: Option<Value>,
    token: Option<u64>,
    #[serde(default)]
    checks_passed: Vec<String>,
    override_reason: Option<String>,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

pub(super) async fn update_status(
    desk: Desk,
    context: CallContext,
    asked: UpdateStatus,
) -> Result<Answer<Item>, Failure> {
    let change = StatusChange {
        task: asked.task_id,
        status: asked.status,
        result: asked.result.map(parsed),
        token: asked.token,
        expected_version: asked.expected_version,
        checks_passed: asked.checks_passed,
        override_reason: asked.override_reason,
    };
    let task = desk.write(&context, Command::SetStatus(change), asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(task)))
}

/// The predecessor took results as JSON in a string: an object or a list in one is meant so.
pub(super) fn parsed(result: Value) -> Value {
    match &result {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or(result)
        }
        _ => result,
    }
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct BatchUpdate {
    /// {task_id,status,result}
    #[schemars(with = "Vec<Map<String, Value>>")]
    updates: Vec<OneUpdate>,
    /// Do what can be done.
    #[serde(default)]
    best_effort: bool,
    idempotency_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneUpdate {
    task_id: String,
    status: TaskStatus,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    token: Option<u64>,
    #[serde(default)]
    checks_passed: Vec<String>,
    #[serde(default)]
    override_reason: Option<String>,
    #[serde(default)]
    expected_version: Option<u64>,
}

pub(super) async fn batch_update(
    desk: Desk,
    context: CallContext,
    asked: BatchUpdate,
) -> Result<Answer<Anything>, Failure> {
    let changes = asked.updates.into_iter().map(|one| StatusChange {
        task: one.task_id,
        status: one.status,
        result: one.result.map(parsed),
        token: one.token,
        expected_version: one.expected_version,
        checks_passed: one.checks_passed,
        override_reason: one.override_reason,
    });
    let command = Command::SetStatuses { changes: changes.collect(), best_effort: asked.best_effort };
    desk.write(&context, command, asked.idempotency_key).await.map(Answer::of)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct BatchGet {
    task_ids: Vec<String>,
}

/// Each id is answered, in the order of asking: the task, or that there is none (S0-12).
pub(super) async fn batch_get(desk: Desk, _context: CallContext, asked: BatchGet) -> Result<Answer<Anything>, Failure> {
    let total = asked.task_ids.len();
    if total > BATCH_MAX {
        return Err(answer::failure(
            Refusal::limit(format!("{total} ids are too many, at most {BATCH_MAX}"), "ask in parts").into(),
        ));
    }
    let (tasks, missing) = desk
        .read(move |state| {
            let (mut tasks, mut missing) = (Vec::new(), Vec::new());
            for id in asked.task_ids {
                match state.find_task(&id) {
                    Ok(at) => tasks.push(view::value(view::task(state, at))),
                    Err(_) => missing.push(id),
                }
            }
            Ok((tasks, missing))
        })
        .await?;
    Ok(Answer::of(json!({ "tasks": tasks, "not_found": missing, "total": total })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Delete {
    task_id: String,
    #[serde(default)]
    dependents: Dependents,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

pub(super) async fn delete(desk: Desk, context: CallContext, asked: Delete) -> Result<Answer<Anything>, Failure> {
    let (dependents, expected_version) = (asked.dependents, asked.expected_version);
    let command = Command::DeleteTask { task: asked.task_id, dependents, expected_version };
    desk.write(&context, command, asked.idempotency_key).await.map(Answer::of)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Edit {
    task_id: String,
    /// description, type, priority, repo, jira_ticket, estimated_effort, estimate, defer_until, acceptance, capabilities, labels, metadata
    #[schemars(with = "Map<String, Value>")]
    changes: Changes,
    expected_version: Option<u64>,
    idempotency_key: Option<String>,
}

/// What may be changed of a task; its names stand in one line of the schema, for the tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    description: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    priority: Option<Priority>,
    repo: Option<String>,
    jira_ticket: Option<String>,
    estimated_effort: Option<String>,
    estimate: Option<Estimate>,
    /// Empty: at once.
    defer_until: Option<String>,
    acceptance: Option<Vec<String>>,
    capabilities: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    metadata: Option<Map<String, Value>>,
}

pub(super) async fn edit(desk: Desk, context: CallContext, asked: Edit) -> Result<Answer<Item>, Failure> {
    let changes = asked.changes;
    let defer_until = match changes.defer_until.as_deref() {
        Some("") => Some(0),
        text => answer::moment("defer_until", text)?,
    };
    let change = TaskChange {
        task: asked.task_id,
        expected_version: asked.expected_version,
        description: changes.description,
        kind: changes.kind,
        priority: changes.priority,
        repo: changes.repo,
        jira_ticket: changes.jira_ticket,
        estimated_effort: changes.estimated_effort,
        estimate: changes.estimate,
        defer_until,
        checks: changes.acceptance,
        capabilities: changes.capabilities,
        labels: changes.labels,
        metadata: changes.metadata,
    };
    let task = desk.write(&context, Command::EditTask(Box::new(change)), asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(task)))
}
