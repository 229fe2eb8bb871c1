//! A backend that is a child process: newline-delimited JSON over its pipes, writes batched.

use bench::{Failure, Message};
use std::collections::HashMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for the writer.
const QUEUE: usize = 1_024;
/// The most that one write takes along.
const BATCH: usize = 1 << 16;

const INITIALIZE: &str = r#","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench-floor","version":"1"}}}"#;
const INITIALIZED: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
const LIST: &str = r#","method":"tools/list","params":{}}"#;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;

/// A child with any number of calls in flight.
pub(crate) struct StdioBackend {
    lines: mpsc::Sender<Vec<u8>>,
    next_id: AtomicU64,
    waiting: Waiting,
}

impl StdioBackend {
    /// Starts the command, shakes hands and returns the answer to `tools/list` with it.
    pub(crate) async fn open(command: &[String]) -> Result<(Self, Vec<u8>), Failure> {
        let (input, output) = start(command)?;
        let (lines, queue) = mpsc::channel(QUEUE);
        let waiting = Waiting::default();
        let input = pipe::Sender::from_owned_fd(OwnedFd::from(input))?;
        let output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
        tokio::spawn(write(queue, input));
        tokio::spawn(read(output, Arc::clone(&waiting)));
        let backend = Self { lines, next_id: AtomicU64::new(1), waiting };
        backend.ask(INITIALIZE).await?;
        backend.lines.send(INITIALIZED.to_vec()).await?;
        let list = backend.ask(LIST).await?;
        Ok((backend, list))
    }

    /// Sends a request, given from after its id on, and returns the line that answers it.
    pub(crate) async fn ask(&self, tail: &str) -> Result<Vec<u8>, Failure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (reply, answered) = oneshot::channel();
        lock(&self.waiting).insert(id, reply);
        let mut line = Vec::with_capacity(tail.len() + 48);
        write!(line, r#"{{"jsonrpc":"2.0","id":{id}{tail}"#)?;
        line.push(b'\n');
        self.lines.send(line).await?;
        Ok(answered.await?)
    }
}

#[expect(clippy::disallowed_methods, reason = "the floor starts its own backend")]
fn start(command: &[String]) -> Result<(ChildStdin, ChildStdout), Failure> {
    let (program, args) = command.split_first().ok_or("a command is needed")?;
    let mut child: Child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| format!("cannot start {program}: {why}"))?;
    let input = child.stdin.take().ok_or("the command has no stdin")?;
    let output = child.stdout.take().ok_or("the command has no stdout")?;
    // It ends when this process does, for then its stdin ends.
    Ok((input, output))
}

async fn write(mut queue: mpsc::Receiver<Vec<u8>>, mut input: pipe::Sender) {
    while let Some(mut batch) = queue.recv().await {
        while batch.len() < BATCH {
            match queue.try_recv() {
                Ok(line) => batch.extend_from_slice(&line),
                Err(_) => break,
            }
        }
        if input.write_all(&batch).await.is_err() {
            return;
        }
    }
}

async fn read(output: pipe::Receiver, waiting: Waiting) {
    let mut output = BufReader::with_capacity(BATCH, output);
    loop {
        let mut line = Vec::new();
        if output.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            // Whoever still waits learns that no answer comes.
            lock(&waiting).clear();
            return;
        }
        let id = serde_json::from_slice::<Message<'_>>(&line).ok().and_then(|message| message.id()?.parse().ok());
        let reply = id.and_then(|id: u64| lock(&waiting).remove(&id));
        if let Some(reply) = reply {
            // A caller that went away needs no answer.
            let _ = reply.send(line);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
