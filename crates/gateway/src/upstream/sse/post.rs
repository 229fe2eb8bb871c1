//! Messages to the server: each line is a POST.
//!
//! A POST begins when the one before it is answered, so that messages arrive in their order. A
//! server that answers a POST only when the request in it is done would stop everything by that;
//! so nothing waits longer than [`ORDER_WAIT`] for the one before.
//!
//! A POST that fails fails its request alone. Only a server that refuses one after the other does
//! not know this conversation any more, and the link ends, to be opened anew by its owner.

use crate::upstream::duplex::DuplexLink;
use crate::upstream::http::{DRAIN_BYTES_MAX, drain};
use crate::upstream::signed::SignedRelay;
use crate::upstream::{ConnectOptions, failure};
use ::http::{HeaderMap, Method};
use bytes::Bytes;
use outbound::relay::{Answer, Payload};
use protocol::framing::{Line, LineDecoder};
use protocol::{Error, Message, ParseLimits, Response, parse_upstream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a message waits for the answer to the POST before it.
const ORDER_WAIT: Duration = Duration::from_millis(100);
/// How many POSTs may be open besides those of calls: notifications, answers to the server.
const ASIDE_MAX: usize = 64;
/// How many refusals in a row mean that the server does not know us any more.
const REFUSALS_MAX: u32 = 2;

/// Sends lines to one URL.
pub(super) struct Poster {
    relay: SignedRelay,
    headers: HeaderMap,
    server: Arc<str>,
    limits: ParseLimits,
    open_max: usize,
    /// How long one POST may stay without an answer.
    patience: Duration,
    /// Refusals since a POST was last taken.
    refusals: AtomicU32,
}

impl Poster {
    pub(super) fn new(relay: SignedRelay, headers: HeaderMap, options: &ConnectOptions) -> Arc<Self> {
        Arc::new(Self {
            relay,
            headers,
            server: options.server.clone(),
            limits: ParseLimits { bytes_max: usize::MAX, depth_max: options.depth_max },
            open_max: options.calls_max.saturating_add(ASIDE_MAX),
            patience: options.request_timeout_max,
            refusals: AtomicU32::new(0),
        })
    }

    /// Posts the lines of `lines` until the link ends.
    pub(super) async fn run(self: Arc<Self>, link: Arc<DuplexLink>, lines: DuplexStream) {
        tokio::select! {
            () = self.post_all(&link, lines) => {}
            () = link.closed() => {}
        }
    }

    async fn post_all(self: &Arc<Self>, link: &Arc<DuplexLink>, mut lines: DuplexStream) {
        // What we wrote ourselves needs no limit here.
        let mut decoder = LineDecoder::new(usize::MAX);
        let mut posts = JoinSet::new();
        loop {
            while let Some(Line::Text(line)) = decoder.next_line() {
                while posts.try_join_next().is_some() {}
                while posts.len() >= self.open_max {
                    posts.join_next().await;
                }
                let (poster, link) = (self.clone(), link.clone());
                let (open, closed) = oneshot::channel::<()>();
                posts.spawn(async move {
                    poster.deliver(line, &link).await;
                    drop(open);
                });
                // Closed or too slow: either way the next one begins.
                let _ = timeout(ORDER_WAIT, closed).await;
            }
            if !matches!(lines.read_buf(decoder.buffer()).await, Ok(1..)) {
                break;
            }
        }
        while posts.join_next().await.is_some() {}
    }

    /// Posts one message. When that fails and it is a request, the request has failed.
    async fn deliver(&self, line: Bytes, link: &DuplexLink) {
        self.try_deliver(line, link).await;
        if self.refusals.load(Ordering::Relaxed) >= REFUSALS_MAX {
            link.close();
        }
    }

    async fn try_deliver(&self, line: Bytes, link: &DuplexLink) {
        let posted = timeout(self.patience, self.post(line.clone())).await;
        let seconds = self.patience.as_secs();
        let error = match posted {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => failure::timeout(&self.server, "a POST", seconds, true),
        };
        match parse_upstream(&line, self.limits) {
            Ok((Message::Request(request), _)) => {
                if let Some(id) = request.id.as_u64() {
                    link.fail(id, error);
                }
            }
            // It may get lost, as any notification may.
            _ => tracing::debug!(server = &*self.server, %error, "a message could not be posted: {error}"),
        }
    }

    async fn post(&self, line: Bytes) -> Result<(), Error> {
        let payload = Payload::new(VecDeque::from([line]));
        let sent = self.relay.send(Method::POST, self.headers.clone(), payload).await;
        let answer = sent.map_err(|error| error.to_error(&self.server))?;
        match answer.status().as_u16() {
            400 | 401 | 403 | 404 | 410 => self.refusals.fetch_add(1, Ordering::Relaxed),
            _ => self.refusals.swap(0, Ordering::Relaxed),
        };
        if answer.status().is_success() {
            drain(answer).await;
            return Ok(());
        }
        Err(self.refusal(answer).await)
    }

    /// What the server says about it, or its status.
    async fn refusal(&self, answer: Answer) -> Error {
        let status = answer.status().as_u16();
        let body = answer.collect(DRAIN_BYTES_MAX).await.unwrap_or_default();
        match parse_upstream(&body, self.limits) {
            Ok((Message::Response(Response { outcome: Err(error), .. }), _)) => error,
            _ => failure::status(&self.server, status),
        }
    }
}
