//! One small request through the guard: documents, forms and where a redirect leads. Everything is
//! bounded: time, size, redirects. What carries a secret is never redirected.

use super::SignInError;
use crate::guard::{Guard, GuardError};
use crate::relay::{RelayError, Target};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest answer, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How long one request may take, connecting included.
const TIME_MAX: Duration = Duration::from_secs(20);
/// How many redirects a document may be behind.
const REDIRECTS_MAX: usize = 3;

/// Requests that are made for one server.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    guard: Guard,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Fetcher {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard }
    }

    pub(super) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Fetches a JSON document; `None` when there is none at `url`.
    pub(super) async fn document<T: DeserializeOwned>(
        &self,
        what: &'static str,
        url: &str,
    ) -> Result<Option<T>, SignInError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(what, Method::GET, &url, &accepting_json(), Bytes::new()).await?;
            if let Some(next) = answer.location() {
                url = absolute(&url, next);
                continue;
            }
            if answer.status.is_server_error() {
                return Err(SignInError::failed(what, format_args!("it was answered with HTTP {}", answer.status)));
            }
            if !answer.status.is_success() {
                return Ok(None);
            }
            return match serde_json::from_slice(&answer.body) {
                Ok(document) => Ok(Some(document)),
                // A page that says "not found" with 200.
                Err(_) if !answer.is_json() => Ok(None),
                Err(error) => Err(SignInError::unacceptable(what, format!("it cannot be read: {error}"))),
            };
        }
        Err(SignInError::unacceptable(what, format!("it is behind more than {REDIRECTS_MAX} redirects")))
    }

    /// Posts a body. A redirect is not followed: it would carry a secret elsewhere.
    pub(super) async fn post(
        &self,
        what: &'static str,
        url: &str,
        kind: &'static str,
        authorization: Option<HeaderValue>,
        body: String,
    ) -> Result<Fetched, SignInError> {
        let mut headers = accepting_json();
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static(kind)));
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        let answer = self.send(what, Method::POST, url, &headers, Bytes::from(body)).await?;
        if answer.status.is_redirection() {
            return Err(SignInError::unacceptable(what, "it answers a secret with a redirect"));
        }
        Ok(answer)
    }

    /// Where `url` leads, when that is somewhere else.
    pub(super) async fn look(&self, what: &'static str, url: &str) -> Result<Fetched, SignInError> {
        self.send(what, Method::GET, url, &[], Bytes::new()).await
    }

    async fn send(
        &self,
        what: &'static str,
        method: Method,
        url: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Fetched, SignInError> {
        let target =
            Target::parse(url).map_err(|error| SignInError::unacceptable(what, format!("{url:?}: {error}")))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.path.clone();
        request.headers_mut().insert(header::HOST, target.host_header.clone());
        request
            .headers_mut()
            .insert(header::USER_AGENT, HeaderValue::from_static(concat!("switchboard/", env!("CARGO_PKG_VERSION"))));
        request.headers_mut().extend(headers.iter().map(|(name, value)| (Some(name.clone()), value.clone())));
        let work = async {
            let stream = self.guard.connect(&target).await?;
            // One request, one connection: these are rare.
            let (mut sender, connection) =
                handshake(TokioIo::new(stream)).await.map_err(|error| RelayError::hyper(&error, false))?;
            let exchange = async {
                let answer = sender.send_request(request).await.map_err(|error| RelayError::hyper(&error, true))?;
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
                let body = body.map_err(|_| RelayError::TooLarge { bytes_max: BODY_BYTES_MAX })?.to_bytes();
                Ok::<_, GuardError>(Fetched { status: head.status, headers: head.headers, body })
            };
            let driven = async {
                // What broke it is told to the exchange.
                let _ = connection.await;
                std::future::pending().await
            };
            tokio::select! {
                answer = exchange => answer,
                never = driven => never,
            }
        };
        match tokio::time::timeout(TIME_MAX, Box::pin(work)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(SignInError::Unreachable { what, error }),
            Err(_) => Err(SignInError::failed(what, format_args!("no answer within {} s", TIME_MAX.as_secs()))),
        }
    }
}

impl Fetched {
    /// Where it redirects to, as written.
    pub(super) fn location(&self) -> Option<&str> {
        if !self.status.is_redirection() {
            return None;
        }
        self.headers.get(header::LOCATION)?.to_str().ok()
    }

    fn is_json(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        kind.to_ascii_lowercase().windows(4).any(|part| part == b"json")
    }
}

/// `location` seen from `base`.
fn absolute(base: &str, location: &str) -> String {
    if !location.starts_with('/') || location.starts_with("//") {
        return location.to_owned();
    }
    let authority = base.find("://").map_or(0, |at| at + 3);
    let end = base[authority..].find(['/', '?', '#']).map_or(base.len(), |at| authority + at);
    format!("{}{location}", &base[..end])
}

fn accepting_json() -> Vec<(HeaderName, HeaderValue)> {
    vec![(header::ACCEPT, HeaderValue::from_static("application/json"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_may_name_a_path() {
        assert_eq!(absolute("https://h:1/a?b", "/c?d"), "https://h:1/c?d");
        assert_eq!(absolute("https://h", "/c"), "https://h/c");
        for other in ["https://g/", "//g/", "c"] {
            assert_eq!(absolute("https://h/a", other), other);
        }
    }
}
