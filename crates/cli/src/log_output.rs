//! The file of the daemon's own log: one thread writes it, from a bounded queue, and begins a new one when
//! it is large. Whoever says something never waits for the disk; what finds no room is counted.
//!
//! It knows nothing of levels and formats.

use crate::data_folder::create_private;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Events that wait for the disk.
const QUEUE_EVENTS_MAX: usize = 1024;
/// How long an end waits for the disk.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Where the file is and how large it gets.
#[derive(Debug, Clone)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    /// Bytes at which a new one is begun.
    pub(crate) bytes_max: u64,
    /// How many are kept.
    pub(crate) files_max: u32,
}

enum Said {
    Event(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Takes whole events. Clones share the thread.
#[derive(Debug, Clone)]
pub(crate) struct LogSink {
    queue: SyncSender<Said>,
    dropped: Arc<AtomicU64>,
}

/// What the thread owns.
struct Writer {
    place: LogFile,
    open: Option<(File, u64)>,
}

// === impl LogSink ===

impl LogSink {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses one.
    pub(crate) fn start(place: LogFile) -> io::Result<Self> {
        let (queue, said) = sync_channel(QUEUE_EVENTS_MAX);
        std::thread::Builder::new()
            .name("daemon-log".to_owned())
            .spawn(move || Writer { place, open: None }.run(&said))?;
        Ok(Self { queue, dropped: Arc::default() })
    }

    /// Events that were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything so far is in the file, or the disk takes too long.
    pub(crate) fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.queue.try_send(Said::Flush(done)).is_ok() {
            // Too late, or the thread has ended with everything written.
            let _ = flushed.recv_timeout(FLUSH_MAX);
        }
    }
}

impl Write for LogSink {
    /// Takes one event.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Said::Event(event.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// === impl Writer ===

impl Writer {
    fn run(mut self, said: &Receiver<Said>) {
        while let Ok(next) = said.recv() {
            match next {
                Said::Event(event) => {
                    // Nobody can be told that the log cannot be written; the next event tries again.
                    if self.write(&event).is_err() {
                        self.open = None;
                    }
                }
                Said::Flush(done) => {
                    // Whoever waited may have given up.
                    let _ = done.send(());
                }
            }
        }
    }

    fn write(&mut self, event: &[u8]) -> io::Result<()> {
        let size = event.len() as u64;
        let is_full = self.open.as_ref().is_some_and(|(_, bytes)| bytes + size > self.place.bytes_max);
        if is_full {
            self.open = None;
            supervisor::rotate(&self.place.path, self.place.files_max)?;
        }
        let (file, bytes) = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(open(&self.place)?),
        };
        file.write_all(event)?;
        *bytes += size;
        Ok(())
    }
}

fn open(place: &LogFile) -> io::Result<(File, u64)> {
    if let Some(folder) = place.path.parent() {
        create_private(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&place.path)?;
    let bytes = file.metadata()?.len();
    if bytes < place.bytes_max {
        return Ok((file, bytes));
    }
    drop(file);
    supervisor::rotate(&place.path, place.files_max)?;
    Ok((OpenOptions::new().create(true).append(true).mode(0o600).open(&place.path)?, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_small_and_few_and_nothing_is_lost_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/daemon.log");
        let place = LogFile { path: path.clone(), bytes_max: 1000, files_max: 3 };
        let mut sink = LogSink::start(place).unwrap();
        for number in 0..200 {
            sink.write_all(format!("event {number:04}\n").as_bytes()).unwrap();
        }
        LogSink::flush(&sink);
        let mut names: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        assert_eq!(names.len(), 3, "{names:?}");
        let text: String = names.iter().rev().map(|name| std::fs::read_to_string(name).unwrap()).collect();
        assert!(names.iter().all(|name| std::fs::metadata(name).unwrap().len() <= 1000));
        let numbers: Vec<u32> = text.lines().map(|line| line["event ".len()..].parse().unwrap()).collect();
        assert_eq!(*numbers.last().unwrap(), 199);
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "one after the other: {numbers:?}");
    }
}
