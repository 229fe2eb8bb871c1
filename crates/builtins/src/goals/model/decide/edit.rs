//! Changing what is known of a task.
//!
//! It deliberately leaves the status alone; `status` and `claims` change it.

use super::draft::{self, Draft};
use super::goals::{estimate, unchecked};
use crate::goals::model::command::TaskChange;
use crate::goals::model::limits::DESCRIPTION_BYTES_MAX;
use crate::goals::model::refusal::Refusal;
use crate::goals::model::rows::Task;
use crate::goals::model::view;
use serde_json::Value;

impl Draft<'_> {
    pub(super) fn edit_task(&mut self, change: &TaskChange) -> Result<Value, Refusal> {
        let at = self.task_at_version(&change.task, change.expected_version)?;
        let before = self.task(at)?.row.clone();
        let mut after = (*before).clone();
        if let Some(description) = &change.description {
            draft::text("description", description, DESCRIPTION_BYTES_MAX)?;
            after.description.clone_from(description);
        }
        words(change, &mut after)?;
        after.priority = change.priority.unwrap_or(after.priority);
        estimate(change.estimate)?;
        after.estimate = change.estimate.or(after.estimate);
        if let Some(until) = change.defer_until {
            after.defer_until = Some(until).filter(|until| *until > 0);
        }
        if let Some(checks) = &change.checks {
            draft::words("acceptance", checks)?;
            let known = |text: &String| before.checks.iter().find(|check| check.text == *text).cloned();
            after.checks = checks.iter().map(|text| known(text).unwrap_or_else(|| unchecked(text))).collect();
        }
        if let Some(metadata) = &change.metadata {
            draft::merge(&mut after.metadata, metadata);
            draft::value("metadata", &after.metadata)?;
        }
        if after != *before {
            self.put_task("task_updated", before, after)?;
        }
        Ok(view::value(view::task(self.state, at)))
    }
}

fn words(change: &TaskChange, after: &mut Task) -> Result<(), Refusal> {
    if let Some(kind) = &change.kind {
        draft::text("type", kind, super::super::limits::WORD_BYTES_MAX)?;
        after.kind.clone_from(kind);
    }
    // An empty text takes the value away.
    let texts = [
        ("repo", &change.repo, &mut after.repo),
        ("jira_ticket", &change.jira_ticket, &mut after.jira_ticket),
        ("estimated_effort", &change.estimated_effort, &mut after.estimated_effort),
    ];
    for (name, text, into) in texts {
        draft::word(name, text.as_ref())?;
        if let Some(text) = text {
            *into = Some(text.clone()).filter(|text| !text.is_empty());
        }
    }
    let lists = [
        ("capabilities", &change.capabilities, &mut after.capabilities),
        ("labels", &change.labels, &mut after.labels),
    ];
    for (name, list, into) in lists {
        if let Some(list) = list {
            draft::words(name, list)?;
            into.clone_from(list);
        }
    }
    Ok(())
}
