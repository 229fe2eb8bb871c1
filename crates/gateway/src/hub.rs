//! Who wants to hear of changes: every open `subscriptions/listen` and every legacy session.
//!
//! Facts are pushed; nobody polls. A listener that does not read loses repetitions, never the
//! fact: its queue is bounded and "the list changed" is idempotent.

use crate::catalog::Kind;
use crate::exposure::Heard;
use crate::tasks::{self, TaskRef};
use protocol::{Error, ErrorKind, Notification, Notifier, Object, Raw};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

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
}

#[derive(Debug, Default)]
struct Listeners {
    next: u64,
    open: HashMap<u64, Listener>,
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
    /// A hub with at most `listens_max` listeners besides legacy sessions.
    #[must_use]
    pub fn new(listens_max: usize) -> Arc<Self> {
        Arc::new(Self { listeners: Mutex::default(), listens_max })
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
        listeners.open.insert(key, Listener { server, heard, filter, notifier, session });
        Ok(Listening { hub: self.clone(), key })
    }

    /// Tells everybody who wants to know, once, that a list of `servers` changed. Whom of those who listen
    /// to more than one server it concerns, `concerns` says.
    pub fn list_changed(&self, servers: &BTreeSet<Arc<str>>, kind: Kind, concerns: &dyn Fn(&Heard) -> bool) {
        let method = match kind {
            Kind::Tools => "notifications/tools/list_changed",
            Kind::Prompts => "notifications/prompts/list_changed",
            Kind::Resources | Kind::Templates => "notifications/resources/list_changed",
        };
        for Listener { server, heard, filter, notifier, .. } in self.lock().open.values() {
            let concerned = || server.as_ref().map_or_else(|| concerns(heard), |scope| servers.contains(scope));
            if filter.wants(kind) && concerned() {
                notifier.send(Notification::new(method, None));
            }
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

impl Drop for Listening {
    fn drop(&mut self) {
        self.hub.lock().open.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::{Scope, Seat};

    fn heard() -> Heard {
        Heard { scope: Scope::All, seat: Seat::Session("s".into()) }
    }

    #[test]
    fn each_hears_what_it_asked_for_and_nothing_after_the_end() {
        let hub = Hub::new(2);
        let (all, one) = (Notifier::bounded(8), Notifier::bounded(8));
        let tools = Filter { tools: true, uris: ["a://x".to_owned()].into(), ..Filter::default() };
        let first = hub.listen(None, heard(), tools.clone(), all.clone(), false).unwrap();
        let _second = hub.listen(Some("b".into()), heard(), tools.clone(), one.clone(), false).unwrap();
        let third = hub.listen(None, heard(), tools.clone(), Notifier::none(), false);
        assert_eq!(third.unwrap_err().kind, ErrorKind::Overloaded);
        hub.list_changed(&["a".into()].into(), Kind::Tools, &|_| true);
        hub.list_changed(&["a".into()].into(), Kind::Prompts, &|_| true);
        hub.resource_updated("b", "a://x");
        assert_eq!(all.take().unwrap().method, "notifications/tools/list_changed");
        assert_eq!(all.take().unwrap().method, "notifications/resources/updated");
        assert!(all.take().is_none());
        assert_eq!(one.take().unwrap().method, "notifications/resources/updated");
        drop(first);
        hub.list_changed(&["a".into()].into(), Kind::Tools, &|_| true);
        assert!(all.take().is_none());
        assert_eq!(hub.len(), 1);
    }

    #[test]
    fn sessions_take_no_places_of_those_who_ask_to_listen() {
        let hub = Hub::new(1);
        let sessions: Vec<_> =
            (0..3).map(|_| hub.listen(None, heard(), Filter::default(), Notifier::none(), true).unwrap()).collect();
        let asked = hub.listen(None, heard(), Filter::default(), Notifier::none(), false);
        assert!(asked.is_ok() && hub.listen(None, heard(), Filter::default(), Notifier::none(), true).is_ok());
        drop(sessions);
        assert!(hub.listen(None, heard(), Filter::default(), Notifier::none(), false).is_err());
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
