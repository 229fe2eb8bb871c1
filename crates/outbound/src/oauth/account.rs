//! What is remembered of a sign-in: the clients that we are at authorization servers, and the
//! tokens that one of them gave. Bound to the server's URL and to the issuer; where and how it is
//! kept is the [`Vault`]'s affair.

use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Seconds before its end at which a token counts as due, at most.
const EARLY_SECONDS_MAX: u64 = 60;

/// What is remembered of one declared server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Account {
    /// The server's URL: what was made for another is not used.
    pub server: String,
    /// Who we are, by issuer. Never presented to another one.
    #[serde(default)]
    pub clients: BTreeMap<String, Client>,
    /// What we got.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// Scopes that the server asked for since, and that no sign-in has asked for yet.
    #[serde(default)]
    pub wanted: BTreeSet<String>,
}

/// Who we are at one authorization server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    /// The client id.
    pub id: String,
    /// Its secret, where it has one.
    #[serde(default, with = "hidden")]
    pub secret: Option<SecretString>,
    /// `token_endpoint_auth_method` as it was registered, where that is known.
    #[serde(default)]
    pub method: Option<String>,
    /// The redirect URI that it was registered with.
    #[serde(default)]
    pub redirect: Option<String>,
    /// When its secret ends, in seconds since 1970.
    #[serde(default)]
    pub expires: Option<u64>,
    /// How we came by it.
    pub made: Made,
}

/// How we came by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// A person registered it and put it into the configuration.
    Configured,
    /// It is a client metadata document.
    Document,
    /// We registered it.
    Registered,
}

/// What an authorization server gave us.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tokens {
    /// Who gave it.
    pub issuer: String,
    /// For which resource.
    pub resource: String,
    /// Shown to the server with every request.
    #[serde(with = "secret")]
    pub access: SecretString,
    /// Exchanged for a new one.
    #[serde(default, with = "hidden")]
    pub refresh: Option<SecretString>,
    /// When `access` was given, in seconds since 1970.
    pub given: u64,
    /// When `access` ends, in seconds since 1970, where that was said.
    #[serde(default)]
    pub expires: Option<u64>,
    /// The scopes that were asked for.
    #[serde(default)]
    pub scopes: BTreeSet<String>,
    /// Where tokens are refreshed.
    pub token_endpoint: String,
    /// Where they are revoked, where that is offered.
    #[serde(default)]
    pub revocation_endpoint: Option<String>,
    /// How clients authenticate there.
    #[serde(default)]
    pub methods: Option<Vec<String>>,
}

/// Keeps accounts. Its functions may block.
pub trait Vault: Send + Sync + fmt::Debug {
    /// What is remembered of the server called `name`, as it is now.
    ///
    /// # Errors
    /// What the system says; what is there and cannot be opened.
    fn read(&self, name: &str) -> Result<Option<Account>, String>;

    /// Takes the account of `name` for this process, waiting for others.
    ///
    /// # Errors
    /// What the system says.
    fn hold(&self, name: &str) -> Result<Box<dyn Held>, String>;
}

/// An account that nobody else changes meanwhile.
pub trait Held: Send {
    /// What is remembered.
    ///
    /// # Errors
    /// What the system says; what is there and cannot be opened.
    fn read(&self) -> Result<Option<Account>, String>;

    /// Remembers `account`, or nothing any more.
    ///
    /// # Errors
    /// What the system says; then the earlier account is still there.
    fn write(&mut self, account: Option<&Account>) -> Result<(), String>;
}

impl Tokens {
    /// Whether it is time for a new one: a little before the end.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| {
            let early = (expires.saturating_sub(self.given) / 4).min(EARLY_SECONDS_MAX);
            now >= expires.saturating_sub(early)
        })
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    /// The `Authorization` header; `None` when the token cannot stand in one.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.access.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

mod secret {
    //! A secret that must be kept; the vault seals what comes out here.
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}

mod hidden {
    //! The same where there may be none.
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "serde names the signature")]
    pub(super) fn serialize<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(|secret| secret.expose_secret()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
        Option::<String>::deserialize(deserializer).map(|secret| secret.map(SecretString::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(given: u64, expires: Option<u64>) -> Tokens {
        Tokens {
            issuer: "https://as".to_owned(),
            resource: "https://h/mcp".to_owned(),
            access: "secret-a".to_owned().into(),
            refresh: Some("secret-r".to_owned().into()),
            given,
            expires,
            scopes: BTreeSet::new(),
            token_endpoint: "https://as/token".to_owned(),
            revocation_endpoint: None,
            methods: None,
        }
    }

    #[test]
    fn a_token_is_due_a_little_before_its_end() {
        let hour = tokens(1000, Some(4600));
        assert!(!hour.is_due(4539) && hour.is_due(4540) && !hour.is_over(4599) && hour.is_over(4600));
        let short = tokens(1000, Some(1008));
        assert!(!short.is_due(1005) && short.is_due(1006));
        assert!(!tokens(1000, None).is_due(u64::MAX));
    }

    #[test]
    fn secrets_are_kept_and_not_shown() {
        let account =
            Account { server: "https://h/mcp".to_owned(), tokens: Some(tokens(1, None)), ..Account::default() };
        assert!(!format!("{account:?}").contains("secret-"));
        let kept = serde_json::to_string(&account).unwrap();
        let read: Account = serde_json::from_str(&kept).unwrap();
        let tokens = read.tokens.unwrap();
        assert_eq!(tokens.access.expose_secret(), "secret-a");
        assert_eq!(tokens.refresh.unwrap().expose_secret(), "secret-r");
        assert!(account.tokens.unwrap().header().unwrap().is_sensitive());
    }
}
