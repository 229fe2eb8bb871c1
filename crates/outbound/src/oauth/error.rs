//! Why there is no token: each of them says whether a person, time or nobody can help.

use crate::guard::GuardError;

/// Why signing in did not work, or is needed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// A person must sign in.
    #[error("{why}")]
    NeedsPerson {
        /// Since what happened.
        why: String,
    },
    /// A person must agree to more than they did.
    #[error("it wants more permissions: {scopes}")]
    NeedsScopes {
        /// What it asked for.
        scopes: String,
    },
    /// The server offers no way to sign in.
    #[error("it refuses us and offers no way to sign in: {why}")]
    NotOffered {
        /// What was looked for.
        why: String,
    },
    /// What the server or its authorization server says must not be acted on.
    #[error("{what} is not acceptable: {why}")]
    Unacceptable {
        /// A document or an answer.
        what: &'static str,
        /// Which rule it breaks.
        why: String,
    },
    /// The authorization server said no.
    #[error("the authorization server refused {what}: {error}{}", .description.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its error code.
        error: String,
        /// Its own words, made harmless.
        description: Option<String>,
    },
    /// There is no client to present, and no way to get one.
    #[error("{issuer} registers no clients by itself")]
    NoClient {
        /// The authorization server.
        issuer: String,
    },
    /// A URL that is not called.
    #[error("{what} cannot be reached: {error}")]
    Unreachable {
        /// Which.
        what: &'static str,
        /// Why.
        error: GuardError,
    },
    /// No usable answer, perhaps later.
    #[error("{what} failed: {why}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// What happened.
        why: String,
    },
    /// What must last cannot be read or written.
    #[error("what was signed in to cannot be kept: {0}")]
    Vault(String),
}

impl SignInError {
    /// Whether a person has to do something before trying again makes sense.
    #[must_use]
    pub fn needs_person(&self) -> bool {
        match self {
            Self::NeedsPerson { .. }
            | Self::NeedsScopes { .. }
            | Self::Unacceptable { .. }
            | Self::Refused { .. }
            | Self::NoClient { .. } => true,
            Self::Unreachable { error, .. } => !matches!(error, GuardError::Relay(_)),
            Self::NotOffered { .. } | Self::Failed { .. } | Self::Vault(_) => false,
        }
    }

    /// What to do, for the server called `name`.
    #[must_use]
    pub fn hint(&self, name: &str) -> String {
        match self {
            Self::NeedsPerson { .. } | Self::NeedsScopes { .. } | Self::Refused { .. } => {
                format!("switchboard auth login {name}")
            }
            Self::NotOffered { .. } => "put a valid token into `headers` of its entry".to_owned(),
            Self::NoClient { issuer } => format!(
                "register a client at {issuer} yourself and set `client_id` (and `client_secret`) under [servers.{name}.oauth]"
            ),
            Self::Unreachable { error: GuardError::Blocked { .. }, .. } => {
                format!("if you trust that place, set `allow_private = true` under [servers.{name}.oauth]")
            }
            Self::Unreachable { error: GuardError::Plain { .. }, .. } => {
                "tokens travel only with TLS: use an https URL, or put a token into `headers` of its entry".to_owned()
            }
            Self::Unacceptable { .. } => "tell whoever runs the server; it is not safe to go on".to_owned(),
            Self::Unreachable { .. } | Self::Failed { .. } => {
                format!("try again later: switchboard auth login {name}")
            }
            Self::Vault(_) => "see whether the data folder is writable: switchboard status".to_owned(),
        }
    }

    pub(super) fn unacceptable(what: &'static str, why: impl Into<String>) -> Self {
        Self::Unacceptable { what, why: why.into() }
    }

    pub(super) fn failed(what: &'static str, why: impl ToString) -> Self {
        Self::Failed { what, why: why.to_string() }
    }
}

/// The most characters of a stranger's text that are shown.
const SHOWN_MAX: usize = 200;

/// A stranger's text, short and without control characters.
pub(super) fn harmless(text: &str) -> String {
    let shown = text.chars().take(SHOWN_MAX);
    shown.map(|character| if character.is_control() { ' ' } else { character }).collect()
}
