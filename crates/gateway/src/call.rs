//! The life of a call, top to bottom (DESIGN.md section 5): route, authorize, send, finish.
//!
//! A [`Door`] is the gateway seen through one endpoint: everything, or one server with its own
//! names. Whatever comes in, from whichever listener, passes `Gateway::handle`.

use crate::catalog::{Kind, Route, View};
use crate::cost::Reader;
use crate::era;
use crate::exposure::{Heard, Scope, Seat};
use crate::finder::now_ms;
use crate::gateway::{Gateway, Snapshot};
use crate::guards::group;
use crate::hub::{Filter, Listening};
use crate::interactive::{self, Asked};
use crate::policy::Action;
use crate::record::Open;
use crate::server::Server;
use crate::tasks;
use protocol::method::{self, RoutingKey};
use protocol::seal::Binding;
use protocol::{
    Call, CallContext, Era, Error, ErrorKind, Notification, Object, Principal, Raw, Reply, ReplyFuture, Service, Text,
    Version, header,
};
use std::sync::Arc;
use std::time::Duration;

/// How long a list cursor is good for, in milliseconds.
const CURSOR_TIME_MS: u64 = 60 * 60 * 1000;

/// The gateway seen through one endpoint.
#[derive(Debug, Clone)]
pub struct Door {
    gateway: Arc<Gateway>,
    scope: Scope,
}

impl Door {
    /// The endpoint of `scope`.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, scope: Scope) -> Self {
        Self { gateway, scope }
    }
}

impl Service for Door {
    fn call(&self, call: Call) -> ReplyFuture {
        let (gateway, scope) = (self.gateway.clone(), self.scope.clone());
        Box::pin(async move { gateway.handle(&scope, call).await })
    }

    /// `notifications/cancelled` with `method` and `params` of a request that was answered with a
    /// question says that nobody will answer it: a parked call ends then.
    fn notify(&self, notification: Notification, context: CallContext) {
        let params = notification.params.unwrap_or_default();
        if notification.method == *"notifications/cancelled"
            && let (Some(method), Some(request)) = (params.text("method"), params.object("params"))
        {
            self.gateway.abandon(&self.scope, &context.principal, &method, request);
        }
    }
}

/// What a request is about, once it is routed.
pub(crate) struct Target {
    pub(crate) server: Arc<Server>,
    /// The server's own name, or the URI: for rules and records.
    pub(crate) own: Text,
    pub(crate) action: Action,
    /// The members, where it goes to a group.
    pub(crate) route: Option<Arc<Route>>,
}

/// Keeps a listener registered; ends its resource subscriptions with it.
struct ListenGuard {
    gateway: Arc<Gateway>,
    listening: Option<Listening>,
}

impl Gateway {
    /// Answers one request and files its record, however it ends.
    async fn handle(self: &Arc<Self>, scope: &Scope, mut call: Call) -> Reply {
        let (method, principal) = (call.method.clone(), call.context.principal.clone());
        let mut record =
            self.records.open(&method, &call.context.principal, call.context.era().as_str(), call.params.size());
        record.came(&call.context.came);
        if self.tracing.is_on() {
            let trace = self.tracing.begin(&mut call);
            record.note(|record| record.trace = trace);
        }
        let works = method::find(&method).is_some_and(|row| matches!(row.key, RoutingKey::Name | RoutingKey::Uri));
        let mut busy = if works { self.ledger.begins(&call.context) } else { None };
        let mut reply = self.answer(scope, call, &mut record).await;
        if let Ok(result) = &mut reply
            && method == *"tools/call"
            && self.is_too_long(scope, result)
        {
            *result = Box::pin(self.shortened(scope, &principal, std::mem::take(result))).await;
        }
        if let (Some(busy), Ok(result)) = (&mut busy, &reply) {
            busy.answered(result.size());
        }
        match &reply {
            Ok(result) => record.ended(outcome(result), result.size()),
            Err(error) => record.failed(error.kind, error.cause.clone()),
        }
        match reply {
            Err(error) if method == *"tools/call" && is_tool_failure(error.kind) => Ok(tool_failure(&error)),
            reply => reply,
        }
    }

    async fn answer(self: &Arc<Self>, scope: &Scope, call: Call, record: &mut Open) -> Reply {
        if self.is_draining() {
            return Err(Error::new(ErrorKind::Draining, "Switchboard is shutting down").hint("try again in a moment"));
        }
        match method::find(&call.method).map(|row| row.key) {
            Some(RoutingKey::Name) => {
                let mut snapshot = self.snapshot.load_full();
                if let Some(shown) = snapshot.catalog.shown(scope)
                    && call.method == *"tools/call"
                    && let Some(name) = call.params.text("name")
                {
                    if let Some(own) = shown.own(&name) {
                        return Box::pin(self.call_own(own, scope, snapshot, call, record)).await;
                    }
                    self.note_day(shown, &call.context.principal, &name);
                }
                let mut route = named(&*view(&snapshot, scope)?, &call).cloned();
                if route.is_err() && self.is_first_listing() {
                    // The name may belong to a server that has not been listed yet.
                    self.first_listed().await;
                    snapshot = self.snapshot.load_full();
                    route = named(&*view(&snapshot, scope)?, &call).cloned();
                }
                self.call_named(&snapshot, &route?, call, record).await
            }
            Some(RoutingKey::Catalog) => self.list(scope, &call).await,
            Some(RoutingKey::Own) => match &*call.method {
                "server/discover" => self.discover(scope).await,
                "subscriptions/listen" => self.listen(scope, call).await,
                other => Err(method_not_found(other)),
            },
            Some(RoutingKey::Uri) => Box::pin(self.call_uri(scope, call, record)).await,
            Some(RoutingKey::Ref) => Box::pin(self.complete(scope, call, record)).await,
            Some(RoutingKey::TaskId) => Box::pin(self.call_task(scope, call, record)).await,
            Some(RoutingKey::Every) => Box::pin(self.call_every(scope, call)).await,
            None => Box::pin(self.call_unrouted(scope, call, record)).await,
        }
    }

    /// `tools/call` and `prompts/get`: the public name leads to a server and its own name.
    pub(crate) async fn call_named(
        &self,
        snapshot: &Snapshot,
        route: &Arc<Route>,
        mut call: Call,
        record: &mut Open,
    ) -> Reply {
        let action = if call.method == *"tools/call" { Action::CallTool } else { Action::GetPrompt };
        check_mirrored(route, &call)?;
        tasks::mark(route, &mut call)?;
        let public = call.params.text("name").unwrap_or_default();
        let (server, group) = match route.members.is_empty() {
            true => (server(snapshot, &route.server)?.clone(), None),
            false => (self.member(snapshot, route, &public, &call)?, Some(route.clone())),
        };
        call.params.set("name", route.own_json.clone());
        self.ledger.goes_to(&call.context, &server.name);
        let memory = &self.finder.memory;
        let noted = match action == Action::CallTool && memory.is_watching() {
            true => memory.noted(snapshot, route, &call.context),
            false => None,
        };
        let target = Target { server, own: route.own.clone(), action, route: group };
        let reply = self.send(target, &public, call, record).await;
        if let Some(noted) = noted {
            let ok = reply.as_ref().is_ok_and(|result| matches!(outcome(result), "ok"));
            memory.called(*noted, ok, now_ms());
        }
        reply
    }

    /// `resources/read` and other methods with a URI: URIs are the same inside and outside.
    pub(crate) async fn call_uri(&self, scope: &Scope, call: Call, record: &mut Open) -> Reply {
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let uri = call
            .params
            .text("uri")
            .ok_or_else(|| Error::new(ErrorKind::InvalidParams, format!("{} needs a `uri`", call.method)))?;
        let only = if let [only] = &view.servers[..] { Some(only) } else { None };
        let Some(name) = view.resource(&uri).or(only) else {
            return self.call_unlisted(&snapshot, &view, &uri, call, record).await;
        };
        let mut server = server(&snapshot, name)?.clone();
        let route = if scope.is_server() { None } else { group::of_uri(&snapshot, &server, &uri) };
        if let Some(route) = &route {
            server = self.member(&snapshot, route, &uri, &call)?;
        }
        let target = Target { server, own: uri.clone(), action: Action::ReadResource, route };
        self.send(target, &uri, call, record).await
    }

    /// `completion/complete`: the reference names a prompt or a template.
    async fn complete(&self, scope: &Scope, mut call: Call, record: &mut Open) -> Reply {
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let mut reference = call
            .params
            .object("ref")
            .ok_or_else(|| Error::new(ErrorKind::InvalidParams, "completion/complete needs a `ref`"))?;
        let (name, own) = if let Some(public) = reference.text("name") {
            let route = view.prompt(&public).ok_or_else(|| unknown("prompt", &public, view.prompt_names()))?;
            reference.set("name", route.own_json.clone());
            (route.server.clone(), route.own.clone())
        } else {
            let uri = reference
                .text("uri")
                .ok_or_else(|| Error::new(ErrorKind::InvalidParams, "`ref` has neither a name nor a URI"))?;
            let found = view
                .template(&uri)
                .or_else(|| view.resource(&uri))
                .ok_or_else(|| unknown("resource template", &uri, Vec::new()))?;
            (found.clone(), uri)
        };
        call.params.set("ref", reference.to_raw());
        let target =
            Target { server: server(&snapshot, &name)?.clone(), own: own.clone(), action: Action::Ask, route: None };
        self.send(target, &own, call, record).await
    }

    /// Ends the parked call whose question `request` repeats, when it is one.
    fn abandon(&self, scope: &Scope, principal: &Principal, method: &str, mut request: Object) {
        self.unwrap_own(scope, method, &mut request);
        let name = request.text("name").or_else(|| request.text("uri")).unwrap_or_default();
        let asked = Asked { principal, method, name: &name, server: "" };
        if let Some(ticket) = interactive::ticket(&self.sealer, asked, &request) {
            self.parking.abandon(ticket);
        }
    }

    /// The four lists, from the catalog.
    async fn list(self: &Arc<Self>, scope: &Scope, call: &Call) -> Reply {
        self.first_listed().await;
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let kind = Kind::of_method(&call.method).ok_or_else(|| method_not_found(&call.method))?;
        let shown = snapshot.catalog.shown(scope).filter(|_| kind == Kind::Tools);
        let composed = match shown {
            Some(shown) => Box::pin(self.tools_for(shown, &call.context)).await,
            None => None,
        };
        let listing = composed.as_deref().unwrap_or_else(|| view.list_for(kind, call.context.client.version));
        let name = scope.name();
        let binding = Binding { principal: &call.context.principal, method: kind.method(), name: &name, digest: b"" };
        let page = match call.params.get("cursor") {
            None => 0,
            Some(cursor) => {
                let refused = || {
                    Error::new(ErrorKind::InvalidParams, "the cursor is not one of this list, or the list has changed")
                        .hint("read the list again without a cursor")
                };
                let token = cursor.string().ok_or_else(refused)?;
                let content = self.sealer.open(binding, &token, interactive::now_ms()).map_err(|_| refused())?;
                let (page, items) = content.split_first_chunk::<8>().ok_or_else(refused)?;
                if items != listing.count.to_be_bytes() {
                    return Err(refused());
                }
                usize::try_from(u64::from_be_bytes(*page)).map_err(|_| refused())?
            }
        };
        if page == 0 && kind == Kind::Tools && self.ledger.reads(&call.context, &name, &listing.pages) {
            self.tell_broken_soon();
        }
        let items = listing.pages.get(page).cloned().unwrap_or_else(|| Raw::from_static("[]"));
        let mut result: Object = [(kind.member(), items)].into_iter().collect();
        if page + 1 < listing.pages.len() {
            let content = [(page as u64 + 1).to_be_bytes(), (listing.count as u64).to_be_bytes()].concat();
            let cursor = self.sealer.seal(binding, &content, interactive::now_ms() + CURSOR_TIME_MS);
            result.set_json(
                "nextCursor",
                &cursor
                    .map_err(|error| Error::new(ErrorKind::Internal, "the cursor could not be sealed").cause(error))?,
            );
        }
        let ttl = snapshot.config.catalog.ttl;
        result.set_json("ttlMs", &u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        Ok(result)
    }

    /// `server/discover`: what all servers can do, in sum.
    async fn discover(&self, scope: &Scope) -> Reply {
        self.first_listed().await;
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let mut result = Object::new();
        result.set_json("supportedVersions", &Version::ALL.map(Version::as_str));
        result.set("capabilities", capabilities(&view).to_raw());
        if let Some(instructions) = &view.instructions {
            result.set_json("instructions", instructions);
        }
        Ok(result)
    }

    /// `subscriptions/listen`: acknowledged at once, then notifications until the client or we go.
    async fn listen(self: &Arc<Self>, scope: &Scope, call: Call) -> Reply {
        let snapshot = self.snapshot.load_full();
        let view = view(&snapshot, scope)?;
        let mut filter = Filter::read(&call.params, snapshot.config.limits.session_subscriptions_max);
        if !view.capabilities.subscribe {
            filter.uris.clear();
        }
        self.watch_tasks(&snapshot, &view, &call, &mut filter);
        let server = view.servers.first().filter(|_| scope.is_server()).cloned();
        let heard = Heard { scope: scope.clone(), seat: Seat::of(&call.context) };
        drop((snapshot, view));
        let acknowledged = Notification::new("notifications/subscriptions/acknowledged", Some(filter.to_params()));
        call.context.notifier.send(acknowledged);
        let watches = !filter.uris.is_empty() || !filter.tasks.is_empty();
        let (session, reader) = (call.context.era() == Era::Legacy, Reader::of(&call.context));
        let listening = self.hub.listen(server, heard, filter, call.context.notifier.clone(), session, reader)?;
        let guard = ListenGuard { gateway: self.clone(), listening: Some(listening) };
        if watches {
            self.sync_subscriptions();
        }
        self.draining.cancelled().await;
        drop(guard);
        Ok(Object::new())
    }
}

impl Drop for ListenGuard {
    fn drop(&mut self) {
        self.listening = None;
        self.gateway.sync_subscriptions();
    }
}

pub(crate) fn view(snapshot: &Snapshot, scope: &Scope) -> Result<Arc<View>, Error> {
    snapshot.catalog.view(scope).cloned().ok_or_else(|| match scope {
        Scope::Profile(name) => Error::new(ErrorKind::UnknownName, format!("there is no profile `{name}` here"))
            .hint("profiles stand in the configuration: switchboard config show"),
        other => Error::new(ErrorKind::UnknownName, format!("there is no server `{}` here any more", other.name()))
            .hint("see: switchboard list"),
    })
}

pub(crate) fn server<'a>(snapshot: &'a Snapshot, name: &Arc<str>) -> Result<&'a Arc<Server>, Error> {
    snapshot
        .servers
        .get(name)
        .ok_or_else(|| Error::new(ErrorKind::UnknownName, format!("there is no server `{name}` any more")))
}

fn named<'a>(view: &'a View, call: &Call) -> Result<&'a Arc<Route>, Error> {
    let needs = || Error::new(ErrorKind::InvalidParams, format!("{} needs a `name`", call.method));
    let name = call.params.text("name").ok_or_else(needs)?;
    if call.method == *"tools/call" {
        view.tool(&name).ok_or_else(|| unknown("tool", &name, view.tool_names()))
    } else {
        view.prompt(&name).ok_or_else(|| unknown("prompt", &name, view.prompt_names()))
    }
}

pub(crate) fn unknown(what: &str, name: &str, known: Vec<&Text>) -> Error {
    let error = Error::new(ErrorKind::UnknownName, format!("there is no {what} `{name}` here"));
    let closest = known.into_iter().map(|other| (strsim::damerau_levenshtein(name, other), other)).min();
    match closest {
        Some((distance, other)) if distance <= name.len() / 3 + 1 => error.hint(format!("did you mean `{other}`?")),
        _ => error.hint("see what there is: switchboard tools"),
    }
}

pub(crate) fn method_not_found(method: &str) -> Error {
    Error::new(ErrorKind::MethodNotFound, format!("no server here knows the method `{method}`"))
}

/// Headers that mirror arguments must say what the arguments say (protocol.md section 1.6).
fn check_mirrored(route: &Route, call: &Call) -> Result<(), Error> {
    let Some(headers) = call.context.param_headers.as_ref().filter(|_| !route.mirrored.is_empty()) else {
        return Ok(());
    };
    let arguments = call.params.get("arguments");
    for param in route.mirrored.iter() {
        let header = headers.iter().find(|(name, _)| *name == param.header).map(|(_, value)| value.as_str());
        let fits = match (header, param.value(arguments)) {
            (None, None) => true,
            (Some(header), Some(body)) => param.matches(header, &body),
            _ => false,
        };
        if !fits {
            let message =
                format!("the header `{}` does not say what `arguments.{}` says", param.header, param.path.join("."));
            return Err(Error::new(ErrorKind::HeaderMismatch, message)
                .hint(format!("send it with every call, encoded as {} says", header::NAME)));
        }
    }
    Ok(())
}

fn capabilities(view: &View) -> Object {
    static CHANGES: Raw = Raw::from_static("{\"listChanged\":true}");
    static SUBSCRIBES: Raw = Raw::from_static("{\"listChanged\":true,\"subscribe\":true}");
    static EMPTY: Raw = Raw::from_static("{}");
    let sum = &view.capabilities;
    let mut capabilities: Object = [("tools", CHANGES.clone()), ("prompts", CHANGES.clone())].into_iter().collect();
    capabilities.set("resources", if sum.subscribe { SUBSCRIBES.clone() } else { CHANGES.clone() });
    for (key, on) in [("completions", sum.completions), ("logging", sum.logging)] {
        if on {
            capabilities.set(key, EMPTY.clone());
        }
    }
    let extensions: Object = sum.extensions.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    if !extensions.is_empty() {
        capabilities.set("extensions", extensions.to_raw());
    }
    capabilities
}

fn outcome(result: &Object) -> &'static str {
    if result.get("isError").is_some_and(|value| value.as_str() == "true") {
        return "tool_error";
    }
    if era::is_input_required(result) { "input_required" } else { "ok" }
}

/// Failures that a model can act on are results of the tool (protocol.md section 1.14).
fn is_tool_failure(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(
        kind,
        K::Denied
            | K::Overloaded
            | K::UpstreamDown
            | K::UpstreamStarting
            | K::UpstreamGone
            | K::UpstreamInvalid
            | K::Timeout
            | K::NotRunning
    )
}

pub(crate) fn tool_failure(error: &Error) -> Object {
    let text = match &error.hint {
        Some(hint) => format!("{}\nhint: {hint}", error.message),
        None => error.message.to_string(),
    };
    let content = Raw::of(&serde_json::json!([{"type": "text", "text": text}]));
    let row = error.kind.row();
    let mut said = serde_json::json!({"kind": row.name, "retryable": row.retryable});
    if let Some(milliseconds) = error.retry_after_ms {
        said["retry_after_ms"] = milliseconds.get().into();
    }
    let meta = Raw::of(&serde_json::json!({"dev.switchboard/error": said}));
    [("content", content), ("isError", Raw::from_static("true")), ("_meta", meta)].into_iter().collect()
}

/// Longest time that a drain waits for calls in flight.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
