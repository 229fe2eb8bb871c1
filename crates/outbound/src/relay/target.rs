//! Where requests go: a URL, taken apart once.

use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use std::time::Duration;

/// How long a connection may take to stand, where nobody says otherwise.
const CONNECT_MAX: Duration = Duration::from_secs(10);

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
    /// How long a connection may take to stand, TLS included.
    pub(super) connect_max: Duration,
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
    /// It leads to another scheme, host or port.
    #[error("it leads to {authority}, away from the origin of {expected}")]
    OtherOrigin {
        /// Where it leads.
        authority: String,
        /// Where it had to stay.
        expected: String,
    },
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
            connect_max: CONNECT_MAX,
        })
    }

    /// The same target, where a connection may take `connect_max` to stand.
    #[must_use]
    pub fn within(mut self, connect_max: Duration) -> Self {
        self.connect_max = connect_max;
        self
    }

    /// The target that `reference` names when it is found here: a path, a query or a whole URL
    /// (RFC 3986, section 5.2) of the same origin.
    ///
    /// # Errors
    /// When it is no reference, or leaves the origin: scheme, host and port.
    pub fn join(&self, reference: &str) -> Result<Self, TargetError> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = reference.split(['/', '?']).next().is_some_and(|start| start.contains(':'));
        let whole = match reference.strip_prefix("//") {
            Some(rest) => Some(Self::parse(&format!("{}://{rest}", if self.tls { "https" } else { "http" }))?),
            None if scheme => Some(Self::parse(reference)?),
            None => None,
        };
        if let Some(other) = whole {
            let same = (other.tls, other.port) == (self.tls, self.port) && other.host.eq_ignore_ascii_case(&self.host);
            return if same {
                Ok(other.within(self.connect_max))
            } else {
                Err(TargetError::OtherOrigin { authority: other.authority, expected: self.authority.clone() })
            };
        }
        let (path, query) = match reference.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference, None),
        };
        let here = self.path.path();
        let mut joined = match path {
            "" => here.to_owned(),
            path if path.starts_with('/') => without_dots(path),
            path => without_dots(&format!("{}/{path}", here.rsplit_once('/').map_or("", |(folder, _)| folder))),
        };
        if let Some(query) = query.or_else(|| self.path.query().filter(|_| path.is_empty())) {
            joined.push('?');
            joined.push_str(query);
        }
        let path = PathAndQuery::try_from(joined).map_err(|error| TargetError::Syntax { reason: error.to_string() })?;
        Ok(Self { path: Uri::from(path), ..self.clone() })
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// A path from its root with `.` and `..` taken out.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut last = "";
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
        last = segment;
    }
    let folder = if matches!(last, "." | "..") && !kept.is_empty() { "/" } else { "" };
    format!("/{}{folder}", kept.join("/"))
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
    #[test]
    fn references_stay_with_their_origin() {
        let here = Target::parse("http://Host:8080/a/sse?x=1").unwrap();
        for (reference, path) in [
            ("/messages?session=1", "/messages?session=1"),
            ("messages", "/a/messages"),
            ("../messages/./b", "/messages/b"),
            ("./", "/a/"),
            ("../../..", "/"),
            ("?s=2", "/a/sse?s=2"),
            ("", "/a/sse?x=1"),
            ("/m?to=http://other/#part", "/m?to=http://other/"),
            ("http://host:8080/m", "/m"),
            ("//host:8080/m", "/m"),
        ] {
            let joined = here.join(reference).unwrap();
            assert_eq!((joined.path.to_string().as_str(), joined.port), (path, 8080), "{reference}");
        }
        for reference in ["http://host/m", "https://host:8080/m", "//other:8080/m", "http://host.other:8080/"] {
            assert!(matches!(here.join(reference), Err(TargetError::OtherOrigin { .. })), "{reference}");
        }
        for reference in ["http://a@host:8080/", "ftp://host:8080/", "/a b", "javascript:1"] {
            assert!(here.join(reference).is_err(), "{reference}");
        }
    }
}
