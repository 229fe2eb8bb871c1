//! A command being carried out: the state as changed so far, and how to take it back.
//!
//! It deliberately holds no rule of a single command; what all of them need is here.

use crate::goals::model::change::{Change, Event};
use crate::goals::model::limits::{CIRCLE_SHOWN_MAX, VALUE_BYTES_MAX, WORD_BYTES_MAX};
use crate::goals::model::random::Random;
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Goal, Ms, Task};
use crate::goals::model::state::{GoalAt, GoalSlot, State, TaskAt, TaskSlot};
use crate::goals::model::words::{GoalStatus, TaskStatus};
use crate::goals::model::{ids, view};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// A command being carried out.
#[derive(Debug)]
pub(in crate::goals::model) struct Draft<'a> {
    pub(super) state: &'a mut State,
    pub(super) events: Vec<Event>,
    pub(super) now: Ms,
    pub(super) actor: Arc<str>,
    pub(super) cause: Arc<str>,
    pub(super) random: &'a mut Random,
}

impl Draft<'_> {
    /// Makes a change.
    pub(super) fn emit(&mut self, kind: &'static str, change: Change) -> Result<(), Refusal> {
        self.state.apply(&change)?;
        let (at, actor, cause) = (self.now, self.actor.clone(), self.cause.clone());
        self.events.push(Event { kind, at, actor, cause, change });
        Ok(())
    }

    /// Takes back what was done since `mark` events.
    pub(super) fn back_to(&mut self, mark: usize) -> Result<(), Refusal> {
        let events = self.events.split_off(mark);
        let counters = self.state.counters();
        Ok(super::revert(self.state, &events, counters)?)
    }

    /// Replaces the row of a task: its version and its time follow.
    pub(super) fn put_task(&mut self, kind: &'static str, before: Arc<Task>, mut after: Task) -> Result<(), Refusal> {
        after.version = before.version + 1;
        after.updated_at = self.now;
        self.emit(kind, Change::task(Some(before), Some(after)))
    }

    /// Replaces the row of a goal: its version and its time follow.
    pub(super) fn put_goal(&mut self, kind: &'static str, before: Arc<Goal>, mut after: Goal) -> Result<(), Refusal> {
        after.version = before.version + 1;
        after.updated_at = self.now;
        self.emit(kind, Change::goal(Some(before), Some(after)))
    }

    /// A new id that nothing has.
    pub(super) fn new_id(&mut self, prefix: char) -> String {
        loop {
            let id = ids::new(prefix, self.now, self.random);
            if self.state.goal_of_id(&id).is_none() && self.state.task_of_id(&id).is_none() {
                return id;
            }
        }
    }

    pub(super) fn task(&self, at: TaskAt) -> Result<&TaskSlot, Refusal> {
        self.state.task(at).ok_or_else(|| Refusal::unknown("the task is gone", "get_next_tasks"))
    }

    pub(super) fn goal(&self, at: GoalAt) -> Result<&GoalSlot, Refusal> {
        self.state.goal(at).ok_or_else(|| Refusal::unknown("the goal is gone", "list_goals"))
    }

    /// The task, if it is at the version that the asker knows.
    pub(super) fn task_at_version(&self, name: &str, version: Option<u64>) -> Result<TaskAt, Refusal> {
        let at = self.state.find_task(name)?;
        let slot = self.task(at)?;
        if let Some(version) = version.filter(|version| *version != slot.row.version) {
            let message = format!("{} is at version {}, not {version}", slot.row.alias(), slot.row.version);
            return Err(stale(message, view::task(self.state, at)));
        }
        Ok(at)
    }

    /// The goal, if it is at the version that the asker knows.
    pub(super) fn goal_at_version(&self, name: &str, version: Option<u64>) -> Result<GoalAt, Refusal> {
        let at = self.state.find_goal(name)?;
        let slot = self.goal(at)?;
        if let Some(version) = version.filter(|version| *version != slot.row.version) {
            let message = format!("{} is at version {}, not {version}", slot.row.alias(), slot.row.version);
            return Err(stale(message, view::goal(self.state, at)));
        }
        Ok(at)
    }

    /// Brings the status of a goal in line with its tasks: completed while all of them are done
    /// and one is completed, in progress else. A cancelled one stays so until somebody reopens it.
    pub(super) fn derive_goal(&mut self, at: GoalAt) -> Result<(), Refusal> {
        let slot = self.goal(at)?;
        let row = slot.row.clone();
        let done = slot.count(TaskStatus::Completed) + slot.count(TaskStatus::Cancelled);
        let all = u32::try_from(slot.tasks.len()).unwrap_or(u32::MAX);
        if all == 0 || row.status == GoalStatus::Cancelled {
            return Ok(());
        }
        let is_reached = done == all && slot.count(TaskStatus::Completed) > 0;
        let status = if is_reached { GoalStatus::Completed } else { GoalStatus::InProgress };
        if status == row.status {
            return Ok(());
        }
        let kind = match (row.status, status) {
            (_, GoalStatus::Completed) => "goal_completed",
            (GoalStatus::Completed, _) => "goal_reopened",
            _ => "goal_started",
        };
        let after = Goal { status, completed_at: is_reached.then_some(self.now), ..(*row).clone() };
        self.put_goal(kind, row, after)
    }

    /// A circle, told by the names of what stands in it.
    pub(super) fn circle(&self, nodes: &[u32], name: &dyn Fn(TaskAt) -> Option<String>) -> Refusal {
        let label = |node: u32| {
            let at = node / 2;
            if node % 2 == 1 {
                return self.state.goal(GoalAt(at)).map_or_else(String::new, |slot| slot.row.alias());
            }
            let slot = self.state.task(TaskAt(at));
            name(TaskAt(at)).or_else(|| slot.map(|slot| slot.row.alias())).unwrap_or_default()
        };
        let mut names: Vec<String> = nodes.iter().take(CIRCLE_SHOWN_MAX).map(|node| label(*node)).collect();
        if nodes.len() > CIRCLE_SHOWN_MAX {
            names.push(format!("… ({} more)", nodes.len() - CIRCLE_SHOWN_MAX));
        }
        names.extend(nodes.first().map(|node| label(*node)));
        Refusal::conflict(
            format!("that would be a circle of waiting: {}", names.join(" → ")),
            "leave one of these dependencies out, or remove one with link_tasks",
        )
    }
}

fn stale(message: String, current: impl Serialize) -> Refusal {
    Refusal::conflict(message, "merge your change into `current` and send it with its version")
        .with_current(serde_json::to_value(current).unwrap_or(Value::Null))
}

/// A text that must say something.
pub(super) fn text(what: &str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::invalid(format!("`{what}` is empty"), format!("give `{what}` some text")));
    }
    bounded(what, text.len(), bytes_max)
}

/// Something that has a size.
pub(super) fn bounded(what: &str, size: usize, max: usize) -> Result<(), Refusal> {
    if size > max {
        return Err(Refusal::limit(format!("`{what}` is too large: {size}, at most {max}"), "make it shorter"));
    }
    Ok(())
}

/// A short text.
pub(super) fn word(what: &str, text: Option<&String>) -> Result<(), Refusal> {
    bounded(what, text.map_or(0, String::len), WORD_BYTES_MAX)
}

/// A list of short texts.
pub(super) fn words(what: &str, list: &[String]) -> Result<(), Refusal> {
    bounded(what, list.len(), super::super::limits::LIST_MAX)?;
    list.iter().try_for_each(|entry| text(what, entry, WORD_BYTES_MAX))
}

/// Something that is kept as JSON.
pub(super) fn value(what: &str, value: &impl Serialize) -> Result<(), Refusal> {
    let size = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
    bounded(what, size, VALUE_BYTES_MAX)
}

/// Sets members of a map; null removes one (S0-02).
pub(super) fn merge(into: &mut serde_json::Map<String, Value>, members: &serde_json::Map<String, Value>) {
    for (name, value) in members {
        if value.is_null() {
            into.shift_remove(name);
        } else {
            into.insert(name.clone(), value.clone());
        }
    }
}
