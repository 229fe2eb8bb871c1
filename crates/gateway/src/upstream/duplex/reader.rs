//! What a server says on its pipe, line by line. Nothing it says is fatal.

use super::chatter::{self, Chatter};
use super::link::DuplexLink;
use crate::upstream::core::progress_id;
use crate::upstream::{UpstreamEvent, failure};
use bytes::Bytes;
use protocol::framing::{Line, LineDecoder};
use protocol::{Id, Message, Notification, Output, Response, parse_upstream};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// How much is read at once, at least.
const READ_BYTES_MIN: usize = 16 * 1024;
/// How much of a line that is no message is shown.
const NOISE_CHARS_MAX: usize = 500;
/// How long answers are still read when the server's input is broken.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Reads until the server says no more.
pub(super) async fn read<R: AsyncRead + Unpin>(link: Arc<DuplexLink>, mut reader: R) {
    let mut decoder = LineDecoder::new(link.core.options.frame_bytes_max);
    let mut chatter = Chatter::new(Instant::now());
    let broken = async {
        link.outbox.ended().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::pin!(broken);
    loop {
        let buffer = decoder.buffer();
        if buffer.capacity() - buffer.len() < READ_BYTES_MIN / 4 {
            buffer.reserve(READ_BYTES_MIN);
        }
        let count = tokio::select! {
            biased;
            count = reader.read_buf(buffer) => count,
            () = &mut broken => break,
        };
        let Ok(count @ 1..) = count else { break };
        link.first_output.get_or_init(Instant::now);
        let mut useless = 0;
        while let Some(line) = decoder.next_line() {
            match line {
                Line::Text(line) if link.take_line(&line) => {}
                Line::Text(line) => useless += chatter::line(line.len()),
                Line::TooLong => link.take_oversize(),
            }
        }
        if decoder.is_dropping() {
            useless += chatter::cut(count);
        }
        if useless > 0
            && let Some(pause) = chatter.add(useless, Instant::now())
        {
            tokio::time::sleep(pause).await;
        }
    }
    // The end in the middle of a message is an end, and no wrong answer.
    if let Some(rest) = decoder.rest().filter(|rest| parse_upstream(rest, link.core.limits()).is_ok()) {
        link.take_line(&rest);
    }
    link.gone.cancel();
    link.close();
}

impl DuplexLink {
    /// Says whether the line was of use to a call.
    fn take_line(&self, line: &Bytes) -> bool {
        if line.iter().all(u8::is_ascii_whitespace) {
            return false;
        }
        match parse_upstream(line, self.core.limits()) {
            Ok((message, dropped)) => {
                if dropped > 0 {
                    self.core.report(UpstreamEvent::DroppedMembers(dropped));
                }
                self.take(message)
            }
            Err(error) => {
                let waiter = error.id.as_ref().and_then(Id::as_u64).and_then(|id| self.waiting.remove(id));
                match waiter {
                    Some(waiter) => {
                        // The caller may have gone meanwhile.
                        let _ = waiter.answer.send(Err(failure::invalid(self.core.server(), &error.reason)));
                        true
                    }
                    None => {
                        let noise = String::from_utf8_lossy(line).chars().take(NOISE_CHARS_MAX).collect();
                        self.core.report(UpstreamEvent::StdoutNoise(noise));
                        false
                    }
                }
            }
        }
    }

    /// Says whether the message was of use to a call.
    fn take(&self, message: Message) -> bool {
        match message {
            Message::Response(response) => self.take_response(response),
            Message::Notification(notification) => self.take_notification(notification),
            Message::Request(request) => {
                let outbox = self.outbox.clone();
                self.core.take_request(request, None, move |response| {
                    let mut out = Output::default();
                    response.write(&mut out);
                    // A pipe that has ended, or that nobody reads, gets no answer.
                    let _ = outbox.push(out);
                });
                false
            }
        }
    }

    /// Late answers, and answers to nothing, are ignored.
    fn take_response(&self, response: Response) -> bool {
        let id = response.id.as_ref().and_then(Id::as_u64);
        let waiter = id.and_then(|id| self.waiting.remove(id));
        // The caller may have gone meanwhile.
        waiter.map(|waiter| waiter.answer.send(response.outcome)).is_some()
    }

    fn take_notification(&self, notification: Notification) -> bool {
        match notification.method.as_str() {
            "notifications/progress" => match progress_id(&notification) {
                Some(id) => self.waiting.progress(id, notification),
                None => false,
            },
            "notifications/message" => match self.waiting.log(notification) {
                Some(notification) => self.take_news(notification),
                None => true,
            },
            _ => self.take_news(notification),
        }
    }

    /// What belongs to no call.
    fn take_news(&self, notification: Notification) -> bool {
        self.core.take_event(notification);
        false
    }

    /// A line that was too long has no id any more; a single call that waits is taken to be its.
    fn take_oversize(&self) {
        let bytes_max = self.core.options.frame_bytes_max;
        self.core.report(UpstreamEvent::Oversize { bytes_max });
        if let Some(waiter) = self.waiting.take_only() {
            let error =
                failure::invalid(self.core.server(), format_args!("it is larger than the limit of {bytes_max} bytes"));
            // The caller may have gone meanwhile.
            let _ = waiter.answer.send(Err(error));
        }
    }
}
