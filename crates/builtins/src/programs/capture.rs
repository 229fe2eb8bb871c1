//! What a program prints, bounded: the beginning and the end are kept, the middle is counted. It
//! reads to the end whatever comes, so that nobody waits on a full pipe.

use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// The beginning and the end of what was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    half_max: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Bytes between them that are not kept.
    left_out: u64,
}

// === impl Capture ===

impl Capture {
    /// Keeps at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Capture {
        Capture { half_max: bytes_max / 2, head: Vec::new(), tail: VecDeque::new(), left_out: 0 }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let room = self.half_max - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        // Of a chunk larger than the tail only its end can stay.
        let skipped = rest.len().saturating_sub(self.half_max);
        self.tail.extend(&rest[skipped..]);
        let over = self.tail.len().saturating_sub(self.half_max);
        self.tail.drain(..over);
        self.left_out += u64::try_from(skipped + over).unwrap_or(u64::MAX);
    }

    /// Whether something is missing.
    pub(crate) fn is_truncated(&self) -> bool {
        self.left_out > 0
    }

    /// As text; what is no UTF-8 is replaced, what is missing is said.
    pub(crate) fn text(&self) -> String {
        let (front, back) = self.tail.as_slices();
        if self.left_out == 0 {
            return String::from_utf8_lossy(&[&self.head, front, back].concat()).into_owned();
        }
        let head = String::from_utf8_lossy(&self.head);
        let tail = [front, back].concat();
        format!("{head}\n[… {} bytes left out …]\n{}", self.left_out, String::from_utf8_lossy(&tail))
    }
}

/// Reads to the end; `seen` is told how many bytes came, and says whether to go on.
pub(crate) async fn read(
    mut from: Box<dyn AsyncRead + Send + Unpin>,
    into: &mut Capture,
    mut seen: impl FnMut(usize) -> bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    // An error ends it like the end: the pipe is gone.
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        into.add(&chunk[..length]);
        if !seen(length) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let mut capture = Capture::new(8);
        capture.add(b"abcdef");
        assert_eq!((capture.text().as_str(), capture.is_truncated()), ("abcdef", false));
        capture.add(b"ghijkl");
        assert_eq!(capture.text(), "abcd\n[… 4 bytes left out …]\nijkl");
    }

    proptest! {
        #[test]
        fn it_keeps_no_more_than_it_may_and_counts_the_rest(chunks in proptest::collection::vec("[a-z]{0,30}", 0..10), max in 0_usize..40) {
            let mut capture = Capture::new(max);
            chunks.iter().for_each(|chunk| capture.add(chunk.as_bytes()));
            let all = chunks.concat();
            let kept = capture.head.len() + capture.tail.len();
            prop_assert!(kept <= max);
            prop_assert_eq!(kept as u64 + capture.left_out, all.len() as u64);
            prop_assert!(all.as_bytes().starts_with(&capture.head));
            let tail: Vec<u8> = capture.tail.iter().copied().collect();
            prop_assert!(all.as_bytes().ends_with(&tail));
        }
    }
}
