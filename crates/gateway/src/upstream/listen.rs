//! Being told what changes: one open `subscriptions/listen` at a modern server, the GET stream
//! and `resources/subscribe` at a legacy one (protocol.md sections 1.10 and 2.2, rows 13 and 14).
//!
//! Nothing waits for any of it: a server that cannot tell is asked again by whoever needs to know.

use super::connection::Link;
use super::{Handshake, List};
use protocol::{Era, Object, Raw, meta};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The pause before a broken stream is opened again, at first and at most.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A stream that stood this long was a good one.
const STABLE_AFTER: Duration = Duration::from_secs(30);
/// How long the stream before goes on beside a new one, so that nothing is missed in between.
const OVERLAP: Duration = Duration::from_secs(1);
/// Subscriptions that change together are sent together.
const GATHER: Duration = Duration::from_millis(50);

/// What to be told about, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Resources whose changes are wanted.
    pub uris: BTreeSet<String>,
    /// Tasks, by the server's own ids, whose status is wanted (protocol.md section 1.16). Only a
    /// modern server tells.
    pub tasks: BTreeSet<String>,
}

/// What a server can tell.
#[derive(Debug, Clone, Copy)]
struct Offers {
    tools: bool,
    prompts: bool,
    resources: bool,
    subscribe: bool,
    tasks: bool,
}

/// The pause between two attempts: doubling, until one was good.
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
    opened: Instant,
}

/// Starts what this server needs; it ends with `stop`.
pub(super) fn start(link: &Link, handshake: &Handshake, wanted: watch::Receiver<Wanted>, stop: &CancellationToken) {
    let offers = Offers::read(&handshake.capabilities);
    match handshake.era {
        Era::Modern if offers.any() => spawn(stop, listen(link.clone(), offers, wanted)),
        Era::Modern => {}
        Era::Legacy => {
            if let Link::Http(http) = link {
                spawn(stop, http.clone().hold_stream());
            }
            if offers.subscribe {
                spawn(stop, subscribe(link.clone(), wanted));
            }
        }
    }
}

fn spawn(stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    let work = Box::pin(work);
    tokio::spawn(async move { stop.run_until_cancelled(work).await });
}

/// Keeps one listen request open, with what is wanted now.
async fn listen(link: Link, offers: Offers, mut wanted: watch::Receiver<Wanted>) {
    let mut backoff = Backoff::new();
    let mut missed = false;
    let mut overlap: Option<AbortHandle> = None;
    loop {
        let now = wanted.borrow_and_update().clone();
        let Some(params) = offers.params(&now) else {
            if wanted.changed().await.is_err() {
                return;
            }
            continue;
        };
        if std::mem::replace(&mut missed, false) {
            offers.report_all(&link);
        }
        backoff.opened();
        let opened = link.clone();
        let mut listening = Box::pin(async move { opened.listen("subscriptions/listen", &params).await });
        let ended = tokio::select! {
            ended = &mut listening => ended,
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                let before = overlap.replace(tokio::spawn(timeout(OVERLAP, listening)).abort_handle());
                before.into_iter().for_each(|before| before.abort());
                sleep(GATHER).await;
                continue;
            }
        };
        let refused = ended.is_err_and(|error| error.upstream_code.is_some());
        missed = true;
        tokio::select! {
            // A server that refuses is not asked again until something else is wanted.
            () = backoff.pause(), if !refused => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// Keeps a legacy session's subscriptions as they are wanted.
async fn subscribe(link: Link, mut wanted: watch::Receiver<Wanted>) {
    let mut renewals = match &link {
        Link::Http(http) => Some(http.renewals()),
        _ => None,
    };
    let mut have = BTreeSet::new();
    loop {
        let want = wanted.borrow_and_update().uris.clone();
        for uri in have.difference(&want) {
            request(&link, "resources/unsubscribe", uri).await;
        }
        for uri in want.difference(&have) {
            request(&link, "resources/subscribe", uri).await;
        }
        have = want;
        let renewed = async {
            match &mut renewals {
                Some(renewals) => renewals.changed().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            renewed = renewed => {
                if !renewed {
                    return;
                }
                have.clear();
            }
        }
    }
}

async fn request(link: &Link, method: &str, uri: &str) {
    let params: Object = [("uri", Raw::of(uri))].into_iter().collect();
    // A refusal means that nothing will be told of this resource; there is nothing to do about it.
    let _ = link.request(method, &params).await;
}

// === impl Offers ===

impl Offers {
    fn read(capabilities: &Raw) -> Self {
        let capabilities = Object::of(capabilities).unwrap_or_default();
        let flag = |of: &str, name: &str| {
            capabilities.object(of).is_some_and(|object| object.get(name).is_some_and(|raw| raw.as_bytes() == b"true"))
        };
        Self {
            tools: flag("tools", "listChanged"),
            prompts: flag("prompts", "listChanged"),
            resources: flag("resources", "listChanged"),
            subscribe: flag("resources", "subscribe"),
            tasks: capabilities
                .object("extensions")
                .is_some_and(|extensions| extensions.get(meta::TASKS_EXTENSION).is_some()),
        }
    }

    fn any(self) -> bool {
        self.tools || self.prompts || self.resources || self.subscribe || self.tasks
    }

    /// The parameters of a listen request, when there is anything to listen for.
    fn params(self, wanted: &Wanted) -> Option<Object> {
        let mut notifications = Object::new();
        for (name, offered) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if offered {
                notifications.set(name, Raw::from_static("true"));
            }
        }
        if self.subscribe && !wanted.uris.is_empty() {
            notifications.set_json("resourceSubscriptions", &wanted.uris);
        }
        if self.tasks && !wanted.tasks.is_empty() {
            notifications.set_json("taskIds", &wanted.tasks);
        }
        (!notifications.is_empty()).then(|| [("notifications", notifications.to_raw())].into_iter().collect())
    }

    /// Whatever changed while nobody listened.
    fn report_all(self, link: &Link) {
        let lists = [(self.tools, List::Tools), (self.prompts, List::Prompts), (self.resources, List::Resources)];
        for (_, list) in lists.into_iter().filter(|(offered, _)| *offered) {
            link.report_changed(list);
        }
    }
}

// === impl Backoff ===

impl Backoff {
    pub(super) fn new() -> Self {
        Self { pause: PAUSE_MIN, opened: Instant::now() }
    }

    pub(super) fn opened(&mut self) {
        self.opened = Instant::now();
    }

    pub(super) async fn pause(&mut self) {
        if self.opened.elapsed() >= STABLE_AFTER {
            self.pause = PAUSE_MIN;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        sleep(pause).await;
    }
}
