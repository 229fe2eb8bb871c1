//! Searching texts that are no tools: memories, goals, call records.
//!
//! Words (BM25) and meaning (the table), fused as for tools. It is for some thousand texts that are
//! read at once; it deliberately keeps none of them.

use crate::entry::{Row, row};
use crate::table;
use crate::vector::{TEXT_BYTES_MAX, dot, head};
use crate::words::{Stems, Term};
use std::collections::HashMap;

/// How much words count beside meaning. Texts of a person share names and numbers that the table
/// does not know, so words count more than for tools.
const WORDS_SHARE: f32 = 0.5;

/// Saturation and influence of length, as usual for BM25.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// A text without a common word must be at least this near to be an answer.
const MEANING_MIN: f32 = 0.25;

/// Texts to search in.
#[derive(Debug, Default)]
pub struct Texts {
    ids: Vec<String>,
    rows: Vec<Row>,
    lengths: Vec<f32>,
    postings: HashMap<Term, Vec<(u32, f32)>>,
}

impl Texts {
    /// Reads the texts, each with an id that is unique.
    #[must_use]
    pub fn build<'a>(texts: impl IntoIterator<Item = (String, &'a str)>) -> Self {
        let mut stems = Stems::new();
        let mut built = Self::default();
        for (at, (id, text)) in texts.into_iter().enumerate() {
            let text = head(text, TEXT_BYTES_MAX);
            let mut counts: HashMap<Term, f32> = HashMap::new();
            let mut length = 0.0;
            stems.terms(text, |term, _| {
                *counts.entry(term).or_default() += 1.0;
                length += 1.0;
            });
            for (term, count) in counts {
                built.postings.entry(term).or_default().push((at as u32, count));
            }
            built.ids.push(id);
            built.lengths.push(length);
            built.rows.push(row(&table::embed(text)));
        }
        built
    }

    /// The texts that fit, best first, by id, with how well (0 to 1); those that do not are left out.
    #[must_use]
    pub fn search(&self, text: &str, limit: usize) -> Vec<(String, f32)> {
        let text = head(text, TEXT_BYTES_MAX);
        let words = self.words(text);
        let most = words.iter().fold(0.0_f32, |most, score| most.max(*score)).max(1e-9);
        let (wide, step) = row(&table::embed(text));
        let near = |(row, own): &Row| dot(&wide, row) as f32 * step * own;
        let scored = self.rows.iter().zip(&words).enumerate().filter_map(|(at, (row, word))| {
            let near = near(row).clamp(0.0, 1.0);
            let fits = *word > 0.0 || near >= MEANING_MIN;
            fits.then_some((at, WORDS_SHARE * word / most + (1.0 - WORDS_SHARE) * near))
        });
        let mut scored: Vec<(usize, f32)> = scored.collect();
        scored.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| self.ids[one.0].cmp(&self.ids[other.0])));
        scored.into_iter().take(limit).map(|(at, score)| (self.ids[at].clone(), score)).collect()
    }

    /// How many texts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn words(&self, text: &str) -> Vec<f32> {
        let mut scores = vec![0.0; self.ids.len()];
        let all = self.ids.len() as f32;
        let mean = (self.lengths.iter().sum::<f32>() / all.max(1.0)).max(1.0);
        let mut terms: Vec<Term> = Vec::new();
        Stems::new().terms(text, |term, _| terms.push(term));
        terms.sort_unstable();
        terms.dedup();
        for list in terms.iter().filter_map(|term| self.postings.get(term)) {
            let having = list.len() as f32;
            let idf = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
            for (at, count) in list {
                let at = *at as usize;
                let norm = K1 * (1.0 - B + B * self.lengths[at] / mean);
                scores[at] += idf * count * (K1 + 1.0) / (count + norm);
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memories() -> Texts {
        let texts = [
            ("tea", "Alice drinks green tea in the morning"),
            ("deploy", "The production cluster is deployed with Terraform on Fridays"),
            ("flat", "The landlord's phone number is 0151 2345"),
            ("dog", "My dog Rex is allergic to chicken"),
        ];
        Texts::build(texts.map(|(id, text)| (id.to_owned(), text)))
    }

    fn first(text: &str) -> Option<String> {
        memories().search(text, 1).pop().map(|(id, _)| id)
    }

    #[test]
    fn words_and_meaning_both_find() {
        assert_eq!(first("Terraform").as_deref(), Some("deploy"));
        assert_eq!(first("0151").as_deref(), Some("flat"));
        assert_eq!(first("what pet food must be avoided for the puppy").as_deref(), Some("dog"));
        assert_eq!(first("favourite hot beverage").as_deref(), Some("tea"));
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_scores_stay_in_range() {
        assert_eq!(memories().search("zzzz", 10), []);
        assert_eq!(Texts::default().search("tea", 10), []);
        let found = memories().search("Alice drinks green tea in the morning", 10);
        assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)) && found[0].1 > 0.9, "{found:?}");
        assert_eq!(memories().search("the dog and the tea", 1).len(), 1);
    }
}
