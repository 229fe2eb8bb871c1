//! Why something can or cannot be called: every gate between a caller and a server's tool, in the
//! order in which a call meets them, each with what decided there.
//!
//! It only looks. A gate that was not reached is still asked, so that a person sees everything
//! that is in the way, not one thing after the other.

use crate::Problem;
use crate::find;
use crate::routes::servers::action;
use crate::said::{Gate, Verdict, Why};
use config::Approval;
use gateway::Snapshot;
use gateway::health::Level;
use gateway::policy::RuleVerdict;
use gateway::server::{Server, ServerState, Status};
use protocol::{Principal, Text};
use std::sync::Arc;

/// What is asked about.
struct Case<'a> {
    snapshot: &'a Snapshot,
    server: &'a Arc<Server>,
    /// The server's own name of the tool.
    own: Option<Text>,
    principal: &'a Principal,
}

/// Every gate before `name`: a server, a public name or `SERVER.TOOL`.
///
/// # Errors
/// When no server of that name is declared.
pub(crate) fn explain(snapshot: &Snapshot, name: &str, principal: &Principal) -> Result<Why, Problem> {
    let (server, own) = subject(snapshot, name)?;
    Ok(Case { snapshot, server, own, principal }.explain())
}

/// The same for every declared server.
pub(crate) fn every(snapshot: &Snapshot, principal: &Principal) -> Vec<Why> {
    snapshot.servers.values().map(|server| Case { snapshot, server, own: None, principal }.explain()).collect()
}

/// The server and the tool that a name means. The tool need not exist: that is one of the gates.
fn subject<'a>(snapshot: &'a Snapshot, name: &str) -> Result<(&'a Arc<Server>, Option<Text>), Problem> {
    let unknown = match find::server(snapshot, name) {
        Ok(server) => return Ok((server, None)),
        Err(unknown) => unknown,
    };
    if let Some(route) = snapshot.catalog.all.tool(&Text::from(name)) {
        return Ok((find::server(snapshot, &route.server)?, Some(route.own.clone())));
    }
    let dots = name.match_indices('.').map(|(at, _)| (at, 1));
    for (at, length) in dots.chain(name.match_indices("__").map(|(at, _)| (at, 2))) {
        let (left, right) = (&name[..at], &name[at + length..]);
        if let Ok(server) = find::server(snapshot, left).and_then(|server| match right {
            "" => Err(unknown.clone()),
            _ => Ok(server),
        }) {
            return Ok((server, Some(right.into())));
        }
    }
    Err(unknown)
}

// === impl Case ===

impl Case<'_> {
    fn explain(&self) -> Why {
        let status = self.server.status();
        let mut gates = vec![self.declared(), self.enabled(), self.approved()];
        if gates.iter().all(|gate| gate.verdict == Verdict::Pass) {
            gates.extend([self.running(&status), self.signed_in(&status), self.well()]);
        }
        if let Some(own) = &self.own {
            gates.extend([self.listed(own), self.permitted(own)]);
        }
        let callable = gates.iter().all(|gate| gate.verdict != Verdict::Fail);
        Why {
            server: self.server.name.to_string(),
            tool: self.own.as_ref().map(ToString::to_string),
            principal: self.principal.as_str().to_owned(),
            callable,
            gates,
        }
    }

    fn declared(&self) -> Gate {
        let entry = &self.server.entry;
        Gate::pass("configuration", format!("`{}` is declared", entry.name)).by(entry.origin.to_string())
    }

    fn enabled(&self) -> Gate {
        let entry = &self.server.entry;
        match entry.enabled {
            true => Gate::pass("enabled", "its entry does not switch it off"),
            false => Gate::fail("enabled", "its entry switches it off")
                .by(entry.origin.to_string())
                .next(action(self.server, ServerState::Disabled)),
        }
    }

    fn approved(&self) -> Gate {
        match self.server.entry.approval {
            Approval::Approved => Gate::pass("approval", "a person approved it on this machine"),
            Approval::Pending => Gate::fail("approval", "nobody has approved it on this machine")
                .by(self.server.entry.origin.to_string())
                .next(action(self.server, ServerState::Pending)),
        }
    }

    fn running(&self, status: &Status) -> Gate {
        let says = |what: &str| match status.reason.as_deref().filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{what}: {reason}"),
            None => what.to_owned(),
        };
        let state = status.state;
        match state {
            ServerState::Ready => Gate::pass("state", says("ready")),
            ServerState::Asleep => Gate::pass("state", says("asleep; a call wakes it")),
            ServerState::Starting => Gate::warn("state", says("starting; a call waits for it")),
            ServerState::Backoff | ServerState::Draining | ServerState::Stopping => {
                Gate::warn("state", says(&format!("{state}; a call waits until it is back"))).next(status.hint.clone())
            }
            ServerState::NeedsAuth => Gate::pass("state", "reached; see the next gate"),
            _ => {
                let next = status.hint.clone().or_else(|| action(self.server, state));
                Gate::fail("state", says(state.as_str())).next(next)
            }
        }
    }

    fn signed_in(&self, status: &Status) -> Gate {
        match status.state {
            ServerState::NeedsAuth => {
                let reason = status.reason.clone().unwrap_or_else(|| "it waits for a person to sign in".to_owned());
                Gate::fail("sign-in", reason).next(Some(format!("switchboard auth login {}", self.server.name)))
            }
            _ => Gate::pass("sign-in", "none is missing"),
        }
    }

    fn well(&self) -> Gate {
        let health = self.server.health();
        let says = format!("{}: {}", health.level, health.reason);
        match health.level {
            Level::Degraded | Level::Unhealthy | Level::Critical => {
                Gate::warn("health", says).next(Some(health.action))
            }
            Level::Healthy | Level::Unknown => Gate::pass("health", says),
        }
    }

    fn listed(&self, own: &Text) -> Gate {
        let server = self.server;
        let lists = server.catalog().tools.iter().any(|tool| find::own_name(tool).is_some_and(|name| name == *own));
        if lists {
            let hidden = &self.snapshot.catalog.all.hidden;
            let taken = hidden.iter().find(|hidden| *hidden.server == *server.name && *hidden.own == **own);
            return match taken {
                Some(hidden) if server.rules.offers(own) => {
                    let next = format!("call it at /mcp/{}", server.entry.reduced);
                    Gate::warn("catalog", format!("not offered at /mcp: {}", hidden.why)).next(Some(next))
                }
                _ => Gate::pass("catalog", format!("`{own}` is in its list")),
            };
        }
        if !server.is_listed() {
            return Gate::fail("catalog", "its lists have never been read").next(action(server, ServerState::Failed));
        }
        let next = format!("see what it has: switchboard tools {}", server.name);
        Gate::fail("catalog", format!("it lists no tool `{own}`")).next(Some(next))
    }

    fn permitted(&self, own: &Text) -> Gate {
        let entry = &self.server.entry;
        let who = self.principal.as_str();
        let rule = |list: &str, patterns: &[String], at: usize| {
            format!("tools.{list} \"{}\", {}", patterns.get(at).map_or("", String::as_str), entry.origin)
        };
        let next = || Some(format!("change it at {}; it is read again at once", entry.origin));
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
                    .by(entry.origin.to_string())
                    .next(next())
            }
        }
    }
}

// === impl Gate ===

impl Gate {
    fn pass(gate: &str, says: impl Into<String>) -> Self {
        Self { gate: gate.to_owned(), verdict: Verdict::Pass, says: says.into(), decided_by: None, next: None }
    }

    fn warn(gate: &str, says: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, ..Self::pass(gate, says) }
    }

    fn fail(gate: &str, says: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::pass(gate, says) }
    }

    fn by(self, decided_by: String) -> Self {
        Self { decided_by: Some(decided_by), ..self }
    }

    fn next(self, next: Option<String>) -> Self {
        Self { next, ..self }
    }
}
