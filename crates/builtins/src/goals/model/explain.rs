//! Why a task is ready or not, and what is at the root of its waiting.
//!
//! It deliberately changes nothing and proposes nothing that is not in the state.

use super::rows::Ms;
use super::state::{State, TaskAt, TaskSlot};
use super::view;
use super::words::{EdgeKind, GateState, TaskStatus};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::HashSet;

/// Tasks looked at for what is at the root, and for what waits.
const LOOKED_AT_MAX: usize = 20_000;
/// Roots told.
const ROOTS_MAX: usize = 10;

/// Why a task is ready or not.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Explanation {
    /// Its alias.
    pub(crate) task_id: String,
    pub(crate) status: TaskStatus,
    /// It could be claimed now.
    pub(crate) ready: bool,
    /// What holds it up; none when it is ready.
    pub(crate) holds: Vec<Hold>,
    /// Who works on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Option<view::ClaimView>,
    /// Tasks that wait for it, directly or not.
    pub(crate) unblocks: usize,
    /// What to do first so that it becomes ready: tasks that wait for nothing themselves, those
    /// that most wait for first.
    pub(crate) roots: Vec<Root>,
}

/// One thing that holds a task up.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Hold {
    /// `status`, `goal`, `claim`, `task`, `gate`, `deferred`.
    pub(crate) by: &'static str,
    /// Which task, gate or goal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// In words.
    pub(crate) why: String,
    /// It will end by itself then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
}

/// A task at the root of the waiting.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Root {
    pub(crate) task_id: String,
    pub(crate) status: TaskStatus,
    pub(crate) ready: bool,
    /// Tasks that wait for it, directly or not.
    pub(crate) unblocks: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
}

// === impl Explanation ===

impl Explanation {
    /// In one line.
    #[must_use]
    pub(crate) fn summary(&self) -> String {
        if self.ready {
            return "it is ready".to_owned();
        }
        let why: Vec<&str> = self.holds.iter().map(|hold| hold.why.as_str()).collect();
        why.join("; ")
    }
}

/// Why the task is ready or not.
#[must_use]
pub(crate) fn explain(state: &State, at: TaskAt) -> Explanation {
    let Some(slot) = state.task(at) else {
        return Explanation {
            task_id: String::new(),
            status: TaskStatus::Cancelled,
            ready: false,
            holds: Vec::new(),
            claim: None,
            unblocks: 0,
            roots: Vec::new(),
        };
    };
    Explanation {
        task_id: slot.row.alias(),
        status: slot.row.status,
        ready: state.is_ready(at),
        holds: holds(state, slot),
        claim: view::task(state, at).and_then(|task| task.claim),
        unblocks: reach(state, at, true).len(),
        roots: roots(state, at),
    }
}

fn hold(by: &'static str, id: Option<String>, why: String, until: Option<Ms>) -> Hold {
    Hold { by, id, why, until: until.map(view::moment) }
}

fn holds(state: &State, slot: &TaskSlot) -> Vec<Hold> {
    let mut holds = Vec::new();
    let row = &slot.row;
    if let Some(claim) = &slot.claim {
        let why = format!("{} works on it", view::shown(&claim.holder));
        holds.push(hold("claim", None, why, Some(claim.expires_at)));
    } else if row.status != TaskStatus::Pending {
        let more = if row.poisoned {
            format!(" after {} attempts; set it to pending to try again", row.attempts)
        } else {
            String::new()
        };
        holds.push(hold("status", None, format!("it is {}{more}", row.status.word()), None));
    }
    if let Some(goal) = state.goal(slot.goal).filter(|goal| !goal.row.status.is_open()) {
        let why = format!("{} is {}", goal.row.alias(), goal.row.status.word());
        holds.push(hold("goal", Some(goal.row.alias()), why, None));
    }
    let any_met = slot.any_met > 0;
    for (other, kind) in slot.waits_for() {
        let Some(other) = state.task(other) else { continue };
        let met = kind.is_met(other.row.status) || (kind == EdgeKind::WaitsAny && any_met);
        if !met {
            holds.push(hold("task", Some(other.row.alias()), waits(&other.row.alias(), kind, other.row.status), None));
        }
    }
    for gate in &slot.gates {
        let word = view::gate_word(state, gate);
        if word != "open" {
            let note = gate.note.as_deref().map(|note| format!(" ({})", view::shown(note))).unwrap_or_default();
            let why = format!("the {} gate {} is {word}{note}", gate.kind.word(), view::shown(&gate.name));
            let until = gate.will_open().filter(|_| gate.state == GateState::Waiting);
            holds.push(hold("gate", Some(gate.name.clone()), why, until));
        }
    }
    if let Some(until) = row.defer_until.filter(|until| *until > state.now()) {
        holds.push(hold("deferred", None, "it is deferred".to_owned(), Some(until)));
    }
    holds
}

fn waits(alias: &str, kind: EdgeKind, status: TaskStatus) -> String {
    let status = status.word();
    match kind {
        EdgeKind::OnFailure => format!("it is wanted only if {alias} fails; that is {status}"),
        EdgeKind::Parent => format!("its part {alias} is {status}"),
        EdgeKind::WaitsAll => format!("it waits until {alias} has ended; that is {status}"),
        EdgeKind::WaitsAny => format!("it waits until one of several has ended; {alias} is {status}"),
        _ => format!("it waits for {alias}, which is {status}"),
    }
}

/// Tasks that wait for this one (`forward`), or that it waits for, directly or not; those that
/// have ended, and what is beyond them, left out.
fn reach(state: &State, at: TaskAt, forward: bool) -> Vec<TaskAt> {
    let mut found = vec![at];
    let mut seen = HashSet::from([at]);
    let mut next = 0;
    while let Some(one) = found.get(next).copied().filter(|_| seen.len() < LOOKED_AT_MAX) {
        next += 1;
        let Some(slot) = state.task(one) else { continue };
        let others: Vec<TaskAt> = if forward {
            slot.waited_by().map(|(other, _)| other).collect()
        } else {
            slot.waits_for().map(|(other, _)| other).collect()
        };
        for other in others {
            let open = state.task(other).is_some_and(|slot| !slot.row.status.is_done());
            if open && seen.insert(other) {
                found.push(other);
            }
        }
    }
    found.remove(0);
    found
}

fn roots(state: &State, at: TaskAt) -> Vec<Root> {
    let is_root = |one: &TaskAt| {
        state.task(*one).is_some_and(|slot| {
            slot.waits_for().all(|(other, kind)| {
                state.task(other).is_none_or(|other| kind.is_met(other.row.status) || other.row.status.is_done())
            })
        })
    };
    let found: Vec<TaskAt> = reach(state, at, false).into_iter().filter(is_root).take(ROOTS_MAX * 4).collect();
    let mut roots: Vec<(usize, Root)> = Vec::new();
    for one in found {
        let Some(slot) = state.task(one) else { continue };
        let unblocks = reach(state, one, true).len();
        let holder = slot.claim.as_ref().map(|claim| claim.holder.clone());
        let (task_id, status, ready) = (slot.row.alias(), slot.row.status, state.is_ready(one));
        roots.push((unblocks, Root { task_id, status, ready, unblocks, holder }));
    }
    roots.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.task_id.cmp(&other.1.task_id)));
    roots.truncate(ROOTS_MAX);
    roots.into_iter().map(|(_, root)| root).collect()
}
