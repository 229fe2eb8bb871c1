//! The answer to a request: its head at once, its body whole or in pieces.

use super::pool::Link;
use super::{Relay, RelayError};
use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An answer whose body is still on the way. Dropping it closes its connection; reading it to
/// the end keeps the connection for the next request.
#[derive(Debug)]
pub struct Answer {
    head: Parts,
    body: Incoming,
    relay: Arc<Relay>,
    /// Taken when the body has ended.
    link: Option<Box<Link>>,
}

impl Answer {
    pub(super) fn new(relay: Arc<Relay>, link: Box<Link>, response: http::Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body, relay, link: Some(link) }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, RelayError>> {
        std::future::poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The next piece of the body; `None` at its end.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, RelayError>>> {
        loop {
            let Some(link) = &mut self.link else {
                return Poll::Ready(None);
            };
            if self.body.is_end_stream() {
                self.finish(context);
                return Poll::Ready(None);
            }
            let mut frame = Pin::new(&mut self.body).poll_frame(context);
            if frame.is_pending() {
                link.drive(context);
                frame = Pin::new(&mut self.body).poll_frame(context);
            }
            match frame {
                Poll::Pending if link.has_ended() => {
                    self.link = None;
                    let reason = "it was closed within the answer".to_owned();
                    return Poll::Ready(Some(Err(RelayError::Broken { reason, sent: true })));
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.finish(context);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.link = None;
                    return Poll::Ready(Some(Err(RelayError::hyper(&error, true))));
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    _ => {}
                },
            }
        }
    }

    /// Reads the body to its end; a body that came in one piece is not copied.
    ///
    /// # Errors
    /// When the connection broke or the body has more than `bytes_max` bytes.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Bytes, RelayError> {
        let too_large = || RelayError::TooLarge { bytes_max };
        if self.body.size_hint().lower() > bytes_max as u64 {
            return Err(too_large());
        }
        let Some(first) = self.chunk().await else {
            return Ok(Bytes::new());
        };
        let first = first?;
        let Some(second) = self.chunk().await else {
            return if first.len() > bytes_max { Err(too_large()) } else { Ok(first) };
        };
        let announced = usize::try_from(self.body.size_hint().lower()).unwrap_or(0);
        let second = second?;
        let mut whole = BytesMut::with_capacity(first.len() + second.len() + announced.min(bytes_max));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while whole.len() <= bytes_max {
            match self.chunk().await {
                Some(chunk) => whole.extend_from_slice(&chunk?),
                None => return Ok(whole.freeze()),
            }
        }
        Err(too_large())
    }

    /// The body has ended: the connection goes back to the others.
    fn finish(&mut self, context: &mut Context<'_>) {
        if let Some(mut link) = self.link.take() {
            link.drive(context);
            self.relay.checkin(link);
        }
    }
}
