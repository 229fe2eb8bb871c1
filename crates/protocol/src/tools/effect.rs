//! What a tool does to the world, as its author says it, and the annotations that follow.
//!
//! It deliberately has no default: whoever writes a tool says what it does.

use serde_json::{Map, Value};

/// What calling a tool does (protocol revision 2026-07-28, `ToolAnnotations`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    kind: Kind,
    idempotent: bool,
    open_world: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Reads,
    Writes,
    Destroys,
}

// === impl Effect ===

impl Effect {
    const fn of(kind: Kind) -> Self {
        Self { kind, idempotent: false, open_world: false }
    }

    /// It changes nothing.
    #[must_use]
    pub const fn reads() -> Self {
        Self::of(Kind::Reads)
    }

    /// It adds or changes and takes nothing away.
    #[must_use]
    pub const fn writes() -> Self {
        Self::of(Kind::Writes)
    }

    /// It deletes or overwrites what cannot be had again.
    #[must_use]
    pub const fn destroys() -> Self {
        Self::of(Kind::Destroys)
    }

    /// Doing it twice is doing it once.
    #[must_use]
    pub const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// It talks to places beyond this machine.
    #[must_use]
    pub const fn open_world(self) -> Self {
        Self { open_world: true, ..self }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        self.kind == Kind::Reads
    }

    /// The annotations; what the specification assumes anyway is left out, since every byte of a
    /// definition is read by a model.
    pub(super) fn annotations(self) -> Value {
        let mut said = Map::new();
        match self.kind {
            Kind::Reads => {
                said.insert("readOnlyHint".to_owned(), true.into());
            }
            Kind::Writes => {
                said.insert("destructiveHint".to_owned(), false.into());
            }
            Kind::Destroys => {
                said.insert("destructiveHint".to_owned(), true.into());
            }
        }
        if self.idempotent && !self.is_read_only() {
            said.insert("idempotentHint".to_owned(), true.into());
        }
        if !self.open_world {
            said.insert("openWorldHint".to_owned(), false.into());
        }
        Value::Object(said)
    }
}
