//! The event stream as lines: the data of each `message` event is one.
//!
//! Whoever reads drives the connection; there is no task and no queue in between.

use crate::upstream::ConnectError;
use bytes::{Buf as _, Bytes};
use outbound::relay::Answer;
use protocol::framing::{SseDecoder, SseEvent, one_line};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// What the server says, as lines.
pub(super) struct Events {
    answer: Answer,
    decoder: SseDecoder,
    bytes_max: usize,
    line: Bytes,
    /// So many blanks stand for a message that was too large: as a line they are too long as well.
    blanks: usize,
    /// The line is to be ended.
    ends: bool,
}

impl Events {
    /// The lines of `answer`, whose events have at most `bytes_max` bytes.
    pub(super) fn new(answer: Answer, bytes_max: usize) -> Self {
        let decoder = SseDecoder::new(bytes_max);
        Self { answer, decoder, bytes_max, line: Bytes::new(), blanks: 0, ends: false }
    }

    /// The data of the first `endpoint` event; what comes before it means nothing yet.
    ///
    /// # Errors
    /// When the stream ends before.
    pub(super) async fn endpoint(&mut self) -> Result<String, ConnectError> {
        let ended = || ConnectError::handshake("its event stream ended before the `endpoint` event");
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) if event.event == "endpoint" => {
                    let data = std::str::from_utf8(&event.data);
                    let data = data.map_err(|_| ConnectError::handshake("its `endpoint` event is not UTF-8"))?;
                    return Ok(data.trim().to_owned());
                }
                Ok(Some(_)) | Err(_) => continue,
                Ok(None) => {}
            }
            let chunk = self.answer.chunk().await.ok_or_else(ended)?;
            self.decoder.feed(&chunk.map_err(ConnectError::unreachable)?);
        }
    }

    /// Takes what was already read; says whether there is a line.
    fn next_line(&mut self) -> bool {
        loop {
            match self.decoder.next_event() {
                Ok(Some(event)) if is_message(&event) => {
                    self.line = one_line(event.data);
                    break;
                }
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => {
                    self.blanks = self.bytes_max + 1;
                    break;
                }
            }
        }
        self.ends = true;
        true
    }

    /// Puts as much of the line into `buffer` as goes in.
    fn fill(&mut self, buffer: &mut ReadBuf<'_>) {
        let blanks = self.blanks.min(buffer.remaining());
        buffer.initialize_unfilled_to(blanks).fill(b' ');
        buffer.advance(blanks);
        self.blanks -= blanks;
        let count = self.line.len().min(buffer.remaining());
        buffer.put_slice(&self.line[..count]);
        self.line.advance(count);
        if self.blanks == 0 && self.line.is_empty() && buffer.remaining() > 0 && std::mem::take(&mut self.ends) {
            buffer.put_slice(b"\n");
        }
    }
}

fn is_message(event: &SseEvent) -> bool {
    (event.event.is_empty() || event.event == "message") && !event.data.is_empty()
}

impl AsyncRead for Events {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.ends && !self.next_line() {
            match self.answer.poll_chunk(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Poll::Ready(Some(Ok(chunk))) => self.decoder.feed(&chunk),
            }
        }
        self.fill(buffer);
        Poll::Ready(Ok(()))
    }
}
