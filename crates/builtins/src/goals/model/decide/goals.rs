//! Making, changing and breaking down goals.
//!
//! It deliberately does not delete; `remove` does.

use super::draft::{self, Draft};
use crate::goals::model::change::Change;
use crate::goals::model::command::{GoalChange, NewGoal, NewTask, Reference};
use crate::goals::model::limits::{
    ATTEMPTS_LIMIT, ATTEMPTS_MAX, BREAK_DOWN_MAX, DEPENDENCIES_MAX, DESCRIPTION_BYTES_MAX, LIST_MAX,
};
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Check, Estimate, Goal, Task};
use crate::goals::model::state::{GoalAt, TaskAt};
use crate::goals::model::view;
use crate::goals::model::words::{EdgeKind, GoalStatus, TaskStatus};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

impl Draft<'_> {
    pub(super) fn create_goal(&mut self, new: &NewGoal) -> Result<Value, Refusal> {
        draft::text("description", &new.description, DESCRIPTION_BYTES_MAX)?;
        draft::words("acceptance", &new.acceptance)?;
        draft::words("labels", &new.labels)?;
        draft::word("owner", new.owner.as_ref())?;
        draft::bounded("why", new.why.as_ref().map_or(0, String::len), DESCRIPTION_BYTES_MAX)?;
        draft::value("repos", &new.repos)?;
        draft::value("metadata", &new.metadata)?;
        draft::value("budget", &new.budget)?;
        let id = self.new_id('g');
        let goal = Goal {
            id: id.clone(),
            number: self.state.counters().goal + 1,
            description: new.description.clone(),
            status: GoalStatus::Planned,
            priority: new.priority,
            repos: new.repos.clone(),
            metadata: new.metadata.clone(),
            why: new.why.clone(),
            acceptance: new.acceptance.clone(),
            owner: new.owner.clone(),
            due: new.due,
            budget: new.budget.clone(),
            labels: new.labels.clone(),
            external_refs: BTreeMap::new(),
            created_at: self.now,
            updated_at: self.now,
            completed_at: None,
            version: 1,
        };
        self.emit("goal_created", Change::goal(None, Some(goal)))?;
        let at = self.state.find_goal(&id)?;
        Ok(view::value(view::goal(self.state, at)))
    }

    pub(super) fn update_goal(&mut self, change: &GoalChange) -> Result<Value, Refusal> {
        let at = self.goal_at_version(&change.goal, change.expected_version)?;
        let before = self.goal(at)?.row.clone();
        let mut after = (*before).clone();
        if let Some(description) = &change.description {
            draft::text("description", description, DESCRIPTION_BYTES_MAX)?;
            after.description.clone_from(description);
        }
        if let Some(repos) = &change.repos {
            draft::value("repos", repos)?;
            after.repos.clone_from(repos);
        }
        if let Some(metadata) = &change.metadata {
            draft::merge(&mut after.metadata, metadata);
            draft::value("metadata", &after.metadata)?;
        }
        after.priority = change.priority.unwrap_or(after.priority);
        if let Some(status) = change.status.filter(|status| *status != before.status) {
            self.may_become(at, status)?;
            after.status = status;
            after.completed_at = (status == GoalStatus::Completed).then_some(self.now);
        }
        if after != *before {
            let cancelled = after.status == GoalStatus::Cancelled && before.status != GoalStatus::Cancelled;
            self.put_goal(if cancelled { "goal_cancelled" } else { "goal_updated" }, before, after)?;
            self.derive_goal(at)?;
        }
        Ok(view::value(view::goal(self.state, at)))
    }

    /// The transitions of a goal that a person may ask for. What follows from its tasks is not
    /// asked for: it is so.
    fn may_become(&self, at: GoalAt, status: GoalStatus) -> Result<(), Refusal> {
        let slot = self.goal(at)?;
        let alias = slot.row.alias();
        let open = slot.tasks.len() as u64
            - u64::from(slot.count(TaskStatus::Completed))
            - u64::from(slot.count(TaskStatus::Cancelled));
        match status {
            GoalStatus::Completed if open > 0 => Err(Refusal::conflict(
                format!("{alias} is not completed: {open} of its {} tasks are not done", slot.tasks.len()),
                "complete or cancel them with update_task_status, or cancel the goal",
            )),
            GoalStatus::Planned if !slot.tasks.is_empty() && slot.row.status != GoalStatus::Cancelled => {
                Err(Refusal::conflict(
                    format!("{alias} has tasks, so it is not merely planned"),
                    "delete its tasks, or leave its status to them",
                ))
            }
            GoalStatus::InProgress if open == 0 && slot.count(TaskStatus::Completed) > 0 => Err(Refusal::conflict(
                format!("all tasks of {alias} are done, so it is completed"),
                "reopen one of its tasks with update_task_status, or add one with break_down_goal",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn break_down(&mut self, goal: &str, tasks: &[NewTask], version: Option<u64>) -> Result<Value, Refusal> {
        let goal = self.goal_at_version(goal, version)?;
        if tasks.is_empty() {
            return Err(Refusal::invalid("`subtasks` is empty", "give at least one subtask"));
        }
        draft::bounded("subtasks", tasks.len(), BREAK_DOWN_MAX)?;
        let slot = self.goal(goal)?;
        if slot.row.status == GoalStatus::Cancelled {
            let message = format!("{} is cancelled", slot.row.alias());
            return Err(Refusal::conflict(message, "reopen it with update_goal status=in_progress"));
        }
        let mut names: HashMap<&str, usize> = HashMap::new();
        for (at, task) in tasks.iter().enumerate() {
            if let Some(name) = &task.reference
                && names.insert(name, at).is_some()
            {
                return Err(Refusal::invalid(format!("two subtasks have the ref `{name}`"), "name each differently"));
            }
        }
        let mut made = Vec::with_capacity(tasks.len());
        for (at, task) in tasks.iter().enumerate() {
            made.push(self.new_task(goal, task).map_err(|refusal| about(at, task, refusal))?);
        }
        for (at, task) in tasks.iter().enumerate() {
            self.tie_new(at, tasks, &names, &made).map_err(|refusal| about(at, task, refusal))?;
        }
        self.derive_goal(goal)?;
        Ok(view::value(view::goal_with_tasks(self.state, goal)))
    }

    /// Puts the edges of the new task `at` in.
    fn tie_new(
        &mut self,
        at: usize,
        tasks: &[NewTask],
        names: &HashMap<&str, usize>,
        made: &[TaskAt],
    ) -> Result<(), Refusal> {
        let (Some(task), Some(this)) = (tasks.get(at), made.get(at)) else { return Ok(()) };
        draft::bounded("dependencies", task.dependencies.len(), DEPENDENCIES_MAX)?;
        // Numbers are given out only now, so a circle of new tasks is told by what they are called.
        let label = |found: TaskAt| {
            let index = made.iter().position(|one| *one == found)?;
            Some(tasks.get(index)?.reference.clone().unwrap_or_else(|| format!("#{index}")))
        };
        for dependency in &task.dependencies {
            let other = self.referred(dependency, names, made)?;
            self.tie(other, *this, EdgeKind::Blocks, &label)?;
        }
        if let Some(parent) = &task.parent {
            let parent = self.referred(parent, names, made)?;
            self.tie(parent, *this, EdgeKind::Parent, &label)?;
        }
        Ok(())
    }

    fn referred(
        &self,
        reference: &Reference,
        names: &HashMap<&str, usize>,
        made: &[TaskAt],
    ) -> Result<TaskAt, Refusal> {
        let index = match reference {
            Reference::Index(index) => Some(*index),
            Reference::Name(name) => names.get(name.as_str()).copied().or_else(|| name.trim().parse().ok()),
        };
        match (index, reference) {
            (Some(index), _) => made.get(index).copied().ok_or_else(|| {
                Refusal::invalid(
                    format!("there is no subtask {index}: they are counted from 0 to {}", made.len() - 1),
                    "name a sibling by its `ref` or its place, another task by its id",
                )
            }),
            (None, Reference::Name(name)) => self.state.find_task(name),
            (None, Reference::Index(_)) => Err(Refusal::invalid("no such subtask", "name a sibling by its `ref`")),
        }
    }

    fn new_task(&mut self, goal: GoalAt, new: &NewTask) -> Result<TaskAt, Refusal> {
        draft::text("description", &new.description, DESCRIPTION_BYTES_MAX)?;
        let short = [
            ("ref", &new.reference),
            ("type", &new.kind),
            ("repo", &new.repo),
            ("jira_ticket", &new.jira_ticket),
            ("estimated_effort", &new.estimated_effort),
        ];
        short.into_iter().try_for_each(|(name, text)| draft::word(name, text.as_ref()))?;
        let lists = [("acceptance", &new.checks), ("capabilities", &new.capabilities), ("labels", &new.labels)];
        lists.into_iter().try_for_each(|(name, list)| draft::words(name, list))?;
        draft::bounded("tools", new.tools.len(), LIST_MAX)?;
        draft::value("tools", &new.tools)?;
        draft::value("metadata", &new.metadata)?;
        estimate(new.estimate)?;
        let id = self.new_id('t');
        let task = Task {
            id: id.clone(),
            number: self.state.counters().task + 1,
            goal: self.goal(goal)?.row.id.clone(),
            description: new.description.clone(),
            kind: new.kind.clone().unwrap_or_else(|| "general".to_owned()),
            priority: new.priority,
            repo: new.repo.clone(),
            jira_ticket: new.jira_ticket.clone(),
            estimated_effort: new.estimated_effort.clone(),
            estimate: new.estimate,
            assigned_tools: new.tools.clone(),
            checks: new.checks.iter().map(|text| unchecked(text)).collect(),
            capabilities: new.capabilities.clone(),
            labels: new.labels.clone(),
            metadata: new.metadata.clone(),
            attempts_max: new.attempts_max.unwrap_or(ATTEMPTS_MAX).clamp(1, ATTEMPTS_LIMIT),
            defer_until: new.defer_until,
            created_at: self.now,
            updated_at: self.now,
            version: 1,
            ..Task::default()
        };
        self.emit("task_created", Change::task(None, Some(task)))?;
        self.state.find_task(&id)
    }
}

/// A check that nobody made yet.
pub(super) fn unchecked(text: &str) -> Check {
    Check { text: text.to_owned(), passed_at: None, passed_by: None }
}

/// An estimate that can be reckoned with.
pub(super) fn estimate(estimate: Option<Estimate>) -> Result<(), Refusal> {
    let fits = |Estimate { p50, p90 }: Estimate| p50 >= 0.0 && p50 <= p90 && p90 <= 1_000_000.0;
    if estimate.is_none_or(fits) {
        return Ok(());
    }
    Err(Refusal::invalid("`estimate` is not 0 ≤ p50 ≤ p90 ≤ 1 000 000 hours", "give both in hours"))
}

/// The refusal of one subtask, saying which.
fn about(at: usize, task: &NewTask, refusal: Refusal) -> Refusal {
    let name =
        task.reference.as_deref().map_or_else(|| format!("subtask {at}"), |name| format!("subtask {at} (`{name}`)"));
    Refusal { message: format!("{name}: {}", refusal.message), ..refusal }
}
