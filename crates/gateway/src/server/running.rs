//! Which tasks a server works on: what it was heard to say of them, and no more. It keeps a server
//! awake whose answer is yet to come; tasks themselves are not kept here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Tasks beyond these keep nobody awake.
const TASKS_MAX: usize = 1024;
/// How long a task counts that does not say how long it is kept.
const TASK_TIME: Duration = Duration::from_secs(60 * 60);

/// Tasks that have not been heard to end, and until when they count.
#[derive(Debug, Default)]
pub struct RunningTasks(Mutex<HashMap<String, Instant>>);

impl RunningTasks {
    /// The server said that it works on `task`, which it keeps for so long.
    pub fn begun(&self, task: &str, kept: Option<Duration>) {
        let now = Instant::now();
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, until| *until > now);
        if tasks.len() < TASKS_MAX {
            tasks.insert(task.to_owned(), now + kept.unwrap_or(TASK_TIME).min(TASK_TIME));
        }
    }

    /// The server said that nothing more happens to `task`.
    pub fn ended(&self, task: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
    }

    /// Whether it works on none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let now = Instant::now();
        !self.0.lock().unwrap_or_else(PoisonError::into_inner).values().any(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_counts_until_it_ends_or_is_not_kept_any_more() {
        let tasks = RunningTasks::default();
        tasks.begun("a", None);
        tasks.begun("b", Some(Duration::from_secs(5)));
        tasks.ended("a");
        assert!(!tasks.is_empty());
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(tasks.is_empty());
    }
}
