//! One live link to a server, whatever its transport and era.

use super::duplex::DuplexLink;
use super::http::HttpLink;
use super::in_process::InProcessLink;
use super::listen::Wanted;
use super::{Handshake, List, UpstreamEvent, legacy_tasks, listen};
use crate::asking::Asker;
use protocol::header::MirroredParam;
use protocol::{Call, CallContext, Notification, Object, Reply, ReplyFuture, Service};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A live link to a server. Cheap to clone; when the last clone and the last call have gone the
/// link is closed.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    link: Link,
    handshake: Handshake,
    /// What to be told about.
    wanted: watch::Sender<Wanted>,
    stop: CancellationToken,
}

/// The transports.
#[derive(Clone)]
pub(super) enum Link {
    Http(Arc<HttpLink>),
    Duplex(Arc<DuplexLink>),
    InProcess(Arc<InProcessLink>),
}

/// The link lives as long as its calls. A macro, since a future that is handed in is held twice by the
/// one that awaits it.
macro_rules! keeping {
    ($shared:ident, $link:ident, $reply:expr) => {{
        let $link = $link.clone();
        Box::pin(async move {
            let reply = $reply.await;
            drop($shared);
            reply
        })
    }};
}

// === impl Connection ===

impl Connection {
    pub(super) fn new(link: Link, handshake: Handshake) -> Self {
        let (wanted, changes) = watch::channel(Wanted::default());
        let stop = CancellationToken::new();
        listen::start(&link, &handshake, changes, &stop);
        Self(Arc::new(Shared { link, handshake, wanted, stop }))
    }

    /// Answers one request. Names in it are the server's own; `_meta` holds neither the keys of
    /// the context nor a progress token. The result is as the server sent it. Dropping the future
    /// cancels the call in the way of the server's era.
    #[must_use]
    pub fn call(&self, call: Call) -> ReplyFuture {
        self.call_asking(call, None)
    }

    /// The same; what a legacy server asks meanwhile goes to `asker`.
    #[must_use]
    pub fn call_asking(&self, call: Call, asker: Option<Asker>) -> ReplyFuture {
        if legacy_tasks::concerns(self.0.handshake.era, &call) {
            return Box::pin(legacy_tasks::call(self.clone(), call, asker));
        }
        self.carry(call, asker)
    }

    /// Carries a request as it is.
    pub(super) fn carry(&self, call: Call, asker: Option<Asker>) -> ReplyFuture {
        let shared = self.0.clone();
        match &self.0.link {
            Link::Http(link) => keeping!(shared, link, link.call(call, asker)),
            Link::Duplex(link) => keeping!(shared, link, link.call(call, asker)),
            Link::InProcess(link) => keeping!(shared, link, link.call(call)),
        }
    }

    /// Passes a notification of a client on. Those that the protocol gives a meaning per client
    /// are not passed on: they concern the client's own connection.
    pub fn notify(&self, notification: Notification) {
        let own = [
            "notifications/cancelled",
            "notifications/initialized",
            "notifications/progress",
            "notifications/roots/list_changed",
        ];
        if own.contains(&notification.method.as_str()) {
            return;
        }
        match &self.0.link {
            Link::Http(link) => link.notify(&notification),
            Link::Duplex(link) => link.notify(&notification),
            Link::InProcess(link) => link.notify(notification),
        }
    }

    /// What the server said about itself.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// How many calls wait for an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        match &self.0.link {
            Link::Http(link) => link.core.in_flight(),
            Link::Duplex(link) => link.core.in_flight(),
            Link::InProcess(link) => link.core.in_flight(),
        }
    }

    /// What to be told about from now on: all of it, not only what is new.
    pub fn subscribe(&self, now: Wanted) {
        self.0.wanted.send_if_modified(|wanted| {
            let changed = *wanted != now;
            *wanted = now;
            changed
        });
    }

    /// Which arguments of which tools are repeated in headers (protocol.md section 1.6). Only
    /// modern HTTP needs it.
    pub fn set_mirrored(&self, mirrored: HashMap<String, Vec<MirroredParam>>) {
        if let Link::Http(link) = &self.0.link {
            link.set_mirrored(mirrored);
        }
    }

    /// Ends the link: a legacy HTTP session is deleted; a pipe is closed, which a process sees as
    /// the end of its input, and the calls on it fail.
    pub async fn close(&self) {
        self.0.stop.cancel();
        match &self.0.link {
            Link::Http(link) => link.close().await,
            Link::Duplex(link) => link.close(),
            Link::InProcess(_) => {}
        }
    }

    /// Whether a pipe has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(&self.0.link, Link::Duplex(link) if link.is_closed())
    }

    /// Whether this is HTTP, where sessions cost little.
    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(&self.0.link, Link::Http(_))
    }

    /// Resolves when a pipe has ended, by itself or by [`Connection::close`]. HTTP has nothing
    /// that could end.
    pub async fn closed(&self) {
        match &self.0.link {
            Link::Duplex(link) => link.closed().await,
            Link::Http(_) | Link::InProcess(_) => std::future::pending().await,
        }
    }
}

impl Service for Connection {
    fn call(&self, call: Call) -> ReplyFuture {
        Self::call(self, call)
    }

    fn notify(&self, notification: Notification, _context: CallContext) {
        Self::notify(self, notification);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("handshake", &self.0.handshake).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Link::Duplex(link) = &self.link {
            link.close();
        }
    }
}

// === impl Link ===

impl Link {
    /// A request of our own, within the time limits of a call.
    pub(super) async fn request(&self, method: &str, params: &Object) -> Reply {
        match self {
            Self::Http(link) => link.request(method, params).await,
            Self::Duplex(link) => link.request(method, params).await,
            Self::InProcess(link) => link.listen(method, params).await,
        }
    }

    /// A request of our own that stays open; dropping it ends it.
    pub(super) async fn listen(&self, method: &str, params: &Object) -> Reply {
        match self {
            Self::Http(link) => link.listen(method, params).await,
            Self::Duplex(link) => link.listen(method, params).await,
            Self::InProcess(link) => link.listen(method, params).await,
        }
    }

    /// Says that a list is to be read again.
    pub(super) fn report_changed(&self, list: List) {
        let core = match self {
            Self::Http(link) => &link.core,
            Self::Duplex(link) => &link.core,
            Self::InProcess(link) => &link.core,
        };
        core.report(UpstreamEvent::ListChanged(list));
    }
}
