//! The gates of a tool: is it listed and under which name, do the rules of the entry offer it, is it
//! what was approved.

use super::Case;
use crate::find;
use crate::said::Gate;
use gateway::policy::RuleVerdict;
use protocol::Text;

/// How many tools are named.
const NAMED_MAX: usize = 5;

impl Case<'_> {
    pub(super) fn listed(&self, own: &Text) -> Gate {
        let server = self.server;
        let lists = server.catalog().tools.iter().any(|tool| find::own_name(tool).is_some_and(|name| name == *own));
        if lists {
            return self.offered(own);
        }
        if !server.is_listed() {
            return Gate::warn("catalog", "its lists have never been read: what it has is not known");
        }
        let next = format!("see what it has: switchboard tools {}", server.name);
        Gate::fail("catalog", format!("it lists no tool `{own}`")).next(Some(next))
    }

    /// Under which name clients see it, if they do.
    fn offered(&self, own: &Text) -> Gate {
        let (server, all) = (self.server, &self.snapshot.catalog.all);
        let taken = all.hidden.iter().find(|hidden| *hidden.server == *server.name && *hidden.own == **own);
        if let Some(hidden) = taken.filter(|_| server.rules.offers(own)) {
            let next = format!("call it at /mcp/{}", server.entry.reduced);
            return Gate::warn("catalog", format!("not offered at /mcp: {}", hidden.why)).next(Some(next));
        }
        let mine = |member: &str| *member == *server.name;
        let routes = all.tool_routes();
        let public = routes.iter().find(|(_, route)| {
            route.own == *own && (mine(&route.server) || route.members.iter().any(|member| mine(&member.server)))
        });
        match public.map(|(public, _)| public.as_str()) {
            Some(public) if !public.ends_with(own.as_str()) => {
                let max = self.snapshot.config.names.max;
                let by = format!("names.max = {max}");
                let says = format!("`{own}` is offered as `{public}`, cut to what clients take as a name");
                Gate::pass("catalog", says).by(by)
            }
            Some(public) => Gate::pass("catalog", format!("`{own}` is offered as `{public}`")),
            None => Gate::pass("catalog", format!("`{own}` is in its list")),
        }
    }

    pub(super) fn permitted(&self, own: &Text) -> Gate {
        let entry = &self.server.entry;
        let who = self.principal.as_str();
        let place = || entry.origins.get("tools").unwrap_or(&entry.origin);
        let rule = |list: &str, patterns: &[String], at: usize| {
            format!("tools.{list} \"{}\", {}", patterns.get(at).map_or("", String::as_str), place())
        };
        let next = || Some(format!("change it at {}; it is read again at once", place()));
        match self.server.rules.verdict(own) {
            RuleVerdict::Unrestricted => Gate::pass("policy", format!("no rule keeps `{who}` from it")),
            RuleVerdict::Allowed(at) => {
                Gate::pass("policy", format!("`{who}` may call it")).by(rule("allow", &entry.tools.allow, at))
            }
            RuleVerdict::Denied(at) => Gate::fail("policy", format!("`{who}` may not call it"))
                .by(rule("deny", &entry.tools.deny, at))
                .next(next()),
            RuleVerdict::NotAllowed => {
                Gate::fail("policy", format!("`{who}` may not call it: no pattern of tools.allow names it"))
                    .by(format!("tools.allow = {:?}, {}", entry.tools.allow, place()))
                    .next(next())
            }
        }
    }

    /// Whether what its tools say of themselves counts. A call comes through either way.
    pub(super) fn definitions(&self) -> Option<Gate> {
        let name = &self.server.name;
        let unapproved = self.server.guards.unapproved();
        let lost = "what it says of itself does not count: it is neither sent again nor answered from memory for that";
        let next = Some(format!("look: switchboard tools {name} --changed; approve: switchboard approve-tools {name}"));
        let Some(own) = &self.own else {
            let all = unapproved.len();
            let named: Vec<&str> = unapproved.iter().take(NAMED_MAX).map(|one| one.tool.as_str()).collect();
            let more = if all > NAMED_MAX { ", …" } else { "" };
            let says = format!("{all} of its tools are not what was approved: {}{more}", named.join(", "));
            return (all > 0).then(|| Gate::warn("definition", says).next(next));
        };
        Some(match unapproved.iter().find(|one| one.tool == own.as_str()) {
            Some(one) if one.new => {
                Gate::warn("definition", format!("it was not there when the tools were approved; {lost}")).next(next)
            }
            Some(_) => Gate::warn("definition", format!("it changed since it was approved; {lost}")).next(next),
            None if self.server.is_listed() => Gate::pass("definition", "it is as it was approved"),
            None => return None,
        })
    }
}
