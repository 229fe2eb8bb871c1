//! What must hold of any byte stream, however it was split on its way: the same lines, the same
//! events, nothing kept beyond the limit. The first bytes say how to split the rest.

use bytes::Bytes;
use protocol::framing::{Line, LineDecoder, SseDecoder, SseEvent};

/// A limit that the inputs run into.
const TIGHT: usize = 24;
/// A limit that they do not.
const WIDE: usize = 1 << 20;

/// Splits `data` into lines and events, whole and in pieces.
///
/// # Panics
/// When a decoder panics, keeps more than it may, or finds something else in pieces.
pub(crate) fn run(data: &[u8]) {
    let (plan, stream) = data.split_at(data.len().min(4));
    let pieces = pieces(stream, plan);
    for limit in [TIGHT, WIDE] {
        let whole = lines(&[stream], limit);
        assert_eq!(lines(&pieces, limit), whole);
        for line in &whole.0 {
            if let Line::Text(text) = line {
                assert!(text.len() <= limit && !text.contains(&b'\n'));
            }
        }
    }
    let (whole, refused) = events(&[stream], WIDE);
    assert!(!refused, "nothing here is that large");
    assert_eq!(events(&pieces, WIDE), (whole.clone(), false));
    // Where a tight limit strikes depends on the pieces; what came before does not.
    let (tight, _) = events(&pieces, TIGHT);
    assert!(whole.starts_with(&tight));
    assert!(tight.iter().all(|event| event.data.len() <= TIGHT));
}

/// Cuts `stream` into pieces whose lengths are the bytes of `plan`, over and over.
fn pieces<'a>(mut stream: &'a [u8], plan: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in plan.iter().cycle() {
        // Every piece takes at least one byte, so that it ends.
        let (piece, rest) = stream.split_at(usize::from(length % 16 + 1).min(stream.len()));
        pieces.push(piece);
        stream = rest;
        if stream.is_empty() {
            break;
        }
    }
    pieces
}

fn lines(pieces: &[&[u8]], limit: usize) -> (Vec<Line>, Option<Bytes>) {
    let mut decoder = LineDecoder::new(limit);
    let mut found = Vec::new();
    for piece in pieces {
        decoder.buffer().extend_from_slice(piece);
        while let Some(line) = decoder.next_line() {
            found.push(line);
        }
        assert!(decoder.buffer().len() <= limit, "an unfinished line is bounded");
    }
    (found, decoder.rest())
}

fn events(pieces: &[&[u8]], limit: usize) -> (Vec<SseEvent>, bool) {
    let mut decoder = SseDecoder::new(limit);
    let mut found = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_event() {
                Ok(Some(event)) => found.push(event),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}
