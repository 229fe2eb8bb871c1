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
pub struct GoalView {
    /// Its alias.
    pub id: String,
    /// Its id, the same in every store.
    pub uid: String,
    pub description: String,
    pub priority: Priority,
    pub status: GoalStatus,
    pub repos: Vec<Value>,
    /// Aliases of its tasks, oldest first.
    pub tasks: Vec<String>,
    pub metadata: Map<String, Value>,
    pub progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub budget: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
    pub created_at: String,
    pub updated_at: String,
    pub completed_at: Option<String>,
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_details: Option<Vec<TaskView>>,
}

/// How many tasks of a goal are where.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Progress {
    pub total: usize,
    pub ready: usize,
    pub pending: u32,
    pub in_progress: u32,
    pub completed: u32,
    pub failed: u32,
    pub blocked: u32,
    pub cancelled: u32,
}

/// A task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TaskView {
    /// Its alias.
    pub id: String,
    /// Its id, the same in every store.
    pub uid: String,
    pub goal_id: String,
    pub description: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub status: TaskStatus,
    pub priority: Priority,
    /// Tasks that must be completed first.
    pub dependencies: Vec<String>,
    pub repo: Option<String>,
    pub jira_ticket: Option<String>,
    pub estimated_effort: Option<String>,
    pub assigned_tools: Vec<Value>,
    pub created_at: String,
    pub updated_at: String,
    pub completed_at: Option<String>,
    pub result: Option<Value>,
    pub version: u64,
    /// It could be claimed now.
    pub ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimView>,
    /// Edges of other types, from here and to here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<CheckView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<EstimateView>,
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub poisoned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defer_until: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// Who works on a task.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClaimView {
    pub holder: String,
    pub expires_at: String,
    pub heartbeat_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
}

/// Another task and how it belongs to this one.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LinkView {
    #[serde(rename = "type")]
    pub kind: EdgeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Something outside that a task waits for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GateView {
    pub name: String,
    pub kind: GateKind,
    /// `waiting`, `open`, `refused` or `expired`.
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Something that must be shown before a task is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CheckView {
    pub text: String,
    pub passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How long a task may take, hours.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EstimateView {
    pub p50: f64,
    pub p90: f64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A view as JSON.
#[must_use]
pub fn value(view: impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or(Value::Null)
}

/// The goal, without its tasks' details.
#[must_use]
pub fn goal(state: &State, at: GoalAt) -> Option<GoalView> {
    state.goal(at).map(|slot| goal_of(state, slot))
}

/// The goal with its tasks' details.
#[must_use]
pub fn goal_with_tasks(state: &State, at: GoalAt) -> Option<GoalView> {
    let slot = state.goal(at)?;
    let mut view = goal_of(state, slot);
    view.task_details = Some(slot.tasks.iter().map(|(_, task)| task_at(state, *task)).collect());
    Some(view)
}

/// The goal of this slot, without its tasks' details.
#[must_use]
pub fn goal_of(state: &State, slot: &GoalSlot) -> GoalView {
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
pub fn task(state: &State, at: TaskAt) -> Option<TaskView> {
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
pub fn gate_word(state: &State, gate: &Gate) -> &'static str {
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
pub fn moment(moment: Ms) -> String {
    when::text(moment)
}

/// A stranger's text within a message: short, and without what a terminal would obey.
#[must_use]
pub fn shown(text: &str) -> String {
    let short: String =
        text.chars().take(SHOWN_CHARS_MAX).map(|letter| if letter.is_control() { '·' } else { letter }).collect();
    let more = if text.chars().nth(SHOWN_CHARS_MAX).is_some() { "…" } else { "" };
    format!("`{short}{more}`")
}

/// Names within a message.
#[must_use]
pub fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut text = names.iter().take(LISTED_MAX).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED_MAX {
        text.push_str(&format!(" and {} more", names.len() - LISTED_MAX));
    }
    text
}
