//! Deleting: never so that something waits for what is not there (S0-06).
//!
//! It deliberately keeps nothing; what was deleted is in the log, and `undo` brings it back.

use super::draft::Draft;
use crate::goals::model::change::Change;
use crate::goals::model::refusal::Refusal;
use crate::goals::model::state::{GoalAt, TaskAt};
use crate::goals::model::view;
use crate::goals::model::words::{Dependents, EdgeKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Draft<'_> {
    pub(super) fn delete_task(
        &mut self,
        name: &str,
        dependents: Dependents,
        version: Option<u64>,
    ) -> Result<Value, Refusal> {
        let at = self.task_at_version(name, version)?;
        let slot = self.task(at)?;
        let (alias, goal) = (slot.row.alias(), slot.goal);
        let goal_alias = self.goal(goal)?.row.alias();
        let mut gone = BTreeSet::from([at]);
        let waiting = self.waiting_outside(&gone)?;
        let dependent: Vec<String> = self.aliases(&waiting);
        if !waiting.is_empty() && dependents == Dependents::Refuse {
            return Err(self.waited_for(&alias, &waiting));
        }
        if dependents == Dependents::Cascade {
            self.spread(&mut gone)?;
        }
        let deleted = gone.len();
        let goals = self.delete_all(&gone)?;
        goals.into_iter().try_for_each(|goal| self.derive_goal(goal))?;
        Ok(json!({
            "deleted_task_id": alias, "goal_id": goal_alias, "dependent_tasks": dependent, "deleted_tasks": deleted,
            "success": true,
        }))
    }

    pub(super) fn delete_goal(
        &mut self,
        name: &str,
        dependents: Dependents,
        version: Option<u64>,
    ) -> Result<Value, Refusal> {
        let at = self.goal_at_version(name, version)?;
        let slot = self.goal(at)?;
        let alias = slot.row.alias();
        let mut gone: BTreeSet<TaskAt> = slot.tasks.iter().map(|(_, task)| *task).collect();
        let mut waiting = self.waiting_outside(&gone)?;
        waiting.extend(self.goal(at)?.watchers.iter().filter(|task| !gone.contains(task)));
        if !waiting.is_empty() && dependents == Dependents::Refuse {
            return Err(self.waited_for(&alias, &waiting));
        }
        if dependents == Dependents::Cascade {
            gone.extend(&waiting);
            self.spread(&mut gone)?;
        }
        let ids = self.aliases(&gone);
        let goals = self.delete_all(&gone)?;
        self.open_watchers(at)?;
        let row = self.goal(at)?.row.clone();
        self.emit("goal_deleted", Change::goal(Some(row), None))?;
        goals.into_iter().filter(|goal| *goal != at).try_for_each(|goal| self.derive_goal(goal))?;
        Ok(json!({ "deleted_goal_id": alias, "deleted_tasks": ids.len(), "task_ids": ids, "success": true }))
    }

    /// Tasks that wait for one of these and are none of them. A task whose part is deleted waits
    /// for nothing that it needs.
    fn waiting_outside(&self, gone: &BTreeSet<TaskAt>) -> Result<BTreeSet<TaskAt>, Refusal> {
        let mut found = BTreeSet::new();
        for at in gone {
            let waiting = self.task(*at)?.waited_by().filter(|(_, kind)| *kind != EdgeKind::Parent);
            found.extend(waiting.map(|(other, _)| other).filter(|other| !gone.contains(other)));
        }
        Ok(found)
    }

    fn spread(&self, gone: &mut BTreeSet<TaskAt>) -> Result<(), Refusal> {
        loop {
            let more = self.waiting_outside(gone)?;
            if more.is_empty() {
                return Ok(());
            }
            gone.extend(more);
        }
    }

    fn aliases(&self, tasks: &BTreeSet<TaskAt>) -> Vec<String> {
        let mut rows: Vec<_> = tasks.iter().filter_map(|at| self.state.task(*at)).map(|slot| &slot.row).collect();
        rows.sort_by_key(|row| row.number);
        rows.into_iter().map(|row| row.alias()).collect()
    }

    fn waited_for(&self, alias: &str, waiting: &BTreeSet<TaskAt>) -> Refusal {
        let names = self.aliases(waiting);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Refusal::conflict(
            format!("{alias} is waited for by {}", view::listed(&names)),
            "say what becomes of them: dependents=detach (they wait no longer) or cascade (they go too)",
        )
    }

    /// Deletes tasks with all that hangs on them; gives the goals that they were in. The newest
    /// goes first.
    fn delete_all(&mut self, gone: &BTreeSet<TaskAt>) -> Result<BTreeSet<GoalAt>, Refusal> {
        let mut goals = BTreeSet::new();
        let mut order: Vec<_> =
            gone.iter().filter_map(|at| self.state.task(*at).map(|slot| (slot.row.number, *at))).collect();
        order.sort_unstable();
        for (_, at) in order.into_iter().rev() {
            goals.insert(self.task(at)?.goal);
            self.delete_one(at)?;
        }
        Ok(goals)
    }

    /// Deletes a task with its claim, gates and edges.
    pub(super) fn delete_one(&mut self, at: TaskAt) -> Result<(), Refusal> {
        self.end_claim(at)?;
        let slot = self.task(at)?;
        let (row, gates) = (slot.row.clone(), slot.gates.clone());
        let (ins, outs) = (slot.ins.clone(), slot.outs.clone());
        gates.into_iter().try_for_each(|gate| self.emit("gate_removed", Change::gate(Some(gate), None)))?;
        ins.into_iter().try_for_each(|(other, kind)| self.untie(other, at, kind))?;
        outs.into_iter().try_for_each(|(other, kind)| self.untie(at, other, kind))?;
        self.emit("task_deleted", Change::task(Some(row), None))
    }
}
