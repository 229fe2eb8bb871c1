//! What can go wrong, as a closed list of kinds with one table.
//!
//! The message is for the caller, the hint says what to do next, the cause is for the log: three
//! different fields. Codes never lie in the range -32099..-32020 that MCP reserves, except for
//! the three it defines (protocol.md section 1.14).

use crate::{Output, Raw};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// A failure of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Which row of the table.
    pub kind: ErrorKind,
    /// How far the request came: whether it may be sent again.
    pub delivery: Delivery,
    /// When trying again can help, in milliseconds from now.
    pub retry_after_ms: Option<NonZeroU32>,
    /// For the caller: what happened and why.
    pub message: Cow<'static, str>,
    /// For the caller: what to do next.
    pub hint: Option<Cow<'static, str>>,
    /// For the caller's program: structured details.
    pub data: Option<Raw>,
    /// For the log, never shown to a caller.
    pub cause: Option<String>,
    /// The code as an upstream gave it ([`ErrorKind::Upstream`] only).
    pub upstream_code: Option<i64>,
}

/// How far a request came that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// It may have been executed.
    #[default]
    Unknown,
    /// It did not arrive: nothing was executed.
    Unsent,
    /// It was refused before it was executed, by us or by the server.
    Refused,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client's.
    Client,
    /// The server's behind us.
    Upstream,
    /// Ours.
    Switchboard,
}

/// What a kind means everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The kind.
    pub kind: ErrorKind,
    /// Its name in records, metrics and `data.kind`; also the anchor in `docs/errors.md`.
    pub name: &'static str,
    /// JSON-RPC error code.
    pub code: i64,
    /// HTTP status towards a modern client.
    pub status: u16,
    /// Exit code of the CLI.
    pub exit: u8,
    /// Whose fault.
    pub fault: Fault,
    /// Whether trying again can help.
    pub retryable: bool,
    /// One sentence for the documentation.
    pub about: &'static str,
}

macro_rules! kinds {
    ($($kind:ident $name:literal $code:literal $status:literal $exit:literal $fault:ident $retryable:literal $about:literal;)*) => {
        /// The kinds of failure; `ErrorKind::row` is the one table of what they mean.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = $about] $kind,)*
        }

        impl ErrorKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// What this kind means.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$kind => Row {
                        kind: Self::$kind, name: $name, code: $code, status: $status, exit: $exit,
                        fault: Fault::$fault, retryable: $retryable, about: $about,
                    },)*
                }
            }
        }
    };
}

kinds! {
    Parse "parse" -32700 400 2 Client false "The message is not JSON.";
    InvalidRequest "invalid_request" -32600 400 2 Client false "The message is JSON but no request that we accept.";
    MethodNotFound "method_not_found" -32601 404 12 Client false "Nobody here implements the method.";
    InvalidParams "invalid_params" -32602 200 2 Client false "The parameters do not fit the method.";
    MissingMeta "missing_meta" -32602 400 2 Client false "A required `_meta` key is missing (modern requests carry their whole context).";
    UnknownName "unknown_name" -32602 200 12 Client false "No tool, prompt or resource of that name is visible here.";
    HeaderMismatch "header_mismatch" -32020 400 2 Client false "An HTTP header is missing or differs from the body.";
    MissingCapability "missing_capability" -32021 400 2 Client false "The server needs a capability that the client did not declare.";
    UnsupportedVersion "unsupported_version" -32022 400 2 Client false "The protocol version is not one that we serve.";
    Unauthorized "unauthorized" -31001 401 11 Client false "The request carries no valid token.";
    ForbiddenOrigin "forbidden_origin" -31002 403 2 Client false "The Host or Origin header names a place that is not allowed.";
    Denied "denied" -31003 200 11 Client false "A rule forbids it.";
    UnknownSession "unknown_session" -31004 404 10 Client true "The session does not exist (any more); a client initializes again.";
    MissingSession "missing_session" -31005 400 2 Client false "A legacy request carries no session id.";
    TooLarge "too_large" -31006 413 2 Client false "A message is larger than its limit.";
    BadHttp "bad_http" -31007 400 2 Client false "The HTTP request is not one that the transport knows.";
    MethodNotAllowed "method_not_allowed" -31008 405 2 Client false "The endpoint does not serve this HTTP method.";
    Overloaded "overloaded" -31009 503 10 Switchboard true "A named limit is reached.";
    UpstreamDown "upstream_down" -31010 200 1 Upstream true "The server cannot be reached or is not running.";
    UpstreamStarting "upstream_starting" -31011 200 10 Upstream true "The server is still starting.";
    UpstreamGone "upstream_gone" -31012 200 1 Upstream true "The server ended or hung up while the call was running.";
    UpstreamInvalid "upstream_invalid" -31013 200 1 Upstream false "The server answered something that is no valid answer.";
    Timeout "timeout" -31014 200 10 Upstream true "The server did not answer in time.";
    Cancelled "cancelled" -31015 200 1 Client false "The client cancelled the call.";
    Unsupported "unsupported" -31016 200 1 Switchboard false "This version of Switchboard cannot do it yet.";
    NotRunning "not_running" -31017 200 11 Client false "The server is disabled or waits for approval.";
    Draining "draining" -31018 503 10 Switchboard true "Switchboard is shutting down.";
    UnknownEndpoint "unknown_endpoint" -31019 404 12 Client false "Nothing is served at this path.";
    StateLost "state_lost" -32603 200 10 Switchboard true "The call that waited for an answer ended with an earlier run of Switchboard.";
    Unanswered "unanswered" -31020 200 1 Client false "The client did not answer a question that the call needed answered.";
    NeedsAuth "needs_auth" -31021 200 11 Upstream false "The server wants a person to sign in: `switchboard auth login`.";
    Internal "internal" -32603 200 70 Switchboard false "A bug of ours.";
    Upstream "upstream" -32603 200 1 Upstream false "The server answered with an error of its own; code and data are passed on.";
}

impl Error {
    /// A failure of `kind`; `message` says what happened and why.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            delivery: Delivery::Unknown,
            retry_after_ms: None,
            message: message.into(),
            hint: None,
            data: None,
            cause: None,
            upstream_code: None,
        }
    }

    /// Says that nothing was executed, since the request did not arrive.
    #[must_use]
    pub fn unsent(mut self) -> Self {
        self.delivery = Delivery::Unsent;
        self
    }

    /// Says that nothing was executed, since the request was refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.delivery = Delivery::Refused;
        self
    }

    /// Says when trying again can help.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        let milliseconds = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1);
        self.retry_after_ms = NonZeroU32::new(milliseconds);
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds structured details.
    #[must_use]
    pub fn data(mut self, data: Raw) -> Self {
        self.data = Some(data);
        self
    }

    /// Adds what only the log should know.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The error object of an upstream's response; `None` when it has no code or message.
    #[must_use]
    pub fn from_upstream(error: &Raw) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Wire {
            code: i64,
            message: String,
            data: Option<Raw>,
        }
        let wire: Wire = error.read().ok()?;
        let mut read = Self::new(ErrorKind::Upstream, wire.message);
        read.upstream_code = Some(wire.code);
        read.data = wire.data;
        Some(read)
    }

    /// The JSON-RPC code to send.
    #[must_use]
    pub fn code(&self) -> i64 {
        self.upstream_code.unwrap_or(self.kind.row().code)
    }

    /// The HTTP status towards a modern client (protocol.md sections 1.3 and 1.14): what an
    /// upstream said with a code that the protocol ties to a status keeps that status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.upstream_code {
            Some(-32601) => 404,
            Some(-32022..=-32020) => 400,
            _ => self.kind.row().status,
        }
    }

    /// Writes the JSON-RPC error object. Our own errors carry `data` with their kind, whether
    /// trying again can help, and the hint; an upstream's are written as they came.
    pub fn write(&self, out: &mut Output) {
        out.push_str("{\"code\":");
        out.push_str(&self.code().to_string());
        out.push_str(",\"message\":");
        out.push_json_str(&self.message);
        let row = self.kind.row();
        match &self.data {
            Some(data) => {
                out.push_str(",\"data\":");
                out.push_raw(data);
            }
            None if self.kind != ErrorKind::Upstream => {
                out.push_str(",\"data\":{\"kind\":");
                out.push_json_str(row.name);
                out.push_str(if row.retryable { ",\"retryable\":true" } else { ",\"retryable\":false" });
                if let Some(milliseconds) = self.retry_after_ms {
                    out.push_str(",\"retry_after_ms\":");
                    out.push_str(&milliseconds.to_string());
                }
                if let Some(hint) = &self.hint {
                    out.push_str(",\"hint\":");
                    out.push_json_str(hint);
                }
                out.push(b"}");
            }
            None => {}
        }
        out.push(b"}");
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stay_out_of_the_reserved_range() {
        for kind in ErrorKind::ALL {
            let row = kind.row();
            let reserved = (-32099..=-32020).contains(&row.code);
            assert_eq!(reserved, (-32022..=-32020).contains(&row.code), "{}", row.name);
            assert!(!(-32019..=-32000).contains(&row.code), "{}: legacy implementation space", row.name);
        }
    }

    #[test]
    fn ours_carry_kind_and_hint_and_an_upstreams_stay_as_they_came() {
        let text = |error: &Error| {
            let mut out = Output::default();
            error.write(&mut out);
            String::from_utf8(out.into_bytes().to_vec()).unwrap()
        };
        let ours = Error::new(ErrorKind::Timeout, "`x` did not answer").hint("look at `switchboard logs x`");
        assert_eq!(
            text(&ours),
            r#"{"code":-31014,"message":"`x` did not answer","data":{"kind":"timeout","retryable":true,"hint":"look at `switchboard logs x`"}}"#
        );
        let raw = Raw::from_static(r#"{"code":-32042,"message":"open \"it\"","data":{"z":1}}"#);
        assert_eq!(text(&Error::from_upstream(&raw).unwrap()), raw.as_str());
    }
}
