//! Reads what a child writes to stderr into its log, line by line, in bounded memory. It runs until
//! the child closes the pipe, and reads whatever comes: what is more than the log takes in a second
//! is dropped and counted, never left in the pipe. It judges nothing.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Duration, Instant, sleep_until};

use crate::server_log::{LINE_BYTES_MAX, ServerLog, Stream};

/// As much as a pipe holds: a flood is drained with few reads.
const READ_BYTES: usize = 64 * 1024;
/// What a line costs beside its bytes: the shortest lines are not the cheapest.
const LINE_COST: u64 = 64;
/// How often what was dropped is said while it goes on.
const REMARK_PERIOD: Duration = Duration::from_secs(5);
/// The most that is read in one [`DRAIN_PERIOD`]: 128 MiB in a second. Whoever writes faster waits
/// for us, and not we for them.
const DRAIN_BYTES_MAX: usize = 128 * 1024 * 1024 / 20;
const DRAIN_PERIOD: Duration = Duration::from_millis(50);

/// How many bytes of a stream the log takes in a second, unless told otherwise.
pub const STREAM_RATE_DEFAULT: u64 = 256 * 1024;

/// Reads `source` to its end into `log`, at the default rate.
pub async fn pump(source: impl AsyncRead + Unpin, log: ServerLog, stream: Stream) {
    pump_at(source, log, stream, STREAM_RATE_DEFAULT).await;
}

/// Reads `source` to its end into `log`. A line longer than the limit is cut, and what follows up
/// to its end is read and thrown away; a last line without an end counts. Of what comes faster
/// than `bytes_per_second` the end is kept, since that says why a process ended.
pub async fn pump_at(mut source: impl AsyncRead + Unpin, log: ServerLog, stream: Stream, bytes_per_second: u64) {
    let mut intake = Intake::new(bytes_per_second, Instant::now());
    let mut buffer = vec![0; READ_BYTES];
    let (mut since, mut read) = (Instant::now(), 0);
    loop {
        let silent = intake.dropped == 0;
        let count = tokio::select! {
            biased;
            // A read error is the end, like a closed pipe.
            read = source.read(&mut buffer) => match read {
                Ok(count @ 1..) => count,
                _ => break,
            },
            // Who says nothing more is spoken of, too.
            () = sleep_until(intake.spoken + REMARK_PERIOD), if !silent => 0,
        };
        let now = Instant::now();
        intake.take(&buffer[..count], now, |line| log.push(stream, line));
        if let Some(dropped) = intake.remark(now) {
            remark(&log, stream, dropped, bytes_per_second);
        }
        read += count;
        if now.saturating_duration_since(since) >= DRAIN_PERIOD {
            (since, read) = (now, 0);
        } else if read > DRAIN_BYTES_MAX {
            sleep_until(since + DRAIN_PERIOD).await;
        }
    }
    let dropped = intake.dropped;
    intake.finish(|line| log.push(stream, line));
    if dropped > 0 {
        remark(&log, stream, dropped, bytes_per_second);
    }
}

fn remark(log: &ServerLog, stream: Stream, dropped: u64, rate: u64) {
    log.remark(format!("{dropped} bytes of its {stream} were dropped: it writes more than {rate} bytes in a second"));
}

/// Lets through what a second may have, and counts the rest.
#[derive(Debug)]
struct Intake {
    lines: Lines,
    rate: u64,
    left: u64,
    filled: Instant,
    /// Bytes that were dropped and not yet spoken of.
    dropped: u64,
    spoken: Instant,
    /// Whether the line that is read began in what was dropped.
    torn: bool,
    /// The end of what was dropped last.
    tail: Vec<u8>,
}

impl Intake {
    fn new(rate: u64, now: Instant) -> Intake {
        let lines = Lines::default();
        Intake { lines, rate, left: rate, filled: now, dropped: 0, spoken: now, torn: false, tail: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8], now: Instant, mut each: impl FnMut(&[u8])) {
        let passed = u64::try_from(now.saturating_duration_since(self.filled).as_micros()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_add(passed.saturating_mul(self.rate) / 1_000_000).min(self.rate);
        self.filled = now;
        let granted = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (mut granted, rest) = bytes.split_at(granted);
        self.left -= granted.len() as u64;
        if self.torn {
            let whole = granted.iter().position(|byte| *byte == b'\n').map_or(granted.len(), |end| end + 1);
            self.dropped += whole as u64;
            self.torn = whole == granted.len() && granted.last() != Some(&b'\n');
            granted = &granted[whole..];
        }
        let mut lines = 0;
        self.lines.feed(granted, |line| {
            lines += 1;
            each(line);
        });
        self.left = self.left.saturating_sub(lines * LINE_COST);
        self.tail.clear();
        if !rest.is_empty() {
            self.dropped += rest.len() as u64;
            self.torn = true;
            // What was begun is shown as far as it came.
            std::mem::take(&mut self.lines).finish(each);
            self.tail.extend_from_slice(&rest[rest.len().saturating_sub(LINE_BYTES_MAX)..]);
        }
    }

    /// What was dropped, when it is time to say so.
    fn remark(&mut self, now: Instant) -> Option<u64> {
        let due = self.dropped > 0 && now.saturating_duration_since(self.spoken) >= REMARK_PERIOD;
        due.then(|| {
            self.spoken = now;
            std::mem::take(&mut self.dropped)
        })
    }

    /// The last lines, from what was dropped if nothing came after it.
    fn finish(mut self, mut each: impl FnMut(&[u8])) {
        if let Some(whole) = self.tail.iter().position(|byte| *byte == b'\n') {
            self.lines.feed(&self.tail[whole + 1..], &mut each);
        }
        self.lines.finish(each);
    }
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

    #[tokio::test(start_paused = true)]
    async fn a_line_without_end_stays_small() {
        let log = ServerLog::in_memory();
        let endless = tokio::io::repeat(b'x').take(10 * 1024 * 1024);
        pump(endless, log.clone(), Stream::Stderr).await;
        let line = &log.tail(usize::MAX)[0];
        assert_eq!((line.text.len(), line.cut), (LINE_BYTES_MAX, true));
        assert_eq!(log.tail(usize::MAX).len(), 2, "the line and what was dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_dropped_is_said_although_nothing_follows() {
        let log = ServerLog::in_memory();
        let (mut program, stderr) = tokio::io::duplex(64 * 1024);
        let reading = tokio::spawn(pump_at(stderr, log.clone(), Stream::Stderr, 1024));
        tokio::io::AsyncWriteExt::write_all(&mut program, &b"a burst\n".repeat(500)).await.unwrap();
        tokio::time::sleep(2 * REMARK_PERIOD).await;
        let last = log.tail(1).remove(0).text.clone();
        assert!(last.contains("bytes of its stderr were dropped"), "{last}");
        drop(program);
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_drained_counted_and_its_end_is_kept() {
        let log = ServerLog::in_memory();
        let mut flood = b"the first words\n".to_vec();
        flood.extend(b"the same again and again\n".repeat(40_000));
        flood.extend(b"the last words\n");
        pump_at(&flood[..], log.clone(), Stream::Stderr, 64 * 1024).await;
        let all = log.tail(usize::MAX);
        let dropped = &all.last().unwrap().text;
        assert!(dropped.ends_with("bytes of its stderr were dropped: it writes more than 65536 bytes in a second"));
        let dropped: usize = dropped.split(' ').next().unwrap().parse().unwrap();
        assert!(dropped > 900_000 && dropped < flood.len(), "{dropped}");
        assert_eq!(all[all.len() - 2].text, "the last words");
        assert!(all.iter().all(|line| !line.text.starts_with("again")), "a torn line is not shown");
    }

    #[test]
    fn a_second_later_there_is_room_again() {
        let start = Instant::now();
        let mut intake = Intake::new(1000, start);
        let mut seen = Vec::new();
        intake.take(&[b'x'; 3000], start, |_| {});
        assert_eq!(intake.remark(start + Duration::from_secs(1)), None);
        intake.take(b"rest of it\nwhole\n", start + Duration::from_secs(1), |line| seen.push(line.to_vec()));
        assert_eq!(seen, [b"whole".to_vec()]);
        assert_eq!(intake.remark(start + REMARK_PERIOD), Some(2011));
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
