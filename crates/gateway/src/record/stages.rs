//! The stages of a call (DESIGN.md section 5), as the moments at which they ended. On the hot path a
//! mark is one look at the clock; what lay between two marks is worked out by whoever reads the record.
//!
//! It deliberately says nothing of what happened in a stage: that is in the rest of the record.

/// A part of the life of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Host, Origin and token were looked at, before a byte of the body was read.
    Authn,
    /// The body was read and understood.
    Listener,
    /// The name led to a server.
    Route,
    /// It was allowed, and not too often.
    Policy,
    /// It waited for a place with the server, or for the server.
    Wait,
    /// The server worked on it: from the first byte out to the last byte in.
    Upstream,
    /// The answer was completed.
    Finish,
}

/// Stages whose end is marked; the last one ends with the record.
const MARKED: [Stage; 6] = [Stage::Authn, Stage::Listener, Stage::Route, Stage::Policy, Stage::Wait, Stage::Upstream];
/// In the place of a moment that did not come.
const NEVER: u64 = u64::MAX;

/// When each stage ended, in microseconds since the call came.
#[derive(Debug, Clone)]
pub struct Marks {
    ends_us: [u64; MARKED.len()],
    /// Whether it had to wait, or was refused where it would have waited.
    waits: bool,
}

/// What is known of the whole call beside the marks.
#[derive(Debug, Clone, Copy)]
pub struct Whole {
    /// Microseconds until there was an answer; none for who left before.
    pub answered_us: Option<u64>,
    /// Microseconds in all.
    pub total_us: u64,
    /// Whether no server was called.
    pub cached: bool,
}

/// A stage that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Which one.
    pub stage: Stage,
    /// Microseconds from the moment the call came to its begin.
    pub from_us: u64,
    /// The same to its end.
    pub to_us: u64,
}

// === impl Stage ===

impl Stage {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authn => "authn",
            Self::Listener => "listener",
            Self::Route => "route",
            Self::Policy => "policy",
            Self::Wait => "wait",
            Self::Upstream => "upstream",
            Self::Finish => "finish",
        }
    }
}

// === impl Marks ===

impl Default for Marks {
    fn default() -> Self {
        Self { ends_us: [NEVER; MARKED.len()], waits: false }
    }
}

impl Marks {
    /// The stage ended so many microseconds after the call came.
    pub fn end(&mut self, stage: Stage, at_us: u64) {
        if let Some(end) = self.ends_us.get_mut(stage as usize) {
            *end = at_us;
        }
    }

    /// It has to wait for its server.
    pub fn wait(&mut self) {
        self.waits = true;
    }

    /// What came after the last stage that ended.
    fn next(&self, last: Option<Stage>, cached: bool) -> Option<Stage> {
        match last {
            None | Some(Stage::Authn | Stage::Listener) => Some(Stage::Route),
            Some(Stage::Route) => Some(Stage::Policy),
            Some(Stage::Policy) if self.waits => Some(Stage::Wait),
            Some(Stage::Policy | Stage::Wait) if !cached => Some(Stage::Upstream),
            Some(_) => None,
        }
    }

    /// The stages that happened, one after the other, without gaps.
    #[must_use]
    pub fn stretches(&self, whole: Whole) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::with_capacity(MARKED.len() + 1);
        let mut add = |stage, to_us: u64| {
            let from_us = stretches.last().map_or(0, |last| last.to_us);
            stretches.push(Stretch { stage, from_us, to_us: to_us.max(from_us) });
        };
        let mut last = None;
        for (stage, end) in MARKED.into_iter().zip(self.ends_us).filter(|(_, end)| *end != NEVER) {
            add(stage, end);
            last = Some(stage);
        }
        // What was going on when it was answered, or when nobody waited for an answer any more.
        if let Some(stage) = self.next(last, whole.cached) {
            add(stage, whole.answered_us.unwrap_or(whole.total_us));
        }
        if whole.answered_us.is_some() {
            add(Stage::Finish, whole.total_us);
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ends: &[(Stage, u64)], waits: bool, whole: Whole) -> String {
        let mut marks = Marks::default();
        ends.iter().for_each(|(stage, at)| marks.end(*stage, *at));
        if waits {
            marks.wait();
        }
        let stretches = marks.stretches(whole);
        let words = stretches.iter().map(|one| format!("{} {}-{}", one.stage.as_str(), one.from_us, one.to_us));
        words.collect::<Vec<_>>().join(", ")
    }

    const WHOLE: Whole = Whole { answered_us: Some(90), total_us: 100, cached: false };

    #[test]
    fn stages_follow_each_other_without_gaps() {
        use Stage::{Authn, Listener, Policy, Route, Upstream, Wait};
        let all = [(Authn, 5), (Listener, 20), (Route, 22), (Policy, 25), (Wait, 60), (Upstream, 80)];
        assert_eq!(
            said(&all, true, WHOLE),
            "authn 0-5, listener 5-20, route 20-22, policy 22-25, wait 25-60, upstream 60-80, finish 80-100"
        );
        assert_eq!(
            said(&[(Route, 2), (Policy, 3), (Upstream, 80)], false, WHOLE),
            "route 0-2, policy 2-3, upstream 3-80, finish 80-100"
        );
    }

    #[test]
    fn what_was_going_on_has_the_time_until_the_answer() {
        use Stage::{Policy, Route};
        assert_eq!(said(&[], false, WHOLE), "route 0-90, finish 90-100");
        assert_eq!(said(&[(Route, 7)], false, WHOLE), "route 0-7, policy 7-90, finish 90-100");
        let routed = [(Route, 7), (Policy, 9)];
        assert_eq!(said(&routed, true, WHOLE), "route 0-7, policy 7-9, wait 9-90, finish 90-100");
        assert_eq!(said(&routed, false, Whole { cached: true, ..WHOLE }), "route 0-7, policy 7-9, finish 9-100");
        let left = Whole { answered_us: None, ..WHOLE };
        assert_eq!(said(&routed, false, left), "route 0-7, policy 7-9, upstream 9-100", "nothing was finished");
    }

    #[test]
    fn a_mark_that_came_too_late_makes_no_time_run_backwards() {
        use Stage::{Policy, Route};
        assert_eq!(
            said(&[(Route, 7), (Policy, 95)], false, WHOLE),
            "route 0-7, policy 7-95, upstream 95-95, finish 95-100"
        );
    }
}
