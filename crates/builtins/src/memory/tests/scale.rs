//! Searching among very many memories: how long it takes is written down. `cargo xtask lab
//! memory-scale` has 100 000; here are enough to see that every way through the search works.

use super::{Fixture, on_each};
use crate::memory::Options;
use crate::memory::book::{New, insert};
use crate::memory::content::Content;
use crate::memory::trouble::Trouble;
use crate::memory::who::Who;
use serde_json::json;
use std::time::{Duration, Instant};
use store::Place;

/// How many memories, in a lab.
const MEMORIES: &str = "SWITCHBOARD_LAB_MEMORIES";
/// Memories written in one transaction.
const AT_ONCE: usize = 100;
/// Searches of each kind.
const SEARCHES: usize = 40;

/// Makes a question.
type Asked = fn(&mut Dice) -> String;

/// Numbers without end, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    /// A word: the first few of the vocabulary are in most texts, most are rare, as in a language.
    fn word(&mut self) -> String {
        let rank = 20_000_f64.powf(self.roll(1 << 20) as f64 / f64::from(1 << 20)) as usize;
        word(rank)
    }
}

/// The word of a rank: letters only, and none the beginning of many others.
fn word(rank: usize) -> String {
    let mut letters = String::new();
    let mut rest = rank;
    while rest > 0 || letters.len() < 2 {
        letters.push(char::from(b'a' + u8::try_from(rest % 25).unwrap()));
        rest /= 25;
    }
    letters + "z"
}

async fn fill(fixture: &Fixture, count: usize) {
    let mut dice = Dice(7);
    for first in (0..count).step_by(AT_ONCE) {
        let text = |number: usize, dice: &mut Dice| {
            let words: Vec<String> = (0..8 + dice.roll(32)).map(|_| dice.word()).collect();
            format!("{} n{number}", words.join(" "))
        };
        let texts: Vec<String> = (first..count.min(first + AT_ONCE)).map(|number| text(number, &mut dice)).collect();
        let written = fixture.store.write("fill", move |tx| {
            let texts = texts.clone();
            Box::pin(async move {
                let who = Who { principal: "alice".into(), client: None };
                let space = store::memories::lock_space(tx, who.own().as_str()).await?;
                for text in texts {
                    let tags = vec![format!("tag{}", text.len() % 7)];
                    let content = Content { text, tags, ..Content::default() };
                    insert(tx, space.id, New { content, expires_at: None }).await?;
                }
                Ok::<_, Trouble>(())
            })
        });
        written.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_among_very_many_is_quick() {
    let count: usize = std::env::var(MEMORIES).ok().and_then(|count| count.parse().ok()).unwrap_or(600);
    on_each(Options::default(), async |fixture| {
        let begun = Instant::now();
        fill(&fixture, count).await;
        let filled = begun.elapsed();
        let me = fixture.caller("alice");
        let mut dice = Dice(11);
        let kinds: [(&str, Asked); 5] = [
            ("one rare word", |dice| word(2_000 + dice.roll(15_000))),
            ("one frequent word", |dice| word(1 + dice.roll(5))),
            ("four frequent words", |dice| (0..4).map(|_| word(1 + dice.roll(30))).collect::<Vec<_>>().join(" ")),
            ("a sentence", |dice| (0..12).map(|_| dice.word()).collect::<Vec<_>>().join(" ")),
            ("the beginning of a word", |dice| word(dice.roll(20_000)).chars().take(3).collect()),
        ];
        let store = if matches!(fixture.place, Place::File(_)) { "SQLite" } else { "PostgreSQL" };
        eprintln!("memory-scale: {store}: {count} memories written in {:.1} s", filled.as_secs_f64());
        for (kind, query) in kinds {
            let mut took = Vec::new();
            for number in 0..SEARCHES {
                let mut asked = json!({"query": query(&mut dice), "limit": 5});
                if number % 8 == 7 {
                    asked["tags"] = json!(["tag3"]);
                }
                let begun = Instant::now();
                me.call("search_memories", asked).await;
                took.push(begun.elapsed());
            }
            took.sort();
            let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
            eprintln!(
                "memory-scale: {store}: {kind}: p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms",
                at(50),
                at(95),
                at(100)
            );
            // Generous: nothing here may depend on the number of memories as such.
            assert!(took[took.len() / 2] < Duration::from_secs(1), "{kind}");
        }
        let begun = Instant::now();
        assert_eq!(me.call("get_all_memories", json!({})).await["total"], count);
        eprintln!("memory-scale: {store}: a page of all: {:.1} ms", begun.elapsed().as_secs_f64() * 1000.0);
    })
    .await;
}
