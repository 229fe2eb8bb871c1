//! The states of an instance and what leads from one to the next. A table, nothing else: who
//! starts and stops things asks it whether that makes sense now.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of one instance.
///
/// ```text
///                 start                       ready
///   stopped ───────────────► starting ─────────────────► ready
///     ▲  ▲                    ▲ ▲  │                     │ │ │
///     │  │ ended              │ │  │ again later   drain │ │ │ idle
///     │  └────── stopping ◄───┼─┼──┼────── draining ◄────┘ │ └──────► asleep
///     │            ▲          │ │  ▼                       │            │
///     │            │ stop     │ └─ backoff ◄───────────────┤            │
///     │            │          │                again later │            │
///     │       any that runs   ├─── crash_loop ◄────────────┤            │
///     │                       ├─── failed ◄────────────────┤            │
///     │                       ├─── needs_auth ◄────────────┘            │
///     │ stop                  └─────────────────────────────────────────┘
///     └── asleep, backoff, crash_loop, failed, needs_auth   start (wake)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not running, and nobody wants it to.
    Stopped,
    /// Not running for want of calls; the next call starts it.
    Asleep,
    /// Started, and not yet proven ready.
    Starting,
    /// Handshake done, lists read.
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
    /// A remote server that waits for a person to sign in.
    NeedsAuth,
}

/// What happens to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is started: by a person, a call, or a timer.
    Start,
    /// It is proven ready.
    Ready,
    /// No call for long: it is put to sleep.
    Idle,
    /// It gets no new calls.
    Drain,
    /// It is told to end.
    Stop,
    /// It is gone, as it was told.
    Ended,
    /// It ended unasked and will be started again.
    AgainLater,
    /// It ended unasked too often.
    TooOften,
    /// It ended and no timer helps.
    GiveUp,
    /// It refuses us until a person has signed in.
    SignedOut,
}

/// An event that makes no sense in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an instance that is {state} cannot take the event {event:?}")]
pub struct Refused {
    /// Where it was, and stays.
    pub state: State,
    /// What did not fit.
    pub event: Event,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [State; 10] = [
        State::Stopped,
        State::Asleep,
        State::Starting,
        State::Ready,
        State::Draining,
        State::Stopping,
        State::Backoff,
        State::CrashLoop,
        State::Failed,
        State::NeedsAuth,
    ];

    /// The state after an event.
    ///
    /// # Errors
    ///
    /// The event makes no sense in this state, which does not change.
    pub fn next(self, event: Event) -> Result<State, Refused> {
        use Event as E;
        use State as S;
        let next = match (self, event) {
            (S::Stopped | S::Asleep | S::Backoff | S::CrashLoop | S::Failed | S::NeedsAuth, E::Start) => S::Starting,
            (S::Asleep | S::Backoff | S::CrashLoop | S::Failed | S::NeedsAuth, E::Stop) => S::Stopped,
            (S::Starting, E::Ready) => S::Ready,
            (S::Ready, E::Idle) => S::Asleep,
            (S::Ready, E::Drain) => S::Draining,
            (S::Starting | S::Ready | S::Draining, E::Stop) => S::Stopping,
            (S::Draining | S::Stopping, E::Ended) => S::Stopped,
            (S::Starting | S::Ready, E::AgainLater) => S::Backoff,
            (S::Starting | S::Ready, E::TooOften) => S::CrashLoop,
            (S::Starting | S::Ready | S::Backoff | S::CrashLoop, E::GiveUp) => S::Failed,
            (S::Starting | S::Ready, E::SignedOut) => S::NeedsAuth,
            _ => return Err(Refused { state: self, event }),
        };
        Ok(next)
    }

    /// Whether a process or connection exists in this state.
    pub fn is_running(self) -> bool {
        matches!(self, State::Starting | State::Ready | State::Draining | State::Stopping)
    }

    /// The word used in the CLI, the API and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Stopped => "stopped",
            State::Asleep => "asleep",
            State::Starting => "starting",
            State::Ready => "ready",
            State::Draining => "draining",
            State::Stopping => "stopping",
            State::Backoff => "backoff",
            State::CrashLoop => "crash_loop",
            State::Failed => "failed",
            State::NeedsAuth => "needs_auth",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 10] = [
        Event::Start,
        Event::Ready,
        Event::Idle,
        Event::Drain,
        Event::Stop,
        Event::Ended,
        Event::AgainLater,
        Event::TooOften,
        Event::GiveUp,
        Event::SignedOut,
    ];

    #[test]
    fn a_life() {
        let life = [
            (Event::Start, State::Starting),
            (Event::AgainLater, State::Backoff),
            (Event::Start, State::Starting),
            (Event::Ready, State::Ready),
            (Event::Idle, State::Asleep),
            (Event::Start, State::Starting),
            (Event::Ready, State::Ready),
            (Event::Drain, State::Draining),
            (Event::Stop, State::Stopping),
            (Event::Ended, State::Stopped),
        ];
        let mut state = State::Stopped;
        for (event, expected) in life {
            state = state.next(event).unwrap();
            assert_eq!(state, expected);
        }
        let refused = State::Stopped.next(Event::Ready).unwrap_err();
        assert_eq!(refused.to_string(), "an instance that is stopped cannot take the event Ready");
    }

    #[test]
    fn every_state_can_be_reached_and_left_for_stopped() {
        for start in State::ALL {
            let mut reached = vec![start];
            let mut next = 0;
            while let Some(state) = reached.get(next).copied() {
                for state in EVENTS.iter().filter_map(|event| state.next(*event).ok()) {
                    if !reached.contains(&state) {
                        reached.push(state);
                    }
                }
                next += 1;
            }
            assert_eq!(reached.len(), State::ALL.len(), "from {start}");
        }
    }

    #[test]
    fn words_are_the_same_everywhere() {
        for state in State::ALL {
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
        }
    }
}
