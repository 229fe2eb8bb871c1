//! What one server says outside the protocol: its stderr, noise on its stdout, and our own remarks,
//! in a ring in memory, a file on disk, and live to whoever follows. Pushing a line never waits;
//! the file is written elsewhere. It does not read from the server.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::log_file::{LogFileId, LogWriter};
use crate::timestamp::utc;

/// The longest line that is kept, in bytes; the rest is cut.
pub(crate) const LINE_BYTES_MAX: usize = 4 * 1024;
/// Lines in memory per server.
const RING_LINES_MAX: usize = 1000;
/// Bytes of lines in memory per server.
const RING_BYTES_MAX: usize = 256 * 1024;
/// Lines that a slow follower may be behind before it loses some.
const FOLLOW_LINES_MAX: usize = 256;

/// Where a line comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The server's stderr.
    Stderr,
    /// A line on stdout that is not of the protocol.
    Stdout,
    /// A remark of ours: started, exited, restarted.
    Switchboard,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Stream::Stderr => "stderr",
            Stream::Stdout => "stdout",
            Stream::Switchboard => "switchboard",
        })
    }
}

/// One line as it came, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When we read it.
    pub at: SystemTime,
    /// Where it comes from.
    pub stream: Stream,
    /// At most 4 KiB; control characters are still in it.
    pub text: String,
    /// Whether the line was longer.
    pub cut: bool,
}

impl Line {
    /// The text, safe for a terminal: control characters, and those that change the direction of
    /// writing, are spelled out.
    pub fn shown(&self) -> String {
        let mut shown = String::with_capacity(self.text.len());
        for character in self.text.chars() {
            if character == '\t' || !is_unsafe(character) {
                shown.push(character);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(shown, "{}", character.escape_unicode());
            }
        }
        if self.cut {
            shown.push_str(" … (cut)");
        }
        shown
    }
}

/// As in the file: time, stream, safe text.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", utc(self.at), self.stream, self.shown())
    }
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The log of one server. Clones share it.
#[derive(Debug, Clone)]
pub struct ServerLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ring: Mutex<Ring>,
    /// Made for the first follower: its queue takes 8 KiB, and few servers are ever followed.
    followers: OnceLock<broadcast::Sender<Arc<Line>>>,
    file: Option<(LogWriter, LogFileId)>,
    noise: AtomicU64,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<Arc<Line>>,
    bytes: usize,
}

impl ServerLog {
    /// A log in memory only.
    pub fn in_memory() -> ServerLog {
        ServerLog::with_file(None)
    }

    /// A log that `writer` also keeps in a file at `path`, which is created, mode 0600, with the
    /// first line.
    pub fn in_file(writer: &LogWriter, path: PathBuf) -> ServerLog {
        ServerLog::with_file(Some((writer.clone(), LogFileId::from(path))))
    }

    fn with_file(file: Option<(LogWriter, LogFileId)>) -> ServerLog {
        let inner = Inner { ring: Mutex::default(), followers: OnceLock::new(), file, noise: AtomicU64::new(0) };
        ServerLog { inner: Arc::new(inner) }
    }

    /// Keeps a line, read now. Bytes that are not UTF-8 are replaced.
    pub fn push(&self, stream: Stream, line: &[u8]) {
        let kept = line.get(..LINE_BYTES_MAX).unwrap_or(line);
        self.push_text(stream, String::from_utf8_lossy(kept).into_owned(), kept.len() < line.len());
    }

    /// Keeps a remark of ours.
    pub fn remark(&self, text: impl Into<String>) {
        self.push_text(Stream::Switchboard, text.into(), false);
    }

    fn push_text(&self, stream: Stream, text: String, cut: bool) {
        if stream == Stream::Stdout {
            self.inner.noise.fetch_add(1, Ordering::Relaxed);
        }
        let line = Arc::new(Line { at: SystemTime::now(), stream, text, cut });
        if let Some((writer, file)) = &self.inner.file {
            writer.write(file, Arc::clone(&line));
        }
        let mut ring = self.ring();
        ring.push(Arc::clone(&line));
        if let Some(followers) = self.inner.followers.get() {
            // An error means that nobody follows any more.
            let _ = followers.send(line);
        }
    }

    /// The last `lines` lines in memory, oldest first.
    pub fn tail(&self, lines: usize) -> Vec<Arc<Line>> {
        self.ring().tail(lines)
    }

    /// Every line from now on. A follower that is slow is told how many lines it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Line>> {
        self.inner.followers.get_or_init(|| broadcast::Sender::new(FOLLOW_LINES_MAX)).subscribe()
    }

    /// The last lines and every line after them, none lost and none twice.
    pub fn follow(&self, lines: usize) -> (Vec<Arc<Line>>, broadcast::Receiver<Arc<Line>>) {
        // `push` holds this lock too, over both steps.
        let ring = self.ring();
        (ring.tail(lines), self.subscribe())
    }

    /// The file that its lines go to, if any.
    pub fn path(&self) -> Option<&Path> {
        self.inner.file.as_ref().map(|(_, file)| &**file)
    }

    /// Forgets every line, in memory and on disk; says how many there were in memory. A line that comes in
    /// this moment may be kept in memory only. Blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// A file cannot be removed.
    pub fn clear(&self) -> io::Result<usize> {
        let lines = std::mem::take(&mut *self.ring()).lines.len();
        match &self.inner.file {
            Some((writer, file)) => writer.clear(file).map(|()| lines),
            None => Ok(lines),
        }
    }

    /// Its files as they are now, the oldest first, with everything that was said so far. Blocks for as
    /// long as the disk takes.
    ///
    /// # Errors
    ///
    /// A file cannot be opened.
    pub fn files(&self) -> io::Result<Vec<File>> {
        match &self.inner.file {
            Some((writer, file)) => {
                writer.flush();
                writer.files(file)
            }
            None => Ok(Vec::new()),
        }
    }

    /// Lines on stdout that were not of the protocol, since the start.
    pub fn noise_lines(&self) -> u64 {
        self.inner.noise.load(Ordering::Relaxed)
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.inner.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn push(&mut self, line: Arc<Line>) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > RING_LINES_MAX || self.bytes > RING_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.text.len();
        }
    }

    fn tail(&self, lines: usize) -> Vec<Arc<Line>> {
        let skip = self.lines.len().saturating_sub(lines);
        self.lines.iter().skip(skip).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines_and_cuts_long_ones() {
        let log = ServerLog::in_memory();
        for number in 0..RING_LINES_MAX + 5 {
            log.push(Stream::Stderr, number.to_string().as_bytes());
        }
        let all = log.tail(usize::MAX);
        assert_eq!(all.len(), RING_LINES_MAX);
        assert_eq!(all[0].text, "5");
        assert_eq!(log.tail(1)[0].text, "1004");
        for _ in 0..100 {
            log.push(Stream::Stdout, &[b'x'; LINE_BYTES_MAX + 1]);
        }
        let bytes: usize = log.tail(usize::MAX).iter().map(|line| line.text.len()).sum();
        assert!(bytes <= RING_BYTES_MAX);
        assert!(log.tail(1)[0].cut);
        assert_eq!(log.noise_lines(), 100);
    }

    #[test]
    fn shows_nothing_that_moves_the_cursor() {
        let log = ServerLog::in_memory();
        log.push(Stream::Stderr, b"\x1b[31mred\x07\ttab \xff \xe2\x80\xae");
        let line = &log.tail(1)[0];
        assert_eq!(line.shown(), "\\u{1b}[31mred\\u{7}\ttab \u{fffd} \\u{202e}");
        assert!(line.to_string().contains("Z stderr \\u{1b}"));
    }

    #[test]
    fn following_loses_and_repeats_nothing() {
        let log = ServerLog::in_memory();
        log.remark("one");
        let (tail, mut live) = log.follow(10);
        log.remark("two");
        assert_eq!(tail.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["one"]);
        assert_eq!(live.try_recv().unwrap().text, "two");
        assert!(live.try_recv().is_err());
    }
}
