//! What a connection is whatever its transport: limits, ids, events, and what its era does to
//! answers and notifications.

use super::patience::{Patience, Progress};
use super::pulse::Pulse;
use super::questions::{Asking, Questions};
use super::{ConnectOptions, Handshake, List, UpstreamEvent, failure, wire};
use crate::asking::{Asker, Question};
use protocol::{
    Call, CallContext, Client, Era, Error, ErrorKind, LogLevel, Notification, Notifier, Object, ParseLimits, Principal,
    Raw, Reply, Request, Response,
};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::mpsc;

/// The part that all transports share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: ConnectOptions,
    /// The context of requests of our own.
    pub(super) own: CallContext,
    /// The context of requests to be told of changes.
    pub(super) listening: CallContext,
    events: mpsc::Sender<UpstreamEvent>,
    next_id: AtomicU64,
    in_flight: AtomicUsize,
    pulse: Pulse,
    agreed: OnceLock<Agreed>,
    /// Who may be asked, of the calls in flight.
    questions: Arc<Questions>,
    /// The most verbose level that this session was set to.
    logged: Mutex<Option<LogLevel>>,
}

#[derive(Debug)]
struct Agreed {
    era: Era,
    has_logging: bool,
}

/// One of the calls that may be in flight; gives its place back.
#[derive(Debug)]
pub(super) struct Slot<'a>(&'a Core);

/// Where what happens during a call goes.
#[derive(Debug)]
pub(super) struct Route {
    token: Option<Raw>,
    logs: LogRoute,
    progress: Option<Progress>,
    asker: Option<Asker>,
}

/// Where the log messages of a call go.
#[derive(Debug, Clone)]
pub(super) struct LogRoute {
    notifier: Notifier,
    wanted: Logs,
}

#[derive(Debug, Clone, Copy)]
enum Logs {
    All,
    From(LogLevel),
    Unwanted,
}

/// Waits for the end of a task; what the task asks comes meanwhile.
const RESULT: &str = "tasks/result";
const RESOURCE_NOT_FOUND: i64 = -32002;
const INVALID_PARAMS: i64 = -32602;
const HEADER_MISMATCH: i64 = -32020;

// === impl Core ===

impl Core {
    pub(super) fn new(options: ConnectOptions, events: mpsc::Sender<UpstreamEvent>) -> Self {
        Self {
            options,
            own: CallContext::internal(Principal::new("switchboard")),
            listening: wire::listening_context(),
            events,
            next_id: AtomicU64::new(1),
            in_flight: AtomicUsize::new(0),
            pulse: Pulse::default(),
            agreed: OnceLock::new(),
            questions: Questions::new(),
            logged: Mutex::default(),
        }
    }

    /// The context of a request of our own.
    pub(super) fn own_for(&self, method: &str) -> &CallContext {
        if method == "subscriptions/listen" { &self.listening } else { &self.own }
    }

    pub(super) fn server(&self) -> &str {
        &self.options.server
    }

    pub(super) fn limits(&self) -> ParseLimits {
        ParseLimits { bytes_max: self.options.frame_bytes_max, depth_max: self.options.depth_max }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The handshake is done.
    pub(super) fn agree(&self, handshake: &Handshake) {
        let has_logging = Object::of(&handshake.capabilities).is_ok_and(|object| object.get("logging").is_some());
        // A renewed session keeps what was agreed first.
        let _ = self.agreed.set(Agreed { era: handshake.era, has_logging });
    }

    /// The agreed era; legacy until then, since an unasked server may speak first.
    pub(super) fn era(&self) -> Era {
        self.agreed.get().map_or(Era::Legacy, |agreed| agreed.era)
    }

    /// Tells what happened, unless nobody keeps up with it. Noise leaves half of the queue to facts, and
    /// news of resources and tasks a quarter to what must not be missed.
    pub(super) fn report(&self, event: UpstreamEvent) {
        let own = matches!(event, UpstreamEvent::ResourceUpdated { .. } | UpstreamEvent::TaskChanged { .. });
        if own && self.options.beside {
            return;
        }
        // Of what is said again and again as much may be missed as leaves room for what is said once.
        let kept_free = match event {
            UpstreamEvent::ListChanged(_) | UpstreamEvent::HeadersOutdated | UpstreamEvent::SignedOut { .. } => 0,
            _ if own => self.events.max_capacity() / 4,
            _ => self.events.max_capacity() / 2,
        };
        if self.events.capacity() > kept_free {
            // A full queue means the reader is behind; the facts are such that it may miss some.
            let _ = self.events.try_send(event);
        }
    }

    /// Takes a place for a call.
    pub(super) fn admit(&self) -> Result<Slot<'_>, Error> {
        let slot = Slot(self);
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.options.calls_max {
            return Err(failure::overloaded(self.server(), "the limit of calls in flight of", self.options.calls_max));
        }
        Ok(slot)
    }

    pub(super) fn patience(&self, method: &str, context: &CallContext, asker: Option<&Asker>) -> Patience {
        let options = &self.options;
        self.pulse.touch();
        let hold = asker.map(|asker| asker.hold().clone());
        // The result of a task comes when the task ends, with no word before.
        let silent_for = if method == RESULT { options.request_timeout_max } else { options.request_timeout };
        Patience::start(silent_for, options.request_timeout_max, context.progress_token.is_some(), hold)
    }

    /// The level that a legacy session must be set to before this call (section 2.2, row 11).
    pub(super) fn level_to_set(&self, context: &CallContext) -> Option<LogLevel> {
        let level = context.log_level?;
        let agreed = self.agreed.get()?;
        if agreed.era == Era::Modern || !agreed.has_logging {
            return None;
        }
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_some_and(|set| set <= level) {
            return None;
        }
        *logged = Some(level);
        Some(level)
    }

    /// Whether log messages may come apart from the calls that they belong to.
    pub(super) fn logs_aside(&self) -> bool {
        self.agreed.get().is_some_and(|agreed| agreed.era == Era::Legacy && agreed.has_logging)
    }

    /// A new session knows no level.
    pub(super) fn forget_level(&self) {
        *self.logged.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the server's answer means in the modern model.
    pub(super) fn settle(&self, method: &str, client: &Client, reply: Reply) -> Reply {
        match (self.era(), reply) {
            (Era::Modern, Ok(result)) => self.check_result_type(client, result),
            (Era::Modern, Err(error)) if error.upstream_code == Some(HEADER_MISMATCH) => Err(self.mismatch(&error)),
            (Era::Legacy, Err(mut error))
                if error.upstream_code == Some(RESOURCE_NOT_FOUND) && method == "resources/read" =>
            {
                error.upstream_code = Some(INVALID_PARAMS);
                Err(error)
            }
            (_, reply) => reply,
        }
    }

    /// Whether the server refused the headers that repeat arguments.
    pub(super) fn is_outdated(&self, reply: &Reply) -> bool {
        let refused = |error: &Error| {
            error.upstream_code == Some(HEADER_MISMATCH)
                && error.message.to_ascii_lowercase().contains(protocol::header::PARAM_PREFIX)
        };
        self.era() == Era::Modern && reply.as_ref().is_err_and(refused)
    }

    fn check_result_type(&self, client: &Client, result: Object) -> Reply {
        match result.get("resultType").map(Raw::as_bytes) {
            None | Some(b"\"complete\"" | b"\"input_required\"") => Ok(result),
            Some(_) if wire::has_extensions(client) => Ok(result),
            Some(_) => Err(failure::invalid(self.server(), "its `resultType` is none that the client knows")),
        }
    }

    /// Headers are our affair, so the client never sees what the server thinks of them.
    fn mismatch(&self, error: &Error) -> Error {
        if error.message.to_ascii_lowercase().contains(protocol::header::PARAM_PREFIX) {
            self.report(UpstreamEvent::HeadersOutdated);
        }
        failure::invalid(self.server(), "it refused our headers").cause(&error.message)
    }

    /// Takes a notification that belongs to no call.
    pub(super) fn take_event(&self, notification: Notification) {
        match notification.method.as_str() {
            "notifications/tools/list_changed" => self.report(UpstreamEvent::ListChanged(List::Tools)),
            "notifications/prompts/list_changed" => self.report(UpstreamEvent::ListChanged(List::Prompts)),
            "notifications/resources/list_changed" => self.report(UpstreamEvent::ListChanged(List::Resources)),
            "notifications/resources/updated" => {
                if let Some(uri) = notification.params.and_then(|params| params.text("uri")) {
                    self.report(UpstreamEvent::ResourceUpdated { uri: uri.to_string() });
                }
            }
            "notifications/tasks" => {
                let told = notification.params.and_then(|params| Some((params.text("taskId")?.to_string(), params)));
                if let Some((task, params)) = told {
                    self.report(UpstreamEvent::TaskChanged { task, params: Box::new(params) });
                }
            }
            "notifications/message" => self.report(UpstreamEvent::Log(Box::new(notification))),
            // Acknowledgements and cancellations of what has already ended, late progress, news.
            _ => {}
        }
    }

    /// Enters a call that may be asked, when it is its turn.
    pub(super) async fn enter(
        &self,
        call: &Call,
        asker: Option<&Asker>,
        patience: &Patience,
    ) -> Result<Option<Asking>, Error> {
        let Some(asker) = asker.filter(|_| self.era() == Era::Legacy) else { return Ok(None) };
        if let Some(task) = call.params.text("taskId").filter(|_| call.method == *RESULT) {
            return Ok(Some(self.questions.clone().enter_task(asker.clone(), task)));
        }
        let mut turn = Box::pin(self.questions.clone().enter(asker.clone()));
        match Box::pin(patience.wait_for(turn.as_mut())).await {
            Ok(asking) => Ok(Some(asking)),
            Err(_) => Err(failure::busy_asking(self.server())),
        }
    }

    /// Takes a request of the server; a modern one may not send any (section 1.4). `asker` is that
    /// of the call on whose stream it came; `respond` writes the answer.
    pub(super) fn take_request(
        &self,
        request: Request,
        asker: Option<&Asker>,
        respond: impl FnOnce(Response) + Send + 'static,
    ) {
        let Request { id, method, params } = request;
        if self.era() == Era::Modern {
            return self.report(UpstreamEvent::RequestRefused { method: method.to_string() });
        }
        let respond = move |outcome: Reply| respond(Response { id: Some(id), outcome });
        if method == *"ping" {
            return respond(Ok(Object::new()));
        }
        let question = Question::new(method, params.unwrap_or_default(), respond);
        let nobody = match asker {
            Some(asker) => asker.put(question).err(),
            None => self.questions.place(question),
        };
        let Some(question) = nobody else { return };
        if question.method == *"roots/list" {
            return question.answer(Ok(self.roots()));
        }
        self.report(UpstreamEvent::RequestRefused { method: question.method.to_string() });
        let message = format!("no client that is calling you now has declared that it answers `{}`", question.method);
        question.answer(Err(Error::new(ErrorKind::MethodNotFound, message)));
    }

    fn roots(&self) -> Object {
        let roots: Vec<serde_json::Value> =
            self.options.roots.iter().map(|uri| serde_json::json!({ "uri": uri })).collect();
        [("roots", Raw::of(&roots))].into_iter().collect()
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Route ===

impl Route {
    pub(super) fn new(context: &CallContext, patience: &Patience, asker: Option<Asker>) -> Self {
        let logs = match (context.log_level, context.era()) {
            (Some(level), _) => Logs::From(level),
            (None, Era::Legacy) => Logs::All,
            (None, Era::Modern) => Logs::Unwanted,
        };
        let token = context.progress_token.clone();
        let logs = LogRoute { notifier: context.notifier.clone(), wanted: logs };
        Self { token, logs, progress: patience.progress(), asker }
    }

    /// Who answers what the server asks during this call.
    pub(super) fn asker(&self) -> Option<&Asker> {
        self.asker.as_ref()
    }

    /// Where its log messages go.
    pub(super) fn logs(&self) -> &LogRoute {
        &self.logs
    }

    /// Passes progress on under the client's token, when it wanted any.
    pub(super) fn progress(&self, mut notification: Notification) {
        let Some(token) = &self.token else { return };
        if let Some(progress) = &self.progress {
            progress.touch();
        }
        if let Some(params) = &mut notification.params {
            params.set(protocol::meta::PROGRESS_TOKEN, token.clone());
        }
        self.logs.notifier.send(notification);
    }

    /// Passes a log message on, when its level is wanted.
    pub(super) fn log(&self, notification: Notification) {
        self.logs.log(notification);
    }
}

// === impl LogRoute ===

impl LogRoute {
    pub(super) fn log(&self, notification: Notification) {
        let wanted = match self.wanted {
            Logs::All => true,
            Logs::Unwanted => false,
            Logs::From(least) => {
                let level = notification.params.as_ref().and_then(|params| params.text("level"));
                level.and_then(|level| LogLevel::parse(&level)).is_some_and(|level| level >= least)
            }
        };
        if wanted {
            self.notifier.send(notification);
        }
    }
}

/// What to call a call in messages: its method, and its name where it has one.
pub(super) fn title(method: &str, params: &Object) -> String {
    match params.text("name").or_else(|| params.text("uri")) {
        Some(name) => format!("{method} {name}"),
        None => method.to_owned(),
    }
}

/// The number in `params.progressToken`, when it is one of ours.
pub(super) fn progress_id(notification: &Notification) -> Option<u64> {
    notification.params.as_ref()?.get(protocol::meta::PROGRESS_TOKEN)?.as_str().parse().ok()
}
