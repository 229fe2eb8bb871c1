//! The tools of `shell` that run programs. A command that fails is an answer; one that is refused
//! or cannot be started is a failure.

use super::Shell;
use crate::moment::utc;
use crate::programs::{Command, How, Outcome, SECONDS, SECONDS_DEFAULT, execute};
use crate::progress::Progress;
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How many commands one call runs.
const COMMANDS_MAX: usize = 50;
/// How long they take together.
const TOGETHER_MAX: Duration = Duration::from_secs(600);

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct ExecuteArguments {
    /// Program and arguments, quoted as in a shell.
    command: String,
    /// Default: the first folder.
    cwd: Option<String>,
    /// Seconds, 1 to 300; default 30.
    timeout: Option<u64>,
    /// Variables to set.
    env: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct SeveralArguments {
    commands: Vec<Several>,
    cwd: Option<String>,
    /// Default true.
    stop_on_error: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Several {
    Line(String),
    #[serde(rename_all = "snake_case")]
    Command {
        command: String,
        cwd: Option<String>,
        timeout: Option<u64>,
    },
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Executed {
    success: bool,
    returncode: Option<i32>,
    stdout: String,
    stderr: String,
    command: String,
    cwd: String,
    timestamp: String,
    duration_ms: u64,
    timed_out: bool,
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ExecutedAll {
    success: bool,
    total_commands: usize,
    successful: usize,
    failed: usize,
    not_run: usize,
    results: Vec<Part>,
    timestamp: String,
}

/// One of several commands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Part {
    Ran(Box<Executed>),
    Refused {
        success: bool,
        command: String,
        error: String,
        #[serde(rename = "type")]
        kind: &'static str,
        next: Option<String>,
    },
}

// === impl Shell ===

impl Shell {
    pub(super) async fn execute_command(
        self: Arc<Self>,
        context: CallContext,
        asked: ExecuteArguments,
    ) -> Result<Executed, Failure> {
        self.execute(&mut Progress::of(context), asked, Duration::MAX).await
    }

    pub(super) async fn execute_multiple_commands(
        self: Arc<Self>,
        context: CallContext,
        asked: SeveralArguments,
    ) -> Result<ExecutedAll, Failure> {
        let total = asked.commands.len();
        if total == 0 || total > COMMANDS_MAX {
            return Err(Failure::validation(format!("`commands` must hold 1 to {COMMANDS_MAX} commands, not {total}")));
        }
        let stop_on_error = asked.stop_on_error.unwrap_or(true);
        let (mut progress, since, mut results) = (Progress::of(context), Instant::now(), Vec::new());
        for command in asked.commands {
            let left = TOGETHER_MAX.saturating_sub(since.elapsed());
            if left.is_zero() {
                break;
            }
            let wanted = command.wanted(asked.cwd.as_ref());
            let line = wanted.command.clone();
            let part = Part::of(line, self.execute(&mut progress, wanted, left).await);
            let fine = part.is_success();
            results.push(part);
            if stop_on_error && !fine {
                break;
            }
        }
        let successful = results.iter().filter(|part| part.is_success()).count();
        Ok(ExecutedAll {
            success: successful == total,
            total_commands: total,
            successful,
            failed: results.len() - successful,
            not_run: total - results.len(),
            results,
            timestamp: utc(SystemTime::now()),
        })
    }

    async fn execute(
        self: &Arc<Self>,
        progress: &mut Progress,
        asked: ExecuteArguments,
        time_max: Duration,
    ) -> Result<Executed, Failure> {
        let seconds = asked.timeout.unwrap_or(SECONDS_DEFAULT);
        if !SECONDS.contains(&seconds) {
            return Err(Failure::validation(format!("`timeout` must be 1 to 300 seconds, not {seconds}")));
        }
        let command = Command { line: asked.command, env: asked.env.unwrap_or_default() };
        let (shell, cwd) = (Arc::clone(self), asked.cwd);
        let judged = self.blocking.run(move || {
            let cwd = shell.commands.folder(cwd.as_deref())?;
            let order = shell.commands.order(&command, &cwd)?;
            Ok((command, order, cwd))
        });
        let (command, order, cwd) = judged.await?;
        let timestamp = utc(SystemTime::now());
        let _place = self.places.acquire().await;
        let time_max = time_max.min(Duration::from_secs(seconds));
        let running = execute(self.spawner.as_ref(), order, time_max, self.output_bytes_max);
        let name = command.line.split_whitespace().next().unwrap_or_default();
        let outcome = progress.during(&format!("{name} runs"), running).await.map_err(|refused| {
            let failure = Failure::new(FailureKind::Unavailable, refused.message);
            match refused.next {
                Some(next) => failure.next(next),
                None => failure,
            }
        })?;
        Ok(Executed::of(outcome, command.line, cwd.display().to_string(), timestamp))
    }
}

// === impl Executed ===

impl Executed {
    fn of(outcome: Outcome, command: String, cwd: String, timestamp: String) -> Executed {
        Executed {
            success: outcome.is_success(),
            returncode: outcome.status(),
            suggestion: suggestion(&outcome),
            timed_out: outcome.how == How::TimedOut,
            truncated: outcome.truncated,
            duration_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
            stdout: outcome.stdout,
            stderr: outcome.stderr,
            command,
            cwd,
            timestamp,
        }
    }
}

/// What to do about a command that did not end well, where that can be told.
fn suggestion(outcome: &Outcome) -> Option<String> {
    match (&outcome.how, outcome.cut()) {
        (How::TimedOut, Some(cut)) => Some(format!("{cut}; give a longer `timeout`, at most 300")),
        (How::Flooded, Some(cut)) => Some(format!("{cut}; have it print less")),
        (_, Some(cut)) => Some(cut),
        _ if outcome.truncated => Some("not all output is kept; have it print less".to_owned()),
        _ => None,
    }
}

// === impl Several ===

impl Several {
    fn wanted(self, common: Option<&String>) -> ExecuteArguments {
        let (command, cwd, timeout) = match self {
            Several::Line(command) => (command, None, None),
            Several::Command { command, cwd, timeout } => (command, cwd, timeout),
        };
        ExecuteArguments { command, cwd: cwd.or_else(|| common.cloned()), timeout, env: None }
    }
}

// === impl Part ===

impl Part {
    fn of(command: String, done: Result<Executed, Failure>) -> Part {
        match done {
            Ok(executed) => Part::Ran(Box::new(executed)),
            Err(failure) => Part::Refused {
                success: false,
                command,
                error: failure.message,
                kind: failure.kind.as_str(),
                next: failure.next,
            },
        }
    }

    fn is_success(&self) -> bool {
        matches!(self, Part::Ran(executed) if executed.success)
    }
}
