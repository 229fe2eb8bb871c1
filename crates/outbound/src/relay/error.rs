//! What can go wrong on the way to a server and back.

use std::fmt;

/// A request that got no (whole) answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No connection could be made; nothing was sent.
    #[error("cannot connect to {authority}: {reason}")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the system said.
        reason: String,
    },
    /// The peer's certificate or TLS itself; nothing was sent.
    #[error("no TLS with {authority}: {reason}")]
    Tls {
        /// Host and port.
        authority: String,
        /// What the TLS library said.
        reason: String,
    },
    /// The connection ended before the answer was whole.
    #[error("the connection broke: {reason}")]
    Broken {
        /// What happened.
        reason: String,
        /// Whether the request may have reached the server.
        sent: bool,
    },
    /// What came back is no HTTP/1.1.
    #[error("the peer does not speak HTTP/1.1: {reason}")]
    NotHttp {
        /// What happened.
        reason: String,
    },
    /// The body is larger than allowed.
    #[error("the answer is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
}

impl RelayError {
    /// Whether the request may have reached the server. When not, sending it again is safe.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Tls { .. } => false,
            Self::Broken { sent, .. } => *sent,
            Self::NotHttp { .. } | Self::TooLarge { .. } => true,
        }
    }

    pub(crate) fn connect(authority: &str, reason: impl fmt::Display) -> Self {
        Self::Connect { authority: authority.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn tls(authority: &str, reason: impl fmt::Display) -> Self {
        Self::Tls { authority: authority.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn hyper(error: &hyper::Error, sent: bool) -> Self {
        if error.is_parse() {
            return Self::NotHttp { reason: error.to_string() };
        }
        Self::Broken { reason: error.to_string(), sent }
    }
}
