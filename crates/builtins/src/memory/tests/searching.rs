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
async fn other_words_find_the_same_thing() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        let texts_saved = [
            "The invoice must be paid before the end of the month",
            "My daughter goes to school in Hamburg",
            "Deploys run on Fridays",
            "The train leaves from platform nine",
            "Backups of the database are written every night",
        ];
        for text in texts_saved {
            me.save(text).await;
        }
        for (query, expected) in [("payment deadline bill", texts_saved[0]), ("railway station", texts_saved[3])] {
            let found = me.call("search_memories", json!({"query": query, "limit": 1})).await;
            assert_eq!(texts(&found), [expected], "{query}");
        }
        let found = fixture.caller("bob").call("search_memories", json!({"query": "railway station"})).await;
        assert!(texts(&found).is_empty(), "they are alice's");
        // What was changed is found by what it says now, and what is gone is not found.
        let found = me.call("search_memories", json!({"query": "railway station", "limit": 1})).await;
        let id = found["memories"][0]["id"].as_str().unwrap().to_owned();
        let bill = "The electricity bill came on Monday";
        me.call("update_memory", json!({"memory_id": id, "text": bill})).await;
        let found = me.call("search_memories", json!({"query": "railway station"})).await;
        assert!(!texts(&found).contains(&bill), "{found}");
        let found = me.call("search_memories", json!({"query": "invoices for power"})).await;
        assert!(texts(&found).contains(&bill), "{found}");
        me.call("delete_memory", json!({"memory_id": id})).await;
        let found = me.call("search_memories", json!({"query": "invoices for power"})).await;
        assert!(!texts(&found).contains(&bill), "{found}");
    })
    .await;
}

#[tokio::test]
async fn pages_by_words_and_meaning_show_everything_once() {
    on_each(Options::default(), async |fixture| {
        let me = fixture.caller("alice");
        for number in 0..40 {
            me.save(&format!("the bill number {number} is paid")).await;
            me.save(&format!("payment of invoice {number}")).await;
        }
        let (mut seen, mut cursor) = (std::collections::BTreeSet::new(), None);
        for _ in 0..100 {
            let found = me.call("search_memories", json!({"query": "paid bill", "limit": 7, "cursor": cursor})).await;
            for text in texts(&found) {
                assert!(seen.insert(text.to_owned()), "{text} twice");
            }
            cursor = found["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert!(cursor.is_none() && seen.len() >= 40, "{}", seen.len());
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
        let mut both = texts(&find(json!("[\"x\"]")).await).into_iter().map(str::to_owned).collect::<Vec<_>>();
        both.sort();
        assert_eq!(both, ["a note", "b note"], "as a string");
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
    on_each(Options { meaning: false, ..Options::default() }, async |fixture| {
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
