//! Who may come in over HTTP: Host, Origin and bearer token, checked before anything is read.
//!
//! A page in a browser can send requests to loopback; what gives it away is its Origin, or the
//! Host it believes to talk to (DNS rebinding). Both must name a place that is allowed.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use protocol::{Error, ErrorKind, Principal};
use secrecy::{ExposeSecret, SecretString};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// The name under which callers without a token are known.
pub(super) const ANONYMOUS: &str = "anonymous-loopback";
/// By which a browser says whose page makes a request.
const SITE: &str = "sec-fetch-site";
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
        let Some(origin) = headers.get(ORIGIN) else { return check_site(headers) };
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        if is_loopback(host_name(authority))
            || self.settings.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return Ok(());
        }
        Err(Error::new(ErrorKind::ForbiddenOrigin, format!("pages of `{}` may not call Switchboard", shown(origin)))
            .hint("add the origin to listen.allowed_origins if it is yours"))
    }
}

/// An image or a plain GET of a page brings no Origin, but browsers say that it is another site's;
/// it could read nothing, and yet open event streams.
fn check_site(headers: &HeaderMap) -> Result<(), Error> {
    if headers.get(SITE).is_none_or(|site| site != "cross-site") {
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
