//! `run_task` and `run_all_tasks`: steps one after the other, what came of each kept before the
//! next begins.

use super::Runner;
use super::project::{Held, TASK_BYTES_MAX, digest};
use super::state::{State, Status, TaskState};
use super::task_file::{Step, TaskFile, What, parse};
use crate::beneath::Place;
use crate::moment::utc;
use crate::programs::{Command, How, Outcome, execute};
use crate::progress::Progress;
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The time of one task in seconds, if nothing is said, and the longest.
const TASK_SECONDS_DEFAULT: f64 = 300.0;
const TASK_SECONDS_MAX: f64 = 3600.0;
/// How long all tasks of one call may take.
const TOGETHER_MAX: Duration = Duration::from_secs(3600);
/// How much of each of stdout and stderr of a step is kept, in bytes.
const STEP_OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// How much of a task's output is kept, in bytes.
const TASK_OUTPUT_BYTES_MAX: usize = 32 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RunArguments {
    /// The file, or else give `command`.
    task_path: Option<String>,
    /// A command to run in the project.
    command: Option<String>,
    /// Project folder.
    base_dir: Option<String>,
    /// Default 300.
    timeout_seconds: Option<f64>,
    /// Go on after the last finished step.
    #[serde(default)]
    resume: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct RunAllArguments {
    base_dir: Option<String>,
    /// Skip what is done.
    #[serde(default)]
    resume: bool,
}

/// What came of one task.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TaskRun {
    success: bool,
    task_path: String,
    status: &'static str,
    message: String,
    steps_done: usize,
    steps_total: usize,
    returncode: Option<i32>,
    output: String,
    duration_ms: u64,
    /// The type of a failure, for a task that could not be run.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AllRun {
    success: bool,
    tasks_executed: usize,
    tasks_failed: usize,
    tasks_skipped: usize,
    total_tasks: usize,
    results: Vec<TaskRun>,
}

/// A run under way: the project is held, its state is ours.
struct Run {
    held: Arc<Held>,
    state: State,
}

/// A task that was read and may be run.
struct Task {
    name: String,
    file: TaskFile,
    digest: String,
    cwd: PathBuf,
}

// === impl Runner ===

impl Runner {
    pub(super) async fn run_task(
        self: Arc<Self>,
        context: CallContext,
        asked: RunArguments,
    ) -> Result<TaskRun, Failure> {
        let seconds = asked.timeout_seconds.unwrap_or(TASK_SECONDS_DEFAULT);
        if !(0.1..=TASK_SECONDS_MAX).contains(&seconds) {
            let message = format!("`timeout_seconds` must be 0.1 to {TASK_SECONDS_MAX}, not {seconds}");
            return Err(Failure::validation(message));
        }
        let time_max = Duration::from_secs_f64(seconds);
        let mut progress = Progress::of(context);
        let mut run = self.begin(asked.base_dir).await?;
        let task = match (asked.task_path, asked.command) {
            (Some(path), None) => self.read(&run, path).await?,
            (None, Some(command)) => Task::of_command(command, run.held.project.path.clone())?,
            _ => return Err(Failure::validation("give either `task_path` or `command`")),
        };
        if task.file.steps.is_empty() {
            let message = format!("`{}` holds no command: nothing was run", task.name);
            return Err(Failure::validation(message).next("put commands in a ```sh block or a line `command: …`"));
        }
        self.run(&mut run, &task, asked.resume, time_max, &mut progress).await
    }

    pub(super) async fn run_all_tasks(
        self: Arc<Self>,
        context: CallContext,
        asked: RunAllArguments,
    ) -> Result<AllRun, Failure> {
        let (mut progress, since) = (Progress::of(context), Instant::now());
        let mut run = self.begin(asked.base_dir).await?;
        let names = run.held.project.task_files()?;
        let (total_tasks, mut results) = (names.len(), Vec::new());
        for name in names {
            let left = TOGETHER_MAX.saturating_sub(since.elapsed());
            let time_max = left.min(Duration::from_secs_f64(TASK_SECONDS_DEFAULT));
            let done = match self.read(&run, name.clone()).await {
                Ok(_) if left.is_zero() => Ok(TaskRun::too_late(name.clone())),
                Ok(task) if task.file.steps.is_empty() => Ok(TaskRun::skipped(name.clone(), "it holds no command")),
                Ok(task) if asked.resume && run.is_done(&task) => {
                    Ok(TaskRun::skipped(name.clone(), "it was done before"))
                }
                Ok(task) => self.run(&mut run, &task, asked.resume, time_max, &mut progress).await,
                Err(failure) => Err(failure),
            };
            results.push(done.unwrap_or_else(|failure| TaskRun::refused(name, failure)));
        }
        let skipped = results.iter().filter(|result| result.status == SKIPPED).count();
        let failed = results.iter().filter(|result| !result.success).count();
        Ok(AllRun {
            success: failed == 0,
            tasks_executed: total_tasks - skipped,
            tasks_failed: failed,
            tasks_skipped: skipped,
            total_tasks,
            results,
        })
    }

    async fn begin(&self, base: Option<String>) -> Result<Run, Failure> {
        let held = Arc::new(self.hold(base).await?);
        let (roots, project) = (Arc::clone(&self.commands.roots), Arc::clone(&held));
        let state = self.blocking.run(move || State::load(&roots, &project.project)).await?;
        Ok(Run { held, state })
    }

    /// Reads a task file; everything in it that can be judged before it runs is judged.
    async fn read(&self, run: &Run, path: String) -> Result<Task, Failure> {
        let roots = Arc::clone(&self.commands.roots);
        let (place, name) = run.held.project.place_of(&roots, &path)?;
        let (project, scripts) = (run.held.project.place.clone(), self.shell.is_some());
        self.blocking
            .run(move || {
                let (bytes, _) = roots.read(&place, TASK_BYTES_MAX)?;
                let digest = digest(&bytes);
                let text = String::from_utf8(bytes);
                let text = text.map_err(|_| Failure::validation(format!("`{path}` is not text in utf-8")))?;
                let file = parse(&text, scripts).map_err(|why| {
                    Failure::validation(format!("`{path}` is not run: {why}")).next("correct the file")
                })?;
                let folder = match &file.cwd {
                    Some(cwd) => inside(&project, cwd)?,
                    None => project,
                };
                let cwd = roots.open_folder(&folder)?.path;
                Ok(Task { name, file, digest, cwd })
            })
            .await
    }

    async fn run(
        self: &Arc<Self>,
        run: &mut Run,
        task: &Task,
        resume: bool,
        time_max: Duration,
        progress: &mut Progress,
    ) -> Result<TaskRun, Failure> {
        let since = Instant::now();
        let mut done = run.beginning(task, resume);
        let total = task.file.steps.len();
        while done.status == Status::Running {
            self.keep(run, task, &done).await?;
            let Some(step) = task.file.steps.get(done.steps_done) else {
                done.end(Status::Completed, format!("all {total} steps ended well"));
                break;
            };
            let left = time_max.saturating_sub(since.elapsed());
            let said = format!("{}: step {} of {total}", task.name, done.steps_done + 1);
            let outcome = progress.during(&said, self.step(step, task, left)).await;
            done.judge(step, outcome);
        }
        self.keep(run, task, &done).await?;
        Ok(TaskRun::of(task.name.clone(), done, since.elapsed()))
    }

    async fn step(self: &Arc<Self>, step: &Step, task: &Task, left: Duration) -> Result<Outcome, Failure> {
        let (runner, what, cwd) = (Arc::clone(self), step.what.clone(), task.cwd.clone());
        let judged = self.blocking.run(move || match (what, &runner.shell) {
            (What::Script(script), Some(shell)) => Ok(runner.commands.script(shell, &script, &cwd)),
            (What::Command(line) | What::Script(line), _) => {
                runner.commands.order(&Command { line, env: BTreeMap::new() }, &cwd)
            }
        });
        let order = judged.await?;
        let time_max = step.timeout.map_or(left, |limit| limit.min(left));
        let executed = execute(self.spawner.as_ref(), order, time_max, STEP_OUTPUT_BYTES_MAX).await;
        executed.map_err(|refused| Failure::new(FailureKind::Unavailable, refused.message))
    }

    /// Writes down how far a task is; a command that is no file's is not kept.
    async fn keep(&self, run: &mut Run, task: &Task, done: &TaskState) -> Result<(), Failure> {
        if task.digest.is_empty() {
            return Ok(());
        }
        run.state.tasks.insert(task.name.clone(), done.clone());
        let roots = Arc::clone(&self.commands.roots);
        // The disk is waited for here, off the threads that serve calls.
        let (state, held) = (run.state.clone(), Arc::clone(&run.held));
        self.blocking.run(move || state.save(&roots, &held.project)).await
    }
}

/// The place of a folder that a task file names.
fn inside(project: &Place, cwd: &str) -> Result<Place, Failure> {
    let path = Path::new(cwd);
    let plain =
        path.components().all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    match plain {
        true => Ok(project.join(path)),
        false => Err(Failure::validation(format!("`cwd: {cwd}` does not lie in the project"))),
    }
}

// === impl Run ===

impl Run {
    fn is_done(&self, task: &Task) -> bool {
        let before = self.state.tasks.get(&task.name);
        before.is_some_and(|before| before.digest == task.digest && before.status == Status::Completed)
    }

    /// Where a task begins: after the last finished step if it is to go on and its file is the
    /// same, else at the start.
    fn beginning(&self, task: &Task, resume: bool) -> TaskState {
        let before = self.state.tasks.get(&task.name).filter(|before| resume && before.digest == task.digest);
        let before = before.filter(|before| before.steps_total == task.file.steps.len());
        TaskState {
            status: Status::Running,
            digest: task.digest.clone(),
            steps_done: before.map_or(0, |before| before.steps_done),
            steps_total: task.file.steps.len(),
            returncode: None,
            message: String::new(),
            output: before.map_or_else(String::new, |before| before.output.clone()),
            started: utc(SystemTime::now()),
            finished: None,
        }
    }
}

// === impl Task ===

impl Task {
    /// One command as a task of its own.
    fn of_command(command: String, cwd: PathBuf) -> Result<Task, Failure> {
        let file = parse(&format!("command: {}", command.replace('\n', " ")), false).map_err(Failure::validation)?;
        Ok(Task { name: command, file, digest: String::new(), cwd })
    }
}

// === impl TaskState ===

impl TaskState {
    fn end(&mut self, status: Status, message: String) {
        self.status = status;
        self.message = message;
        self.finished = Some(utc(SystemTime::now()));
    }

    /// Takes note of what came of a step.
    fn judge(&mut self, step: &Step, outcome: Result<Outcome, Failure>) {
        let (number, line) = (self.steps_done + 1, step.line);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                let next = failure.next.map(|next| format!("; {next}")).unwrap_or_default();
                return self.end(Status::Failed, format!("step {number} (line {line}): {}{next}", failure.message));
            }
        };
        self.print(step, &outcome);
        self.returncode = outcome.status();
        match (&outcome.how, outcome.cut()) {
            _ if outcome.is_success() => self.steps_done += 1,
            (How::TimedOut, cut) => {
                self.end(Status::TimedOut, format!("step {number} (line {line}): {}", cut.unwrap_or_default()));
            }
            (_, Some(cut)) => self.end(Status::Failed, format!("step {number} (line {line}): {cut}")),
            (_, None) => {
                let code = self.returncode.unwrap_or_default();
                self.end(Status::Failed, format!("step {number} (line {line}) returned {code}"));
            }
        }
    }

    /// Adds a step to what was printed; of too much the end stays.
    fn print(&mut self, step: &Step, outcome: &Outcome) {
        for part in [&format!("$ {}\n", step.shown()), &outcome.stdout, &outcome.stderr] {
            self.output.push_str(part);
            if !part.is_empty() && !part.ends_with('\n') {
                self.output.push('\n');
            }
        }
        let over = self.output.len().saturating_sub(TASK_OUTPUT_BYTES_MAX);
        self.output.drain(..self.output.ceil_char_boundary(over));
    }
}

/// The status of a task that was not run.
const SKIPPED: &str = "skipped";

// === impl TaskRun ===

impl TaskRun {
    fn of(task_path: String, done: TaskState, took: Duration) -> TaskRun {
        TaskRun {
            success: done.status == Status::Completed,
            task_path,
            status: done.status.as_str(),
            message: done.message,
            steps_done: done.steps_done,
            steps_total: done.steps_total,
            returncode: done.returncode,
            output: done.output,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            kind: None,
        }
    }

    fn not_run(task_path: String, success: bool, status: &'static str, message: String) -> TaskRun {
        let (output, returncode) = (String::new(), None);
        let (steps_done, steps_total, duration_ms, kind) = (0, 0, 0, None);
        TaskRun { success, task_path, status, message, steps_done, steps_total, returncode, output, duration_ms, kind }
    }

    fn skipped(task_path: String, why: &str) -> TaskRun {
        TaskRun::not_run(task_path, true, SKIPPED, why.to_owned())
    }

    fn too_late(task_path: String) -> TaskRun {
        TaskRun::not_run(task_path, false, "not_run", "no time was left for it".to_owned())
    }

    fn refused(task_path: String, failure: Failure) -> TaskRun {
        let kind = Some(failure.kind.as_str());
        TaskRun { kind, ..TaskRun::not_run(task_path, false, "refused", failure.message) }
    }
}
