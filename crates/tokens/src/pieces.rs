//! Cuts a text into the pieces that are encoded one by one, as the pattern of o200k_base does, by hand:
//! no automaton is built or kept, and time is linear. It deliberately is the pattern of this one vocabulary.
//!
//! ```text
//! 1  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! 2  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! 3  \p{N}{1,3}
//! 4   ?[^\s\p{L}\p{N}]+[\r\n/]*
//! 5  \s*[\r\n]+
//! 6  \s+(?!\S)
//! 7  \s+
//! ```

/// What the pattern distinguishes. The numbers are those of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    /// `\p{Lu}`, `\p{Lt}`.
    Upper = 0,
    /// `\p{Ll}`.
    Lower = 1,
    /// `\p{Lm}`, `\p{Lo}`: both upper and lower to the pattern.
    Letter = 2,
    /// `\p{M}`: as a letter, and as what may stand before one.
    Mark = 3,
    /// `\p{N}`.
    Number = 4,
    /// `\s` but line ends.
    Space = 5,
    /// `\r`, `\n`.
    Line = 6,
    /// Everything else.
    Other = 7,
}

use Class::{Letter, Line, Lower, Mark, Number, Other, Space, Upper};

/// Where classes begin, ascending: `first character << 3 | class`, 4 bytes each, little endian.
static CLASSES: &[u8] = include_bytes!("../assets/classes.bin");

/// The pieces of `text`, in order; together they are the text.
pub(crate) fn of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at_checked(first(rest)).filter(|(piece, _)| !piece.is_empty())?;
        rest = after;
        Some(piece)
    })
}

/// How many bytes the first piece has; 0 only for an empty text.
fn first(text: &str) -> usize {
    let Some((class, after)) = at(text, 0) else { return 0 };
    let may_lead = !matches!(class, Upper | Lower | Letter | Number | Line);
    let led = if may_lead { word(text, after) } else { None };
    if let Some(end) = led.or_else(|| word(text, 0)) {
        return contraction(text, end);
    }
    // The second alternative differs only where there is nothing but upper case.
    let led = if may_lead { capitals(text, after) } else { None };
    if let Some(end) = led.or_else(|| capitals(text, 0)) {
        return contraction(text, end);
    }
    match class {
        Number => (0..2).fold(after, |end, _| at(text, end).filter(|next| next.0 == Number).map_or(end, |next| next.1)),
        Space | Line => symbols(text).unwrap_or_else(|| blank(text)),
        _ => symbols(text).unwrap_or(after),
    }
}

/// The class of the character at `index`, and where the next one is.
fn at(text: &str, index: usize) -> Option<(Class, usize)> {
    let byte = *text.as_bytes().get(index)?;
    if byte.is_ascii() {
        return Some((ascii(byte), index + 1));
    }
    let character = text.get(index..)?.chars().next()?;
    Some((looked_up(character), index + character.len_utf8()))
}

const fn ascii(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' => Lower,
        b'A'..=b'Z' => Upper,
        b'0'..=b'9' => Number,
        b'\r' | b'\n' => Line,
        b' ' | b'\t' | 0x0b | 0x0c => Space,
        _ => Other,
    }
}

/// The class of any character, by the table.
fn looked_up(character: char) -> Class {
    let (entries, _) = CLASSES.as_chunks::<4>();
    // Every entry that begins at or before the character is less than this.
    let bound = (u32::from(character) << 3) | 7;
    let after = entries.partition_point(|entry| u32::from_le_bytes(*entry) <= bound);
    let entry = after.checked_sub(1).and_then(|index| entries.get(index)).map_or(7, |entry| entry[0] & 7);
    [Upper, Lower, Letter, Mark, Number, Space, Line, Other][usize::from(entry)]
}

/// Where the run of characters from `start` ends that `is` holds for.
fn run(text: &str, start: usize, is: impl Fn(Class) -> bool) -> usize {
    let mut end = start;
    while let Some((class, after)) = at(text, end)
        && is(class)
    {
        end = after;
    }
    end
}

fn as_upper(class: Class) -> bool {
    matches!(class, Upper | Letter | Mark)
}

fn as_lower(class: Class) -> bool {
    matches!(class, Lower | Letter | Mark)
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` from `start`.
fn word(text: &str, start: usize) -> Option<usize> {
    let mut end = start;
    // Where the last character ends that the second half could begin with, should the first half give back.
    let mut given_back = None;
    while let Some((class, after)) = at(text, end)
        && as_upper(class)
    {
        if class != Upper {
            given_back = Some(after);
        }
        end = after;
    }
    let lower = run(text, end, as_lower);
    if lower > end { Some(lower) } else { given_back }
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+` from `start`, where no lower case follows.
fn capitals(text: &str, start: usize) -> Option<usize> {
    let end = run(text, start, as_upper);
    (end > start).then_some(end)
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)?` after a word that ends at `end`.
fn contraction(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let Some(rest) = rest.strip_prefix('\'') else { return end };
    let mut letters = rest.chars();
    let length = match (letters.next(), letters.next()) {
        (Some('s' | 'S' | 't' | 'T' | 'm' | 'M' | 'd' | 'D'), _) => 1,
        // The long s is an s to whoever ignores case.
        (Some('ſ'), _) => 'ſ'.len_utf8(),
        (Some('r' | 'R' | 'v' | 'V'), Some('e' | 'E')) | (Some('l' | 'L'), Some('l' | 'L')) => 2,
        _ => return end,
    };
    end + 1 + length
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n/]*` from the start.
fn symbols(text: &str) -> Option<usize> {
    let start = usize::from(text.starts_with(' '));
    let end = run(text, start, |class| matches!(class, Mark | Other));
    if end == start {
        return None;
    }
    let tail = text.as_bytes().get(end..).unwrap_or_default().iter();
    Some(end + tail.take_while(|byte| matches!(byte, b'\r' | b'\n' | b'/')).count())
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+` from the start, where there is a blank.
fn blank(text: &str) -> usize {
    let (mut end, mut last, mut line) = (0, 0, 0);
    while let Some((class, after)) = at(text, end)
        && matches!(class, Space | Line)
    {
        if class == Line {
            line = after;
        }
        last = end;
        end = after;
    }
    if line > 0 {
        return line;
    }
    // The last blank is left to the word that follows, unless it is the only one.
    if end < text.len() && last > 0 { last } else { end }
}

#[cfg(test)]
mod tests;
