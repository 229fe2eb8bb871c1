//! The rounds of an interactive call of a legacy client (protocol.md sections 1.9 and 2.2, rows 5,
//! 7 and 19): what a server asks in an `input_required` result is put to the client as requests,
//! and the call is repeated with the answers until its result is complete.
//!
//! The call itself never waits here for a socket: questions go where its notifications go.

use super::questions::{Answer, Question};
use super::session::Session;
use crate::era;
use futures_util::future::try_join_all;
use protocol::{
    Call, CallContext, Error, ErrorKind, Notification, Notifier, Object, Raw, Reply, Service, Text, Version, meta,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How many questions one round may have.
const QUESTIONS_MAX: usize = 32;
/// First and longest pause before a call is repeated for a server that only asks for time.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// What a modern server says when the client did not declare what it needs.
const MISSING_CAPABILITY: i64 = -32021;

/// A call that may be asked back, as it must be repeated.
pub(super) struct Repeat {
    pub(super) method: Text,
    pub(super) params: Object,
    pub(super) progress_token: Option<Raw>,
    pub(super) notifier: Notifier,
}

/// A call that waits behind a question. When nobody is going to answer it, whoever keeps the call is
/// told so.
struct Waiting {
    service: Arc<dyn Service>,
    context: CallContext,
    request: Option<Object>,
}

/// The three kinds of question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elicitation,
    Sampling,
    Roots,
}

/// One question, as the client will see it.
struct Entry {
    key: Text,
    kind: Kind,
    method: Text,
    params: Option<Object>,
    /// Of a question in URL mode, ours.
    elicitation: Option<String>,
}

impl Session {
    /// Runs the rounds that begin with `result`, which asks for input.
    pub(super) async fn rounds(self: Arc<Self>, mut repeat: Repeat, mut result: Object) -> Reply {
        let mut pause = PAUSE.0;
        let mut visited: Vec<String> = Vec::new();
        for _ in 0..self.limits.rounds_max {
            let state = result.get("requestState").cloned();
            repeat.params.remove("inputResponses");
            repeat.params.remove("requestState");
            let mut waiting = self.waiting(&repeat, state.as_ref());
            let entries = self.entries(&result)?;
            if entries.is_empty() {
                if state.is_none() {
                    return Err(invalid("it asks for input without saying which"));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE.1);
            } else {
                let responses = self.put(&repeat, entries, &mut visited).await?;
                repeat.params.set("inputResponses", responses.to_raw());
            }
            if let Some(state) = state {
                repeat.params.set("requestState", state);
            }
            let context = self.context(repeat.notifier.clone(), repeat.progress_token.clone());
            let call = Call { method: repeat.method.clone(), params: repeat.params.clone(), context };
            waiting.request = None;
            result = self.service.call(call).await?;
            if !era::is_input_required(&result) {
                for elicitation in visited {
                    let params = [("elicitationId", Raw::of(&elicitation))].into_iter().collect();
                    repeat.notifier.send(Notification::new("notifications/elicitation/complete", Some(params)));
                }
                return Ok(result);
            }
        }
        let message =
            format!("the server still asks for input after {} rounds (limit `rounds_max`)", self.limits.rounds_max);
        Err(Error::new(ErrorKind::UpstreamInvalid, message).hint("raise limits.rounds_max if that many are meant"))
    }

    fn waiting(&self, repeat: &Repeat, state: Option<&Raw>) -> Waiting {
        let request = state.map(|state| {
            let mut params = repeat.params.clone();
            params.set("requestState", state.clone());
            [("method", Raw::of(&*repeat.method)), ("params", params.to_raw())].into_iter().collect()
        });
        Waiting { service: self.service.clone(), context: self.context(Notifier::none(), None), request }
    }

    /// The questions in a result, each checked against what the client declared.
    fn entries(&self, result: &Object) -> Result<Vec<Entry>, Error> {
        let Some(requests) = result.get("inputRequests") else { return Ok(Vec::new()) };
        let requests = Object::of(requests).map_err(|error| invalid(&format!("inputRequests: {error}")))?;
        if requests.len() > QUESTIONS_MAX {
            return Err(invalid(&format!("{} questions at once, more than {QUESTIONS_MAX}", requests.len())));
        }
        let declared = self.client.capabilities.as_ref().and_then(|raw| Object::of(raw).ok()).unwrap_or_default();
        requests.iter().map(|(key, request)| entry(key, request, self.client.version, &declared)).collect()
    }

    /// Puts the questions of one round to the client and collects the answers.
    async fn put(&self, repeat: &Repeat, entries: Vec<Entry>, visited: &mut Vec<String>) -> Reply {
        let deadline = Instant::now() + self.limits.answer_timeout;
        let mut open: Vec<(Entry, Question)> = Vec::with_capacity(entries.len());
        for mut entry in entries {
            let question = self.questions.ask(&repeat.notifier, entry.method.clone(), entry.params.take());
            let question = question.ok_or_else(|| unanswered(entry.kind, "nobody listens to the call"))?;
            open.push((entry, question));
        }
        let answers = open.into_iter().map(|(entry, question)| async move {
            let answer = question.answer(deadline).await;
            Ok::<_, Error>((response(entry.kind, answer)?, entry))
        });
        let mut responses = Object::new();
        for (answer, entry) in try_join_all(answers).await? {
            if let Some(elicitation) = entry.elicitation
                && answer.text("action").is_some_and(|action| action == "accept")
            {
                visited.push(elicitation);
            }
            responses.set(&entry.key, answer.to_raw());
        }
        Ok(responses)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            let notification = Notification::new("notifications/cancelled", Some(request));
            self.service.notify(notification, self.context.clone());
        }
    }
}

/// What the server is told: an elicitation that came to nothing is cancelled; the other kinds have
/// no word for that, and so the call ends.
fn response(kind: Kind, answer: Answer) -> Reply {
    let why = match answer {
        Answer::Given(result) => return Ok(result),
        Answer::Refused(error) => format!("the client answered with the error {}: {error}", error.code()),
        Answer::Late => "the client did not answer in time (limit `answer_timeout`)".to_owned(),
    };
    if kind == Kind::Elicitation {
        return Ok([("action", Raw::from_static("\"cancel\""))].into_iter().collect());
    }
    Err(unanswered(kind, &why))
}

fn unanswered(kind: Kind, why: &str) -> Error {
    let message = format!("the server needs the answer to a question ({}) and got none: {why}", kind.capability());
    Error::new(ErrorKind::Unanswered, message).hint("call again and let the client answer")
}

pub(super) fn invalid(why: &str) -> Error {
    Error::new(ErrorKind::UpstreamInvalid, format!("the server asked for input in a way that is not allowed: {why}"))
}

fn entry(key: Text, request: &Raw, version: Version, declared: &Object) -> Result<Entry, Error> {
    let mut request = Object::of(request).map_err(|error| invalid(&format!("`{key}`: {error}")))?;
    let method = request.text("method").ok_or_else(|| invalid(&format!("`{key}` has no method")))?;
    let params = match request.remove("params") {
        None => None,
        Some(params) => Some(Object::of(&params).map_err(|error| invalid(&format!("`{key}`: {error}")))?),
    };
    let kind = match &*method {
        "elicitation/create" => Kind::Elicitation,
        "sampling/createMessage" => Kind::Sampling,
        "roots/list" => Kind::Roots,
        _ => return Err(invalid(&format!("`{key}` is a `{method}`, which is no question"))),
    };
    let mut entry = Entry { key, kind, method, params, elicitation: None };
    if let Some(missing) = entry.missing(version, declared) {
        let message = format!(
            "the server asks for `{}`, which needs the capability `{missing}`; this client did not declare it, or its revision {version} does not have it",
            entry.method
        );
        return Err(
            Error::new(ErrorKind::UpstreamInvalid, message).hint("use a client that can answer, or call without it")
        );
    }
    entry.fit(version)?;
    Ok(entry)
}

impl Kind {
    const fn capability(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
        }
    }
}

impl Entry {
    fn has(&self, key: &str) -> bool {
        self.params.as_ref().is_some_and(|params| params.get(key).is_some())
    }

    fn is_url(&self) -> bool {
        self.params.as_ref().and_then(|params| params.text("mode")).is_some_and(|mode| mode == "url")
    }

    /// The capability that the client lacks to be asked this, if it lacks one.
    fn missing(&self, version: Version, declared: &Object) -> Option<&'static str> {
        let Some(capability) = declared.get(self.kind.capability()) else { return Some(self.kind.capability()) };
        let part = |key: &str| Object::of(capability).is_ok_and(|capability| capability.get(key).is_some());
        match self.kind {
            Kind::Elicitation if self.is_url() => {
                (version < Version::V2025_11_25 || !part("url")).then_some("elicitation.url")
            }
            // `{}` means forms only (protocol.md section 1.15).
            Kind::Elicitation => (part("url") && !part("form")).then_some("elicitation.form"),
            Kind::Sampling if self.has("tools") || self.has("toolChoice") => {
                (version < Version::V2025_11_25 || !part("tools")).then_some("sampling.tools")
            }
            Kind::Sampling | Kind::Roots => None,
        }
    }

    /// Takes away what the client's revision does not know, and adds what it needs.
    fn fit(&mut self, version: Version) -> Result<(), Error> {
        let is_url = self.is_url();
        let Some(params) = &mut self.params else { return Ok(()) };
        if let Some(mut sent) = params.object("_meta") {
            sent.retain(|key| !meta::CONTEXT_KEYS.contains(&key));
            if sent.is_empty() {
                params.remove("_meta");
            } else {
                params.set("_meta", sent.to_raw());
            }
        }
        if is_url {
            let id = super::legacy::fresh_id()?;
            params.set_json("elicitationId", &id);
            self.elicitation = Some(id);
        } else if self.kind == Kind::Elicitation && version < Version::V2025_11_25 {
            params.remove("mode");
        }
        Ok(())
    }
}

/// An error of a call in words that a legacy client knows (protocol.md section 2.2, row 6).
pub(super) fn told(method: &str, error: Error) -> Reply {
    if error.upstream_code != Some(MISSING_CAPABILITY) {
        return Err(error);
    }
    let needed = error.data.as_ref().and_then(|data| Object::of(data).ok());
    let needed = needed.and_then(|data| data.object("requiredCapabilities")).unwrap_or_default();
    let names: Vec<String> = needed.iter().map(|(key, _)| format!("`{key}`")).collect();
    let names = if names.is_empty() { "some capability".to_owned() } else { names.join(", ") };
    let message = format!("the server needs {names} of the client, which it did not declare: {error}");
    if method != "tools/call" {
        return Err(Error::new(ErrorKind::UpstreamInvalid, message));
    }
    let content = Raw::of(&serde_json::json!([{"type": "text", "text": message}]));
    Ok([("content", content), ("isError", Raw::from_static("true"))].into_iter().collect())
}
