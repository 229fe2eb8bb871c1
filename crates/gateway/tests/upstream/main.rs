//! Connections to servers against peers that the tests hold in their hands: pipes in memory and
//! a small HTTP server.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what the tests set up must stand")]

mod asking;
mod duplex;
mod era;
mod http;
mod http_peer;
mod pipe_peer;
mod sse;
mod tasks;

use protocol::{Call, CallContext, Client, LogLevel, Notifier, Object, Principal, Raw, Version};
use std::sync::Arc;

pub(crate) fn object(json: &str) -> Object {
    Object::of(&Raw::parse(json.to_owned().into(), 100).unwrap()).unwrap()
}

/// A call of a client of `version`.
pub(crate) fn call(version: Version, method: &str, params: &str) -> Call {
    let client = Client { version, info: Some(Raw::from_static(r#"{"name":"c"}"#)), capabilities: None };
    let mut context = CallContext::internal(Principal::new("test"));
    context.client = Arc::new(client);
    Call { method: method.into(), params: object(params), context }
}

/// A call of a modern client.
pub(crate) fn modern_call(name: &str) -> Call {
    call(Version::MODERN_LATEST, "tools/call", &format!(r#"{{"name":"{name}"}}"#))
}

/// The same, with a progress token and somewhere for notifications to go.
pub(crate) fn noisy_call(name: &str, token: &str) -> (Call, Notifier) {
    let mut call = modern_call(name);
    let notifier = Notifier::bounded(64);
    call.context.notifier = notifier.clone();
    call.context.log_level = Some(LogLevel::Info);
    call.context.progress_token = Some(Raw::of(token));
    (call, notifier)
}
