//! What tasks look like in both dialects: flat with `ttlMs` in the extension, `ttl` and
//! `pollInterval` in the experiment of 2025-11-25 (protocol.md section 1.16). Only shapes: nothing
//! here sends, waits or knows whose task it is.

use memchr::memmem;
use protocol::{CallContext, Client, Error, ErrorKind, Object, Output, Raw, meta, scan};
use std::sync::Arc;
use std::time::Duration;

/// How often a task is asked about, at most and at least, and when its server does not say.
const POLL_MIN: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_secs(30);
const POLL_DEFAULT: Duration = Duration::from_secs(1);

/// Codes by which a server says that the client lacks a capability: the published one, and the
/// one that drafts had (protocol.md section 1.24).
const MISSING_CAPABILITY: [i64; 2] = [-32021, -32003];

/// Member names that differ: (modern, legacy).
const RENAMED: [(&str, &str); 2] = [("ttlMs", "ttl"), ("pollIntervalMs", "pollInterval")];

/// Members of a legacy task; everything else of a modern one has no place there.
const LEGACY_MEMBERS: [&str; 7] =
    ["taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "ttl", "pollInterval"];

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    const ALL: [Self; 5] = [Self::Working, Self::InputRequired, Self::Completed, Self::Failed, Self::Cancelled];

    /// `status` of a task.
    pub(crate) fn of(task: &Object) -> Option<Self> {
        let status = task.text("status")?;
        Self::ALL.into_iter().find(|known| *known.as_str() == *status)
    }

    /// The word on the wire, the same in both dialects.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens.
    pub(crate) const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Whether a result is a task that was made in its place.
pub(crate) fn is_task(result: &Object) -> bool {
    result.get("resultType").is_some_and(|kind| kind.as_str() == "\"task\"")
}

/// How long to wait before the task is asked about again.
pub(crate) fn poll_interval(task: &Object) -> Duration {
    let said = task.get("pollIntervalMs").and_then(|ms| ms.read::<u64>().ok());
    said.map_or(POLL_DEFAULT, Duration::from_millis).clamp(POLL_MIN, POLL_MAX)
}

/// A legacy task as a modern one.
pub(crate) fn to_modern(task: &Object) -> Object {
    let mut modern: Object = task
        .iter()
        .map(|(key, value)| {
            let renamed = RENAMED.iter().find(|(_, legacy)| *legacy == &*key).map(|(modern, _)| *modern);
            (renamed.map_or_else(|| key.to_string(), str::to_owned), value.clone())
        })
        .fold(Object::new(), |mut object, (key, value)| {
            object.set(&key, value);
            object
        });
    if modern.get("ttlMs").is_none() {
        modern.set("ttlMs", Raw::from_static("null"));
    }
    if modern.get("lastUpdatedAt").is_none()
        && let Some(created) = modern.get("createdAt").cloned()
    {
        modern.set("lastUpdatedAt", created);
    }
    modern
}

/// A modern task as a legacy one. A tool that failed is a failed task there.
pub(crate) fn to_legacy(task: &Object) -> Object {
    let mut legacy = Object::new();
    for (key, value) in task.iter() {
        let renamed = RENAMED.iter().find(|(modern, _)| *modern == &*key).map(|(_, legacy)| *legacy);
        let name = renamed.unwrap_or(&key);
        if LEGACY_MEMBERS.contains(&name) {
            legacy.set(name, value.clone());
        }
    }
    if task.object("result").is_some_and(|result| is_error(&result)) {
        legacy.set_json("status", Status::Failed.as_str());
    }
    legacy
}

/// Whether the result of a tool says that it failed.
pub(crate) fn is_error(result: &Object) -> bool {
    result.get("isError").is_some_and(|value| value.as_str() == "true")
}

/// The outcome of a task that has ended, as the call would have had it.
pub(crate) fn outcome(task: &Object, status: Status) -> Result<Object, Error> {
    match status {
        Status::Completed => Ok(task.object("result").unwrap_or_default()),
        Status::Cancelled => Err(Error::new(ErrorKind::Cancelled, "the task was cancelled")),
        _ => Err(task.get("error").and_then(Error::from_upstream).unwrap_or_else(|| {
            let said =
                task.text("statusMessage").map_or_else(|| "it does not say why".to_owned(), |text| text.to_string());
            Error::new(ErrorKind::UpstreamInvalid, format!("the task failed: {said}"))
        })),
    }
}

/// An error as the member `error` of a task.
pub(crate) fn written(error: &Error) -> Raw {
    let mut out = Output::default();
    error.write(&mut out);
    Raw::parse(out.into_bytes(), scan::DEPTH_MAX).unwrap_or_else(|_| Raw::from_static("{}"))
}

/// Whether these capabilities, of a client or of a server, name the extension.
pub(crate) fn named_in(capabilities: &Raw) -> bool {
    // Most name no extension at all; look before reading.
    memmem::find(capabilities.as_bytes(), meta::TASKS_EXTENSION.as_bytes()).is_some()
        && Object::of(capabilities)
            .ok()
            .and_then(|object| object.object("extensions"))
            .is_some_and(|extensions| extensions.get(meta::TASKS_EXTENSION).is_some())
}

/// Whether the client declared the extension for this request.
pub(crate) fn is_declared(client: &Client) -> bool {
    client.capabilities.as_ref().is_some_and(named_in)
}

/// The same context with the extension declared: for whoever deals with the task itself.
pub(crate) fn declaring(context: &CallContext) -> CallContext {
    let mut capabilities =
        context.client.capabilities.as_ref().and_then(|raw| Object::of(raw).ok()).unwrap_or_default();
    let mut extensions = capabilities.object("extensions").unwrap_or_default();
    extensions.set(meta::TASKS_EXTENSION, Raw::from_static("{}"));
    capabilities.set("extensions", extensions.to_raw());
    let client = Client { capabilities: Some(capabilities.to_raw()), ..(*context.client).clone() };
    CallContext { client: Arc::new(client), ..context.clone() }
}

/// Capabilities without the extension: a legacy client has no results of that shape.
pub(crate) fn undeclared(capabilities: Raw) -> Raw {
    if !named_in(&capabilities) {
        return capabilities;
    }
    let mut object = Object::of(&capabilities).unwrap_or_default();
    let mut extensions = object.object("extensions").unwrap_or_default();
    extensions.remove(meta::TASKS_EXTENSION);
    if extensions.is_empty() {
        object.remove("extensions");
    } else {
        object.set("extensions", extensions.to_raw());
    }
    object.to_raw()
}

/// Takes away which task `message`, a result or the parameters of a question, is of.
pub(crate) fn without_related_task(message: &mut Object) {
    let Some(mut meta) = message.object("_meta") else { return };
    if meta.remove(meta::RELATED_TASK).is_none() {
        return;
    }
    if meta.is_empty() {
        message.remove("_meta");
    } else {
        message.set("_meta", meta.to_raw());
    }
}

/// The refusal of a client that did not declare the extension.
pub(crate) fn not_declared() -> Error {
    let data = serde_json::json!({"requiredCapabilities": {"extensions": {meta::TASKS_EXTENSION: {}}}});
    Error::new(
        ErrorKind::MissingCapability,
        "methods about tasks need the tasks extension, which the client did not declare",
    )
    .data(Raw::of(&data))
}

/// Whether a server refuses because the client did not declare the extension.
pub(crate) fn insists(error: &Error) -> bool {
    let names = |data: &Raw| memmem::find(data.as_bytes(), meta::TASKS_EXTENSION.as_bytes()).is_some();
    error.upstream_code.is_some_and(|code| MISSING_CAPABILITY.contains(&code)) && error.data.as_ref().is_some_and(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &'static str) -> Object {
        Object::of(&Raw::from_static(json)).unwrap()
    }

    #[test]
    fn both_dialects_say_the_same() {
        let legacy =
            r#"{"taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttl":60000,"pollInterval":500}"#;
        let modern = to_modern(&object(legacy));
        assert_eq!(
            modern.to_raw().as_str(),
            r#"{"taskId":"t","status":"working","createdAt":"c","lastUpdatedAt":"l","ttlMs":60000,"pollIntervalMs":500}"#
        );
        assert_eq!(to_legacy(&modern).to_raw().as_str(), legacy);
        assert_eq!(poll_interval(&modern), Duration::from_millis(500));
        assert_eq!(
            to_modern(&object(r#"{"createdAt":"c"}"#)).to_raw().as_str(),
            r#"{"createdAt":"c","ttlMs":null,"lastUpdatedAt":"c"}"#
        );
    }

    #[test]
    fn a_tool_that_failed_is_a_failed_task_only_in_the_old_dialect() {
        let task = object(r#"{"taskId":"t","status":"completed","result":{"content":[],"isError":true}}"#);
        assert_eq!(to_legacy(&task).to_raw().as_str(), r#"{"taskId":"t","status":"failed"}"#);
        assert!(outcome(&task, Status::Completed).is_ok());
        let failed = object(r#"{"status":"failed","error":{"code":-32000,"message":"no"}}"#);
        assert_eq!(outcome(&failed, Status::Failed).unwrap_err().code(), -32000);
    }

    #[test]
    fn the_extension_is_declared_and_taken_back() {
        let context = CallContext::internal(protocol::Principal::new("p"));
        assert!(!is_declared(&context.client));
        let declared = declaring(&context).client.capabilities.clone().unwrap();
        assert!(named_in(&declared));
        assert_eq!(undeclared(declared).as_str(), "{}");
        let other = Raw::from_static(r#"{"roots":{},"extensions":{"a/b":{}}}"#);
        assert_eq!(undeclared(other.clone()), other);
    }
}
