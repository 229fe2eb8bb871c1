//! How a gate is put together. What it says is the business of whoever asks it.

use crate::said::{Gate, Verdict};

impl Gate {
    pub(super) fn pass(gate: &str, says: impl Into<String>) -> Self {
        Self { gate: gate.to_owned(), verdict: Verdict::Pass, says: says.into(), decided_by: None, next: None }
    }

    pub(super) fn warn(gate: &str, says: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, ..Self::pass(gate, says) }
    }

    pub(super) fn fail(gate: &str, says: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::pass(gate, says) }
    }

    /// The rule, file and line that decided.
    pub(super) fn by(self, decided_by: String) -> Self {
        Self { decided_by: Some(decided_by), ..self }
    }

    /// What a person can do.
    pub(super) fn next(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}
