//! Where a text is cut so that it costs no more than so many tokens, at a place where a reader would
//! cut it. It deliberately does not know what the text is: JSON is cut at a line as prose is.

use crate::merge::Merger;
use crate::pieces;
use crate::vocabulary::TOKEN_BYTES_MAX;

/// Of how much of what fits a better place may cost: a line end in the last quarter is taken before a
/// sentence's, and that before a word's.
const GIVEN_UP: usize = 4;

/// The last good places seen.
#[derive(Debug, Default)]
struct Places {
    line: usize,
    sentence: usize,
    word: usize,
}

/// Whether `text` is at most `max` tokens. Stops at the first that is one too many.
#[must_use]
pub fn fits(text: &str, max: usize) -> bool {
    // Every token is a byte at least.
    text.len() <= max || count_within(text, max).is_some()
}

/// How many tokens `text` is, if it is at most `max`. Stops at the first that is one too many.
#[must_use]
pub fn count_within(text: &str, max: usize) -> Option<usize> {
    let mut merger = Merger::default();
    let mut left = max;
    for piece in pieces::of(text) {
        left = left.checked_sub(merger.count(piece.as_bytes()))?;
    }
    Some(max - left)
}

/// Where `text` is cut: a byte index at a character's boundary, so that what is before it is at most
/// `max` tokens. The end of the text if it fits; else after the end of a line, a sentence or a word if
/// there is one in the last quarter of what fits. Less than 1 only if not even a character fits.
#[must_use]
pub fn cut(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    let mut merger = Merger::default();
    let mut places = Places::default();
    // Texts that end where a piece ends have the same pieces: the pattern looks ahead only over blanks,
    // and a cut there leaves the same blanks. So the sum over pieces is the count of what is kept.
    let (mut end, mut left) = (0, max);
    for piece in pieces::of(text) {
        let cost = merger.count(piece.as_bytes());
        let Some(fewer) = left.checked_sub(cost) else {
            if piece.starts_with(char::is_whitespace) {
                places.word = end;
            }
            // A piece of very many tokens (base64, one long word) is cut inside, rather than left out whole.
            let inside =
                if end == 0 || left > max / GIVEN_UP { inside(&mut merger, text, end, piece, left) } else { None };
            return inside.unwrap_or_else(|| places.best(end));
        };
        left = fewer;
        places.pass(end, piece);
        end += piece.len();
    }
    text.len()
}

impl Places {
    /// Notes a piece that begins at `start` and is kept.
    fn pass(&mut self, start: usize, piece: &str) {
        let end = start + piece.len();
        let blank = |character: char| character.is_whitespace();
        if piece.starts_with(blank) || piece.ends_with(blank) {
            self.word = if piece.starts_with(blank) { start } else { end };
        }
        if piece.ends_with(['\n', '\r']) {
            self.line = end;
        }
        if piece.ends_with(['.', '!', '?', '。', '！', '？']) {
            self.sentence = end;
        }
    }

    /// The best of them before `end`.
    fn best(&self, end: usize) -> usize {
        let least = end - end / GIVEN_UP;
        [self.line, self.sentence, self.word].into_iter().find(|&place| place > 0 && place >= least).unwrap_or(end)
    }
}

/// Cuts a piece that begins at `start` inside, so that it costs at most `left`. What is before it costs
/// the same with any beginning of the piece after it; what is kept of the piece is counted again, since a
/// character that is several tokens is kept whole or not at all.
fn inside(merger: &mut Merger, text: &str, start: usize, piece: &str, left: usize) -> Option<usize> {
    let reach = piece.floor_char_boundary(left.saturating_add(1).saturating_mul(TOKEN_BYTES_MAX));
    let piece = piece.get(..reach)?;
    let mut wanted = left;
    while wanted > 0 {
        let end = start + piece.floor_char_boundary(merger.end_of(piece.as_bytes(), wanted));
        let counted: usize = pieces::of(text.get(start..end)?).map(|part| merger.count(part.as_bytes())).sum();
        if end > start && counted <= left {
            return Some(end);
        }
        wanted -= 1 + wanted / 8;
    }
    None
}
