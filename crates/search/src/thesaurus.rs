//! Words that say the same: "PR" and "pull request". They widen a question, never a description.
//!
//! The rules are `model/thesaurus.txt`, compiled in and read at the first question.

use crate::words::{Stems, Term, is_stop, words};
use std::collections::HashMap;
use std::sync::OnceLock;

/// How many words a question gains at most.
const ADDED_MAX: usize = 24;

static RULES: &str = include_str!("../model/thesaurus.txt");

#[derive(Default)]
struct Thesaurus {
    /// What the words of a phrase add.
    added: HashMap<Vec<Term>, Vec<String>>,
    /// Words of the longest phrase.
    longest: usize,
}

/// The words that `text` gains: none that it has, each once.
pub(crate) fn added(text: &str, stems: &mut Stems) -> Vec<(Term, String)> {
    static THESAURUS: OnceLock<Thesaurus> = OnceLock::new();
    THESAURUS.get_or_init(|| Thesaurus::read(RULES)).added(text, stems)
}

impl Thesaurus {
    fn read(rules: &str) -> Self {
        let mut stems = Stems::new();
        let mut thesaurus = Self::default();
        for rule in rules.lines().map(str::trim).filter(|rule| !rule.is_empty() && !rule.starts_with('#')) {
            let (from, to) = rule.split_once('>').unwrap_or((rule, ""));
            let from: Vec<&str> = from.split(',').map(str::trim).collect();
            let to: Vec<&str> = to.split(',').map(str::trim).filter(|phrase| !phrase.is_empty()).collect();
            for phrase in &from {
                let others = from.iter().filter(|other| to.is_empty() && *other != phrase).chain(&to);
                thesaurus.add(phrase, others.copied(), &mut stems);
            }
        }
        thesaurus
    }

    fn add<'a>(&mut self, phrase: &str, says: impl Iterator<Item = &'a str>, stems: &mut Stems) {
        let mut key = Vec::new();
        let mut only_stop = true;
        words(phrase, &mut |word| {
            key.push(stems.term(word));
            only_stop &= is_stop(word);
        });
        if key.is_empty() || (key.len() == 1 && only_stop) {
            return;
        }
        self.longest = self.longest.max(key.len());
        let added = self.added.entry(key).or_default();
        for phrase in says {
            words(phrase, &mut |word| {
                if !is_stop(word) && !added.iter().any(|known| known == word) {
                    added.push(word.to_owned());
                }
            });
        }
    }

    fn added(&self, text: &str, stems: &mut Stems) -> Vec<(Term, String)> {
        let mut terms = Vec::new();
        words(text, &mut |word| terms.push(stems.term(word)));
        let mut found: Vec<(Term, String)> = Vec::new();
        let mut at = 0;
        while at < terms.len() && found.len() < ADDED_MAX {
            let longest = self.longest.min(terms.len() - at);
            let hit = (1..=longest).rev().find_map(|length| Some((length, self.added.get(&terms[at..at + length])?)));
            for word in hit.iter().flat_map(|(_, words)| words.iter()) {
                let term = stems.term(word);
                if !terms.contains(&term) && !found.iter().any(|(known, _)| *known == term) {
                    found.push((term, word.clone()));
                }
            }
            at += hit.map_or(1, |(length, _)| length);
        }
        found.truncate(ADDED_MAX);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gained(rules: &str, text: &str) -> Vec<String> {
        let found = Thesaurus::read(rules).added(text, &mut Stems::new());
        found.into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn the_same_adds_each_other_and_an_arrow_adds_one_way() {
        let rules = "# a comment\npr, pull request\nkube > kubernetes, cluster\n";
        assert_eq!(gained(rules, "Review my PRs"), ["pull", "request"]);
        assert_eq!(gained(rules, "two pull requests"), ["pr"]);
        assert_eq!(gained(rules, "kube pods"), ["kubernetes", "cluster"]);
        assert_eq!(gained(rules, "kubernetes"), Vec::<String>::new());
    }

    #[test]
    fn the_longest_phrase_wins_and_what_is_there_is_not_added() {
        let rules = "env, environment\nenv var, environment variable, setting";
        assert_eq!(gained(rules, "the env var"), ["environment", "variable", "setting"]);
        assert_eq!(gained(rules, "env environment"), Vec::<String>::new());
    }

    #[test]
    fn the_compiled_rules_are_read() {
        let words: Vec<String> = added("open a PR", &mut Stems::new()).into_iter().map(|(_, word)| word).collect();
        assert!(words.contains(&"pull".to_owned()), "{words:?}");
    }
}
