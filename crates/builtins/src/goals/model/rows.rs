//! What is kept of goals, tasks, edges, gates and claims: one row each, as the log and the tables
//! hold it.
//!
//! It deliberately knows neither how rows change nor what clients see of them (`view`).

use super::words::{EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A moment: milliseconds since 1970, by the clock of the store.
pub(crate) type Ms = i64;

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What somebody wants to be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// Never given twice, anywhere.
    pub(crate) id: String,
    /// The number of its alias (`GOAL-0001`); never given twice by one store.
    pub(crate) number: u64,
    /// What is wanted.
    pub(crate) description: String,
    /// Where it is.
    pub(crate) status: GoalStatus,
    /// How much it matters.
    pub(crate) priority: Priority,
    /// Repositories that it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) repos: Vec<Value>,
    /// What clients keep with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    /// Why it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// How one knows that it is reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) acceptance: Vec<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    /// When it should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<Ms>,
    /// What it may cost (tokens, money, calls), as clients say it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) budget: Map<String, Value>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) external_refs: BTreeMap<String, String>,
    /// When it was made.
    pub(crate) created_at: Ms,
    /// When it changed last.
    pub(crate) updated_at: Ms,
    /// When it was completed, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) completed_at: Option<Ms>,
    /// One more with each change.
    pub(crate) version: u64,
}

/// A part of a goal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Never given twice, anywhere.
    pub(crate) id: String,
    /// The number of its alias (`TASK-0001`); never given twice by one store.
    pub(crate) number: u64,
    /// The goal that it is a part of, by id.
    pub(crate) goal: String,
    /// What is to be done.
    pub(crate) description: String,
    /// Free text: code, testing, documentation, review, general.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Where it is.
    pub(crate) status: TaskStatus,
    /// How much it matters.
    pub(crate) priority: Priority,
    /// The repository that it touches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repo: Option<String>,
    /// Its ticket in Jira.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) estimated_effort: Option<String>,
    /// How long it may take, where somebody said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) estimate: Option<Estimate>,
    /// Tools that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) assigned_tools: Vec<Value>,
    /// What must be shown before it counts as done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<Check>,
    /// What whoever claims it must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) labels: Vec<String>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) external_refs: BTreeMap<String, String>,
    /// What clients and imports keep with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    /// How many claims of it ended without its end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) attempts: u32,
    /// After so many it is failed for good.
    pub(crate) attempts_max: u32,
    /// It failed too often to be tried again without a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) poisoned: bool,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) defer_until: Option<Ms>,
    /// The task whose success made this one needless, by id (`on_failure`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skipped_by: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Value>,
    /// Why it counts as done though a check did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) override_reason: Option<String>,
    /// When it was made.
    pub(crate) created_at: Ms,
    /// When it changed last.
    pub(crate) updated_at: Ms,
    /// When work on it began, while it is worked on or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started_at: Option<Ms>,
    /// When it was completed, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) completed_at: Option<Ms>,
    /// One more with each change.
    pub(crate) version: u64,
}

/// How long a task may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// Half of such tasks take no longer, hours.
    pub(crate) p50: f64,
    /// Nine of ten take no longer, hours.
    pub(crate) p90: f64,
}

/// Something that must be shown before a task counts as done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What.
    pub(crate) text: String,
    /// When it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passed_at: Option<Ms>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) passed_by: Option<String>,
}

/// Two tasks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Edge {
    /// The first, by id.
    pub(crate) from: String,
    /// The second, by id.
    pub(crate) to: String,
    /// How.
    #[serde(rename = "type")]
    pub(crate) kind: EdgeKind,
}

/// Something outside that a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gate {
    /// The task, by id.
    pub(crate) task: String,
    /// Which of the task's gates.
    pub(crate) name: String,
    /// What it waits for.
    pub(crate) kind: GateKind,
    /// What was said of it last.
    pub(crate) state: GateState,
    /// `time`: when it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opens_at: Option<Ms>,
    /// `goal`: which, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<String>,
    /// Past this moment a waiting gate opens no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Ms>,
    /// A link, a run, a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// One more with each change.
    pub(crate) version: u64,
}

/// A lease on a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The task, by id.
    pub(crate) task: String,
    /// Who works on it, by the name that they gave.
    pub(crate) holder: String,
    /// Greater than that of every earlier claim of any task.
    pub(crate) token: u64,
    /// When the lease ends.
    pub(crate) expires_at: Ms,
    /// When the holder was heard last.
    pub(crate) heartbeat_at: Ms,
    /// How long a heartbeat makes it last, ms.
    pub(crate) lease_ms: Ms,
    /// What the holder said of their progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<String>,
}

/// Numbers that are never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// The greatest number of a goal.
    pub(crate) goal: u64,
    /// The greatest number of a task.
    pub(crate) task: u64,
    /// The greatest token of a claim.
    pub(crate) token: u64,
}

// === impl Goal ===

impl Goal {
    /// `GOAL-0001`.
    #[must_use]
    pub(crate) fn alias(&self) -> String {
        format!("GOAL-{:04}", self.number)
    }
}

// === impl Task ===

impl Task {
    /// `TASK-0001`.
    #[must_use]
    pub(crate) fn alias(&self) -> String {
        format!("TASK-{:04}", self.number)
    }
}

// === impl Gate ===

impl Gate {
    /// Whether it lets its task go on at `now`. A gate that waits for a goal is asked elsewhere,
    /// since it needs the goal.
    #[must_use]
    pub(crate) fn is_open(&self, now: Ms) -> bool {
        match self.state {
            GateState::Open => true,
            GateState::Refused => false,
            GateState::Waiting => {
                self.kind == GateKind::Time
                    && self.opens_at.is_some_and(|opens| opens <= now && self.expires_at.is_none_or(|end| opens <= end))
            }
        }
    }

    /// When it will open by itself, where that is known.
    #[must_use]
    pub(crate) fn will_open(&self) -> Option<Ms> {
        let waits = self.state == GateState::Waiting && self.kind == GateKind::Time;
        self.opens_at.filter(|opens| waits && self.expires_at.is_none_or(|end| *opens <= end))
    }
}
