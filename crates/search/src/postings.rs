//! Which tools have a term: lists in buckets that versions of an index share.
//!
//! A change copies the few buckets of the changed terms, never the lists of all.

use crate::words::Term;
use std::sync::Arc;

/// How many buckets there are, by the upper bits of a term.
const BUCKETS: usize = 1024;
const SHIFT: u32 = Term::BITS - BUCKETS.ilog2();

/// The most tools that an index can number: a posting is a slot of 24 bits and a weight of 8.
pub(crate) const SLOTS_MAX: usize = 1 << 24;

/// A tool that has a term, and how much: the slot and the saturated weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Posting(u32);

impl Posting {
    pub(crate) fn new(slot: u32, weight: u8) -> Self {
        Self(slot << 8 | u32::from(weight))
    }

    pub(crate) fn slot(self) -> usize {
        (self.0 >> 8) as usize
    }

    /// 0 for a name in full, else 1 to 255.
    pub(crate) fn weight(self) -> u8 {
        self.0 as u8
    }
}

/// All lists.
#[derive(Debug, Clone)]
pub(crate) struct Postings(Vec<Arc<Bucket>>);

#[derive(Debug, Default, PartialEq)]
struct Bucket {
    terms: Vec<Term>,
    /// Where the list of each term ends.
    ends: Vec<u32>,
    postings: Vec<Posting>,
}

/// One term of one tool that comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) term: Term,
    pub(crate) slot: u32,
    /// The new weight; none when the tool has the term no more.
    pub(crate) weight: Option<u8>,
}

impl Postings {
    pub(crate) fn empty() -> Self {
        Self(vec![Arc::default(); BUCKETS])
    }

    /// The tools that have `term`, by slot.
    pub(crate) fn of(&self, term: Term) -> &[Posting] {
        let Some(bucket) = self.0.get((term >> SHIFT) as usize) else { return &[] };
        let Ok(at) = bucket.terms.binary_search(&term) else { return &[] };
        bucket.list(at)
    }

    /// The lists after `changes`, of which there is one for a term and slot.
    pub(crate) fn changed(&self, mut changes: Vec<Change>) -> Self {
        changes.sort_unstable_by_key(|change| u64::from(change.term) << 32 | u64::from(change.slot));
        let mut buckets = self.0.clone();
        for of_bucket in changes.chunk_by(|one, other| one.term >> SHIFT == other.term >> SHIFT) {
            if let Some(bucket) = of_bucket.first().and_then(|change| buckets.get_mut((change.term >> SHIFT) as usize))
            {
                *bucket = Arc::new(bucket.changed(of_bucket));
            }
        }
        Self(buckets)
    }

    /// Bytes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.0.iter().map(|bucket| 64 + 8 * bucket.terms.len() + 4 * bucket.postings.len()).sum()
    }
}

impl Bucket {
    fn list(&self, at: usize) -> &[Posting] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        self.postings.get(start..self.ends[at] as usize).unwrap_or_default()
    }

    /// A copy with `changes`, which are in order.
    fn changed(&self, changes: &[Change]) -> Self {
        let mut next = Self {
            terms: Vec::with_capacity(self.terms.len() + changes.len()),
            ends: Vec::with_capacity(self.terms.len() + changes.len()),
            postings: Vec::with_capacity(self.postings.len() + changes.len()),
        };
        let mut old = 0;
        let mut of_terms = changes.chunk_by(|one, other| one.term == other.term).peekable();
        loop {
            let changed = of_terms.peek().map(|changes| changes[0].term);
            let kept = self.terms.get(old).copied();
            match (kept, changed) {
                (None, None) => break,
                (Some(term), changed) if changed.is_none_or(|changed| term < changed) => {
                    next.push(term, self.list(old), &[]);
                    old += 1;
                }
                (kept, Some(term)) => {
                    let list = if kept == Some(term) { self.list(old) } else { &[] };
                    next.push(term, list, of_terms.next().unwrap_or_default());
                    old += usize::from(kept == Some(term));
                }
                (Some(_), None) => break,
            }
        }
        next.terms.shrink_to_fit();
        next.ends.shrink_to_fit();
        next.postings.shrink_to_fit();
        next
    }

    /// Adds a term with the postings of `list` as `changes` leave them.
    fn push(&mut self, term: Term, list: &[Posting], changes: &[Change]) {
        let before = self.postings.len();
        let mut changes = changes.iter().peekable();
        for posting in list {
            while let Some(change) = changes.next_if(|change| (change.slot as usize) < posting.slot()) {
                self.add(change);
            }
            match changes.next_if(|change| change.slot as usize == posting.slot()) {
                Some(change) => self.add(change),
                None => self.postings.push(*posting),
            }
        }
        changes.for_each(|change| self.add(change));
        if self.postings.len() > before {
            self.terms.push(term);
            self.ends.push(self.postings.len() as u32);
        }
    }

    fn add(&mut self, change: &Change) {
        if let Some(weight) = change.weight {
            self.postings.push(Posting::new(change.slot, weight));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn changes_leave_what_a_map_would_hold(rounds in prop::collection::vec(
            prop::collection::btree_map((0_u32..40, 0_u32..20), prop::option::of(any::<u8>()), 0..60), 1..6)) {
            let mut postings = Postings::empty();
            let mut model = BTreeMap::new();
            for round in rounds {
                // Terms lie close together, so that buckets hold several.
                let changes = round.iter().map(|((term, slot), weight)| Change { term: term << 21, slot: *slot, weight: *weight });
                postings = postings.changed(changes.collect());
                for ((term, slot), weight) in round {
                    match weight {
                        Some(weight) => { model.insert((term, slot), weight); }
                        None => { model.remove(&(term, slot)); }
                    }
                }
                for term in 0..40 {
                    let expected: Vec<_> = model.range((term, 0)..(term + 1, 0)).map(|((_, slot), weight)| Posting::new(*slot, *weight)).collect();
                    prop_assert_eq!(postings.of(term << 21), &expected[..]);
                }
            }
        }
    }
}
