//! Requests that carry their whole context (2026-07-28): headers must equal the body, required
//! `_meta` must be there, and the context becomes a [`CallContext`] (protocol.md section 1.3).
//!
//! The same reading serves byte streams, where there are no headers to compare.

use http::HeaderMap;
use protocol::method::{self, Eras};
use protocol::{
    Call, CallContext, Came, Client, Error, ErrorKind, LogLevel, Manner, Notifier, Object, Principal, Raw, Request,
    Version, header, meta,
};
use std::sync::Arc;

/// The version in `_meta`, when the request carries one.
pub(super) fn version_in(params: Option<&Object>) -> Option<protocol::Text> {
    // Legacy requests rarely have `_meta` with this key; look before reading.
    let meta = params?.get("_meta")?;
    memchr::memmem::find(meta.as_bytes(), meta::PROTOCOL_VERSION.as_bytes())?;
    Object::of(meta).ok()?.text(meta::PROTOCOL_VERSION)
}

/// The error for a version that we do not serve.
pub(super) fn unsupported_version(requested: &str) -> Error {
    let data = serde_json::json!({"supported": Version::ALL.map(Version::as_str), "requested": requested});
    Error::new(
        ErrorKind::UnsupportedVersion,
        format!("the protocol version `{requested}` is not one that Switchboard serves"),
    )
    .data(Raw::of(&data))
}

/// Compares the standard headers with the body.
///
/// # Errors
/// [`ErrorKind::HeaderMismatch`], naming the header.
pub(super) fn check_headers(headers: &HeaderMap, request: &Request) -> Result<(), Error> {
    if let Some(version) = version_in(request.params.as_ref()) {
        same(headers, header::PROTOCOL_VERSION, Some(&version))?;
    }
    same(headers, header::METHOD, Some(&request.method))?;
    let Some(parameter) = method::find(&request.method).and_then(|row| row.header_name) else { return Ok(()) };
    let name = request.params.as_ref().and_then(|params| params.text(parameter));
    same(headers, header::NAME, name.as_deref())
}

fn same(headers: &HeaderMap, name: &'static str, body: Option<&str>) -> Result<(), Error> {
    let mismatch = |what: &str| {
        Error::new(ErrorKind::HeaderMismatch, format!("the header `{name}` {what}"))
            .hint("it must repeat what the body says; see the Streamable HTTP transport of 2026-07-28")
    };
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(mismatch("stands more than once"));
    }
    match (value, body) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(mismatch("is missing")),
        (Some(_), None) => Err(mismatch("says something that the body does not say")),
        (Some(value), Some(body)) => {
            let text = value.to_str().map_err(|_| mismatch("has characters that a header must not have"))?;
            let decoded = header::decode(text).map_err(|error| mismatch(&error.to_string()))?;
            if decoded == body { Ok(()) } else { Err(mismatch("differs from the body")) }
        }
    }
}

/// The `Mcp-Param-*` headers, decoded.
///
/// # Errors
/// [`ErrorKind::HeaderMismatch`] when one cannot be decoded.
pub(super) fn param_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for (name, value) in headers {
        if !name.as_str().starts_with(header::PARAM_PREFIX) {
            continue;
        }
        let bad = |why: String| Error::new(ErrorKind::HeaderMismatch, format!("the header `{name}`: {why}"));
        let text = value.to_str().map_err(|_| bad("characters that a header must not have".to_owned()))?;
        let decoded = header::decode(text).map_err(|error| bad(error.to_string()))?;
        found.push((name.as_str().to_owned(), decoded.into_owned()));
    }
    Ok(found)
}

/// Turns a request with modern `_meta` into a call.
///
/// # Errors
/// Missing keys, an unknown version or level, or a method that this era does not have.
pub(super) fn call(
    request: Request,
    principal: Principal,
    notifier: Notifier,
    param_headers: Option<Vec<(String, String)>>,
) -> Result<Call, Error> {
    let mut params = request.params.unwrap_or_default();
    let missing = |key: &str| {
        Error::new(ErrorKind::MissingMeta, format!("`params._meta` lacks `{key}`"))
            .hint("every request of 2026-07-28 carries its context in `_meta`")
    };
    let meta_raw = params.get("_meta").ok_or_else(|| missing(meta::PROTOCOL_VERSION))?;
    let mut context = Object::of(meta_raw)
        .map_err(|error| Error::new(ErrorKind::InvalidParams, format!("`params._meta`: {error}")))?;
    let version = context.text(meta::PROTOCOL_VERSION).ok_or_else(|| missing(meta::PROTOCOL_VERSION))?;
    let version = Version::parse(&version)
        .filter(|version| version.era() == protocol::Era::Modern)
        .ok_or_else(|| unsupported_version(&version))?;
    if method::find(&request.method).is_some_and(|row| row.eras == Eras::Legacy) {
        return Err(Error::new(ErrorKind::MethodNotFound, format!("2026-07-28 has no method `{}`", request.method)));
    }
    context.remove(meta::PROTOCOL_VERSION);
    let capabilities = context
        .remove(meta::CLIENT_CAPABILITIES)
        .filter(Raw::is_object)
        .ok_or_else(|| missing(meta::CLIENT_CAPABILITIES))?;
    let info = context.remove(meta::CLIENT_INFO);
    let log_level = match context.remove(meta::LOG_LEVEL) {
        None => None,
        Some(level) => {
            let known = level.string().and_then(|level| LogLevel::parse(&level));
            Some(known.ok_or_else(|| Error::new(ErrorKind::InvalidParams, format!("{level:?} is no log level")))?)
        }
    };
    let progress_token = context.remove(meta::PROGRESS_TOKEN);
    if context.is_empty() {
        params.remove("_meta");
    } else {
        params.set("_meta", context.to_raw());
    }
    let client = Client { version, info, capabilities: Some(capabilities) };
    let context = CallContext {
        client: Arc::new(client),
        principal,
        log_level,
        progress_token,
        notifier,
        param_headers,
        session: None,
        manner: Manner::default(),
        came: Came::default(),
    };
    Ok(Call { method: request.method, params, context })
}
