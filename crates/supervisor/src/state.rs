//! The states of an instance and what leads from one to the next. A table, nothing else: who
//! starts and stops things asks it whether that makes sense now.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of one instance. What a server is, which may have several and none, is derived from
/// these by whoever leads it.
///
/// ```text
///                 start                       ready                drain
///   stopped ───────────────► starting ─────────────────► ready ───────────► draining
///    ▲ ▲ │                    ▲ ▲  │ │                    │ │                  │
///    │ │ │ idle          wake │ │  │ │ stop               │ │ stop             │ stop, or it ends
///    │ │ ▼                    │ │  │ ▼                    │ ▼                  │
///    │ asleep ────────────────┘ │  │ stopping ◄───────────┴────────────────────┘
///    │   ▲                      │  │   │ │ ▲
///    │   │        idle          │  │   │ │ └─ any that runs
///    │   ├──────────────────────┼──┼───┘ │
///    │   └─ done ── ready, stopping │    │
///    │                          │  │     │ again later, too often, give up
///    │ stop                     │  ▼     ▼
///    ├───────────────────── backoff ◄──────── starting, ready, stopping
///    ├───────────────────── crash_loop ◄───── the same
///    └───────────────────── failed ◄───────── the same
///                               │ start
///                               └──► starting
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not running, and nobody wants it to.
    Stopped,
    /// Not running for want of calls, or since it was done; the next call starts it.
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
}

/// What happens to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is started: by a person, a call, or a timer.
    Start,
    /// It is proven ready.
    Ready,
    /// It is not there for want of calls: the next one wakes it.
    Idle,
    /// It gets no new calls.
    Drain,
    /// It is told to end.
    Stop,
    /// It is gone, as it was told.
    Ended,
    /// It ended by itself and was well: whoever wants it next starts it.
    Done,
    /// It ended unasked and will be started again.
    AgainLater,
    /// It ended unasked too often.
    TooOften,
    /// It ended and no timer helps.
    GiveUp,
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
    pub const ALL: [State; 9] = [
        State::Stopped,
        State::Asleep,
        State::Starting,
        State::Ready,
        State::Draining,
        State::Stopping,
        State::Backoff,
        State::CrashLoop,
        State::Failed,
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
            (S::Stopped | S::Asleep | S::Backoff | S::CrashLoop | S::Failed, E::Start) => S::Starting,
            (S::Asleep | S::Backoff | S::CrashLoop | S::Failed, E::Stop) => S::Stopped,
            (S::Starting, E::Ready) => S::Ready,
            (S::Ready, E::Drain) => S::Draining,
            (S::Starting | S::Ready | S::Draining, E::Stop) => S::Stopping,
            (S::Draining | S::Stopping, E::Ended) => S::Stopped,
            (S::Stopping | S::Stopped, E::Idle) => S::Asleep,
            (S::Ready | S::Stopping, E::Done) => S::Asleep,
            (S::Starting | S::Ready | S::Stopping, E::AgainLater) => S::Backoff,
            (S::Starting | S::Ready | S::Stopping, E::TooOften) => S::CrashLoop,
            (S::Starting | S::Ready | S::Stopping, E::GiveUp) => S::Failed,
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
    use proptest::prelude::*;

    const EVENTS: [Event; 10] = [
        Event::Start,
        Event::Ready,
        Event::Idle,
        Event::Drain,
        Event::Stop,
        Event::Ended,
        Event::Done,
        Event::AgainLater,
        Event::TooOften,
        Event::GiveUp,
    ];

    #[test]
    fn a_life() {
        let life = [
            (Event::Start, State::Starting),
            (Event::AgainLater, State::Backoff),
            (Event::Start, State::Starting),
            (Event::Ready, State::Ready),
            (Event::Drain, State::Draining),
            (Event::Stop, State::Stopping),
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

    proptest! {
        /// Whatever happens in whatever order: nothing is proven ready that was not started, what
        /// is told to end is gone before it starts again, and a refusal changes nothing.
        #[test]
        fn no_order_of_events_skips_a_step(events in prop::collection::vec(0..EVENTS.len(), 0..60)) {
            let mut state = State::Stopped;
            for event in events.into_iter().map(|at| EVENTS[at]) {
                let next = match state.next(event) {
                    Ok(next) => next,
                    Err(refused) => {
                        prop_assert_eq!(refused, Refused { state, event });
                        continue;
                    }
                };
                if next == State::Ready {
                    prop_assert_eq!(state, State::Starting);
                }
                if next == State::Starting {
                    prop_assert!(!state.is_running(), "a second one beside one that is {state}");
                }
                if state == State::Draining {
                    prop_assert!(matches!(next, State::Stopping | State::Stopped));
                }
                if next == State::Asleep {
                    prop_assert!(state != State::Starting && (state != State::Ready || event == Event::Done));
                }
                state = next;
            }
        }
    }
}
