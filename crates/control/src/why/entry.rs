//! The gates of the configuration and of a person: declared, switched on, approved, wanted.

use super::Case;
use crate::routes::servers::action;
use crate::said::Gate;
use config::{Approval, Layer};
use gateway::server::{Goal, ServerState};

impl Case<'_> {
    pub(super) fn declared(&self) -> Gate {
        let entry = &self.server.entry;
        Gate::pass("configuration", format!("`{}` is declared", entry.name)).by(entry.origin.to_string())
    }

    pub(super) fn enabled(&self) -> Gate {
        let entry = &self.server.entry;
        if entry.enabled {
            return Gate::pass("enabled", "its entry does not switch it off");
        }
        // Files of other tools and predecessors have the one or the other.
        let key = if entry.origins.contains_key("enabled") { ("enabled", "false") } else { ("disabled", "true") };
        let by = match entry.origins.contains_key(key.0) {
            true => self.key(key.0, key.1),
            false => entry.origin.to_string(),
        };
        Gate::fail("enabled", "its entry switches it off").by(by).next(action(self.server, ServerState::Disabled))
    }

    pub(super) fn approved(&self) -> Gate {
        let entry = &self.server.entry;
        let next = || action(self.server, ServerState::Pending);
        match (entry.approval, entry.changed.as_slice()) {
            (Approval::Approved, _) if entry.subject.is_some() => {
                Gate::pass("approval", "a person approved it on this machine, and nothing of it changed since")
            }
            (Approval::Approved, _) => Gate::pass("approval", "it needs none: it stands in a file of your own"),
            (Approval::Pending, []) => {
                let brought =
                    if entry.origin.layer == Layer::Found { "discovery found it" } else { "a project brought it" };
                Gate::fail("approval", format!("{brought}, and nobody has approved it on this machine"))
                    .by(entry.origin.to_string())
                    .next(next())
            }
            (Approval::Pending, changed) => {
                Gate::fail("approval", format!("it is not what was approved: {}", changed.join("; ")))
                    .by(entry.origin.to_string())
                    .next(next())
            }
        }
    }

    /// Whether a person stopped it.
    pub(super) fn wanted(&self) -> Option<Gate> {
        let by_a_person = "a person stopped it";
        let stopped = self.reason().unwrap_or(by_a_person);
        let by = match stopped == by_a_person {
            true => format!("switchboard stop {}", self.server.name),
            false => "switchboard run --dashboard-only".to_owned(),
        };
        Some(match self.status.goal {
            Goal::Stopped => Gate::fail("wanted", format!("{stopped}, and a call does not start it"))
                .by(by)
                .next(action(self.server, ServerState::Stopped)),
            Goal::Ended => Gate::fail("wanted", "it is being ended: its entry changed or is gone, or the daemon ends")
                .next(Some("try again in a moment".to_owned())),
            Goal::Up | Goal::Asleep => Gate::pass("wanted", "nobody stopped it"),
        })
    }
}
