//! Leaves a server alone that keeps failing: after some failures in a row every call is refused at
//! once, later a few are let through to try.
//!
//! [`Circuit`] decides; it is told what happened and what time it is. [`Breaker`] keeps one for a
//! server, and costs one atomic load while nothing fails. What counts as a failure is said by
//! `guards::outcome`.

use config::Breaker as Settings;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How a call ended, as far as a breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The server answered, if only with an error.
    Answered,
    /// It did not.
    Failed,
    /// Its instance ended: all its calls fail for that one reason.
    Died,
    /// Nothing is known: refused, cancelled.
    Unknown,
}

/// Leave to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As always; how many deaths had been counted then.
    Usual(u32),
    /// To see whether it works again: the round of trying.
    Trial(u32),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying { running: u32, succeeded: u32 },
}

/// The decisions of one breaker.
#[derive(Debug, Clone)]
pub(crate) struct Circuit {
    settings: Settings,
    state: State,
    round: u32,
    deaths: u32,
    /// Why it opened last, and when.
    why: String,
    opened: Option<Instant>,
}

/// The breaker of one server.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// [`CALM`] while it is closed and nothing failed lately, and the count of deaths above that bit.
    fast: AtomicU32,
    circuit: Mutex<Circuit>,
}

const CALM: u32 = 1;

// === impl Circuit ===

impl Circuit {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, state: State::Closed { failures: 0 }, round: 0, deaths: 0, why: String::new(), opened: None }
    }

    /// May a call be made now? If not: how long until that may change.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Leave, Duration> {
        match &mut self.state {
            State::Closed { .. } => Ok(Leave::Usual(self.deaths)),
            State::Open { until } if now < *until => Err(*until - now),
            State::Open { .. } => {
                self.round = self.round.wrapping_add(1);
                self.state = State::Trying { running: 1, succeeded: 0 };
                Ok(Leave::Trial(self.round))
            }
            State::Trying { running, succeeded } if *running + *succeeded < self.settings.trials => {
                *running += 1;
                Ok(Leave::Trial(self.round))
            }
            // Those that try will tell soon.
            State::Trying { .. } => Err(Duration::from_secs(1).min(self.settings.pause)),
        }
    }

    /// A call that had leave ended so; `why` says what went wrong.
    pub(crate) fn ended(&mut self, leave: Leave, outcome: Outcome, now: Instant, why: &str) {
        let again = |leave: Leave, deaths: u32| matches!(leave, Leave::Usual(seen) if seen != deaths);
        let outcome = match outcome {
            // The death of one instance is one failure, however many calls it takes along.
            Outcome::Died if again(leave, self.deaths) => return,
            Outcome::Died => {
                self.deaths = self.deaths.wrapping_add(1) & (u32::MAX >> 1);
                Outcome::Failed
            }
            outcome => outcome,
        };
        match (&mut self.state, leave, outcome) {
            (State::Closed { failures }, Leave::Usual(_), Outcome::Answered) => *failures = 0,
            (State::Closed { failures }, Leave::Usual(_), Outcome::Failed) => {
                *failures += 1;
                if self.settings.failures > 0 && *failures >= self.settings.failures {
                    self.open(now, why);
                }
            }
            (State::Trying { running, succeeded }, Leave::Trial(round), outcome) if round == self.round => {
                *running = running.saturating_sub(1);
                match outcome {
                    Outcome::Answered => *succeeded += 1,
                    Outcome::Failed | Outcome::Died => return self.open(now, why),
                    Outcome::Unknown => {}
                }
                if *succeeded >= self.settings.trials {
                    self.state = State::Closed { failures: 0 };
                }
            }
            // What began before the state changed says nothing about the present.
            _ => {}
        }
    }

    fn open(&mut self, now: Instant, why: &str) {
        why.clone_into(&mut self.why);
        // One that opens again after a trial has been open all the while.
        if matches!(self.state, State::Closed { .. }) {
            self.opened = Some(now);
        }
        self.state = State::Open { until: now + self.settings.pause };
    }

    fn close(&mut self) {
        self.round = self.round.wrapping_add(1);
        // Those that the old instance takes along count as one that was seen.
        self.deaths = self.deaths.wrapping_add(1) & (u32::MAX >> 1);
        self.state = State::Closed { failures: 0 };
    }

    fn fast(&self) -> u32 {
        self.deaths << 1 | u32::from(self.state == State::Closed { failures: 0 })
    }

    /// In words, unless it is closed.
    fn said(&self, now: Instant) -> Option<String> {
        let (count, why) = (self.settings.failures, &self.why);
        let seconds = self.opened.map_or(0, |opened| now.saturating_duration_since(opened).as_secs());
        match &self.state {
            State::Closed { .. } => None,
            State::Open { until } => {
                let left = until.saturating_duration_since(now).as_secs_f32().ceil();
                Some(format!(
                    "open for {seconds} s: {count} failures in a row, the last: {why}; calls are tried again in {left} s"
                ))
            }
            State::Trying { succeeded, .. } => {
                let trials = self.settings.trials;
                Some(format!(
                    "half-open: {succeeded} of {trials} trial calls succeeded; it opened {seconds} s ago because: {why}"
                ))
            }
        }
    }
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(settings: Settings) -> Self {
        let circuit = Circuit::new(settings);
        Self { fast: AtomicU32::new(circuit.fast()), circuit: Mutex::new(circuit) }
    }

    /// Its settings.
    pub(crate) fn settings(&self) -> Settings {
        self.lock().settings
    }

    /// Leave to call now, or how long until that may change, and in words why not.
    pub(crate) fn admit(&self) -> Result<Leave, (Duration, String)> {
        let fast = self.fast.load(Ordering::Acquire);
        if fast & CALM != 0 {
            return Ok(Leave::Usual(fast >> 1));
        }
        let now = Instant::now();
        let mut circuit = self.lock();
        circuit.admit(now).map_err(|left| (left, circuit.said(now).unwrap_or_default()))
    }

    /// A call that had leave ended so.
    pub(crate) fn ended(&self, leave: Leave, outcome: Outcome, why: &str) {
        let calm = || self.fast.load(Ordering::Acquire) & CALM != 0;
        if matches!(outcome, Outcome::Answered | Outcome::Unknown) && matches!(leave, Leave::Usual(_)) && calm() {
            return;
        }
        let mut circuit = self.lock();
        circuit.ended(leave, outcome, Instant::now(), why);
        self.fast.store(circuit.fast(), Ordering::Release);
    }

    /// Closes it: the server is another one now. Calls on the way say nothing about it.
    pub(crate) fn close(&self) {
        let mut circuit = self.lock();
        circuit.close();
        self.fast.store(circuit.fast(), Ordering::Release);
    }

    /// Whether calls are refused now.
    pub(crate) fn is_open(&self) -> bool {
        if self.fast.load(Ordering::Acquire) & CALM != 0 {
            return false;
        }
        matches!(self.lock().state, State::Open { until } if Instant::now() < until)
    }

    /// In words, unless it is closed.
    pub(crate) fn said(&self) -> Option<String> {
        self.lock().said(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings { failures: 5, pause: Duration::from_secs(60), trials: 3 };

    fn fail(circuit: &mut Circuit, times: u32, now: Instant) {
        for _ in 0..times {
            let leave = circuit.admit(now).unwrap();
            circuit.ended(leave, Outcome::Failed, now, "it hung");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_open_it_and_three_successes_close_it() {
        let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
        fail(&mut circuit, 4, now);
        let leave = circuit.admit(now).unwrap();
        circuit.ended(leave, Outcome::Answered, now, "");
        fail(&mut circuit, 5, now);
        assert_eq!(circuit.admit(now), Err(SETTINGS.pause));
        assert!(circuit.said(now).unwrap().contains("it hung"));
        let later = now + SETTINGS.pause;
        let trials: Vec<Leave> = (0..3).map(|_| circuit.admit(later).unwrap()).collect();
        assert!(circuit.admit(later).is_err(), "no more than three try at once");
        for trial in trials {
            circuit.ended(trial, Outcome::Answered, later, "");
        }
        assert_eq!(circuit.admit(later), Ok(Leave::Usual(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failed_trial_opens_it_again_and_late_answers_change_nothing() {
        let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
        let early = circuit.admit(now).unwrap();
        fail(&mut circuit, 5, now);
        let later = now + SETTINGS.pause;
        let (trial, other) = (circuit.admit(later).unwrap(), circuit.admit(later).unwrap());
        circuit.ended(early, Outcome::Answered, later, "");
        circuit.ended(trial, Outcome::Failed, later, "again");
        assert_eq!(circuit.admit(later), Err(SETTINGS.pause));
        circuit.ended(other, Outcome::Answered, later, "");
        assert_eq!(circuit.admit(later), Err(SETTINGS.pause));
    }

    #[tokio::test(start_paused = true)]
    async fn the_death_of_an_instance_is_one_failure_however_many_calls_it_had() {
        let (mut circuit, now) = (Circuit::new(SETTINGS), Instant::now());
        for _ in 0..4 {
            let leaves: Vec<Leave> = (0..10).map(|_| circuit.admit(now).unwrap()).collect();
            leaves.into_iter().for_each(|leave| circuit.ended(leave, Outcome::Died, now, "it died"));
        }
        let leave = circuit.admit(now).unwrap();
        circuit.ended(leave, Outcome::Died, now, "it died");
        assert!(circuit.admit(now).is_err(), "five deaths are five failures");
    }

    #[tokio::test(start_paused = true)]
    async fn a_calm_breaker_is_asked_without_its_lock() {
        let breaker = Breaker::new(SETTINGS);
        let held = breaker.lock();
        let leave = breaker.admit().unwrap();
        breaker.ended(leave, Outcome::Answered, "");
        drop(held);
        for _ in 0..5 {
            let leave = breaker.admit().unwrap();
            breaker.ended(leave, Outcome::Failed, "x");
        }
        assert!(breaker.is_open() && breaker.admit().is_err());
        tokio::time::advance(SETTINGS.pause).await;
        assert!(!breaker.is_open() && breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_a_person_starts_anew_is_closed_and_calls_of_before_say_nothing() {
        let breaker = Breaker::new(SETTINGS);
        let early = breaker.admit().unwrap();
        for _ in 0..5 {
            let leave = breaker.admit().unwrap();
            breaker.ended(leave, Outcome::Failed, "x");
        }
        tokio::time::advance(SETTINGS.pause).await;
        let trial = breaker.admit().unwrap();
        breaker.close();
        breaker.ended(trial, Outcome::Failed, "late");
        breaker.ended(early, Outcome::Died, "the old instance");
        assert!(!breaker.is_open() && breaker.said().is_none() && breaker.fast.load(Ordering::Acquire) & CALM != 0);
    }

    proptest! {
        #[test]
        fn it_is_never_tried_by_more_than_the_trials_and_opens_only_after_failures(
            steps in proptest::collection::vec((0_u8..5, 0_usize..8, 0_u64..40), 1..200),
            failures in 0_u32..4,
        ) {
            let settings = Settings { failures, pause: Duration::from_secs(30), trials: 2 };
            let mut circuit = Circuit::new(settings);
            let mut now = Instant::now();
            let mut running: Vec<Leave> = Vec::new();
            let mut failed = 0_u32;
            for (kind, which, seconds) in steps {
                now += Duration::from_secs(seconds);
                if kind == 0 || running.is_empty() {
                    match circuit.admit(now) {
                        Ok(leave) => running.push(leave),
                        Err(left) => prop_assert!(failed > 0 && failures > 0 && left <= settings.pause),
                    }
                } else {
                    let leave = running.swap_remove(which % running.len());
                    let outcome = [Outcome::Answered, Outcome::Failed, Outcome::Died, Outcome::Unknown][usize::from(kind - 1)];
                    failed += u32::from(matches!(outcome, Outcome::Failed | Outcome::Died));
                    circuit.ended(leave, outcome, now, "why");
                }
                let trials = running.iter().filter(|leave| **leave == Leave::Trial(circuit.round)).count();
                prop_assert!(trials <= 2, "{trials} trials at once");
                let open = matches!(circuit.state, State::Open { .. });
                prop_assert!(failures > 0 || !open);
            }
        }
    }
}
