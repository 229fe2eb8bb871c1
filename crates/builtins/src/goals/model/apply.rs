//! How one change moves the state. Each costs what the change touches: its row, its edges, and
//! the tasks at their other ends.
//!
//! It deliberately trusts no log: a change that does not fit is damage, never a panic.

use super::change::{Change, Damage, Pair};
use super::rows::{Claim, Edge, Gate, Goal, Task};
use super::state::{GoalAt, GoalSlot, State, TaskAt, TaskSlot};
use super::words::{EdgeKind, GateKind, TaskStatus};
use std::collections::BTreeSet;
use std::sync::Arc;

impl State {
    /// Moves the state by one change.
    ///
    /// # Errors
    /// The change does not fit what is there; what it would have changed is as it was.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Damage> {
        match change {
            Change::Goal(pair) => self.apply_goal(pair),
            Change::Task(pair) => self.apply_task(pair),
            Change::Gate(pair) => self.apply_gate(pair),
            Change::Claim(pair) => self.apply_claim(pair),
            Change::Edge { edge, added } => self.apply_edge(edge, *added),
        }
    }

    fn apply_goal(&mut self, pair: &Pair<Goal>) -> Result<(), Damage> {
        let Some(after) = &pair.after else {
            return match &pair.before {
                Some(before) => self.remove_goal(before),
                None => Err(Damage("a change of no goal".to_owned())),
            };
        };
        let Some(at) = self.goal_of_id(&after.id) else { return self.add_goal(after) };
        let Some(slot) = self.goal_mut(at) else { return Err(missing("goal", &after.id)) };
        if slot.row.number != after.number {
            return Err(Damage(format!("{} changed its number", after.id)));
        }
        let (was, is) = (slot.row.status, after.status);
        slot.row = after.clone();
        if was.is_open() != is.is_open() {
            let tasks: Vec<TaskAt> = slot.tasks.iter().map(|(_, task)| *task).collect();
            tasks.into_iter().for_each(|task| self.settle(task));
        }
        if was != is {
            let watchers = self.goal(at).map(|slot| slot.watchers.clone()).unwrap_or_default();
            watchers.into_iter().for_each(|task| self.settle(task));
        }
        Ok(())
    }

    fn add_goal(&mut self, row: &Arc<Goal>) -> Result<(), Damage> {
        if self.goal_by_number.contains_key(&row.number) {
            return Err(Damage(format!("two goals have the number {}", row.number)));
        }
        let slot = GoalSlot {
            row: row.clone(),
            tasks: BTreeSet::new(),
            counts: [0; TaskStatus::COUNT],
            ready: BTreeSet::new(),
            watchers: Vec::new(),
        };
        let at = self.free_goals.pop().unwrap_or(GoalAt(size(self.goals.len())));
        put(&mut self.goals, at.0, slot);
        self.order.add_node(at.node());
        self.goal_by_id.insert(row.id.clone(), at);
        self.goal_by_number.insert(row.number, at);
        self.counters.goal = self.counters.goal.max(row.number);
        Ok(())
    }

    fn remove_goal(&mut self, row: &Goal) -> Result<(), Damage> {
        let at = self.goal_of_id(&row.id).ok_or_else(|| missing("goal", &row.id))?;
        if self.goal(at).is_some_and(|slot| !slot.tasks.is_empty() || !slot.watchers.is_empty()) {
            return Err(Damage(format!("{} is gone before its tasks", row.id)));
        }
        take(&mut self.goals, at.0);
        self.goal_by_id.remove(&row.id);
        self.goal_by_number.remove(&row.number);
        self.free_goals.push(at);
        Ok(())
    }

    fn apply_task(&mut self, pair: &Pair<Task>) -> Result<(), Damage> {
        let Some(after) = &pair.after else {
            return match &pair.before {
                Some(before) => self.remove_task(before),
                None => Err(Damage("a change of no task".to_owned())),
            };
        };
        let Some(at) = self.task_of_id(&after.id) else { return self.add_task(after) };
        let Some(slot) = self.task_mut(at) else { return Err(missing("task", &after.id)) };
        if slot.row.number != after.number || slot.row.goal != after.goal {
            return Err(Damage(format!("{} changed its number or its goal", after.id)));
        }
        let (was, is, goal) = (slot.row.status, after.status, slot.goal);
        slot.row = after.clone();
        if was != is {
            self.count(goal, was, is);
            self.tell_waiters(at, was, is);
        }
        self.settle(at);
        Ok(())
    }

    fn add_task(&mut self, row: &Arc<Task>) -> Result<(), Damage> {
        let goal = self.goal_of_id(&row.goal).ok_or_else(|| missing("goal", &row.goal))?;
        if self.task_by_number.contains_key(&row.number) {
            return Err(Damage(format!("two tasks have the number {}", row.number)));
        }
        let slot = TaskSlot {
            row: row.clone(),
            goal,
            ins: Vec::new(),
            outs: Vec::new(),
            claim: None,
            gates: Vec::new(),
            unmet: 0,
            any: 0,
            any_met: 0,
            waiters: 0,
            place: super::ready::Place::Nowhere,
        };
        let at = self.free_tasks.pop().unwrap_or(TaskAt(size(self.tasks.len())));
        put(&mut self.tasks, at.0, slot);
        self.order.add_node(at.node());
        if !self.loading {
            // Nothing waits for a new task and it is in no gate's way, so this closes no circle.
            let _new = self.order.add_arc(at.node(), goal.node());
        }
        self.task_by_id.insert(row.id.clone(), at);
        self.task_by_number.insert(row.number, at);
        self.counters.task = self.counters.task.max(row.number);
        if let Some(goal) = self.goal_mut(goal) {
            goal.tasks.insert((row.number, at));
            goal.counts[row.status as usize] += 1;
        }
        self.settle(at);
        Ok(())
    }

    fn remove_task(&mut self, row: &Task) -> Result<(), Damage> {
        let at = self.task_of_id(&row.id).ok_or_else(|| missing("task", &row.id))?;
        let Some(slot) = self.task(at) else { return Err(missing("task", &row.id)) };
        let (goal, status) = (slot.goal, slot.row.status);
        if slot.claim.is_some() || !(slot.gates.is_empty() && slot.ins.is_empty() && slot.outs.is_empty()) {
            return Err(Damage(format!("{} is gone before what hangs on it", row.id)));
        }
        self.leave(at);
        self.order.remove_arc(at.node(), goal.node());
        if let Some(goal) = self.goal_mut(goal) {
            goal.tasks.remove(&(row.number, at));
            goal.counts[status as usize] -= 1;
        }
        take(&mut self.tasks, at.0);
        self.task_by_id.remove(&row.id);
        self.task_by_number.remove(&row.number);
        self.free_tasks.push(at);
        Ok(())
    }

    fn count(&mut self, goal: GoalAt, was: TaskStatus, is: TaskStatus) {
        if let Some(goal) = self.goal_mut(goal) {
            goal.counts[was as usize] -= 1;
            goal.counts[is as usize] += 1;
        }
    }

    /// A task went from one status to another: those that wait for it may wait no longer, or again.
    fn tell_waiters(&mut self, at: TaskAt, was: TaskStatus, is: TaskStatus) {
        let waiting: Vec<_> = self.task(at).map(|slot| slot.waited_by().collect()).unwrap_or_default();
        for (waiter, kind) in waiting {
            let (before, after) = (kind.is_met(was), kind.is_met(is));
            if before == after {
                continue;
            }
            if let Some(slot) = self.task_mut(waiter) {
                match (kind, after) {
                    (EdgeKind::WaitsAny, true) => slot.any_met += 1,
                    (EdgeKind::WaitsAny, false) => slot.any_met -= 1,
                    (_, true) => slot.unmet -= 1,
                    (_, false) => slot.unmet += 1,
                }
            }
            self.settle(waiter);
        }
    }

    fn apply_edge(&mut self, edge: &Edge, added: bool) -> Result<(), Damage> {
        let from = self.task_of_id(&edge.from).ok_or_else(|| missing("task", &edge.from))?;
        let to = self.task_of_id(&edge.to).ok_or_else(|| missing("task", &edge.to))?;
        let there = self.has_edge(from, to, edge.kind);
        if there == added {
            return Err(Damage(format!(
                "an edge is {} twice: {}",
                if added { "added" } else { "removed" },
                edge.key()
            )));
        }
        let (earlier, later) = if edge.kind.is_backward() { (to, from) } else { (from, to) };
        if edge.kind.orders() && !self.loading {
            if added {
                let circle = self.order.add_arc(earlier.node(), later.node());
                circle.map_err(|_| Damage(format!("an edge closes a circle: {}", edge.key())))?;
            } else {
                self.order.remove_arc(earlier.node(), later.node());
            }
        }
        for (at, other, outgoing) in [(from, to, true), (to, from, false)] {
            if let Some(slot) = self.task_mut(at) {
                let list = if outgoing { &mut slot.outs } else { &mut slot.ins };
                if added {
                    list.push((other, edge.kind));
                } else {
                    list.retain(|one| *one != (other, edge.kind));
                }
            }
        }
        if edge.kind.orders() {
            self.tie(earlier, later, edge.kind, added);
        }
        Ok(())
    }

    /// `later` waits for `earlier` from now on, or no longer.
    fn tie(&mut self, earlier: TaskAt, later: TaskAt, kind: EdgeKind, added: bool) {
        let step = |number: &mut u32| if added { *number += 1 } else { *number -= 1 };
        let Some(slot) = self.task_mut(earlier) else { return };
        step(&mut slot.waiters);
        let met = kind.is_met(slot.row.status);
        if let Some(slot) = self.task_mut(later) {
            match (kind, met) {
                (EdgeKind::WaitsAny, _) => {
                    step(&mut slot.any);
                    if met {
                        step(&mut slot.any_met);
                    }
                }
                (_, false) => step(&mut slot.unmet),
                (_, true) => {}
            }
        }
        self.settle(earlier);
        self.settle(later);
    }

    fn apply_gate(&mut self, pair: &Pair<Gate>) -> Result<(), Damage> {
        let Some(gate) = pair.after.as_ref().or(pair.before.as_ref()) else {
            return Err(Damage("a change of no gate".to_owned()));
        };
        let at = self.task_of_id(&gate.task).ok_or_else(|| missing("task", &gate.task))?;
        let goal = pair.after.as_ref().and_then(|gate| self.watched(gate));
        if let Some(goal) = goal
            && !self.loading
        {
            let circle = self.order.add_arc(goal.node(), at.node());
            circle.map_err(|_| Damage(format!("a gate closes a circle: {}", gate.key())))?;
        }
        let Some(slot) = self.task_mut(at) else { return Err(missing("task", &gate.task)) };
        let was = slot.gates.iter().position(|other| other.name == gate.name).map(|was| slot.gates.remove(was));
        if let Some(after) = &pair.after {
            slot.gates.push(after.clone());
            slot.gates.sort_by(|one, other| one.name.cmp(&other.name));
        }
        if let Some(was) = was.and_then(|gate| self.watched(&gate)) {
            self.order.remove_arc(was.node(), at.node());
            if let Some(slot) = self.goal_mut(was)
                && let Some(entry) = slot.watchers.iter().position(|task| *task == at)
            {
                slot.watchers.swap_remove(entry);
            }
        }
        if let Some(slot) = goal.and_then(|goal| self.goal_mut(goal)) {
            slot.watchers.push(at);
        }
        self.settle(at);
        Ok(())
    }

    pub(super) fn watched(&self, gate: &Gate) -> Option<GoalAt> {
        let goal = gate.goal.as_deref().filter(|_| gate.kind == GateKind::Goal)?;
        self.goal_of_id(goal)
    }

    fn apply_claim(&mut self, pair: &Pair<Claim>) -> Result<(), Damage> {
        let Some(claim) = pair.after.as_ref().or(pair.before.as_ref()) else {
            return Err(Damage("a change of no claim".to_owned()));
        };
        let at = self.task_of_id(&claim.task).ok_or_else(|| missing("task", &claim.task))?;
        let Some(slot) = self.task_mut(at) else { return Err(missing("task", &claim.task)) };
        let was = std::mem::replace(&mut slot.claim, pair.after.clone());
        if let Some(was) = was {
            self.leases.remove(&(was.expires_at, at));
        }
        if let Some(after) = &pair.after {
            self.leases.insert((after.expires_at, at));
            self.counters.token = self.counters.token.max(after.token);
        }
        self.settle(at);
        Ok(())
    }

    /// Whether there is this edge.
    #[must_use]
    pub(crate) fn has_edge(&self, from: TaskAt, to: TaskAt, kind: EdgeKind) -> bool {
        let (Some(one), Some(other)) = (self.task(from), self.task(to)) else { return false };
        if one.outs.len() <= other.ins.len() {
            one.outs.contains(&(to, kind))
        } else {
            other.ins.contains(&(from, kind))
        }
    }
}

fn missing(what: &str, id: &str) -> Damage {
    Damage(format!("there is no {what} {id}"))
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn put<T>(slots: &mut Vec<Option<T>>, at: u32, slot: T) {
    let at = at as usize;
    if slots.len() <= at {
        slots.resize_with(at + 1, || None);
    }
    if let Some(place) = slots.get_mut(at) {
        *place = Some(slot);
    }
}

fn take<T>(slots: &mut [Option<T>], at: u32) {
    if let Some(place) = slots.get_mut(at as usize) {
        *place = None;
    }
}
