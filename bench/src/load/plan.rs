//! What a run sends, and how it knows that a reply is right.

use bench::{Failure, Flags, LEGACY, MODERN};
use memchr::memmem;
use serde_json::{Value, json};
use std::io::Write;

/// The metadata of every modern request.
pub(crate) const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench-load","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}"#;

/// Replies are searched for their expected text up to this size; longer ones by length only.
const SEARCHED: usize = 1_024;
/// How far from either end of a reply its own members are looked for.
const EDGE: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Echo,
    Payload,
    List,
}

impl Op {
    /// The tool that it calls, or nothing.
    pub(crate) fn tool(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Payload => "payload",
            Self::List => "",
        }
    }
}

/// Whether the flags ask for the modern era.
pub(crate) fn is_modern(flags: &Flags) -> Result<bool, Failure> {
    match flags.text("proto") {
        None | Some(LEGACY) => Ok(false),
        Some(MODERN) => Ok(true),
        Some(other) => Err(format!("--proto: `{other}` is neither {LEGACY} nor {MODERN}").into()),
    }
}

/// One kind of call.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) op: Op,
    pub(crate) modern: bool,
    /// The exposed name of the tool.
    pub(crate) tool: String,
    /// What the tool has to answer.
    text: String,
    /// The request after its id.
    tail: String,
}

impl Plan {
    pub(crate) fn op(flags: &Flags) -> Result<Op, Failure> {
        match flags.text("op").unwrap_or("echo") {
            "echo" => Ok(Op::Echo),
            "payload" => Ok(Op::Payload),
            "list" => Ok(Op::List),
            other => Err(format!("--op: `{other}` is none of echo, payload, list").into()),
        }
    }

    pub(crate) fn new(flags: &Flags, tool: String) -> Result<Self, Failure> {
        let (op, modern) = (Self::op(flags)?, is_modern(flags)?);
        let bytes: usize = flags.number("bytes", 100)?;
        let alphabet = ('a'..='z').cycle().take(bytes);
        let (text, arguments) = match op {
            Op::Echo => {
                let text: String = alphabet.collect();
                let arguments = json!({"text": text});
                (text, arguments)
            }
            Op::Payload => ("x".repeat(bytes), json!({"bytes": bytes})),
            Op::List => (String::new(), Value::Null),
        };
        let tail = if op == Op::List {
            list_tail(modern, None)
        } else {
            let meta = if modern { format!(",{META}") } else { String::new() };
            let name = json!(tool);
            format!(r#","method":"tools/call","params":{{"name":{name},"arguments":{arguments}{meta}}}}}"#)
        };
        Ok(Self { op, modern, tool, text, tail })
    }

    /// The request's method and the name that its headers repeat.
    pub(crate) fn headers(&self) -> (&'static str, &str) {
        match self.op {
            Op::List => ("tools/list", ""),
            _ => ("tools/call", &self.tool),
        }
    }

    pub(crate) fn request(&self, id: u64) -> Vec<u8> {
        request(id, &self.tail)
    }

    /// Checks a reply: its id, that it is a result and no tool error, its text or its length.
    /// With `whole` the reply is parsed and compared in full.
    pub(crate) fn check(&self, reply: &[u8], id: u64, whole: bool) -> Result<(), Failure> {
        let head = &reply[..reply.len().min(EDGE)];
        let tail = &reply[reply.len().saturating_sub(EDGE)..];
        let either = |needle: &[u8]| memmem::find(head, needle).is_some() || memmem::find(tail, needle).is_some();
        let wrong = |what: &str| Err(format!("{what}: {}", excerpt(reply)).into());
        if id_in(head) != Some(id) && id_in(tail) != Some(id) {
            return wrong("not the reply to this request");
        }
        if !either(br#""result""#) {
            return wrong("not a result");
        }
        if either(br#""isError":true"#) || either(br#""isError": true"#) {
            return wrong("the tool failed");
        }
        let text = self.text.as_bytes();
        if reply.len() < text.len() {
            return wrong("too short");
        }
        if text.len() <= SEARCHED && memmem::find(reply, text).is_none() {
            return wrong("another text");
        }
        if whole {
            let reply: Value = serde_json::from_slice(reply)?;
            let result = &reply["result"];
            let modern = result["resultType"] == "complete";
            let right = match self.op {
                Op::List => result["tools"].is_array(),
                _ => result["content"][0]["text"] == *self.text,
            };
            if !right || (self.modern && !modern) {
                return wrong("not the expected result");
            }
        }
        Ok(())
    }
}

/// A request from its id and what stands after it.
pub(crate) fn request(id: u64, tail: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(tail.len() + 40);
    // Writing into a vector cannot fail.
    let _ = write!(body, r#"{{"jsonrpc":"2.0","id":{id}{tail}"#);
    body
}

/// What stands after the id of a `tools/list`.
pub(crate) fn list_tail(modern: bool, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!(r#""cursor":{}"#, json!(cursor)));
    let meta = modern.then(|| META.to_owned());
    let params: Vec<String> = cursor.into_iter().chain(meta).collect();
    format!(r#","method":"tools/list","params":{{{}}}}}"#, params.join(","))
}

/// The cursor of the next page, looked for at the edges of a reply only.
pub(crate) fn next_cursor(reply: &[u8]) -> Option<&str> {
    let key = br#""nextCursor":""#;
    let tail_start = reply.len().saturating_sub(4 * EDGE);
    let head = &reply[..reply.len().min(4 * EDGE)];
    let start =
        memmem::find(&reply[tail_start..], key).map(|at| tail_start + at).or_else(|| memmem::find(head, key))?;
    let value = &reply[start + key.len()..];
    let end = memchr::memchr(b'"', value)?;
    std::str::from_utf8(&value[..end]).ok()
}

/// The number after the first `"id":`.
pub(crate) fn id_in(bytes: &[u8]) -> Option<u64> {
    let at = memmem::find(bytes, br#""id":"#)? + 5;
    let digits = bytes[at..].trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The beginning of a reply, for an error message.
pub(crate) fn excerpt(reply: &[u8]) -> String {
    String::from_utf8_lossy(&reply[..reply.len().min(300)]).into_owned()
}

/// The exposed name of a tool: its own, or the first that ends in it after a separator.
pub(crate) fn find_tool(names: &[String], own: &str) -> Option<String> {
    let ends = |name: &String| {
        let prefix = name.strip_suffix(own)?;
        (!prefix.ends_with(|last: char| last.is_ascii_alphanumeric())).then_some(())
    };
    let exact = names.iter().find(|name| *name == own);
    exact.or_else(|| names.iter().find(|name| ends(name).is_some())).cloned()
}

#[cfg(test)]
mod tests {
    use super::{Plan, find_tool, id_in, next_cursor};
    use bench::Flags;

    #[test]
    fn a_reply_is_checked_for_id_result_and_text() {
        let plan = Plan::new(&Flags::default(), "echo".into()).unwrap();
        let text: String = ('a'..='z').cycle().take(100).collect();
        let reply = |id: u64, text: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#)
        };
        plan.check(reply(7, &text).as_bytes(), 7, true).unwrap();
        assert!(plan.check(reply(8, &text).as_bytes(), 7, false).is_err());
        assert!(plan.check(reply(7, "no").as_bytes(), 7, false).is_err());
        let failed = reply(7, &text).replace("}]}", r#"}],"isError":true}"#);
        assert!(plan.check(failed.as_bytes(), 7, false).is_err());
    }

    #[test]
    fn names_ids_and_cursors_are_found() {
        let names = ["b0__reecho", "b0__echo"].map(str::to_owned);
        assert_eq!(find_tool(&names, "echo").unwrap(), "b0__echo");
        assert_eq!(id_in(br#"{"id": 12,"#), Some(12));
        assert_eq!(next_cursor(br#"{"nextCursor":"abc","tools":[]}"#), Some("abc"));
        assert_eq!(next_cursor(br#"{"tools":[]}"#), None);
    }
}
