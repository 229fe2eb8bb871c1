//! What is asked of the token endpoint and what it answers: a code for tokens, a refresh token for
//! new ones, the end of both. PKCE with S256 and nothing else.

use super::account::{Client, Tokens};
use super::fetch::{Fetched, Fetcher};
use super::register::{Method, method};
use super::{SignInError, error, form};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

const TOKENS: &str = "the request for tokens";
const REFRESH: &str = "the refresh";
const REVOCATION: &str = "the revocation";
const FORM: &str = "application/x-www-form-urlencoded";
/// The longest life of a token that is believed: a year.
const LIFE_SECONDS_MAX: u64 = 365 * 24 * 3600;

/// The proof that the one who redeems a code is the one who asked for it (RFC 7636).
pub(super) struct Proof {
    pub(super) verifier: SecretString,
    pub(super) challenge: String,
}

impl Proof {
    /// A fresh one.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn fresh() -> Result<Self, SignInError> {
        Ok(Self::of(random()?))
    }

    fn of(verifier: String) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        Self { verifier: verifier.into(), challenge }
    }
}

/// 256 bits that nobody can guess, as text.
pub(super) fn random() -> Result<String, SignInError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| SignInError::failed("signing in", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Where tokens come from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) issuer: String,
    pub(super) resource: String,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: Option<String>,
    /// How clients authenticate there.
    pub(super) methods: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<serde_json::Number>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

impl Source {
    pub(super) fn of(tokens: &Tokens) -> Self {
        Self {
            issuer: tokens.issuer.clone(),
            resource: tokens.resource.clone(),
            token_endpoint: tokens.token_endpoint.clone(),
            revocation_endpoint: tokens.revocation_endpoint.clone(),
            methods: tokens.methods.clone(),
        }
    }

    /// Redeems a code.
    pub(super) async fn redeem(
        self,
        fetcher: &Fetcher,
        client: &Client,
        (code, verifier, redirect): (&str, &SecretString, &str),
        scopes: BTreeSet<String>,
        now: u64,
    ) -> Result<Tokens, SignInError> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier.expose_secret()),
            ("resource", &self.resource),
        ];
        let answer = self.ask(TOKENS, fetcher, client, &self.token_endpoint, &pairs).await?;
        self.tokens(TOKENS, &answer, None, scopes, now)
    }

    /// Exchanges the refresh token of `tokens`; it stays good where no new one comes.
    pub(super) async fn refresh(
        fetcher: &Fetcher,
        client: &Client,
        tokens: &Tokens,
        now: u64,
    ) -> Result<Tokens, SignInError> {
        let Some(refresh) = &tokens.refresh else {
            return Err(SignInError::NeedsPerson { why: "its token has ended and cannot be refreshed".to_owned() });
        };
        let source = Self::of(tokens);
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
            ("resource", &source.resource),
        ];
        let answer = source.ask(REFRESH, fetcher, client, &source.token_endpoint, &pairs).await?;
        source.clone().tokens(REFRESH, &answer, Some(refresh.clone()), tokens.scopes.clone(), now)
    }

    /// Ends `tokens` at their issuer (RFC 7009); `false` where that is not offered.
    pub(super) async fn revoke(fetcher: &Fetcher, client: &Client, tokens: &Tokens) -> Result<bool, SignInError> {
        let source = Self::of(tokens);
        let Some(endpoint) = &source.revocation_endpoint else { return Ok(false) };
        // Ending the refresh token ends what came of it, at most servers: the access token is last.
        let both = [(tokens.refresh.as_ref(), "refresh_token"), (Some(&tokens.access), "access_token")];
        for (token, hint) in both {
            let Some(token) = token else { continue };
            let pairs = [("token", token.expose_secret()), ("token_type_hint", hint)];
            let answer = source.ask(REVOCATION, fetcher, client, endpoint, &pairs).await?;
            if !answer.status.is_success() {
                return Err(refusal(REVOCATION, &answer));
            }
        }
        Ok(true)
    }

    async fn ask(
        &self,
        what: &'static str,
        fetcher: &Fetcher,
        client: &Client,
        endpoint: &str,
        pairs: &[(&str, &str)],
    ) -> Result<Fetched, SignInError> {
        let mut pairs = pairs.to_vec();
        let secret = client.secret.as_ref().map(|secret| secret.expose_secret());
        let mut authorization = None;
        match (method(client, self.methods.as_deref()), secret) {
            (Method::Basic, Some(secret)) => authorization = Some(basic(&client.id, secret)?),
            (Method::Post, Some(secret)) => {
                pairs.extend([("client_id", client.id.as_str()), ("client_secret", secret)])
            }
            _ => pairs.push(("client_id", &client.id)),
        }
        fetcher.post(what, endpoint, FORM, authorization, form::encode(&pairs)).await
    }

    fn tokens(
        self,
        what: &'static str,
        answer: &Fetched,
        earlier: Option<SecretString>,
        scopes: BTreeSet<String>,
        now: u64,
    ) -> Result<Tokens, SignInError> {
        if answer.status != StatusCode::OK {
            return Err(refusal(what, answer));
        }
        // What cannot be read is not quoted: there may be a token in it.
        let granted: Granted = serde_json::from_slice(&answer.body)
            .map_err(|_| SignInError::unacceptable(what, "the answer holds no token"))?;
        let kind = granted.token_type.as_deref().unwrap_or("Bearer");
        if !kind.eq_ignore_ascii_case("bearer") {
            let why = format!("it gave a token of another type, {}", error::harmless(kind));
            return Err(SignInError::unacceptable(what, why));
        }
        let life = granted.expires_in.and_then(|life| life.as_f64()).filter(|life| *life >= 0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded and not negative")]
        let life = life.map(|life| (life as u64).min(LIFE_SECONDS_MAX));
        let tokens = Tokens {
            issuer: self.issuer,
            resource: self.resource,
            access: granted.access_token.into(),
            refresh: granted.refresh_token.map(SecretString::from).or(earlier),
            given: now,
            expires: life.map(|life| now + life),
            scopes,
            token_endpoint: self.token_endpoint,
            revocation_endpoint: self.revocation_endpoint,
            methods: self.methods,
        };
        match tokens.header() {
            Some(_) => Ok(tokens),
            None => Err(SignInError::unacceptable(what, "the token cannot stand in a header")),
        }
    }
}

/// Both parts are form-encoded first (RFC 6749 section 2.3.1).
fn basic(id: &str, secret: &str) -> Result<HeaderValue, SignInError> {
    let pair = format!("{}:{}", form::escape(id), form::escape(secret));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|error| SignInError::failed(TOKENS, error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an answer that is none says.
pub(super) fn refusal(what: &'static str, answer: &Fetched) -> SignInError {
    let busy = answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(said) if !busy => SignInError::Refused {
            what,
            error: error::harmless(&said.error),
            description: said.error_description.as_deref().map(error::harmless),
        },
        _ => SignInError::failed(what, format_args!("it was answered with HTTP {}", answer.status.as_u16())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_the_rfc() {
        let proof = Proof::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
        assert_eq!(proof.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert_eq!(Proof::fresh().unwrap().verifier.expose_secret().len(), 43);
    }

    #[test]
    fn names_and_secrets_are_encoded_before_they_are_joined() {
        assert_eq!(basic("a:b", "c d").unwrap(), format!("Basic {}", STANDARD.encode("a%3Ab:c%20d")));
    }

    fn granted(body: &str) -> Result<Tokens, SignInError> {
        let source = Source {
            issuer: "https://as".to_owned(),
            resource: "https://h".to_owned(),
            token_endpoint: "https://as/t".to_owned(),
            revocation_endpoint: None,
            methods: None,
        };
        let answer = Fetched { status: StatusCode::OK, headers: http::HeaderMap::new(), body: body.to_owned().into() };
        source.tokens(TOKENS, &answer, Some("old".to_owned().into()), BTreeSet::new(), 1000)
    }

    #[test]
    fn tokens_are_read_strictly_where_it_matters() {
        let tokens = granted(r#"{"access_token":"a","token_type":"bearer","expires_in":60.0,"x":1}"#).unwrap();
        assert_eq!((tokens.expires, tokens.refresh.unwrap().expose_secret()), (Some(1060), "old"));
        assert_eq!(
            granted(r#"{"access_token":"a","expires_in":1e99}"#).unwrap().expires,
            Some(1000 + LIFE_SECONDS_MAX)
        );
        for bad in [r#"{"access_token":"a","token_type":"DPoP"}"#, r#"{"access_token":"a\nb"}"#, "{}", "secret"] {
            let said = granted(bad).unwrap_err().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
