//! What a question looks for, and what each of its words is worth: BM25, planned so that the number
//! of rows looked at is bounded.
//!
//! The database adds up the scores (`store::memories::rank`); here is decided which words lead it
//! to memories and which only refine their order. It deliberately knows no tables.

use super::words;
use std::collections::BTreeSet;
use store::memories::Term;

/// Different words of a question that count; more say no more about it.
pub(crate) const QUERY_WORDS_MAX: usize = 32;
/// Words that stand for an unfinished one.
pub(crate) const COMPLETIONS_MAX: usize = 16;
/// From how many bytes on a word may be an unfinished one.
const UNFINISHED_BYTES_MIN: usize = 3;
/// What a word that only begins like the one asked for is worth, per mille.
const COMPLETED_SHARE: u32 = 500;
const WHOLE_SHARE: u32 = 1_000;
/// Rows of words that lead to memories in one search, about a millisecond for each thousand.
const ROWS_MAX: u64 = 12_000;
/// From how many memories on a word is merely called frequent, and counted in a sample only.
pub(crate) const FREQUENT: u64 = 4_096;
/// The sample: so many of the newest memories.
pub(crate) const SAMPLE: u32 = 2_000;
/// Where all words are frequent, so many of them lead, each to its newest memories.
const FREQUENT_LEADING_MAX: usize = 4;

/// A question, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Different, in the order asked.
    pub(crate) words: Vec<String>,
}

/// A word that some memories have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) word: String,
    /// How many memories have it; above [`FREQUENT`] an estimate.
    pub(crate) memories: u64,
    /// Whether it is the very word asked for.
    pub(crate) whole: bool,
}

/// Which words do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Memories with one of them are looked at.
    pub(crate) leading: Vec<Term>,
    /// They add to the score of the best of these.
    pub(crate) refining: Vec<Term>,
}

// === impl Question ===

impl Question {
    /// The words of `query`; nothing when it has none.
    pub(crate) fn of(query: &str) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let words = words::words(query).into_iter().map(|word| word.folded);
        let words: Vec<String> = words.filter(|word| seen.insert(word.clone())).take(QUERY_WORDS_MAX).collect();
        (!words.is_empty()).then_some(Self { words })
    }

    /// Whether the word at `index` may be the beginning of others: nobody has it as it is, or it is
    /// the last one and may still be typed.
    pub(crate) fn is_unfinished(&self, index: usize, memories: u64) -> bool {
        let long = self.words.get(index).is_some_and(|word| word.len() >= UNFINISHED_BYTES_MIN);
        long && (memories == 0 || index + 1 == self.words.len())
    }
}

// === impl Plan ===

impl Plan {
    /// Shares the work: `total` memories are there. The rarest words lead to all their memories, as
    /// long as these are few enough; where there are none such, several frequent ones lead to their
    /// newest. What leads nowhere refines.
    pub(crate) fn new(total: u64, mut known: Vec<Known>) -> Self {
        known.sort_by(|left, right| left.memories.cmp(&right.memories).then(left.word.cmp(&right.word)));
        known.dedup_by(|later, earlier| {
            let same = later.word == earlier.word;
            earlier.whole |= same && later.whole;
            same
        });
        let (rare, frequent): (Vec<Known>, Vec<Known>) = known.into_iter().partition(|one| one.memories < FREQUENT);
        let mut plan = Self::default();
        let mut rows = 0;
        for one in &rare {
            rows += one.memories;
            let lead = if rows <= ROWS_MAX { &mut plan.leading } else { &mut plan.refining };
            lead.push(term(total, one, FREQUENT));
        }
        let leading = if rare.is_empty() { frequent.len().min(FREQUENT_LEADING_MAX) } else { 0 };
        let rows_max = ROWS_MAX / u64::try_from(leading.max(1)).unwrap_or(1);
        for (index, one) in frequent.iter().enumerate() {
            let lead = if index < leading { &mut plan.leading } else { &mut plan.refining };
            lead.push(term(total, one, rows_max));
        }
        plan
    }
}

fn term(total: u64, known: &Known, rows_max: u64) -> Term {
    Term {
        weight: weight(total, known),
        word: known.word.clone().into_bytes(),
        rows_max: u32::try_from(rows_max).unwrap_or(u32::MAX),
    }
}

/// How much finding a word says, in thousandths: the rarer the more (BM25's inverse document
/// frequency, never negative).
fn weight(total: u64, known: &Known) -> i64 {
    let (total, with) = (total.max(known.memories) as f64, known.memories as f64);
    let rarity = (1.0 + (total - with + 0.5) / (with + 0.5)).ln();
    let share = if known.whole { WHOLE_SHARE } else { COMPLETED_SHARE };
    // At most ln(2^64) * 1000: far inside an i64.
    ((rarity * f64::from(share)).round() as i64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(word: &str, memories: u64) -> Known {
        Known { word: word.into(), memories, whole: true }
    }

    #[test]
    fn a_question_is_its_different_words() {
        assert_eq!(Question::of("The tool, THE tools").unwrap().words, ["the", "tool"]);
        assert_eq!(Question::of(" ?! "), None);
        let long: Vec<String> = (0..100).map(|number| format!("w{number}")).collect();
        assert_eq!(Question::of(&long.join(" ")).unwrap().words.len(), QUERY_WORDS_MAX);
    }

    #[test]
    fn the_last_word_and_unknown_ones_may_be_unfinished() {
        let question = Question::of("deploy pyth ab").unwrap();
        assert!(!question.is_unfinished(0, 3));
        assert!(question.is_unfinished(1, 0));
        assert!(!question.is_unfinished(2, 0), "two letters begin too much");
        assert!(Question::of("deploy").unwrap().is_unfinished(0, 3));
    }

    #[test]
    fn rare_words_weigh_more_and_lead() {
        let plan = Plan::new(100_000, vec![known("the", FREQUENT - 1), known("zebra", 2), known("port", 500)]);
        let words: Vec<_> = plan.leading.iter().map(|term| term.word.as_slice()).collect();
        assert_eq!(words, [b"zebra".as_slice(), b"port", b"the"]);
        assert!(plan.leading.windows(2).all(|pair| pair[0].weight > pair[1].weight));
    }

    #[test]
    fn the_rows_of_one_question_are_bounded() {
        let rare: Vec<Known> = (0..10).map(|number| known(&format!("w{number}"), FREQUENT - 1)).collect();
        let plan = Plan::new(1_000_000, rare);
        assert_eq!((plan.leading.len(), plan.refining.len()), (2, 8));
        let frequent: Vec<Known> = (0..10).map(|number| known(&format!("w{number}"), 500_000)).collect();
        let plan = Plan::new(1_000_000, frequent);
        assert_eq!((plan.leading.len(), plan.refining.len()), (4, 6));
        let rows: u64 = plan.leading.iter().map(|term| u64::from(term.rows_max)).sum();
        assert!(rows <= ROWS_MAX);
    }

    #[test]
    fn beside_a_rare_word_frequent_ones_only_refine() {
        let plan = Plan::new(100_000, vec![known("the", 90_000), known("zebra", 2)]);
        assert_eq!((plan.leading.len(), plan.refining.len()), (1, 1));
        assert!(plan.refining[0].weight < plan.leading[0].weight / 20);
    }

    #[test]
    fn a_completion_is_worth_less_than_the_word_itself() {
        let whole = weight(1_000, &known("tool", 3));
        let begun = weight(1_000, &Known { whole: false, ..known("toolbox", 3) });
        assert!(begun < whole && begun > 0);
        assert_eq!(weight(0, &known("odd", 5)).signum(), 1);
    }
}
