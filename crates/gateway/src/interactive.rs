//! Questions between a modern client and a modern server, relayed without state of ours
//! (protocol.md section 1.9): the server's `requestState` travels inside a sealed token of ours,
//! bound to who asked what, so that it can come back only with the same request.

use protocol::seal::{Binding, Sealer};
use protocol::{CallContext, Error, ErrorKind, Object, Principal, Raw, Text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a person may take to answer, in milliseconds.
const ANSWER_TIME_MS: u64 = 10 * 60 * 1000;

/// What our token holds.
#[derive(Serialize, Deserialize)]
struct State {
    /// Declared name of the server that asked.
    server: String,
    /// Its own state; absent when it gave none.
    inner: Option<String>,
}

/// The request that a state belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Who asked.
    pub(crate) principal: &'a Principal,
    /// In which method.
    pub(crate) method: &'a str,
    /// Public name or URI.
    pub(crate) name: &'a str,
    /// Declared name of the server it went to.
    pub(crate) server: &'a str,
}

/// Milliseconds since 1970.
#[must_use]
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// Digest of the parameters that a retry must repeat: all but answers, state and `_meta`, with
/// the keys of every object sorted.
fn digest(params: &Object) -> [u8; 32] {
    let mut salient = params.clone();
    for key in ["inputResponses", "requestState", "_meta"] {
        salient.remove(key);
    }
    let mut value: serde_json::Value = salient.to_raw().read().unwrap_or_default();
    value.sort_all_objects();
    Sha256::digest(value.to_string()).into()
}

/// Takes our token out of a retry and puts the server's own state in its place.
///
/// # Errors
/// [`ErrorKind::InvalidParams`] for a state that is not ours, of another request, or too old.
pub(crate) fn open(sealer: &Sealer, asked: Asked<'_>, params: &mut Object) -> Result<(), Error> {
    let Some(token) = params.get("requestState") else { return Ok(()) };
    let refused = |why: &str| {
        Error::new(ErrorKind::InvalidParams, format!("requestState: {why}"))
            .hint("send the request again without requestState and inputResponses")
    };
    let token = token.string().ok_or_else(|| refused("not a string"))?;
    let digest = digest(params);
    let binding = Binding { principal: asked.principal, method: asked.method, name: asked.name, digest: &digest };
    let opened = sealer.open(binding, &token, now_ms()).map_err(|error| refused(&error.to_string()))?;
    let state: State = serde_json::from_slice(&opened).map_err(|_| refused("not readable"))?;
    if state.server != asked.server {
        return Err(refused("the name leads to another server now"));
    }
    match state.inner {
        Some(inner) => params.set_json("requestState", &inner),
        None => {
            params.remove("requestState");
        }
    }
    Ok(())
}

/// Wraps the state of an `input_required` result, after checking that it asks only for what the
/// client can answer.
///
/// # Errors
/// When the server asks for something that the client did not declare, or the result is no
/// valid question.
pub(crate) fn wrap(
    sealer: &Sealer,
    asked: Asked<'_>,
    context: &CallContext,
    params: &Object,
    result: &mut Object,
) -> Result<(), Error> {
    check_declared(asked.server, context.client.capabilities.as_ref(), result)?;
    let inner = match result.get("requestState") {
        None => None,
        Some(state) => {
            Some(state.string().ok_or_else(|| invalid(asked.server, "its requestState is no string"))?.to_string())
        }
    };
    if inner.is_none() && result.get("inputRequests").is_none() {
        return Err(invalid(asked.server, "it asks for input without saying which"));
    }
    let digest = digest(params);
    let binding = Binding { principal: asked.principal, method: asked.method, name: asked.name, digest: &digest };
    let state = State { server: asked.server.to_owned(), inner };
    let content = Raw::of(&state);
    let token = sealer.seal(binding, content.as_bytes(), now_ms() + ANSWER_TIME_MS).map_err(|error| {
        Error::new(ErrorKind::Internal, "the state of the question could not be sealed").cause(error)
    })?;
    result.set_json("requestState", &token);
    Ok(())
}

fn invalid(server: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::UpstreamInvalid,
        format!("the server `{server}` asked for input in a way that is not allowed: {why}"),
    )
}

/// Only kinds that the client declared for this request may be asked.
///
/// # Errors
/// [`ErrorKind::UpstreamInvalid`] for any other, or what is no question.
pub(crate) fn check_declared(server: &str, capabilities: Option<&Raw>, result: &Object) -> Result<(), Error> {
    let declared = capabilities.and_then(|raw| Object::of(raw).ok()).unwrap_or_default();
    let Some(requests) = result.get("inputRequests") else { return Ok(()) };
    let requests = Object::of(requests).map_err(|error| invalid(server, &error.to_string()))?;
    for (key, request) in requests.iter() {
        let request = Object::of(request).map_err(|error| invalid(server, &error.to_string()))?;
        let method: Text = request.text("method").ok_or_else(|| invalid(server, "a question has no method"))?;
        let allowed = match &*method {
            "elicitation/create" => elicitation_declared(&declared, &request),
            "sampling/createMessage" => declared.get("sampling").is_some(),
            "roots/list" => declared.get("roots").is_some(),
            _ => return Err(invalid(server, &format!("`{key}` is a `{method}`, which is no question"))),
        };
        if !allowed {
            return Err(invalid(server, &format!("`{key}` is a `{method}`, which the client did not declare")));
        }
    }
    Ok(())
}

/// `{}` means forms only (protocol.md section 1.15).
fn elicitation_declared(declared: &Object, request: &Object) -> bool {
    let Some(elicitation) = declared.object("elicitation") else { return false };
    let mode = request.object("params").and_then(|params| params.text("mode"));
    match mode.as_deref() {
        Some("url") => elicitation.get("url").is_some(),
        _ => elicitation.is_empty() || elicitation.get("form").is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::seal::KEY_BYTES;

    fn object(json: &str) -> Object {
        Object::of(&Raw::parse(json.to_owned().into(), 64).unwrap()).unwrap()
    }

    fn context(capabilities: &'static str) -> CallContext {
        let mut context = CallContext::internal(Principal::new("me"));
        let client =
            protocol::Client { capabilities: Some(Raw::from_static(capabilities)), ..(*context.client).clone() };
        context.client = client.into();
        context
    }

    const ASKS: &str = r#"{"resultType":"input_required","requestState":"s","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"?"}}}}"#;

    #[test]
    fn a_state_comes_back_only_with_its_request() {
        let sealer = Sealer::new(&[1; KEY_BYTES], &[2; KEY_BYTES]);
        let me = Principal::new("me");
        let asked = Asked { principal: &me, method: "tools/call", name: "a__t", server: "a" };
        let params = object(r#"{"name":"a__t","arguments":{"x":1,"y":2}}"#);
        let mut result = object(ASKS);
        wrap(&sealer, asked, &context(r#"{"elicitation":{}}"#), &params, &mut result).unwrap();
        let token = result.text("requestState").unwrap();
        assert_ne!(token, "s");
        let retry = |arguments: &str| {
            object(&format!(
                r#"{{"name":"a__t","arguments":{arguments},"requestState":"{token}","inputResponses":{{}}}}"#
            ))
        };
        let mut same = retry(r#"{"y":2,"x":1}"#);
        open(&sealer, asked, &mut same).unwrap();
        assert_eq!(same.text("requestState").unwrap(), "s");
        assert!(open(&sealer, asked, &mut retry(r#"{"x":1,"y":3}"#)).is_err());
        let other = Principal::new("other");
        assert!(open(&sealer, Asked { principal: &other, ..asked }, &mut retry(r#"{"x":1,"y":2}"#)).is_err());
        assert!(open(&sealer, Asked { server: "b", ..asked }, &mut retry(r#"{"x":1,"y":2}"#)).is_err());
    }

    #[test]
    fn only_declared_kinds_pass() {
        let sealer = Sealer::new(&[1; KEY_BYTES], &[2; KEY_BYTES]);
        let me = Principal::new("me");
        let asked = Asked { principal: &me, method: "tools/call", name: "a__t", server: "a" };
        let ask =
            |capabilities, json: &str| wrap(&sealer, asked, &context(capabilities), &Object::new(), &mut object(json));
        assert!(ask(r#"{"elicitation":{"form":{}}}"#, ASKS).is_ok());
        assert!(ask(r#"{"elicitation":{"url":{}}}"#, ASKS).is_err());
        assert!(ask("{}", ASKS).is_err());
        assert!(ask("{}", r#"{"resultType":"input_required"}"#).is_err());
        assert!(ask("{}", r#"{"resultType":"input_required","requestState":"only"}"#).is_ok());
    }
}
