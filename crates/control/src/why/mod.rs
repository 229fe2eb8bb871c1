//! Why something can or cannot be called: every gate between a caller and a server's tool, in the
//! order in which a call meets them, each with what decided there.
//!
//! It only looks. A gate that was not reached is still asked, so that a person sees everything
//! that is in the way, not one thing after the other. What is in the way fails at one gate only: the
//! others say that it is elsewhere. A gate that has nothing to do with a server is left out.

mod entry;
mod gate;
mod life;
mod load;
mod tool;

use crate::said::{Found, Gate, Verdict, Why};
use crate::{Problem, find};
use gateway::guards::{Fitness, GroupMember};
use gateway::server::{Server, Status};
use gateway::{Gateway, Snapshot, guards};
use protocol::{Principal, Text};
use std::sync::Arc;
use supervisor::services::ServiceStatus;

/// What is asked about.
struct Case<'a> {
    snapshot: &'a Snapshot,
    server: &'a Arc<Server>,
    /// The server's own name of the tool.
    own: Option<Text>,
    /// Whether it was asked by the name that clients see, which may lead to another of a group.
    public: bool,
    principal: &'a Principal,
    status: Status,
    services: &'a [ServiceStatus],
}

/// What a name means.
struct Subject<'a> {
    server: &'a Arc<Server>,
    own: Option<Text>,
    public: bool,
}

/// Every gate before `name`: a server, a public name or `SERVER.TOOL`.
///
/// # Errors
/// When no server of that name is declared.
pub(crate) fn explain(gateway: &Gateway, name: &str, principal: &Principal) -> Result<Why, Problem> {
    let snapshot = gateway.snapshot();
    let Subject { server, own, public } = subject(&snapshot, name)?;
    let (status, services) = (server.status(), gateway.services());
    Ok(Case { snapshot: &snapshot, server, own, public, principal, status, services: &services }.explain())
}

/// The same for every declared server.
pub(crate) fn every(gateway: &Gateway, principal: &Principal) -> Vec<Why> {
    let (snapshot, services) = (gateway.snapshot(), gateway.services());
    let case = |server: &Arc<Server>| {
        let status = server.status();
        Case { snapshot: &snapshot, server, own: None, public: false, principal, status, services: &services }.explain()
    };
    snapshot.servers.values().map(case).collect()
}

/// A server that discovery found and that is not listed: it waits for a person.
pub(crate) fn not_listed(found: &Found, principal: &Principal) -> Why {
    let what = match found.standing.as_str() {
        "new" => "discovery found it, and nobody has approved it".to_owned(),
        standing => format!("discovery found it, and it is {standing}: {}", found.lines.join("; ")),
    };
    let gate = Gate::fail("approval", what)
        .by(found.file.clone())
        .next(Some(format!("look at it and decide: switchboard approve {}", found.name)));
    let principal = principal.as_str().to_owned();
    Why { server: found.name.clone(), tool: None, principal, callable: false, gates: vec![gate] }
}

/// The server and the tool that a name means. The tool need not exist: that is one of the gates.
fn subject<'a>(snapshot: &'a Snapshot, name: &str) -> Result<Subject<'a>, Problem> {
    let unknown = match find::server(snapshot, name) {
        Ok(server) => return Ok(Subject { server, own: None, public: false }),
        Err(unknown) => unknown,
    };
    if let Some(route) = snapshot.catalog.all.tool(&Text::from(name)) {
        let server = find::server(snapshot, &route.server)?;
        return Ok(Subject { server, own: Some(route.own.clone()), public: true });
    }
    let dots = name.match_indices('.').map(|(at, _)| (at, 1));
    for (at, length) in dots.chain(name.match_indices("__").map(|(at, _)| (at, 2))) {
        let (left, right) = (&name[..at], &name[at + length..]);
        if let Ok(server) = find::server(snapshot, left).and_then(|server| match right {
            "" => Err(unknown.clone()),
            _ => Ok(server),
        }) {
            return Ok(Subject { server, own: Some(right.into()), public: false });
        }
    }
    Err(unknown)
}

// === impl Case ===

impl Case<'_> {
    fn explain(&self) -> Why {
        let mut gates = vec![self.declared(), self.enabled(), self.approved()];
        if gates.iter().all(|gate| gate.verdict == Verdict::Pass) {
            let causes = [self.wanted(), self.dependencies(), self.installed(), self.port(), self.restarts()];
            gates.extend(causes.into_iter().flatten());
            gates.push(self.signed_in());
            let explained = gates.iter().any(|gate| gate.verdict == Verdict::Fail);
            gates.push(self.running(explained));
            gates.extend([self.well(), self.breaker(), self.rate(), self.places()].into_iter().flatten());
        }
        let members = guards::members(self.snapshot, self.server, self.own.as_ref());
        gates.extend(self.group(&members));
        if let Some(own) = &self.own {
            gates.extend([self.listed(own), self.permitted(own)]);
        }
        gates.extend(self.definitions());
        let passes = gates.iter().all(|gate| gate.verdict != Verdict::Fail);
        Why {
            server: self.server.name.to_string(),
            tool: self.own.as_ref().map(ToString::to_string),
            principal: self.principal.as_str().to_owned(),
            callable: passes || (self.public && self.others(&members).next().is_some()),
            gates,
        }
    }

    /// The other members of its group that can serve now.
    fn others<'b>(&self, members: &'b [GroupMember]) -> impl Iterator<Item = &'b GroupMember> {
        let own = self.server.name.clone();
        members.iter().filter(move |member| member.server.name != own && member.fitness != Fitness::Unfit)
    }

    /// A key of its entry and where it was written.
    fn key(&self, key: &str, value: &str) -> String {
        match self.server.entry.origins.get(key) {
            Some(origin) => format!("{key} = {value}, {origin}"),
            None => format!("{key} = {value}, by default"),
        }
    }
}
