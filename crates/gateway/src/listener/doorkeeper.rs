//! Who may come in over HTTP: Host, Origin and bearer token, checked before anything is read.
//!
//! A page in a browser can send requests to loopback; what gives it away is its Origin, or the
//! Host it believes to talk to (DNS rebinding). Both must name a place that is allowed.

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Request};
use protocol::{Error, ErrorKind, Principal};
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The name under which callers without a token are known.
pub(super) const ANONYMOUS: &str = "anonymous-loopback";
/// By which a browser says whose page makes a request.
const SITE: &str = "sec-fetch-site";
/// By which it says what the answer is for.
const DESTINATION: &str = "sec-fetch-dest";
/// The name of whoever holds the listener's token.
const TOKEN: &str = "token";

/// What the doorkeeper knows.
#[derive(Debug, Clone, Default)]
pub struct DoorSettings {
    /// Names under which we answer besides loopback ones.
    pub allowed_hosts: Vec<String>,
    /// Origins of pages that may call us besides loopback ones.
    pub allowed_origins: Vec<String>,
    /// The token that every request must carry.
    pub token: Option<SecretString>,
}

/// Checks requests at the door.
#[derive(Debug)]
pub(super) struct Doorkeeper {
    settings: DoorSettings,
    anonymous: Principal,
    bearer: Principal,
}

impl Doorkeeper {
    /// A doorkeeper with `settings`.
    #[must_use]
    pub(super) fn new(settings: DoorSettings) -> Self {
        Self { settings, anonymous: Principal::new(ANONYMOUS), bearer: Principal::new(TOKEN) }
    }

    /// Lets a request in and says who sent it.
    ///
    /// # Errors
    /// [`ErrorKind::ForbiddenOrigin`] or [`ErrorKind::Unauthorized`].
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        self.check_host(headers)?;
        self.check_origin(headers)?;
        let Some(token) = &self.settings.token else { return Ok(self.anonymous.clone()) };
        let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent =
            sent.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let sent = sent.map_or("", |(_, token)| token.trim());
        if bool::from(sent.as_bytes().ct_eq(token.expose_secret().as_bytes())) {
            return Ok(self.bearer.clone());
        }
        Err(Error::new(ErrorKind::Unauthorized, "the request carries no valid bearer token")
            .hint("send the header `Authorization: Bearer …` with the value of listen.token"))
    }

    /// Lets a request to what is served beside MCP this far: a browser must name us and be on our own
    /// page, since what stands there is read and done with a browser. Who it is, is asked there.
    ///
    /// # Errors
    /// [`ErrorKind::ForbiddenOrigin`].
    pub(super) fn admit_beside<B>(&self, request: &Request<B>) -> Result<(), Error> {
        let headers = request.headers();
        let mut hosts = headers.get_all(HOST).iter();
        if let (Some(_), Some(_)) = (hosts.next(), hosts.next()) {
            return Err(Error::new(ErrorKind::ForbiddenOrigin, "the request has two Host headers"));
        }
        self.check_host(headers)?;
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if request.uri().authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
            return Err(Error::new(
                ErrorKind::ForbiddenOrigin,
                "the request names one host in its URL and another one",
            ));
        }
        let Some(origin) = headers.get(ORIGIN) else {
            // Somebody may follow a link to the page itself; it shows nothing before its own requests.
            let opens = request.uri().path() == "/" && headers.get(DESTINATION).is_some_and(|is| is == "document");
            return if opens { Ok(()) } else { check_site(headers, &["cross-site", "same-site"]) };
        };
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let own = !host.is_empty() && authority.eq_ignore_ascii_case(host);
        if own || self.settings.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return Ok(());
        }
        Err(forbidden_page(origin))
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Error> {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let name = host_name(host);
        if is_loopback(name)
            || self
                .settings
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name) || allowed.eq_ignore_ascii_case(host))
        {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ForbiddenOrigin,
            format!("the Host header names `{}`, under which Switchboard does not answer", shown(host)),
        )
        .hint("add the name to listen.allowed_hosts if it is yours"))
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Error> {
        let Some(origin) = headers.get(ORIGIN) else { return check_site(headers, &["cross-site"]) };
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        if is_loopback(host_name(authority))
            || self.settings.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return Ok(());
        }
        Err(forbidden_page(origin))
    }
}

fn forbidden_page(origin: &str) -> Error {
    Error::new(ErrorKind::ForbiddenOrigin, format!("pages of `{}` may not call Switchboard", shown(origin)))
        .hint("add the origin to listen.allowed_origins if it is yours")
}

/// An image or a plain GET of a page brings no Origin, but browsers say that it is another site's;
/// it could read nothing, and yet open event streams.
fn check_site(headers: &HeaderMap, refused: &[&str]) -> Result<(), Error> {
    if headers.get(SITE).is_none_or(|site| refused.iter().all(|refused| site != *refused)) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ForbiddenOrigin, "pages of other sites may not call Switchboard")
        .hint("add the origin to listen.allowed_origins if it is yours"))
}

/// The host without its port.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(inside, _)| inside);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A stranger's text, cut and without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(settings: DoorSettings, pairs: &[(&'static str, &str)]) -> Result<Principal, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        Doorkeeper::new(settings).admit(&headers)
    }

    #[test]
    fn only_loopback_and_allowed_names_come_in() {
        let open = DoorSettings::default;
        assert_eq!(admit(open(), &[("host", "127.0.0.1:7420")]).unwrap().as_str(), ANONYMOUS);
        assert!(admit(open(), &[("host", "localhost")]).is_ok());
        assert!(admit(open(), &[("host", "[::1]:7420"), ("origin", "http://localhost:3000")]).is_ok());
        assert!(admit(open(), &[("host", "localhost"), ("sec-fetch-site", "none")]).is_ok());
        for bad in [
            &[("host", "evil.example")][..],
            &[("host", "localhost.evil.example")],
            &[],
            &[("host", "localhost"), ("origin", "http://evil.example")],
            &[("host", "localhost"), ("origin", "null")],
            &[("host", "localhost"), ("sec-fetch-site", "cross-site")],
            &[("host", "localhost"), ("origin", "http://localhost.evil.example:80")],
        ] {
            assert_eq!(admit(open(), bad).unwrap_err().kind, ErrorKind::ForbiddenOrigin, "{bad:?}");
        }
        let named = DoorSettings {
            allowed_hosts: vec!["mcp.example".into()],
            allowed_origins: vec!["https://app.example".into()],
            token: None,
        };
        assert!(admit(named, &[("host", "MCP.example:443"), ("origin", "https://app.example")]).is_ok());
    }

    #[test]
    fn beside_mcp_a_page_must_be_our_own() {
        let admit = |path: &str, pairs: &[(&str, &str)]| {
            let mut request = Request::builder().uri(path);
            for (name, value) in pairs {
                request = request.header(*name, *value);
            }
            Doorkeeper::new(DoorSettings::default()).admit_beside(&request.body(()).unwrap())
        };
        let host = ("host", "127.0.0.1:7420");
        assert!(admit("/api/status", &[host]).is_ok());
        assert!(admit("/api/status", &[host, ("origin", "http://127.0.0.1:7420")]).is_ok());
        assert!(admit("/", &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]).is_ok());
        for (path, pairs) in [
            ("/api/status", &[("host", "evil.example")][..]),
            ("/api/status", &[host, ("host", "evil.example")]),
            ("/api/status", &[host, host]),
            ("/api/live", &[host, ("origin", "http://localhost:7420")]),
            ("/api/live", &[host, ("origin", "http://127.0.0.1:3000")]),
            ("/api/live", &[host, ("origin", "null")]),
            ("/api/events", &[host, ("sec-fetch-site", "same-site")]),
            ("/", &[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "iframe")]),
            ("http://evil.example/api/status", &[host]),
        ] {
            assert_eq!(admit(path, pairs).unwrap_err().kind, ErrorKind::ForbiddenOrigin, "{path} {pairs:?}");
        }
    }

    #[test]
    fn a_token_guards() {
        let guarded = || DoorSettings { token: Some("0123456789abcdef".into()), ..DoorSettings::default() };
        assert_eq!(admit(guarded(), &[("host", "localhost")]).unwrap_err().kind, ErrorKind::Unauthorized);
        assert_eq!(
            admit(guarded(), &[("host", "localhost"), ("authorization", "Bearer 0123456789abcdeX")]).unwrap_err().kind,
            ErrorKind::Unauthorized
        );
        assert_eq!(
            admit(guarded(), &[("host", "localhost"), ("authorization", "bearer 0123456789abcdef")]).unwrap().as_str(),
            TOKEN
        );
    }
}
