//! A legacy client's session: what it agreed in `initialize` and what it asked for since.
//!
//! The gateway knows no sessions; this is where a legacy conversation is turned into calls that
//! carry their whole context (protocol.md section 2.2).

use super::dialogue::DialogueLimits;
use super::drive::{Abandoned, Drive};
use super::events::{self, Log, OUTSIDE};
use super::legacy_tasks;
use super::questions::Questions;
use super::rounds::{self, Repeat};
use crate::era;
use crate::hub::Filter;
use crate::tasks::shape::undeclared;
use bytes::Bytes;
use protocol::method::{self, Eras};
use protocol::{
    Call, CallContext, Came, Client, Error, ErrorKind, Id, LogLevel, Manner, Message, Notification, Notifier, Object,
    Principal, Raw, Reply, Request, Response, Service, Text, Version, meta, scan,
};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Acknowledges a subscription of ours; means nothing to a legacy client and so is never passed
/// on, which makes it good for waking a stream.
const WAKE: &str = "notifications/subscriptions/acknowledged";

/// The largest `clientInfo`, and the largest `capabilities`, in bytes.
const CLIENT_BYTES_MAX: usize = 256 * 1024;

/// A session.
pub(super) struct Session {
    pub(super) principal: Principal,
    pub(super) service: Arc<dyn Service>,
    /// What servers that keep state for each session tell it by.
    key: Arc<str>,
    pub(super) client: Arc<Client>,
    pub(super) limits: DialogueLimits,
    /// What was asked and has no answer yet.
    pub(super) questions: Arc<Questions>,
    /// Its streams of events.
    pub(super) log: Arc<Log>,
    state: Mutex<State>,
    outbox: Notifier,
    /// Which GET stream is the current one; an older one ends.
    generation: AtomicU64,
    streams: AtomicU64,
    born: Instant,
    used_ms: AtomicU64,
}

#[derive(Default)]
struct State {
    log_level: Option<LogLevel>,
    uris: BTreeSet<String>,
    /// Calls in flight, by a number of ours.
    calls: HashMap<u64, (Id, Notifier)>,
    called: u64,
    listen: Option<AbortHandle>,
}

/// What a session is told outside of its calls, as one reader sees it.
pub(super) struct Stream {
    session: Arc<Session>,
    generation: u64,
}

/// A call of a session; takes itself out of the table of cancellable calls.
pub(super) struct Registered {
    session: Arc<Session>,
    number: u64,
}

/// What a client says of itself: kept for as long as the session, and so apart from the message
/// that it came in.
fn kept(params: &Object, key: &str) -> Result<Option<Raw>, Error> {
    let Some(said) = params.get(key) else { return Ok(None) };
    let wrong = |why: String| Error::new(ErrorKind::InvalidParams, format!("`{key}` {why}"));
    if said.as_bytes().len() > CLIENT_BYTES_MAX {
        return Err(wrong(format!("is larger than {CLIENT_BYTES_MAX} bytes")));
    }
    let copy = Raw::parse(Bytes::copy_from_slice(said.as_bytes()), scan::DEPTH_MAX);
    copy.map(Some).map_err(|error| wrong(error.to_string()))
}

/// How a request of a session goes on.
pub(super) enum Next {
    Answered(Reply),
    Call(Drive),
}

/// A name that no other session or conversation of this process has.
pub(super) fn fresh_key() -> Arc<str> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("session-{}", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

impl Session {
    /// Reads `initialize` and answers it.
    ///
    /// # Errors
    /// When the request is no `initialize` that we understand, or the service cannot say what it
    /// can do.
    pub(super) async fn open(
        request: &Request,
        principal: Principal,
        service: Arc<dyn Service>,
        limits: DialogueLimits,
        key: Arc<str>,
    ) -> Result<(Arc<Self>, Object), Error> {
        let params = request.params.clone().unwrap_or_default();
        let requested = params
            .text("protocolVersion")
            .ok_or_else(|| Error::new(ErrorKind::InvalidParams, "initialize needs a `protocolVersion`"))?;
        let version = Version::parse(&requested)
            .filter(|version| version.era() == protocol::Era::Legacy)
            .unwrap_or(Version::LEGACY_LATEST);
        let (info, capabilities) = (kept(&params, "clientInfo")?, kept(&params, "capabilities")?);
        let client = Arc::new(Client { version, info, capabilities: capabilities.map(undeclared) });
        let session = Arc::new(Self {
            principal,
            service: legacy_tasks::before(service),
            key,
            client,
            limits,
            questions: Arc::default(),
            log: Log::new(limits.events_max, limits.event_bytes_max),
            state: Mutex::default(),
            outbox: Notifier::bounded(limits.queue_max),
            generation: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            born: Instant::now(),
            used_ms: AtomicU64::new(0),
        });
        let discover = Call {
            method: Text::from_static("server/discover"),
            params: Object::new(),
            context: session.context(Notifier::none(), None),
        };
        let discovered = session.service.call(discover).await?;
        let mut result = Object::new();
        result.set_json("protocolVersion", version.as_str());
        result.set("capabilities", discovered.get("capabilities").cloned().unwrap_or_else(|| Raw::from_static("{}")));
        result.set("serverInfo", era::server_info().clone());
        if let Some(instructions) = discovered.get("instructions") {
            result.set("instructions", instructions.clone());
        }
        Ok((session, result))
    }

    pub(super) fn context(&self, notifier: Notifier, progress_token: Option<Raw>) -> CallContext {
        let log_level = self.lock().log_level;
        CallContext {
            client: self.client.clone(),
            principal: self.principal.clone(),
            log_level,
            progress_token,
            notifier,
            param_headers: None,
            session: Some(self.key.clone()),
            manner: Manner::default(),
            came: Came::default(),
        }
    }

    /// Begins to answer a request.
    pub(super) fn request(self: &Arc<Self>, request: Request, came: Came) -> Next {
        self.touch();
        if let Some(answered) = self.own(&request) {
            return Next::Answered(answered);
        }
        let mut params = request.params.unwrap_or_default();
        let mut progress_token = None;
        if let Some(mut sent) = params.object("_meta") {
            progress_token = sent.remove(meta::PROGRESS_TOKEN);
            sent.retain(|key| !meta::CONTEXT_KEYS.contains(&key));
            if sent.is_empty() {
                params.remove("_meta");
            } else {
                params.set("_meta", sent.to_raw());
            }
        }
        let notifier = Notifier::bounded_then(self.limits.queue_max, self.outbox.clone());
        let Some(registered) = self.register(request.id, &notifier) else {
            let message =
                format!("{} requests are in flight already (limit `session_calls_max`)", self.limits.calls_max);
            return Next::Answered(Err(Error::new(ErrorKind::Overloaded, message)));
        };
        let method = request.method;
        let repeat = method::find(&method).filter(|row| row.may_ask).map(|_| Repeat {
            method: method.clone(),
            params: params.clone(),
            progress_token: progress_token.clone(),
            notifier: notifier.clone(),
        });
        let context = CallContext { came, ..self.context(notifier.clone(), progress_token) };
        let reply = self.service.call(Call { method: method.clone(), params, context });
        let future = Box::pin(async move {
            let session = registered.session.clone();
            let _registered = registered;
            let reply = match (reply.await, repeat) {
                (Ok(result), Some(repeat)) if era::is_input_required(&result) => {
                    Box::pin(session.rounds(repeat, result)).await
                }
                (Ok(result), None) if era::is_input_required(&result) => {
                    Err(rounds::invalid(&format!("`{method}` may not be answered with a question")))
                }
                (reply, _) => reply,
            };
            reply.or_else(|error| rounds::told(&method, error))
        });
        Next::Call(Drive::new(future, notifier, Abandoned::GoesOn))
    }

    fn register(self: &Arc<Self>, id: Id, notifier: &Notifier) -> Option<Registered> {
        let mut state = self.lock();
        if state.calls.len() >= self.limits.calls_max {
            return None;
        }
        state.called += 1;
        let number = state.called;
        state.calls.insert(number, (id, notifier.clone()));
        Some(Registered { session: self.clone(), number })
    }

    /// What the session itself answers.
    fn own(self: &Arc<Self>, request: &Request) -> Option<Reply> {
        let uri = || {
            let uri = request.params.as_ref().and_then(|params| params.text("uri"));
            uri.map(|uri| uri.to_string())
                .ok_or_else(|| Error::new(ErrorKind::InvalidParams, format!("{} needs a `uri`", request.method)))
        };
        Some(match &*request.method {
            "ping" => Ok(Object::new()),
            "initialize" => Err(Error::new(ErrorKind::InvalidRequest, "the session is initialized already")),
            "logging/setLevel" => self.set_level(request),
            "resources/subscribe" if self.lock().uris.len() >= self.limits.subscriptions_max => {
                let message = "too many resources are subscribed to (limit `session_subscriptions_max`)";
                Err(Error::new(ErrorKind::Overloaded, message).hint("unsubscribe from some, or raise the limit"))
            }
            "resources/subscribe" => uri().map(|uri| self.subscribe(|uris| uris.insert(uri))),
            "resources/unsubscribe" => uri().map(|uri| self.subscribe(|uris| uris.remove(&uri))),
            name if method::find(name).is_some_and(|row| row.eras == Eras::Modern) => {
                Err(Error::new(ErrorKind::MethodNotFound, format!("{} has no method `{name}`", self.client.version)))
            }
            _ => return None,
        })
    }

    fn set_level(&self, request: &Request) -> Reply {
        let level = request.params.as_ref().and_then(|params| params.text("level"));
        let level = level.as_deref().and_then(LogLevel::parse);
        let level = level.ok_or_else(|| {
            Error::new(ErrorKind::InvalidParams, "logging/setLevel needs a `level`")
                .hint("one of debug, info, notice, warning, error, critical, alert, emergency")
        })?;
        self.lock().log_level = Some(level);
        Ok(Object::new())
    }

    fn subscribe(self: &Arc<Self>, change: impl FnOnce(&mut BTreeSet<String>) -> bool) -> Object {
        let changed = change(&mut self.lock().uris);
        if changed {
            self.listen();
        }
        Object::new()
    }

    /// (Re)opens the session's subscription to changes.
    pub(super) fn listen(self: &Arc<Self>) {
        let uris = self.lock().uris.clone();
        let filter = Filter { tools: true, prompts: true, resources: true, uris, ..Filter::default() };
        let context = self.context(self.outbox.clone(), None);
        let call = Call { method: Text::from_static("subscriptions/listen"), params: filter.to_params(), context };
        let listening = tokio::spawn(self.service.call(call)).abort_handle();
        if let Some(before) = self.lock().listen.replace(listening) {
            before.abort();
        }
    }

    /// Takes note of a notification.
    pub(super) fn notify(self: &Arc<Self>, notification: &Notification) {
        self.touch();
        if notification.method == *"notifications/cancelled" {
            let id = notification.params.as_ref().and_then(|params| params.get("requestId")).and_then(Id::of);
            for (_, call) in self.lock().calls.values().filter(|(call, _)| Some(call) == id.as_ref()) {
                call.cancel();
            }
        }
    }

    /// Takes note of the answer to a question.
    pub(super) fn answered(&self, response: Response) {
        self.touch();
        self.questions.answered(response);
    }

    /// Takes note of an answer that cannot be read.
    pub(super) fn spoiled(&self, id: Id) {
        self.touch();
        self.questions.spoiled(id);
    }

    /// Asks the client on the stream of what it is told outside of its calls.
    pub(super) fn say_outside(&self, message: Message) {
        match message {
            Message::Request(question) => self.outbox.ask(question),
            Message::Notification(notification) => self.outbox.send(notification),
            Message::Response(_) => false,
        };
    }

    /// Whether the client reads what it is told outside of its calls.
    pub(super) fn is_listening(&self) -> bool {
        self.streams.load(Ordering::Acquire) > 0
    }

    /// Whether its streams begin by saying where they stand (2025-11-25).
    pub(super) fn is_primed(&self) -> bool {
        self.client.version >= Version::V2025_11_25
    }

    /// Whether it may send batches.
    pub(super) fn may_batch(&self) -> bool {
        self.client.version <= Version::V2025_03_26
    }

    /// Opens the stream of what the session is told outside of its calls; an older one ends.
    pub(super) fn stream(self: &Arc<Self>) -> Stream {
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.streams.fetch_add(1, Ordering::AcqRel);
        // Wakes the older reader, so that it sees that it is over.
        self.outbox.send(Notification::new(WAKE, None));
        if self.lock().listen.is_none() {
            self.listen();
        }
        Stream { session: self.clone(), generation }
    }

    /// The same over HTTP: with what must be said first, priming for who knows it.
    pub(super) fn events(self: &Arc<Self>) -> (Stream, VecDeque<Bytes>) {
        let log = self.log.lock();
        let stream = self.stream();
        let first = self.is_primed().then(|| events::priming(OUTSIDE, log.last(OUTSIDE)));
        (stream, first.into_iter().collect())
    }

    /// The same for a client that comes back: with what was said after event `number`.
    ///
    /// # Errors
    /// When there never was such an event.
    pub(super) fn events_after(self: &Arc<Self>, number: u64) -> Result<(Stream, VecDeque<Bytes>), Error> {
        let log = self.log.lock();
        let missed = log.after(OUTSIDE, number)?;
        Ok((self.stream(), missed))
    }

    /// Ends the session's streams; its calls go on.
    pub(super) fn end_streams(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.outbox.send(Notification::new(WAKE, None));
    }

    /// Ends the session: its calls are cancelled, its streams end.
    pub(super) fn close(&self) {
        self.end_streams();
        let mut state = self.lock();
        if let Some(listen) = state.listen.take() {
            listen.abort();
        }
        for (_, (_, call)) in state.calls.drain() {
            call.cancel();
        }
    }

    fn touch(&self) {
        self.used_ms.store(u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long nobody used the session; one with an open stream or a running call is in use.
    pub(super) fn idle(&self) -> std::time::Duration {
        if self.streams.load(Ordering::Acquire) > 0 || !self.lock().calls.is_empty() {
            return std::time::Duration::ZERO;
        }
        self.born.elapsed().saturating_sub(std::time::Duration::from_millis(self.used_ms.load(Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            if self.session.generation.load(Ordering::Acquire) != self.generation {
                return Poll::Ready(None);
            }
            match self.session.outbox.poll_message(context) {
                // The acknowledgement of the modern protocol means nothing to a legacy client.
                Poll::Ready(Message::Notification(notification)) if notification.method == *WAKE => {}
                Poll::Ready(message) => return Poll::Ready(Some(message)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The next message as an event that is kept. No later stream of the session can miss it: it
    /// is taken and kept in one step.
    pub(super) fn poll_event(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let log = &self.session.log;
        let mut kept = log.lock();
        self.poll(context).map(|message| message.map(|message| log.append(&mut kept, OUTSIDE, &message)))
    }

    /// The next message; `None` when the stream is over.
    pub(super) async fn next(&self) -> Option<Message> {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.session.streams.fetch_sub(1, Ordering::AcqRel);
        self.session.touch();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.session.lock().calls.remove(&self.number);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}
