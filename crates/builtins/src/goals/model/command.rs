//! What can be asked of the goals: one command, one transaction, all or nothing.
//!
//! It deliberately holds no rules; `decide` does. Tasks and goals are named by id or alias.

use super::rows::{Edge, Estimate, Gate, Goal, Ms, Task};
use super::words::{Dependents, EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Command {
    /// Makes a goal.
    CreateGoal(Box<NewGoal>),
    /// Changes a goal.
    UpdateGoal(Box<GoalChange>),
    /// Deletes a goal with its tasks.
    DeleteGoal {
        /// Which.
        goal: String,
        /// What becomes of tasks of other goals that wait for its tasks.
        dependents: Dependents,
        /// Only if it is at this version.
        expected_version: Option<u64>,
    },
    /// Adds tasks to a goal.
    BreakDown {
        /// Which.
        goal: String,
        /// Its new tasks; they may name each other.
        tasks: Vec<NewTask>,
        /// Only if the goal is at this version.
        expected_version: Option<u64>,
    },
    /// Changes what is known of a task, its status left out.
    EditTask(Box<TaskChange>),
    /// Changes the status of a task.
    SetStatus(StatusChange),
    /// Changes the status of several.
    SetStatuses {
        /// Which.
        changes: Vec<StatusChange>,
        /// Those that can be done are done, the others answered with their reasons; else all or
        /// nothing.
        best_effort: bool,
    },
    /// Deletes a task.
    DeleteTask {
        /// Which.
        task: String,
        /// What becomes of tasks that wait for it.
        dependents: Dependents,
        /// Only if it is at this version.
        expected_version: Option<u64>,
    },
    /// Takes the best task that is ready.
    Claim(ClaimFilter),
    /// Says something of a claimed task.
    Finish(Finish),
    /// Ties two tasks together, or unties them.
    Link {
        /// The first.
        from: String,
        /// The second.
        to: String,
        /// How.
        kind: EdgeKind,
        /// Unties them.
        remove: bool,
    },
    /// Makes, changes, opens or removes a gate.
    SetGate(GateChange),
    /// Takes back what a command did, by doing the opposite.
    Undo {
        /// Its changes, oldest first, as the log has them.
        changes: Vec<Undone>,
    },
    /// Takes in rows from elsewhere.
    Import(Box<Bundle>),
    /// Ends leases that are over.
    Sweep,
}

/// A goal to be made.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NewGoal {
    /// What is wanted.
    pub description: String,
    /// How much it matters.
    pub priority: Priority,
    /// Repositories that it touches.
    pub repos: Vec<Value>,
    /// What clients keep with it.
    pub metadata: Map<String, Value>,
    /// Why it is wanted.
    pub why: Option<String>,
    /// How one knows that it is reached.
    pub acceptance: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// When it should be done.
    pub due: Option<Ms>,
    /// What it may cost.
    pub budget: Map<String, Value>,
    /// Words to find it by.
    pub labels: Vec<String>,
}

/// A change of a goal; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GoalChange {
    /// Which.
    pub goal: String,
    /// Only if it is at this version.
    pub expected_version: Option<u64>,
    /// What is wanted.
    pub description: Option<String>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// Where it is.
    pub status: Option<GoalStatus>,
    /// Repositories that it touches.
    pub repos: Option<Vec<Value>>,
    /// Members to set; null removes one.
    pub metadata: Option<Map<String, Value>>,
}

/// A task to be made.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct NewTask {
    /// What its siblings call it.
    pub reference: Option<String>,
    /// What is to be done.
    pub description: String,
    /// Free text; none: general.
    pub kind: Option<String>,
    /// How much it matters.
    pub priority: Priority,
    /// What it waits for.
    pub dependencies: Vec<Reference>,
    /// The task that it is a part of.
    pub parent: Option<Reference>,
    /// The repository that it touches.
    pub repo: Option<String>,
    /// Its ticket in Jira.
    pub jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    pub estimated_effort: Option<String>,
    /// How long it may take.
    pub estimate: Option<Estimate>,
    /// Tools that it needs.
    pub tools: Vec<Value>,
    /// What must be shown before it counts as done.
    pub checks: Vec<String>,
    /// What whoever claims it must be able to do.
    pub capabilities: Vec<String>,
    /// Words to find it by.
    pub labels: Vec<String>,
    /// What clients keep with it.
    pub metadata: Map<String, Value>,
    /// Not before this moment.
    pub defer_until: Option<Ms>,
    /// After so many ended claims it is failed for good.
    pub attempts_max: Option<u32>,
}

/// A task named in a break-down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Reference {
    /// By what a sibling is called, else by id or alias.
    Name(String),
    /// By the place of a sibling in the list, from 0.
    Index(usize),
}

/// A change of a task; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TaskChange {
    /// Which.
    pub task: String,
    /// Only if it is at this version.
    pub expected_version: Option<u64>,
    /// What is to be done.
    pub description: Option<String>,
    /// Free text.
    pub kind: Option<String>,
    /// How much it matters.
    pub priority: Option<Priority>,
    /// The repository that it touches.
    pub repo: Option<String>,
    /// Its ticket in Jira.
    pub jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    pub estimated_effort: Option<String>,
    /// How long it may take.
    pub estimate: Option<Estimate>,
    /// Not before this moment; 0: at once.
    pub defer_until: Option<Ms>,
    /// What must be shown before it counts as done; those that passed stay passed.
    pub checks: Option<Vec<String>>,
    /// What whoever claims it must be able to do.
    pub capabilities: Option<Vec<String>>,
    /// Words to find it by.
    pub labels: Option<Vec<String>>,
    /// Members to set; null removes one.
    pub metadata: Option<Map<String, Value>>,
}

/// A change of a task's status.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StatusChange {
    /// Which.
    pub task: String,
    /// What it is to be.
    pub status: TaskStatus,
    /// What came of it.
    pub result: Option<Value>,
    /// The token of the claim, where it is claimed.
    pub token: Option<u64>,
    /// Only if it is at this version.
    pub expected_version: Option<u64>,
    /// Checks that passed, by their text.
    pub checks_passed: Vec<String>,
    /// Why it counts as done though a check did not pass.
    pub override_reason: Option<String>,
}

/// Which task somebody would take, and for how long.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ClaimFilter {
    /// Who.
    pub holder: String,
    /// This one.
    pub task: Option<String>,
    /// One of this goal.
    pub goal: Option<String>,
    /// What they can do. A task that needs more is left to others.
    pub capabilities: Vec<String>,
    /// How long without a heartbeat, ms.
    pub lease_ms: Ms,
}

/// What the holder of a claim says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finish {
    /// The task.
    pub task: String,
    /// The token of the claim.
    pub token: u64,
    /// What.
    pub act: Act,
    /// What came of it.
    pub result: Option<Value>,
    /// How far they are.
    pub progress: Option<String>,
    /// Checks that passed, by their text.
    pub checks_passed: Vec<String>,
    /// Why it counts as done though a check did not pass.
    pub override_reason: Option<String>,
}

/// What the holder of a claim does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Act {
    /// Still works on it: the lease begins anew.
    Heartbeat,
    /// Is done.
    Complete,
    /// Could not do it; it is tried again while attempts are left.
    Retry,
    /// Could not do it, and nobody should try again.
    Fail,
    /// Gives it back; no attempt is counted.
    Release,
}

/// A change of a gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GateChange {
    /// The task.
    pub task: String,
    /// Which gate; none: the one named like its kind.
    pub name: Option<String>,
    /// What it waits for; needed for a new one.
    pub kind: Option<GateKind>,
    /// What is known of it now.
    pub state: Option<GateState>,
    /// `time`: when it opens.
    pub opens_at: Option<Ms>,
    /// `goal`: which.
    pub goal: Option<String>,
    /// Past this moment it opens no more.
    pub expires_at: Option<Ms>,
    /// A link, a run, a reason.
    pub note: Option<String>,
    /// Takes the gate away.
    pub remove: bool,
}

/// A change that is to be taken back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undone {
    /// What kind of row.
    pub entity: String,
    /// The row before: what differs from after, or all of it where there is no after.
    pub before: Option<Map<String, Value>>,
    /// The row after.
    pub after: Option<Map<String, Value>>,
}

/// Rows from elsewhere.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Bundle {
    /// Goals; an empty id or a number that is taken is replaced.
    pub goals: Vec<Goal>,
    /// Tasks; an empty number or one that is taken is replaced.
    pub tasks: Vec<Task>,
    /// Edges.
    pub edges: Vec<Edge>,
    /// Gates.
    pub gates: Vec<Gate>,
    /// An edge that cannot be is left out and mentioned; else nothing is taken in.
    pub lenient: bool,
    /// What was noticed while reading.
    pub warnings: Vec<String>,
    /// The other system and what things are called there: a thing that is known already by its
    /// name there is left out.
    pub system: Option<String>,
    /// How many things of each kind were read.
    pub read: BTreeMap<String, usize>,
}
