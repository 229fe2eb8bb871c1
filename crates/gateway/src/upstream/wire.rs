//! How a request looks on the wire of each era (protocol.md section 2.2, rows 2 and 10).
//!
//! Written straight into the output: the parameters keep their bytes, only `_meta` is composed.

use crate::asking::Kinds;
use protocol::{CallContext, Client, Era, Object, Output, Principal, Raw, Version, meta};
use std::io::Write as _;

/// Who we are towards servers.
const OWN_INFO: &str = concat!("{\"name\":\"switchboard\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");
/// Small pieces up to here are gathered in one allocation.
const GATHER_MAX: usize = 16 * 1024;
/// What a legacy client can do in a way that a modern server does not mean.
const NOT_BRIDGED: [&str; 1] = ["tasks"];

/// Composes a request. Its id is also its progress token, sent only when the client wants
/// progress.
pub(super) fn request(era: Era, id: u64, method: &str, params: &Object, context: &CallContext) -> Output {
    let mut out = Output::with_capacity(params.size().min(GATHER_MAX) + 512);
    out.push_str("{\"jsonrpc\":\"2.0\",\"id\":");
    push_number(&mut out, id);
    out.push_str(",\"method\":");
    out.push_json_str(method);
    out.push_str(",\"params\":{");
    let any = params.write_members(&mut out, "_meta");
    let wants_progress = context.progress_token.is_some();
    if era == Era::Modern || wants_progress || params.get("_meta").is_some() {
        out.push_str(if any { ",\"_meta\":{" } else { "\"_meta\":{" });
        let mut any = meta::of(Some(params)).is_some_and(|meta| meta.write_members(&mut out, meta::PROGRESS_TOKEN));
        if era == Era::Modern {
            separate(&mut out, &mut any);
            push_context(&mut out, context);
        }
        if wants_progress {
            separate(&mut out, &mut any);
            out.push_str("\"progressToken\":");
            push_number(&mut out, id);
        }
        out.push(b"}");
    }
    out.push_str("}}");
    out
}

fn separate(out: &mut Output, any: &mut bool) {
    if std::mem::replace(any, true) {
        out.push(b",");
    }
}

/// The context of a modern request (section 1.2).
fn push_context(out: &mut Output, context: &CallContext) {
    let key = |out: &mut Output, name: &str| {
        out.push(b"\"");
        out.push_str(name);
        out.push(b"\":");
    };
    key(out, meta::PROTOCOL_VERSION);
    out.push_json_str(Version::MODERN_LATEST.as_str());
    out.push(b",");
    key(out, meta::CLIENT_INFO);
    match &context.client.info {
        Some(info) => out.push_raw(info),
        None => out.push_str(OWN_INFO),
    }
    out.push(b",");
    key(out, meta::CLIENT_CAPABILITIES);
    push_capabilities(out, &context.client);
    if let Some(level) = context.log_level {
        out.push(b",");
        key(out, meta::LOG_LEVEL);
        out.push_json_str(level.as_str());
    }
}

/// The context of our own requests to be told of changes: status of tasks is told only to who
/// declares the extension (section 1.16).
pub(super) fn listening_context() -> CallContext {
    let own = CallContext::internal(Principal::new("switchboard"));
    let capabilities = Raw::from_static("{\"extensions\":{\"io.modelcontextprotocol/tasks\":{}}}");
    let client = Client { capabilities: Some(capabilities), ..(*own.client).clone() };
    CallContext { client: client.into(), ..own }
}

/// The parameters of `server/discover`, whose era is not agreed yet: the context goes in as it is.
pub(super) fn modern_params(context: &CallContext) -> Object {
    let mut out = Output::with_capacity(256);
    out.push(b"{");
    push_context(&mut out, context);
    out.push(b"}");
    let meta = Raw::parse(out.into_bytes(), 8).unwrap_or_else(|_| Raw::from_static("{}"));
    [("_meta", meta)].into_iter().collect()
}

fn push_capabilities(out: &mut Output, client: &Client) {
    let Some(raw) = client.capabilities.as_ref().filter(|raw| raw.is_object()) else {
        return out.push_str("{}");
    };
    if client.version.era() == Era::Modern || raw.as_bytes() == b"{}" {
        return out.push_raw(raw);
    }
    let mut kept = Object::of(raw).unwrap_or_default();
    kept.retain(|name| !NOT_BRIDGED.contains(&name));
    kept.write(out);
}

/// Whether the client declared an extension, so that results may have types that we do not know
/// (section 1.8).
pub(super) fn has_extensions(client: &Client) -> bool {
    let capabilities = client.capabilities.as_ref().and_then(|raw| Object::of(raw).ok());
    capabilities.and_then(|object| object.object("extensions")).is_some_and(|extensions| !extensions.is_empty())
}

/// The notification that cancels our request `id`.
pub(super) fn cancelled(id: u64, reason: &str) -> Output {
    let mut out = Output::with_capacity(128);
    out.push_str("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":");
    push_number(&mut out, id);
    out.push_str(",\"reason\":");
    out.push_json_str(reason);
    out.push_str("}}");
    out
}

/// The parameters of `initialize` (section 2.2, row 1).
pub(super) fn initialize_params(kinds: Kinds) -> Object {
    [
        ("protocolVersion", Raw::of(Version::LEGACY_LATEST.as_str())),
        ("capabilities", kinds.capabilities()),
        ("clientInfo", Raw::from_static(OWN_INFO)),
    ]
    .into_iter()
    .collect()
}

fn push_number(out: &mut Output, number: u64) {
    let mut digits = [0u8; 20];
    let mut rest = &mut digits[..];
    // Twenty bytes hold every u64.
    let _ = write!(rest, "{number}");
    let left = rest.len();
    out.push(&digits[..20 - left]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::LogLevel;
    use std::sync::Arc;

    fn written(era: Era, params: &'static str, context: &CallContext) -> String {
        let params = Object::of(&Raw::from_static(params)).unwrap();
        String::from_utf8(request(era, 7, "tools/call", &params, context).into_bytes().to_vec()).unwrap()
    }

    fn context(version: Version, capabilities: &'static str) -> CallContext {
        let mut context = CallContext::internal(Principal::new("p"));
        context.client = Arc::new(Client {
            version,
            info: Some(Raw::from_static(r#"{"name":"c"}"#)),
            capabilities: Some(Raw::from_static(capabilities)),
        });
        context
    }

    #[test]
    fn a_modern_server_gets_the_whole_context() {
        let mut context = context(Version::V2026_07_28, r#"{"roots":{}}"#);
        context.log_level = Some(LogLevel::Info);
        context.progress_token = Some(Raw::from_static("\"theirs\""));
        assert_eq!(
            written(Era::Modern, r#"{"name":"t","_meta":{"x/y":1}}"#, &context),
            concat!(
                r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"x/y":1,"#,
                r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"c"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{"roots":{}},"#,
                r#""io.modelcontextprotocol/logLevel":"info","progressToken":7}}}"#
            )
        );
    }

    #[test]
    fn a_legacy_server_gets_none_of_it() {
        let mut context = context(Version::V2026_07_28, "{}");
        assert_eq!(
            written(Era::Legacy, r#"{"name":"t"}"#, &context),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}"#
        );
        context.progress_token = Some(Raw::from_static("1"));
        assert_eq!(
            written(Era::Legacy, "{}", &context),
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":7}}}"#
        );
    }

    #[test]
    fn of_a_legacy_client_only_what_can_be_bridged_is_declared() {
        let context = context(Version::V2025_11_25, r#"{"roots":{},"tasks":{},"extensions":{"a":{}}}"#);
        assert!(
            written(Era::Modern, "{}", &context)
                .contains(r#""io.modelcontextprotocol/clientCapabilities":{"roots":{},"extensions":{"a":{}}}"#)
        );
        assert!(has_extensions(&context.client));
    }
}
