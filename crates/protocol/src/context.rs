//! What accompanies a call: who asks, in which era, how to reach them while it runs.
//!
//! A call owns its context; nothing here is remembered between calls except what a legacy
//! session's listener chooses to hand in again.

use crate::{Era, Id, Message, Notification, Raw, Request, Version};
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

/// The context of one call.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The client, as far as it described itself.
    pub client: Arc<Client>,
    /// Who calls.
    pub principal: Principal,
    /// From which level on log messages are wanted; `None` is none at all.
    pub log_level: Option<LogLevel>,
    /// Names the progress notifications that the client wants; JSON string or integer.
    pub progress_token: Option<Raw>,
    /// Where notifications of this call go.
    pub notifier: Notifier,
    /// Decoded `Mcp-Param-*` headers (lower-case name, value) of a modern request over HTTP,
    /// which must equal the arguments they mirror; `None` where there are no headers.
    pub param_headers: Option<Vec<(String, String)>>,
    /// Names the legacy session or conversation that the call came in on, for servers that keep
    /// state for each; modern requests over HTTP have none.
    pub session: Option<Arc<str>>,
    /// How the caller wants it done.
    pub manner: Manner,
    /// How it came in.
    pub came: Came,
}

/// How a call is made, as far as its caller may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// It may be sent again, or to another server, where that is safe.
    pub again: bool,
    /// It may be answered with a result that is kept.
    pub kept: bool,
}

/// How a call came in, for its record and its trace.
#[derive(Debug, Clone, Default)]
pub struct Came {
    /// When its head had been read, where the listener looks.
    pub at: Option<Instant>,
    /// When it was known who calls.
    pub admitted: Option<Instant>,
    /// The trace that it is a part of, where calls are traced: of the headers of its request, then
    /// as servers are to be told.
    pub trace: Option<Arc<TraceHeaders>>,
    /// Where it is noted when it need not wait for its server any more, if it had to.
    pub entered: Option<Arc<Entered>>,
}

/// When a call need not wait for its server any more; nothing while it does.
pub type Entered = OnceLock<Instant>;

/// `traceparent` and `tracestate` (W3C Trace Context level 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceHeaders {
    /// Version, trace, parent and flags.
    pub parent: String,
    /// What vendors add, handed on as it is.
    pub state: Option<String>,
}

/// A client's description of itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// The revision it speaks.
    pub version: Version,
    /// `clientInfo`.
    pub info: Option<Raw>,
    /// `clientCapabilities`.
    pub capabilities: Option<Raw>,
}

/// Who calls: the name that rules and records use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

/// Severity of log messages (RFC 5424 section 6.2.1, as MCP uses it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words of RFC 5424")]
pub enum LogLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// Carries what a call says to its client before the answer: bounded, never blocking the sender.
///
/// Services send notifications. Questions are asked only by the listener of a legacy client, on
/// the call that needs their answers (protocol.md section 2.2, row 5).
#[derive(Debug, Clone, Default)]
pub struct Notifier(Option<Arc<Outlet>>);

#[derive(Debug)]
struct Outlet {
    queue: Mutex<VecDeque<Message>>,
    waker: AtomicWaker,
    queue_max: usize,
    dropped: AtomicU64,
    closed: AtomicBool,
    cancelled: AtomicBool,
    /// Where messages go that come when this is closed.
    after: Notifier,
}

/// What a notification says has changed; saying it twice says no more.
#[derive(PartialEq, Eq)]
struct Change<'a> {
    method: &'a str,
    uri: Option<&'a Raw>,
}

// === impl CallContext ===

impl CallContext {
    /// A context for calls of our own: no notifications wanted.
    #[must_use]
    pub fn internal(principal: Principal) -> Self {
        let client = Client { version: Version::MODERN_LATEST, info: None, capabilities: None };
        Self {
            client: Arc::new(client),
            principal,
            log_level: None,
            progress_token: None,
            notifier: Notifier::none(),
            param_headers: None,
            session: None,
            manner: Manner::default(),
            came: Came::default(),
        }
    }

    /// The client's era.
    #[must_use]
    pub fn era(&self) -> Era {
        self.client.version.era()
    }
}

// === impl Manner ===

impl Default for Manner {
    /// Whatever the server's entry allows.
    fn default() -> Self {
        Self { again: true, kept: true }
    }
}

// === impl Came ===

impl Came {
    /// It need not wait for its server any more.
    pub fn enters(&self) {
        if let Some(entered) = &self.entered {
            // A call that is sent again entered when it did first.
            let _ = entered.set(Instant::now());
        }
    }
}

// === impl Principal ===

/// Names of the person at this machine: over the daemon's own socket and `serve`, over loopback
/// without a token, and with the one token of the listener.
const DOORS: [&str; 3] = ["local", "anonymous-loopback", "token"];

impl Principal {
    /// Whose keys and memories the principal called `name` has. There is one person at a machine until
    /// people sign in: what one of their clients was told, the others shall know, whichever door they
    /// came in by.
    #[must_use]
    pub fn person(name: &str) -> &str {
        if DOORS.contains(&name) { DOORS[0] } else { name }
    }

    /// The principal called `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl LogLevel ===

impl LogLevel {
    /// Reads a level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
    }

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }
}

// === impl Notifier ===

impl Notifier {
    /// A notifier that drops everything.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// A notifier that keeps at most `queue_max` notifications; more are dropped and counted.
    #[must_use]
    pub fn bounded(queue_max: usize) -> Self {
        Self::bounded_then(queue_max, Self::none())
    }

    /// The same; what comes when it is closed goes to `after`. A legacy session has a stream for
    /// what its calls are told too late.
    #[must_use]
    pub fn bounded_then(queue_max: usize, after: Self) -> Self {
        Self(Some(Arc::new(Outlet {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            queue_max,
            dropped: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            after,
        })))
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.as_ref().is_some_and(|outlet| !outlet.closed.load(Ordering::Relaxed))
    }

    /// Sends a notification; returns whether the client will hear it. "This changed" is said
    /// once: an equal one that waits stands for it, and one that is new finds room even in a full
    /// queue, so that a slow listener loses nothing but detail.
    pub fn send(&self, notification: Notification) -> bool {
        let Some(outlet) = &self.0 else { return false };
        let mut queue = outlet.lock();
        if outlet.closed.load(Ordering::Relaxed) {
            drop(queue);
            return outlet.after.send(notification);
        }
        if let Some(change) = Change::of(&notification) {
            let waits = queue.iter().any(|message| match message {
                Message::Notification(earlier) => Change::of(earlier).is_some_and(|earlier| earlier == change),
                _ => false,
            });
            if waits {
                return true;
            }
        } else if queue.len() >= outlet.queue_max {
            outlet.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        queue.push_back(Message::Notification(notification));
        drop(queue);
        outlet.waker.wake();
        true
    }

    /// Asks the client something; returns whether there is anybody to ask. Whoever asks waits for
    /// the answer and so bounds the number of questions: none is dropped for a full queue.
    pub fn ask(&self, question: Request) -> bool {
        let Some(outlet) = &self.0 else { return false };
        let mut queue = outlet.lock();
        if outlet.closed.load(Ordering::Relaxed) {
            drop(queue);
            return outlet.after.ask(question);
        }
        queue.push_back(Message::Request(question));
        drop(queue);
        outlet.waker.wake();
        true
    }

    /// Takes a question back that nobody has read yet; returns whether there was one.
    pub fn withdraw(&self, question: &Id) -> bool {
        let Some(outlet) = &self.0 else { return false };
        let mut queue = outlet.lock();
        let asked = |message: &Message| matches!(message, Message::Request(asked) if asked.id == *question);
        match queue.iter().position(asked) {
            Some(index) => queue.remove(index).is_some(),
            None => {
                drop(queue);
                outlet.after.withdraw(question)
            }
        }
    }

    /// Nothing more is read here: what waits and what comes goes to whoever is `after`.
    pub fn close(&self) {
        let Some(outlet) = &self.0 else { return };
        let mut queue = outlet.lock();
        outlet.closed.store(true, Ordering::Relaxed);
        let late = std::mem::take(&mut *queue);
        drop(queue);
        for message in late {
            match message {
                Message::Notification(notification) => outlet.after.send(notification),
                Message::Request(question) => outlet.after.ask(question),
                Message::Response(_) => false,
            };
        }
    }

    /// Tells whoever drives the call that the client cancelled it.
    pub fn cancel(&self) {
        if let Some(outlet) = &self.0 {
            outlet.cancelled.store(true, Ordering::Release);
            outlet.waker.wake();
        }
    }

    /// Whether the client cancelled the call. Who drives the call asks after each wake-up by
    /// [`Notifier::poll_message`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|outlet| outlet.cancelled.load(Ordering::Acquire))
    }

    /// Has `context` woken by the next message or cancellation, without reading any.
    pub fn watch(&self, context: &Context<'_>) {
        if let Some(outlet) = &self.0 {
            outlet.waker.register(context.waker());
        }
    }

    /// How many notifications were dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |outlet| outlet.dropped.load(Ordering::Relaxed))
    }

    /// Takes the next message if one waits.
    #[must_use]
    pub fn take_message(&self) -> Option<Message> {
        self.0.as_ref()?.lock().pop_front()
    }

    /// Waits for the next message. One reader at a time.
    pub fn poll_message(&self, context: &mut Context<'_>) -> Poll<Message> {
        if let Some(message) = self.take_message() {
            return Poll::Ready(message);
        }
        self.watch(context);
        match self.take_message() {
            Some(message) => Poll::Ready(message),
            None => Poll::Pending,
        }
    }

    /// Takes the next notification if one waits, for readers whom nobody asks anything.
    #[must_use]
    pub fn take(&self) -> Option<Notification> {
        loop {
            if let Message::Notification(notification) = self.take_message()? {
                return Some(notification);
            }
        }
    }

    /// Waits for the next notification, for readers whom nobody asks anything.
    pub async fn next(&self) -> Notification {
        loop {
            let message = std::future::poll_fn(|context| self.poll_message(context)).await;
            if let Message::Notification(notification) = message {
                return notification;
            }
        }
    }
}

// === impl Outlet ===

impl Outlet {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Change ===

impl<'a> Change<'a> {
    fn of(notification: &'a Notification) -> Option<Self> {
        let method = notification.method.as_str();
        if method == "notifications/resources/updated" {
            let uri = notification.params.as_ref()?.get("uri")?;
            return Some(Self { method, uri: Some(uri) });
        }
        let lists = matches!(
            method,
            "notifications/tools/list_changed"
                | "notifications/prompts/list_changed"
                | "notifications/resources/list_changed"
        );
        lists.then_some(Self { method, uri: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn updated(uri: &str) -> Notification {
        Notification::new("notifications/resources/updated", Some([("uri", Raw::of(uri))].into_iter().collect()))
    }

    #[test]
    fn a_slow_listener_loses_nothing_but_detail() {
        let notifier = Notifier::bounded(2);
        let progress = || Notification::new("notifications/progress", None);
        assert!(notifier.send(progress()) && notifier.send(progress()));
        assert!(!notifier.send(progress()), "a full queue drops detail");
        for _ in 0..3 {
            assert!(notifier.send(Notification::new("notifications/tools/list_changed", None)));
            assert!(notifier.send(Notification::new("notifications/prompts/list_changed", None)));
            assert!(notifier.send(updated("a://1")) && notifier.send(updated("a://2")));
        }
        assert_eq!(notifier.dropped(), 1);
        let rest: Vec<_> = std::iter::from_fn(|| notifier.take()).skip(2).collect();
        let methods: Vec<_> = rest.iter().map(|notification| notification.method.as_str()).collect();
        let updated = "notifications/resources/updated";
        assert_eq!(
            methods,
            ["notifications/tools/list_changed", "notifications/prompts/list_changed", updated, updated]
        );
        assert!(notifier.send(Notification::new("notifications/tools/list_changed", None)));
        assert!(notifier.take().is_some(), "what was read before does not stand for what happens later");
    }

    #[test]
    fn every_door_leads_to_one_person_and_others_are_others() {
        assert_eq!(["local", "anonymous-loopback", "token"].map(Principal::person), ["local"; 3]);
        assert_eq!(Principal::person("bob"), "bob");
    }

    #[test]
    fn questions_find_room_and_move_on_when_nobody_reads() {
        let session = Notifier::bounded(1);
        let call = Notifier::bounded_then(0, session.clone());
        let question = |id| Request { id: Id::number(id), method: Text::from_static("roots/list"), params: None };
        assert!(call.ask(question(1)));
        call.close();
        assert!(call.ask(question(2)) && call.ask(question(9)));
        assert!(call.withdraw(&Id::number(9)) && !call.withdraw(&Id::number(9)));
        for id in 1..=2 {
            let asked = session.take_message();
            assert!(matches!(asked, Some(Message::Request(asked)) if asked.id.as_u64() == Some(id)));
        }
        assert!(!Notifier::none().ask(question(3)));
    }
}
