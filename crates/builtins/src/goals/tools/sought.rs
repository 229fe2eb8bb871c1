//! Goals that are about something: by the words and the meaning of what is wanted and of their tasks.
//!
//! The texts are read from the state and searched apart from it, so that nobody who works on goals waits.

use crate::goals::model::{Goal, State};
use protocol::tools::{Failure, FailureKind};
use search::Texts;

/// The newest goals that are searched.
const GOALS_MAX: usize = 2_000;
/// How much of a goal with its tasks is read, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

/// The texts of the goals that fit, each with the number of its goal.
pub(super) fn texts(state: &State, fits: impl Fn(&Goal) -> bool) -> Vec<(u64, String)> {
    let fitting = state.goals_newest_first().filter(|slot| fits(&slot.row)).take(GOALS_MAX);
    let read = fitting.map(|slot| {
        let tasks = slot.tasks.iter().filter_map(|(_, task)| state.task(*task));
        (slot.row.number, text(&slot.row, tasks.map(|task| &task.row.description)))
    });
    read.collect()
}

fn text<'a>(goal: &'a Goal, tasks: impl Iterator<Item = &'a String>) -> String {
    let mut text = goal.description.clone();
    for part in goal.why.iter().chain(&goal.labels).chain(&goal.acceptance).chain(tasks) {
        if text.len() >= TEXT_BYTES_MAX {
            break;
        }
        text.push_str(". ");
        text.push_str(part);
    }
    text
}

/// The numbers of the best `limit` goals for `query`, best first, with how well they fit (0 to 1).
pub(super) async fn ranked(texts: Vec<(u64, String)>, query: String, limit: usize) -> Result<Vec<(u64, f32)>, Failure> {
    let search = move || {
        let read = Texts::build(texts.iter().map(|(number, text)| (number.to_string(), text.as_str())));
        let found = read.search(&query, limit).into_iter();
        found.filter_map(|(number, score)| Some((number.parse().ok()?, score))).collect()
    };
    // The runtime is ending.
    let ended = |_| Failure::new(FailureKind::Unavailable, "the search was not finished").next("try again");
    tokio::task::spawn_blocking(search).await.map_err(ended)
}
