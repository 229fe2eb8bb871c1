//! All goals and tasks in memory, with what follows from them: who waits for whom, what is ready,
//! which leases end when. It moves by [`State::apply`] alone, one change at a time.
//!
//! It deliberately decides nothing and reads no clock: it is told the time.

use super::change::Damage;
use super::order::Order;
use super::ready::Place;
use super::rows::{Claim, Counters, Edge, Gate, Goal, Ms, Task};
use super::words::{EdgeKind, TaskStatus};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Where a goal is kept; means something to the state that gave it only, until the goal is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GoalAt(pub(super) u32);

/// Where a task is kept; means something to the state that gave it only, until the task is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskAt(pub(super) u32);

/// What is ready, best first: urgency, how many wait for it (negative), number.
pub(super) type ReadyKey = (i64, i64, u64, TaskAt);

/// A goal and what hangs on it.
#[derive(Debug)]
pub(crate) struct GoalSlot {
    /// Its row.
    pub(crate) row: Arc<Goal>,
    /// Its tasks by number.
    pub(crate) tasks: BTreeSet<(u64, TaskAt)>,
    /// How many of them are in each status, in the order of [`TaskStatus`].
    pub(super) counts: [u32; TaskStatus::COUNT],
    /// Those that are ready.
    pub(super) ready: BTreeSet<ReadyKey>,
    /// Tasks with a gate that opens when this goal is completed; one entry per gate.
    pub(super) watchers: Vec<TaskAt>,
}

/// A task and what hangs on it.
#[derive(Debug)]
pub(crate) struct TaskSlot {
    /// Its row.
    pub(crate) row: Arc<Task>,
    /// Its goal.
    pub(crate) goal: GoalAt,
    /// Edges that end here: the other end and the kind.
    pub(crate) ins: Vec<(TaskAt, EdgeKind)>,
    /// Edges that begin here: the other end and the kind.
    pub(crate) outs: Vec<(TaskAt, EdgeKind)>,
    /// Who works on it.
    pub(crate) claim: Option<Arc<Claim>>,
    /// Its gates by name.
    pub(crate) gates: Vec<Arc<Gate>>,
    /// Edges, `waits_any` left out, whose other end it still waits for.
    pub(super) unmet: u32,
    /// `waits_any` edges.
    pub(super) any: u32,
    /// Those of them whose other end has ended.
    pub(super) any_met: u32,
    /// How many edges let another task wait for this one.
    pub(super) waiters: u32,
    pub(super) place: Place,
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// How many events of the log are in it.
    pub(crate) seq: u64,
    pub(super) counters: Counters,
    pub(super) goals: Vec<Option<GoalSlot>>,
    pub(super) tasks: Vec<Option<TaskSlot>>,
    pub(super) goal_by_id: HashMap<String, GoalAt>,
    pub(super) goal_by_number: std::collections::BTreeMap<u64, GoalAt>,
    pub(super) task_by_id: HashMap<String, TaskAt>,
    pub(super) task_by_number: HashMap<u64, TaskAt>,
    pub(super) free_goals: Vec<GoalAt>,
    pub(super) free_tasks: Vec<TaskAt>,
    pub(super) order: Order,
    pub(super) ready: BTreeSet<ReadyKey>,
    /// Tasks that become ready by the passing of time.
    pub(super) timers: BTreeSet<(Ms, TaskAt)>,
    /// When leases end.
    pub(super) leases: BTreeSet<(Ms, TaskAt)>,
    /// The latest moment that it was told.
    pub(super) clock: Ms,
    /// Edges are put in without looking for circles: the rows are being loaded.
    pub(super) loading: bool,
}

/// The rows of a state, as the tables hold them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rows {
    /// How many events of the log are in them.
    pub(crate) seq: u64,
    /// Numbers that are never given twice.
    pub(crate) counters: Counters,
    /// Goals.
    pub(crate) goals: Vec<Goal>,
    /// Tasks.
    pub(crate) tasks: Vec<Task>,
    /// Edges.
    pub(crate) edges: Vec<Edge>,
    /// Gates.
    pub(crate) gates: Vec<Gate>,
    /// Claims.
    pub(crate) claims: Vec<Claim>,
}

// === impl State ===

impl State {
    /// The state that `rows` describe.
    ///
    /// # Errors
    /// They do not fit together.
    pub(crate) fn load(rows: Rows, now: Ms) -> Result<Self, Damage> {
        let mut state = Self { loading: true, clock: now, ..Self::default() };
        for goal in rows.goals {
            state.apply(&super::Change::goal(None, Some(goal)))?;
        }
        for task in rows.tasks {
            state.apply(&super::Change::task(None, Some(task)))?;
        }
        for edge in rows.edges {
            state.apply(&super::Change::Edge { edge, added: true })?;
        }
        for gate in rows.gates {
            state.apply(&super::Change::gate(None, Some(gate)))?;
        }
        let arcs = state.arcs();
        state.order.add_arcs(arcs.into_iter()).map_err(|_| Damage("the edges make a circle".to_owned()))?;
        state.loading = false;
        for claim in rows.claims {
            state.apply(&super::Change::claim(None, Some(claim)))?;
        }
        state.seq = rows.seq;
        state.counters = rows.counters;
        Ok(state)
    }

    /// Who stands before whom: tasks before those that wait for them, before their goal, and a
    /// goal before the tasks with a gate that waits for it.
    fn arcs(&self) -> Vec<(u32, u32)> {
        let mut arcs = Vec::new();
        for (slot, at) in self.tasks.iter().zip(0_u32..) {
            let (Some(slot), node) = (slot, TaskAt(at).node()) else { continue };
            arcs.push((node, slot.goal.node()));
            arcs.extend(slot.waits_for().map(|(other, _)| (other.node(), node)));
            arcs.extend(slot.gates.iter().filter_map(|gate| self.watched(gate)).map(|goal| (goal.node(), node)));
        }
        arcs
    }

    /// The rows of this state, in the order of their ids.
    #[must_use]
    pub(crate) fn rows(&self) -> Rows {
        let mut rows = Rows { seq: self.seq, counters: self.counters, ..Rows::default() };
        rows.goals = self.goals.iter().flatten().map(|slot| (*slot.row).clone()).collect();
        for slot in self.tasks.iter().flatten() {
            rows.tasks.push((*slot.row).clone());
            rows.edges.extend(slot.outs.iter().filter_map(|(to, kind)| self.edge(&slot.row.id, *to, *kind)));
            rows.gates.extend(slot.gates.iter().map(|gate| (**gate).clone()));
            rows.claims.extend(slot.claim.as_deref().cloned());
        }
        rows.goals.sort_by(|one, other| one.id.cmp(&other.id));
        rows.tasks.sort_by(|one, other| one.id.cmp(&other.id));
        rows.edges.sort();
        rows.gates.sort_by_key(Gate::key);
        rows.claims.sort_by(|one, other| one.task.cmp(&other.task));
        rows
    }

    fn edge(&self, from: &str, to: TaskAt, kind: EdgeKind) -> Option<Edge> {
        let to = self.task(to)?.row.id.clone();
        Some(Edge { from: from.to_owned(), to, kind })
    }

    /// The goal that is kept there.
    #[must_use]
    pub(crate) fn goal(&self, at: GoalAt) -> Option<&GoalSlot> {
        self.goals.get(at.0 as usize)?.as_ref()
    }

    /// The task that is kept there.
    #[must_use]
    pub(crate) fn task(&self, at: TaskAt) -> Option<&TaskSlot> {
        self.tasks.get(at.0 as usize)?.as_ref()
    }

    /// The goal with this id.
    #[must_use]
    pub(crate) fn goal_of_id(&self, id: &str) -> Option<GoalAt> {
        self.goal_by_id.get(id).copied()
    }

    /// The task with this id.
    #[must_use]
    pub(crate) fn task_of_id(&self, id: &str) -> Option<TaskAt> {
        self.task_by_id.get(id).copied()
    }

    /// All goals, newest first.
    pub(crate) fn goals_newest_first(&self) -> impl Iterator<Item = &GoalSlot> {
        self.goal_by_number.values().rev().filter_map(|at| self.goal(*at))
    }

    /// All tasks, in no order.
    pub(crate) fn all_tasks(&self) -> impl Iterator<Item = &TaskSlot> {
        self.tasks.iter().flatten()
    }

    /// How many goals there are.
    #[must_use]
    pub(crate) fn goal_count(&self) -> usize {
        self.goal_by_id.len()
    }

    /// How many tasks there are.
    #[must_use]
    pub(crate) fn task_count(&self) -> usize {
        self.task_by_id.len()
    }

    /// Numbers that are never given twice.
    #[must_use]
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// The latest moment that it was told.
    #[must_use]
    pub(crate) fn now(&self) -> Ms {
        self.clock
    }

    pub(super) fn task_mut(&mut self, at: TaskAt) -> Option<&mut TaskSlot> {
        self.tasks.get_mut(at.0 as usize)?.as_mut()
    }

    pub(super) fn goal_mut(&mut self, at: GoalAt) -> Option<&mut GoalSlot> {
        self.goals.get_mut(at.0 as usize)?.as_mut()
    }
}

// === impl GoalAt ===

impl GoalAt {
    /// Its node in the order.
    pub(super) fn node(self) -> u32 {
        self.0 * 2 + 1
    }
}

// === impl TaskAt ===

impl TaskAt {
    /// Its node in the order.
    pub(super) fn node(self) -> u32 {
        self.0 * 2
    }
}

// === impl GoalSlot ===

impl GoalSlot {
    /// How many of its tasks are in `status`.
    #[must_use]
    pub(crate) fn count(&self, status: TaskStatus) -> u32 {
        self.counts.get(status as usize).copied().unwrap_or(0)
    }

    /// How many of its tasks are ready.
    #[must_use]
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }
}

// === impl TaskSlot ===

impl TaskSlot {
    /// The tasks that this one waits for, met or not, and how.
    pub(crate) fn waits_for(&self) -> impl Iterator<Item = (TaskAt, EdgeKind)> {
        let ins = self.ins.iter().filter(|(_, kind)| kind.orders() && !kind.is_backward());
        ins.chain(self.outs.iter().filter(|(_, kind)| kind.is_backward())).copied()
    }

    /// The tasks that wait for this one, or did, and how.
    pub(crate) fn waited_by(&self) -> impl Iterator<Item = (TaskAt, EdgeKind)> {
        let outs = self.outs.iter().filter(|(_, kind)| kind.orders() && !kind.is_backward());
        outs.chain(self.ins.iter().filter(|(_, kind)| kind.is_backward())).copied()
    }
}
