//! Why a command is not carried out: a closed set, with what to do next.
//!
//! It deliberately knows no protocol; `tools` turns it into a failure that a model reads.

use serde_json::Value;

/// A command is not carried out; nothing changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// Which kind.
    pub(crate) kind: RefusalKind,
    /// What is wrong, and with what.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) next: String,
    /// The object as it is now, after a conflict.
    pub(crate) current: Option<Value>,
}

/// The kinds of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// What is asked for makes no sense.
    Invalid,
    /// What is named does not exist.
    Unknown,
    /// It does not fit what is there: changed meanwhile, held by another, a circle.
    Conflict,
    /// A limit is reached.
    Limit,
    /// The log does not fit together.
    Damaged,
}

// === impl Refusal ===

impl Refusal {
    fn new(kind: RefusalKind, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next: next.into(), current: None }
    }

    /// What is asked for makes no sense.
    pub(crate) fn invalid(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message, next)
    }

    /// What is named does not exist.
    pub(crate) fn unknown(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unknown, message, next)
    }

    /// It does not fit what is there.
    pub(crate) fn conflict(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, message, next)
    }

    /// A limit is reached.
    pub(crate) fn limit(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(RefusalKind::Limit, message, next)
    }

    /// With the object as it is now.
    #[must_use]
    pub(crate) fn with_current(mut self, current: Value) -> Self {
        self.current = Some(current);
        self
    }
}

impl From<super::Damage> for Refusal {
    fn from(damage: super::Damage) -> Self {
        Self::new(RefusalKind::Damaged, damage.to_string(), "switchboard backup --verify")
    }
}
