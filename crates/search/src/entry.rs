//! What the index keeps of a tool and of a server: terms with weights, and one vector.
//!
//! An entry is a function of the tool alone: lengths are compared with fixed usual lengths, not with
//! the averages of the catalog. So a server that comes or changes moves nothing of the others, and
//! no text of one server makes a text of another look short. The price is measured (nothing).

use crate::praise;
use crate::table::{self, DIM};
use crate::tool::Tool;
use crate::vector::{Wide, head, quantised, widened};
use crate::words::{Stems, Term, hash, plain_name};
use std::collections::HashMap;
use std::sync::Arc;

/// What a tool's vector is made of: what it does under its name; its name with its parameters; its
/// server. A question's product with it is the weighted mean of three cosines.
const VECTOR_SHARES: [f32; 3] = [0.80, 0.12, 0.08];

/// How many parameter names are part of a tool's vector.
const VECTOR_PARAMS: usize = 4;

/// The fields of BM25F: weight, how much length counts (b), usual length (words without stop words).
struct Field {
    weight: f32,
    length_counts: f32,
    usual: f32,
    /// How often one word counts at most: a description that repeats itself gains nothing.
    repeats: u8,
}

const fn field(weight: f32, length_counts: f32, usual: f32, repeats: u8) -> Field {
    Field { weight, length_counts, usual, repeats }
}

const FIELDS: [Field; 6] = [
    field(3.0, 0.3, 2.7, 2),
    field(1.0, 0.6, 15.0, 3),
    field(0.5, 0.6, 4.0, 3),
    field(0.25, 0.6, 15.0, 3),
    field(1.5, 0.0, 3.5, 1),
    field(0.3, 0.3, 12.0, 2),
];

/// A name in full, not a word: it counts for exact hits only.
pub(crate) const IS_EXACT: u8 = 1 << 7;

/// Saturation: how soon more occurrences stop to count.
pub(crate) const K1: f32 = 1.2;

/// A longer description is read as far as this (bytes), and all texts of parameters together too.
const DESCRIPTION_BYTES_MAX: usize = 4096;

/// A longer name or title is read as far as this (bytes).
const NAME_BYTES_MAX: usize = 256;

/// A tool in the index, without its vector, which lies in its block.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: Box<str>,
    pub(crate) server: Arc<str>,
    /// Over all that was read: the same means that nothing changed.
    pub(crate) fingerprint: u64,
    pub(crate) terms: Terms,
    /// What it does under its name, alone: bytes, and what one of them stands for.
    pub(crate) told: Narrow,
}

/// Terms in order, each with a weight and the fields where it stands.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct Terms {
    pub(crate) terms: Box<[Term]>,
    /// Saturated weight (255 would be endless occurrences), and bits of fields.
    pub(crate) marks: Box<[[u8; 2]]>,
}

/// A vector with what one step of its bytes stands for.
pub(crate) type Row = (Wide, f32);

/// The same in half the bytes, for what is multiplied seldom.
pub(crate) type Narrow = ([u8; DIM], f32);

/// The row of a vector.
pub(crate) fn row(values: &[f32; DIM]) -> Row {
    let (bytes, step) = quantised(values);
    (widened(&bytes), step)
}

/// A server in the index.
#[derive(Debug, PartialEq)]
pub(crate) struct Server {
    pub(crate) name: Arc<str>,
    /// Where its tools are.
    pub(crate) slots: Box<[u32]>,
}

/// The fingerprint of what is read of a tool.
pub(crate) fn fingerprint(tool: &Tool<'_>) -> u64 {
    let mut state = 0xCBF2_9CE4_8422_2325_u64;
    let mut add = |text: &str| {
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            state = (state ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        state = (state ^ text.len() as u64).wrapping_mul(0x0000_0100_0000_01B3);
    };
    for text in [tool.id, tool.server, tool.server_title, tool.server_description, &*tool.name, &*tool.description] {
        add(text);
    }
    for param in &tool.params {
        add(&param.name);
        add(&param.description);
    }
    state
}

/// Reads a tool.
pub(crate) fn read(tool: &Tool<'_>, server: &Arc<str>, stems: &mut Stems) -> (Entry, Row) {
    let texts = Texts::of(tool);
    let mut counts = Counts::default();
    let server_text = format!("{} {}", head(tool.server, NAME_BYTES_MAX), texts.title);
    let server_description = head(tool.server_description, DESCRIPTION_BYTES_MAX);
    let fields = [texts.name, &texts.description, &texts.params, &texts.param_texts, &server_text, server_description];
    for (at, text) in fields.into_iter().enumerate() {
        counts.add(at, text, stems);
    }
    let told = table::embed(&format!("{} {}: {}", texts.title, texts.name, texts.description));
    let entry = Entry {
        id: tool.id.into(),
        server: Arc::clone(server),
        fingerprint: fingerprint(tool),
        terms: counts.weighed(&exact_names(tool)),
        told: quantised(&told),
    };
    (entry, row(&texts.vector(&told, tool)))
}

/// The keys by which the tool is found when its name is written out.
fn exact_names(tool: &Tool<'_>) -> [Term; 3] {
    let own = plain_name(head(&tool.name, NAME_BYTES_MAX));
    let server = plain_name(head(tool.server, NAME_BYTES_MAX));
    [exact_key(&plain_name(tool.id)), exact_key(&format!("{server}_{own}")), exact_key(&own)]
}

/// The term of a whole name, in its [`plain_name`].
pub(crate) fn exact_key(plain: &str) -> Term {
    hash(format!("={plain}").as_bytes())
}

/// The texts of a tool, cut to what is read.
struct Texts<'a> {
    title: &'a str,
    name: &'a str,
    description: String,
    params: String,
    param_texts: String,
}

impl<'a> Texts<'a> {
    fn of(tool: &'a Tool<'_>) -> Self {
        let title = if tool.server_title.is_empty() { tool.server } else { tool.server_title };
        let mut texts = Self {
            title: head(title, NAME_BYTES_MAX),
            name: head(&tool.name, NAME_BYTES_MAX),
            description: praise::without(head(&tool.description, DESCRIPTION_BYTES_MAX)),
            params: String::new(),
            param_texts: String::new(),
        };
        for param in &tool.params {
            push(&mut texts.params, head(&param.name, NAME_BYTES_MAX));
            push(&mut texts.param_texts, &param.description);
        }
        texts
    }

    fn vector(&self, told: &[f32; DIM], tool: &Tool<'_>) -> [f32; DIM] {
        let mut named = self.name.to_owned();
        for param in tool.params.iter().take(VECTOR_PARAMS) {
            named.push(' ');
            named.push_str(head(&param.name, NAME_BYTES_MAX));
        }
        let named = table::embed(&named);
        let server_description = head(tool.server_description, DESCRIPTION_BYTES_MAX);
        let server = table::embed(&format!("{} {server_description}", self.title));
        let [of_told, of_named, of_server] = VECTOR_SHARES;
        std::array::from_fn(|at| of_told * told[at] + of_named * named[at] + of_server * server[at])
    }
}

fn push(texts: &mut String, text: &str) {
    if texts.len() < DESCRIPTION_BYTES_MAX {
        texts.push_str(head(text, DESCRIPTION_BYTES_MAX));
        texts.push(' ');
    }
}

/// How often each term stands in each field.
#[derive(Default)]
struct Counts {
    terms: HashMap<Term, [u8; FIELDS.len()]>,
    lengths: [f32; FIELDS.len()],
}

impl Counts {
    fn add(&mut self, field: usize, text: &str, stems: &mut Stems) {
        stems.terms(text, |term, _| {
            let count = &mut self.terms.entry(term).or_default()[field];
            *count = count.saturating_add(1).min(FIELDS[field].repeats);
            self.lengths[field] += 1.0;
        });
    }

    fn weighed(self, exact: &[Term]) -> Terms {
        let factors: [f32; FIELDS.len()] = std::array::from_fn(|at| {
            let Field { weight, length_counts, usual, .. } = FIELDS[at];
            weight / (1.0 - length_counts + length_counts * self.lengths[at] / usual)
        });
        let mut all: Vec<(Term, [u8; 2])> =
            self.terms.iter().map(|(term, counts)| (*term, mark(counts, &factors))).collect();
        all.extend(exact.iter().filter(|term| !self.terms.contains_key(term)).map(|term| (*term, [0, IS_EXACT])));
        all.sort_unstable();
        all.dedup_by_key(|(term, _)| *term);
        let (terms, marks): (Vec<Term>, Vec<[u8; 2]>) = all.into_iter().unzip();
        Terms { terms: terms.into(), marks: marks.into() }
    }
}

fn mark(counts: &[u8; FIELDS.len()], factors: &[f32; FIELDS.len()]) -> [u8; 2] {
    let frequency: f32 = counts.iter().zip(factors).map(|(count, factor)| f32::from(*count) * factor).sum();
    let weight = (255.0 * frequency / (frequency + K1)).round().clamp(1.0, 255.0);
    let fields = counts.iter().enumerate().fold(0, |bits, (at, count)| bits | (u8::from(*count > 0) << at));
    [weight as u8, fields]
}

impl Terms {
    /// The mark of a term.
    pub(crate) fn get(&self, term: Term) -> Option<[u8; 2]> {
        self.terms.binary_search(&term).ok().and_then(|at| self.marks.get(at)).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Term, [u8; 2])> {
        self.terms.iter().copied().zip(self.marks.iter().copied())
    }
}
