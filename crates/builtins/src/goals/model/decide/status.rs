//! What a task's status may become, and what follows from that for the tasks and the goal around it.
//!
//! It deliberately gives no claims; `claims` does, and comes here when one ends.

use super::draft::{self, Draft};
use crate::goals::model::change::Change;
use crate::goals::model::command::StatusChange;
use crate::goals::model::limits::{BATCH_MAX, DESCRIPTION_BYTES_MAX};
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Ms, Task};
use crate::goals::model::state::TaskAt;
use crate::goals::model::view;
use crate::goals::model::words::{EdgeKind, TaskStatus};
use serde_json::{Value, json};

impl Draft<'_> {
    pub(super) fn set_status(&mut self, change: &StatusChange) -> Result<Value, Refusal> {
        let at = self.change_status(change)?;
        Ok(view::value(view::task(self.state, at)))
    }

    pub(super) fn set_statuses(&mut self, changes: &[StatusChange], best_effort: bool) -> Result<Value, Refusal> {
        if changes.is_empty() {
            return Err(Refusal::invalid("`updates` is empty", "give at least one update"));
        }
        draft::bounded("updates", changes.len(), BATCH_MAX)?;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for change in changes {
            let mark = self.events.len();
            match self.change_status(change) {
                Ok(_) => done.push(json!({ "task_id": change.task, "status": change.status })),
                Err(refusal) if best_effort => {
                    self.back_to(mark)?;
                    failed.push(json!({ "task_id": change.task, "error": refusal.message, "next": refusal.next }));
                }
                Err(refusal) => {
                    let message = format!("{}: {}; nothing of the batch was done", change.task, refusal.message);
                    return Err(Refusal { message, ..refusal });
                }
            }
        }
        Ok(json!({ "successful": done, "failed": failed, "total": changes.len() }))
    }

    fn change_status(&mut self, change: &StatusChange) -> Result<TaskAt, Refusal> {
        let at = self.state.find_task(&change.task)?;
        self.expire_if_over(at)?;
        self.task_at_version(&change.task, change.expected_version)?;
        // Cancelling takes the claim away; all else is the holder's to say.
        if change.token.is_some() || change.status != TaskStatus::Cancelled {
            self.check_token(at, change.token)?;
        }
        self.become_status(at, change)?;
        Ok(at)
    }

    /// Brings the task to the asked status, whoever asks.
    pub(super) fn become_status(&mut self, at: TaskAt, change: &StatusChange) -> Result<(), Refusal> {
        let before = self.task(at)?.row.clone();
        if !before.status.may_become(change.status) {
            return Err(Refusal::conflict(
                format!("{} is {}; it cannot become {}", before.alias(), before.status.word(), change.status.word()),
                "reopen it first with status=pending",
            ));
        }
        if let Some(result) = &change.result {
            draft::value("result", result)?;
        }
        let mut after = with_status(&before, change.status, self.now);
        self.pass_checks(&mut after, change)?;
        if let Some(result) = &change.result {
            after.result = Some(result.clone());
        }
        if after == *before {
            return Ok(());
        }
        let kind = match change.status {
            status if status == before.status => "task_updated",
            TaskStatus::Pending if before.status.is_ended() => "task_reopened",
            TaskStatus::Pending => "task_returned",
            TaskStatus::InProgress => "task_started",
            TaskStatus::Completed => "task_completed",
            TaskStatus::Failed => "task_failed",
            TaskStatus::Blocked => "task_blocked",
            TaskStatus::Cancelled => "task_cancelled",
        };
        self.put_status(at, kind, before, after)
    }

    /// Files a new status, and what follows from it.
    pub(super) fn put_status(
        &mut self,
        at: TaskAt,
        kind: &'static str,
        before: std::sync::Arc<Task>,
        after: Task,
    ) -> Result<(), Refusal> {
        let (was, is) = (before.status, after.status);
        if is != TaskStatus::InProgress {
            self.end_claim(at)?;
        }
        self.put_task(kind, before, after)?;
        if was != TaskStatus::Completed && is == TaskStatus::Completed {
            self.skip_remedies(at)?;
        }
        if was == TaskStatus::Completed && is != TaskStatus::Completed {
            self.want_remedies(at)?;
        }
        if was != is {
            let goal = self.task(at)?.goal;
            self.derive_goal(goal)?;
        }
        Ok(())
    }

    /// Takes the claim away, if there is one.
    pub(super) fn end_claim(&mut self, at: TaskAt) -> Result<(), Refusal> {
        match self.task(at)?.claim.clone() {
            Some(claim) => self.emit("claim_ended", Change::claim(Some(claim), None)),
            None => Ok(()),
        }
    }

    /// Marks the checks that passed. What is to count as completed must have passed all, or be
    /// overridden with a reason.
    fn pass_checks(&self, after: &mut Task, change: &StatusChange) -> Result<(), Refusal> {
        for text in &change.checks_passed {
            let Some(check) = after.checks.iter_mut().find(|check| check.text == *text) else {
                let known: Vec<&str> = after.checks.iter().map(|check| check.text.as_str()).collect();
                return Err(Refusal::invalid(
                    format!("{} has no check `{text}`", after.alias()),
                    format!("its checks are {}", view::listed(&known)),
                ));
            };
            if check.passed_at.is_none() {
                check.passed_at = Some(self.now);
                check.passed_by = Some(self.actor.to_string());
            }
        }
        if change.status != TaskStatus::Completed {
            return Ok(());
        }
        let open: Vec<&str> =
            after.checks.iter().filter(|check| check.passed_at.is_none()).map(|check| check.text.as_str()).collect();
        let reason = change.override_reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        match reason {
            _ if open.is_empty() => Ok(()),
            Some(reason) => {
                draft::bounded("override_reason", reason.len(), DESCRIPTION_BYTES_MAX)?;
                after.override_reason = Some(reason.to_owned());
                Ok(())
            }
            None => Err(Refusal::conflict(
                format!("{} is not done: these checks have not passed: {}", after.alias(), view::listed(&open)),
                "make them and name them in `checks_passed`, or say why not in `override_reason`",
            )),
        }
    }

    /// The task succeeded: what was wanted only if it failed is not wanted.
    pub(super) fn skip_remedies(&mut self, at: TaskAt) -> Result<(), Refusal> {
        let slot = self.task(at)?;
        let (id, alias) = (slot.row.id.clone(), slot.row.alias());
        let waiting: Vec<TaskAt> = remedies(slot.waited_by());
        for other in waiting {
            let before = self.task(other)?.row.clone();
            if !matches!(before.status, TaskStatus::Pending | TaskStatus::Blocked) {
                continue;
            }
            let mut after = with_status(&before, TaskStatus::Cancelled, self.now);
            after.skipped_by = Some(id.clone());
            after.result = Some(json!({ "skipped": format!("{alias} succeeded") }));
            self.put_status(other, "task_skipped", before, after)?;
        }
        Ok(())
    }

    /// The task did not succeed after all: what was skipped for it may be wanted again.
    fn want_remedies(&mut self, at: TaskAt) -> Result<(), Refusal> {
        let slot = self.task(at)?;
        let id = slot.row.id.clone();
        let waiting: Vec<TaskAt> = remedies(slot.waited_by());
        for other in waiting {
            let before = self.task(other)?.row.clone();
            if before.status != TaskStatus::Cancelled || before.skipped_by.as_deref() != Some(&id) {
                continue;
            }
            let mut after = with_status(&before, TaskStatus::Pending, self.now);
            after.result = None;
            self.put_status(other, "task_reopened", before, after)?;
        }
        Ok(())
    }
}

fn remedies(waiting: impl Iterator<Item = (TaskAt, EdgeKind)>) -> Vec<TaskAt> {
    let mut found: Vec<TaskAt> =
        waiting.filter(|(_, kind)| *kind == EdgeKind::OnFailure).map(|(other, _)| other).collect();
    found.sort_unstable();
    found
}

/// The row in a new status: the times and the attempts follow.
pub(super) fn with_status(before: &Task, status: TaskStatus, now: Ms) -> Task {
    let mut after = Task { status, ..before.clone() };
    if status == before.status {
        return after;
    }
    after.skipped_by = None;
    after.completed_at = (status == TaskStatus::Completed).then_some(now);
    match status {
        TaskStatus::Pending => after.started_at = None,
        TaskStatus::InProgress => after.started_at = Some(now),
        _ => {}
    }
    if before.status.is_ended() && !status.is_ended() {
        (after.attempts, after.poisoned, after.override_reason) = (0, false, None);
    }
    after
}
