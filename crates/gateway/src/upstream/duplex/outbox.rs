//! Messages on their way into a pipe.
//!
//! Whoever has a message appends it under a short lock; when nobody is writing it writes itself,
//! along with what others append meanwhile. Only a pipe that is full gets a task, which ends when
//! the pipe has taken everything. So a call costs no hand-over, and many calls cost few writes.

use bytes::{Buf, BytesMut};
use protocol::Output;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// How many batches of others a caller writes before a task takes over.
const ROUNDS_MAX: usize = 16;

/// The writing end of a pipe, shared.
pub(super) struct Outbox {
    state: Mutex<State>,
    queue_bytes_max: usize,
    ended: CancellationToken,
    /// The same, for those who ask often.
    deaf: AtomicBool,
}

struct State {
    queue: BytesMut,
    /// Taken while somebody writes.
    writer: Option<Writer>,
}

/// A message that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The pipe takes nothing and the queue is full.
    Full,
    /// The pipe is closed.
    Ended,
}

impl Outbox {
    pub(super) fn new(writer: Writer, queue_bytes_max: usize) -> Arc<Self> {
        let state = State { queue: BytesMut::new(), writer: Some(writer) };
        Arc::new(Self {
            state: Mutex::new(state),
            queue_bytes_max,
            ended: CancellationToken::new(),
            deaf: AtomicBool::new(false),
        })
    }

    /// Appends one message as a line and writes what can be written now.
    pub(super) fn push(self: &Arc<Self>, message: Output) -> Result<(), Refused> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ended.is_cancelled() {
            return Err(Refused::Ended);
        }
        if !state.queue.is_empty() && state.queue.len() + message.len() > self.queue_bytes_max {
            return Err(Refused::Full);
        }
        append_line(&mut state.queue, message);
        let Some(writer) = state.writer.take() else {
            return Ok(());
        };
        let batch = state.queue.split();
        drop(state);
        self.write(writer, batch);
        Ok(())
    }

    /// Closes the pipe; what was not written is dropped.
    pub(super) fn close(&self) {
        self.deaf.store(true, Ordering::Release);
        self.ended.cancel();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writer = None;
        state.queue = BytesMut::new();
    }

    /// Whether the pipe is closed or broken.
    pub(super) fn has_ended(&self) -> bool {
        self.deaf.load(Ordering::Acquire)
    }

    /// Resolves when the pipe is closed or broken.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    fn write(self: &Arc<Self>, mut writer: Writer, mut batch: BytesMut) {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..ROUNDS_MAX {
            match poll_write_all(&mut writer, &mut batch, &mut context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.close(),
                Poll::Pending => break,
            }
            match self.next_batch(writer) {
                Some((same, more)) => (writer, batch) = (same, more),
                None => return,
            }
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.clone().write_slowly(writer, batch))),
            Err(_) => self.close(),
        }
    }

    /// Waits for a pipe that is full.
    async fn write_slowly(self: Arc<Self>, mut writer: Writer, mut batch: BytesMut) {
        loop {
            let written = async {
                writer.write_all(&batch).await?;
                writer.flush().await
            };
            let written = tokio::select! {
                written = written => written,
                () = self.ended.cancelled() => return,
            };
            if written.is_err() {
                return self.close();
            }
            match self.next_batch(writer) {
                Some((same, more)) => (writer, batch) = (same, more),
                None => return,
            }
        }
    }

    /// What was appended meanwhile; puts the writer back when that is nothing.
    fn next_batch(&self, writer: Writer) -> Option<(Writer, BytesMut)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.ended.is_cancelled() {
            return None;
        }
        if state.queue.is_empty() {
            state.writer = Some(writer);
            return None;
        }
        let batch = state.queue.split();
        Some((writer, batch))
    }
}

fn poll_write_all(writer: &mut Writer, batch: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    while !batch.is_empty() {
        match Pin::new(&mut *writer).poll_write(context, batch) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(count)) => batch.advance(count),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Pin::new(writer).poll_flush(context)
}

/// Appends a message as one line: line breaks between JSON tokens become blanks (inside strings
/// there are none, JSON forbids them).
fn append_line(queue: &mut BytesMut, message: Output) {
    queue.reserve(message.len() + 1);
    for chunk in message.into_chunks() {
        let from = queue.len();
        queue.extend_from_slice(&chunk);
        if memchr::memchr2(b'\n', b'\r', &chunk).is_some() {
            queue[from..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        }
    }
    queue.extend_from_slice(b"\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, BufReader};

    fn message(text: &str) -> Output {
        let mut out = Output::default();
        out.push_str(text);
        out
    }

    #[tokio::test]
    async fn a_full_pipe_delays_and_never_reorders() {
        let (near, far) = tokio::io::duplex(64);
        let outbox = Outbox::new(Box::new(near), 1 << 20);
        for number in 0..200 {
            outbox.push(message(&format!("{{\"n\":\n{number}}}"))).unwrap();
        }
        let mut lines = BufReader::new(far).lines();
        for number in 0..200 {
            assert_eq!(lines.next_line().await.unwrap().unwrap(), format!("{{\"n\": {number}}}"));
        }
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_a_closed_pipe_refuses() {
        let (near, far) = tokio::io::duplex(16);
        let outbox = Outbox::new(Box::new(near), 100);
        let refused = (0..100).find_map(|_| outbox.push(message("0123456789")).err());
        assert_eq!(refused, Some(Refused::Full));
        drop(far);
        outbox.ended().await;
        assert_eq!(outbox.push(message("x")), Err(Refused::Ended));
    }
}
