//! The tools for those who work: claims, links, gates, undo.
//!
//! It deliberately works on nothing itself.

use super::Desk;
use super::answer::{self, Answer, Anything, Item};
use super::tasks::parsed;
use crate::goals::model::{Act, ClaimFilter, Command, EdgeKind, Finish, GateChange, GateKind, GateState};
use protocol::CallContext;
use protocol::tools::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize, JsonSchema)]
pub(super) struct Claim {
    task_id: Option<String>,
    goal_id: Option<String>,
    holder: Option<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    lease_seconds: Option<u32>,
    idempotency_key: Option<String>,
}

pub(super) async fn claim(desk: Desk, context: CallContext, asked: Claim) -> Result<Answer<Anything>, Failure> {
    let filter = ClaimFilter {
        holder: asked.holder.unwrap_or_else(|| context.principal.as_str().to_owned()),
        task: asked.task_id,
        goal: asked.goal_id,
        capabilities: asked.capabilities,
        lease_ms: i64::from(asked.lease_seconds.unwrap_or(desk.options.lease_seconds)) * 1_000,
    };
    desk.write(&context, Command::Claim(filter), asked.idempotency_key).await.map(Answer::of)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Report {
    task_id: String,
    token: u64,
    action: Act,
    result: Option<Value>,
    progress: Option<String>,
    #[serde(default)]
    checks_passed: Vec<String>,
    override_reason: Option<String>,
    idempotency_key: Option<String>,
}

pub(super) async fn finish(desk: Desk, context: CallContext, asked: Report) -> Result<Answer<Item>, Failure> {
    let finish = Finish {
        task: asked.task_id,
        token: asked.token,
        act: asked.action,
        result: asked.result.map(parsed),
        progress: asked.progress,
        checks_passed: asked.checks_passed,
        override_reason: asked.override_reason,
    };
    let task = desk.write(&context, Command::Finish(finish), asked.idempotency_key).await?;
    Ok(Answer::of(desk.kept(task)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Link {
    from: String,
    to: String,
    #[serde(rename = "type")]
    kind: EdgeKind,
    #[serde(default)]
    remove: bool,
}

pub(super) async fn link(desk: Desk, context: CallContext, asked: Link) -> Result<Answer<Anything>, Failure> {
    // Doing it twice is doing it once, so it needs no key.
    let command = Command::Link { from: asked.from, to: asked.to, kind: asked.kind, remove: asked.remove };
    desk.write(&context, command, None).await.map(Answer::of)
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct SetGate {
    task_id: String,
    name: Option<String>,
    kind: Option<GateKind>,
    state: Option<GateState>,
    opens_at: Option<String>,
    goal_id: Option<String>,
    expires_at: Option<String>,
    note: Option<String>,
    #[serde(default)]
    remove: bool,
}

pub(super) async fn gate(desk: Desk, context: CallContext, asked: SetGate) -> Result<Answer<Item>, Failure> {
    let change = GateChange {
        task: asked.task_id,
        name: asked.name,
        kind: asked.kind,
        state: asked.state,
        opens_at: answer::moment("opens_at", asked.opens_at.as_deref())?,
        goal: asked.goal_id,
        expires_at: answer::moment("expires_at", asked.expires_at.as_deref())?,
        note: asked.note,
        remove: asked.remove,
    };
    let task = desk.write(&context, Command::SetGate(change), None).await?;
    Ok(Answer::of(desk.kept(task)))
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Undo {
    /// From goal_history.
    seq: i64,
}

pub(super) async fn undo(desk: Desk, context: CallContext, asked: Undo) -> Result<Answer<Anything>, Failure> {
    // What is undone is not undone twice: it needs no key.
    let command = desk.goals.undoing(asked.seq).await.map_err(answer::failure)?;
    desk.write(&context, command, None).await.map(Answer::of)
}
