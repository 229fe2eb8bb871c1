//! What clients see of goals and tasks: the predecessors' field names (predecessors.md 6.1) and
//! what is new, in one shape wherever they appear.
//!
//! It deliberately shows no token: that is the holder's.

use super::rows::{Check, Gate, Ms};
use super::state::{GoalAt, GoalSlot, State, TaskAt, TaskSlot};
use super::when;
use super::words::{EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Letters of a stranger's text shown in a message.
const SHOWN_CHARS_MAX: usize = 80;
/// Names listed in a message.
const LISTED_MAX: usize = 10;

/// A goal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GoalView {
    /// Its alias.
    pub(crate) id: String,
    /// Its id, the same in every store.
    pub(crate) uid: String,
    pub(crate) description: String,
    pub(crate) priority: Priority,
    pub(crate) status: GoalStatus,
    pub(crate) repos: Vec<Value>,
    /// Aliases of its tasks, oldest first.
    pub(crate) tasks: Vec<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) acceptance: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) budget: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) external_refs: BTreeMap<String, String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) completed_at: Option<String>,
    pub(crate) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) task_details: Option<Vec<TaskView>>,
}

/// How many tasks of a goal are where.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Progress {
    pub(crate) total: usize,
    pub(crate) ready: usize,
    pub(crate) pending: u32,
    pub(crate) in_progress: u32,
    pub(crate) completed: u32,
    pub(crate) failed: u32,
    pub(crate) blocked: u32,
    pub(crate) cancelled: u32,
}

/// A task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TaskView {
    /// Its alias.
    pub(crate) id: String,
    /// Its id, the same in every store.
    pub(crate) uid: String,
    pub(crate) goal_id: String,
    pub(crate) description: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: TaskStatus,
    pub(crate) priority: Priority,
    /// Tasks that must be completed first.
    pub(crate) dependencies: Vec<String>,
    pub(crate) repo: Option<String>,
    pub(crate) jira_ticket: Option<String>,
    pub(crate) estimated_effort: Option<String>,
    pub(crate) assigned_tools: Vec<Value>,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) completed_at: Option<String>,
    pub(crate) result: Option<Value>,
    pub(crate) version: u64,
    /// It could be claimed now.
    pub(crate) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<ClaimView>,
    /// Edges of other types, from here and to here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<LinkView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) gates: Vec<GateView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) acceptance: Vec<CheckView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) override_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimate: Option<EstimateView>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) attempts: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) poisoned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) defer_until: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) external_refs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
}

/// Who works on a task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ClaimView {
    pub(crate) holder: String,
    pub(crate) expires_at: String,
    pub(crate) heartbeat_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
}

/// Another task and how it belongs to this one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LinkView {
    #[serde(rename = "type")]
    pub(crate) kind: EdgeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
}

/// Something outside that a task waits for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GateView {
    pub(crate) name: String,
    pub(crate) kind: GateKind,
    /// `waiting`, `open`, `refused` or `expired`.
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// Something that must be shown before a task is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CheckView {
    pub(crate) text: String,
    pub(crate) passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// How long a task may take, hours.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct EstimateView {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A view as JSON.
#[must_use]
pub(crate) fn value(view: impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or(Value::Null)
}

/// The goal, without its tasks' details.
#[must_use]
pub(crate) fn goal(state: &State, at: GoalAt) -> Option<GoalView> {
    state.goal(at).map(|slot| goal_of(state, slot))
}

/// The goal with its tasks' details.
#[must_use]
pub(crate) fn goal_with_tasks(state: &State, at: GoalAt) -> Option<GoalView> {
    let slot = state.goal(at)?;
    let mut view = goal_of(state, slot);
    view.task_details = Some(slot.tasks.iter().map(|(_, task)| task_at(state, *task)).collect());
    Some(view)
}

/// The goal of this slot, without its tasks' details.
#[must_use]
pub(crate) fn goal_of(state: &State, slot: &GoalSlot) -> GoalView {
    let row = &slot.row;
    let tasks = slot.tasks.iter().filter_map(|(_, task)| state.task(*task));
    GoalView {
        id: row.alias(),
        uid: row.id.clone(),
        description: row.description.clone(),
        priority: row.priority,
        status: row.status,
        repos: row.repos.clone(),
        tasks: tasks.map(|task| task.row.alias()).collect(),
        metadata: row.metadata.clone(),
        progress: Progress {
            total: slot.tasks.len(),
            ready: slot.ready_count(),
            pending: slot.count(TaskStatus::Pending),
            in_progress: slot.count(TaskStatus::InProgress),
            completed: slot.count(TaskStatus::Completed),
            failed: slot.count(TaskStatus::Failed),
            blocked: slot.count(TaskStatus::Blocked),
            cancelled: slot.count(TaskStatus::Cancelled),
        },
        why: row.why.clone(),
        acceptance: row.acceptance.clone(),
        owner: row.owner.clone(),
        due: row.due.map(moment),
        budget: row.budget.clone(),
        labels: row.labels.clone(),
        external_refs: row.external_refs.clone(),
        created_at: moment(row.created_at),
        updated_at: moment(row.updated_at),
        completed_at: row.completed_at.map(moment),
        version: row.version,
        task_details: None,
    }
}

/// The task.
#[must_use]
pub(crate) fn task(state: &State, at: TaskAt) -> Option<TaskView> {
    state.task(at).map(|_| task_at(state, at))
}

fn task_at(state: &State, at: TaskAt) -> TaskView {
    let slot = state.task(at);
    let row = slot.map(|slot| slot.row.clone()).unwrap_or_default();
    let gates = slot.map(|slot| slot.gates.as_slice()).unwrap_or_default();
    let claim = slot.and_then(|slot| slot.claim.as_ref());
    let goal = slot.and_then(|slot| state.goal(slot.goal)).map(|goal| goal.row.alias()).unwrap_or_default();
    TaskView {
        id: row.alias(),
        uid: row.id.clone(),
        goal_id: goal,
        description: row.description.clone(),
        kind: row.kind.clone(),
        status: row.status,
        priority: row.priority,
        dependencies: slot.map(|slot| dependencies(state, slot)).unwrap_or_default(),
        repo: row.repo.clone(),
        jira_ticket: row.jira_ticket.clone(),
        estimated_effort: row.estimated_effort.clone(),
        assigned_tools: row.assigned_tools.clone(),
        created_at: moment(row.created_at),
        updated_at: moment(row.updated_at),
        completed_at: row.completed_at.map(moment),
        result: row.result.clone(),
        version: row.version,
        ready: state.is_ready(at),
        claim: claim.map(|claim| ClaimView {
            holder: claim.holder.clone(),
            expires_at: moment(claim.expires_at),
            heartbeat_at: moment(claim.heartbeat_at),
            progress: claim.progress.clone(),
        }),
        links: slot.map(|slot| links(state, slot)).unwrap_or_default(),
        gates: gates.iter().map(|gate| gate_of(state, gate)).collect(),
        acceptance: row.checks.iter().map(check).collect(),
        override_reason: row.override_reason.clone(),
        capabilities: row.capabilities.clone(),
        labels: row.labels.clone(),
        estimate: row.estimate.map(|estimate| EstimateView { p50: estimate.p50, p90: estimate.p90 }),
        attempts: row.attempts,
        poisoned: row.poisoned,
        defer_until: row.defer_until.map(moment),
        external_refs: row.external_refs.clone(),
        metadata: row.metadata.clone(),
    }
}

fn alias(state: &State, at: TaskAt) -> String {
    state.task(at).map(|slot| slot.row.alias()).unwrap_or_default()
}

/// What must be completed first, in the order of the numbers.
fn dependencies(state: &State, slot: &TaskSlot) -> Vec<String> {
    let blocking = slot.ins.iter().filter(|(_, kind)| *kind == EdgeKind::Blocks);
    let mut numbers: Vec<u64> = blocking.filter_map(|(at, _)| state.task(*at)).map(|slot| slot.row.number).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| format!("TASK-{number:04}")).collect()
}

fn links(state: &State, slot: &TaskSlot) -> Vec<LinkView> {
    let ins = slot.ins.iter().filter(|(_, kind)| *kind != EdgeKind::Blocks);
    let ins = ins.map(|(at, kind)| LinkView { kind: *kind, from: Some(alias(state, *at)), to: None });
    let outs = slot.outs.iter().map(|(at, kind)| LinkView { kind: *kind, from: None, to: Some(alias(state, *at)) });
    let mut links: Vec<LinkView> = ins.chain(outs).collect();
    links.sort_by(|one, other| (one.kind, &one.from, &one.to).cmp(&(other.kind, &other.from, &other.to)));
    links
}

/// What is to be said of a gate now.
#[must_use]
pub(crate) fn gate_word(state: &State, gate: &Gate) -> &'static str {
    match gate.state {
        GateState::Open => "open",
        GateState::Refused => "refused",
        GateState::Waiting if gate.is_open(state.now()) || state.goal_is_reached(gate) => "open",
        GateState::Waiting if gate.expires_at.is_some_and(|end| end <= state.now()) => "expired",
        GateState::Waiting => "waiting",
    }
}

fn gate_of(state: &State, gate: &Gate) -> GateView {
    let goal = gate.goal.as_deref().and_then(|id| state.goal_of_id(id)).and_then(|at| state.goal(at));
    GateView {
        name: gate.name.clone(),
        kind: gate.kind,
        state: gate_word(state, gate),
        opens_at: gate.opens_at.map(moment),
        goal_id: goal.map(|goal| goal.row.alias()),
        expires_at: gate.expires_at.map(moment),
        note: gate.note.clone(),
    }
}

fn check(check: &Check) -> CheckView {
    CheckView { text: check.text.clone(), passed: check.passed_at.is_some(), by: check.passed_by.clone() }
}

/// A moment as clients see it.
#[must_use]
pub(crate) fn moment(moment: Ms) -> String {
    when::text(moment)
}

/// A stranger's text within a message: short, and without what a terminal would obey.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    let short: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|letter| if letter.is_control() { '·' } else { letter }).collect();
    let more = if text.chars().nth(SHOWN_CHARS_MAX).is_some() { "…" } else { "" };
    format!("`{short}{more}`")
}

/// Names within a message.
#[must_use]
pub(crate) fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(LISTED_MAX).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED_MAX {
        text.push_str(&format!(" and {} more", names.len() - LISTED_MAX));
    }
    text
}
