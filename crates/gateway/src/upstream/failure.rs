//! What can go wrong with a server: while connecting ([`ConnectError`]) and in a call.

use outbound::relay::RelayError;
use protocol::{Error, ErrorKind};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The process ended when it was asked which era it speaks; it may live when it is started
    /// again and spoken to in the legacy way.
    #[error("it ended when it was asked for `server/discover`")]
    ExitedDuringProbe,
    /// Nothing there that answers.
    #[error("it cannot be reached: {message}")]
    Unreachable {
        /// What happened.
        message: String,
    },
    /// No answer in time.
    #[error("it did not finish its handshake within {seconds} s")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// It answers, but not in a way that we can go on from.
    #[error("the handshake failed: {message}")]
    Handshake {
        /// What it said.
        message: String,
    },
    /// It takes no POST as streamable HTTP does; it may speak HTTP+SSE, the transport before.
    #[error("`initialize` was answered with HTTP {status} and no JSON-RPC message")]
    NotStreamable {
        /// 400, 404 or 405.
        status: u16,
    },
    /// It wants credentials, or others.
    #[error("it refused our credentials with HTTP {status}")]
    Unauthorized {
        /// 401 or 403.
        status: u16,
    },
    /// It wants a person to sign in.
    #[error("a person must sign in: {message}")]
    NeedsAuth {
        /// Why.
        message: String,
        /// The command.
        hint: String,
    },
}

impl ConnectError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::NeedsAuth { hint, .. } => hint,
            Self::ExitedDuringProbe => "it is started once more in legacy mode",
            Self::Unreachable { .. } => "check that it runs and that the URL is right",
            Self::Timeout { .. } => "see its log with `switchboard logs`, or raise `startup_timeout`",
            Self::Handshake { .. } => "see its log with `switchboard logs`; is it an MCP server?",
            Self::NotStreamable { .. } => {
                "check its URL; if it speaks HTTP+SSE of 2024, write type = \"sse\" or leave the type out"
            }
            Self::Unauthorized { .. } => "put a valid token into `headers` of its entry",
        }
    }

    pub(super) fn handshake(message: impl Into<String>) -> Self {
        Self::Handshake { message: message.into() }
    }

    pub(super) fn unreachable(message: impl ToString) -> Self {
        Self::Unreachable { message: message.to_string() }
    }
}

/// The server ended while it had our call, or before.
pub(super) fn gone(server: &str) -> Error {
    Error::new(ErrorKind::UpstreamGone, format!("server `{server}` ended or hung up before it answered"))
        .hint(format!("see why with `switchboard logs {server}`"))
}

/// The server's queue is full.
pub(super) fn overloaded(server: &str, limit: &str, most: usize) -> Error {
    Error::new(ErrorKind::Overloaded, format!("server `{server}` has too much to do: {limit} {most} is reached"))
        .hint("try again when other calls have finished")
        .refused()
}

/// Another call of the server waits for a person, and the server could not say whom it asks.
pub(super) fn busy_asking(server: &str) -> Error {
    let message = format!(
        "server `{server}` is waiting for a person's answer in another call, and takes one such call at a time"
    );
    Error::new(ErrorKind::Overloaded, message)
        .refused()
        .hint("answer that question, or give each client an instance: isolation = \"session\" in its entry")
}

/// The server did not answer; `what` is the method or tool.
pub(super) fn timeout(server: &str, what: &str, seconds: u64, in_all: bool) -> Error {
    let (how, key) = if in_all { ("in all", "request_timeout_max") } else { ("without progress", "request_timeout") };
    Error::new(ErrorKind::Timeout, format!("server `{server}` did not answer `{what}` within {seconds} s {how}"))
        .hint(format!("raise `{key}` of this server if it needs longer, or see `switchboard logs {server}`"))
}

/// The server answered with something that is no answer.
pub(super) fn invalid(server: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::UpstreamInvalid, format!("server `{server}` gave an answer that is not valid: {why}"))
        .hint("report it to whoever makes this server")
}

/// The request did not get through.
pub(super) fn relay(server: &str, error: &RelayError) -> Error {
    match error {
        RelayError::Connect { .. } | RelayError::Tls { .. } => {
            Error::new(ErrorKind::UpstreamDown, format!("server `{server}`: {error}"))
                .hint("check that it runs and that the URL is right")
                .unsent()
        }
        RelayError::Broken { sent: false, .. } => gone(server).cause(error).unsent(),
        RelayError::Broken { .. } => gone(server).cause(error),
        RelayError::NotHttp { .. } | RelayError::TooLarge { .. } => invalid(server, error),
    }
}

/// An HTTP status without a JSON-RPC answer. With 4xx the server says that it did nothing.
pub(super) fn status(server: &str, status: u16) -> Error {
    let error = status_error(server, status);
    if (400..=499).contains(&status) { error.refused() } else { error }
}

fn status_error(server: &str, status: u16) -> Error {
    match status {
        401 | 403 => {
            Error::new(ErrorKind::UpstreamDown, format!("server `{server}` refused our credentials with HTTP {status}"))
                .hint("put a valid token into `headers` of its entry")
        }
        200..=299 => invalid(server, format_args!("HTTP {status} without a JSON-RPC answer")),
        _ => Error::new(
            ErrorKind::UpstreamDown,
            format!("server `{server}` answered with HTTP {status} and no JSON-RPC message"),
        )
        .hint("see the server's own log"),
    }
}
