//! What was done in a project, kept in a file of the project: written as a whole after each step,
//! so that a stop at any moment loses no step that ended.

use super::project::Project;
use crate::beneath::{Refusal, Roots};
use protocol::tools::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The file, in the folder of the project.
pub(super) const FILE: &str = ".switchboard-runner.json";
/// What is written in it today.
const VERSION: u32 = 1;
/// The largest such file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What is known of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    version: u32,
    /// By their paths in the project.
    pub(super) tasks: BTreeMap<String, TaskState>,
    /// Files that the runner made, with the digests of what it wrote.
    pub(super) made: BTreeMap<String, String>,
}

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskState {
    pub(super) status: Status,
    /// Of the file that was run: a changed one begins anew.
    pub(super) digest: String,
    pub(super) steps_done: usize,
    pub(super) steps_total: usize,
    /// Of the last step that ended.
    pub(super) returncode: Option<i32>,
    pub(super) message: String,
    /// The end of what was printed.
    pub(super) output: String,
    pub(super) started: String,
    pub(super) finished: Option<String>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Its steps are being run, or were when everything stopped.
    Running,
    Completed,
    /// A step failed, or could not be run.
    Failed,
    TimedOut,
}

// === impl State ===

impl Default for State {
    fn default() -> Self {
        State { version: VERSION, tasks: BTreeMap::new(), made: BTreeMap::new() }
    }
}

impl State {
    /// Reads the state of a project; an empty one where there is none.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub(super) fn load(roots: &Roots, project: &Project) -> Result<State, Failure> {
        let bytes = match roots.read(&project.place.join(Path::new(FILE)), FILE_BYTES_MAX) {
            Ok((bytes, _)) => bytes,
            Err(Refusal::Missing { .. }) => return Ok(State::default()),
            Err(refusal) => return Err(refusal.into()),
        };
        let wrong = |why: String| {
            Failure::new(FailureKind::Conflict, format!("{FILE} of the project cannot be understood: {why}"))
                .next("call clean to begin anew, or restore the file")
        };
        let state: State = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        match state.version {
            VERSION => Ok(state),
            other => Err(wrong(format!("it has version {other}, this program knows {VERSION}"))),
        }
    }

    /// Writes it, through to the disk.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn save(&self, roots: &Roots, project: &Project) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| {
            Failure::new(FailureKind::Unexpected, format!("the state of the project cannot be written: {error}"))
        })?;
        roots.write(&project.place.join(Path::new(FILE)), &text, false)?;
        Ok(())
    }
}

// === impl Status ===

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::TimedOut => "timed_out",
        }
    }
}
