//! `parse_task_list`: a list of tasks becomes one file each. A file that a person changed is not
//! written over.

use super::Runner;
use super::project::{Held, Project, TASK_BYTES_MAX, digest};
use super::state::State;
use super::task_file::COMMAND;
use crate::beneath::{Refusal, Roots};
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The most tasks of one list: their numbers have three digits.
const TASKS_MAX: usize = 999;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ListArguments {
    task_list_path: String,
    base_dir: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Parsed {
    success: bool,
    task_files: Vec<String>,
    count: usize,
    message: String,
}

/// The files that a list became.
#[derive(Debug)]
pub(super) struct ListMade {
    pub(super) files: Vec<String>,
}

// === impl Runner ===

impl Runner {
    pub(super) async fn parse_task_list(
        self: Arc<Self>,
        _context: CallContext,
        asked: ListArguments,
    ) -> Result<Parsed, Failure> {
        let held = self.hold(asked.base_dir).await?;
        let roots = Arc::clone(&self.commands.roots);
        self.blocking
            .run(move || {
                let made = make(&roots, &held.project, &asked.task_list_path, &held)?;
                let (count, message) = (made.files.len(), format!("{} task files are there", made.files.len()));
                Ok(Parsed { success: true, task_files: made.files, count, message })
            })
            .await
    }
}

/// Reads the list at `path` of the project `from` and makes its tasks in the project `into`: all of
/// them, or none where one would write over another's file.
///
/// # Errors
/// There is no list, it is empty or too long, or a file is in the way.
pub(super) fn make(roots: &Roots, from: &Project, path: &str, into: &Held) -> Result<ListMade, Failure> {
    let (place, _) = from.place_of(roots, path)?;
    let (bytes, _) = roots.read(&place, TASK_BYTES_MAX)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::validation(format!("`{path}` is not text in utf-8")))?;
    let tasks = tasks(&text);
    if tasks.is_empty() || tasks.len() > TASKS_MAX {
        let message = format!("`{path}` must hold 1 to {TASKS_MAX} tasks, not {}", tasks.len());
        return Err(Failure::validation(message).next("write one task a line; lines that begin with # are comments"));
    }
    let into = &into.project;
    let mut state = State::load(roots, into)?;
    let mut wanted = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let number = index + 1;
        let (name, content) = (format!("task_{number:03}.md"), format!("# Task {number:03}\n\n{task}\n"));
        let place = into.place.join(Path::new(&name));
        match roots.read(&place, TASK_BYTES_MAX) {
            Ok((there, _)) if there == content.as_bytes() => {}
            // Written by us, and changed by nobody since.
            Ok((there, _)) if state.made.get(&name) == Some(&digest(&there)) => {}
            Err(Refusal::Missing { .. }) => {}
            Ok(_) => {
                let message = format!("{} is there and says something else", place.path().display());
                return Err(Failure::new(FailureKind::Conflict, message)
                    .next("move it away, or take another base_dir; nothing was written"));
            }
            Err(refusal) => return Err(refusal.into()),
        }
        wanted.push((name, content, place));
    }
    let mut files = Vec::new();
    for (name, content, place) in wanted {
        let there = roots.read(&place, TASK_BYTES_MAX).is_ok_and(|(there, _)| there == content.as_bytes());
        if !there {
            state.made.insert(name, digest(content.as_bytes()));
            // Noted first: after a stop in between, `clean` still knows whose it is.
            state.save(roots, into)?;
            roots.write(&place, content.as_bytes(), false)?;
        }
        files.push(place.path().display().to_string());
    }
    Ok(ListMade { files })
}

/// The tasks of a list: its lines without marks of a list, empty lines and comments.
fn tasks(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| runnable(bare(line))).filter(|task| !task.is_empty()).collect()
}

/// A line without `- `, `* `, `1. ` and `[ ] ` in front.
fn bare(line: &str) -> &str {
    let bulleted = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
    let digits = line.len() - line.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let numbered =
        line[digits..].strip_prefix(". ").or_else(|| line[digits..].strip_prefix(") ")).filter(|_| digits > 0);
    let item = bulleted.or(numbered).unwrap_or(line).trim_start();
    item.strip_prefix("[ ] ").or_else(|| item.strip_prefix("[x] ")).unwrap_or(item).trim()
}

/// `$ ls` is written as a task file says it.
fn runnable(task: &str) -> String {
    match task.strip_prefix("$ ") {
        Some(command) => format!("{COMMAND} {command}"),
        None => task.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_take_no_number_and_marks_are_left_out() {
        let text = "# Tasks\n\n- first\n  # not this\n2. second\n* [ ] third\n$ ls -la\ncommand: pwd\n3 apples\n-\n";
        assert_eq!(tasks(text), ["first", "second", "third", "command: ls -la", "command: pwd", "3 apples", "-"]);
    }
}
