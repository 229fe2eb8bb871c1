//! The files behind server logs: one thread writes all of them, from a bounded queue, and rotates
//! them by size. When the disk is slower than the servers talk, lines are dropped and counted;
//! nobody waits.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::server_log::Line;

/// Lines that wait for the disk.
const QUEUE_LINES_MAX: usize = 4096;
/// Bytes that one file waits for, at most, before they are written.
const WAITING_BYTES_MAX: usize = 8 * 1024;
/// Files held open at once.
const OPEN_FILES_MAX: usize = 64;
/// How much of the end of a file `read_tail` looks at, in bytes.
const TAIL_BYTES_MAX: u64 = 1024 * 1024;

/// How large log files get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogWriterLimits {
    /// Size of one file, in bytes, at which the next is begun.
    pub file_bytes_max: u64,
    /// Files per server, the one being written among them.
    pub files_max: u32,
}

impl Default for LogWriterLimits {
    fn default() -> LogWriterLimits {
        LogWriterLimits { file_bytes_max: 10 * 1024 * 1024, files_max: 5 }
    }
}

/// Which file a line goes to.
pub(crate) type LogFileId = Arc<Path>;

enum Message {
    Line(LogFileId, Arc<Line>),
    Flush(SyncSender<()>),
    Clear(LogFileId, SyncSender<io::Result<()>>),
}

/// The thread that writes log files. Clones share it; it ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct LogWriter {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    files_max: u32,
}

impl LogWriter {
    /// Starts the thread. It opens no file before there is a line for it.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn start(limits: LogWriterLimits) -> io::Result<LogWriter> {
        let (queue, messages) = sync_channel(QUEUE_LINES_MAX);
        std::thread::Builder::new()
            .name("server-logs".into())
            .spawn(move || Files { limits, open: HashMap::new(), failing: false }.run(&messages))?;
        Ok(LogWriter { queue, dropped: Arc::default(), files_max: limits.files_max })
    }

    /// Lines that were dropped because the disk was too slow.
    pub fn dropped_lines(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Blocks until everything queued so far is in its file.
    pub fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
            // An error means that the thread has ended, with everything written.
            let _ = flushed.recv();
        }
    }

    /// Removes a file and those that it was rotated into, after what is queued. Blocks until it is done.
    pub(crate) fn clear(&self, file: &LogFileId) -> io::Result<()> {
        let (done, cleared) = sync_channel(1);
        let ended = || io::Error::other("the thread that writes logs has ended");
        self.queue.send(Message::Clear(Arc::clone(file), done)).map_err(|_| ended())?;
        cleared.recv().map_err(|_| ended())?
    }

    /// A file and those that it was rotated into, the oldest first.
    pub(crate) fn files(&self, file: &Path) -> io::Result<Vec<File>> {
        let opened = (0..self.files_max).rev().map(|number| File::open(numbered(file, number)));
        opened.filter(|file| !is_missing(file)).collect()
    }

    pub(crate) fn write(&self, file: &LogFileId, line: Arc<Line>) {
        if self.queue.try_send(Message::Line(Arc::clone(file), line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The last `lines` lines of a log file as they are written there, for when no daemon has them in
/// memory. A file that does not exist has none.
///
/// # Errors
///
/// The file cannot be read.
pub fn read_tail(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Where we began in the middle of the file, the first line is not whole.
    let whole = text.lines().skip(usize::from(start > 0)).collect::<Vec<_>>();
    let skip = whole.len().saturating_sub(lines);
    Ok(whole[skip..].iter().map(|line| (*line).to_owned()).collect())
}

/// What the thread owns.
struct Files {
    limits: LogWriterLimits,
    open: HashMap<LogFileId, OpenFile>,
    /// Whether the last write failed: a full disk is reported once, not once per line.
    failing: bool,
}

struct OpenFile {
    file: File,
    /// What is not written yet. It takes no memory while the server is quiet: a buffer that is kept
    /// costs 8 KiB for each server that ever said a word.
    waiting: Vec<u8>,
    bytes: u64,
}

impl Files {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let mut next = Some(first);
            let mut flushes = Vec::new();
            while let Some(message) = next {
                match message {
                    Message::Line(path, line) => self.write(&path, &line),
                    Message::Flush(done) => flushes.push(done),
                    Message::Clear(path, done) => {
                        // Who asked may have left.
                        let _ = done.send(self.clear(&path));
                    }
                }
                next = messages.try_recv().ok();
            }
            self.flush();
            for done in flushes {
                // Who asked may have left.
                let _ = done.send(());
            }
        }
    }

    fn write(&mut self, path: &LogFileId, line: &Line) {
        let text = format!("{line}\n");
        let written = self.try_write(path, text.as_bytes());
        self.note(path, written);
    }

    fn clear(&mut self, path: &LogFileId) -> io::Result<()> {
        // What waits to be written is not wanted any more either.
        self.open.remove(path);
        let removed = (0..self.limits.files_max).map(|number| std::fs::remove_file(numbered(path, number)));
        removed.filter(|removed| !is_missing(removed)).collect()
    }

    fn flush(&mut self) {
        let results: Vec<_> = self.open.iter_mut().map(|(path, file)| (Arc::clone(path), file.flush())).collect();
        for (path, result) in results {
            self.note(&path, result);
        }
    }

    fn note(&mut self, path: &LogFileId, result: io::Result<()>) {
        match result {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.open.remove(path);
                if !std::mem::replace(&mut self.failing, true) {
                    let path = path.display();
                    tracing::warn!(%path, %error, "The log file {path} cannot be written");
                }
            }
        }
    }

    fn try_write(&mut self, path: &LogFileId, text: &[u8]) -> io::Result<()> {
        let length = text.len() as u64;
        let limit = self.limits.file_bytes_max;
        let full = |file: &OpenFile| file.bytes > 0 && file.bytes + length > limit;
        if !self.open.contains_key(path) {
            if self.open.len() >= OPEN_FILES_MAX {
                self.flush();
                self.open.clear();
            }
            self.open.insert(Arc::clone(path), OpenFile::open(path)?);
        }
        if self.open.get(path).is_some_and(full) {
            if let Some(mut file) = self.open.remove(path) {
                file.flush()?;
            }
            rotate(path, self.limits.files_max)?;
            self.open.insert(Arc::clone(path), OpenFile::open(path)?);
        }
        if let Some(file) = self.open.get_mut(path) {
            file.write(text)?;
            file.bytes += length;
        }
        Ok(())
    }
}

impl OpenFile {
    fn open(path: &Path) -> io::Result<OpenFile> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(OpenFile { file, waiting: Vec::new(), bytes })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(text);
        if self.waiting.len() < WAITING_BYTES_MAX { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&std::mem::take(&mut self.waiting))
    }
}

/// `a.log` becomes `a.log.1`, that one `a.log.2`, and so on; the oldest is lost.
///
/// # Errors
///
/// What the system says to a rename.
pub fn rotate(path: &Path, files_max: u32) -> io::Result<()> {
    let name = |number: u32| numbered(path, number);
    let oldest = files_max.saturating_sub(1);
    if oldest == 0 {
        return std::fs::remove_file(path);
    }
    for number in (0..oldest).rev() {
        match std::fs::rename(name(number), name(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `a.log`, `a.log.1`, and so on.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

fn is_missing<T>(done: &io::Result<T>) -> bool {
    done.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_log::{ServerLog, Stream};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn rotates_and_keeps_a_bounded_number_of_private_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/everything.log");
        let limits = LogWriterLimits { file_bytes_max: 1000, files_max: 3 };
        let writer = LogWriter::start(limits).unwrap();
        let log = ServerLog::in_file(&writer, path.clone());
        for number in 0..200 {
            log.push(Stream::Stderr, format!("line {number}").as_bytes());
        }
        writer.flush();
        assert_eq!(writer.dropped_lines(), 0);
        let mut files: Vec<_> = std::fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap()))
            .collect();
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["everything.log", "everything.log.1", "everything.log.2"]);
        for (name, metadata) in &files {
            assert!(metadata.len() <= 1000, "{name}");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        }
        let tail = read_tail(&path, 2).unwrap();
        assert!(tail[0].ends_with("Z stderr line 198"), "{tail:?}");
        assert!(tail[1].ends_with("Z stderr line 199"), "{tail:?}");
        assert!(read_tail(&folder.path().join("none"), 2).unwrap().is_empty());
    }

    #[test]
    fn what_is_cleared_is_gone_and_what_comes_after_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let writer = LogWriter::start(LogWriterLimits { file_bytes_max: 200, files_max: 3 }).unwrap();
        let log = ServerLog::in_file(&writer, path.clone());
        (0..20).for_each(|number| log.push(Stream::Stderr, format!("line {number}").as_bytes()));
        let text = |log: &ServerLog| {
            let mut text = String::new();
            for mut file in log.files().unwrap() {
                file.read_to_string(&mut text).unwrap();
            }
            text
        };
        let before = text(&log);
        assert!(before.find("line 18").unwrap() < before.find("line 19").unwrap(), "{before}");
        assert_eq!(log.files().unwrap().len(), 3);
        assert_eq!(log.clear().unwrap(), 20);
        assert!(log.tail(1).is_empty() && log.files().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        log.remark("after");
        assert!(text(&log).ends_with(" switchboard after\n"));
        assert_eq!((log.path(), log.clear().unwrap(), log.clear().unwrap()), (Some(&*path), 1, 0));
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("file");
        std::fs::write(&blocker, "").unwrap();
        let writer = LogWriter::start(LogWriterLimits::default()).unwrap();
        let log = ServerLog::in_file(&writer, blocker.join("a.log"));
        log.remark("kept in memory");
        writer.flush();
        assert_eq!(log.tail(1)[0].text, "kept in memory");
    }
}
