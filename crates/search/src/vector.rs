//! The meaning of a text in 128 bytes, and how near two of them are.
//!
//! A vector is what is kept instead of a text: from it nobody reads the text again.

use crate::table::{self, DIM};

/// A longer text is read as far as this (bytes); the table reads 128 pieces in any case.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;

/// A text's meaning: 128 signed bytes, all zero when no word of it is known.
#[derive(Debug, Clone)]
pub struct Vector {
    bytes: [u8; DIM],
    /// One through the length of the bytes; 0 for the zero vector.
    inverse: f32,
}

/// The meaning of `text`, in some microseconds and without a network.
#[must_use]
pub fn embed(text: &str) -> Vector {
    Vector::of_values(&table::embed(head(text, TEXT_BYTES_MAX)))
}

/// The first `max` bytes of `text`, or a little less where that would cut a character.
pub(crate) fn head(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// A vector as the index keeps it: bytes, and what one of them stands for.
pub(crate) fn quantised(values: &[f32; DIM]) -> ([u8; DIM], f32) {
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if largest <= 0.0 {
        return ([0; DIM], 0.0);
    }
    (values.map(|value| ((value / largest * 127.0).round() as i8).cast_unsigned()), largest / 127.0)
}

/// The product of two rows. Numbers of 16 bits in eight lanes, since every processor multiplies and
/// adds eight pairs of them at once; bytes would have to be widened each time.
pub(crate) fn dot(one: &Wide, other: &Wide) -> i32 {
    let mut sums = [0_i32; LANES];
    for (one, other) in one.as_chunks::<LANES>().0.iter().zip(other.as_chunks::<LANES>().0) {
        for (sum, (one, other)) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += i32::from(*one) * i32::from(*other);
        }
    }
    sums.iter().sum()
}

const LANES: usize = 8;

/// A row as it is multiplied.
pub(crate) type Wide = [i16; DIM];

/// A row of signed bytes as it is multiplied.
pub(crate) fn widened(row: &[u8; DIM]) -> Wide {
    row.map(|byte| i16::from(byte.cast_signed()))
}

/// A row of small numbers as bytes.
pub(crate) fn narrowed(row: &Wide) -> [u8; DIM] {
    row.map(|value| (value as i8).cast_unsigned())
}

impl Vector {
    fn of_values(values: &[f32; DIM]) -> Self {
        Self::of_bytes(quantised(values).0)
    }

    fn of_bytes(bytes: [u8; DIM]) -> Self {
        let wide = widened(&bytes);
        let square = dot(&wide, &wide);
        Self { bytes, inverse: if square > 0 { 1.0 / (square as f32).sqrt() } else { 0.0 } }
    }

    /// How near the two are: 1 the same, about 0 unrelated, never outside -1 to 1.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        (dot(&widened(&self.bytes), &widened(&other.bytes)) as f32 * self.inverse * other.inverse).clamp(-1.0, 1.0)
    }

    /// The 128 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The vector of 128 bytes; none when there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::of_bytes(bytes.try_into().ok()?))
    }
}

impl PartialEq for Vector {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Vector {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_mean_the_same_are_nearer_than_others() {
        let asked = embed("send a message to a channel");
        assert!(asked.cosine(&embed("post to a chat room")) > asked.cosine(&embed("delete a database table")));
        assert!((asked.cosine(&asked) - 1.0).abs() < 1e-3);
        assert_eq!(asked.cosine(&embed("")), 0.0);
    }

    #[test]
    fn bytes_and_back() {
        let vector = embed("open a pull request");
        assert_eq!(Vector::from_bytes(vector.as_bytes()), Some(vector));
        assert_eq!(Vector::from_bytes(&[0; 127]), None);
        assert_eq!(Vector::from_bytes(&[0x80; 128]).map(|low| low.cosine(&low) > 0.99), Some(true));
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(head("ab", 9), "ab");
    }
}
