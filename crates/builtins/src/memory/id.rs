//! Ids of memories: a number that grows with time in the store, a short word for people and models.
//!
//! It deliberately knows no clock and no chance: both are handed in.

use std::fmt;

/// What every id begins with.
const LETTER: char = 'm';
/// Digits of the written number: 5 bits each, 13 hold 63 bits.
const DIGITS: usize = 13;
/// The lowest bits are chance, so that processes that write at once need not ask each other; the
/// others are milliseconds since 1970, enough until 2109.
const CHANCE_BITS: u32 = 21;
/// Crockford's alphabet: no letter that is taken for a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Names a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemoryId(pub(crate) i64);

// === impl MemoryId ===

impl MemoryId {
    /// The id of something made at `now_ms` (since 1970).
    pub(crate) fn new(now_ms: i64, chance: u32) -> Self {
        let limit = 1_i64 << (63 - CHANCE_BITS);
        let time = now_ms.clamp(0, limit - 1) << CHANCE_BITS;
        Self(time | i64::from(chance & ((1 << CHANCE_BITS) - 1)))
    }

    /// Reads an id as it is written, or as someone typed it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix([LETTER, LETTER.to_ascii_uppercase()])?;
        if digits.len() != DIGITS {
            return None;
        }
        let mut number: i64 = 0;
        for digit in digits.bytes() {
            let value = match digit.to_ascii_lowercase() {
                b'o' => 0,
                b'i' | b'l' => 1,
                plain => ALPHABET.iter().position(|known| *known == plain)?,
            };
            number = number.checked_mul(32)?.checked_add(i64::try_from(value).ok()?)?;
        }
        Some(Self(number))
    }
}

impl fmt::Display for MemoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = (0..DIGITS).rev().map(|place| {
            let value = (self.0 >> (5 * place)) & 31;
            usize::try_from(value).ok().and_then(|value| ALPHABET.get(value)).map_or('0', |digit| char::from(*digit))
        });
        write!(formatter, "{LETTER}{}", digits.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_newer_is_the_greater() {
        assert!(MemoryId::new(1_000, 5) < MemoryId::new(1_001, 0));
        assert!(MemoryId::new(i64::MAX, u32::MAX).0 > 0);
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in ["", "m", "x0000000000000", "m000000000000", "mzzzzzzzzzzzzz", "m00000000000é"] {
            assert_eq!(MemoryId::parse(text), None, "{text}");
        }
        assert_eq!(MemoryId::parse(" M000000000001O "), Some(MemoryId(32)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number in 0..=i64::MAX) {
            prop_assert_eq!(MemoryId::parse(&MemoryId(number).to_string()), Some(MemoryId(number)));
        }
    }
}
