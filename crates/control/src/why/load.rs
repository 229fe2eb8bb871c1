//! The gates that depend on what was called before: breaker, rates, places, and who stands in.

use super::Case;
use crate::said::Gate;
use gateway::guards::{Fitness, GroupMember};

impl Case<'_> {
    pub(super) fn breaker(&self) -> Option<Gate> {
        let (guards, settings) = (&self.server.guards, &self.server.entry.guards.breaker);
        let name = &self.server.name;
        let next = Some(format!("see why it fails: switchboard logs {name}"));
        let gate = match guards.breaker() {
            _ if settings.failures == 0 => return None,
            None => Gate::pass("breaker", "closed"),
            Some(says) if guards.is_open() => Gate::fail("breaker", says).next(next),
            Some(says) => Gate::warn("breaker", format!("{says}; a call is let through to try")).next(next),
        };
        let pause = settings.pause.as_secs_f32();
        Some(gate.by(self.key("breaker", &format!("{{ failures = {}, pause = {pause} s }}", settings.failures))))
    }

    /// Whether this principal may call so soon.
    pub(super) fn rate(&self) -> Option<Gate> {
        let own = self.own.as_ref().map_or("", |own| own.as_str());
        let limit = self.server.entry.guards.rate_limit;
        let limits = [
            (limit.calls_per_second, ""),
            (limit.calls_per_second_per_client, " of each client"),
            (limit.calls_per_second_per_tool, " of each tool"),
        ];
        let limits =
            limits.iter().filter(|(most, _)| *most > 0).map(|(most, whose)| format!("{most} calls a second{whose}"));
        let limits = limits.collect::<Vec<_>>().join(", ");
        let gate = match self.server.guards.rate(&self.server.name, self.principal.as_str(), own)? {
            Ok(()) => Gate::pass("rate", "not too often"),
            Err(refused) => {
                let next = refused.hint.as_ref().map(|hint| hint.clone().into_owned());
                Gate::fail("rate", refused.message.into_owned()).next(next)
            }
        };
        Some(gate.by(self.key("rate_limit", &limits)))
    }

    /// Whether a call finds a place.
    pub(super) fn places(&self) -> Option<Gate> {
        let (most, waiting_max) = self.server.guards.places();
        let now = self.server.guards.outstanding();
        let gate = match now {
            _ if now < most => Gate::pass("places", format!("{now} of {most} are taken")),
            _ if now - most < waiting_max => {
                let says = format!("all {most} are taken, and {} calls wait; one more waits in its order", now - most);
                Gate::warn("places", says)
            }
            _ => Gate::fail("places", format!("all {most} are taken, and {waiting_max} calls wait: more may not"))
                .next(Some(format!(
                    "try again when other calls have ended, or raise `max_concurrent` of `{}`",
                    self.server.name
                ))),
        };
        Some(gate.by(self.key("max_concurrent", &most.to_string())))
    }

    /// Who of its group is asked now.
    pub(super) fn group(&self, members: &[GroupMember]) -> Option<Gate> {
        let group = self.server.entry.guards.group.as_ref()?;
        let shown = members.iter().map(|member| {
            let fitness = match member.fitness {
                Fitness::Well => "can serve",
                Fitness::Soon => "is starting",
                Fitness::Unfit => "cannot serve",
            };
            format!("`{}` (priority {}) {fitness}", member.server.name, member.priority)
        });
        let shown = shown.collect::<Vec<_>>().join(", then ");
        let own = members.iter().find(|member| member.server.name == self.server.name);
        let able = own.is_some_and(|own| own.fitness != Fitness::Unfit);
        let says = |what: String| format!("{what}; asked in this order: {shown}");
        let name = &group.name;
        let gate = match self.others(members).next() {
            _ if able => Gate::pass("group", says(format!("one of the group `{name}`"))),
            Some(other) => Gate::warn("group", says(format!("calls at /mcp go to `{}` instead", other.server.name))),
            None => Gate::warn("group", says(format!("nobody else of the group `{name}` can serve either"))),
        };
        Some(gate.by(self.key("group", &format!("{name:?}"))))
    }
}
