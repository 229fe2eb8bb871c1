//! What a person did to the switchboard, or an agent in their name: told to whoever writes it down.
//! Nothing is kept here, and nobody waits for it to be written.

use serde_json::{Value, json};
use std::fmt;
use tokio::sync::mpsc;

/// The stream of the store in which deeds are kept.
pub const AUDIT_STREAM: &str = "audit";

/// Everything that is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A server that others declared may run.
    Approved,
    /// It may not any more.
    Unapproved,
    /// The tools of a server are right as they are now.
    ToolsApproved,
    /// A server was started.
    Started,
    /// A server was stopped.
    Stopped,
    /// A server was started again.
    Restarted,
    /// A server was put into the configuration.
    Added,
    /// A server was taken out of the configuration.
    Removed,
    /// A server of the configuration is used again.
    Enabled,
    /// A server of the configuration is not used any more.
    Disabled,
    /// Another configuration is in force.
    Reconfigured,
    /// State was replaced by that of a backup.
    Restored,
    /// The log of a server was emptied.
    LogCleared,
    /// Lists of tools changed that sessions had read: their prompt caches are broken.
    CatalogChanged,
}

/// Somebody did something.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// Who.
    pub actor: String,
    /// What.
    pub act: Act,
    /// To what: the name of a server, `configuration` or `state`.
    pub entity: String,
    /// The rest, for whoever reads it.
    pub details: Value,
}

/// Where deeds are told.
#[derive(Debug, Clone)]
pub struct Deeds(mpsc::Sender<Deed>);

// === impl Act ===

impl Act {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Unapproved => "unapproved",
            Self::ToolsApproved => "tools_approved",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Restarted => "restarted",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Reconfigured => "reconfigured",
            Self::Restored => "restored",
            Self::LogCleared => "log_cleared",
            Self::CatalogChanged => "catalog_changed",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Deed ===

impl Deed {
    /// A deed without details.
    pub fn new(actor: impl Into<String>, act: Act, entity: impl Into<String>) -> Self {
        Self { actor: actor.into(), act, entity: entity.into(), details: json!({}) }
    }

    /// The same with details.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

// === impl Deeds ===

impl Deeds {
    /// Deeds go into this queue.
    #[must_use]
    pub fn new(queue: mpsc::Sender<Deed>) -> Self {
        Self(queue)
    }

    /// Tells of a deed. Where the queue is full it is said in our own log instead.
    pub fn note(&self, deed: Deed) {
        if let Err(error) = self.0.try_send(deed) {
            let deed = error.into_inner();
            tracing::warn!("not written down: {} {} {}", deed.actor, deed.act, deed.entity);
        }
    }
}
