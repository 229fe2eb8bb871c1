//! The connections of one target: used one request at a time, kept while idle, thrown away when
//! the peer closed them.
//!
//! A request is sent again, once and on a fresh connection, only when the pooled connection it
//! was meant for had gone and hyper hands the request back unsent.

use super::stream::Stream;
use super::{Answer, Payload, RelayError, Target};
use http::{HeaderMap, Method, Request, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// How long an unused connection is kept when its peer announces that it keeps it for long.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long it is kept when the peer announces nothing. Many servers close after 5 s without a word
/// (uvicorn, hypercorn, Node before 18); a request that meets the end of its connection may have been
/// executed, so nobody could send it again.
const IDLE_UNANNOUNCED: Duration = Duration::from_secs(4);
/// Of a connection unused for longer than this, the system is asked for news before it is used.
const IDLE_TRUSTED: Duration = Duration::from_millis(100);
/// How often unused connections are looked through, while there are any.
const REAP_EVERY: Duration = Duration::from_secs(5);
/// How many unused connections are kept.
const IDLE_COUNT_MAX: usize = 256;

/// Sends requests to one target.
#[derive(Debug)]
pub struct Relay {
    target: Target,
    idle: Mutex<IdleLinks>,
}

#[derive(Debug, Default)]
struct IdleLinks {
    /// The most recently used is last.
    links: Vec<(Box<Link>, Instant)>,
    reaped: bool,
}

/// One connection; whoever waits on it drives it. Boxed, since it is large and moves with each
/// request.
#[derive(Debug)]
pub(super) struct Link {
    sender: SendRequest<Payload>,
    connection: Connection<TokioIo<Stream>, Payload>,
    ended: bool,
    /// How long it may be idle before the peer closes it.
    idle_max: Duration,
}

/// A request that was not answered, given back when it was not sent.
struct Failed {
    error: RelayError,
    unsent: Option<Request<Payload>>,
}

// === impl Relay ===

impl Relay {
    /// A relay to `target`; connects when first used.
    #[must_use]
    pub fn new(target: Target) -> Arc<Self> {
        Arc::new(Self { target, idle: Mutex::default() })
    }

    /// Where it sends to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How many connections are kept for the next requests.
    #[must_use]
    pub fn idle_count(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).links.len()
    }

    /// Sends a request and waits for the head of its answer. `Host` and the length are added.
    ///
    /// # Errors
    /// When there is no connection or no answer on it; [`RelayError::was_sent`] says whether the
    /// request may have arrived.
    pub async fn send(
        self: &Arc<Self>,
        method: Method,
        headers: HeaderMap,
        payload: Payload,
    ) -> Result<Answer, RelayError> {
        let mut request = Request::new(payload);
        *request.method_mut() = method;
        *request.uri_mut() = self.target.path.clone();
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::HOST, self.target.host_header.clone());
        if self.has_waited_long() {
            // Sockets are only known to be closed once the runtime has looked at them, which a yield
            // makes it do.
            tokio::task::yield_now().await;
        }
        while let Some(link) = self.checkout() {
            match link.send(request).await {
                Ok((link, response)) => return Ok(Answer::new(self.clone(), link, response)),
                Err(Failed { unsent: Some(unsent), .. }) => request = unsent,
                Err(failed) => return Err(failed.error),
            }
        }
        let link = Box::pin(Link::connect(&self.target)).await?;
        match link.send(request).await {
            Ok((link, response)) => Ok(Answer::new(self.clone(), link, response)),
            Err(failed) => Err(failed.error),
        }
    }

    /// Whether the connection that is to be used next was unused for long.
    fn has_waited_long(&self) -> bool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.links.last().is_some_and(|(_, since)| since.elapsed() > IDLE_TRUSTED)
    }

    /// A kept connection that its peer has not closed.
    fn checkout(&self) -> Option<Box<Link>> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            let (mut link, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).links.pop()?;
            link.drive(&mut context);
            if link.is_usable() && since.elapsed() < link.idle_max {
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn checkin(self: &Arc<Self>, link: Box<Link>) {
        if !link.is_usable() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.links.len() >= IDLE_COUNT_MAX {
            return;
        }
        idle.links.push((link, Instant::now()));
        if !std::mem::replace(&mut idle.reaped, true) {
            drop(idle);
            tokio::spawn(reap(Arc::downgrade(self)));
        }
    }

    /// Closes what is too old or was closed by the peer; returns whether anything is left.
    fn close_idle(&self) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut context = Context::from_waker(Waker::noop());
        idle.links.retain_mut(|(link, since)| {
            link.drive(&mut context);
            link.is_usable() && since.elapsed() < link.idle_max
        });
        idle.reaped = !idle.links.is_empty();
        idle.reaped
    }
}

/// What `Keep-Alive: timeout=N` announces, less a second for the way: a request must not meet the
/// end of its connection.
fn announced_idle(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?.parse().ok()?;
    Some(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(1)).min(IDLE_MAX))
}

async fn reap(relay: Weak<Relay>) {
    loop {
        tokio::time::sleep(REAP_EVERY).await;
        match relay.upgrade() {
            Some(relay) if relay.close_idle() => {}
            _ => return,
        }
    }
}

// === impl Link ===

impl Link {
    async fn connect(target: &Target) -> Result<Box<Self>, RelayError> {
        let stream = Stream::connect(target).await?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| RelayError::connect(target.authority(), error))?;
        Ok(Box::new(Self { sender, connection, ended: false, idle_max: IDLE_UNANNOUNCED }))
    }

    /// Lets the connection read and write as far as it can.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        if !self.ended && Pin::new(&mut self.connection).poll(context).is_ready() {
            self.ended = true;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    fn is_usable(&self) -> bool {
        !self.ended && self.sender.is_ready()
    }

    async fn send(
        mut self: Box<Self>,
        request: Request<Payload>,
    ) -> Result<(Box<Self>, http::Response<Incoming>), Failed> {
        let mut response = pin!(self.sender.try_send_request(request));
        let answered = std::future::poll_fn(|context| {
            if !self.ended && Pin::new(&mut self.connection).poll(context).is_ready() {
                self.ended = true;
            }
            match response.as_mut().poll(context) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if self.ended => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        match answered {
            Some(Ok(response)) => {
                if let Some(announced) = announced_idle(response.headers()) {
                    self.idle_max = announced;
                }
                Ok((self, response))
            }
            Some(Err(mut failed)) => {
                let unsent = failed.take_message();
                let error = RelayError::hyper(failed.error(), unsent.is_none());
                Err(Failed { error, unsent })
            }
            None => {
                let reason = "it was closed before an answer came".to_owned();
                Err(Failed { error: RelayError::Broken { reason, sent: true }, unsent: None })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_announce_that_it_closes_early() {
        let announced = |value: &'static str| {
            let headers = [(header::HeaderName::from_static("keep-alive"), header::HeaderValue::from_static(value))];
            announced_idle(&headers.into_iter().collect())
        };
        assert_eq!(announced("timeout=5"), Some(Duration::from_secs(4)));
        assert_eq!(announced("max=100, timeout=900"), Some(IDLE_MAX));
        assert_eq!((announced("max=100"), announced("timeout=x")), (None, None));
    }
}
