//! Who asks, and whether they may. On the unix socket it is the person who runs the daemon. Over HTTP
//! it is whoever brings a token: the one in the data folder, which the dashboard's first URL carries, or
//! `listen.token`. Without a token one may look, on loopback, and change nothing.
//!
//! A token comes in the header `Authorization`, which no form and no page of another site can set, or
//! for the two WebSockets among the subprotocols, since a browser lets a page set nothing else there.
//! There are no cookies, and so there is nothing that a browser would send by itself.

use crate::Problem;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use protocol::{ErrorKind, Principal};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// What comes before a token among the subprotocols of a WebSocket.
const SUBPROTOCOL_PREFIX: &str = "bearer.";
/// Paths that take a token as a subprotocol.
const SOCKETS: &[&str] = &["/api/live", "/ws"];

/// Paths that are asked something by a POST, since a text is long; what they change they refuse without a
/// token themselves.
pub(crate) const ASKED: &[&str] = &["/api/search", "/api/route"];

/// The tokens that open `/api` over HTTP.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// That of the data folder: whoever can read it runs the daemon.
    pub own: SecretString,
    /// `listen.token`: where there is one, nothing is shown without a token either.
    pub listen: Option<SecretString>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// For policies, records and the audit.
    pub(crate) principal: Principal,
    /// Whether it is the person who runs the switchboard: others see their own calls only.
    pub(crate) is_owner: bool,
}

// === impl Asker ===

impl Asker {
    /// Whoever opened the unix socket.
    pub(crate) fn local() -> Self {
        Self { principal: Principal::new("local"), is_owner: true }
    }

    fn holder() -> Self {
        Self { principal: Principal::new("token"), is_owner: true }
    }

    fn anonymous() -> Self {
        Self { principal: Principal::new("anonymous-loopback"), is_owner: false }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    /// A door that names nobody is shut: every route is behind one of the two that do.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let asker = parts.extensions.get::<Self>().cloned();
        asker.ok_or_else(|| Problem::new(ErrorKind::Unauthorized, "nobody said who asks"))
    }
}

/// The door of the unix socket.
pub(crate) async fn socket_door(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Asker::local());
    next.run(request).await
}

/// The door of HTTP.
pub(crate) async fn http_door(State(tokens): State<Arc<Tokens>>, mut request: Request, next: Next) -> Response {
    match tokens.admit(request.method(), request.uri().path(), request.headers()) {
        Ok(asker) => {
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(problem) => {
            let status = problem.status;
            let mut answer = problem.into_response();
            if status == 401 {
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            answer
        }
    }
}

// === impl Tokens ===

impl Tokens {
    fn admit(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<Asker, Problem> {
        let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let asks = *method == Method::POST && ASKED.contains(&path);
        let asker = match brought(path, headers) {
            Some(token) if self.fits(token) => Asker::holder(),
            Some(_) => return Err(unauthorized("the token is not valid")),
            None if self.listen.is_some() => return Err(unauthorized("the request carries no token")),
            None if !looks && !asks => {
                return Err(unauthorized("whatever changes something needs a token"));
            }
            None => Asker::anonymous(),
        };
        match headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default()) {
            Some(kind) if !looks && !is_json(kind) => {
                let problem = Problem::new(ErrorKind::BadHttp, format!("a body of type `{}` is not read", shown(kind)));
                Err(Problem { status: 415, ..problem }.hint("send application/json"))
            }
            _ => Ok(asker),
        }
    }

    fn fits(&self, token: &str) -> bool {
        let same = |own: &SecretString| bool::from(own.expose_secret().as_bytes().ct_eq(token.as_bytes()));
        same(&self.own) || self.listen.as_ref().is_some_and(same)
    }
}

/// The token of a request.
fn brought<'a>(path: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.split_once(' ')).filter(|(way, _)| way.eq_ignore_ascii_case("bearer"));
    if let Some((_, token)) = bearer {
        return Some(token.trim());
    }
    // Something was brought, and it is none of ours.
    if headers.contains_key(AUTHORIZATION) {
        return Some("");
    }
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter(|_| SOCKETS.contains(&path));
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    offered.find_map(|word| word.trim().strip_prefix(SUBPROTOCOL_PREFIX))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn unauthorized(what: &str) -> Problem {
    Problem::new(ErrorKind::Unauthorized, what.to_owned())
        .hint("send the header `Authorization: Bearer TOKEN`; the token is in: switchboard dashboard --print")
}

fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(
        listen: Option<&str>,
        method: Method,
        path: &str,
        pairs: &[(&'static str, &str)],
    ) -> Result<Asker, Problem> {
        let tokens = Tokens { own: "own".into(), listen: listen.map(SecretString::from) };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        tokens.admit(&method, path, &headers)
    }

    #[test]
    fn who_brings_nothing_may_look_and_not_touch() {
        assert!(!admit(None, Method::GET, "/api/status", &[]).unwrap().is_owner);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(admit(None, method, "/api/reload", &[]).unwrap_err().status, 401);
        }
        assert_eq!(admit(Some("lis"), Method::GET, "/api/status", &[]).unwrap_err().status, 401);
    }

    #[test]
    fn a_question_that_is_posted_needs_no_token_and_is_json_nevertheless() {
        for path in ["/api/search", "/api/route"] {
            assert!(!admit(None, Method::POST, path, &[]).unwrap().is_owner);
            assert_eq!(admit(None, Method::DELETE, path, &[]).unwrap_err().status, 401);
            assert_eq!(admit(Some("lis"), Method::POST, path, &[]).unwrap_err().status, 401);
            assert_eq!(admit(None, Method::POST, path, &[("content-type", "text/plain")]).unwrap_err().status, 415);
        }
    }

    #[test]
    fn either_token_opens_and_a_wrong_one_is_not_nothing() {
        for token in ["Bearer own", "bearer lis"] {
            assert!(admit(Some("lis"), Method::POST, "/api/reload", &[("authorization", token)]).unwrap().is_owner);
        }
        for token in ["Bearer wrong", "Basic own", "own", ""] {
            let refused = admit(None, Method::GET, "/api/status", &[("authorization", token)]);
            assert_eq!(refused.unwrap_err().status, 401, "{token}");
        }
    }

    #[test]
    fn a_subprotocol_brings_a_token_to_sockets_only() {
        let offered = ("sec-websocket-protocol", "switchboard, bearer.own");
        assert!(admit(None, Method::GET, "/api/live", &[offered]).unwrap().is_owner);
        assert!(!admit(None, Method::GET, "/api/status", &[offered]).unwrap().is_owner);
    }

    #[test]
    fn what_a_form_can_send_is_not_read() {
        let own = ("authorization", "Bearer own");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let refused = admit(None, Method::POST, "/api/call", &[own, ("content-type", kind)]);
            assert_eq!(refused.unwrap_err().status, 415, "{kind}");
        }
        assert!(
            admit(None, Method::POST, "/api/call", &[own, ("content-type", "Application/JSON; charset=utf-8")]).is_ok()
        );
    }
}
