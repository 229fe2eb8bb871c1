//! Questions of a server to whoever is behind the client that called it: what kinds there are, who
//! declared which, and the way from the wire to the one who parks the call.
//!
//! Only legacy servers send questions; modern ones answer `input_required`. Nothing here knows
//! sessions, transports or tokens.

use crate::tasks::shape;
use protocol::{Client, Error, ErrorKind, Object, Raw, Reply, Text, meta};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How many questions of one call may wait, to be put or for their answers.
pub(crate) const QUESTIONS_MAX: usize = 16;

/// Kinds of questions, as a set: what a client declared, or what a session promised a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Kinds(u8);

/// A question on its way. One that is dropped is answered with an error.
pub struct Question {
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: Text,
    /// Its parameters, as the server sent them.
    pub params: Object,
    respond: Option<Respond>,
}

type Respond = Box<dyn FnOnce(Reply) + Send>;

/// Takes the questions that a server asks during one call.
#[derive(Debug, Clone)]
pub struct Asker {
    sender: mpsc::Sender<Question>,
    kinds: Kinds,
    hold: Hold,
}

/// Whether the clock of a call stands still because a person is being asked. Shared between who
/// waits for the server and who waits for the person.
#[derive(Debug, Clone, Default)]
pub struct Hold(Arc<HoldState>);

#[derive(Debug, Default)]
struct HoldState {
    held: AtomicBool,
    born: OnceLock<Instant>,
    /// When it was let go last, in milliseconds after `born`; 0 is never.
    released_ms: AtomicU64,
}

// === impl Kinds ===

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// `elicitation/create` with a form.
    pub const FORM: Self = Self(1);
    /// `elicitation/create` with a URL.
    pub const URL: Self = Self(2);
    /// `sampling/createMessage`.
    pub const SAMPLING: Self = Self(4);
    /// The same, with tools.
    pub const SAMPLING_TOOLS: Self = Self(8);
    /// `roots/list`.
    pub const ROOTS: Self = Self(16);
    /// Every kind.
    pub const ALL: Self = Self(31);

    /// What `client` declared. `elicitation: {}` means forms only (protocol.md section 1.15).
    #[must_use]
    pub fn declared(client: &Client) -> Self {
        Self::in_capabilities(client.capabilities.as_ref())
    }

    /// What these capabilities of a client declare.
    #[must_use]
    pub fn in_capabilities(capabilities: Option<&Raw>) -> Self {
        let Some(raw) = capabilities.filter(|raw| raw.as_bytes() != b"{}") else {
            return Self::NONE;
        };
        let Ok(declared) = Object::of(raw) else { return Self::NONE };
        let mut kinds = Self::NONE;
        if let Some(elicitation) = declared.object("elicitation") {
            kinds = kinds.with(elicitation.is_empty() || elicitation.get("form").is_some(), Self::FORM);
            kinds = kinds.with(elicitation.get("url").is_some(), Self::URL);
        }
        if let Some(sampling) = declared.object("sampling") {
            kinds = kinds.with(true, Self::SAMPLING).with(sampling.get("tools").is_some(), Self::SAMPLING_TOOLS);
        }
        kinds.with(declared.get("roots").is_some(), Self::ROOTS)
    }

    /// What a client must have declared to be asked this; `None` when it is no question.
    #[must_use]
    pub fn needed(method: &str, params: &Object) -> Option<Self> {
        match method {
            "elicitation/create" if params.text("mode").as_deref() == Some("url") => Some(Self::URL),
            "elicitation/create" => Some(Self::FORM),
            "sampling/createMessage" if params.get("tools").is_some() => Some(Self::SAMPLING_TOOLS),
            "sampling/createMessage" => Some(Self::SAMPLING),
            "roots/list" => Some(Self::ROOTS),
            _ => None,
        }
    }

    /// Whether all of `other` is in here.
    #[must_use]
    pub const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in here.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn with(self, when: bool, other: Self) -> Self {
        if when { self.and(other) } else { self }
    }

    /// As the `capabilities` of `initialize` (protocol.md section 2.2, row 24).
    #[must_use]
    pub fn capabilities(self) -> Raw {
        let mut capabilities = Object::new();
        if self.contain(Self::ROOTS) {
            capabilities.set("roots", Raw::from_static("{}"));
        }
        if self.contain(Self::SAMPLING) {
            let tools = self.contain(Self::SAMPLING_TOOLS);
            capabilities.set("sampling", Raw::from_static(if tools { "{\"tools\":{}}" } else { "{}" }));
        }
        let modes = [(Self::FORM, "form"), (Self::URL, "url")];
        let modes: Object = modes
            .into_iter()
            .filter(|(kind, _)| self.contain(*kind))
            .map(|(_, mode)| (mode, Raw::from_static("{}")))
            .collect();
        if !modes.is_empty() {
            capabilities.set("elicitation", modes.to_raw());
        }
        capabilities.to_raw()
    }
}

// === impl Question ===

impl Question {
    /// A question; its answer, or why there is none, goes to `respond`.
    pub fn new(method: Text, params: Object, respond: impl FnOnce(Reply) + Send + 'static) -> Self {
        Self { method, params, respond: Some(Box::new(respond)) }
    }

    /// Answers it.
    pub fn answer(mut self, reply: Reply) {
        if let Some(respond) = self.respond.take() {
            respond(reply);
        }
    }

    /// As an entry of `inputRequests`: without what belongs to the server's own revision.
    #[must_use]
    pub(crate) fn entry(&self) -> Raw {
        let mut params = self.params.clone();
        params.remove("elicitationId");
        params.remove("task");
        shape::without_related_task(&mut params);
        let mut entry: Object = [("method", Raw::of(&*self.method))].into_iter().collect();
        if self.method != *"roots/list" || !params.is_empty() {
            entry.set("params", params.to_raw());
        }
        entry.to_raw()
    }

    /// The server's own id of the task that asks, where it says so.
    pub(crate) fn task(&self) -> Option<Text> {
        self.params.object("_meta")?.object(meta::RELATED_TASK)?.text("taskId")
    }

    /// Answers it as whoever does not want to answer does: an elicitation is cancelled, for the
    /// rest there is only an error (protocol.md section 2.2, row 7).
    pub fn give_up(self, why: &'static str) {
        let elicitation = self.method == *"elicitation/create";
        self.answer(match elicitation {
            true => Ok([("action", Raw::from_static("\"cancel\""))].into_iter().collect()),
            false => Err(Error::new(ErrorKind::Cancelled, why)),
        });
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(respond) = self.respond.take() {
            respond(Err(Error::new(ErrorKind::Cancelled, "nobody is there to answer any more")));
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("method", &self.method).finish_non_exhaustive()
    }
}

// === impl Asker ===

impl Asker {
    /// A way for questions of `kinds`, and its other end.
    #[must_use]
    pub fn new(kinds: Kinds) -> (Self, mpsc::Receiver<Question>) {
        let (sender, receiver) = mpsc::channel(QUESTIONS_MAX);
        (Self { sender, kinds, hold: Hold::default() }, receiver)
    }

    /// What may be asked.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// The clock of the call.
    #[must_use]
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Puts the question, or gives it back: it is of no kind that may be asked, or too many wait.
    ///
    /// # Errors
    /// The question.
    pub fn put(&self, question: Question) -> Result<(), Question> {
        if !Kinds::needed(&question.method, &question.params).is_some_and(|kind| self.kinds.contain(kind)) {
            return Err(question);
        }
        self.sender.try_send(question).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(question) | mpsc::error::TrySendError::Closed(question) => question,
        })
    }
}

// === impl Hold ===

impl Hold {
    /// A person is being asked from now on.
    pub fn hold(&self) {
        self.0.held.store(true, Ordering::Release);
    }

    /// The person answered: the server's time runs again, from now.
    pub fn release(&self) {
        let born = *self.0.born.get_or_init(Instant::now);
        let since = u64::try_from(born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.released_ms.store(since.saturating_add(1), Ordering::Release);
        self.0.held.store(false, Ordering::Release);
    }

    /// Whether a person is being asked now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.0.held.load(Ordering::Acquire)
    }

    /// When the person answered last.
    #[must_use]
    pub fn released(&self) -> Option<Instant> {
        let ms = self.0.released_ms.load(Ordering::Acquire).checked_sub(1)?;
        self.0.born.get().map(|born| *born + std::time::Duration::from_millis(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Version;

    fn declared(capabilities: &'static str) -> Kinds {
        let capabilities = Some(Raw::from_static(capabilities));
        Kinds::declared(&Client { version: Version::MODERN_LATEST, info: None, capabilities })
    }

    #[test]
    fn what_is_declared_is_what_may_be_asked() {
        assert_eq!(declared("{}"), Kinds::NONE);
        assert_eq!(declared(r#"{"elicitation":{}}"#), Kinds::FORM);
        assert_eq!(declared(r#"{"elicitation":{"url":{}}}"#), Kinds::URL);
        assert_eq!(declared(r#"{"sampling":{},"roots":{"listChanged":true}}"#), Kinds::SAMPLING.and(Kinds::ROOTS));
        assert_eq!(declared(r#"{"tools":{}}"#), Kinds::NONE);
    }

    #[test]
    fn what_is_declared_to_a_server_is_read_back() {
        for bits in 0..=Kinds::ALL.0 {
            let kinds = Kinds(bits);
            let tools_alone = kinds.contain(Kinds::SAMPLING_TOOLS) && !kinds.contain(Kinds::SAMPLING);
            let client =
                Client { version: Version::LEGACY_LATEST, info: None, capabilities: Some(kinds.capabilities()) };
            assert!(tools_alone || Kinds::declared(&client) == kinds, "{kinds:?}");
        }
    }

    #[test]
    fn only_declared_kinds_are_put_and_what_is_dropped_is_answered() {
        let (asker, receiver) = Asker::new(Kinds::FORM);
        let (sender, answers) = std::sync::mpsc::channel();
        let ask = |method: &'static str| {
            let sender = sender.clone();
            let respond = move |reply: Reply| sender.send(reply.is_ok()).unwrap();
            asker.put(Question::new(Text::from_static(method), Object::new(), respond))
        };
        assert!(ask("roots/list").is_err(), "given back, dropped, answered");
        assert!(!answers.recv().unwrap());
        assert!(ask("elicitation/create").is_ok());
        drop(receiver);
        assert!(!answers.recv().unwrap());
    }
}
