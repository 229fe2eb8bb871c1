//! Leases on tasks: at most one holder, who proves it by a token greater than all before it.
//!
//! A lease that is over, its grace too, is ended before anything else is decided, so a holder who
//! comes late finds its token worth nothing. It deliberately reads no clock: the store's time is
//! what leases are measured by.

use super::draft::{self, Draft};
use super::status::with_status;
use crate::goals::model::change::Change;
use crate::goals::model::command::{ClaimFilter, Finish, StatusChange};
use crate::goals::model::explain;
use crate::goals::model::limits::{
    CLAIM_SCAN_MAX, DESCRIPTION_BYTES_MAX, LEASE_GRACE_MS, LEASE_MS_MAX, LEASE_MS_MIN, SWEEP_MAX, WORD_BYTES_MAX,
};
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::{Claim, Task};
use crate::goals::model::state::TaskAt;
use crate::goals::model::view;
use crate::goals::model::words::{Act, TaskStatus};
use serde_json::{Value, json};
use std::sync::Arc;

impl Draft<'_> {
    /// Ends the leases that are over.
    pub(super) fn sweep(&mut self) -> Result<(), Refusal> {
        let over: Vec<TaskAt> = self.state.leases_before(self.now - LEASE_GRACE_MS).take(SWEEP_MAX).collect();
        if over.is_empty() {
            return Ok(());
        }
        let actor = std::mem::replace(&mut self.actor, Arc::from("switchboard"));
        let swept = over.into_iter().try_for_each(|at| self.expire(at));
        self.actor = actor;
        swept
    }

    /// Ends the lease of the task, if it is over: one sweep ends not all.
    pub(super) fn expire_if_over(&mut self, at: TaskAt) -> Result<(), Refusal> {
        let over = self.now - LEASE_GRACE_MS;
        match &self.task(at)?.claim {
            Some(claim) if claim.expires_at < over => self.expire(at),
            _ => Ok(()),
        }
    }

    fn expire(&mut self, at: TaskAt) -> Result<(), Refusal> {
        let slot = self.task(at)?;
        let before = slot.row.clone();
        let holder = slot.claim.as_ref().map_or("", |claim| claim.holder.as_str()).to_owned();
        let why = json!({ "error": format!("the lease of {} ended without a word", view::shown(&holder)) });
        self.end_attempt(at, &before, TaskStatus::Pending, "claim_expired", None, why)
    }

    /// A claim ended without the task's end: back into the queue, or failed for good after too
    /// many of them.
    fn end_attempt(
        &mut self,
        at: TaskAt,
        before: &Arc<Task>,
        status: TaskStatus,
        kind: &'static str,
        result: Option<Value>,
        why: Value,
    ) -> Result<(), Refusal> {
        let attempts = before.attempts.saturating_add(1);
        let poisoned = attempts >= before.attempts_max && status == TaskStatus::Pending;
        let status = if poisoned { TaskStatus::Failed } else { status };
        let mut after = with_status(before, status, self.now);
        (after.attempts, after.poisoned) = (attempts, poisoned);
        after.result = result.or(after.result).or_else(|| poisoned.then_some(why));
        self.put_status(at, if poisoned { "task_poisoned" } else { kind }, before.clone(), after)
    }

    pub(super) fn claim(&mut self, filter: &ClaimFilter) -> Result<Value, Refusal> {
        draft::text("holder", &filter.holder, WORD_BYTES_MAX)?;
        draft::words("capabilities", &filter.capabilities)?;
        if !(LEASE_MS_MIN..=LEASE_MS_MAX).contains(&filter.lease_ms) {
            let (min, max) = (LEASE_MS_MIN / 1_000, LEASE_MS_MAX / 1_000);
            return Err(Refusal::invalid(
                format!("a lease lasts {min} to {max} seconds"),
                "choose `lease_seconds` in it",
            ));
        }
        let goal = filter.goal.as_deref().map(|goal| self.state.find_goal(goal)).transpose()?;
        let at = match &filter.task {
            Some(name) => Some(self.wanted(name, filter)?),
            None => {
                let fits = |at: &TaskAt| self.state.task(*at).is_some_and(|slot| can(&slot.row, filter));
                self.state.ready(goal).take(CLAIM_SCAN_MAX).find(fits)
            }
        };
        let Some(at) = at else { return Ok(json!({ "claimed": false, "ready": self.state.ready(goal).count() })) };
        let token = self.state.counters().token + 1;
        let before = self.task(at)?.row.clone();
        let claim = Claim {
            task: before.id.clone(),
            holder: filter.holder.clone(),
            token,
            expires_at: self.now + filter.lease_ms,
            heartbeat_at: self.now,
            lease_ms: filter.lease_ms,
            progress: None,
        };
        self.emit("task_claimed", Change::claim(None, Some(claim)))?;
        let after = with_status(&before, TaskStatus::InProgress, self.now);
        self.put_task("task_started", before, after)?;
        let goal = self.task(at)?.goal;
        self.derive_goal(goal)?;
        let task = view::task(self.state, at);
        let expires_at = task.as_ref().and_then(|task| task.claim.as_ref()).map(|claim| claim.expires_at.clone());
        Ok(json!({ "claimed": true, "token": token, "expires_at": expires_at, "task": task }))
    }

    /// The task that somebody wants by name, if they can have it.
    fn wanted(&mut self, name: &str, filter: &ClaimFilter) -> Result<TaskAt, Refusal> {
        let at = self.state.find_task(name)?;
        self.expire_if_over(at)?;
        let row = &self.task(at)?.row;
        if !self.state.is_ready(at) {
            let why = explain::explain(self.state, at).summary();
            return Err(Refusal::conflict(
                format!("{} cannot be claimed: {why}", row.alias()),
                "explain_task, or claim another",
            ));
        }
        if !can(row, filter) {
            let needs: Vec<&str> = row.capabilities.iter().map(String::as_str).collect();
            let message = format!("{} needs {}", row.alias(), view::listed(&needs));
            return Err(Refusal::conflict(message, "name what you can do in `capabilities`"));
        }
        Ok(at)
    }

    pub(super) fn finish(&mut self, finish: &Finish) -> Result<Value, Refusal> {
        let at = self.state.find_task(&finish.task)?;
        self.expire_if_over(at)?;
        let claim = self.check_token(at, Some(finish.token))?;
        let Some(claim) = claim else { return Err(self.stale_token(at, finish.token)) };
        let before = self.task(at)?.row.clone();
        let said =
            || finish.result.clone().or_else(|| finish.progress.clone().map(|progress| json!({ "error": progress })));
        match finish.act {
            Act::Heartbeat => self.heartbeat(&claim, finish)?,
            Act::Complete => self.become_status(at, &self.completion(finish))?,
            Act::Release => {
                let after = with_status(&before, TaskStatus::Pending, self.now);
                self.put_status(at, "task_released", before, after)?;
            }
            Act::Retry | Act::Fail => {
                if let Some(result) = &finish.result {
                    draft::value("result", result)?;
                }
                let (status, kind) = match finish.act {
                    Act::Retry => (TaskStatus::Pending, "task_retried"),
                    _ => (TaskStatus::Failed, "task_failed"),
                };
                self.end_attempt(at, &before, status, kind, said(), json!({ "error": "failed too often" }))?;
            }
        }
        Ok(view::value(view::task(self.state, at)))
    }

    fn completion(&self, finish: &Finish) -> StatusChange {
        StatusChange {
            task: finish.task.clone(),
            status: TaskStatus::Completed,
            result: finish.result.clone(),
            token: Some(finish.token),
            expected_version: None,
            checks_passed: finish.checks_passed.clone(),
            override_reason: finish.override_reason.clone(),
        }
    }

    fn heartbeat(&mut self, claim: &Arc<Claim>, finish: &Finish) -> Result<(), Refusal> {
        draft::bounded("progress", finish.progress.as_ref().map_or(0, String::len), DESCRIPTION_BYTES_MAX)?;
        let after = Claim {
            expires_at: self.now + claim.lease_ms,
            heartbeat_at: self.now,
            progress: finish.progress.clone().or_else(|| claim.progress.clone()),
            ..(**claim).clone()
        };
        self.emit("claim_renewed", Change::claim(Some(claim.clone()), Some(after)))
    }

    /// The claim of the task, if the asker may speak for its holder: nobody holds it, or the token
    /// is that of the claim.
    pub(super) fn check_token(&self, at: TaskAt, token: Option<u64>) -> Result<Option<Arc<Claim>>, Refusal> {
        let slot = self.task(at)?;
        match (slot.claim.clone(), token) {
            (Some(claim), Some(token)) if claim.token == token => Ok(Some(claim)),
            (_, Some(token)) => Err(self.stale_token(at, token)),
            (Some(claim), None) => Err(Refusal::conflict(
                format!(
                    "{} is held by {} until {}",
                    slot.row.alias(),
                    view::shown(&claim.holder),
                    view::moment(claim.expires_at)
                ),
                "give the `token` of the claim, wait for the end of its lease, or cancel the task",
            )),
            (None, None) => Ok(None),
        }
    }

    fn stale_token(&self, at: TaskAt, token: u64) -> Refusal {
        let slot = self.state.task(at);
        let alias = slot.map(|slot| slot.row.alias()).unwrap_or_default();
        let holder = slot.and_then(|slot| slot.claim.as_ref()).map(|claim| view::shown(&claim.holder));
        let now = holder.map_or_else(|| "nobody holds it".to_owned(), |holder| format!("{holder} holds it"));
        let refusal = Refusal::conflict(
            format!("token {token} of {alias} is not valid any more: {now}; nothing changed"),
            "stop working on it, or claim it again with claim_task",
        );
        refusal.with_current(view::value(view::task(self.state, at)))
    }
}

fn can(row: &Task, filter: &ClaimFilter) -> bool {
    row.capabilities.iter().all(|need| filter.capabilities.contains(need))
}
