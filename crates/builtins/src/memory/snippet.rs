//! The part of a long text that is about the question. Cuts only; marks nothing.

use super::words;
use std::collections::BTreeSet;
use std::ops::Range;

/// What is put where text was left out.
const CUT: &str = "…";

/// The stretch of `text` of at most about `bytes_max` bytes in which most of `wanted` (folded
/// words) stand; nothing when the whole text is short enough. Cut between words.
pub(crate) fn snippet(text: &str, wanted: &BTreeSet<String>, bytes_max: usize) -> Option<String> {
    if text.len() <= bytes_max {
        return None;
    }
    let found: Vec<(String, Range<usize>)> = words::words(text)
        .into_iter()
        .filter(|word| is_wanted(&word.folded, wanted))
        .map(|word| (word.folded, word.place))
        .collect();
    let center = best(&found, bytes_max).unwrap_or(0..0);
    let spare = bytes_max.saturating_sub(center.len());
    let start = center.start.saturating_sub(spare / 2);
    let end = (start + bytes_max).min(text.len());
    let start = end.saturating_sub(bytes_max);
    Some(cut(text, start..end))
}

fn is_wanted(word: &str, wanted: &BTreeSet<String>) -> bool {
    wanted.iter().any(|wanted| word == wanted || (wanted.len() > 2 && word.starts_with(wanted.as_str())))
}

/// The narrowest stretch of at most `bytes_max` bytes with the most different words.
fn best(found: &[(String, Range<usize>)], bytes_max: usize) -> Option<Range<usize>> {
    let mut best: Option<(usize, Range<usize>)> = None;
    for (index, (_, first)) in found.iter().enumerate() {
        let within = found.iter().skip(index).take_while(|(_, place)| place.end - first.start <= bytes_max);
        let mut different = BTreeSet::new();
        let mut end = first.end;
        for (word, place) in within {
            if different.insert(word) {
                end = place.end;
            }
        }
        let better = best.as_ref().is_none_or(|(count, stretch)| {
            different.len() > *count || (different.len() == *count && end - first.start < stretch.len())
        });
        if better && !different.is_empty() {
            best = Some((different.len(), first.start..end));
        }
    }
    best.map(|(_, stretch)| stretch)
}

/// `text[range]` from the first to the last blank within, with a mark on each side that was cut.
fn cut(text: &str, range: Range<usize>) -> String {
    let start = (range.start..range.end).find(|at| text.is_char_boundary(*at)).unwrap_or(range.end);
    let end = (start..=range.end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start);
    let inner = text.get(start..end).unwrap_or_default();
    let mut shown = inner;
    if start > 0
        && let Some((_, rest)) = inner.split_once(char::is_whitespace)
    {
        shown = rest;
    }
    if end < text.len()
        && let Some((rest, _)) = shown.rsplit_once(char::is_whitespace)
    {
        shown = rest;
    }
    let shown = if shown.trim().is_empty() { inner } else { shown };
    let before = if start > 0 { CUT } else { "" };
    let after = if end < text.len() { CUT } else { "" };
    format!("{before}{}{after}", shown.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        assert_eq!(snippet("I prefer Python", &wanted(&["python"]), 40), None);
    }

    #[test]
    fn the_stretch_with_most_of_the_words_is_shown() {
        let text = format!("{}the port of the database is 5433 today {}", "python ".repeat(40), "filler ".repeat(60));
        let shown = snippet(&text, &wanted(&["database", "port", "python"]), 60).unwrap();
        assert!(shown.contains("python the port of the database"), "{shown}");
        assert!(shown.starts_with(CUT) && shown.ends_with(CUT));
    }

    #[test]
    fn without_a_word_it_is_the_beginning() {
        let shown = snippet(&"one two three ".repeat(20), &wanted(&["absent"]), 30).unwrap();
        assert!(shown.starts_with("one two"), "{shown}");
    }

    proptest! {
        #[test]
        fn it_is_never_much_longer_than_asked(text in ".{0,300}", word in "[a-z]{1,3}", bytes_max in 8_usize..80) {
            if let Some(shown) = snippet(&text, &wanted(&[&word]), bytes_max) {
                prop_assert!(shown.len() <= bytes_max + 2 * CUT.len());
            }
        }
    }
}
