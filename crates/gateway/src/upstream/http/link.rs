//! Calls over HTTP: each is a request of its own, so nothing is shared but connections and, for
//! a legacy server, the session.

use super::date::until_date;
use super::session::Session;
use crate::asking::Asker;
use crate::trace;
use crate::upstream::core::{Core, LogRoute, Route, title};
use crate::upstream::questions::Asking;
use crate::upstream::signed::{SendError, SignedRelay};
use crate::upstream::{ConnectError, UpstreamEvent, failure, wire};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use arc_swap::ArcSwap;
use outbound::relay::{Answer, Payload, RelayError};
use protocol::header::{self, MirroredParam};
use protocol::{
    Call, CallContext, Era, Error, ErrorKind, Notification, Object, Output, Raw, Reply, Response, Text, Version, method,
};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long a message that nobody waits for may take.
const ASIDE_MAX: Duration = Duration::from_secs(10);
/// How many of them are on their way at once; more get lost.
const ASIDE_COUNT_MAX: usize = 1024;
/// How many pages of tools are read to find out which headers a server wants.
const PAGES_MAX: usize = 100;
/// The largest body that is read only to keep its connection, in bytes.
pub(in crate::upstream) const DRAIN_BYTES_MAX: usize = 64 * 1024;

/// A server behind HTTP.
pub(in crate::upstream) struct HttpLink {
    pub(in crate::upstream) core: Core,
    pub(super) relay: SignedRelay,
    pub(super) base: HeaderMap,
    pub(super) session: ArcSwap<Session>,
    pub(super) renewing: tokio::sync::Mutex<()>,
    /// Cancelled when the stream of a legacy session is open, or there is none.
    pub(super) streaming: CancellationToken,
    /// Counts new sessions after the first.
    pub(super) renewed: watch::Sender<u64>,
    mirrored: ArcSwap<HashMap<String, Vec<MirroredParam>>>,
    /// Calls in flight to a legacy server that sends log messages on its own stream.
    logging: Mutex<Logging>,
    /// For what is sent aside.
    this: Weak<Self>,
    asides: Arc<Semaphore>,
}

/// Who may be meant by a log message that comes apart from any call.
#[derive(Default)]
pub(super) struct Logging {
    in_flight: HashMap<u64, LogRoute>,
    /// The call that ended last, and when: its last message may be on its way still.
    last: Option<(Instant, LogRoute)>,
}

/// How long after a call a log message on another stream is taken to be its.
const LOG_LATE_MAX: Duration = Duration::from_millis(500);

impl Logging {
    /// The one call that can be meant.
    pub(super) fn only(&self) -> Option<&LogRoute> {
        let mut routes = self.in_flight.values();
        match (routes.next(), routes.next()) {
            (Some(only), None) => Some(only),
            (None, _) => {
                self.last.as_ref().filter(|(ended, _)| ended.elapsed() <= LOG_LATE_MAX).map(|(_, route)| route)
            }
            _ => None,
        }
    }

    fn ended(&mut self, id: u64) {
        if let Some(route) = self.in_flight.remove(&id) {
            self.last = Some((Instant::now(), route));
        }
    }
}

/// A legacy request that was sent and not answered: dropping it cancels it. (A modern one is
/// cancelled by closing its connection, which dropping it does anyway.)
struct Unanswered<'a> {
    link: &'a HttpLink,
    id: u64,
    answered: bool,
}

impl HttpLink {
    pub(super) fn new(core: Core, relay: SignedRelay, base: HeaderMap) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            asides: Arc::new(Semaphore::new(ASIDE_COUNT_MAX)),
            core,
            relay,
            base,
            session: ArcSwap::default(),
            renewing: tokio::sync::Mutex::default(),
            streaming: CancellationToken::new(),
            renewed: watch::channel(0).0,
            mirrored: ArcSwap::default(),
            logging: Mutex::default(),
        })
    }

    pub(in crate::upstream) fn set_mirrored(&self, mirrored: HashMap<String, Vec<MirroredParam>>) {
        self.mirrored.store(Arc::new(mirrored));
    }

    /// Reads the tools again for the headers that they want; says whether that gave any.
    async fn read_mirrored(&self) -> bool {
        let mut mirrored = HashMap::new();
        let mut params = Object::new();
        for _ in 0..PAGES_MAX {
            let Ok(page) = self.listen("tools/list", &params).await else { return false };
            let tools: Vec<Raw> = page.get("tools").and_then(|tools| tools.read().ok()).unwrap_or_default();
            mirrored.extend(tools.iter().filter_map(header::mirrored_of_tool));
            match page.get("nextCursor") {
                Some(cursor) => params.set("cursor", cursor.clone()),
                None => {
                    let any = !mirrored.is_empty();
                    self.set_mirrored(mirrored);
                    return any;
                }
            }
        }
        false
    }

    pub(in crate::upstream) fn renewals(&self) -> watch::Receiver<u64> {
        self.renewed.subscribe()
    }

    /// Answers one call of a client.
    pub(in crate::upstream) async fn call(self: Arc<Self>, call: Call, asker: Option<Asker>) -> Reply {
        let _slot = self.core.admit()?;
        let patience = self.core.patience(&call.method, &call.context, asker.as_ref());
        let mut asking = self.core.enter(&call, asker.as_ref(), &patience).await?;
        let route = Route::new(&call.context, &patience, asker);
        let work = pin!(async {
            self.until_streaming().await;
            let reply = self.exchange(&call.method, &call.params, &call.context, Some(&route)).await;
            // Refused headers mean that nothing was executed (section 1.5).
            if self.core.is_outdated(&reply) && Box::pin(self.read_mirrored()).await || may_ask_again(&call, &reply) {
                return self.exchange(&call.method, &call.params, &call.context, Some(&route)).await;
            }
            reply
        });
        match patience.wait_for(work).await {
            Ok(reply) => {
                asking.iter_mut().for_each(Asking::answered);
                self.core.settle(&call.method, &call.context.client, reply)
            }
            Err(expired) => Err(expired.error(self.core.server(), &title(&call.method, &call.params))),
        }
    }

    /// A request of our own with the time limits of a call.
    pub(in crate::upstream) async fn request(&self, method: &str, params: &Object) -> Reply {
        let patience = self.core.patience(method, &self.core.own, None);
        match patience.wait_for(pin!(self.listen(method, params))).await {
            Ok(reply) => reply,
            Err(expired) => Err(expired.error(self.core.server(), method)),
        }
    }

    /// A request of our own that may stay open for ever.
    pub(in crate::upstream) async fn listen(&self, method: &str, params: &Object) -> Reply {
        self.exchange(method, params, self.core.own_for(method), None).await
    }

    async fn exchange(&self, method: &str, params: &Object, context: &CallContext, route: Option<&Route>) -> Reply {
        match self.core.era() {
            Era::Modern => self.exchange_modern(method, params, context, route).await,
            Era::Legacy => self.exchange_legacy(method, params, context, route).await,
        }
    }

    async fn exchange_modern(
        &self,
        method: &str,
        params: &Object,
        context: &CallContext,
        route: Option<&Route>,
    ) -> Reply {
        let id = self.core.next_id();
        let make = || {
            let out = wire::request(Era::Modern, id, method, params, context);
            (traced(self.modern_headers(method, params), context), Payload::new(out.into_chunks()))
        };
        let answer = self.relay.send_made(Method::POST, make).await.map_err(|error| self.failed(&error))?;
        let (status, again) = (answer.status(), retry_after(&answer));
        let reply = self.hear(answer, id, route).await?.unwrap_or_else(|| Err(self.no_message(status)));
        if again.is_some() { later(reply, status, again) } else { reply }
    }

    /// A session that the server does not know (404) has not executed the call: a new session is
    /// opened, and the call is sent once more.
    async fn exchange_legacy(
        &self,
        method: &str,
        params: &Object,
        context: &CallContext,
        route: Option<&Route>,
    ) -> Reply {
        let mut renewed = false;
        loop {
            if let Some(level) = self.core.level_to_set(context) {
                Box::pin(self.set_level(level)).await;
            }
            let session = self.session.load_full();
            let id = self.core.next_id();
            let make = || {
                let out = wire::request(Era::Legacy, id, method, params, context);
                (traced(self.legacy_headers(&session), context), Payload::new(out.into_chunks()))
            };
            let mut unanswered = Unanswered { link: self, id, answered: false };
            if let Some(route) = route.filter(|_| self.core.logs_aside()) {
                self.logging().in_flight.insert(id, route.logs().clone());
            }
            let answer = match self.relay.send_made(Method::POST, make).await {
                Ok(answer) => answer,
                Err(error) => {
                    unanswered.answered = !error.was_sent();
                    return Err(self.failed(&error));
                }
            };
            let (status, again) = (answer.status(), retry_after(&answer));
            if status == StatusCode::NOT_FOUND && session.id.is_some() && !renewed {
                unanswered.answered = true;
                drain(answer).await;
                Box::pin(self.renew(session.generation)).await?;
                renewed = true;
                continue;
            }
            let reply = self.hear(answer, id, route).await;
            unanswered.answered = true;
            return later(reply?.unwrap_or_else(|| Err(self.no_message(status))), status, again);
        }
    }

    pub(super) fn logging(&self) -> MutexGuard<'_, Logging> {
        self.logging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn post(&self, headers: HeaderMap, body: Output) -> Result<Answer, SendError> {
        self.relay.send(Method::POST, headers, Payload::new(body.into_chunks())).await
    }

    /// A call that was not answered. A refusal that concerns every call is told to the owner.
    pub(super) fn failed(&self, error: &SendError) -> Error {
        let failed = error.to_error(self.core.server());
        if error.ends_all() {
            self.core.report(UpstreamEvent::SignedOut { error: Box::new(failed.clone()) });
        }
        failed
    }

    /// A handshake that was not answered.
    pub(super) fn refused(&self, error: &SendError) -> ConnectError {
        error.to_connect_error(self.core.server())
    }

    pub(super) fn broken(&self, error: &RelayError) -> Error {
        failure::relay(self.core.server(), error)
    }

    fn no_message(&self, status: StatusCode) -> Error {
        failure::status(self.core.server(), status.as_u16())
    }

    /// The headers that repeat the body (protocol.md sections 1.3 and 1.6).
    pub(super) fn modern_headers(&self, name: &str, params: &Object) -> HeaderMap {
        let mut headers = self.base.clone();
        headers.insert(header::PROTOCOL_VERSION, HeaderValue::from_static(Version::MODERN_LATEST.as_str()));
        let row = method::find(name);
        let value =
            row.map_or_else(|| HeaderValue::from_str(name).ok(), |row| Some(HeaderValue::from_static(row.name)));
        if let Some(value) = value {
            headers.insert(header::METHOD, value);
        }
        let subject = row.and_then(|row| params.text(row.header_name?));
        if let Some(value) = subject.as_ref().and_then(|subject| HeaderValue::from_str(&header::encode(subject)).ok()) {
            headers.insert(header::NAME, value);
        }
        if name == "tools/call" {
            let mirrored = self.mirrored.load();
            let marked = subject.as_ref().and_then(|tool| mirrored.get(tool.as_str()));
            for param in marked.into_iter().flatten() {
                add_mirrored(&mut headers, param, params);
            }
        }
        headers
    }

    /// A message that nobody waits for, sent in the server's era.
    pub(super) async fn tell(&self, method: &str, message: Output) {
        let headers = match self.core.era() {
            Era::Modern => self.modern_headers(method, &Object::new()),
            Era::Legacy => self.legacy_headers(&self.session.load()),
        };
        // It may get lost, as any notification may.
        let _ = tokio::time::timeout(ASIDE_MAX, async {
            if let Ok(answer) = self.post(headers, message).await {
                drain(answer).await;
            }
        })
        .await;
    }

    /// What answers a question of the server, whenever that is.
    pub(super) fn responder(&self) -> impl FnOnce(Response) + Send + use<> {
        let link = self.this.clone();
        move |response: Response| {
            let mut out = Output::default();
            response.write(&mut out);
            if let Some(link) = link.upgrade() {
                link.tell_aside(Text::default(), out);
            }
        }
    }

    pub(super) fn tell_aside(&self, method: Text, message: Output) {
        // A server that asks without end and takes no answers is not answered without end.
        let Ok(place) = self.asides.clone().try_acquire_owned() else { return };
        if let (Some(link), Ok(runtime)) = (self.this.upgrade(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                link.tell(&method, message).await;
                drop(place);
            });
        }
    }

    /// Sends a notification of a client.
    pub(in crate::upstream) fn notify(&self, notification: &Notification) {
        let mut out = Output::default();
        notification.write(&mut out);
        self.tell_aside(notification.method.clone(), out);
    }
}

/// The headers, with the trace that the call is a part of.
fn traced(mut headers: HeaderMap, context: &CallContext) -> HeaderMap {
    let Some(told) = &context.came.trace else { return headers };
    let state = told.state.iter().map(|state| (trace::STATE, state));
    for (name, text) in std::iter::once((trace::PARENT, &told.parent)).chain(state) {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Whether the server hung up on a question that may be asked twice, perhaps since it was closing a
/// connection that was unused for long. What people call is sent again by `guards` alone.
fn may_ask_again(call: &Call, reply: &Reply) -> bool {
    let harmless = |call: &Call| call.method == *"ping" || method::find(&call.method).is_some_and(|row| row.cacheable);
    matches!(reply, Err(error) if error.kind == ErrorKind::UpstreamGone && harmless(call))
}

/// How long the server wants to be left alone: `Retry-After` in seconds with 429 and 503.
fn retry_after(answer: &Answer) -> Option<Duration> {
    if !matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let value = answer.headers().get(::http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => until_date(value, SystemTime::now()),
    }
}

/// A failure with what the server said about trying again. With 429 it did nothing.
fn later(reply: Reply, status: StatusCode, again: Option<Duration>) -> Reply {
    let Some(again) = again else { return reply };
    reply.map_err(|error| {
        let error = error.retry_after(again);
        if status == StatusCode::TOO_MANY_REQUESTS { error.unsent() } else { error }
    })
}

fn add_mirrored(headers: &mut HeaderMap, param: &MirroredParam, params: &Object) {
    let Some(value) = param.value(params.get("arguments")) else {
        return;
    };
    let name = ::http::HeaderName::from_bytes(param.header.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&header::encode(&value))) {
        headers.insert(name, value);
    }
}

/// Reads what nobody needs, so that the connection can be used again.
pub(in crate::upstream) async fn drain(answer: Answer) {
    // A connection that cannot be kept is closed, which is all there is to it.
    let _ = answer.collect(DRAIN_BYTES_MAX).await;
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.link.core.logs_aside() {
            self.link.logging().ended(self.id);
        }
        if !self.answered {
            let message = wire::cancelled(self.id, "the caller does not wait any more");
            self.link.tell_aside(Text::from_static("notifications/cancelled"), message);
        }
    }
}
