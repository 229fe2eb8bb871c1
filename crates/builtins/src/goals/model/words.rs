//! The closed sets of words that goals and tasks are described with: one enum each, for the store,
//! the tools, the CLI and every dashboard (S0-32).
//!
//! It deliberately holds no rule but the table of transitions.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Priority {
    /// First.
    High,
    /// The usual.
    #[default]
    Medium,
    /// When nothing else is left.
    Low,
}

/// Where a goal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GoalStatus {
    /// It has no tasks yet.
    Planned,
    /// Some of its tasks are open.
    InProgress,
    /// All of its tasks are done.
    Completed,
    /// Nobody works on it any more.
    Cancelled,
}

/// Where a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskStatus {
    /// Not begun.
    #[default]
    Pending,
    /// Somebody works on it.
    InProgress,
    /// Done.
    Completed,
    /// Tried and given up.
    Failed,
    /// A person or a thing outside holds it up.
    Blocked,
    /// Not wanted any more: what waits for it waits no longer.
    Cancelled,
}

/// How two tasks belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EdgeKind {
    /// `to` waits until `from` is completed.
    Blocks,
    /// `from` is made of `to`: it waits until all its parts are done.
    Parent,
    /// `to` is wanted only if `from` failed.
    OnFailure,
    /// `to` waits until every such `from` has ended, however it ended.
    WaitsAll,
    /// `to` waits until one such `from` has ended, however it ended.
    WaitsAny,
    /// They have something to do with each other.
    Relates,
    /// `from` came up while `to` was worked on.
    DiscoveredFrom,
    /// `from` is the same work as `to`.
    Duplicates,
    /// `from` stands in place of `to`.
    Supersedes,
    /// `from` checks the work of `to`.
    Validates,
}

/// What a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GateKind {
    /// Somebody's word.
    Human,
    /// A moment; opens by itself.
    Time,
    /// An answer of a web address.
    Http,
    /// A build or test run.
    Ci,
    /// A long call of an MCP server.
    McpTask,
    /// Another goal; opens by itself when that is completed.
    Goal,
}

/// Whether a gate lets its task go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GateState {
    /// Not yet.
    Waiting,
    /// Yes.
    Open,
    /// No, and it will not.
    Refused,
}

/// What to do with tasks that wait for one that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dependents {
    /// Delete nothing while somebody waits for it.
    #[default]
    Refuse,
    /// They wait for it no longer.
    Detach,
    /// They go too, and what waits for them.
    Cascade,
}

/// What the holder of a claim does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Act {
    /// Still works on it: the lease begins anew.
    Heartbeat,
    /// Is done.
    Complete,
    /// Could not do it; it is tried again while attempts are left.
    Retry,
    /// Could not do it, and nobody should try again.
    Fail,
    /// Gives it back; no attempt is counted.
    Release,
}

/// The schema of a set of words: the words alone. What each means, a model guesses right; telling
/// it would cost more than all the rest.
macro_rules! words {
    ($($of:ty: $($word:literal)*;)*) => { $(
        impl JsonSchema for $of {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($of).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    )* };
}

words! {
    Priority: "high" "medium" "low";
    GoalStatus: "planned" "in_progress" "completed" "cancelled";
    TaskStatus: "pending" "in_progress" "completed" "failed" "blocked" "cancelled";
    EdgeKind: "blocks" "parent" "on_failure" "waits_all" "waits_any" "relates" "discovered_from" "duplicates"
        "supersedes" "validates";
    GateKind: "human" "time" "http" "ci" "mcp_task" "goal";
    GateState: "waiting" "open" "refused";
    Dependents: "refuse" "detach" "cascade";
    Act: "heartbeat" "complete" "retry" "fail" "release";
}

// === impl Priority ===

impl Priority {
    /// 0 high, 1 medium, 2 low (predecessors.md 6.1).
    #[must_use]
    pub(crate) fn rank(self) -> u8 {
        self as u8
    }
}

// === impl TaskStatus ===

impl TaskStatus {
    /// How many there are.
    pub(super) const COUNT: usize = 6;

    /// The word that clients use.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing is left to do: what it blocks may go on.
    #[must_use]
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// It ended, well or not.
    #[must_use]
    pub(crate) fn is_ended(self) -> bool {
        self.is_done() || self == Self::Failed
    }

    /// The table of transitions. What ended is reopened before it is anything else; only what
    /// failed may be given up as well.
    #[must_use]
    pub(crate) fn may_become(self, next: Self) -> bool {
        use TaskStatus::{Blocked, Cancelled, Completed, Failed, InProgress, Pending};
        match self {
            Pending | InProgress => true,
            Blocked => !matches!(next, Completed),
            Completed => matches!(next, Completed | Pending | InProgress),
            Failed => matches!(next, Failed | Pending | InProgress | Cancelled),
            Cancelled => matches!(next, Cancelled | Pending),
        }
    }
}

// === impl GoalStatus ===

impl GoalStatus {
    /// The word that clients use.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether its tasks may be worked on.
    #[must_use]
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::InProgress)
    }
}

// === impl EdgeKind ===

impl EdgeKind {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Blocks,
        Self::Parent,
        Self::OnFailure,
        Self::WaitsAll,
        Self::WaitsAny,
        Self::Relates,
        Self::DiscoveredFrom,
        Self::Duplicates,
        Self::Supersedes,
        Self::Validates,
    ];

    /// The word that clients use.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Parent => "parent",
            Self::OnFailure => "on_failure",
            Self::WaitsAll => "waits_all",
            Self::WaitsAny => "waits_any",
            Self::Relates => "relates",
            Self::DiscoveredFrom => "discovered_from",
            Self::Duplicates => "duplicates",
            Self::Supersedes => "supersedes",
            Self::Validates => "validates",
        }
    }

    /// Whether one end waits for the other. Only such edges can make a circle.
    #[must_use]
    pub(crate) fn orders(self) -> bool {
        matches!(self, Self::Blocks | Self::Parent | Self::OnFailure | Self::WaitsAll | Self::WaitsAny)
    }

    /// Whether the end that is waited for is `to`: a parent waits for its parts.
    #[must_use]
    pub(crate) fn is_backward(self) -> bool {
        self == Self::Parent
    }

    /// Whether what is waited for, being `status`, is waited for no longer.
    #[must_use]
    pub(crate) fn is_met(self, status: TaskStatus) -> bool {
        match self {
            Self::Blocks | Self::Parent => status.is_done(),
            Self::OnFailure => status == TaskStatus::Failed,
            Self::WaitsAll | Self::WaitsAny => status.is_ended(),
            _ => true,
        }
    }
}

// === impl GateKind ===

impl GateKind {
    /// The word that clients use.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Time => "time",
            Self::Http => "http",
            Self::Ci => "ci",
            Self::McpTask => "mcp_task",
            Self::Goal => "goal",
        }
    }
}
