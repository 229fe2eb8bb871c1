//! State, reason and counters of a server: what `status` shows and refusals quote.

use super::desired::BY_A_PERSON;
use super::goal::Goal;
use super::state::{Part, ServerState};
use protocol::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;
use supervisor::{Meter, State};
use tokio::time::Instant;

/// Where a server stands and why.
#[derive(Debug, Clone)]
pub struct Status {
    /// The state.
    pub state: ServerState,
    /// What is wanted of it.
    pub goal: Goal,
    /// Why, in words for a person.
    pub reason: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// What keeps it down, where that is more than its own doing.
    pub cause: Cause,
    /// Since when.
    pub since: SystemTime,
    /// When it is tried again.
    pub next_try: Option<Instant>,
    /// Process id of a local server.
    pub pid: Option<u32>,
    /// Ready, but something is not as it should be.
    pub degraded: Option<String>,
    /// Its instances, by index.
    pub instances: Vec<InstanceStatus>,
}

/// Where one instance stands and why.
#[derive(Debug, Clone)]
pub struct InstanceStatus {
    /// Which one, from 0.
    pub index: usize,
    /// The state.
    pub state: State,
    /// What keeps it down, where that is more than its own doing.
    pub cause: Cause,
    /// Why, in words for a person.
    pub reason: Option<Arc<str>>,
    /// What a person can do about it.
    pub hint: Option<Arc<str>>,
    /// Since when.
    pub since: SystemTime,
    /// When it is tried again.
    pub next_try: Option<Instant>,
    /// Process id of a local one.
    pub pid: Option<u32>,
    /// Reads what a local one uses, and knows which of its limits hold.
    pub meter: Option<Meter>,
    /// Times it was started again.
    pub restarts: u64,
}

/// What keeps an instance down, as far as a person looks for it elsewhere than in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cause {
    /// What its reason says; or nothing does.
    #[default]
    Other,
    /// Something that it depends on is not there.
    Dependency,
    /// The command that prepares it failed.
    Install,
    /// Somebody else has its port.
    Port,
    /// A person must sign in: then no timer helps.
    SignIn,
    /// Nothing: it ended by itself, with success, and whoever wants it next starts it.
    Done,
}

/// What a call does that finds no instance ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It waits: one is on its way.
    Wait,
    /// It wakes the server, and waits.
    Wake,
    /// It is refused.
    Refuse,
}

/// What is counted of a server since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Calls that were sent to it.
    pub calls: AtomicU64,
    /// Calls that it answered with a result.
    pub answered: AtomicU64,
    /// Calls that it failed (its own errors and ours about it; not refusals).
    pub failures: AtomicU64,
    /// Times one of its instances was started again.
    pub restarts: AtomicU64,
    /// Lines on its stdout that were no messages.
    pub noise_lines: AtomicU64,
    /// Unknown members that were dropped from its messages.
    pub members_dropped: AtomicU64,
}

impl Cause {
    /// For whoever wants another thing of one that ends with success.
    pub(super) const DONE_HINT: &str = "a call starts it; to have it started again at once, set restart = \"always\"";
}

impl InstanceStatus {
    /// An instance that was never started.
    pub(super) fn new(index: usize) -> Self {
        Self {
            index,
            state: State::Stopped,
            cause: Cause::Other,
            reason: None,
            hint: None,
            since: SystemTime::now(),
            next_try: None,
            pid: None,
            meter: None,
            restarts: 0,
        }
    }

    /// What counts of it for the state of the server.
    pub(super) fn part(&self) -> Part {
        Part { state: self.state, needs_auth: self.cause == Cause::SignIn }
    }
}

impl Status {
    /// A status that nothing will change by itself.
    #[must_use]
    pub fn resting(state: ServerState, goal: Goal, reason: &str) -> Self {
        Self {
            state,
            goal,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
            hint: None,
            cause: Cause::Other,
            since: SystemTime::now(),
            next_try: None,
            pid: None,
            degraded: None,
            instances: Vec::new(),
        }
    }

    /// What a call does that must be answered by `deadline`.
    pub(super) fn patience(&self, deadline: Instant) -> Patience {
        use ServerState as S;
        match (self.goal, self.state) {
            (Goal::Stopped | Goal::Ended, _) | (_, S::Pending | S::Disabled) => Patience::Refuse,
            (Goal::Asleep, _) => Patience::Wake,
            (Goal::Up, S::Starting | S::Ready | S::Draining | S::Stopping | S::Stopped | S::Asleep) => Patience::Wait,
            (Goal::Up, S::Backoff) if self.next_try.is_none_or(|at| at <= deadline) => Patience::Wait,
            (Goal::Up, S::Backoff | S::CrashLoop | S::Failed | S::NeedsAuth) => Patience::Refuse,
        }
    }

    /// Why a call cannot be served in this state.
    #[must_use]
    pub fn refusal(&self, name: &str) -> Error {
        let left = self.next_try.map(|at| at.saturating_duration_since(Instant::now()));
        let error = self.worded(name).refused();
        match left {
            Some(left) => error.retry_after(left),
            None => error,
        }
    }

    fn worded(&self, name: &str) -> Error {
        use ServerState as S;
        let why = self.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let hint = self.hint.clone().unwrap_or_else(|| format!("see its log: switchboard logs {name}"));
        let error = match (self.goal, self.state) {
            (_, S::Pending | S::Disabled) => {
                let message = format!("the server `{name}` is not running{why}");
                let hint = match self.state {
                    S::Pending => format!("look at it and decide: switchboard approve {name}"),
                    _ => format!("use it again: switchboard enable {name}"),
                };
                return Error::new(ErrorKind::NotRunning, message).hint(hint);
            }
            (Goal::Stopped, _) => {
                let message = match self.reason.as_deref() {
                    Some(BY_A_PERSON) | None => format!("the server `{name}` was stopped by a person"),
                    Some(_) => format!("the server `{name}` is stopped{why}"),
                };
                return Error::new(ErrorKind::NotRunning, message).hint(format!("start it: switchboard start {name}"));
            }
            (Goal::Ended, _) => Error::new(ErrorKind::UpstreamDown, format!("the server `{name}` is being ended")),
            (_, S::Starting) => {
                Error::new(ErrorKind::UpstreamStarting, format!("the server `{name}` is still starting{why}"))
            }
            (_, S::NeedsAuth) => {
                Error::new(ErrorKind::NeedsAuth, format!("the server `{name}` waits for a person to sign in{why}"))
            }
            (_, state) => {
                let again = self.next_try.map(|at| at.saturating_duration_since(Instant::now()).as_secs());
                let again = again.map(|seconds| format!("; it is tried again in {seconds} s")).unwrap_or_default();
                let message = format!("the server `{name}` is in state {state}{why}{again}");
                Error::new(ErrorKind::UpstreamDown, message)
            }
        };
        error.hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn calls_wait_for_what_comes_back_in_time() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_secs(1), now + Duration::from_secs(60));
        let status = |goal, state, next_try| Status { next_try, ..Status::resting(state, goal, "") };
        let patience = |goal, state, next_try| status(goal, state, next_try).patience(now + Duration::from_secs(30));
        use ServerState as S;
        assert_eq!(patience(Goal::Up, S::Starting, None), Patience::Wait);
        assert_eq!(patience(Goal::Up, S::Backoff, Some(soon)), Patience::Wait);
        assert_eq!(patience(Goal::Up, S::Backoff, Some(late)), Patience::Refuse);
        assert_eq!(patience(Goal::Up, S::CrashLoop, Some(soon)), Patience::Refuse);
        assert_eq!(patience(Goal::Up, S::Stopping, None), Patience::Wait);
        for state in [S::Asleep, S::Draining, S::Stopping] {
            assert_eq!(patience(Goal::Asleep, state, None), Patience::Wake);
            assert_eq!(patience(Goal::Stopped, state, None), Patience::Refuse);
        }
        let refusal = status(Goal::Up, S::Backoff, Some(late)).refusal("db");
        assert!(refusal.message.contains("tried again in"), "{}", refusal.message);
        for (state, next) in [(S::Pending, "switchboard approve db"), (S::Disabled, "switchboard enable db")] {
            let refusal = status(Goal::Stopped, state, None).refusal("db");
            assert!(refusal.hint.is_some_and(|hint| hint.contains(next)), "{state}");
        }
        let refusal = status(Goal::Stopped, S::Stopped, None).refusal("db");
        assert_eq!(refusal.hint.as_deref(), Some("start it: switchboard start db"));
    }
}
