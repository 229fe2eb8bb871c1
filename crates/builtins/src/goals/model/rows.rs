//! What is kept of goals, tasks, edges, gates and claims: one row each, as the log and the tables
//! hold it.
//!
//! It deliberately knows neither how rows change nor what clients see of them (`view`).

use super::words::{EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A moment: milliseconds since 1970, by the clock of the store.
pub type Ms = i64;

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What somebody wants to be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Never given twice, anywhere.
    pub id: String,
    /// The number of its alias (`GOAL-0001`); never given twice by one store.
    pub number: u64,
    /// What is wanted.
    pub description: String,
    /// Where it is.
    pub status: GoalStatus,
    /// How much it matters.
    pub priority: Priority,
    /// Repositories that it touches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repos: Vec<Value>,
    /// What clients keep with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Why it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How one knows that it is reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Ms>,
    /// What it may cost (tokens, money, calls), as clients say it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub budget: Map<String, Value>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Ms,
    /// When it changed last.
    pub updated_at: Ms,
    /// When it was completed, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Ms>,
    /// One more with each change.
    pub version: u64,
}

/// A part of a goal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Task {
    /// Never given twice, anywhere.
    pub id: String,
    /// The number of its alias (`TASK-0001`); never given twice by one store.
    pub number: u64,
    /// The goal that it is a part of, by id.
    pub goal: String,
    /// What is to be done.
    pub description: String,
    /// Free text: code, testing, documentation, review, general.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is.
    pub status: TaskStatus,
    /// How much it matters.
    pub priority: Priority,
    /// The repository that it touches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Its ticket in Jira.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_effort: Option<String>,
    /// How long it may take, where somebody said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Tools that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned_tools: Vec<Value>,
    /// What must be shown before it counts as done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// What whoever claims it must be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What it is called in other systems.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
    /// What clients and imports keep with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// How many claims of it ended without its end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// After so many it is failed for good.
    pub attempts_max: u32,
    /// It failed too often to be tried again without a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub poisoned: bool,
    /// Not before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defer_until: Option<Ms>,
    /// The task whose success made this one needless, by id (`on_failure`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_by: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it counts as done though a check did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
    /// When it was made.
    pub created_at: Ms,
    /// When it changed last.
    pub updated_at: Ms,
    /// When work on it began, while it is worked on or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Ms>,
    /// When it was completed, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Ms>,
    /// One more with each change.
    pub version: u64,
}

/// How long a task may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Half of such tasks take no longer, hours.
    pub p50: f64,
    /// Nine of ten take no longer, hours.
    pub p90: f64,
}

/// Something that must be shown before a task counts as done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub text: String,
    /// When it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_at: Option<Ms>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_by: Option<String>,
}

/// Two tasks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The first, by id.
    pub from: String,
    /// The second, by id.
    pub to: String,
    /// How.
    #[serde(rename = "type")]
    pub kind: EdgeKind,
}

/// Something outside that a task waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The task, by id.
    pub task: String,
    /// Which of the task's gates.
    pub name: String,
    /// What it waits for.
    pub kind: GateKind,
    /// What was said of it last.
    pub state: GateState,
    /// `time`: when it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<Ms>,
    /// `goal`: which, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// Past this moment a waiting gate opens no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Ms>,
    /// A link, a run, a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// One more with each change.
    pub version: u64,
}

/// A lease on a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The task, by id.
    pub task: String,
    /// Who works on it, by the name that they gave.
    pub holder: String,
    /// Greater than that of every earlier claim of any task.
    pub token: u64,
    /// When the lease ends.
    pub expires_at: Ms,
    /// When the holder was heard last.
    pub heartbeat_at: Ms,
    /// How long a heartbeat makes it last, ms.
    pub lease_ms: Ms,
    /// What the holder said of their progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
}

/// Numbers that are never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// The greatest number of a goal.
    pub goal: u64,
    /// The greatest number of a task.
    pub task: u64,
    /// The greatest token of a claim.
    pub token: u64,
}

// === impl Goal ===

impl Goal {
    /// `GOAL-0001`.
    #[must_use]
    pub fn alias(&self) -> String {
        format!("GOAL-{:04}", self.number)
    }
}

// === impl Task ===

impl Task {
    /// `TASK-0001`.
    #[must_use]
    pub fn alias(&self) -> String {
        format!("TASK-{:04}", self.number)
    }
}

// === impl Gate ===

impl Gate {
    /// Whether it lets its task go on at `now`. A gate that waits for a goal is asked elsewhere,
    /// since it needs the goal.
    #[must_use]
    pub fn is_open(&self, now: Ms) -> bool {
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
    pub fn will_open(&self) -> Option<Ms> {
        let waits = self.state == GateState::Waiting && self.kind == GateKind::Time;
        self.opens_at.filter(|opens| waits && self.expires_at.is_none_or(|end| *opens <= end))
    }
}
