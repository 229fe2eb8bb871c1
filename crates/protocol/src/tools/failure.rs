//! A tool's failure as a result that a model reads: what happened, its type, what to do next.
//!
//! It is deliberately no protocol error: those are for a broken gateway (DESIGN.md section 5).

use crate::{Object, Raw};
use serde_json::{Map, Value, json};

/// A tool did not do what it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// What happened and why.
    pub message: String,
    /// What to do next.
    pub next: Option<String>,
    /// More members of the answer, such as the current version after a conflict.
    pub details: Map<String, Value>,
}

/// The kinds of failure; the word is the member `type` of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// `validation`: the arguments are not what the tool takes.
    Validation,
    /// `not_found`: what the arguments name does not exist.
    NotFound,
    /// `conflict`: it changed meanwhile, or somebody else holds it.
    Conflict,
    /// `denied`: it is not allowed here.
    Denied,
    /// `timeout`: it took too long.
    Timeout,
    /// `connection`: a service that the tool needs cannot be reached.
    Connection,
    /// `http_error`: a service answered with this status.
    Http {
        /// The HTTP status.
        status: u16,
    },
    /// `quota`: a limit is reached.
    Quota,
    /// `unavailable`: it is not set up, or not possible at the moment.
    Unavailable,
    /// `unexpected`: a fault of ours.
    Unexpected,
}

// === impl FailureKind ===

impl FailureKind {
    /// The word of this kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Http { .. } => "http_error",
            Self::Quota => "quota",
            Self::Unavailable => "unavailable",
            Self::Unexpected => "unexpected",
        }
    }
}

// === impl Failure ===

impl Failure {
    /// A failure of `kind`; `message` says what happened and why.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: None, details: Map::new() }
    }

    /// Arguments that the tool does not take.
    #[must_use]
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Validation, message)
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    /// Adds a member to the answer.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// The failure as the object that its text block holds.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut said = Map::new();
        said.insert("error".to_owned(), json!(self.message));
        said.insert("type".to_owned(), json!(self.kind.as_str()));
        if let FailureKind::Http { status } = self.kind {
            said.insert("status_code".to_owned(), json!(status));
        }
        if let Some(next) = &self.next {
            said.insert("next".to_owned(), json!(next));
        }
        said.extend(self.details.clone());
        Value::Object(said)
    }

    /// The result with `isError`. There is no structured content: it would have to fit the tool's
    /// output schema.
    pub(super) fn into_result(self) -> Object {
        let content = json!([{ "type": "text", "text": self.to_json().to_string() }]);
        [("content", Raw::of(&content)), ("isError", Raw::from_static("true"))].into_iter().collect()
    }
}
