//! How well each server is: a level with its reason and the next thing to do.
//!
//! A task per server checks it while it is ready (`prober`); what the checks say is judged by a
//! pure machine (`machine`). What is shown joins that with the server's state, here and nowhere
//! else. Health never decides about a call: that is the state's business.

mod history;
mod machine;
mod probe;
mod prober;

pub use history::{Check, Percentiles};
pub use machine::Level;
pub(crate) use prober::run;

use crate::server::{Core, ServerState, Status};
use machine::Health;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use tokio::sync::watch;

/// What there is to say about the health of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How well it is.
    pub level: Level,
    /// Why, in words for a person.
    pub reason: String,
    /// What is done about it, or what a person can do.
    pub action: String,
    /// Since when it is on this level; in a state that is not checked, since it is in that state.
    pub since: SystemTime,
}

/// What the checks of a server brought.
#[derive(Debug, Clone)]
pub struct Checks {
    /// The last ones, the oldest first: at most 100.
    pub history: Vec<Check>,
    /// How long the answers among them took; none without an answer.
    pub percentiles: Option<Percentiles>,
    /// How often something was done about the server.
    pub recoveries: u64,
}

/// The health of one server, for as long as it is declared.
#[derive(Debug)]
pub(crate) struct Monitor {
    settings: watch::Sender<Arc<config::Health>>,
    health: Mutex<Health>,
}

// === impl Monitor ===

impl Monitor {
    pub(crate) fn new(settings: config::Health) -> Self {
        Self { settings: watch::Sender::new(Arc::new(settings)), health: Mutex::new(Health::new(SystemTime::now())) }
    }

    /// Checks go by this from now on.
    pub(crate) fn configure(&self, settings: config::Health) {
        self.settings.send_if_modified(|now| {
            let changed = **now != settings;
            if changed {
                *now = Arc::new(settings);
            }
            changed
        });
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Core ===

impl Core {
    /// How well it is, why, and what to do about it.
    #[must_use]
    pub fn health(&self) -> Verdict {
        verdict(&self.name, &self.status(), &self.monitor.lock())
    }

    /// What its checks brought.
    #[must_use]
    pub fn checks(&self) -> Checks {
        let health = self.monitor.lock();
        let history = health.history();
        Checks { history: history.all(), percentiles: history.percentiles(), recoveries: health.recoveries() }
    }
}

/// The state says most; the checks say the rest of a server that is ready, or was.
fn verdict(name: &str, status: &Status, health: &Health) -> Verdict {
    let logs = || format!("see its log: switchboard logs {name}");
    let because = |otherwise: &str| match status.reason.as_deref() {
        Some(reason) if !reason.is_empty() => reason.to_owned(),
        _ => otherwise.to_owned(),
    };
    let hint = |otherwise: String| status.hint.clone().unwrap_or(otherwise);
    let (level, reason, action) = match status.state {
        ServerState::Ready => match &status.degraded {
            Some(degraded) if health.level() <= Level::Degraded => (Level::Degraded, degraded.clone(), hint(logs())),
            _ => {
                let (level, reason, action) = (health.level(), health.reason().to_owned(), health.action(name));
                return Verdict { level, reason, action, since: health.since().max(status.since) };
            }
        },
        ServerState::Asleep => {
            let last = match health.level() {
                Level::Healthy => String::new(),
                level => format!("; when it was checked last it was {level}: {}", health.reason()),
            };
            let why = status.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let reason = format!("asleep{why}, and the next call wakes it{last}");
            (health.level(), reason, hint("nothing to do".to_owned()))
        }
        ServerState::Starting => {
            (Level::Unknown, because("it is starting"), hint(format!("wait a little, or {}", logs())))
        }
        ServerState::Draining | ServerState::Stopping => {
            (Level::Unknown, because("it is ending"), hint("wait a little".into()))
        }
        ServerState::Stopped => {
            (Level::Unknown, because("it was stopped"), hint(format!("start it: switchboard start {name}")))
        }
        ServerState::Pending => {
            (Level::Unknown, because("nobody approved it"), hint(format!("look at it: switchboard why {name}")))
        }
        ServerState::Disabled => {
            (Level::Unknown, because("its entry switches it off"), hint(format!("switchboard why {name}")))
        }
        ServerState::NeedsAuth => {
            let sign_in = format!("switchboard auth login {name}");
            (Level::Unhealthy, because("a person must sign in"), hint(sign_in))
        }
        state @ (ServerState::Backoff | ServerState::CrashLoop | ServerState::Failed) => {
            (Level::Unhealthy, because(&format!("it is in state {state}")), hint(logs()))
        }
    };
    Verdict { level, reason, action, since: status.since }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Goal;

    #[test]
    fn every_state_has_a_level_a_reason_and_an_action() {
        let health = Health::new(SystemTime::UNIX_EPOCH);
        for state in ServerState::ALL {
            let verdict = verdict("one", &Status::resting(state, Goal::Up, ""), &health);
            assert!(!verdict.reason.is_empty() && !verdict.action.is_empty(), "{state}: {verdict:?}");
            let expected = match state {
                ServerState::Ready | ServerState::Asleep => Level::Healthy,
                ServerState::Backoff | ServerState::CrashLoop | ServerState::Failed | ServerState::NeedsAuth => {
                    Level::Unhealthy
                }
                _ => Level::Unknown,
            };
            assert_eq!(verdict.level, expected, "{state}");
        }
    }

    #[test]
    fn the_reason_and_the_hint_of_the_state_come_first() {
        let mut status = Status::resting(ServerState::Failed, Goal::Up, "no such program");
        status.hint = Some("install it".to_owned());
        let verdict = verdict("one", &status, &Health::new(SystemTime::UNIX_EPOCH));
        assert_eq!((verdict.reason.as_str(), verdict.action.as_str()), ("no such program", "install it"));
    }

    #[test]
    fn a_list_that_is_not_whole_is_degraded() {
        let status = Status { degraded: Some("cut".to_owned()), ..Status::resting(ServerState::Ready, Goal::Up, "") };
        let verdict = verdict("one", &status, &Health::new(SystemTime::UNIX_EPOCH));
        assert_eq!((verdict.level, verdict.reason.as_str()), (Level::Degraded, "cut"));
    }
}
