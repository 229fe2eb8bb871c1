//! The tools that give goals away and take them in; and the three of the predecessor's first
//! release, which kept its state in Redis, as what they honestly are here.
//!
//! It deliberately reads no files: whoever may read one hands its text over.

use super::Desk;
use super::answer::{Answer, Anything, failure};
use super::look::Nothing;
use crate::goals::exchange::{self, Format};
use crate::goals::model::Command;
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// The largest export in one answer, bytes.
const EXPORT_BYTES_MAX: usize = 8 << 20;

async fn written(desk: &Desk, goal: Option<String>) -> Result<(String, u64), Failure> {
    let (text, seq) = desk
        .read(move |state| {
            let goal = goal.as_deref().map(|goal| state.find_goal(goal)).transpose()?;
            Ok((exchange::export(state, goal), state.seq))
        })
        .await?;
    if text.len() > EXPORT_BYTES_MAX {
        let message = format!("the export has {} bytes, more than {EXPORT_BYTES_MAX}", text.len());
        return Err(Failure::new(protocol::tools::FailureKind::Quota, message)
            .next("export goal by goal, or switchboard backup FILE"));
    }
    Ok((text, seq))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Save {
    goal_id: Option<String>,
}

/// The export: JSON lines, which restore_state_from_cache takes, here or elsewhere.
pub(super) async fn save(desk: Desk, _context: CallContext, asked: Save) -> Result<Answer<Anything>, Failure> {
    let (text, seq) = written(&desk, asked.goal_id).await?;
    let message = "nothing had to be saved: each change is kept when it is answered; this is a copy";
    Ok(Answer::of(json!({
        "success": true, "message": message, "persistence": desk.database(), "seq": seq,
        "lines": text.lines().count(), "state_json": text,
    })))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Restore {
    /// Exported, or a file's text.
    state_json: Value,
    #[serde(default)]
    format: Format,
}

/// The import: what is here stays, what is not is added.
pub(super) async fn restore(desk: Desk, context: CallContext, asked: Restore) -> Result<Answer<Anything>, Failure> {
    let text = match &asked.state_json {
        Value::String(text) => text.clone(),
        // The whole answer of save_state_to_cache is taken, too.
        other => other.get("state_json").and_then(Value::as_str).map_or_else(|| other.to_string(), str::to_owned),
    };
    let bundle = exchange::read(&text, asked.format).map_err(|refusal| failure(refusal.into()))?;
    desk.write(&context, Command::Import(Box::new(bundle)), None).await.map(Answer::of)
}

pub(super) async fn cache_status(
    desk: Desk,
    _context: CallContext,
    _asked: Nothing,
) -> Result<Answer<Anything>, Failure> {
    let (goals, tasks, seq) = desk.read(|state| Ok((state.goal_count(), state.task_count(), state.seq))).await?;
    Ok(Answer::of(json!({
        "cache_enabled": true, "cache": "memory", "always_current": true, "ttl_seconds": null,
        "persistence": desk.database(), "goals": goals, "tasks": tasks, "seq": seq,
    })))
}
