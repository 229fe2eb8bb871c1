//! Who wants to hear of changes: every open `subscriptions/listen` and every legacy session.
//!
//! Facts are pushed; nobody polls. A listener that does not read loses repetitions, never the
//! fact: its queue is bounded and "the list changed" is idempotent. Who is in the middle of its work
//! hears of a changed list when it pauses (`cost/patience.rs`).

use crate::catalog::Kind;
use crate::cost::{Ledger, Patience, Reader};
use crate::exposure::Heard;
use crate::tasks::{self, TaskRef};
use protocol::{Error, ErrorKind, Notification, Notifier, Object, Raw};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// What a listener wants to hear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `notifications/tools/list_changed`.
    pub tools: bool,
    /// `notifications/prompts/list_changed`.
    pub prompts: bool,
    /// `notifications/resources/list_changed`.
    pub resources: bool,
    /// `notifications/resources/updated` of these URIs.
    pub uris: BTreeSet<String>,
    /// `notifications/tasks` of these tasks.
    pub tasks: BTreeMap<TaskRef, Watch>,
}

/// How the status of a task is told to one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The id by which the listener knows the task.
    pub token: String,
    /// What the listener declared: only such questions are passed on.
    pub capabilities: Option<Raw>,
}

/// All listeners.
#[derive(Debug)]
pub struct Hub {
    listeners: Mutex<Listeners>,
    listens_max: usize,
    /// Knows who is at work.
    ledger: Arc<Ledger>,
}

#[derive(Debug, Default)]
struct Listeners {
    next: u64,
    open: HashMap<u64, Listener>,
    /// Whether somebody waits for listeners to pause.
    waits: bool,
}

/// One of them.
#[derive(Debug)]
struct Listener {
    /// The server it listens to; absent for all.
    server: Option<Arc<str>>,
    /// What it is shown.
    heard: Heard,
    filter: Filter,
    notifier: Notifier,
    /// Whether it is a legacy session's, which has one without asking.
    session: bool,
    /// Who listens; none of those who are told everything at once.
    reader: Option<Reader>,
    /// Changes that it has not been told of, since when.
    held: Option<(Instant, BTreeSet<&'static str>)>,
}

/// A registration; dropping it ends it.
#[derive(Debug)]
pub struct Listening {
    hub: Arc<Hub>,
    key: u64,
}

impl Filter {
    /// Reads `params.notifications` of `subscriptions/listen`, with at most `uris_max` resources: the
    /// acknowledgement says which.
    #[must_use]
    pub fn read(params: &Object, uris_max: usize) -> Self {
        let wanted = params.object("notifications").unwrap_or_default();
        let flag = |key: &str| wanted.get(key).is_some_and(|value| value.as_str() == "true");
        let uris: Option<Vec<String>> = wanted.get("resourceSubscriptions").and_then(|uris| uris.read().ok());
        Self {
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            resources: flag("resourcesListChanged"),
            uris: uris.unwrap_or_default().into_iter().take(uris_max).collect(),
            tasks: BTreeMap::new(),
        }
    }

    /// The filter as `params.notifications` of a listen or of its acknowledgement.
    #[must_use]
    pub fn to_params(&self) -> Object {
        let mut wanted = Object::new();
        for (key, on) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if on {
                wanted.set_json(key, &true);
            }
        }
        if !self.uris.is_empty() {
            wanted.set_json("resourceSubscriptions", &self.uris);
        }
        if !self.tasks.is_empty() {
            let tokens: Vec<&str> = self.tasks.values().map(|watch| watch.token.as_str()).collect();
            wanted.set_json("taskIds", &tokens);
        }
        [("notifications", wanted.to_raw())].into_iter().collect()
    }

    fn wants(&self, kind: Kind) -> bool {
        match kind {
            Kind::Tools => self.tools,
            Kind::Prompts => self.prompts,
            Kind::Resources | Kind::Templates => self.resources,
        }
    }
}

impl Hub {
    /// A hub with at most `listens_max` listeners besides legacy sessions; `ledger` knows who is at work.
    pub fn new(listens_max: usize, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { listeners: Mutex::default(), listens_max, ledger })
    }

    /// Registers a listener on the server called `server`, or on all. A legacy `session` has one
    /// without asking, and is bounded where sessions are.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] when the limit is reached.
    pub fn listen(
        self: &Arc<Self>,
        server: Option<Arc<str>>,
        heard: Heard,
        filter: Filter,
        notifier: Notifier,
        session: bool,
        reader: Option<Reader>,
    ) -> Result<Listening, Error> {
        let mut listeners = self.lock();
        let counted = listeners.open.values().filter(|listener| !listener.session).count();
        if !session && counted >= self.listens_max {
            let message = format!("{} subscription streams are open already (limit `listens_max`)", self.listens_max);
            return Err(Error::new(ErrorKind::Overloaded, message)
                .hint("close other subscriptions or raise limits.listens_max"));
        }
        let key = listeners.next;
        listeners.next += 1;
        let listener = Listener { server, heard, filter, notifier, session, reader, held: None };
        listeners.open.insert(key, listener);
        Ok(Listening { hub: self.clone(), key })
    }

    /// Tells everybody who wants to know, once, that a list of `servers` changed: at once who is idle or
    /// brought it about by a call, the others when they pause. Whom of those who listen to more than one server it concerns, `concerns`
    /// says.
    pub fn list_changed(
        self: &Arc<Self>,
        servers: &BTreeSet<Arc<str>>,
        kind: Kind,
        concerns: &dyn Fn(&Heard) -> bool,
        patience: Patience,
    ) {
        let method = match kind {
            Kind::Tools => "notifications/tools/list_changed",
            Kind::Prompts => "notifications/prompts/list_changed",
            Kind::Resources | Kind::Templates => "notifications/resources/list_changed",
        };
        let mut listeners = self.lock();
        let now = Instant::now();
        for Listener { server, heard, filter, held, reader, notifier, .. } in listeners.open.values_mut() {
            let concerned = || server.as_ref().map_or_else(|| concerns(heard), |scope| servers.contains(scope));
            if !filter.wants(kind) || !concerned() {
                continue;
            }
            if reader.as_ref().is_some_and(|reader| self.ledger.asked_for(reader, servers, patience.quiet)) {
                notifier.send(Notification::new(method, None));
            } else {
                held.get_or_insert((now, BTreeSet::new())).1.insert(method);
            }
        }
        let left = listeners.release(&self.ledger, patience, now);
        if let Some(left) = left.filter(|_| !listeners.waits) {
            listeners.waits = true;
            tokio::spawn(wait(Arc::downgrade(self), patience, left));
        }
    }

    /// Tells everybody who subscribed to `uri` that it changed.
    pub fn resource_updated(&self, server: &str, uri: &str) {
        for Listener { server: scope, filter, notifier, .. } in self.lock().open.values() {
            if filter.uris.contains(uri) && scope.as_deref().is_none_or(|scope| scope == server) {
                let params = [("uri", Raw::of(uri))].into_iter().collect();
                notifier.send(Notification::new("notifications/resources/updated", Some(params)));
            }
        }
    }

    /// Tells everybody who asked about the task that its status changed. `params` is the task as
    /// its server told it.
    pub fn task_changed(&self, task: &TaskRef, params: &Object) {
        for Listener { filter, notifier, .. } in self.lock().open.values() {
            if let Some(watch) = filter.tasks.get(task) {
                let params = tasks::told(task, watch, params.clone());
                notifier.send(Notification::new("notifications/tasks", Some(params)));
            }
        }
    }

    /// Every task that somebody asked about.
    #[must_use]
    pub fn watched(&self) -> BTreeSet<TaskRef> {
        self.lock().open.values().flat_map(|listener| listener.filter.tasks.keys().cloned()).collect()
    }

    /// Every URI that somebody subscribed to, with the server it was asked of (`None`: whoever
    /// has it).
    #[must_use]
    pub fn subscribed(&self) -> BTreeSet<(Option<String>, String)> {
        let listeners = self.lock();
        let pairs = listeners.open.values().flat_map(|listener| {
            let scope = listener.server.as_deref();
            listener.filter.uris.iter().map(move |uri| (scope.map(str::to_owned), uri.clone()))
        });
        pairs.collect()
    }

    /// How many listeners there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Whether nobody listens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Listeners ===

impl Listeners {
    /// Tells those who have paused, or waited long enough, what was held; how long until the next of the
    /// others may be told.
    fn release(&mut self, ledger: &Ledger, patience: Patience, now: Instant) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for Listener { notifier, reader, held, .. } in self.open.values_mut() {
            let Some((since, methods)) = held else { continue };
            let left = reader.as_ref().and_then(|reader| patience.left(ledger.activity(reader), now - *since));
            if left.is_some() {
                next = [next, left].into_iter().flatten().min();
                continue;
            }
            for method in std::mem::take(methods) {
                notifier.send(Notification::new(method, None));
            }
            *held = None;
        }
        next
    }
}

/// Tells listeners of what is held when they pause, until nothing is.
async fn wait(hub: Weak<Hub>, patience: Patience, mut left: Duration) {
    loop {
        tokio::time::sleep(left).await;
        let Some(hub) = hub.upgrade() else { return };
        let mut listeners = hub.lock();
        match listeners.release(&hub.ledger, patience, Instant::now()) {
            Some(next) => left = next,
            None => {
                listeners.waits = false;
                return;
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.lock().open.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::{Scope, Seat};
    use protocol::{CallContext, Principal};

    const PATIENCE: Patience = Patience { quiet: Duration::from_secs(2), wait_max: Duration::from_secs(30) };

    fn heard() -> Heard {
        Heard { scope: Scope::All, seat: Seat::Session("s".into()) }
    }

    fn hub(listens_max: usize) -> Arc<Hub> {
        Hub::new(listens_max, Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn who_works_is_told_once_when_it_pauses_or_has_waited_long_enough() {
        let hub = hub(4);
        let context = CallContext { session: Some("busy".into()), ..CallContext::internal(Principal::new("me")) };
        let filter = Filter { tools: true, prompts: true, ..Filter::default() };
        let (busy, idle) = (Notifier::bounded(8), Notifier::bounded(8));
        let _busy = hub.listen(None, heard(), filter.clone(), busy.clone(), true, Reader::of(&context)).unwrap();
        let _idle =
            hub.listen(None, heard(), filter, idle.clone(), true, Some(Reader::Session("idle".into()))).unwrap();
        let call = hub.ledger.begins(&context).unwrap();
        let begun = Instant::now();
        let change = |kind| hub.list_changed(&["a".into()].into(), kind, &|_| true, PATIENCE);
        change(Kind::Tools);
        change(Kind::Prompts);
        assert_eq!(idle.take().unwrap().method, "notifications/tools/list_changed");
        assert!(idle.take().is_some() && busy.take().is_none());
        tokio::time::sleep(Duration::from_secs(5)).await;
        change(Kind::Tools);
        assert!(busy.take().is_none());
        drop(call);
        assert_eq!(busy.next().await.method, "notifications/prompts/list_changed");
        assert_eq!(busy.next().await.method, "notifications/tools/list_changed");
        assert!(busy.take().is_none(), "three changes of two lists are two notices");
        assert!(begun.elapsed() >= Duration::from_secs(7) && begun.elapsed() < Duration::from_secs(10));
        // A client whose own call brought the change about goes on with the new tools.
        let call = hub.ledger.begins(&context).unwrap();
        hub.ledger.goes_to(&context, &"a".into());
        change(Kind::Tools);
        assert!(busy.take().is_some());
        hub.ledger.goes_to(&context, &"b".into());
        drop(call);
        // A client that never pauses.
        let _call = hub.ledger.begins(&context).unwrap();
        let begun = Instant::now();
        change(Kind::Tools);
        assert_eq!(busy.next().await.method, "notifications/tools/list_changed");
        assert_eq!(begun.elapsed().as_secs(), 30);
    }

    #[test]
    fn each_hears_what_it_asked_for_and_nothing_after_the_end() {
        let hub = hub(2);
        let (all, one) = (Notifier::bounded(8), Notifier::bounded(8));
        let tools = Filter { tools: true, uris: ["a://x".to_owned()].into(), ..Filter::default() };
        let first = hub.listen(None, heard(), tools.clone(), all.clone(), false, None).unwrap();
        let _second = hub.listen(Some("b".into()), heard(), tools.clone(), one.clone(), false, None).unwrap();
        let third = hub.listen(None, heard(), tools.clone(), Notifier::none(), false, None);
        assert_eq!(third.unwrap_err().kind, ErrorKind::Overloaded);
        hub.list_changed(&["a".into()].into(), Kind::Tools, &|_| true, PATIENCE);
        hub.list_changed(&["a".into()].into(), Kind::Prompts, &|_| true, PATIENCE);
        hub.resource_updated("b", "a://x");
        assert_eq!(all.take().unwrap().method, "notifications/tools/list_changed");
        assert_eq!(all.take().unwrap().method, "notifications/resources/updated");
        assert!(all.take().is_none());
        assert_eq!(one.take().unwrap().method, "notifications/resources/updated");
        drop(first);
        hub.list_changed(&["a".into()].into(), Kind::Tools, &|_| true, PATIENCE);
        assert!(all.take().is_none());
        assert_eq!(hub.len(), 1);
    }

    #[test]
    fn sessions_take_no_places_of_those_who_ask_to_listen() {
        let hub = hub(1);
        let sessions: Vec<_> = (0..3)
            .map(|_| hub.listen(None, heard(), Filter::default(), Notifier::none(), true, None).unwrap())
            .collect();
        let asked = hub.listen(None, heard(), Filter::default(), Notifier::none(), false, None);
        assert!(asked.is_ok() && hub.listen(None, heard(), Filter::default(), Notifier::none(), true, None).is_ok());
        drop(sessions);
        assert!(hub.listen(None, heard(), Filter::default(), Notifier::none(), false, None).is_err());
    }

    #[test]
    fn nobody_subscribes_to_more_than_the_limit() {
        let uris: Vec<String> = (0..5).map(|number| format!("a://{number}")).collect();
        let wanted = serde_json::json!({"notifications": {"resourceSubscriptions": uris}});
        let filter = Filter::read(&Object::of(&Raw::of(&wanted)).unwrap(), 3);
        assert_eq!(filter.uris.len(), 3);
        let told = filter.to_params().object("notifications").unwrap();
        assert_eq!(told.get("resourceSubscriptions").unwrap().as_str(), r#"["a://0","a://1","a://2"]"#);
    }
}
