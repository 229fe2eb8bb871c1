//! Requests that carry the token of a sign-in, and are sent again with another when the server
//! refuses it (protocol.md section 1.19). For every transport that begins with HTTP.
//!
//! What a refusal means and how a token is renewed is `outbound::oauth`'s affair; here is only the
//! loop around a request that was refused and so was not executed.

use super::ConnectError;
use ::http::{HeaderMap, HeaderValue, Method, header};
use outbound::oauth::{Challenge, SignIn, SignInError, Trial};
use outbound::relay::{Answer, Payload, Relay, RelayError};
use protocol::{Error, ErrorKind};
use std::sync::Arc;

/// How often one request is sent at most. The sign-in gives up earlier; this is the end in any case.
const SENDS_MAX: usize = 6;

/// A relay, with the sign-in of its server where there is one.
#[derive(Debug)]
pub(super) struct SignedRelay {
    relay: Arc<Relay>,
    sign_in: Option<Arc<SignIn>>,
}

/// Why nothing was signed: for want of a token.
#[derive(Debug)]
pub(super) struct Unsigned {
    error: SignInError,
    one_request: bool,
}

/// Sends with the token that there is, and again with another while a challenge is the answer.
/// `refused` is how it was refused without one already.
pub(super) async fn signed<T, E, F>(
    sign_in: &Arc<SignIn>,
    mut refused: Option<Challenge>,
    send: impl Fn(Option<HeaderValue>) -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<Result<T, Challenge>, E>>,
    E: From<Unsigned>,
{
    let failed = |error, one_request| Unsigned { error, one_request };
    let mut tokens = match refused {
        Some(_) => None,
        None => sign_in.tokens().await.map_err(|error| failed(error, false))?,
    };
    let mut trial = Trial::default();
    for _ in 0..SENDS_MAX {
        let challenge = match refused.take() {
            Some(challenge) => challenge,
            None => match send(tokens.as_ref().and_then(|tokens| tokens.header())).await? {
                Ok(answer) => return Ok(answer),
                Err(challenge) => challenge,
            },
        };
        let one_request = challenge.insufficient;
        let recovered = Box::pin(sign_in.recover(challenge, tokens, &mut trial)).await;
        tokens = Some(recovered.map_err(|error| failed(error, one_request))?);
    }
    let why = "it refuses every token".to_owned();
    Err(failed(SignInError::NeedsPerson { why }, false).into())
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// On the way.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// For want of a token. The server refused the request, so it has not executed it.
    #[error("{error}")]
    SignIn {
        /// What is missing.
        error: SignInError,
        /// Whether it concerns this request only: others are permitted still.
        one_request: bool,
    },
}

impl SignedRelay {
    pub(super) fn new(relay: Arc<Relay>, sign_in: Option<Arc<SignIn>>) -> Self {
        Self { relay, sign_in }
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&self, method: Method, headers: HeaderMap, payload: Payload) -> Result<Answer, SendError> {
        self.send_made(method, || (headers.clone(), payload.clone())).await
    }

    /// The same; `make` makes the request, once for each time that it is sent.
    pub(super) async fn send_made(
        &self,
        method: Method,
        make: impl Fn() -> (HeaderMap, Payload) + Send + Sync,
    ) -> Result<Answer, SendError> {
        let Some(sign_in) = &self.sign_in else {
            let (headers, payload) = make();
            return Ok(self.relay.send(method, headers, payload).await?);
        };
        let mut challenge = None;
        if sign_in.is_unsigned() {
            let (headers, payload) = make();
            let answer = self.relay.send(method.clone(), headers, payload).await?;
            challenge = Challenge::read(answer.status(), answer.headers());
            if challenge.is_none() {
                return Ok(answer);
            }
        }
        let send = |token: Option<HeaderValue>| {
            let (mut headers, payload) = make();
            headers.extend(token.map(|value| (header::AUTHORIZATION, value)));
            let sending = self.relay.send(method.clone(), headers, payload);
            async move {
                let answer = sending.await?;
                Ok(Challenge::read(answer.status(), answer.headers()).map_or(Ok(answer), Err))
            }
        };
        Box::pin(signed(sign_in, challenge, send)).await
    }
}

impl SignedRelay {
    /// Sends a request once, with the token that there is: for what is not worth a sign-in.
    pub(super) async fn send_once(
        &self,
        method: Method,
        mut headers: HeaderMap,
        payload: Payload,
    ) -> Result<Answer, SendError> {
        let tokens = match &self.sign_in {
            Some(sign_in) if sign_in.is_signed_in() => sign_in.tokens().await.unwrap_or_default(),
            _ => None,
        };
        headers.extend(tokens.and_then(|tokens| tokens.header()).map(|value| (header::AUTHORIZATION, value)));
        Ok(self.relay.send(method, headers, payload).await?)
    }
}

impl From<Unsigned> for SendError {
    fn from(Unsigned { error, one_request }: Unsigned) -> Self {
        Self::SignIn { error, one_request }
    }
}

impl SendError {
    /// Whether the request may have reached the server and been executed.
    pub(super) fn was_sent(&self) -> bool {
        match self {
            Self::Relay(error) => error.was_sent(),
            Self::SignIn { .. } => false,
        }
    }

    /// Whether the server can do nothing for us until a person has signed in.
    pub(super) fn ends_all(&self) -> bool {
        matches!(self, Self::SignIn { error, one_request: false } if error.needs_person())
    }

    /// As a failed call of the server called `server`.
    pub(super) fn to_error(&self, server: &str) -> Error {
        match self {
            Self::Relay(error) => super::failure::relay(server, error),
            Self::SignIn { error, .. } => {
                let kind = if error.needs_person() { ErrorKind::NeedsAuth } else { ErrorKind::UpstreamDown };
                Error::new(kind, format!("server `{server}`: {error}")).hint(error.hint(server))
            }
        }
    }

    /// As a connection of the server called `server` that did not come about.
    pub(super) fn to_connect_error(&self, server: &str) -> ConnectError {
        match self {
            Self::Relay(error) => ConnectError::unreachable(error),
            Self::SignIn { error, .. } if error.needs_person() => {
                ConnectError::NeedsAuth { message: error.to_string(), hint: error.hint(server) }
            }
            Self::SignIn { error: SignInError::NotOffered { .. }, .. } => ConnectError::Unauthorized { status: 401 },
            Self::SignIn { error, .. } => ConnectError::unreachable(error),
        }
    }
}
