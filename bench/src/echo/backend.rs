//! What the backend answers, whatever the transport: bytes in, bytes out.
//!
//! Sessions and headers are `http`'s; framing is `stdio`'s.

use bench::{Call, Failure, LEGACY, MODERN, Message};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Write;

/// The largest text that `payload` gives.
const MAX_PAYLOAD: usize = 64 << 20;

const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY];

/// What happened to one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The reply is in the buffer.
    Reply,
    /// The reply is in the buffer and opened a session.
    Initialized,
    /// An error reply is in the buffer, with the HTTP status of the modern transport.
    Refused(u16),
    /// There is nothing to say.
    Silence,
}

/// The mirrored headers of the modern HTTP transport.
pub(crate) struct Mirrored<'a> {
    pub(crate) method: &'a str,
    pub(crate) name: &'a str,
}

/// The echo server.
pub(crate) struct Backend {
    tools: String,
}

#[derive(Deserialize)]
struct Initialize<'a> {
    #[serde(borrow, rename = "protocolVersion", default)]
    version: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Echo<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
}

#[derive(Deserialize)]
struct Payload {
    bytes: usize,
}

impl Backend {
    pub(crate) fn new(dummies: usize) -> Result<Self, Failure> {
        Ok(Self { tools: crate::tools::render(dummies)? })
    }

    /// Answers one message into `out`. `modern` chooses the shape of results; `mirrored` is given
    /// by a transport that repeats method and name in its headers.
    pub(crate) fn answer(
        &self,
        bytes: &[u8],
        modern: bool,
        mirrored: Option<&Mirrored<'_>>,
        out: &mut Vec<u8>,
    ) -> Answer {
        let Ok(message) = serde_json::from_slice::<Message<'_>>(bytes) else {
            return refuse(out, "null", -32700, "this is not a JSON-RPC message", 400);
        };
        let Some(id) = message.id() else {
            return Answer::Silence;
        };
        if message.method.is_empty() {
            return Answer::Silence;
        }
        if mirrored.is_some_and(|headers| headers.method != message.method) {
            return refuse(out, id, -32020, "Mcp-Method is not the method", 400);
        }
        let params = message.params.map_or("{}", RawValue::get);
        let complete = if modern { r#""resultType":"complete","# } else { "" };
        match &*message.method {
            "tools/call" => return call(out, id, params, complete, mirrored),
            "tools/list" => {
                let cache = if modern { r#","ttlMs":60000,"cacheScope":"public""# } else { "" };
                let tools = &self.tools;
                result(out, id, format_args!(r#"{{{complete}"tools":{tools}{cache}}}"#));
            }
            "initialize" => {
                let asked = serde_json::from_str::<Initialize<'_>>(params);
                let version = asked.map_or(LEGACY, |asked| {
                    let known = REVISIONS.iter().find(|known| **known == asked.version);
                    known.copied().unwrap_or(LEGACY)
                });
                result(
                    out,
                    id,
                    format_args!(
                        r#"{{"protocolVersion":"{version}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"bench-echo","version":"1"}}}}"#
                    ),
                );
                return Answer::Initialized;
            }
            "server/discover" => result(
                out,
                id,
                format_args!(
                    r#"{{"resultType":"complete","supportedVersions":["{MODERN}"],"capabilities":{{"tools":{{}}}},"_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"bench-echo","version":"1"}}}},"ttlMs":60000,"cacheScope":"public"}}"#
                ),
            ),
            "ping" => result(out, id, format_args!("{{}}")),
            _ => return refuse(out, id, -32601, "there is no such method here", 404),
        }
        Answer::Reply
    }
}

fn call(out: &mut Vec<u8>, id: &str, params: &str, complete: &str, mirrored: Option<&Mirrored<'_>>) -> Answer {
    let Ok(call) = serde_json::from_str::<Call<'_>>(params) else {
        return refuse(out, id, -32602, "these are not parameters of a call", 200);
    };
    if mirrored.is_some_and(|headers| headers.name != call.name) {
        return refuse(out, id, -32020, "Mcp-Name is not the tool's name", 400);
    }
    let arguments = call.arguments.map_or("{}", RawValue::get);
    let open = |out: &mut Vec<u8>| {
        // Writing into a vector cannot fail.
        let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{id},"result":{{{complete}"content":[{{"type":"text","text":"#);
    };
    match &*call.name {
        "echo" => match serde_json::from_str::<Echo<'_>>(arguments) {
            Ok(echo) if echo.text.get().starts_with('"') => {
                open(out);
                out.extend_from_slice(echo.text.get().as_bytes());
            }
            _ => return refuse(out, id, -32602, "echo needs a text", 200),
        },
        "payload" => match serde_json::from_str::<Payload>(arguments) {
            Ok(payload) => {
                open(out);
                out.push(b'"');
                out.resize(out.len() + payload.bytes.min(MAX_PAYLOAD), b'x');
                out.push(b'"');
            }
            Err(_) => return refuse(out, id, -32602, "payload needs a number of bytes", 200),
        },
        dummy if dummy.starts_with("dummy_") => {
            open(out);
            out.extend_from_slice(br#""ok""#);
        }
        _ => return refuse(out, id, -32602, "there is no such tool here", 200),
    }
    out.extend_from_slice(br#"}],"isError":false}}"#);
    Answer::Reply
}

fn result(out: &mut Vec<u8>, id: &str, result: std::fmt::Arguments<'_>) {
    let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
}

fn refuse(out: &mut Vec<u8>, id: &str, code: i32, why: &str, status: u16) -> Answer {
    let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{why}"}}}}"#);
    Answer::Refused(status)
}

#[cfg(test)]
mod tests {
    use super::{Answer, Backend, Mirrored};
    use serde_json::{Value, json};

    fn ask(message: Value, modern: bool) -> (Answer, Value) {
        let backend = Backend::new(1).unwrap();
        let mut out = Vec::new();
        let answer = backend.answer(message.to_string().as_bytes(), modern, None, &mut out);
        (answer, serde_json::from_slice(&out).unwrap_or(Value::Null))
    }

    #[test]
    fn echo_gives_its_text_back_and_payload_its_size() {
        let call = |name: &str, arguments: Value| {
            json!({"jsonrpc": "2.0", "id": "a", "method": "tools/call",
                "params": {"name": name, "arguments": arguments}})
        };
        let (_, reply) = ask(call("echo", json!({"text": "a\"b"})), false);
        assert_eq!(reply["result"]["content"][0]["text"], "a\"b");
        assert_eq!(reply["id"], "a");
        let (_, reply) = ask(call("payload", json!({"bytes": 5})), true);
        assert_eq!(reply["result"]["content"][0]["text"], "xxxxx");
        assert_eq!(reply["result"]["resultType"], "complete");
        let (answer, reply) = ask(call("nope", json!({})), false);
        assert_eq!(answer, Answer::Refused(200));
        assert_eq!(reply["error"]["code"], -32602);
    }

    #[test]
    fn both_eras_are_offered() {
        let ask_version = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": {"protocolVersion": "2025-06-18"}});
        let (answer, reply) = ask(ask_version, false);
        assert_eq!(answer, Answer::Initialized);
        assert_eq!(reply["result"]["protocolVersion"], "2025-06-18");
        let (_, reply) = ask(json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover"}), true);
        assert_eq!(reply["result"]["supportedVersions"][0], "2026-07-28");
    }

    #[test]
    fn headers_that_differ_are_refused_and_notifications_are_silent() {
        let backend = Backend::new(0).unwrap();
        let headers = Mirrored { method: "tools/list", name: "" };
        let mut out = Vec::new();
        let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        assert_eq!(backend.answer(ping, true, Some(&headers), &mut out), Answer::Refused(400));
        let note = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(ask(note, false).0, Answer::Silence);
    }
}
