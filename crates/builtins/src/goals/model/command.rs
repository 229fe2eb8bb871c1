//! What can be asked of the goals: one command, one transaction, all or nothing.
//!
//! It deliberately holds no rules; `decide` does. Tasks and goals are named by id or alias.

use super::rows::{Edge, Estimate, Gate, Goal, Ms, Task};
use super::words::{Act, Dependents, EdgeKind, GateKind, GateState, GoalStatus, Priority, TaskStatus};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A change that somebody asks for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) enum Command {
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
pub(crate) struct NewGoal {
    /// What is wanted.
    pub(crate) description: String,
    /// How much it matters.
    pub(crate) priority: Priority,
    /// Repositories that it touches.
    pub(crate) repos: Vec<Value>,
    /// What clients keep with it.
    pub(crate) metadata: Map<String, Value>,
    /// Why it is wanted.
    pub(crate) why: Option<String>,
    /// How one knows that it is reached.
    pub(crate) acceptance: Vec<String>,
    /// Who answers for it.
    pub(crate) owner: Option<String>,
    /// When it should be done.
    pub(crate) due: Option<Ms>,
    /// What it may cost.
    pub(crate) budget: Map<String, Value>,
    /// Words to find it by.
    pub(crate) labels: Vec<String>,
}

/// A change of a goal; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct GoalChange {
    /// Which.
    pub(crate) goal: String,
    /// Only if it is at this version.
    pub(crate) expected_version: Option<u64>,
    /// What is wanted.
    pub(crate) description: Option<String>,
    /// How much it matters.
    pub(crate) priority: Option<Priority>,
    /// Where it is.
    pub(crate) status: Option<GoalStatus>,
    /// Repositories that it touches.
    pub(crate) repos: Option<Vec<Value>>,
    /// Members to set; null removes one.
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// A task to be made.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct NewTask {
    /// What its siblings call it.
    pub(crate) reference: Option<String>,
    /// What is to be done.
    pub(crate) description: String,
    /// Free text; none: general.
    pub(crate) kind: Option<String>,
    /// How much it matters.
    pub(crate) priority: Priority,
    /// What it waits for.
    pub(crate) dependencies: Vec<Reference>,
    /// The task that it is a part of.
    pub(crate) parent: Option<Reference>,
    /// The repository that it touches.
    pub(crate) repo: Option<String>,
    /// Its ticket in Jira.
    pub(crate) jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    pub(crate) estimated_effort: Option<String>,
    /// How long it may take.
    pub(crate) estimate: Option<Estimate>,
    /// Tools that it needs.
    pub(crate) tools: Vec<Value>,
    /// What must be shown before it counts as done.
    pub(crate) checks: Vec<String>,
    /// What whoever claims it must be able to do.
    pub(crate) capabilities: Vec<String>,
    /// Words to find it by.
    pub(crate) labels: Vec<String>,
    /// What clients keep with it.
    pub(crate) metadata: Map<String, Value>,
    /// Not before this moment.
    pub(crate) defer_until: Option<Ms>,
    /// After so many ended claims it is failed for good.
    pub(crate) attempts_max: Option<u32>,
}

/// A task named in a break-down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) enum Reference {
    /// By what a sibling is called, else by id or alias.
    Name(String),
    /// By the place of a sibling in the list, from 0.
    Index(usize),
}

/// A change of a task; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct TaskChange {
    /// Which.
    pub(crate) task: String,
    /// Only if it is at this version.
    pub(crate) expected_version: Option<u64>,
    /// What is to be done.
    pub(crate) description: Option<String>,
    /// Free text.
    pub(crate) kind: Option<String>,
    /// How much it matters.
    pub(crate) priority: Option<Priority>,
    /// The repository that it touches.
    pub(crate) repo: Option<String>,
    /// Its ticket in Jira.
    pub(crate) jira_ticket: Option<String>,
    /// Free text: `3d`, `5h`, `2w`.
    pub(crate) estimated_effort: Option<String>,
    /// How long it may take.
    pub(crate) estimate: Option<Estimate>,
    /// Not before this moment; 0: at once.
    pub(crate) defer_until: Option<Ms>,
    /// What must be shown before it counts as done; those that passed stay passed.
    pub(crate) checks: Option<Vec<String>>,
    /// What whoever claims it must be able to do.
    pub(crate) capabilities: Option<Vec<String>>,
    /// Words to find it by.
    pub(crate) labels: Option<Vec<String>>,
    /// Members to set; null removes one.
    pub(crate) metadata: Option<Map<String, Value>>,
}

/// A change of a task's status.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct StatusChange {
    /// Which.
    pub(crate) task: String,
    /// What it is to be.
    pub(crate) status: TaskStatus,
    /// What came of it.
    pub(crate) result: Option<Value>,
    /// The token of the claim, where it is claimed.
    pub(crate) token: Option<u64>,
    /// Only if it is at this version.
    pub(crate) expected_version: Option<u64>,
    /// Checks that passed, by their text.
    pub(crate) checks_passed: Vec<String>,
    /// Why it counts as done though a check did not pass.
    pub(crate) override_reason: Option<String>,
}

/// Which task somebody would take, and for how long.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct ClaimFilter {
    /// Who.
    pub(crate) holder: String,
    /// This one.
    pub(crate) task: Option<String>,
    /// One of this goal.
    pub(crate) goal: Option<String>,
    /// What they can do. A task that needs more is left to others.
    pub(crate) capabilities: Vec<String>,
    /// How long without a heartbeat, ms.
    pub(crate) lease_ms: Ms,
}

/// What the holder of a claim says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Finish {
    /// The task.
    pub(crate) task: String,
    /// The token of the claim.
    pub(crate) token: u64,
    /// What.
    pub(crate) act: Act,
    /// What came of it.
    pub(crate) result: Option<Value>,
    /// How far they are.
    pub(crate) progress: Option<String>,
    /// Checks that passed, by their text.
    pub(crate) checks_passed: Vec<String>,
    /// Why it counts as done though a check did not pass.
    pub(crate) override_reason: Option<String>,
}

/// A change of a gate.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct GateChange {
    /// The task.
    pub(crate) task: String,
    /// Which gate; none: the one named like its kind.
    pub(crate) name: Option<String>,
    /// What it waits for; needed for a new one.
    pub(crate) kind: Option<GateKind>,
    /// What is known of it now.
    pub(crate) state: Option<GateState>,
    /// `time`: when it opens.
    pub(crate) opens_at: Option<Ms>,
    /// `goal`: which.
    pub(crate) goal: Option<String>,
    /// Past this moment it opens no more.
    pub(crate) expires_at: Option<Ms>,
    /// A link, a run, a reason.
    pub(crate) note: Option<String>,
    /// Takes the gate away.
    pub(crate) remove: bool,
}

/// A change that is to be taken back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Undone {
    /// What kind of row.
    pub(crate) entity: String,
    /// The row before: what differs from after, or all of it where there is no after.
    pub(crate) before: Option<Map<String, Value>>,
    /// The row after.
    pub(crate) after: Option<Map<String, Value>>,
}

/// Rows from elsewhere.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Bundle {
    /// Goals; an empty id or a number that is taken is replaced.
    pub(crate) goals: Vec<Goal>,
    /// Tasks; an empty number or one that is taken is replaced.
    pub(crate) tasks: Vec<Task>,
    /// Edges.
    pub(crate) edges: Vec<Edge>,
    /// Gates.
    pub(crate) gates: Vec<Gate>,
    /// An edge that cannot be is left out and mentioned; else nothing is taken in.
    pub(crate) lenient: bool,
    /// What was noticed while reading.
    pub(crate) warnings: Vec<String>,
    /// The other system and what things are called there: a thing that is known already by its
    /// name there is left out.
    pub(crate) system: Option<String>,
    /// How many things of each kind were read.
    pub(crate) read: BTreeMap<String, usize>,
}
