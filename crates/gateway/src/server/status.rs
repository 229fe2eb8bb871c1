//! State, reason and counters of a server: what `status` shows and refusals quote.

use protocol::{Error, ErrorKind};
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;
use supervisor::State;
use tokio::time::Instant;

/// Where a server stands and why.
#[derive(Debug, Clone)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why, in words for a person.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Since when.
    pub since: SystemTime,
    /// When it is tried again.
    pub next_try: Option<Instant>,
    /// Process id of a local server.
    pub pid: Option<u32>,
    /// Ready, but something is not as it should be.
    pub degraded: Option<String>,
}

/// What is counted of a server since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Calls that were sent to it.
    pub calls: AtomicU64,
    /// Calls that it failed (its own errors and ours about it; not refusals).
    pub failures: AtomicU64,
    /// Times it was started again.
    pub restarts: AtomicU64,
    /// Lines on its stdout that were no messages.
    pub noise_lines: AtomicU64,
    /// Unknown members that were dropped from its messages.
    pub members_dropped: AtomicU64,
}

impl Status {
    /// A status that nothing will change by itself.
    #[must_use]
    pub fn resting(state: State, reason: &str) -> Self {
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        Self { state, reason, hint: None, since: SystemTime::now(), next_try: None, pid: None, degraded: None }
    }

    /// One word for how well it is: `healthy`, `degraded`, `unhealthy`, or `unknown` while it starts.
    #[must_use]
    pub fn health(&self) -> &'static str {
        match self.state {
            State::Ready if self.degraded.is_some() => "degraded",
            State::Ready => "healthy",
            State::Stopped | State::Asleep | State::Starting => "unknown",
            _ => "unhealthy",
        }
    }

    /// Why a call cannot be served in this state.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Error {
        let why = self.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let logs = format!("see its log: switchboard logs {name}");
        let hint = self.hint.clone().unwrap_or(logs);
        match self.state {
            State::Stopped => Error::new(ErrorKind::NotRunning, format!("the server `{name}` is not running{why}"))
                .hint(self.hint.clone().unwrap_or_else(|| {
                    "enable it in the configuration, or approve it by naming its file with --config".to_owned()
                })),
            State::Starting => {
                Error::new(ErrorKind::UpstreamStarting, format!("the server `{name}` is still starting")).hint(hint)
            }
            State::NeedsAuth => {
                Error::new(ErrorKind::NeedsAuth, format!("the server `{name}` waits for a person to sign in{why}"))
                    .hint(hint)
            }
            state => {
                Error::new(ErrorKind::UpstreamDown, format!("the server `{name}` is in state {state}{why}")).hint(hint)
            }
        }
    }
}
