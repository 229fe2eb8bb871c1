//! Why nothing came back from the web.

use crate::relay::RelayError;
use std::net::IpAddr;
use std::time::Duration;

/// A request that got no answer, or was not sent.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no URL that can be called.
    #[error("not a URL that can be called: {reason}")]
    Url {
        /// What is wrong.
        reason: String,
    },
    /// It is not `http` or `https`.
    #[error("only http and https can be fetched, not {scheme:?}")]
    Scheme {
        /// What stands there.
        scheme: String,
    },
    /// It has a user name or password in it.
    #[error("a URL must not hold a user name or password")]
    Userinfo,
    /// A port that pages do not use.
    #[error("port {port} of {host} is not open: only 80 and 443 are")]
    Port {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A name that is not on the public internet.
    #[error("{host} is a name of a private network, which is not open")]
    Name {
        /// The host.
        host: String,
    },
    /// An address that is not open.
    #[error("{host} is at {address}, {kind}, which is not open")]
    Blocked {
        /// The host.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// What kind of address that is.
        kind: &'static str,
    },
    /// A redirect that leads nowhere.
    #[error("{from} redirects, but {reason}")]
    Redirect {
        /// What redirects.
        from: String,
        /// What is wrong.
        reason: String,
    },
    /// A redirect from `https` to `http`.
    #[error("{from} redirects away from TLS, to {to}, which is not followed")]
    Downgrade {
        /// What redirects.
        from: String,
        /// Where to.
        to: String,
    },
    /// Too many redirects.
    #[error("more than {count} redirects")]
    Redirects {
        /// How many are followed.
        count: usize,
    },
    /// No whole answer in time.
    #[error("no whole answer within {} s", time.as_secs_f32())]
    Time {
        /// The limit.
        time: Duration,
    },
    /// The body is packed in a way that we did not ask for, or not as it says.
    #[error("the answer cannot be unpacked: {reason}")]
    Packed {
        /// What is wrong.
        reason: String,
    },
    /// The gate did not let it through.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// There is no connection, or it broke.
    #[error(transparent)]
    Relay(#[from] RelayError),
}

/// Whose fault it is that nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The URL cannot be called at all.
    Url,
    /// It may not be called.
    Denied,
    /// It took too long.
    Time,
    /// The other side, or the way to it.
    Peer,
}

impl WebError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url { .. } | Self::Scheme { .. } | Self::Userinfo => Fault::Url,
            Self::Port { .. }
            | Self::Name { .. }
            | Self::Blocked { .. }
            | Self::Downgrade { .. }
            | Self::Refused { .. } => Fault::Denied,
            Self::Time { .. } => Fault::Time,
            Self::Redirect { .. } | Self::Redirects { .. } | Self::Packed { .. } | Self::Relay(_) => Fault::Peer,
        }
    }
}
