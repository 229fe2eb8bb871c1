//! What is wanted of a server: up, asleep, stopped by a person, or gone; and what its instances
//! are told. A table, nothing else: who acts on it is the owner.

use std::sync::Arc;

/// What the owner wants of its instances.
///
/// ```text
///               wake, start, restart               down
///        ┌─────────────────────────────┐   ┌───────────────────┐
///        ▼                             │   │                   ▼
///       up ── sleep ────────────────► asleep                stopped
///        │                                                   ▲ │
///        ├───────────────────── down ────────────────────────┘ │
///        ◄───────────────── start, restart ────────────────────┘      (a call does not)
///
///       any ── end ──► ended
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// They run.
    Up,
    /// They rest until a call comes.
    Asleep,
    /// They rest until a person starts them.
    Stopped,
    /// They end for good.
    Ended,
}

/// What may change a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// A call came, or a subscription.
    Wake,
    /// Nobody used it for long.
    Sleep,
    /// A person wants it up.
    Start,
    /// A person wants it stopped.
    Down,
    /// Its entry is gone, or we are.
    End,
}

/// What an instance is told: the state of things, so that nothing is lost in a queue. Whoever
/// obeys compares the counters with those that it saw last.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) goal: Goal,
    /// Whether calls in flight are not waited for.
    pub(super) hasty: bool,
    /// How often it was to be started anew, and why the last time.
    pub(super) restarts: u64,
    pub(super) restart_why: Arc<str>,
    /// How often it was found sick, and why the last time.
    pub(super) recoveries: u64,
    pub(super) sick_why: Arc<str>,
    /// How often its lists were to be read again.
    pub(super) refreshes: u64,
    /// How often somebody signed in or out.
    pub(super) sign_ins: u64,
}

/// What is new in the orders.
#[derive(Default)]
pub(super) struct News {
    /// It is not to be up any more, or to be up again.
    pub(super) goal: bool,
    pub(super) restart: Option<Arc<str>>,
    pub(super) sick: Option<Arc<str>>,
    pub(super) refresh: bool,
    pub(super) sign_in: bool,
}

impl Goal {
    /// Where a server begins. One that sleeps must have been listed: its tools are shown meanwhile.
    pub(super) fn first(lazy: bool, listed: bool, stopped: bool) -> Self {
        match (stopped, lazy && listed) {
            (true, _) => Self::Stopped,
            (false, true) => Self::Asleep,
            (false, false) => Self::Up,
        }
    }

    /// The goal after a wish.
    pub(super) fn after(self, wish: Wish) -> Self {
        match (self, wish) {
            (Self::Ended, _) | (_, Wish::End) => Self::Ended,
            (_, Wish::Down) => Self::Stopped,
            (_, Wish::Start) | (Self::Asleep, Wish::Wake) => Self::Up,
            (Self::Up, Wish::Sleep) => Self::Asleep,
            (goal, Wish::Wake | Wish::Sleep) => goal,
        }
    }
}

impl Order {
    /// What is new since `obeyed`, if anything.
    pub(super) fn since(&self, obeyed: &Self) -> Option<News> {
        let news = News {
            goal: self.goal != obeyed.goal,
            restart: (self.restarts != obeyed.restarts).then(|| self.restart_why.clone()),
            sick: (self.recoveries != obeyed.recoveries).then(|| self.sick_why.clone()),
            refresh: self.refreshes != obeyed.refreshes,
            sign_in: self.sign_ins != obeyed.sign_ins,
        };
        let any = news.goal || news.restart.is_some() || news.sick.is_some() || news.refresh || news.sign_in;
        any.then_some(news)
    }

    pub(super) fn new(goal: Goal) -> Self {
        let none: Arc<str> = "".into();
        Self {
            goal,
            hasty: false,
            restarts: 0,
            restart_why: none.clone(),
            recoveries: 0,
            sick_why: none,
            refreshes: 0,
            sign_ins: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WISHES: [Wish; 5] = [Wish::Wake, Wish::Sleep, Wish::Start, Wish::Down, Wish::End];

    #[test]
    fn a_lazy_server_sleeps_only_when_its_tools_are_known() {
        assert_eq!(Goal::first(true, true, false), Goal::Asleep);
        assert_eq!(Goal::first(true, false, false), Goal::Up);
        assert_eq!(Goal::first(false, true, false), Goal::Up);
        for (lazy, listed) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(Goal::first(lazy, listed, true), Goal::Stopped);
        }
    }

    proptest! {
        /// What a person stopped stays so until a person starts it, and what has ended stays so.
        #[test]
        fn nobody_but_a_person_undoes_what_a_person_did(wishes in prop::collection::vec(0..WISHES.len(), 0..60)) {
            let (mut goal, mut stopped, mut ended) = (Goal::Up, false, false);
            for wish in wishes.into_iter().map(|at| WISHES[at]) {
                goal = goal.after(wish);
                ended |= wish == Wish::End;
                stopped = match wish {
                    Wish::Down => true,
                    Wish::Start => false,
                    _ => stopped,
                };
                prop_assert_eq!(goal == Goal::Ended, ended);
                if !ended {
                    prop_assert_eq!(goal == Goal::Stopped, stopped);
                }
                if wish == Wish::Wake && !stopped && !ended {
                    prop_assert_eq!(goal, Goal::Up);
                }
            }
        }
    }
}
