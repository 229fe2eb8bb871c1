//! Reading envelopes: strictly from clients, tolerantly from upstreams.
//!
//! A client's message decides what is done in a person's name, so anything that two readers
//! could understand differently is refused. An upstream's message only answers: members that no
//! specification knows are dropped and counted, and whatever is wrong with it concerns one call.

use crate::envelope::{Id, Message, Notification, Request, Response};
use crate::object::ObjectError;
use crate::scan::{self, ScanError, ScanErrorKind};
use crate::{Error, ErrorKind, Object, Raw, Text};
use bytes::Bytes;

/// What a message may cost.
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    /// The longest message, in bytes.
    pub bytes_max: usize,
    /// The deepest nesting of objects and arrays.
    pub depth_max: u32,
}

/// Why bytes are not a message, with the id to answer under where it could be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct ParseError {
    /// The id of the broken request.
    pub id: Option<Id>,
    /// What is wrong.
    pub reason: ParseReason,
}

/// The reasons of a [`ParseError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseReason {
    /// Not JSON.
    #[error("not valid JSON: {0}")]
    Json(#[from] ScanError),
    /// Larger than allowed.
    #[error("message of {bytes} bytes is larger than the limit of {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A JSON-RPC batch.
    #[error("batches are not part of this protocol revision")]
    Batch,
    /// JSON, but no object.
    #[error("a message is a JSON object")]
    NotAnObject,
    /// A key twice in an object that decides.
    #[error("duplicate key {key:?}")]
    Duplicate {
        /// The key.
        key: String,
    },
    /// A member that JSON-RPC does not know.
    #[error("unknown member {key:?}")]
    Unknown {
        /// Its key.
        key: String,
    },
    /// `jsonrpc` is missing or not `"2.0"`.
    #[error("`jsonrpc` must be \"2.0\"")]
    Version,
    /// The id is no string and no integer.
    #[error("`id` must be a string or an integer")]
    Id,
    /// `method` is no string.
    #[error("`method` must be a string")]
    Method,
    /// `params` is no object.
    #[error("`params` must be an object")]
    Params,
    /// `result` is no object, or `error` has no code and message.
    #[error("`result` must be an object and `error` must have a code and a message")]
    Outcome,
    /// Neither request, notification nor response.
    #[error("neither a request, a notification nor a response")]
    Shape,
}

impl From<ObjectError> for ParseReason {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Scan(error) => Self::Json(error),
            ObjectError::NotAnObject => Self::NotAnObject,
            ObjectError::Duplicate { key } => Self::Duplicate { key },
        }
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        let kind = match error.reason {
            ParseReason::Json(_) => ErrorKind::Parse,
            ParseReason::TooLarge { .. } => ErrorKind::TooLarge,
            ParseReason::Params => ErrorKind::InvalidParams,
            _ => ErrorKind::InvalidRequest,
        };
        let hint = match error.reason {
            ParseReason::Batch => Some("send one message per request"),
            ParseReason::Duplicate { .. } => Some("a key may stand only once in an object"),
            _ => None,
        };
        let parsed = Self::new(kind, error.reason.to_string());
        match hint {
            Some(hint) => parsed.hint(hint),
            None => parsed,
        }
    }
}

/// Reads what a client sent.
///
/// # Errors
/// Everything in [`ParseReason`].
pub fn parse_client(bytes: &Bytes, limits: ParseLimits) -> Result<Message, ParseError> {
    let mut parts = Parts::default();
    let walked = parts.walk(bytes, limits, true);
    let id = parts.id.as_ref().and_then(Id::of);
    match walked.and_then(|()| parts.message()) {
        Ok(message) => Ok(message),
        Err(reason) => Err(ParseError { id, reason }),
    }
}

/// Reads what an upstream sent; also returns how many unknown members were dropped.
///
/// # Errors
/// As [`parse_client`], but unknown members are none.
pub fn parse_upstream(bytes: &Bytes, limits: ParseLimits) -> Result<(Message, u32), ParseError> {
    let mut parts = Parts::default();
    let walked = parts.walk(bytes, limits, false);
    let id = parts.id.as_ref().and_then(Id::of);
    let dropped = parts.dropped;
    match walked.and_then(|()| parts.message()) {
        Ok(message) => Ok((message, dropped)),
        Err(reason) => Err(ParseError { id, reason }),
    }
}

/// A value one level down: an object that was read in the same pass, or (`None`) something else.
type Nested = Option<Object>;

/// The members of an envelope as they are met.
#[derive(Default)]
struct Parts {
    jsonrpc: Option<Raw>,
    id: Option<Raw>,
    method: Option<Raw>,
    params: Option<Nested>,
    result: Option<Nested>,
    error: Option<Raw>,
    dropped: u32,
}

impl Parts {
    fn walk(&mut self, source: &Bytes, limits: ParseLimits, strict: bool) -> Result<(), ParseReason> {
        if source.len() > limits.bytes_max {
            return Err(ParseReason::TooLarge { bytes: source.len(), bytes_max: limits.bytes_max });
        }
        scan::check_utf8(source)?;
        let mut at = scan::blanks(source, 0);
        match source.get(at) {
            Some(b'{') => {}
            Some(b'[') => {
                scan::document(source, limits.depth_max)?;
                return Err(ParseReason::Batch);
            }
            _ => {
                scan::document(source, limits.depth_max)?;
                return Err(ParseReason::NotAnObject);
            }
        }
        let depth_max = limits.depth_max.min(scan::DEPTH_MAX).saturating_sub(1);
        at = scan::blanks(source, at + 1);
        if source.get(at) != Some(&b'}') {
            loop {
                at = self.member(source, at, depth_max, strict)?;
                at = scan::blanks(source, at);
                match source.get(at) {
                    Some(b',') => at = scan::blanks(source, at + 1),
                    Some(b'}') => break,
                    Some(_) => return Err(ScanError { at, kind: ScanErrorKind::Unexpected }.into()),
                    None => return Err(ScanError { at, kind: ScanErrorKind::Truncated }.into()),
                }
            }
        }
        let rest = scan::blanks(source, at + 1);
        if rest < source.len() {
            return Err(ScanError { at: rest, kind: ScanErrorKind::Trailing }.into());
        }
        Ok(())
    }

    /// Reads one member and returns where it ends.
    fn member(&mut self, source: &Bytes, at: usize, depth_max: u32, strict: bool) -> Result<usize, ParseReason> {
        let key_end = scan::key_string(source, at)?;
        let start = scan::after_colon(source, key_end)?;
        let key = source.slice(at..key_end);
        if let b"\"params\"" | b"\"result\"" = &key[..] {
            let (nested, end) = nested(source, start, depth_max)?;
            let slot = if &key[..] == b"\"params\"" { &mut self.params } else { &mut self.result };
            return fill(slot, nested, &key).map(|()| end);
        }
        let end = scan::value(source, start, depth_max)?;
        let value = Raw::trusted(source.slice(start..end));
        let slot = match &key[..] {
            b"\"jsonrpc\"" => &mut self.jsonrpc,
            b"\"id\"" => &mut self.id,
            b"\"method\"" => &mut self.method,
            b"\"error\"" => &mut self.error,
            _ if strict => return Err(ParseReason::Unknown { key: decoded(&key) }),
            _ => {
                self.dropped += 1;
                return Ok(end);
            }
        };
        fill(slot, value, &key).map(|()| end)
    }

    fn message(self) -> Result<Message, ParseReason> {
        if self.jsonrpc.as_ref().is_none_or(|version| version.as_bytes() != b"\"2.0\"") {
            return Err(ParseReason::Version);
        }
        let params = match self.params {
            None => None,
            Some(Some(params)) => Some(params),
            Some(None) => return Err(ParseReason::Params),
        };
        let method: Option<Text> = match &self.method {
            None => None,
            Some(method) => Some(method.string().ok_or(ParseReason::Method)?),
        };
        let answer = self.result.is_some() || self.error.is_some();
        match (method, self.id) {
            (Some(method), Some(id)) if !answer => {
                let id = Id::of(&id).ok_or(ParseReason::Id)?;
                Ok(Message::Request(Request { id, method, params }))
            }
            (Some(method), None) if !answer => Ok(Message::Notification(Notification { method, params })),
            (None, id) if answer && params.is_none() => {
                let id = match id {
                    None => None,
                    Some(id) if id.is_null() => None,
                    Some(id) => Some(Id::of(&id).ok_or(ParseReason::Id)?),
                };
                let outcome = match (self.result, self.error) {
                    (Some(Some(result)), None) => Ok(result),
                    (None, Some(error)) => Err(Error::from_upstream(&error).ok_or(ParseReason::Outcome)?),
                    _ => return Err(ParseReason::Outcome),
                };
                Ok(Message::Response(Response { id, outcome }))
            }
            _ => Err(ParseReason::Shape),
        }
    }
}

fn nested(source: &Bytes, start: usize, depth_max: u32) -> Result<(Nested, usize), ParseReason> {
    if source.get(start) == Some(&b'{') {
        let (object, end) = Object::scan(source, start, depth_max)?;
        return Ok((Some(object), end));
    }
    Ok((None, scan::value(source, start, depth_max)?))
}

fn fill<T>(slot: &mut Option<T>, value: T, key: &Bytes) -> Result<(), ParseReason> {
    if slot.is_some() {
        return Err(ParseReason::Duplicate { key: decoded(key) });
    }
    *slot = Some(value);
    Ok(())
}

fn decoded(quoted: &Bytes) -> String {
    Raw::trusted(quoted.clone()).string().map_or_else(|| "?".to_owned(), |key| key.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Output;

    const LIMITS: ParseLimits = ParseLimits { bytes_max: 4096, depth_max: 16 };

    fn client(text: &str) -> Result<Message, ParseError> {
        parse_client(&Bytes::copy_from_slice(text.as_bytes()), LIMITS)
    }

    fn reason(text: &str) -> ParseReason {
        client(text).unwrap_err().reason
    }

    fn written(message: &Message) -> String {
        let mut out = Output::default();
        message.write(&mut out);
        String::from_utf8(out.into_bytes().to_vec()).unwrap()
    }

    #[test]
    fn what_is_carried_keeps_every_byte() {
        let text = r#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"method":"tools/call","params":{"name":"a__b","arguments":{"n":1.0e400,"s":"\ud800","k":1, "k":2}}}"#;
        assert_eq!(written(&client(text).unwrap()), text);
        let spaced = "{ \"params\" : { \"x\" : [1 ,2] } , \"method\":\"m\" , \"jsonrpc\" : \"2.0\" }";
        assert_eq!(written(&client(spaced).unwrap()), r#"{"jsonrpc":"2.0","method":"m","params":{"x":[1 ,2]}}"#);
    }

    #[test]
    fn refuses_what_two_readers_could_understand_differently() {
        assert!(matches!(reason(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}"#), ParseReason::Duplicate { .. }));
        assert!(matches!(
            reason(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"a":2}}"#),
            ParseReason::Duplicate { .. }
        ));
        assert!(matches!(reason(r#"{"jsonrpc":"2.0","id":1,"method":"m","Method":"n"}"#), ParseReason::Unknown { .. }));
        assert!(matches!(reason(r#"{"jsonrpc":"2.0","id":1,"meth\u006fd":"m"}"#), ParseReason::Unknown { .. }));
        assert_eq!(reason(r#"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#), ParseReason::Batch);
        assert_eq!(reason(r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#), ParseReason::Id);
        assert_eq!(reason(r#"{"jsonrpc":"2.0","id":1.5,"method":"m"}"#), ParseReason::Id);
        assert_eq!(reason(r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#), ParseReason::Version);
        assert_eq!(reason(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), ParseReason::Method);
        assert_eq!(reason(r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#), ParseReason::Params);
        assert_eq!(reason(r#"{"jsonrpc":"2.0","id":1,"method":"m","result":{}}"#), ParseReason::Shape);
        assert_eq!(reason(r#"{"jsonrpc":"2.0"}"#), ParseReason::Shape);
        assert_eq!(reason("7"), ParseReason::NotAnObject);
        assert!(matches!(reason(&format!("\"{}\"", "x".repeat(5000))), ParseReason::TooLarge { .. }));
    }

    #[test]
    fn the_id_of_a_broken_request_is_found() {
        let error = client(r#"{"jsonrpc":"2.0","id":"x-1","method":"m","params":[]}"#).unwrap_err();
        assert_eq!(error.id.unwrap().raw().as_str(), "\"x-1\"");
    }

    #[test]
    fn upstreams_may_add_members_but_not_ambiguity() {
        let read = |text: &str| parse_upstream(&Bytes::copy_from_slice(text.as_bytes()), LIMITS);
        let (message, dropped) = read(r#"{"jsonrpc":"2.0","id":4,"result":{"a":1},"took":3}"#).unwrap();
        assert_eq!(dropped, 1);
        assert_eq!(written(&message), r#"{"jsonrpc":"2.0","id":4,"result":{"a":1}}"#);
        let (message, _) =
            read(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no","data":[1]}}"#).unwrap();
        assert_eq!(
            written(&message),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no","data":[1]}}"#
        );
        for text in [
            r#"{"jsonrpc":"2.0","id":4,"result":{},"error":{"code":1,"message":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":4,"result":7}"#,
            r#"{"jsonrpc":"2.0","id":4,"error":{"code":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":4,"result":{"a":1,"a":2}}"#,
        ] {
            assert_eq!(read(text).unwrap_err().id.unwrap().as_u64(), Some(4), "{text}");
        }
    }
}
