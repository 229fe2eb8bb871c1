//! Writes the records of calls to `logs/calls.jsonl`, one JSON object a line, on a thread of its
//! own. Calls only push to a queue; this side wakes at most every 50 ms, however many there are.

use gateway::record::{Record, Records};
use protocol::Raw;
use serde::Serialize;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_millis(50);

/// The writer thread.
pub(crate) struct RecordWriter {
    end: CancellationToken,
    thread: JoinHandle<()>,
}

/// How large the files get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) file_bytes_max: u64,
    pub(crate) files_max: u32,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    method: &'a str,
    server: Option<&'a str>,
    name: Option<&'a str>,
    principal: &'a str,
    client_era: &'a str,
    server_era: &'a str,
    outcome: &'a str,
    routed_us: u64,
    answered_us: u64,
    total_us: u64,
    bytes_in: usize,
    bytes_out: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Raw>,
}

struct Files {
    path: PathBuf,
    sizes: Sizes,
    open: Option<(File, u64)>,
    /// Whether the last write failed: a full disk is reported once, not once per call.
    failing: bool,
}

// === impl RecordWriter ===

impl RecordWriter {
    /// Starts the thread. It opens no file before there is a record.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(records: Arc<Records>, path: PathBuf, sizes: Sizes, runtime: Handle) -> io::Result<Self> {
        let end = CancellationToken::new();
        let ended = end.clone();
        let mut files = Files { path, sizes, open: None, failing: false };
        let thread = std::thread::Builder::new().name("records".to_owned()).spawn(move || {
            while let Some(batch) = runtime.block_on(next(&records, &ended)) {
                files.write(&batch);
            }
            files.write(&records.take_now());
        })?;
        Ok(Self { end, thread })
    }

    /// Writes what is left and ends the thread. Blocks for as long as the disk takes.
    pub(crate) fn finish(self) {
        self.end.cancel();
        // A thread that panicked has said so; there is nothing left to write with.
        let _ = self.thread.join();
    }
}

async fn next(records: &Records, end: &CancellationToken) -> Option<Vec<Record>> {
    let batch = async {
        tokio::time::sleep(PAUSE).await;
        records.take().await
    };
    tokio::select! {
        () = end.cancelled() => None,
        batch = batch => Some(batch),
    }
}

// === impl Files ===

impl Files {
    fn write(&mut self, batch: &[Record]) {
        if batch.is_empty() {
            return;
        }
        let mut text = Vec::with_capacity(batch.len() * 256);
        for record in batch {
            // Writing to memory cannot fail.
            let _ = serde_json::to_writer(&mut text, &line(record));
            text.push(b'\n');
        }
        match self.append(&text) {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.open = None;
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::warn!(%error, "records of calls cannot be written to {}: {error}", self.path.display());
                }
            }
        }
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let length = text.len() as u64;
        let limit = self.sizes.file_bytes_max;
        let mut current = match self.open.take() {
            Some(current) => current,
            None => open(&self.path)?,
        };
        if current.1 > 0 && current.1 + length > limit {
            supervisor::rotate(&self.path, self.sizes.files_max)?;
            current = open(&self.path)?;
        }
        let (file, bytes) = self.open.insert(current);
        file.write_all(text)?;
        *bytes += length;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn line(record: &Record) -> Line<'_> {
    Line {
        at: supervisor::utc(record.at),
        method: &record.method,
        server: record.server.as_deref(),
        name: record.own.as_deref(),
        principal: record.principal.as_str(),
        client_era: record.eras.0,
        server_era: record.eras.1,
        outcome: record.outcome,
        routed_us: record.routed_us,
        answered_us: record.answered_us,
        total_us: record.total_us,
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        cached: record.cached,
        cause: record.cause.as_deref(),
        arguments: record.arguments.as_ref(),
        result: record.result.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Principal, Text};

    #[test]
    fn what_was_filed_is_written_before_the_end_and_files_are_rotated() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/calls.jsonl");
        let sizes = Sizes { file_bytes_max: 400, files_max: 2 };
        let records = Records::new(10);
        for _ in 0..3 {
            let writer = RecordWriter::start(records.clone(), path.clone(), sizes, runtime.handle().clone()).unwrap();
            drop(records.open(&Text::from_static("tools/call"), &Principal::new("me"), "modern", 5));
            writer.finish();
        }
        let last = std::fs::read_to_string(&path).unwrap();
        let line: serde_json::Value = serde_json::from_str(last.lines().next_back().unwrap()).unwrap();
        assert_eq!((&line["principal"], &line["outcome"]), (&"me".into(), &"abandoned".into()));
        assert!(path.with_extension("jsonl.1").exists() && !path.with_extension("jsonl.2").exists());
    }
}
