//! What a tool does to the world, as far as its server may be believed: the annotations of a definition
//! that a person approved. Without a word it counts as what it can be at worst, as MCP has it.

use crate::catalog::Route;
use crate::gateway::Snapshot;

/// What calling a tool does, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// It changes nothing.
    Reads,
    /// It adds or changes and takes nothing away.
    Writes,
    /// It may delete or overwrite.
    Destroys,
}

// === impl Effect ===

impl Effect {
    /// What a tool does, in words behind its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Destroys => "may destroy",
        }
    }

    /// That of the tool behind `route`; of a group, the strongest of its members.
    pub(crate) fn of(snapshot: &Snapshot, route: &Route) -> Self {
        let one = |server: &str| {
            let guards = snapshot.servers.get(server).map(|server| &server.guards);
            match guards {
                Some(guards) if guards.is_read_only(&route.own) => Self::Reads,
                Some(guards) if guards.is_additive(&route.own) => Self::Writes,
                _ => Self::Destroys,
            }
        };
        let members = route.members.iter().map(|member| one(&member.server)).max();
        members.unwrap_or_else(|| one(&route.server))
    }
}
