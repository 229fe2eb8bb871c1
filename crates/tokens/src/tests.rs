//! Counts are those of `tiktoken-rs`, an independent implementation of the same vocabulary.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

fn theirs(text: &str) -> usize {
    tiktoken_rs::o200k_base_singleton().encode_ordinary(text).len()
}

fn check(text: &str) {
    assert_eq!(count(text), theirs(text), "{text:?}");
}

/// Characters that the pattern distinguishes, in the proportions that make its corners.
fn corners() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just(' '),
        Just(' '),
        Just('\t'),
        Just('\n'),
        Just('\r'),
        Just('\''),
        Just('/'),
        Just('"'),
        Just('{'),
        Just('s'),
        Just('S'),
        Just('t'),
        Just('r'),
        Just('e'),
        Just('l'),
        Just('L'),
        Just('ſ'),
        Just('d'),
        Just('A'),
        Just('Ǆ'),
        Just('ǅ'),
        Just('ʰ'),
        Just('字'),
        Just('\u{301}'),
        Just('\u{200d}'),
        Just('1'),
        Just('٣'),
        Just('Ⅷ'),
        Just('\u{a0}'),
        Just('\u{2028}'),
        Just('\u{85}'),
        Just('😀'),
        Just('🏽'),
        Just('é'),
        Just('\0'),
    ];
    prop::collection::vec(character, 0..60).prop_map(|characters| characters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn counts_are_those_of_tiktoken(text in prop_oneof![any::<String>(), corners(), "[a-zA-Z ]{0,200}", r"\PC{0,80}"]) {
        prop_assert_eq!(count(&text), theirs(&text));
    }

    #[test]
    fn what_is_cut_fits_and_is_as_much_as_a_reader_would_take(text in prop_oneof![any::<String>(), corners(), "[a-zA-Z.\n ]{0,300}"], max in 0_usize..80) {
        let end = cut(&text, max);
        prop_assert!(text.is_char_boundary(end));
        prop_assert!(count(&text[..end]) <= max);
        prop_assert_eq!(fits(&text, max), count(&text) <= max);
        prop_assert_eq!(count_within(&text, max), Some(count(&text)).filter(|&tokens| tokens <= max));
        prop_assert_eq!(end == text.len(), count(&text) <= max);
        // Five tokens are enough for any character that there is, so something is always kept.
        prop_assert!(max < 5 || end > 0 || text.is_empty());
    }
}

#[test]
fn json_code_and_prose_are_counted_as_tiktoken_does() {
    check("");
    check("Hello, world! It's 2026, and they'll pay 1234567 €.\r\n\r\n\tDone.   ");
    check(include_str!("tests.rs"));
    check(include_str!("../../../README.md"));
    let schema = serde_json::json!({"name": "create_issue", "inputSchema": {"type": "object", "properties": {
        "owner": {"type": "string", "description": "Repository owner (username or organisation)"}}}});
    check(&schema.to_string());
    check(&serde_json::to_string_pretty(&schema).unwrap());
}

#[test]
fn one_long_word_takes_time_by_its_length_and_not_its_square() {
    for word in ["a", "ab", "字", "\u{301}", "!", " ", "\n", "é1"] {
        let text = word.repeat(100_000 / word.len());
        let from = Instant::now();
        let counted = count(&text);
        // A square would be minutes; the machine may be busy, and this is no benchmark.
        assert!(from.elapsed().as_secs() < 20, "{word:?} took {:?}", from.elapsed());
        assert_eq!(counted, theirs(&text), "{word:?}");
        let end = cut(&text, 100);
        assert!(count(&text[..end]) <= 100 && end >= 99, "{word:?}: {end}");
    }
}

#[test]
fn a_cut_is_after_a_line_a_sentence_or_a_word() {
    let check = |text: &str, max: usize, kept: &str| assert_eq!(&text[..cut(text, max)], kept, "{text:?}");
    check("one two three", 100, "one two three");
    check("one two three", 2, "one two");
    check("one two. three four five", 4, "one two. three");
    check("one two three four five.\nsix seven eight", 7, "one two three four five.\n");
    check("one two three four five six. seven eight", 8, "one two three four five six.");
    check("one two (three)", 3, "one two");
    check("one", 0, "");
    check("字字字", 1, "字");
}

#[test]
fn an_estimate_is_never_nothing_for_something() {
    assert_eq!((estimate(0), estimate(1), estimate(390)), (0, 1, 100));
    assert!(estimate(usize::MAX) > 0);
}

/// Definitions of tools of public servers and benchmarks, with queries beside them.
const REAL: &str = "/work/shared/routing/data";

#[test]
fn another_vocabulary_differs_by_percents_over_real_definitions() {
    let other = tiktoken_rs::cl100k_base_singleton();
    let mut read = false;
    for set in ["mcp-registry", "mcpproxy-golden", "metatool", "sealtools", "toolbench"] {
        let Ok(text) = std::fs::read_to_string(format!("{REAL}/{set}/tools.jsonl")) else { continue };
        read = true;
        // Exact for each of the first definitions, and that is how much time a test may take.
        let lines: Vec<&str> = text.lines().take(400).collect();
        lines.iter().for_each(|line| check(line));
        let (ours, others, bytes) = lines.iter().fold((0, 0, 0), |(ours, others, bytes), line| {
            (ours + count(line), others + other.encode_ordinary(line).len(), bytes + line.len())
        });
        let ratio = others as f64 / ours as f64;
        let ours_100 = bytes * 100 / ours.max(1);
        println!(
            "{set}: {} definitions, o200k {ours}, cl100k {others} ({ratio:.3}), {ours_100} bytes of 100 tokens",
            lines.len()
        );
        assert!((0.85..1.25).contains(&ratio), "{set}: {ratio}");
    }
    if !read {
        println!("skipped: {REAL} is not here");
    }
}
