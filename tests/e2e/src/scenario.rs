//! Scenarios for clients of others: steps as data, played by a script of `tests/peers`, results as
//! JSON. The contract of the steps is in `tests/peers/README.md`.

use crate::programs::run;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);

/// One step of a scenario.
#[derive(Debug, Clone)]
pub struct Step(Value);

impl Step {
    /// Reads all lists to their last page.
    pub fn list() -> Self {
        Self(json!({"do": "list"}))
    }

    /// Calls a tool.
    pub fn call(tool: &str, args: Value) -> Self {
        Self(json!({"do": "call", "tool": tool, "args": args}))
    }

    /// Calls a tool and collects its progress.
    pub fn progress(tool: &str, args: Value) -> Self {
        Self(json!({"do": "progress", "tool": tool, "args": args}))
    }

    /// Calls a tool and gives up after so many milliseconds.
    pub fn cancel(tool: &str, args: Value, after_ms: u64) -> Self {
        Self(json!({"do": "cancel", "tool": tool, "args": args, "after_ms": after_ms}))
    }

    /// Calls a tool again and again until its first text is this one.
    pub fn until(tool: &str, args: Value, text: &str) -> Self {
        Self(json!({"do": "until", "tool": tool, "args": args, "text": text}))
    }

    /// Gets a prompt.
    pub fn prompt(name: &str, args: Value) -> Self {
        Self(json!({"do": "prompt", "name": name, "args": args}))
    }

    /// Reads a resource.
    pub fn read(uri: &str) -> Self {
        Self(json!({"do": "read", "uri": uri}))
    }

    /// Calls a tool and waits for notifications until the tool `name` came or went.
    pub fn change(tool: &str, name: &str) -> Self {
        Self(json!({"do": "change", "tool": tool, "name": name}))
    }
}

/// What a client saw.
#[derive(Debug)]
pub struct Played {
    /// The revision that the client says it speaks.
    pub version: String,
    /// One result per step.
    pub steps: Vec<Value>,
    /// What it was asked by servers, in order: `method` and `params`.
    pub asked: Vec<Value>,
}

/// Lets a client play the steps; the scenario file becomes its last argument.
///
/// # Panics
/// The client fails as a whole. A step that fails is an `error` in its result.
#[track_caller]
pub fn play(client: Command, steps: &[Step]) -> Played {
    play_answering(client, steps, &json!({}))
}

/// Lets a client play the steps that declares what it has answers for, and gives them when a server
/// asks: `form`, `url`, `sampling` and `roots`.
///
/// # Panics
/// As [`play`].
#[track_caller]
pub fn play_answering(mut client: Command, steps: &[Step], answers: &Value) -> Played {
    let shown = format!("{client:?}");
    let file = tempfile::NamedTempFile::new().unwrap_or_else(|why| panic!("no scenario file: {why}"));
    let steps: Vec<&Value> = steps.iter().map(|step| &step.0).collect();
    let scenario = json!({"steps": steps, "answers": answers});
    std::fs::write(file.path(), scenario.to_string()).unwrap_or_else(|why| panic!("no scenario: {why}"));
    client.arg(file.path());
    let outcome = run(&mut client, LIMIT);
    let said = outcome.stdout.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let Some(said) = said else {
        panic!("{shown} ended without a result: {outcome:?}");
    };
    let list = |name: &str| said[name].as_array().cloned().unwrap_or_default();
    Played {
        version: said["version"].as_str().unwrap_or_default().to_owned(),
        steps: list("steps"),
        asked: list("asked"),
    }
}
