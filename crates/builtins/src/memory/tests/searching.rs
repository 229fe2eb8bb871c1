//! Searching: the order is BM25's, whatever the words look like.

use super::{on_each, texts};
use crate::memory::Options;
use crate::memory::content::Content;
use crate::memory::words;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::json;
use store::memories::score;

#[tokio::test]
async fn the_better_fit_comes_first() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        for text in [
            "Deploys run on Fridays, never on Mondays, and the pipeline takes ten minutes to finish",
            "Coffee: two sugars",
            "The database port is 5433",
            "The database of the staging system is reset on Mondays",
            "Crème brûlée is the favourite dessert",
            "東京に住んでいます",
        ] {
            me.save(text).await;
        }
        let table = [
            (
                "database port",
                vec!["The database port is 5433", "The database of the staging system is reset on Mondays"],
            ),
            ("CREME BRULEE", vec!["Crème brûlée is the favourite dessert"]),
            ("deploy", vec!["Deploys run on Fridays, never on Mondays, and the pipeline takes ten minutes to finish"]),
            ("sugar", vec!["Coffee: two sugars"]),
            ("pipel", vec!["Deploys run on Fridays, never on Mondays, and the pipeline takes ten minutes to finish"]),
            ("東京", vec!["東京に住んでいます"]),
            ("unheard", vec![]),
        ];
        for (query, expected) in table {
            let found = me.call("search_memories", json!({"query": query})).await;
            assert_eq!(texts(&found), expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_those_with_all_the_tags_are_found() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        for (text, tags) in [("a note", json!(["x", "y"])), ("b note", json!(["x"])), ("c note", json!([]))] {
            me.call("save_memory", json!({"text": text, "tags": tags})).await;
        }
        let find = async |tags| me.call("search_memories", json!({"query": "note", "tags": tags})).await;
        assert_eq!(texts(&find(json!(["X", "y"])).await), ["a note"]);
        assert_eq!(texts(&find(json!("[\"x\"]")).await), ["b note", "a note"], "as a string, and the newer first");
        let listed = me.call("get_all_memories", json!({"tags": ["y", "x"]})).await;
        assert_eq!(texts(&listed), ["a note"]);
    })
    .await;
}

#[tokio::test]
async fn a_long_text_is_shown_where_it_is_about_the_question() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        let id = me.save(&format!("{}the needle lies here {}", "hay ".repeat(300), "straw ".repeat(300))).await;
        let found = me.call("search_memories", json!({"query": "needle"})).await;
        let shown = &found["memories"][0];
        assert_eq!(shown["truncated"], true);
        let text = shown["text"].as_str().unwrap();
        assert!(text.contains("the needle lies here") && text.len() < 420, "{text}");
        assert!(me.call("get_memory", json!({"memory_id": id})).await["text"].as_str().unwrap().len() > 2_000);
    })
    .await;
}

/// BM25 over all texts, one after the other; with the same whole numbers as the store. Which of two
/// equals is first is not told.
fn naive(texts: &[String], query: &str) -> Vec<(i64, String)> {
    let counted: Vec<words::Counted> = texts.iter().map(|text| words::count([text.as_str()])).collect();
    let total = texts.len() as f64;
    let average = counted.iter().map(|one| i64::from(one.length)).sum::<i64>() / texts.len() as i64;
    let mut asked = words::count([query]).counts.into_keys().collect::<Vec<_>>();
    asked.sort();
    let mut ranked = Vec::new();
    for (index, one) in counted.iter().enumerate() {
        let mut sum = 0;
        for word in &asked {
            let with = counted.iter().filter(|other| other.counts.contains_key(word)).count() as f64;
            let weight = ((1.0 + (total - with + 0.5) / (with + 0.5)).ln() * 1000.0).round() as i64;
            if let Some(times) = one.counts.get(word) {
                sum += score(weight.max(1), i64::from(*times), i64::from(one.length), average);
            }
        }
        if sum > 0 {
            ranked.push((sum, index));
        }
    }
    ranked.sort_by(|left, right| right.cmp(left));
    ranked.into_iter().map(|(sum, index)| (sum, texts[index].clone())).collect()
}

#[tokio::test]
async fn the_order_is_that_of_bm25() {
    /// Collections that are searched, each somebody's own.
    const CASES: usize = 12;
    // Two letters: no word is the beginning of others.
    let words = |most: usize| proptest::collection::vec("[ab][ab]", 1..most).prop_map(|words| words.join(" "));
    let case = (proptest::collection::btree_set(words(12), 1..25), words(4));
    on_each(Options::default(), async |fixture| {
        let mut runner = TestRunner::default();
        for number in 0..CASES {
            let (texts, query) = case.new_tree(&mut runner).unwrap().current();
            let texts: Vec<String> = texts.into_iter().collect();
            let me = fixture.caller(&format!("case {number}"));
            for text in &texts {
                me.save(text).await;
            }
            let found = me.call("search_memories", json!({"query": query, "limit": 50})).await;
            let expected = naive(&texts, &query);
            let score = |text: &str| expected.iter().find(|(_, one)| one == text).map(|(score, _)| *score);
            let scores: Vec<Option<i64>> = super::texts(&found).into_iter().map(score).collect();
            let expected: Vec<Option<i64>> = expected.iter().map(|(score, _)| Some(*score)).collect();
            assert_eq!(scores, expected, "{query:?} in {texts:?}");
        }
    })
    .await;
}

#[test]
fn a_memory_is_indexed_under_its_length_in_words() {
    let index = Content { text: "one two two".into(), ..Content::default() }.index();
    assert_eq!(index.words, 3);
}
