//! Reads what a child writes to stderr into its log, line by line, in bounded memory. It runs until
//! the child closes the pipe; it judges nothing.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::server_log::{LINE_BYTES_MAX, ServerLog, Stream};

const READ_BYTES: usize = 8 * 1024;

/// Reads `source` to its end into `log`. A line longer than the limit is cut, and what follows up
/// to its end is read and thrown away; a last line without an end counts.
pub async fn pump(mut source: impl AsyncRead + Unpin, log: ServerLog, stream: Stream) {
    let mut lines = Lines::default();
    let mut buffer = vec![0; READ_BYTES];
    // A read error is the end, like a closed pipe.
    while let Ok(count @ 1..) = source.read(&mut buffer).await {
        lines.feed(&buffer[..count], |line| log.push(stream, line));
    }
    lines.finish(|line| log.push(stream, line));
}

/// Bytes of a line that is not yet whole: at most one more than the limit, so that the log sees
/// that it was longer.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            each(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial));
            self.partial.clear();
        }
        self.keep(bytes);
    }

    fn finish(self, mut each: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            each(&self.partial);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (LINE_BYTES_MAX + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(log: &ServerLog) -> Vec<String> {
        log.tail(usize::MAX).iter().map(|line| line.text.clone()).collect()
    }

    #[tokio::test]
    async fn reads_lines_to_the_end() {
        let log = ServerLog::in_memory();
        pump(&b"one\r\n\ntwo"[..], log.clone(), Stream::Stderr).await;
        assert_eq!(texts(&log), ["one", "", "two"]);
    }

    #[tokio::test]
    async fn a_line_without_end_stays_small() {
        let log = ServerLog::in_memory();
        let endless = tokio::io::repeat(b'x').take(10 * 1024 * 1024);
        pump(endless, log.clone(), Stream::Stderr).await;
        let line = &log.tail(1)[0];
        assert_eq!((line.text.len(), line.cut), (LINE_BYTES_MAX, true));
    }

    proptest! {
        #[test]
        fn the_split_of_reads_does_not_matter(text in "[a\n]{0,40}", at in 0usize..40) {
            let at = at.min(text.len());
            let collect = |parts: &[&str]| {
                let mut lines = Lines::default();
                let mut out = Vec::new();
                for part in parts {
                    lines.feed(part.as_bytes(), |line| out.push(line.to_vec()));
                }
                lines.finish(|line| out.push(line.to_vec()));
                out
            };
            prop_assert_eq!(collect(&[&text]), collect(&[&text[..at], &text[at..]]));
        }
    }
}
