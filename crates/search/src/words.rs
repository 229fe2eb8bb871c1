//! Words of a text for exact matching: identifiers split, accents and endings folded, other scripts
//! kept, Chinese, Japanese and Korean as pairs of characters.
//!
//! A word's stem is carried as a number of 32 bits. Two words with the same number are the same to
//! the index; among the some ten thousand words of a catalog that happens about never, and then
//! costs a little precision, nothing else. It deliberately ranks nothing.

use snowball_stemmers_rs::{Algorithm, Stemmer};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

/// A stem, as a number.
pub(crate) type Term = u32;

/// Words that tell nothing about what is wanted. Verbs such as get, list, create, delete do.
const STOP: &[&str] = &[
    "a", "also", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
    "for", "from", "had", "has", "have", "he", "her", "him", "his", "i", "if", "in", "into", "is", "it", "its", "just",
    "may", "me", "might", "must", "my", "need", "of", "on", "or", "our", "please", "shall", "she", "should", "so",
    "than", "that", "the", "their", "them", "there", "these", "they", "this", "those", "to", "too", "us", "very",
    "want", "was", "we", "were", "will", "with", "would", "you", "your",
];

/// What may stand after an apostrophe without being a word.
const ENDINGS: &[&str] = &["s", "t", "m", "re", "ll", "ve", "d"];

/// A longer word is cut (bytes): nobody types it, and stemming takes time.
const WORD_BYTES_MAX: usize = 64;

/// How many stems are remembered while an index is built; English has few, random names have many.
const STEMS_MAX: usize = 65_536;

/// Turns words into terms, remembering stems for as long as it lives.
pub(crate) struct Stems {
    stemmer: Stemmer,
    known: HashMap<Box<str>, Term, BuildHasherDefault<Fast>>,
}

/// A hash for the remembered stems: a short-lived map, so nobody can make it slow for long.
#[derive(Default)]
struct Fast(u64);

impl Hasher for Fast {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3));
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Stems {
    pub(crate) fn new() -> Self {
        Self { stemmer: Stemmer::create(Algorithm::English), known: HashMap::default() }
    }

    /// The terms of `text` in order, stop words left out, each with the word it comes from.
    pub(crate) fn terms(&mut self, text: &str, mut each: impl FnMut(Term, &str)) {
        words(text, &mut |word| {
            if !is_stop(word) {
                each(self.term(word), word);
            }
        });
    }

    fn stem<'a>(&self, word: &'a str) -> Cow<'a, str> {
        if is_plural_short_form(word) { Cow::Borrowed(&word[..word.len() - 1]) } else { self.stemmer.stem(word) }
    }

    /// The term of one word in lower case.
    pub(crate) fn term(&mut self, word: &str) -> Term {
        if let Some(term) = self.known.get(word) {
            return *term;
        }
        let plain = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let stem = if plain { self.stem(word) } else { Cow::Borrowed(word) };
        let term = hash(stem.as_bytes());
        if self.known.len() < STEMS_MAX {
            self.known.insert(word.into(), term);
        }
        term
    }
}

/// Whether a word is a short form in the plural, which no stemmer of English knows: PRs, VMs.
fn is_plural_short_form(word: &str) -> bool {
    let vowel = |byte: u8| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
    word.ends_with('s') && !word.ends_with("ss") && !word.bytes().any(vowel)
}

/// Whether a word tells nothing about what is wanted.
pub(crate) fn is_stop(word: &str) -> bool {
    STOP.binary_search(&word).is_ok()
}

/// FNV-1a, with its bits mixed so that the upper ones can choose a bucket.
pub(crate) fn hash(bytes: &[u8]) -> Term {
    let mut hash = bytes.iter().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85EB_CA6B);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

/// A name as people and agents write it in several ways: lower case, one `_` for all between words.
/// `github:create_issue`, `github__create-issue` and `github create issue` are the same.
pub(crate) fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.truncate(plain.trim_end_matches('_').len());
    plain
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Apostrophe,
    Lower,
    Upper,
    Digit,
    Ideograph,
}

fn class_of(c: char) -> Class {
    match c {
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        '0'..='9' => Class::Digit,
        '\'' | '\u{2019}' => Class::Apostrophe,
        _ if c.is_ascii() => Class::Blank,
        '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' => {
            if c.is_alphanumeric() { Class::Ideograph } else { Class::Blank }
        }
        _ if c.is_uppercase() => Class::Upper,
        _ if c.is_alphabetic() => Class::Lower,
        _ if c.is_numeric() => Class::Digit,
        _ => Class::Blank,
    }
}

/// Calls `each` with the words of `text` in lower case.
pub(crate) fn words(text: &str, each: &mut impl FnMut(&str)) {
    let folded = if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().map(fold).collect()) };
    let mut reader =
        Reader { word: String::with_capacity(WORD_BYTES_MAX), before: Class::Blank, after_apostrophe: false };
    let mut rest = folded.chars();
    while let Some(c) = rest.next() {
        reader.read(c, rest.as_str(), each);
    }
    reader.finish(each);
}

/// A Latin letter without its accent.
fn fold(c: char) -> char {
    let mut base = c;
    if !c.is_ascii() {
        decompose_canonical(c, |part| {
            if part.is_ascii() {
                base = part;
            }
        });
    }
    base
}

/// Whether an upper letter before `rest`, after another one, begins a word: the S of `HTTPServer`, not
/// the L of `URLs`.
fn word_begins(rest: &str) -> bool {
    let mut next = rest.chars();
    let lower = |c: Option<char>| c.is_some_and(|c| class_of(c) == Class::Lower);
    let first = next.next();
    lower(first) && (first != Some('s') || lower(next.next()))
}

struct Reader {
    word: String,
    before: Class,
    after_apostrophe: bool,
}

impl Reader {
    fn read(&mut self, c: char, rest: &str, each: &mut impl FnMut(&str)) {
        let class = class_of(c);
        let seam = match (self.before, class) {
            (Class::Upper, Class::Upper) => word_begins(rest),
            (Class::Upper, Class::Lower) => false,
            (Class::Ideograph, Class::Ideograph) => {
                // Pairs overlap: of three characters there are two pairs.
                if self.word.chars().count() == 2 {
                    each(&self.word);
                    let first = self.word.chars().next().map_or(0, char::len_utf8);
                    self.word.drain(..first);
                }
                false
            }
            (before, class) => before != class,
        };
        if seam {
            self.finish(each);
            self.after_apostrophe = self.before == Class::Apostrophe;
        }
        if !matches!(class, Class::Blank | Class::Apostrophe) && self.word.len() < WORD_BYTES_MAX {
            self.word.extend(c.to_lowercase());
        }
        self.before = class;
    }

    fn finish(&mut self, each: &mut impl FnMut(&str)) {
        let ending = self.after_apostrophe && ENDINGS.contains(&self.word.as_str());
        if !self.word.is_empty() && !ending {
            each(&self.word);
        }
        self.word.clear();
        self.after_apostrophe = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(text, &mut |word| found.push(word.to_owned()));
        found
    }

    #[test]
    fn identifiers_are_split_where_people_see_a_seam() {
        assert_eq!(read("getHTTPServer_v2"), ["get", "http", "server", "v", "2"]);
        assert_eq!(read("create-pull.request:s3"), ["create", "pull", "request", "s", "3"]);
        assert_eq!(read("XMLParser lists PRs and URLs"), ["xml", "parser", "lists", "prs", "and", "urls"]);
    }

    #[test]
    fn other_scripts_accents_and_widths() {
        assert_eq!(read("Créer un ÉVÉNEMENT"), ["creer", "un", "evenement"]);
        assert_eq!(read("ＡＢＣ　ｄ"), ["abc", "d"]);
        assert_eq!(read("検索結果"), ["検索", "索結", "結果"]);
        assert_eq!(read("天"), ["天"]);
        assert_eq!(read("Найти файл"), ["найти", "файл"]);
    }

    #[test]
    fn what_follows_an_apostrophe_is_no_word() {
        assert_eq!(read("don't show me what's O'Reilly's"), ["don", "show", "me", "what", "o", "reilly"]);
    }

    #[test]
    fn the_stop_list_is_in_order_and_verbs_are_not_on_it() {
        assert!(STOP.is_sorted());
        let mut found = Vec::new();
        Stems::new().terms("please list the files", |_, word| found.push(word.to_owned()));
        assert_eq!(found, ["list", "files"]);
    }

    #[test]
    fn names_have_one_plain_form() {
        for name in ["github:create_issue", "GitHub__create-issue", "github create issue", "`github.create_issue`"] {
            assert_eq!(plain_name(name), "github_create_issue");
        }
    }
}
