//! The gates of a server's life: what it needs, its install step, its port, its restarts, its
//! sign-in, its state, its health.

use super::Case;
use crate::routes::servers::action;
use crate::said::Gate;
use config::Restart;
use gateway::health::Level;
use gateway::server::{Cause, ServerState};
use std::time::Duration;
use supervisor::State;
use tokio::time::Instant;

/// How something that a server needs is.
enum Need {
    /// It is there, or will be when the server starts.
    There(String),
    /// It is on its way.
    Coming(String),
    /// Waiting for it is no use.
    Gone(String, String),
}

impl Case<'_> {
    /// Whether it is down for this reason.
    fn is_down_by(&self, cause: Cause) -> bool {
        let down = matches!(self.status.state, ServerState::Backoff | ServerState::CrashLoop | ServerState::Failed);
        down && self.status.cause == cause
    }

    fn is_up(&self) -> bool {
        matches!(self.status.state, ServerState::Ready | ServerState::Asleep)
    }

    pub(super) fn reason(&self) -> Option<&str> {
        self.status.reason.as_deref().filter(|reason| !reason.is_empty())
    }

    /// `what`, and why.
    fn says(&self, what: &str) -> String {
        self.reason().map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}"))
    }

    /// The services and servers that it waits for.
    pub(super) fn dependencies(&self) -> Option<Gate> {
        let needs = &self.server.entry.depends_on;
        let list = format!("[{}]", needs.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "));
        let (mut there, mut coming, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for name in needs {
            match self.need(name) {
                Need::There(says) => there.push(says),
                Need::Coming(says) => coming.push(says),
                Need::Gone(says, next) => gone.push((says, next)),
            }
        }
        let gate = match (gone.into_iter().next(), self.is_up()) {
            _ if needs.is_empty() => return None,
            (Some((says, next)), true) => {
                Gate::warn("dependencies", format!("it goes on without what it needs: {says}")).next(Some(next))
            }
            (Some((says, next)), false) => Gate::fail("dependencies", format!("it waits for {says}")).next(Some(next)),
            // What failed is being tried again, perhaps; the server itself has given up.
            (None, _) if self.is_down_by(Cause::Dependency) => {
                Gate::fail("dependencies", self.says("what it needs was not there"))
                    .next(Some(format!("switchboard start {}", self.server.name)))
            }
            (None, _) if !coming.is_empty() => {
                Gate::warn("dependencies", format!("it waits for {}", coming.join(", ")))
            }
            (None, _) => Gate::pass("dependencies", there.join(", ")),
        };
        Some(gate.by(self.key("depends_on", &list)))
    }

    fn need(&self, name: &str) -> Need {
        if let Some(other) = self.snapshot.servers.get(name) {
            let status = other.status();
            let says = said(name, status.state.as_str(), status.reason.as_deref());
            return match status.state {
                ServerState::Ready | ServerState::Asleep => Need::There(says),
                ServerState::Starting | ServerState::Draining | ServerState::Stopping | ServerState::Backoff => {
                    Need::Coming(says)
                }
                _ => Need::Gone(says, format!("switchboard why {name}")),
            };
        }
        let Some(service) = self.services.iter().find(|service| service.name == name) else {
            return Need::There(format!("`{name}` is not known yet"));
        };
        let says = said(name, service.state.as_str(), service.reason.as_deref());
        match service.state {
            State::Ready => Need::There(says),
            // It starts with whoever needs it.
            State::Stopped | State::Asleep if self.is_up() => Need::There(says),
            State::Failed | State::CrashLoop => {
                let next = service.hint.clone().unwrap_or_else(|| format!("see its log: switchboard logs {name}"));
                Need::Gone(says, next)
            }
            _ => Need::Coming(says),
        }
    }

    /// The command that prepares it.
    pub(super) fn installed(&self) -> Option<Gate> {
        let install = &self.server.entry.install;
        let gate = match () {
            () if install.is_empty() => return None,
            () if self.is_down_by(Cause::Install) => {
                Gate::fail("install", self.says("it is not installed")).next(self.status.hint.clone())
            }
            () if self.status.state == ServerState::Starting => Gate::pass("install", "done, or on its way"),
            () => Gate::pass("install", "done, or not needed yet"),
        };
        let written = format!("{:?}", self.server.entry.written.install);
        Some(gate.by(self.key("install", &written)))
    }

    /// The port that its program listens on.
    pub(super) fn port(&self) -> Option<Gate> {
        let port = self.server.entry.listens_on()?;
        let gate = match self.is_down_by(Cause::Port) {
            true => Gate::fail("port", self.says("it cannot listen")).next(self.status.hint.clone()),
            false => Gate::pass("port", format!("nobody else was found on {port}")),
        };
        let key = if self.server.entry.port.is_some() { "port" } else { "url" };
        Some(gate.by(self.key(key, &port.to_string())))
    }

    /// Whether it ends too often.
    pub(super) fn restarts(&self) -> Option<Gate> {
        if self.status.state != ServerState::CrashLoop {
            return None;
        }
        let entry = &self.server.entry;
        let again =
            self.left().map(|left| format!("; it is tried once more in {} s", left.as_secs())).unwrap_or_default();
        let often = format!(
            "it ended more than {} times within {} s{again}, or when a person starts it",
            entry.max_restarts,
            entry.restart_window.as_secs_f32()
        );
        let by = self.key("max_restarts", &entry.max_restarts.to_string());
        let name = &self.server.name;
        let next = format!("mend it (switchboard logs {name}), then: switchboard start {name}");
        Some(match self.status.cause {
            Cause::Other => Gate::fail("restarts", self.says(&often)).by(by).next(Some(next)),
            _ => Gate::warn("restarts", often).by(by),
        })
    }

    /// How long until it is tried again.
    fn left(&self) -> Option<Duration> {
        self.status.next_try.map(|at| at.saturating_duration_since(Instant::now()))
    }

    pub(super) fn signed_in(&self) -> Gate {
        match self.status.state {
            ServerState::NeedsAuth => {
                let reason = self.reason().unwrap_or("it waits for a person to sign in");
                Gate::fail("sign-in", reason).next(action(self.server, ServerState::NeedsAuth))
            }
            _ => Gate::pass("sign-in", "none is missing"),
        }
    }

    /// Its state; what stands in the way may be `explained` at another gate already.
    pub(super) fn running(&self, explained: bool) -> Gate {
        let (state, status) = (self.status.state, &self.status);
        let next = || status.hint.clone().or_else(|| action(self.server, state));
        let entry = &self.server.entry;
        match state {
            ServerState::Ready => Gate::pass("state", self.ready()),
            ServerState::Asleep => Gate::pass("state", self.says("asleep; a call wakes it")),
            _ if explained => Gate::warn("state", format!("{state}, for the reason above")),
            ServerState::Starting => Gate::warn("state", self.says("starting; a call waits for it")),
            ServerState::Backoff if self.left().is_some_and(|left| left > self.patience()) => {
                let seconds = self.left().unwrap_or_default().as_secs();
                let says = format!("backoff; it is tried again in {seconds} s, and no call waits so long");
                Gate::fail("state", self.says(&says)).next(next())
            }
            ServerState::Backoff | ServerState::Draining | ServerState::Stopping => {
                Gate::warn("state", self.says(&format!("{state}; a call waits until it is back"))).next(next())
            }
            ServerState::Failed if entry.restart == Restart::Never => {
                let by = self.key("restart", "\"never\"");
                Gate::fail("state", self.says("failed, and it is not started again by itself")).by(by).next(next())
            }
            _ => Gate::fail("state", self.says(state.as_str())).by(entry.origin.to_string()).next(next()),
        }
    }

    /// The longest that a call waits for it.
    fn patience(&self) -> Duration {
        self.server.entry.startup_timeout.min(self.server.entry.request_timeout)
    }

    fn ready(&self) -> String {
        let instances = &self.status.instances;
        let ready = instances.iter().filter(|instance| instance.state == State::Ready).count();
        match instances.len() {
            0 | 1 => self.says("ready"),
            all => self.says(&format!("ready: {ready} of {all} instances")),
        }
    }

    /// Its health, where that is not just its state in other words.
    pub(super) fn well(&self) -> Option<Gate> {
        if !self.is_up() {
            return None;
        }
        let health = self.server.health();
        let says = format!("{}: {}", health.level, health.reason);
        Some(match health.level {
            Level::Degraded | Level::Unhealthy | Level::Critical => {
                Gate::warn("health", says).next(Some(health.action))
            }
            Level::Healthy | Level::Unknown => Gate::pass("health", says),
        })
    }
}

fn said(name: &str, state: &str, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("`{name}`, which is {state}: {reason}"),
        None => format!("`{name}`, which is {state}"),
    }
}
