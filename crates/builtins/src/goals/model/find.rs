//! Finding goals and tasks by whatever they are called: id or alias.
//!
//! It deliberately guesses nothing; a mistyped id is told from an unknown one.

use super::ids;
use super::refusal::Refusal;
use super::state::{GoalAt, State, TaskAt};
use super::view;

impl State {
    /// The goal with this id or alias.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find_goal(&self, name: &str) -> Result<GoalAt, Refusal> {
        let name = name.trim();
        let by_number = || number("GOAL-", name).and_then(|number| self.goal_by_number.get(&number).copied());
        if let Some(at) = by_number().or_else(|| self.goal_of_id(&name.to_ascii_lowercase())) {
            return Ok(at);
        }
        Err(unknown("goal", 'g', name, "list_goals shows the goals there are"))
    }

    /// The task with this id or alias.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find_task(&self, name: &str) -> Result<TaskAt, Refusal> {
        let name = name.trim();
        let by_number = || number("TASK-", name).and_then(|number| self.task_by_number.get(&number).copied());
        if let Some(at) = by_number().or_else(|| self.task_of_id(&name.to_ascii_lowercase())) {
            return Ok(at);
        }
        Err(unknown("task", 't', name, "get_goal shows the tasks of a goal"))
    }
}

/// The number of an alias, however many zeros it is written with.
fn number(prefix: &str, name: &str) -> Option<u64> {
    let (start, digits) = name.split_at_checked(prefix.len())?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (start.eq_ignore_ascii_case(prefix) && is_number).then(|| digits.parse().ok()).flatten()
}

fn unknown(what: &str, prefix: char, name: &str, next: &str) -> Refusal {
    let lower = name.to_ascii_lowercase();
    if name.is_empty() {
        return Refusal::invalid(format!("no {what} is named"), next);
    }
    if ids::is_like(prefix, &lower) && !ids::is_sound(prefix, &lower) {
        return Refusal::unknown(format!("{} is mistyped: its check letter does not fit", view::shown(name)), next);
    }
    Refusal::unknown(format!("there is no {what} {}", view::shown(name)), next)
}
