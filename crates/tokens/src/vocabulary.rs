//! The ranks of o200k_base: which bytes are a token, and how early it was merged. Searched in a file
//! that is part of the binary; it deliberately allocates nothing and builds nothing.
//!
//! The file, all numbers little endian: where buckets begin (u32 each, one more than there are buckets);
//! entries (u32: 14 bits of the hash, 18 bits of rank), by bucket; where the bytes of every 16th rank
//! begin (u32); lengths of tokens by rank (u8); bytes of tokens by rank. A look-up touches one bucket
//! (twelve entries on average) and, but for one in 1 400 misses, only bytes of tokens that there are. So what
//! a process has touched after counting much is about half of the file. `tests.rs` writes it.

/// The whole file.
static FILE: &[u8] = include_bytes!("../assets/o200k.bin");

/// How many tokens there are; ranks are below.
const TOKENS: usize = 199_998;
/// The longest token, in bytes: it is 128 blanks.
pub(crate) const TOKEN_BYTES_MAX: usize = 128;

const BUCKET_BITS: u32 = 14;
const MARK_BITS: u32 = 14;
const RANK_BITS: u32 = 18;
/// How many ranks share a place in the table of places.
const BLOCK: usize = 16;

const ENTRIES_AT: usize = ((1 << BUCKET_BITS) + 1) * 4;
const BLOCKS_AT: usize = ENTRIES_AT + TOKENS * 4;
const LENGTHS_AT: usize = BLOCKS_AT + TOKENS.div_ceil(BLOCK) * 4;
const BYTES_AT: usize = LENGTHS_AT + TOKENS;

/// The rank of `bytes`, if they are a token.
pub(crate) fn rank(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (bucket, mark) = places(bytes);
    let (start, end) = (number(bucket * 4), number(bucket * 4 + 4));
    (start..end)
        .map(|entry| number(ENTRIES_AT + entry * 4))
        .filter(|entry| entry >> RANK_BITS == mark)
        .map(|entry| entry & ((1 << RANK_BITS) - 1))
        .find(|&rank| token(rank) == Some(bytes))
        .and_then(|rank| u32::try_from(rank).ok())
}

/// Bucket and mark of some bytes.
fn places(bytes: &[u8]) -> (usize, usize) {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (bytes.len() as u64).wrapping_mul(FACTOR);
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(FACTOR);
    let bucket = hash >> (64 - BUCKET_BITS);
    let mark = (hash >> (64 - BUCKET_BITS - MARK_BITS)) & ((1 << MARK_BITS) - 1);
    (bucket as usize, mark as usize)
}

/// The bytes of the token of a rank.
fn token(rank: usize) -> Option<&'static [u8]> {
    let block = rank - rank % BLOCK;
    let lengths = FILE.get(LENGTHS_AT + block..=LENGTHS_AT + rank)?;
    let (length, before) = lengths.split_last()?;
    let before: usize = before.iter().map(|&length| usize::from(length)).sum();
    let start = BYTES_AT + number(BLOCKS_AT + rank / BLOCK * 4) + before;
    FILE.get(start..start + usize::from(*length))
}

/// The number at a place of the file.
fn number(at: usize) -> usize {
    FILE.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
}

#[cfg(test)]
mod tests;
