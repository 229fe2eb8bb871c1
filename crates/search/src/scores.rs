//! What each tool scores for a text: words (BM25F) and meaning (products of vectors), in one number.
//!
//! It deliberately knows nothing outside of texts: no names written out, no rules, no uses.

use crate::entry::{K1, Narrow, Row, row};
use crate::index::Index;
use crate::table::{self, DIM};
use crate::thesaurus;
use crate::vector::{Wide, dot, widened};
use crate::words::{Stems, Term};

/// How much words and meaning count. Fitted on sets other than the one that judged.
const WORDS_SHARE: f32 = 0.14;
const MEANING_SHARE: f32 = 0.86;

/// How much a word of the thesaurus counts beside one that was written, as a word and in meaning.
const ADDED_WORD: f32 = 0.3;
const ADDED_MEANING: f32 = 0.2;

/// A text (or a step of one) as the index compares it.
pub(crate) struct Gist {
    /// Each with the word it comes from and how much it tells.
    pub(crate) terms: Vec<Asked>,
    /// Its meaning, without and (as a row) with what the thesaurus adds.
    pub(crate) meaning: [f32; DIM],
    row: Row,
}

/// A word of a text.
pub(crate) struct Asked {
    pub(crate) term: Term,
    pub(crate) word: String,
    /// Its inverse document frequency, less when the thesaurus added it.
    pub(crate) tells: f32,
}

/// What each slot scores for a gist.
#[derive(Default)]
pub(crate) struct Scores {
    /// BM25F.
    pub(crate) words: Vec<f32>,
    /// Product of vectors.
    pub(crate) meaning: Vec<f32>,
    pub(crate) fused: Vec<f32>,
}

impl Gist {
    pub(crate) fn of(text: &str, index: &Index, stems: &mut Stems) -> Self {
        let mut terms: Vec<Asked> = Vec::new();
        stems.terms(text, |term, word| {
            if !terms.iter().any(|known| known.term == term) {
                terms.push(Asked { term, word: word.to_owned(), tells: index.idf(term) });
            }
        });
        let meaning = table::embed(text);
        let mut values = meaning;
        let added = thesaurus::added(text, stems);
        if !added.is_empty() {
            let words: Vec<&str> = added.iter().map(|(_, word)| word.as_str()).collect();
            let more = table::embed(&words.join(" "));
            values.iter_mut().zip(more).for_each(|(value, more)| *value += ADDED_MEANING * more);
            let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
            values.iter_mut().for_each(|value| *value /= length);
        }
        let more = added.into_iter().map(|(term, word)| Asked { term, word, tells: ADDED_WORD * index.idf(term) });
        terms.extend(more);
        Self { terms, meaning, row: row(&values) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.row.1 <= 0.0
    }

    /// How near a tool's own text is, -1 to 1.
    pub(crate) fn cosine(&self, (told, step): &Narrow) -> f32 {
        self.nearness(&widened(told), *step).clamp(-1.0, 1.0)
    }

    fn nearness(&self, row: &Wide, step: f32) -> f32 {
        dot(&self.row.0, row) as f32 * self.row.1 * step
    }
}

impl Index {
    /// The scores of all slots for each gist. The vectors are read once for all, since reading them
    /// takes longer than multiplying them.
    pub(crate) fn scores<'a>(&self, gists: impl Iterator<Item = &'a Gist> + Clone) -> Vec<Scores> {
        let mut meanings: Vec<Vec<f32>> = gists.clone().map(|_| Vec::with_capacity(self.slots())).collect();
        for block in &self.blocks {
            for (gist, meaning) in gists.clone().zip(&mut meanings) {
                meaning.extend(block.rows.iter().zip(&block.steps).map(|(row, step)| gist.nearness(row, *step)));
            }
        }
        let scored = gists.zip(meanings).map(|(gist, meaning)| {
            let words = self.words(gist);
            let fused = fuse(&words, &meaning);
            Scores { words, meaning, fused }
        });
        scored.collect()
    }

    /// BM25F of all slots.
    fn words(&self, gist: &Gist) -> Vec<f32> {
        let mut words = vec![0.0_f32; self.slots()];
        for asked in &gist.terms {
            let unit = asked.tells * (K1 + 1.0) / 255.0;
            for posting in self.postings.of(asked.term) {
                if let Some(score) = words.get_mut(posting.slot()) {
                    *score += unit * f32::from(posting.weight());
                }
            }
        }
        words
    }

    /// How much a term tells: the fewer tools have it, the more.
    pub(crate) fn idf(&self, term: Term) -> f32 {
        let (all, having) = (self.len() as f32, self.postings.of(term).len() as f32);
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    }
}

/// One score out of words and meaning, each scaled to the range it has among all tools. A tool without
/// any known word has no meaning, and an empty slot has neither.
fn fuse(words: &[f32], meaning: &[f32]) -> Vec<f32> {
    let most = words.iter().fold(0.0_f32, |most, score| most.max(*score)).max(1e-9);
    let range = |(low, high): (f32, f32), score: &f32| (low.min(*score), high.max(*score));
    let (low, high) = meaning.iter().fold((0.0, 0.0), range);
    let (of_word, of_meaning) = (WORDS_SHARE / most, MEANING_SHARE / (high - low).max(1e-9));
    let fused = words.iter().zip(meaning);
    let scaled = |near: f32| if near == 0.0 { 0.0 } else { of_meaning * (near - low) };
    fused.map(|(word, near)| of_word * word + scaled(*near)).collect()
}
