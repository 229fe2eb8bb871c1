//! Taking a command back by doing the opposite: the log only grows.
//!
//! It deliberately undoes no claim, and nothing that was changed again since.

use super::draft::Draft;
use crate::goals::model::change::{Change, Entity};
use crate::goals::model::command::Undone;
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Edge, Gate, Goal, Task};
use crate::goals::model::state::GoalAt;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};

type Row = Map<String, Value>;

impl Draft<'_> {
    pub(super) fn undo(&mut self, changes: &[Undone]) -> Result<Value, Refusal> {
        if changes.iter().any(|change| Entity::of(&change.entity) == Some(Entity::Claim)) {
            return Err(Refusal::invalid("claims are not undone", "release the task with finish_task"));
        }
        let mark = self.events.len();
        let mut seen: HashSet<(Entity, String)> = HashSet::new();
        let mut goals = BTreeSet::new();
        for change in changes.iter().rev() {
            let entity = Entity::of(&change.entity).ok_or_else(|| unreadable(&change.entity))?;
            match entity {
                Entity::Goal => self.undo_goal(change, &mut seen)?,
                Entity::Task => self.undo_task(change, &mut seen, &mut goals)?,
                Entity::Gate => self.undo_gate(change, &mut seen)?,
                Entity::Edge => self.undo_edge(change)?,
                Entity::Claim => {}
            }
        }
        // A goal that was made by the command is gone.
        goals.retain(|goal| self.state.goal(*goal).is_some());
        goals.into_iter().try_for_each(|goal| self.derive_goal(goal))?;
        Ok(json!({ "undone": changes.len(), "events": self.events.len() - mark, "success": true }))
    }

    fn undo_goal(&mut self, change: &Undone, seen: &mut HashSet<(Entity, String)>) -> Result<(), Refusal> {
        let (was, is): (Option<Goal>, Option<Goal>) = rows(change)?;
        let id = is.as_ref().or(was.as_ref()).map(|goal| goal.id.clone()).unwrap_or_default();
        let fresh = seen.insert((Entity::Goal, id.clone()));
        let now = self.state.goal_of_id(&id).and_then(|at| self.state.goal(at)).map(|slot| slot.row.clone());
        match (was, is, now) {
            (Some(was), Some(is), Some(now)) if !fresh || now.version == is.version => {
                self.put_goal("goal_undone", now, was)
            }
            (None, Some(is), Some(now)) if !fresh || now.version == is.version => {
                let at = self.state.find_goal(&id)?;
                let slot = self.goal(at)?;
                if !slot.tasks.is_empty() || !slot.watchers.is_empty() {
                    return Err(changed_since(&is.alias()));
                }
                self.emit("goal_undone", Change::goal(Some(now), None))
            }
            (Some(was), None, None) => {
                let after = Goal { version: was.version + 1, updated_at: self.now, ..was };
                self.emit("goal_undone", Change::goal(None, Some(after)))
            }
            (was, is, _) => Err(changed_since(&is.or(was).map(|goal| goal.alias()).unwrap_or_default())),
        }
    }

    fn undo_task(
        &mut self,
        change: &Undone,
        seen: &mut HashSet<(Entity, String)>,
        goals: &mut BTreeSet<GoalAt>,
    ) -> Result<(), Refusal> {
        let (was, is): (Option<Task>, Option<Task>) = rows(change)?;
        let any = is.as_ref().or(was.as_ref());
        let (id, alias) = any.map(|task| (task.id.clone(), task.alias())).unwrap_or_default();
        goals.extend(any.and_then(|task| self.state.goal_of_id(&task.goal)));
        let fresh = seen.insert((Entity::Task, id.clone()));
        let at = self.state.task_of_id(&id);
        let now = at.and_then(|at| self.state.task(at)).map(|slot| slot.row.clone());
        if let Some(at) = at
            && self.task(at)?.claim.is_some()
        {
            return Err(Refusal::conflict(format!("somebody works on {alias}"), "wait until it is released"));
        }
        match (was, is, now, at) {
            (Some(was), Some(is), Some(now), _) if !fresh || now.version == is.version => {
                self.put_task("task_undone", now, was)
            }
            (None, Some(is), Some(now), Some(at)) if !fresh || now.version == is.version => {
                let slot = self.task(at)?;
                if !(slot.ins.is_empty() && slot.outs.is_empty() && slot.gates.is_empty()) {
                    return Err(changed_since(&alias));
                }
                self.emit("task_undone", Change::task(Some(now), None))
            }
            (Some(was), None, None, _) => {
                let after = Task { version: was.version + 1, updated_at: self.now, ..was };
                if self.state.goal_of_id(&after.goal).is_none() {
                    return Err(Refusal::conflict(format!("the goal of {alias} is gone"), "undo its deletion first"));
                }
                self.emit("task_undone", Change::task(None, Some(after)))
            }
            _ => Err(changed_since(&alias)),
        }
    }

    fn undo_gate(&mut self, change: &Undone, seen: &mut HashSet<(Entity, String)>) -> Result<(), Refusal> {
        let (was, is): (Option<Gate>, Option<Gate>) = rows(change)?;
        let Some(key) = is.as_ref().or(was.as_ref()).map(Gate::key) else { return Err(unreadable("gate")) };
        let fresh = seen.insert((Entity::Gate, key.clone()));
        let task = is.as_ref().or(was.as_ref()).and_then(|gate| self.state.task_of_id(&gate.task));
        let Some(slot) = task.and_then(|at| self.state.task(at)) else { return Err(changed_since(&key)) };
        let now = slot.gates.iter().find(|gate| gate.key() == key).cloned();
        let same = match (&is, &now) {
            (Some(is), Some(now)) => !fresh || is.version == now.version,
            (None, None) => true,
            _ => false,
        };
        if !same {
            return Err(changed_since(&key));
        }
        let version = now.as_ref().map_or(0, |gate| gate.version);
        let after = was.map(|was| Gate { version: version.max(was.version) + 1, ..was });
        self.emit("gate_undone", Change::gate(now, after))
    }

    fn undo_edge(&mut self, change: &Undone) -> Result<(), Refusal> {
        let (was, is): (Option<Edge>, Option<Edge>) = rows(change)?;
        let Some(edge) = is.as_ref().or(was.as_ref()) else { return Err(unreadable("edge")) };
        let ends = (self.state.task_of_id(&edge.from), self.state.task_of_id(&edge.to));
        let (Some(from), Some(to)) = ends else { return Err(changed_since("an edge")) };
        match (is.is_some(), self.state.has_edge(from, to, edge.kind)) {
            (true, true) => self.untie(from, to, edge.kind),
            (false, false) => self.tie(from, to, edge.kind, &|_| None),
            _ => Err(changed_since("an edge")),
        }
    }
}

/// The row before and after. What was filed of the row before is what differs, where there is a
/// row after.
fn rows<T: DeserializeOwned>(change: &Undone) -> Result<(Option<T>, Option<T>), Refusal> {
    let read = |row: Row| serde_json::from_value::<T>(Value::Object(row)).map_err(|_| unreadable(&change.entity));
    let was = match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let mut row = after.clone();
            super::draft::merge(&mut row, before);
            Some(row)
        }
        (before, _) => before.clone(),
    };
    Ok((was.map(read).transpose()?, change.after.clone().map(read).transpose()?))
}

fn unreadable(what: &str) -> Refusal {
    Refusal::invalid(format!("an event of a {what} cannot be read back"), "switchboard backup --verify")
}

fn changed_since(what: &str) -> Refusal {
    Refusal::conflict(
        format!("{what} changed since, so this is not undone"),
        "undo the later changes first, newest first; goal_history shows them",
    )
}
