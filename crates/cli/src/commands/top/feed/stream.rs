//! Server-sent events as they come in parts (HTML standard, section 9.2): only their data, which is
//! all that is needed of our own daemon.

use crate::report::Report;
use std::mem;

/// An event with more bytes of data than this is not ours.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// What came of an event so far.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
}

// === impl Events ===

impl Events {
    /// Takes in what came; gives the data of each event that is whole now.
    ///
    /// # Errors
    /// When an event is too large to be one of ours.
    pub(super) fn push(&mut self, part: &[u8]) -> Result<Vec<Vec<u8>>, Report> {
        let mut events = Vec::new();
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + self.data.len() + piece.len() > EVENT_BYTES_MAX {
                return Err(Report::failed("the daemon sent an event that is too large"));
            }
            self.line.extend_from_slice(piece);
            if self.line.last() == Some(&b'\n') {
                let line = mem::take(&mut self.line);
                events.extend(self.take(line.trim_ascii_end()));
            }
        }
        Ok(events)
    }

    /// An empty line ends an event. Its name and number stand in the data too.
    fn take(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        if line.is_empty() {
            return Some(mem::take(&mut self.data)).filter(|data| !data.is_empty());
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_any_parts() {
        let text = b": hello\n\nevent: delta\r\nid: 3\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\ndata:x\n\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<Vec<u8>> = text.chunks(size).flat_map(|part| events.push(part).unwrap()).collect();
            assert_eq!(found, [b"{\"a\":\n1}".to_vec(), b"x".to_vec()], "{size}");
        }
    }

    #[test]
    fn what_is_too_large_ends_it() {
        let mut events = Events::default();
        assert!(events.push(&vec![b'x'; EVENT_BYTES_MAX]).is_ok());
        assert!(events.push(b"x").is_err());
    }
}
