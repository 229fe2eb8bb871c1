//! The state of a declared server, derived from its entry and from its instances. A table, nothing
//! else: it starts nothing and remembers nothing.

use serde::{Deserialize, Serialize};
use std::fmt;
use supervisor::State;

/// The state of a server: the best that one of its instances is in, or why it may have none.
///
/// ```text
///   entry   disabled ─────────────────────────────────────────────► disabled
///           pending: nobody approved it on this machine ──────────► pending
///           active: the first of these that any instance is in
///
///   ready ► starting ► draining ► stopping ► backoff ► needs_auth ► crash_loop ► failed ► asleep ► stopped
///   └─ calls are answered                   └─ comes back by itself              │        └─ nobody wants it
///      └──────── is on its way ────────┘       └──── a person must act ──────────┘
/// ```
///
/// A server of one instance is in the state of that instance; `needs_auth` is what an instance is
/// whose server lets nobody in until a person has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// A project or discovery brought it, and nobody approved it.
    Pending,
    /// Its entry says that it is not used.
    Disabled,
    /// Not running, since a person stopped it.
    Stopped,
    /// Not running for want of calls, or since it was done; the next call wakes it.
    Asleep,
    /// Started, and not yet proven ready.
    Starting,
    /// Takes calls.
    Ready,
    /// Takes no new calls; those in flight finish.
    Draining,
    /// Told to end.
    Stopping,
    /// Ended; will be started again after a delay.
    Backoff,
    /// Ends too often; left alone for long.
    CrashLoop,
    /// Ended, and only a person can help.
    Failed,
    /// Waits for a person to sign in.
    NeedsAuth,
}

/// Whether its entry lets a server run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It does.
    Active,
    /// It is not used.
    Disabled,
    /// Nobody approved it.
    Pending,
}

/// What counts of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its state.
    pub state: State,
    /// Whether it failed since a person must sign in.
    pub needs_auth: bool,
}

impl ServerState {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Disabled,
        Self::Stopped,
        Self::Asleep,
        Self::Starting,
        Self::Ready,
        Self::Draining,
        Self::Stopping,
        Self::Backoff,
        Self::CrashLoop,
        Self::Failed,
        Self::NeedsAuth,
    ];

    /// What an active server is, from the best to the worst.
    const RANKING: [Self; 10] = [
        Self::Ready,
        Self::Starting,
        Self::Draining,
        Self::Stopping,
        Self::Backoff,
        Self::NeedsAuth,
        Self::CrashLoop,
        Self::Failed,
        Self::Asleep,
        Self::Stopped,
    ];

    /// The state of a server with these instances. One that is wanted up and whose instances have
    /// not begun is starting.
    #[must_use]
    pub fn of(admission: Admission, up: bool, parts: impl IntoIterator<Item = Part>) -> Self {
        match admission {
            Admission::Disabled => return Self::Disabled,
            Admission::Pending => return Self::Pending,
            Admission::Active => {}
        }
        let rank = |state: &Self| Self::RANKING.iter().position(|known| known == state);
        match parts.into_iter().map(Self::of_part).min_by_key(rank).unwrap_or(Self::Stopped) {
            Self::Asleep | Self::Stopped if up => Self::Starting,
            state => state,
        }
    }

    /// What a server is whose only instance is this one.
    #[must_use]
    pub fn of_part(part: Part) -> Self {
        match part.state {
            State::Failed if part.needs_auth => Self::NeedsAuth,
            State::Stopped => Self::Stopped,
            State::Asleep => Self::Asleep,
            State::Starting => Self::Starting,
            State::Ready => Self::Ready,
            State::Draining => Self::Draining,
            State::Stopping => Self::Stopping,
            State::Backoff => Self::Backoff,
            State::CrashLoop => Self::CrashLoop,
            State::Failed => Self::Failed,
        }
    }

    /// The word used in the CLI, the API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Disabled => "disabled",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Backoff => "backoff",
            Self::CrashLoop => "crash_loop",
            Self::Failed => "failed",
            Self::NeedsAuth => "needs_auth",
        }
    }
}

impl Admission {
    /// What an entry says.
    #[must_use]
    pub fn of(entry: &config::Server) -> Self {
        match (entry.enabled, entry.approval) {
            (false, _) => Self::Disabled,
            (true, config::Approval::Pending) => Self::Pending,
            (true, config::Approval::Approved) => Self::Active,
        }
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part() -> impl Strategy<Value = Part> {
        (0..State::ALL.len(), any::<bool>()).prop_map(|(at, needs_auth)| Part { state: State::ALL[at], needs_auth })
    }

    #[test]
    fn words_are_those_of_the_instance_and_of_the_design() {
        for state in State::ALL {
            let server = ServerState::of_part(Part { state, needs_auth: false });
            assert_eq!(server.as_str(), state.as_str());
        }
        for state in ServerState::ALL {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
        }
    }

    #[test]
    fn what_an_entry_forbids_comes_before_what_runs() {
        let ready = || [Part { state: State::Ready, needs_auth: false }];
        assert_eq!(ServerState::of(Admission::Disabled, true, ready()), ServerState::Disabled);
        assert_eq!(ServerState::of(Admission::Pending, true, ready()), ServerState::Pending);
        assert_eq!(ServerState::of(Admission::Active, false, []), ServerState::Stopped);
        assert_eq!(ServerState::of(Admission::Active, true, []), ServerState::Starting);
    }

    proptest! {
        /// It is the state of one of its instances, whatever their order, and ready when one is.
        #[test]
        fn it_is_what_the_best_instance_is(mut parts in prop::collection::vec(part(), 1..6), seed in any::<usize>()) {
            let state = ServerState::of(Admission::Active, false, parts.clone());
            prop_assert!(parts.iter().any(|part| ServerState::of_part(*part) == state));
            let any = |wanted| parts.iter().any(|part| part.state == wanted);
            prop_assert_eq!(state == ServerState::Ready, any(State::Ready));
            if state == ServerState::Stopped {
                prop_assert!(parts.iter().all(|part| part.state == State::Stopped));
            }
            if state == ServerState::Asleep {
                prop_assert!(!parts.iter().any(|part| part.state.is_running()));
            }
            let turn = seed % parts.len();
            parts.rotate_left(turn);
            prop_assert_eq!(ServerState::of(Admission::Active, false, parts), state);
        }
    }
}
