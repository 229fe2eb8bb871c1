//! What others do, written anew for comparison: keywords as substrings (the predecessor), BM25 over
//! one field, BM25F over six, the table of word vectors alone.

use crate::sets::{Definition, Set};
use crate::{DEPTH, Ranked};
use snowball_stemmers_rs::{Algorithm, Stemmer};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const STOP: &str = "a an the and or but if of to in on at for from by with as is are was were be been am do does did \
    have has had i you he she it we they me him her us them my your his its our their this that these those there can \
    could should would will shall may might must so than too very just also into please want need";

/// Weight and influence of length of name, description, parameters, their texts, server, its text.
const SIX: [(f64, f64); 6] = [(3.0, 0.3), (1.0, 0.6), (0.5, 0.6), (0.25, 0.6), (1.5, 0.0), (0.3, 0.3)];

type Contender<'a> = Box<dyn Fn(&str) -> Ranked + 'a>;

/// The contenders on a set.
pub(crate) fn all(set: &Set) -> Vec<(&'static str, Contender<'_>)> {
    let flat = Words::of(set, &[(1.0, 0.75)], |tool| vec![tool.fields().join(" ")]);
    let six = Words::of(set, &SIX, |tool| tool.fields().to_vec());
    let vectors = vectors(set);
    let known: Vec<BTreeSet<String>> = set.definitions.iter().map(keywords).collect();
    vec![
        ("keywords", Box::new(move |text| ranked(set, known.iter().map(|words| contained(words, text)).collect()))),
        ("BM25", Box::new(move |text| ranked(set, flat.scores(text)))),
        ("BM25F", Box::new(move |text| ranked(set, six.scores(text)))),
        (
            "table alone",
            Box::new(move |text| {
                let asked = search::embed(text);
                ranked(set, vectors.iter().map(|vector| f64::from(asked.cosine(vector))).collect())
            }),
        ),
    ]
}

/// Tools by score; servers by their best tool.
fn ranked(set: &Set, scores: Vec<f64>) -> Ranked {
    let mut order: Vec<usize> = (0..scores.len()).filter(|at| scores[*at] > 0.0).collect();
    let id = |at: usize| &set.definitions[at].id;
    order.sort_by(|one, other| scores[*other].total_cmp(&scores[*one]).then_with(|| id(*one).cmp(id(*other))));
    let mut servers: Vec<String> = Vec::new();
    for at in &order {
        let server = &set.definitions[*at].server;
        if servers.len() < 3 && !servers.contains(server) {
            servers.push(server.clone());
        }
    }
    Ranked { tools: order.into_iter().take(DEPTH).map(|at| id(at).clone()).collect(), servers }
}

fn keywords(tool: &Definition) -> BTreeSet<String> {
    let text = format!("{} {} {}", tool.name, tool.server, tool.description);
    words(&text).into_iter().collect()
}

fn contained(keywords: &BTreeSet<String>, text: &str) -> f64 {
    let text = text.to_lowercase();
    keywords.iter().filter(|word| text.contains(word.as_str())).count() as f64
}

fn vectors(set: &Set) -> Vec<search::Vector> {
    let title =
        |tool: &Definition| if tool.server_title.is_empty() { tool.server.clone() } else { tool.server_title.clone() };
    let text = |tool: &Definition| format!("{} {}: {}", title(tool), tool.name, tool.description);
    set.definitions.iter().map(|tool| search::embed(&text(tool))).collect()
}

/// BM25F over some fields.
struct Words {
    postings: HashMap<String, Vec<(usize, f64)>>,
    count: usize,
}

impl Words {
    fn of(set: &Set, weights: &[(f64, f64)], fields: fn(&Definition) -> Vec<String>) -> Self {
        let texts: Vec<Vec<Vec<String>>> =
            set.definitions.iter().map(|tool| fields(tool).iter().map(|text| stems(text)).collect()).collect();
        let count = texts.len();
        let mut postings: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mean = |at: usize| texts.iter().map(|fields| fields[at].len()).sum::<usize>() as f64 / count as f64;
        let means: Vec<f64> = (0..weights.len()).map(|at| mean(at).max(1e-6)).collect();
        for (tool, fields) in texts.iter().enumerate() {
            let mut sums: BTreeMap<&String, f64> = BTreeMap::new();
            for ((field, (weight, b)), mean) in fields.iter().zip(weights).zip(&means) {
                for word in field {
                    *sums.entry(word).or_default() += weight / (1.0 - b + b * field.len() as f64 / mean);
                }
            }
            for (word, sum) in sums {
                postings.entry(word.clone()).or_default().push((tool, sum));
            }
        }
        Self { postings, count }
    }

    fn scores(&self, text: &str) -> Vec<f64> {
        let mut scores = vec![0.0; self.count];
        for word in stems(text).into_iter().collect::<BTreeSet<_>>() {
            let Some(list) = self.postings.get(&word) else { continue };
            let having = list.len() as f64;
            let idf = (1.0 + (self.count as f64 - having + 0.5) / (having + 0.5)).ln();
            for (tool, sum) in list {
                scores[*tool] += idf * sum * 2.2 / (sum + 1.2);
            }
        }
        scores
    }
}

fn stems(text: &str) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    words(text).iter().map(|word| stemmer.stem(word).into_owned()).collect()
}

/// Words in lower case, identifiers split, without stop words.
fn words(text: &str) -> Vec<String> {
    let mut split = String::new();
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let word_begins = before.is_ascii_uppercase() && chars.peek().is_some_and(char::is_ascii_lowercase);
        let seam = c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit() || word_begins);
        if seam || before.is_ascii_digit() != c.is_ascii_digit() {
            split.push(' ');
        }
        split.push(if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
        before = c;
    }
    let stop: BTreeSet<&str> = STOP.split_whitespace().collect();
    split.split_whitespace().filter(|word| !stop.contains(word)).map(str::to_owned).collect()
}
