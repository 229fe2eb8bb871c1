//! `get_task_status` and `get_task_summary`: what is kept of a project, and what waits in it.

use super::Runner;
use super::project::{BaseArguments, Project};
use super::state::{State, Status, TaskState};
use crate::beneath::Roots;
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much of a task's output is told, in characters, from its end.
const OUTPUT_TOLD_MAX: usize = 500;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Statuses {
    success: bool,
    tasks: BTreeMap<String, TaskStatus>,
    total_tasks: usize,
    completed_tasks: usize,
}

/// What is known of one task.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct TaskStatus {
    status: &'static str,
    steps_done: usize,
    steps_total: Option<usize>,
    returncode: Option<i32>,
    message: String,
    output: String,
    started: Option<String>,
    finished: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summarized {
    success: bool,
    summary: Summary,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Summary {
    total_tasks: usize,
    completed_tasks: usize,
    failed_tasks: usize,
    pending_tasks: usize,
    /// In percent.
    completion_rate: f64,
    base_directory: String,
}

// === impl Runner ===

impl Runner {
    pub(super) async fn get_task_status(
        self: Arc<Self>,
        _context: CallContext,
        asked: BaseArguments,
    ) -> Result<Statuses, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking
            .run(move || {
                let (_, tasks) = known(&roots, asked.base_dir.as_deref())?;
                let completed = count(&tasks, &[Status::Completed.as_str()]);
                Ok(Statuses { success: true, total_tasks: tasks.len(), completed_tasks: completed, tasks })
            })
            .await
    }

    pub(super) async fn get_task_summary(
        self: Arc<Self>,
        _context: CallContext,
        asked: BaseArguments,
    ) -> Result<Summarized, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        self.blocking
            .run(move || {
                let (project, tasks) = known(&roots, asked.base_dir.as_deref())?;
                let completed = count(&tasks, &[Status::Completed.as_str()]);
                let failed = count(&tasks, &[Status::Failed.as_str(), Status::TimedOut.as_str()]);
                let summary = Summary {
                    total_tasks: tasks.len(),
                    completed_tasks: completed,
                    failed_tasks: failed,
                    pending_tasks: tasks.len() - completed - failed,
                    completion_rate: rate(completed, tasks.len()),
                    base_directory: project.path.display().to_string(),
                };
                Ok(Summarized { success: true, summary })
            })
            .await
    }
}

/// The tasks that were run or are there to be run.
fn known(roots: &Roots, base: Option<&str>) -> Result<(Project, BTreeMap<String, TaskStatus>), Failure> {
    let project = Project::open(roots, base)?;
    // What calls itself running while nobody holds the project was stopped in the middle.
    let at_work = project.is_held();
    let state = State::load(roots, &project)?;
    let mut tasks: BTreeMap<String, TaskStatus> = project
        .task_files()?
        .into_iter()
        .map(|name| (name, TaskStatus { status: "pending", ..TaskStatus::default() }))
        .collect();
    tasks.extend(state.tasks.into_iter().map(|(name, task)| (name, TaskStatus::of(task, at_work))));
    Ok((project, tasks))
}

fn count(tasks: &BTreeMap<String, TaskStatus>, statuses: &[&str]) -> usize {
    tasks.values().filter(|task| statuses.contains(&task.status)).count()
}

/// In percent, to a tenth.
fn rate(part: usize, whole: usize) -> f64 {
    let permille = (part * 1000).checked_div(whole).unwrap_or_default();
    f64::from(u32::try_from(permille).unwrap_or_default()) / 10.0
}

// === impl TaskStatus ===

impl TaskStatus {
    fn of(task: TaskState, at_work: bool) -> TaskStatus {
        let status = match task.status {
            Status::Running if !at_work => "interrupted",
            other => other.as_str(),
        };
        let skipped = task.output.chars().count().saturating_sub(OUTPUT_TOLD_MAX);
        TaskStatus {
            status,
            steps_done: task.steps_done,
            steps_total: Some(task.steps_total),
            returncode: task.returncode,
            message: task.message,
            output: task.output.chars().skip(skipped).collect(),
            started: Some(task.started),
            finished: task.finished,
        }
    }
}
