//! Where requests go: a URL, taken apart once.

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// The place that one URL names.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port for messages.
    pub(super) authority: String,
    /// The `Host` header.
    pub(crate) host_header: HeaderValue,
    /// Path and query, as the request line has them.
    pub(crate) path: Uri,
}

/// A URL that we cannot send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read as a URL.
    #[error("not a URL: {reason}")]
    Syntax {
        /// What is wrong.
        reason: String,
    },
    /// It is not `http` or `https`.
    #[error("only http and https can be called, not {scheme:?}")]
    Scheme {
        /// What stands there.
        scheme: String,
    },
    /// It has a user name or password in it.
    #[error("a URL must not hold a user name or password; put them into a header")]
    Userinfo,
}

impl Target {
    /// Reads an `http` or `https` URL.
    ///
    /// # Errors
    /// When it is none, or holds credentials.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let syntax = |reason: &str| TargetError::Syntax { reason: reason.to_owned() };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| syntax(&error.to_string()))?;
        let scheme = uri.scheme().ok_or_else(|| syntax("it has no scheme such as https://"))?;
        let tls = *scheme == Scheme::HTTPS;
        if !tls && *scheme != Scheme::HTTP {
            return Err(TargetError::Scheme { scheme: scheme.to_string() });
        }
        let authority = uri.authority().ok_or_else(|| syntax("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(TargetError::Userinfo);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(syntax("it has no host"));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self {
            tls,
            authority: format!("{host}:{port}"),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| syntax("the host is not valid"))?,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            path: Uri::from(path),
        })
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let target = Target::parse("https://[::1]/mcp?a=b").unwrap();
        assert!(target.tls);
        assert_eq!((target.host.as_str(), target.port, target.authority()), ("::1", 443, "[::1]:443"));
        assert_eq!(target.path, "/mcp?a=b");
        let target = Target::parse("http://localhost:8080").unwrap();
        assert_eq!((target.port, target.path.to_string().as_str()), (8080, "/"));
        assert_eq!(target.host_header, "localhost:8080");
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        assert_eq!(Target::parse("http://me:secret@host/").unwrap_err(), TargetError::Userinfo);
        assert!(matches!(Target::parse("ftp://host/").unwrap_err(), TargetError::Scheme { .. }));
        for url in ["", "/mcp", "host", "http://", "http:///x", "http://a b/"] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
