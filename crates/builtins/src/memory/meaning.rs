//! What memories mean, as vectors: found are those too that say it in other words.
//!
//! Vectors are made of texts when a space is searched, kept in memory and bounded, so that nothing of it
//! stands in the database: old ones work, and other processes may change it. They add to what the
//! words of a question find; `reading.rs` puts both in order.

use super::trouble::Trouble;
use search::{Vector, embed};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use store::Tx;
use store::memories::{self, Space};

/// The newest memories of a space whose meaning is known.
const MEMORIES_MAX: u32 = 5_000;
/// Vectors kept in all, of 132 bytes; the spaces that were searched longest ago make room.
const VECTORS_MAX: usize = 20_000;
/// Vectors made in one search, about a millisecond for each hundred; the next search makes more.
const FRESH_MAX: usize = 2_000;
/// Texts read at once, and the characters of each that count.
const READ_AT_ONCE: usize = 64;
const TEXT_LETTERS: u32 = 1_500;
/// Memories that one search finds by their meaning.
const NEAR_MAX: usize = 32;
/// From which cosine on a text is about the same: of unrelated texts, one pair in twenty is nearer.
const COSINE_MIN: f32 = 0.35;
/// How long an unchanged space is taken to have the same texts, in milliseconds: another process may have
/// put one in the place of one that is exactly as long.
const LOOKED_AT_MS: i64 = 60_000;
/// What the same meaning is worth, in thousandths as words are: a little more than a rare word.
const WORTH_MAX: f32 = 8_000.0;

/// The vectors of the spaces that were searched.
#[derive(Debug, Default)]
pub(crate) struct Meanings(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    spaces: HashMap<i64, (u64, Arc<Known>)>,
    searches: u64,
}

/// The vectors of one space at one moment.
#[derive(Debug, Default)]
struct Known {
    /// Memories, words and bytes of the space: which differ after nearly every change. None while some
    /// vectors are still to be made.
    at: Option<[i64; 3]>,
    /// When it was looked at last, in milliseconds since 1970.
    looked_at: i64,
    /// By id, with the version that it was made of.
    vectors: BTreeMap<i64, (i64, Vector)>,
}

/// A memory that is about what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Near {
    /// The memory.
    pub(crate) id: i64,
    /// What that is worth, in thousandths.
    pub(crate) worth: i64,
}

// === impl Meanings ===

impl Meanings {
    /// The memories of a space that are about `question`, the nearest first.
    pub(crate) async fn near(&self, tx: &mut Tx, space: &Space, question: &Vector) -> Result<Vec<Near>, Trouble> {
        let known = self.known(tx, space).await?;
        let cosines = known.vectors.iter().map(|(id, (_, vector))| (vector.cosine(question), *id));
        let mut near: Vec<(f32, i64)> = cosines.filter(|(cosine, _)| *cosine >= COSINE_MIN).collect();
        near.sort_by(|left, right| right.0.total_cmp(&left.0).then(right.1.cmp(&left.1)));
        near.truncate(NEAR_MAX);
        Ok(near.into_iter().map(|(cosine, id)| Near { id, worth: worth(cosine) }).collect())
    }

    /// The vectors of a space as it is now, but for what one search has no time for.
    async fn known(&self, tx: &mut Tx, space: &Space) -> Result<Arc<Known>, Trouble> {
        let now = [space.memories, space.words, space.bytes];
        let before = self.look(space.id);
        let now_ms = tx.now_ms();
        if before.at == Some(now) && now_ms - before.looked_at < LOOKED_AT_MS {
            return Ok(before);
        }
        let versions = memories::versions(tx, space.id, MEMORIES_MAX).await?;
        let mut vectors = BTreeMap::new();
        let mut missing = Vec::new();
        for (id, version) in versions {
            match before.vectors.get(&id).filter(|(of, _)| *of == version) {
                Some(kept) => drop(vectors.insert(id, kept.clone())),
                None => missing.push(id),
            }
        }
        let is_all = missing.len() <= FRESH_MAX;
        missing.truncate(FRESH_MAX);
        for ids in missing.chunks(READ_AT_ONCE) {
            for (id, version, text) in memories::beginnings(tx, ids, TEXT_LETTERS).await? {
                vectors.insert(id, (version, embed(&text)));
            }
        }
        let known = Arc::new(Known { at: is_all.then_some(now), looked_at: now_ms, vectors });
        self.keep(space.id, &known);
        Ok(known)
    }

    /// A text of a space was changed by this process.
    pub(crate) fn changed(&self, space: i64) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = kept.spaces.get_mut(&space) {
            *known = Arc::new(Known { at: None, looked_at: 0, vectors: known.vectors.clone() });
        }
    }

    fn look(&self, space: i64) -> Arc<Known> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.searches += 1;
        let searches = kept.searches;
        kept.spaces.get_mut(&space).map(|(used, known)| (*used = searches, Arc::clone(known)).1).unwrap_or_default()
    }

    fn keep(&self, space: i64, known: &Arc<Known>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let searches = kept.searches;
        kept.spaces.insert(space, (searches, Arc::clone(known)));
        while kept.spaces.len() > 1 && kept.vectors() > VECTORS_MAX {
            let oldest = kept.spaces.iter().filter(|(id, _)| **id != space).min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else { break };
            kept.spaces.remove(&oldest);
        }
    }
}

impl Kept {
    /// How many there are; a space without any still takes a place.
    fn vectors(&self) -> usize {
        self.spaces.values().map(|(_, known)| known.vectors.len().max(1)).sum()
    }
}

/// What a cosine is worth, from the first that counts on.
fn worth(cosine: f32) -> i64 {
    let share = ((cosine - COSINE_MIN) / (1.0 - COSINE_MIN)).clamp(0.0, 1.0);
    // At most WORTH_MAX: far inside an i64.
    ((WORTH_MAX * share).round() as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_is_worth_more_and_never_nothing() {
        assert!(worth(0.9) > worth(0.6) && worth(0.6) > worth(COSINE_MIN));
        assert_eq!(worth(COSINE_MIN), 1);
        assert_eq!(worth(1.0), 8_000);
    }

    #[test]
    fn the_space_that_was_searched_longest_ago_makes_room() {
        let meanings = Meanings::default();
        let half = || {
            let vectors = (0..6_000).map(|id| (id, (1, embed("")))).collect();
            Arc::new(Known { at: Some([0; 3]), looked_at: 0, vectors })
        };
        for space in 1..=3 {
            meanings.look(space);
            meanings.keep(space, &half());
        }
        assert!(meanings.look(1).at.is_some(), "18 000 are kept");
        meanings.look(4);
        meanings.keep(4, &half());
        assert!(meanings.look(2).at.is_none(), "it was not used since");
        assert!(meanings.look(1).at.is_some() && meanings.look(3).at.is_some() && meanings.look(4).at.is_some());
    }
}
