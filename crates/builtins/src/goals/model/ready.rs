//! What is ready, kept up to date task by task: a query reads the front of a sorted set, it scans
//! nothing.
//!
//! The order has no starvation: a task of a lower priority goes before one of a higher that was
//! made [`PRIORITY_LEAD_MS`] later per level. It deliberately gives out nothing; claims do.

use super::rows::Ms;
use super::state::{GoalAt, ReadyKey, State, TaskAt, TaskSlot};
use super::words::{GateKind, GateState, GoalStatus, TaskStatus};

/// How much earlier a task must have been made to go before one of the next higher priority, ms:
/// seven days.
pub(crate) const PRIORITY_LEAD_MS: Ms = 7 * 24 * 3_600_000;
/// Tasks made within this time count as made together, ms: an hour. Among them goes first what
/// most others wait for.
const TOGETHER_MS: Ms = 3_600_000;

/// Where a task stands in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Not in it.
    #[default]
    Nowhere,
    /// Ready.
    Ready(ReadyKey),
    /// Ready from this moment on.
    At(Ms),
}

impl State {
    /// Moves the clock: what waited for a moment that has come is ready.
    pub(crate) fn tick(&mut self, now: Ms) {
        self.clock = self.clock.max(now);
        while let Some(&(at, task)) = self.timers.first()
            && at <= self.clock
        {
            self.timers.remove(&(at, task));
            if let Some(slot) = self.task_mut(task) {
                slot.place = Place::Nowhere;
            }
            self.settle(task);
        }
    }

    /// What is ready, best first; of one goal, or of all.
    pub(crate) fn ready(&self, goal: Option<GoalAt>) -> impl Iterator<Item = TaskAt> {
        let queue = match goal {
            Some(goal) => self.goal(goal).map(|slot| &slot.ready),
            None => Some(&self.ready),
        };
        queue.into_iter().flatten().map(|key| key.3)
    }

    /// How many tasks are ready.
    #[must_use]
    pub(crate) fn ready_count(&self) -> usize {
        self.ready.len()
    }

    /// Whether a task could be claimed.
    #[must_use]
    pub(crate) fn is_ready(&self, at: TaskAt) -> bool {
        self.task(at).is_some_and(|slot| matches!(slot.place, Place::Ready(_)))
    }

    /// Tasks whose lease ended before `moment`, the one that ended first before the others.
    pub(crate) fn leases_before(&self, moment: Ms) -> impl Iterator<Item = TaskAt> {
        self.leases.range(..(moment, TaskAt(0))).map(|(_, task)| *task)
    }

    /// Puts the task where it belongs in the queue.
    pub(super) fn settle(&mut self, at: TaskAt) {
        let Some(slot) = self.task(at) else { return };
        let place = self.place_of(slot, at);
        if place == slot.place {
            return;
        }
        let goal = slot.goal;
        self.leave(at);
        match place {
            Place::Nowhere => {}
            Place::At(moment) => drop(self.timers.insert((moment, at))),
            Place::Ready(key) => {
                self.ready.insert(key);
                if let Some(goal) = self.goal_mut(goal) {
                    goal.ready.insert(key);
                }
            }
        }
        if let Some(slot) = self.task_mut(at) {
            slot.place = place;
        }
    }

    /// Takes the task out of the queue.
    pub(super) fn leave(&mut self, at: TaskAt) {
        let Some(slot) = self.task_mut(at) else { return };
        let goal = slot.goal;
        match std::mem::take(&mut slot.place) {
            Place::Nowhere => {}
            Place::At(moment) => drop(self.timers.remove(&(moment, at))),
            Place::Ready(key) => {
                self.ready.remove(&key);
                if let Some(goal) = self.goal_mut(goal) {
                    goal.ready.remove(&key);
                }
            }
        }
    }

    fn place_of(&self, slot: &TaskSlot, at: TaskAt) -> Place {
        let goal_open = self.goal(slot.goal).is_some_and(|goal| goal.row.status.is_open());
        let free = slot.row.status == TaskStatus::Pending && slot.claim.is_none();
        if !(goal_open && free && slot.unmet == 0 && (slot.any == 0 || slot.any_met > 0)) {
            return Place::Nowhere;
        }
        let mut from = slot.row.defer_until.unwrap_or(Ms::MIN);
        for gate in &slot.gates {
            match gate.will_open() {
                Some(opens) => from = from.max(opens),
                None if gate.is_open(self.clock) || self.goal_is_reached(gate) => {}
                None => return Place::Nowhere,
            }
        }
        if from > self.clock {
            return Place::At(from);
        }
        let together = slot.row.created_at.div_euclid(TOGETHER_MS);
        let lead = i64::from(slot.row.priority.rank()) * (PRIORITY_LEAD_MS / TOGETHER_MS);
        Place::Ready((together + lead, -i64::from(slot.waiters), slot.row.number, at))
    }

    /// Whether the goal that a gate waits for is completed.
    pub(super) fn goal_is_reached(&self, gate: &super::Gate) -> bool {
        gate.kind == GateKind::Goal
            && gate.state == GateState::Waiting
            && gate.goal.as_deref().and_then(|id| self.goal_of_id(id)).and_then(|at| self.goal(at)).is_some_and(
                |goal| {
                    let end = gate.expires_at.unwrap_or(Ms::MAX);
                    goal.row.status == GoalStatus::Completed && goal.row.completed_at.is_some_and(|at| at <= end)
                },
            )
    }
}
