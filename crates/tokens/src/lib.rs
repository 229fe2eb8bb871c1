//! What a text costs a model, in tokens, counted exactly with one vocabulary (o200k_base), and where a
//! text is cut to cost no more than so many. It deliberately knows nothing of tools, catalogs and
//! sessions, speaks no token ids, and knows no special tokens: texts are data.
//!
//! The vocabulary is read-only data of the binary that is searched as it lies: nothing is built at the
//! start, nothing is kept on the heap, and a process that counts nothing has none of it in memory.

mod pieces;

mod vocabulary;

mod merge;

mod cut;
pub use cut::{count_within, cut, fits};

/// The vocabulary that is counted with: that of OpenAI's models since GPT-4o. Others differ by some
/// percent; `docs/tokens.md` says by how many.
pub const VOCABULARY: &str = "o200k_base";

/// Bytes of a hundred tokens of results of tools: prose, JSON and code mixed.
const BYTES_OF_A_HUNDRED: usize = 390;

/// How many tokens `text` is, exactly. Time grows with the length alone, whatever the text is.
#[must_use]
pub fn count(text: &str) -> usize {
    let mut merger = merge::Merger::default();
    pieces::of(text).map(|piece| merger.count(piece.as_bytes())).sum()
}

/// How many tokens a text of so many `bytes` is, roughly: for results, which nobody counts while they
/// pass. Never 0 for what is not empty.
#[must_use]
pub fn estimate(bytes: usize) -> usize {
    bytes.saturating_mul(100).div_ceil(BYTES_OF_A_HUNDRED)
}

#[cfg(test)]
mod tests;
