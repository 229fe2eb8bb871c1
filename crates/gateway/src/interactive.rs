//! Questions on their way to a client, and the sealed token that brings the answers back
//! (protocol.md section 1.9): a modern server's own `requestState`, or the ticket of a parked
//! call, bound to who asked what, so that it can come back only with the same request.

use crate::asking::Kinds;
use crate::parking::Ticket;
use protocol::seal::{Binding, Sealer};
use protocol::{CallContext, Error, ErrorKind, Object, Principal, Raw, Text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A person has a little longer than the call that waits, so that it is the call that says why it
/// ended; in milliseconds.
const GRACE_MS: u64 = 60 * 1000;
/// URL elicitation required (2025-11-25).
const URL_REQUIRED: i64 = -32042;
/// Under which key of `_meta` a question says which server asks.
const ASKING_SERVER: &str = "dev.switchboard/server";

/// What our token holds.
#[derive(Serialize, Deserialize)]
struct State {
    /// Declared name of the server that asked.
    server: String,
    /// Its own state; absent when it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inner: Option<String>,
    /// Where the call is parked, when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parked: Option<Ticket>,
}

/// How a request that may be a retry goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// It goes to the server; a state of its own is back in the parameters.
    Send,
    /// It goes on where it is parked.
    Parked(Ticket),
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

/// Digest of the parameters that a retry must repeat: all but answers, state, `_meta` and the name,
/// which is bound by itself; the keys of every object are sorted.
fn digest(params: &Object) -> [u8; 32] {
    let mut salient = params.clone();
    for key in ["inputResponses", "requestState", "_meta", "name"] {
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
pub(crate) fn open(sealer: &Sealer, asked: Asked<'_>, params: &mut Object) -> Result<Opened, Error> {
    let Some(state) = unseal(sealer, asked, params)? else { return Ok(Opened::Send) };
    if state.server != asked.server {
        return Err(refused("the name leads to another server now"));
    }
    if let Some(ticket) = state.parked {
        return Ok(Opened::Parked(ticket));
    }
    match state.inner {
        Some(inner) => params.set_json("requestState", &inner),
        None => {
            params.remove("requestState");
        }
    }
    Ok(Opened::Send)
}

/// Where the call is parked whose question these parameters repeat.
pub(crate) fn ticket(sealer: &Sealer, asked: Asked<'_>, params: &Object) -> Option<Ticket> {
    unseal(sealer, asked, params).ok()??.parked
}

/// The server that asked what these parameters answer.
pub(crate) fn server_of(sealer: &Sealer, asked: Asked<'_>, params: &Object) -> Option<String> {
    Some(unseal(sealer, asked, params).ok()??.server)
}

fn unseal(sealer: &Sealer, asked: Asked<'_>, params: &Object) -> Result<Option<State>, Error> {
    let Some(token) = params.get("requestState") else { return Ok(None) };
    let token = token.string().ok_or_else(|| refused("not a string"))?;
    let digest = digest(params);
    let binding = Binding { principal: asked.principal, method: asked.method, name: asked.name, digest: &digest };
    let opened = sealer.open(binding, &token, now_ms()).map_err(|error| refused(&error.to_string()))?;
    serde_json::from_slice(&opened).map(Some).map_err(|_| refused("not readable"))
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::InvalidParams, format!("requestState: {why}"))
        .hint("send the request again without requestState and inputResponses")
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
    parked: Option<Ticket>,
    answer_time: Duration,
) -> Result<(), Error> {
    name_server(asked.server, context.client.capabilities.as_ref(), result)?;
    let inner = match result.get("requestState") {
        None => None,
        Some(state) => {
            Some(state.string().ok_or_else(|| invalid(asked.server, "its requestState is no string"))?.to_string())
        }
    };
    if inner.is_none() && parked.is_none() && result.get("inputRequests").is_none() {
        return Err(invalid(asked.server, "it asks for input without saying which"));
    }
    let digest = digest(params);
    let binding = Binding { principal: asked.principal, method: asked.method, name: asked.name, digest: &digest };
    let state = State { server: asked.server.to_owned(), inner, parked };
    let content = Raw::of(&state);
    let answer_time_ms = u64::try_from(answer_time.as_millis()).unwrap_or(u64::MAX).saturating_add(GRACE_MS);
    let expires_ms = now_ms().saturating_add(answer_time_ms);
    let token = sealer.seal(binding, content.as_bytes(), expires_ms).map_err(|error| {
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

/// Makes every question say which server asks. Only kinds that the client declared for this
/// request may be asked.
///
/// # Errors
/// [`ErrorKind::UpstreamInvalid`] for any other, or what is no question.
pub(crate) fn name_server(server: &str, capabilities: Option<&Raw>, result: &mut Object) -> Result<(), Error> {
    let Some(requests) = result.get("inputRequests") else { return Ok(()) };
    let declared = Kinds::in_capabilities(capabilities);
    let requests = Object::of(requests).map_err(|error| invalid(server, &error.to_string()))?;
    let mut named = Object::new();
    for (key, request) in requests.iter() {
        let mut request = Object::of(request).map_err(|error| invalid(server, &error.to_string()))?;
        let method: Text = request.text("method").ok_or_else(|| invalid(server, "a question has no method"))?;
        let params = request.object("params").unwrap_or_default();
        let needed = Kinds::needed(&method, &params)
            .ok_or_else(|| invalid(server, &format!("`{key}` is a `{method}`, which is no question")))?;
        if !declared.contain(needed) {
            return Err(invalid(server, &format!("`{key}` is a `{method}`, which the client did not declare")));
        }
        let elicits = needed == Kinds::FORM || needed == Kinds::URL;
        request.set("params", with_server(server, params, elicits).to_raw());
        named.set(&key, request.to_raw());
    }
    result.set("inputRequests", named.to_raw());
    Ok(())
}

/// A person must see who asks, and today's clients show only the message; so an elicitation
/// without one gets one.
fn with_server(server: &str, mut params: Object, elicits: bool) -> Object {
    let message = params.text("message");
    if elicits || message.is_some() {
        params.set_json("message", format!("[{server}] {}", message.unwrap_or_default()).trim_end());
    }
    let mut meta = params.object("_meta").unwrap_or_default();
    meta.set_json(ASKING_SERVER, server);
    params.set("_meta", meta.to_raw());
    params
}

/// A legacy server that refuses until a person has been at a URL, as the question that it means
/// (protocol.md section 2.2, row 18). The retry makes the call anew.
pub(crate) fn url_required(error: &Error, kinds: Kinds) -> Option<Object> {
    if error.upstream_code != Some(URL_REQUIRED) || !kinds.contain(Kinds::URL) {
        return None;
    }
    let data = Object::of(error.data.as_ref()?).ok()?;
    let elicitations: Vec<Raw> = data.get("elicitations")?.read().ok()?;
    let mut requests = Object::new();
    for (number, elicitation) in elicitations.iter().enumerate() {
        let mut params = Object::of(elicitation).ok()?;
        params.remove("elicitationId");
        params.set("mode", Raw::from_static("\"url\""));
        let entry: Object =
            [("method", Raw::from_static("\"elicitation/create\"")), ("params", params.to_raw())].into_iter().collect();
        requests.set(&format!("url-{}", number + 1), entry.to_raw());
    }
    (!requests.is_empty()).then(|| asking(&requests))
}

/// An `input_required` result that asks this.
pub(crate) fn asking(requests: &Object) -> Object {
    [("resultType", Raw::from_static("\"input_required\"")), ("inputRequests", requests.to_raw())].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::seal::KEY_BYTES;

    const MINUTE: Duration = Duration::from_secs(60);

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
        let context = context(r#"{"elicitation":{}}"#);
        wrap(&sealer, asked, &context, &params, &mut result, None, MINUTE).unwrap();
        let question = result.object("inputRequests").unwrap().object("q").unwrap().object("params").unwrap();
        assert_eq!(question.text("message").unwrap(), "[a] ?");
        for silent in [r#"{"message":7}"#, "{}"] {
            let asks = format!(r#"{{"inputRequests":{{"q":{{"method":"elicitation/create","params":{silent}}}}}}}"#);
            let mut asks = object(&asks);
            name_server("a", context.client.capabilities.as_ref(), &mut asks).unwrap();
            assert!(asks.to_raw().as_str().contains(r#""message":"[a]""#), "a person sees who asks in any case");
        }
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
        let ask = |capabilities, json: &str| {
            wrap(&sealer, asked, &context(capabilities), &Object::new(), &mut object(json), None, MINUTE)
        };
        assert!(ask(r#"{"elicitation":{"form":{}}}"#, ASKS).is_ok());
        assert!(ask(r#"{"elicitation":{"url":{}}}"#, ASKS).is_err());
        assert!(ask("{}", ASKS).is_err());
        assert!(ask("{}", r#"{"resultType":"input_required"}"#).is_err());
        assert!(ask("{}", r#"{"resultType":"input_required","requestState":"only"}"#).is_ok());
    }
}
