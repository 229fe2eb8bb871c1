//! Bytes on their way out: small pieces are gathered, large ones are shared and never copied.

use crate::Raw;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// A slice at least this long (bytes) is sent as it is instead of being copied. Below it, one
/// copy costs less than one more entry in a vectored write.
const SHARE_MIN: usize = 8 * 1024;

/// A message being written, as a list of chunks.
#[derive(Debug, Default)]
pub struct Output {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    len: usize,
}

impl Output {
    /// An empty message with room for `capacity` bytes of small pieces.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), tail: BytesMut::with_capacity(capacity), len: 0 }
    }

    /// Appends bytes by copying them.
    pub fn push(&mut self, bytes: &[u8]) {
        self.len += bytes.len();
        self.tail.extend_from_slice(bytes);
    }

    /// Appends text by copying it.
    pub fn push_str(&mut self, text: &str) {
        self.push(text.as_bytes());
    }

    /// Appends a value: copied when small, shared when large.
    pub fn push_raw(&mut self, raw: &Raw) {
        self.push_bytes(raw.bytes());
    }

    /// Appends bytes: copied when small, shared when large.
    pub fn push_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARE_MIN {
            return self.push(bytes);
        }
        self.len += bytes.len();
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
        self.chunks.push_back(bytes.clone());
    }

    /// Appends `text` as a JSON string.
    pub fn push_json_str(&mut self, text: &str) {
        let plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        if plain {
            self.push(b"\"");
            self.push_str(text);
            self.push(b"\"");
        } else {
            self.push(Raw::of(text).as_bytes());
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks in order.
    #[must_use]
    pub fn into_chunks(mut self) -> VecDeque<Bytes> {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.freeze());
        }
        self.chunks
    }

    /// The whole message in one piece; free when it has only one chunk.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        let len = self.len;
        let mut chunks = self.into_chunks();
        match chunks.len() {
            0 => Bytes::new(),
            1 => chunks.pop_front().unwrap_or_default(),
            _ => {
                let mut whole = BytesMut::with_capacity(len);
                chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
                whole.freeze()
            }
        }
    }
}
