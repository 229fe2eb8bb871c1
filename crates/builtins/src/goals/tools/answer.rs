//! What tools answer: views of the model, with the members that the predecessors added, and
//! failures that say what to do next.
//!
//! Output schemas say hardly more than that it is an object: the members would cost as many tokens
//! as all the rest. It deliberately asks nothing.

use super::Desk;
use crate::goals::engine::Trouble;
use crate::goals::model::{Command, Refusal, RefusalKind, State, when};
use protocol::CallContext;
use protocol::tools::{Failure, FailureKind};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A result that is made already; its schema is that of `V`.
#[derive(Debug)]
pub(super) struct Answer<V>(Value, PhantomData<V>);

/// A goal or a task: its members are `GoalView` and `TaskView`.
#[derive(Debug, JsonSchema)]
pub(super) struct Item {}

/// Of which nothing is said.
#[derive(Debug, JsonSchema)]
pub(super) struct Anything {}

// === impl Answer ===

impl<V> Answer<V> {
    pub(super) fn of(value: Value) -> Self {
        Self(value, PhantomData)
    }
}

impl<V> Serialize for Answer<V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<V: JsonSchema> JsonSchema for Answer<V> {
    fn schema_name() -> Cow<'static, str> {
        V::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        V::json_schema(generator)
    }
}

// === impl Desk ===

impl Desk {
    /// Carries out a command in the caller's name.
    pub(super) async fn write(
        &self,
        context: &CallContext,
        command: Command,
        key: Option<String>,
    ) -> Result<Value, Failure> {
        self.goals.write(context.principal.as_str(), command, key).await.map_err(failure)
    }

    /// Looks at the state.
    pub(super) async fn read<T, F>(&self, look: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&State) -> Result<T, Refusal> + Send + 'static,
    {
        self.goals.read(look).await.map_err(failure)
    }

    /// Which database it is.
    pub(super) fn database(&self) -> &'static str {
        if self.goals.store().place().starts_with("postgres") { "postgresql" } else { "sqlite" }
    }

    /// `_persistence` of a write (predecessors.md 2.2).
    pub(super) fn kept(&self, mut answer: Value) -> Value {
        if let Some(answer) = answer.as_object_mut() {
            let said =
                json!({ "database": self.database(), "cache_enabled": true, "message": "kept; survives a restart" });
            answer.insert("_persistence".to_owned(), said);
        }
        answer
    }

    /// `_cache_status` of a read: the state in memory, brought up to date before each look.
    pub(super) fn served(&self, mut answer: Value) -> Value {
        if let Some(answer) = answer.as_object_mut() {
            let said =
                json!({ "enabled": true, "persistence": self.database(), "served_from": "memory", "cache_hit": true });
            answer.insert("_cache_status".to_owned(), said);
        }
        answer
    }
}

/// What went wrong, for a model.
pub(super) fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Refused(refusal) => {
            let kind = match refusal.kind {
                RefusalKind::Invalid => FailureKind::Validation,
                RefusalKind::Unknown => FailureKind::NotFound,
                RefusalKind::Conflict => FailureKind::Conflict,
                RefusalKind::Limit => FailureKind::Quota,
                RefusalKind::Damaged => FailureKind::Unexpected,
            };
            let failure = Failure::new(kind, refusal.message).next(refusal.next);
            match refusal.current {
                Some(current) => failure.detail("current", current),
                None => failure,
            }
        }
        Trouble::Store(error) => {
            let kind = match &error {
                store::Error::Busy { .. } => FailureKind::Timeout,
                store::Error::Unreachable { .. } | store::Error::UnknownOutcome { .. } => FailureKind::Connection,
                store::Error::Conflict { .. } => FailureKind::Conflict,
                _ => FailureKind::Unavailable,
            };
            Failure::new(kind, error.to_string()).next(error.hint())
        }
    }
}

/// A moment among the arguments.
pub(super) fn moment(name: &str, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    when::read(text)
        .map(Some)
        .ok_or_else(|| Failure::validation(format!("`{name}` is no time")).next("write it like 2026-11-21T17:30:00Z"))
}

/// The filters of lists, bounded.
pub(super) fn bounded(limit: Option<u32>, usual: u32, max: u32) -> usize {
    limit.unwrap_or(usual).clamp(1, max) as usize
}
