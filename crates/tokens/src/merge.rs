//! How many tokens one piece is: neighbours are merged, always the pair of the lowest rank, the leftmost
//! of equals, until no pair is a token. It deliberately gives no token ids.
//!
//! A heap of candidates, so that a word of a hundred kilobytes takes a hundred kilobytes' time and not
//! its square.

use crate::vocabulary::{TOKEN_BYTES_MAX, rank};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No such place.
const NONE: u32 = u32::MAX;
/// The most bytes that are merged at once: places are 32 bits. A piece beyond is counted in parts.
const BYTES_MAX: usize = 1 << 30;

/// Merges pieces; reused, so that most pieces cost no memory.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    parts: Vec<Part>,
    /// Rank and start of the left half, of every pair that was ever a token.
    pairs: BinaryHeap<Reverse<(u32, u32)>>,
}

/// A part that begins at its index; one that was merged into another has `end` 0.
#[derive(Debug, Clone, Copy)]
struct Part {
    end: u32,
    /// Where the part before begins.
    before: u32,
    /// The rank of this part and the next together.
    pair: u32,
}

impl Merger {
    /// How many tokens `piece` is.
    pub(crate) fn count(&mut self, piece: &[u8]) -> usize {
        if piece.len() <= 1 || rank(piece).is_some() {
            return piece.len().min(1);
        }
        piece.chunks(BYTES_MAX).map(|piece| self.merge(piece)).sum()
    }

    /// Where the first `count` tokens of `piece` end, in bytes.
    pub(crate) fn end_of(&mut self, piece: &[u8], count: usize) -> usize {
        let piece = piece.get(..BYTES_MAX).unwrap_or(piece);
        if count == 0 || self.count(piece) <= count {
            return if count == 0 { 0 } else { piece.len() };
        }
        (0..count).fold(0, |end, _| self.parts.get(end).map_or(end, |part| part.end as usize))
    }

    /// Merges what is one piece of at most [`BYTES_MAX`] and no token itself; says how many parts are left.
    fn merge(&mut self, piece: &[u8]) -> usize {
        self.pairs.clear();
        self.parts.clear();
        self.parts.extend((0..piece.len() as u32).map(|at| Part {
            end: at + 1,
            before: at.wrapping_sub(1),
            pair: NONE,
        }));
        for start in 0..piece.len() as u32 {
            self.look(piece, start);
        }
        let mut left = piece.len();
        while let Some(Reverse((rank, start))) = self.pairs.pop() {
            let Some(part) = self.parts.get(start as usize).copied().filter(|part| part.end > 0 && part.pair == rank)
            else {
                continue;
            };
            let Some(next) = self.parts.get_mut(part.end as usize) else { continue };
            let end = std::mem::take(&mut next.end);
            left -= 1;
            if let Some(after) = self.parts.get_mut(end as usize) {
                after.before = start;
            }
            if let Some(part) = self.parts.get_mut(start as usize) {
                part.end = end;
            }
            self.look(piece, start);
            if part.before != NONE {
                self.look(piece, part.before);
            }
        }
        left
    }

    /// Finds the rank of the part at `start` and the next together.
    fn look(&mut self, piece: &[u8], start: u32) {
        let end = self.parts.get(start as usize).map_or(NONE, |part| part.end);
        let pair_end = self.parts.get(end as usize).map_or(0, |next| next.end as usize);
        let found = piece.get(start as usize..pair_end).filter(|pair| pair.len() <= TOKEN_BYTES_MAX).and_then(rank);
        if let Some(part) = self.parts.get_mut(start as usize) {
            part.pair = found.unwrap_or(NONE);
        }
        if let Some(rank) = found {
            self.pairs.push(Reverse((rank, start)));
        }
    }
}
