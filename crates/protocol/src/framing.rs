//! Where messages begin and end in a byte stream: lines (stdio and its like) and server-sent
//! events. Pure: fed with bytes however they were split, bounded in what they keep.

use bytes::{Buf, Bytes, BytesMut};

/// The same JSON without line breaks: outside of strings, where they cannot stand, they are blanks.
#[must_use]
pub fn one_line(json: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &json).is_none() {
        return json;
    }
    json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}

/// What a [`LineDecoder`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line without its end; may be empty.
    Text(Bytes),
    /// A line longer than allowed was dropped; its bytes were not kept.
    TooLong,
}

/// Splits a byte stream at line feeds.
#[derive(Debug)]
pub struct LineDecoder {
    buffer: BytesMut,
    searched: usize,
    line_bytes_max: usize,
    dropping: bool,
}

impl LineDecoder {
    /// A decoder that keeps lines of at most `line_bytes_max` bytes.
    #[must_use]
    pub fn new(line_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), searched: 0, line_bytes_max, dropping: false }
    }

    /// Where to append what was read.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Whether the rest of a line that was too long is being dropped.
    #[must_use]
    pub fn is_dropping(&self) -> bool {
        self.dropping
    }

    /// The next whole line, if there is one.
    pub fn next_line(&mut self) -> Option<Line> {
        loop {
            let Some(found) = memchr::memchr(b'\n', &self.buffer[self.searched..]) else {
                self.searched = self.buffer.len();
                if self.dropping {
                    self.buffer.clear();
                    self.searched = 0;
                } else if self.searched > self.line_bytes_max {
                    // The memory goes too: it has grown to the limit for a line that nobody sees.
                    self.buffer = BytesMut::new();
                    self.searched = 0;
                    self.dropping = true;
                    return Some(Line::TooLong);
                }
                return None;
            };
            let end = self.searched + found;
            let mut line = self.buffer.split_to(end);
            self.buffer.advance(1);
            self.searched = 0;
            if std::mem::take(&mut self.dropping) {
                continue;
            }
            if line.len() > self.line_bytes_max {
                return Some(Line::TooLong);
            }
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            return Some(Line::Text(line.freeze()));
        }
    }

    /// What came after the last line feed, when the stream has ended.
    pub fn rest(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let rest = self.buffer.split().freeze();
        (!rest.is_empty() && !self.dropping).then_some(rest)
    }
}

/// One server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `event` field; empty means `message`.
    pub event: String,
    /// The `data` fields joined by line feeds.
    pub data: Bytes,
    /// The `id` field of this event.
    pub id: Option<String>,
    /// The `retry` field, in milliseconds.
    pub retry_ms: Option<u64>,
}

/// An event stream went over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is larger than the limit of {event_bytes_max} bytes")]
pub struct EventTooLarge {
    /// The limit.
    pub event_bytes_max: usize,
}

/// Splits a byte stream into server-sent events (WHATWG HTML, section 9.2.6).
#[derive(Debug)]
pub struct SseDecoder {
    buffer: BytesMut,
    searched: usize,
    event: SseEvent,
    data: BytesMut,
    has_data: bool,
    started: bool,
    skip_line_feed: bool,
    /// The rest of an event that was too large is skipped.
    dropping: bool,
    /// The line that comes next is the rest of one whose beginning was dropped.
    cut: bool,
    event_bytes_max: usize,
}

impl SseDecoder {
    /// A decoder that keeps events of at most `event_bytes_max` bytes.
    #[must_use]
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            event: SseEvent::default(),
            data: BytesMut::new(),
            has_data: false,
            started: false,
            skip_line_feed: false,
            dropping: false,
            cut: false,
            event_bytes_max,
        }
    }

    /// Appends what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, if there is one.
    ///
    /// # Errors
    /// When an event outgrows the limit: it is dropped, and the stream can be read on.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, EventTooLarge> {
        while let Some(line) = self.line() {
            if std::mem::take(&mut self.cut) {
                continue;
            }
            if line.is_empty() {
                if !std::mem::take(&mut self.dropping)
                    && let Some(event) = self.finish()
                {
                    return Ok(Some(event));
                }
                continue;
            }
            if self.dropping {
                continue;
            }
            self.field(&line);
            if self.data.len().max(line.len()) > self.event_bytes_max {
                return Err(self.drop_event());
            }
        }
        if self.buffer.len() > self.event_bytes_max {
            self.buffer.clear();
            self.searched = 0;
            self.cut = true;
            if !self.dropping {
                return Err(self.drop_event());
            }
        }
        Ok(None)
    }

    fn drop_event(&mut self) -> EventTooLarge {
        self.dropping = true;
        self.event = SseEvent::default();
        self.data.clear();
        self.has_data = false;
        EventTooLarge { event_bytes_max: self.event_bytes_max }
    }

    /// A line ends with CR, LF or both.
    fn line(&mut self) -> Option<Bytes> {
        if self.skip_line_feed && !self.buffer.is_empty() {
            self.skip_line_feed = false;
            if self.buffer[0] == b'\n' {
                self.buffer.advance(1);
                self.searched = 0;
            }
        }
        if !self.started && self.buffer.len() >= 3 {
            self.started = true;
            if self.buffer.starts_with("\u{feff}".as_bytes()) {
                self.buffer.advance(3);
                self.searched = 0;
            }
        }
        let Some(found) = memchr::memchr2(b'\n', b'\r', &self.buffer[self.searched..]) else {
            self.searched = self.buffer.len();
            return None;
        };
        let end = self.searched + found;
        let line = self.buffer.split_to(end).freeze();
        self.skip_line_feed = self.buffer[0] == b'\r';
        self.buffer.advance(1);
        self.searched = 0;
        self.started = true;
        Some(line)
    }

    fn field(&mut self, line: &Bytes) {
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let mut start = (colon + 1).min(line.len());
        if line.get(start) == Some(&b' ') {
            start += 1;
        }
        let value = &line[start..];
        let text = || String::from_utf8_lossy(value).into_owned();
        match &line[..colon] {
            b"data" => {
                if self.has_data {
                    self.data.extend_from_slice(b"\n");
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.event.event = text(),
            b"id" if !value.contains(&0) => self.event.id = Some(text()),
            b"retry" => self.event.retry_ms = text().parse().ok().or(self.event.retry_ms),
            _ => {}
        }
    }

    /// An event without data is dispatched only for what its other fields say.
    fn finish(&mut self) -> Option<SseEvent> {
        let mut event = std::mem::take(&mut self.event);
        event.data = self.data.split().freeze();
        let said = std::mem::take(&mut self.has_data) || event.id.is_some() || event.retry_ms.is_some();
        said.then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]], max: usize) -> (Vec<Line>, Option<Bytes>) {
        let mut decoder = LineDecoder::new(max);
        let mut found = Vec::new();
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            while let Some(line) = decoder.next_line() {
                found.push(line);
            }
        }
        let rest = decoder.rest();
        (found, rest)
    }

    fn events(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let mut decoder = SseDecoder::new(1 << 16);
        let mut found = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(event) = decoder.next_event().unwrap() {
                found.push(event);
            }
        }
        found
    }

    #[test]
    fn lines_are_the_same_at_every_split_point() {
        let text = "{\"a\":1}\r\n\n{\"bb\":\"é\"}\nrest".as_bytes();
        let whole = lines(&[text], 64);
        assert_eq!(whole.0.len(), 3);
        assert_eq!(whole.1.as_deref(), Some(&b"rest"[..]));
        for at in 0..=text.len() {
            assert_eq!(lines(&[&text[..at], &text[at..]], 64), whole, "split at {at}");
        }
    }

    #[test]
    fn a_line_too_long_is_dropped_alone() {
        let text = b"aaaaaaaaaaaaaaaaaaaa\nok\n";
        for at in 0..=text.len() {
            let (found, _) = lines(&[&text[..at], &text[at..]], 8);
            assert_eq!(found, [Line::TooLong, Line::Text(Bytes::from_static(b"ok"))], "split at {at}");
        }
    }

    #[test]
    fn events_are_the_same_at_every_split_point() {
        let text = "\u{feff}: hello\r\nid: 7\r\nevent: message\r\ndata: {\"a\":\rdata: 1}\n\nretry: 250\n\ndata:x\r\r"
            .as_bytes();
        let whole = events(&[text]);
        assert_eq!(whole.len(), 3);
        assert_eq!(&whole[0].data[..], b"{\"a\":\n1}");
        assert_eq!(whole[0].id.as_deref(), Some("7"));
        assert_eq!(whole[1].retry_ms, Some(250));
        assert_eq!(&whole[2].data[..], b"x");
        for at in 0..=text.len() {
            assert_eq!(events(&[&text[..at], &text[at..]]), whole, "split at {at}");
        }
    }

    #[test]
    fn a_byte_order_mark_may_come_byte_by_byte() {
        let text = "\u{feff}data:x\n\n".as_bytes();
        let pieces: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(events(&pieces), events(&[text]));
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut decoder = SseDecoder::new(16);
        decoder.feed(b"data: 0123456789012345678901234567890123456789");
        assert!(decoder.next_event().is_err());
    }

    #[test]
    fn an_event_too_large_is_dropped_alone() {
        let text = b"data: a\n\ndata: 01234567890123456789\ndata: b\nevent: x\n\ndata: 0123456789\ndata: 0123456789\n\ndata: c\n\n";
        for at in 0..=text.len() {
            let mut decoder = SseDecoder::new(16);
            let (mut found, mut dropped) = (Vec::new(), 0);
            for piece in [&text[..at], &text[at..]] {
                for byte in piece.chunks(7) {
                    decoder.feed(byte);
                    loop {
                        match decoder.next_event() {
                            Ok(Some(event)) => found.push((event.event, event.data)),
                            Ok(None) => break,
                            Err(_) => dropped += 1,
                        }
                    }
                }
            }
            let expected = ["a", "c"].map(|data| (String::new(), Bytes::from_static(data.as_bytes())));
            assert_eq!((&found[..], dropped), (&expected[..], 2), "split at {at}");
        }
    }

    proptest! {
        #[test]
        fn split_in_three_changes_nothing(bytes in "[a\r\n:d]{0,40}", first in 0usize..40, second in 0usize..40) {
            let bytes = bytes.as_bytes();
            let (first, second) = (first.min(bytes.len()), second.min(bytes.len()));
            let (low, high) = (first.min(second), first.max(second));
            let pieces = [&bytes[..low], &bytes[low..high], &bytes[high..]];
            prop_assert_eq!(lines(&pieces, 12), lines(&[bytes], 12));
            prop_assert_eq!(events(&pieces), events(&[bytes]));
        }
    }
}
