//! The words of a text, so that a memory and a question about it find each other: any script,
//! whatever the case and the accents.
//!
//! It deliberately knows no language: no stop words, no stems but the English plural. What is
//! written without spaces (Chinese, Japanese, Thai) counts in pairs of characters.

use std::collections::BTreeMap;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest word that is kept, in bytes; the rest of a longer one is not looked at.
pub(crate) const WORD_BYTES_MAX: usize = 64;

/// Shorter ones lose no plural `s`: "gas", "bus", "yes".
const PLURAL_LETTERS_MIN: usize = 4;

/// A word of a text, and where it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it is compared.
    pub(crate) folded: String,
    /// Its bytes in the text.
    pub(crate) place: Range<usize>,
}

/// Words and how often each stands in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) counts: BTreeMap<String, u32>,
    /// All of them, repetitions included.
    pub(crate) length: u32,
}

/// How a character joins its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joining {
    /// A letter or digit of a script that separates words.
    Spaced,
    /// A character of a script that does not.
    Unspaced,
    /// An accent: belongs to what is before it.
    Mark,
    /// Between two letters of one word: "don't".
    Apostrophe,
    /// Everything else ends a word.
    Apart,
}

/// A run of characters of one kind.
#[derive(Debug)]
struct Run {
    joining: Joining,
    /// Where each of its characters begins, and where the last one ends.
    starts: Vec<usize>,
    end: usize,
}

/// The words of `text`, in order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    runs(text).iter().flat_map(|run| run.words(text)).collect()
}

/// Counts the words of several texts together.
pub(crate) fn count<'a>(texts: impl IntoIterator<Item = &'a str>) -> Counted {
    let mut counted = Counted::default();
    for word in texts.into_iter().flat_map(words) {
        *counted.counts.entry(word.folded).or_default() += 1;
        counted.length = counted.length.saturating_add(1);
    }
    counted
}

/// `text` as it is compared: without case, accents, width and everything that is no letter or
/// digit; at most [`WORD_BYTES_MAX`] bytes.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::new();
    let plain = text.chars().flat_map(char::to_lowercase).nfkd().filter(|letter| !is_accent(*letter)).nfc();
    for letter in plain.flat_map(char::to_lowercase) {
        let before = out.len();
        match letter {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            'ς' => out.push('σ'),
            _ if letter.is_alphanumeric() || is_combining_mark(letter) => out.push(letter),
            _ => {}
        }
        if out.len() > WORD_BYTES_MAX {
            out.truncate(before);
            break;
        }
    }
    out
}

/// Whether a mark only shades a letter: the accents of Latin, Greek and Cyrillic, the points of Hebrew
/// and Arabic. Elsewhere marks are vowels, or make another letter of one.
fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}'
        | '\u{670}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    let mut letters = text.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        let end = start + letter.len_utf8();
        let joining = Joining::of(letter);
        match joining {
            Joining::Apart => open = false,
            Joining::Mark => {
                if let Some(run) = runs.last_mut().filter(|_| open) {
                    run.end = end;
                }
            }
            Joining::Apostrophe => {
                let next = letters.peek().map(|(_, next)| Joining::of(*next));
                let within = runs.last().is_some_and(|run| run.joining == Joining::Spaced);
                open = open && within && next == Some(Joining::Spaced);
            }
            Joining::Spaced | Joining::Unspaced => match runs.last_mut() {
                Some(run) if open && run.joining == joining => {
                    run.starts.push(start);
                    run.end = end;
                }
                _ => {
                    runs.push(Run { joining, starts: vec![start], end });
                    open = true;
                }
            },
        }
    }
    runs
}

/// The plural and the singular of most English nouns meet; both sides do the same, so that a wrong
/// guess costs nothing but a word that means two things.
fn singular(mut word: String) -> String {
    let ends = |end: &str| word.ends_with(end);
    if word.len() < PLURAL_LETTERS_MIN || !word.is_ascii() || !ends("s") || ends("ss") || ends("us") || ends("is") {
        return word;
    }
    if ends("ies") && word.len() > PLURAL_LETTERS_MIN {
        word.truncate(word.len() - "ies".len());
        word.push('y');
    } else {
        word.truncate(word.len() - 1);
    }
    word
}

// === impl Joining ===

impl Joining {
    fn of(letter: char) -> Self {
        match letter {
            '\'' | '\u{2019}' => Self::Apostrophe,
            // Thai to Lao, Myanmar, Khmer; kana; Han with its extensions.
            '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' if letter.is_alphabetic() => {
                Self::Unspaced
            }
            '\u{3040}'..='\u{30ff}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
                if letter.is_alphabetic() =>
            {
                Self::Unspaced
            }
            _ if is_combining_mark(letter) => Self::Mark,
            _ if letter.is_alphanumeric() => Self::Spaced,
            _ => Self::Apart,
        }
    }
}

// === impl Run ===

impl Run {
    fn words(&self, text: &str) -> Vec<Word> {
        let word = |place: Range<usize>| {
            let folded = text.get(place.clone()).map(folded).unwrap_or_default();
            (!folded.is_empty()).then_some(Word { folded, place })
        };
        if self.joining != Joining::Unspaced {
            let start = self.starts.first().copied().unwrap_or(self.end);
            let whole = word(start..self.end);
            return whole.map(|word| Word { folded: singular(word.folded), ..word }).into_iter().collect();
        }
        // Pairs that overlap; the last character alone too, so that one character finds it as the
        // beginning of a pair or as itself.
        let ends = self.starts.iter().skip(2).copied().chain([self.end]);
        let pairs = self.starts.iter().copied().zip(ends.clone());
        let mut found: Vec<Word> = pairs.filter_map(|(start, end)| word(start..end)).collect();
        if let Some(last) = self.starts.last().filter(|_| self.starts.len() > 1) {
            found.extend(word(*last..self.end));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_accents_width_and_ligatures_do_not_matter() {
        let table = [
            ("Crème BRÛLÉE", "creme brulee"),
            ("cre\u{301}me", "creme"),
            ("Straße STRASSE", "strasse strasse"),
            ("ŁÓDŹ Ærø", "lodz aero"),
            ("ＡＢＣ　１２", "abc 12"),
            ("İstanbul ıssız", "istanbul issiz"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("ﬁne", "fine"),
            ("שָׁלוֹם", "שלום"),
            ("हिन्दी 한국어", "हिन्दी 한국어"),
        ];
        for (text, expected) in table {
            assert_eq!(of(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn words_end_where_a_reader_would_end_them() {
        assert_eq!(
            of("snake_case, C++ & don't: user's ‘quoted’ 3.14"),
            ["snake", "case", "c", "dont", "user", "quoted", "3", "14"]
        );
        assert_eq!(of(" … — \u{301} "), Vec::<String>::new());
    }

    #[test]
    fn plural_and_singular_meet() {
        for (one, many) in [("tool", "tools"), ("memory", "memories"), ("class", "class"), ("status", "status")] {
            assert_eq!(of(one), of(many), "{one}");
        }
        assert_eq!(of("gas yes"), ["gas", "yes"]);
    }

    #[test]
    fn scripts_without_spaces_count_in_pairs() {
        assert_eq!(of("東京都"), ["東京", "京都", "都"]);
        assert_eq!(of("京"), ["京"]);
        assert_eq!(of("Pythonが好き"), ["python", "が好", "好き", "き"]);
    }

    #[test]
    fn a_place_is_where_the_word_stands() {
        let text = "a Crème, 東京";
        let places: Vec<&str> = words(text).into_iter().map(|word| &text[word.place]).collect();
        assert_eq!(places, ["a", "Crème", "東京", "京"]);
    }

    #[test]
    fn counts_add_up() {
        let counted = count(["red red", "blue"]);
        assert_eq!(counted.length, 3);
        assert_eq!(counted.counts, BTreeMap::from([("red".to_owned(), 2), ("blue".to_owned(), 1)]));
    }

    proptest! {
        #[test]
        fn any_text_gives_bounded_words_at_real_places(text in ".{0,200}") {
            for word in words(&text) {
                prop_assert!(!word.folded.is_empty() && word.folded.len() <= WORD_BYTES_MAX);
                prop_assert!(text.get(word.place).is_some());
            }
        }

        #[test]
        fn upper_case_finds_the_same_words(text in "[a-zà-öø-ÿ ]{0,80}") {
            prop_assert_eq!(of(&text), of(&text.to_uppercase()));
        }
    }
}
