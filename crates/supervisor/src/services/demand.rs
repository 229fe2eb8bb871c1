//! Who needs a service, and what follows from it: a value that is told who comes and goes, with the
//! clock passed in, and says whether the service is wanted. It starts and stops nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Who needs one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// By name, how often.
    holders: BTreeMap<String, usize>,
    /// How often it was asked for since the start.
    asked: u64,
    /// When the last holder left.
    empty_since: Option<Instant>,
}

/// Whether a service is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Somebody holds it.
    Now,
    /// Nobody does, and it lingers until then.
    Until(Instant),
    /// Nobody does.
    Not,
}

// === impl Demand ===

impl Demand {
    /// Somebody needs it from now on; gives the number of this request.
    pub(crate) fn take(&mut self, who: &str) -> u64 {
        *self.holders.entry(who.to_owned()).or_default() += 1;
        self.asked += 1;
        self.empty_since = None;
        self.asked
    }

    /// Somebody needs it no longer, once.
    pub(crate) fn leave(&mut self, who: &str, now: Instant) {
        if let Some(count) = self.holders.get_mut(who) {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(who);
            }
        }
        if self.holders.is_empty() && self.empty_since.is_none() {
            self.empty_since = Some(now);
        }
    }

    /// Whether it is wanted.
    pub(crate) fn wanted(&self, linger: Duration, now: Instant) -> Wanted {
        match self.empty_since {
            _ if !self.holders.is_empty() => Wanted::Now,
            Some(since) if since + linger > now => Wanted::Until(since + linger),
            _ => Wanted::Not,
        }
    }

    /// Who needs it, sorted.
    pub(crate) fn holders(&self) -> Vec<String> {
        self.holders.keys().cloned().collect()
    }

    /// The number of the last request.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINGER: Duration = Duration::from_secs(5);

    #[test]
    fn it_lingers_after_the_last_and_not_before() {
        let start = Instant::now();
        let mut demand = Demand::default();
        assert_eq!(demand.wanted(LINGER, start), Wanted::Not);
        demand.take("a");
        demand.take("b");
        demand.leave("a", start);
        assert_eq!(demand.wanted(LINGER, start + LINGER * 9), Wanted::Now);
        demand.leave("b", start + LINGER);
        assert_eq!(demand.wanted(LINGER, start + LINGER), Wanted::Until(start + LINGER * 2));
        assert_eq!(demand.wanted(LINGER, start + LINGER * 2), Wanted::Not);
        demand.take("a");
        assert_eq!(demand.wanted(LINGER, start + LINGER * 2), Wanted::Now);
        assert_eq!(demand.holders(), ["a"]);
    }

    proptest! {
        /// However they come and go, it is wanted exactly while more came than went.
        #[test]
        fn it_is_wanted_while_somebody_holds_it(steps in proptest::collection::vec((0usize..3, any::<bool>()), 0..60)) {
            let names = ["a", "b", "c"];
            let mut counts = [0usize; 3];
            let mut demand = Demand::default();
            let start = Instant::now();
            for (at, (who, comes)) in steps.into_iter().enumerate() {
                let now = start + Duration::from_secs(at as u64);
                if comes {
                    counts[who] += 1;
                    demand.take(names[who]);
                } else {
                    counts[who] = counts[who].saturating_sub(1);
                    demand.leave(names[who], now);
                }
                let held: Vec<&str> = (0..3).filter(|at| counts[*at] > 0).map(|at| names[at]).collect();
                prop_assert_eq!(demand.holders(), held.clone());
                let wanted = demand.wanted(Duration::ZERO, now);
                prop_assert_eq!(wanted == Wanted::Now, !held.is_empty());
                prop_assert_eq!(wanted == Wanted::Not, held.is_empty());
            }
        }
    }
}
