//! What accompanies a call: who asks, in which era, how to reach them while it runs.
//!
//! A call owns its context; nothing here is remembered between calls except what a legacy
//! session's listener chooses to hand in again.

use crate::{Era, Notification, Raw, Version};
use futures_util::task::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

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

/// Carries the notifications of one call to its client: bounded, never blocking the sender.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Option<Arc<Outlet>>);

#[derive(Debug)]
struct Outlet {
    queue: Mutex<VecDeque<Notification>>,
    waker: AtomicWaker,
    queue_max: usize,
    dropped: AtomicU64,
    closed: AtomicBool,
    cancelled: AtomicBool,
    /// Where notifications go that come when this is closed.
    after: Notifier,
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
        }
    }

    /// The client's era.
    #[must_use]
    pub fn era(&self) -> Era {
        self.client.version.era()
    }
}

// === impl Principal ===

impl Principal {
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

    /// Sends a notification; returns whether it was kept.
    pub fn send(&self, notification: Notification) -> bool {
        let Some(outlet) = &self.0 else { return false };
        let mut queue = outlet.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if outlet.closed.load(Ordering::Relaxed) {
            drop(queue);
            return outlet.after.send(notification);
        }
        if queue.len() >= outlet.queue_max {
            outlet.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        queue.push_back(notification);
        drop(queue);
        outlet.waker.wake();
        true
    }

    /// Nothing more is read here: what waits and what comes goes to whoever is `after`.
    pub fn close(&self) {
        let Some(outlet) = &self.0 else { return };
        let mut queue = outlet.queue.lock().unwrap_or_else(PoisonError::into_inner);
        outlet.closed.store(true, Ordering::Relaxed);
        let late = std::mem::take(&mut *queue);
        drop(queue);
        for notification in late {
            outlet.after.send(notification);
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
    /// [`Notifier::poll_next`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|outlet| outlet.cancelled.load(Ordering::Acquire))
    }

    /// How many notifications were dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |outlet| outlet.dropped.load(Ordering::Relaxed))
    }

    /// Takes the next notification if one waits.
    #[must_use]
    pub fn take(&self) -> Option<Notification> {
        self.0.as_ref()?.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Waits for the next notification. One reader at a time.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Notification> {
        let Some(outlet) = &self.0 else { return Poll::Pending };
        if let Some(notification) = self.take() {
            return Poll::Ready(notification);
        }
        outlet.waker.register(context.waker());
        match self.take() {
            Some(notification) => Poll::Ready(notification),
            None => Poll::Pending,
        }
    }

    /// Waits for the next notification.
    pub async fn next(&self) -> Notification {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
}
