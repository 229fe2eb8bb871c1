//! Text of strangers: without what is not meant to be seen, and without what Markdown would take for
//! marks.
//!
//! It deliberately judges no meaning: whoever reads it knows that strangers wrote it.

use std::borrow::Cow;

/// Without characters that show nothing and change what is shown: controls, overrides of direction,
/// tags (threats.md: hostile text).
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|character| !is_unseen(*character)).collect()
}

fn is_unseen(character: char) -> bool {
    match character {
        '\n' | '\t' | '\r' | '\u{c}' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}' | '\u{fff9}'..='\u{fffb}' => true,
        other => other.is_control(),
    }
}

/// Plain text with what Markdown would take for marks escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut previous = ' ';
    let mut characters = text.chars().filter(|character| !is_unseen(*character)).peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied().unwrap_or(' ');
        let mark = match character {
            '\\' => next.is_ascii_punctuation(),
            '`' | '*' => true,
            // Within a word it is no mark.
            '_' => !(previous.is_alphanumeric() && next.is_alphanumeric()),
            '~' => next == '~' || previous == '~',
            '<' => next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?'),
            ']' => matches!(next, '(' | '['),
            '&' => next.is_ascii_alphabetic() || next == '#',
            _ => false,
        };
        // An ampersand is only a mark where an entity follows.
        let mark = mark && (character != '&' || entity_follows(characters.clone()));
        if mark {
            out.push('\\');
        }
        out.push(character);
        previous = character;
    }
    out
}

fn entity_follows(characters: impl Iterator<Item = char>) -> bool {
    let name = |character: &char| character.is_ascii_alphanumeric() || *character == '#';
    let mut rest = characters.take(32).skip_while(name);
    rest.next() == Some(';')
}

/// A word at the beginning of a line, escaped where it would begin a block.
pub(super) fn line_start(word: &str) -> Cow<'_, str> {
    let rule = word.len() >= 3 && word.chars().all(|character| matches!(character, '-' | '='));
    let heading = word.len() <= 6 && word.trim_start_matches('#').is_empty();
    if matches!(word, "+" | "-" | "=") || word.starts_with('>') || rule || heading {
        return Cow::Owned(format!("\\{word}"));
    }
    // `1.` begins a list.
    let mark = word.trim_start_matches(|character: char| character.is_ascii_digit());
    if mark.len() < word.len() && matches!(mark, "." | ")") {
        return Cow::Owned(format!("{}\\{mark}", &word[..word.len() - mark.len()]));
    }
    Cow::Borrowed(word)
}
