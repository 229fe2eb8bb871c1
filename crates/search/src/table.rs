//! The word table: a text becomes 128 numbers, so that texts that mean the same lie close together.
//!
//! The table (one row of 128 bytes and one scale a word or word piece) is compiled in and read in
//! place: its words are found in a hash table that `model/build.py` wrote, so a start costs nothing
//! and pages that nobody asks for are never loaded. It deliberately knows no other script than
//! Latin without accents: other scripts are found by their words alone.

/// Numbers of a vector.
pub(crate) const DIM: usize = 128;

/// The most word pieces of a text that count; texts beyond are read as far as this.
const PIECES_MAX: usize = 128;

static ROWS: &[u8] = include_bytes!("../model/rows.i8");
static SCALES: &[u8] = include_bytes!("../model/scales.f32");
static WORDS: &[u8] = include_bytes!("../model/words.txt");
static ENDS: &[u8] = include_bytes!("../model/ends.u24");
static SLOTS: &[u8] = include_bytes!("../model/slots.u16");

/// Longest word of the table (bytes, without the sign of a continuation).
const WORD_BYTES_MAX: usize = 24;

/// How many rows there are.
const ROW_COUNT: usize = ENDS.len() / 3;

const _: () = assert!(ROWS.len() == ROW_COUNT * DIM && SCALES.len() == ROW_COUNT * 4 && SLOTS.len() == 2 << 16);

/// Another number for another table, so that what was made with one is not read with the other.
pub(crate) fn fingerprint() -> u64 {
    let (words, _) = SCALES.as_chunks::<8>();
    words
        .iter()
        .fold(0, |sum: u64, word| (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23))
}

/// The sum of the rows of `text`, each times the root of how often it occurs, at length 1; all zero
/// when no word is known.
pub(crate) fn embed(text: &str) -> [f32; DIM] {
    embed_pieces(&mut pieces(text))
}

/// The same from rows; puts them in order.
pub(crate) fn embed_pieces(pieces: &mut [u16]) -> [f32; DIM] {
    let mut sum = [0.0_f32; DIM];
    pieces.sort_unstable();
    for same in pieces.chunk_by(|one, other| one == other) {
        let row = usize::from(same[0]);
        let Some(values) = ROWS.get(row * DIM..(row + 1) * DIM) else { continue };
        let weight = scale(row) * (same.len() as f32).sqrt();
        for (slot, value) in sum.iter_mut().zip(values) {
            *slot += weight * f32::from(value.cast_signed());
        }
    }
    let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        sum.iter_mut().for_each(|value| *value /= length);
    }
    sum
}

/// The rows of the words and word pieces of `text`, in order, as the table was trained: identifiers
/// split, lower case, whole words, else the longest pieces.
pub(crate) fn pieces(text: &str) -> Vec<u16> {
    let mut found = Vec::with_capacity(32);
    let split = split_identifiers(text);
    for run in runs(&split) {
        if found.len() >= PIECES_MAX {
            break;
        }
        push_run(run, &mut found);
    }
    found.truncate(PIECES_MAX);
    found
}

fn push_run(run: &[u8], found: &mut Vec<u16>) {
    if let Some(row) = lookup(&[], run) {
        found.push(row);
        return;
    }
    let mut start = 0;
    while start < run.len() && found.len() < PIECES_MAX {
        let sign: &[u8] = if start == 0 { b"" } else { b"##" };
        let longest = run.len().min(start + WORD_BYTES_MAX);
        let hit = (start + 1..=longest).rev().find_map(|end| Some((lookup(sign, &run[start..end])?, end)));
        let Some((row, end)) = hit else { return };
        found.push(row);
        start = end;
    }
}

/// Lower case, with a blank wherever an identifier has a seam; other scripts stay as they are.
fn split_identifiers(text: &str) -> Vec<u8> {
    let source = text.as_bytes();
    let mut split = Vec::with_capacity(source.len() + 16);
    for (at, &byte) in source.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() && byte.is_ascii() {
            split.push(b' ');
            continue;
        }
        if byte.is_ascii_uppercase() && at > 0 {
            let before = source[at - 1];
            let word_begins = before.is_ascii_uppercase() && source.get(at + 1).is_some_and(u8::is_ascii_lowercase);
            if before.is_ascii_lowercase() || before.is_ascii_digit() || word_begins {
                split.push(b' ');
            }
        }
        split.push(byte.to_ascii_lowercase());
    }
    split
}

/// Runs of letters and runs of digits.
fn runs(split: &[u8]) -> impl Iterator<Item = &[u8]> {
    let class = |byte: &u8| if byte.is_ascii_digit() { 2 } else { u8::from(byte.is_ascii_lowercase()) };
    split.chunk_by(move |one, other| class(one) == class(other)).filter(move |run| class(&run[0]) != 0)
}

/// The row of `sign` followed by `word`.
fn lookup(sign: &[u8], word: &[u8]) -> Option<u16> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let mut hash = 0x811C_9DC5_u32;
    for byte in sign.iter().chain(word) {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    let mut at = (hash & 0xFFFF) as usize;
    loop {
        let slot = u16::from_le_bytes([SLOTS[2 * at], SLOTS[2 * at + 1]]);
        let row = slot.checked_sub(1)?;
        let known = text_of(usize::from(row));
        if known.len() == sign.len() + word.len() && known.starts_with(sign) && known.ends_with(word) {
            return Some(row);
        }
        at = (at + 1) & 0xFFFF;
    }
}

/// The word of a row.
fn text_of(row: usize) -> &'static [u8] {
    let start = if row == 0 { 0 } else { end_of(row - 1) };
    WORDS.get(start..end_of(row)).unwrap_or_default()
}

fn end_of(row: usize) -> usize {
    u32::from_le_bytes([ENDS[3 * row], ENDS[3 * row + 1], ENDS[3 * row + 2], 0]) as usize
}

fn scale(row: usize) -> f32 {
    let at = 4 * row;
    f32::from_le_bytes([SCALES[at], SCALES[at + 1], SCALES[at + 2], SCALES[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
        ids: Vec<u16>,
        embedding: Vec<f32>,
    }

    #[test]
    fn the_table_reads_texts_as_it_was_trained() {
        for line in include_str!("../tests/data/parity.jsonl").lines() {
            let line: Line = serde_json::from_str(line).unwrap();
            assert_eq!(pieces(&line.text), line.ids, "{}", line.text);
            let ours = embed(&line.text);
            for (our, their) in ours.iter().zip(&line.embedding) {
                assert!((our - their).abs() < 2e-4, "{}: {our} {their}", line.text);
            }
        }
    }

    #[test]
    fn texts_without_known_words_are_nothing() {
        assert_eq!(embed(""), [0.0; DIM]);
        assert_eq!(embed("日本語 ..."), [0.0; DIM]);
    }

    #[test]
    fn a_long_text_is_read_as_far_as_its_first_pieces() {
        assert_eq!(pieces(&"open ".repeat(1000)).len(), PIECES_MAX);
        assert_eq!(pieces(&"qx".repeat(100_000)).len(), PIECES_MAX);
    }
}
