//! One sign-in from the challenge to the code that comes back: which scopes, where the browser
//! goes, and whether what returns is the answer to what we asked (`state`, PKCE, RFC 9207 `iss`).
//!
//! It opens no browser and listens nowhere: whoever has it does, or follows the URL itself.

use super::account::{Account, Client, Made, Tokens};
use super::challenge::{Challenge, joined};
use super::discovery::{Metadata, Resource};
use super::fetch::Fetcher;
use super::grant::{Proof, Source, random};
use super::register::Applicant;
use super::{SignInError, error, form};
use crate::relay::Target;
use config::OAuth;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

const ANSWER: &str = "the answer of the authorization server";
const AUTHORIZATION: &str = "the authorization";
const OFFLINE: &str = "offline_access";

/// A sign-in that is about to begin: who protects the server, and what we were.
#[derive(Debug)]
pub struct Login {
    pub(super) fetcher: Fetcher,
    pub(super) settings: OAuth,
    pub(super) account: Account,
    pub(super) resource: Resource,
    pub(super) metadata: Metadata,
    pub(super) scopes: BTreeSet<String>,
}

/// A sign-in that waits for its answer.
pub struct Pending {
    fetcher: Fetcher,
    url: String,
    redirect: String,
    state: String,
    proof: Proof,
    client: Client,
    source: Source,
    /// Whether the server promised to name itself in its answer.
    names_itself: bool,
    scopes: BTreeSet<String>,
}

/// What came of a sign-in.
pub(super) struct Done {
    pub(super) client: Client,
    pub(super) tokens: Tokens,
}

impl Login {
    /// The authorization server that will ask the person.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    /// What will be asked for; empty leaves it to the server.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The port on loopback to come back to: the configured one, or that of the registration that
    /// can be used again; 0 where any will do.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.settings.redirect_port > 0 {
            return self.settings.redirect_port;
        }
        let earlier = self.account.clients.get(&self.metadata.issuer).filter(|client| client.made == Made::Registered);
        let target = earlier.and_then(|client| Target::parse(client.redirect.as_deref()?).ok());
        target.map_or(0, |target| target.port)
    }

    /// Whether that port was configured, so that no other will do.
    #[must_use]
    pub fn is_port_fixed(&self) -> bool {
        self.settings.redirect_port > 0
    }

    /// Decides who we are (registering where that is needed) and what the browser is to open.
    /// `redirect` is where it will come back to.
    ///
    /// # Errors
    /// When there is no client to be, or the page to open is at a place that is not open.
    pub async fn begin(self, redirect: String) -> Result<Pending, SignInError> {
        let endpoint = &self.metadata.authorization_endpoint;
        let target =
            Target::parse(endpoint).map_err(|error| SignInError::unacceptable(AUTHORIZATION, error.to_string()))?;
        let open = self.fetcher.guard().resolve(&target).await;
        open.map_err(|error| SignInError::Unreachable { what: AUTHORIZATION, error })?;
        let applicant = Applicant {
            settings: &self.settings,
            account: &self.account,
            metadata: &self.metadata,
            redirect: &redirect,
            now: now(),
        };
        let client = applicant.client(&self.fetcher).await?;
        let (state, proof) = (random()?, Proof::fresh()?);
        let scope = joined(&self.scopes);
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("state", &state),
            ("code_challenge", &proof.challenge),
            ("code_challenge_method", "S256"),
            ("resource", &self.resource.id),
        ];
        if !scope.is_empty() {
            pairs.push(("scope", &scope));
        }
        if self.scopes.contains(OFFLINE) {
            // OpenID Connect gives it only where the person is asked.
            pairs.push(("prompt", "consent"));
        }
        let url = form::with_query(endpoint, &form::encode(&pairs));
        let source = Source {
            issuer: self.metadata.issuer,
            resource: self.resource.id,
            token_endpoint: self.metadata.token_endpoint,
            revocation_endpoint: self.metadata.revocation_endpoint,
            methods: self.metadata.token_endpoint_auth_methods_supported,
        };
        let names_itself = self.metadata.authorization_response_iss_parameter_supported;
        Ok(Pending {
            fetcher: self.fetcher,
            url,
            redirect,
            state,
            proof,
            client,
            source,
            names_itself,
            scopes: self.scopes,
        })
    }
}

impl Pending {
    /// What the browser is to open.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether `state` is that of this sign-in: anything else is a stranger at the door.
    #[must_use]
    pub fn is_mine(&self, query: &str) -> bool {
        let pairs = form::parse_query(query).unwrap_or_default();
        pairs.iter().any(|(name, value)| name == "state" && *value == self.state)
    }

    /// Follows the URL without a browser: the authorization server must agree at once.
    ///
    /// # Errors
    /// When it wants a person.
    pub async fn follow(&self) -> Result<String, SignInError> {
        let answer = self.fetcher.look(AUTHORIZATION, &self.url).await?;
        let back = answer.location().and_then(|location| location.strip_prefix(self.redirect.as_str()));
        match back.and_then(|rest| rest.strip_prefix('?')) {
            Some(query) => Ok(query.split('#').next().unwrap_or_default().to_owned()),
            None => {
                let why = format!("the authorization server wants a person (HTTP {})", answer.status.as_u16());
                Err(SignInError::NeedsPerson { why })
            }
        }
    }

    /// Redeems what came back on the redirect.
    pub(super) async fn finish(self, query: &str, now: u64) -> Result<Done, SignInError> {
        let code = self.code(query)?;
        let Self { fetcher, redirect, proof, client, source, scopes, .. } = self;
        let tokens = source.redeem(&fetcher, &client, (&code, &proof.verifier, &redirect), scopes, now).await?;
        Ok(Done { client, tokens })
    }

    /// The code in an answer that is one to our question. Who answers is judged before what they
    /// say, also where that is an error.
    fn code(&self, query: &str) -> Result<String, SignInError> {
        let unacceptable = |why: String| Err(SignInError::unacceptable(ANSWER, why));
        let Some(pairs) = form::parse_query(query) else {
            return unacceptable("it cannot be read, or says something twice".to_owned());
        };
        let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if value("state") != Some(self.state.as_str()) {
            return unacceptable("it belongs to another question (`state`)".to_owned());
        }
        match value("iss") {
            Some(issuer) if issuer != self.source.issuer => {
                return unacceptable(format!("it comes from another issuer, {}", error::harmless(issuer)));
            }
            None if self.names_itself => {
                return unacceptable("it does not say who it is from (`iss`), as it was promised".to_owned());
            }
            _ => {}
        }
        match (value("error"), value("code")) {
            (Some(code), _) => Err(SignInError::Refused {
                what: AUTHORIZATION,
                error: error::harmless(code),
                description: value("error_description").map(error::harmless),
            }),
            (None, Some(code)) if !code.is_empty() => Ok(code.to_owned()),
            (None, _) => unacceptable("there is no code in it".to_owned()),
        }
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("issuer", &self.source.issuer).finish_non_exhaustive()
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Which scopes to ask for: the configured ones, else those of the challenge, else those that the
/// resource knows, else none; with what was asked for before where the server wants more.
pub(super) fn choose_scopes(
    settings: &OAuth,
    account: &Account,
    challenge: &Challenge,
    resource: &Resource,
    metadata: &Metadata,
) -> BTreeSet<String> {
    let mut scopes: BTreeSet<String> = settings.scopes.iter().cloned().collect();
    if scopes.is_empty() {
        let named = if challenge.scopes.is_empty() { &resource.scopes } else { &challenge.scopes };
        scopes.clone_from(named);
    }
    let earlier = account.tokens.as_ref().filter(|tokens| tokens.issuer == metadata.issuer);
    if challenge.insufficient || !account.wanted.is_empty() {
        scopes.extend(challenge.scopes.iter().chain(&account.wanted).cloned());
        scopes.extend(earlier.into_iter().flat_map(|tokens| tokens.scopes.iter().cloned()));
    }
    // A refresh token is wanted, but never asked of who does not know the word.
    let offline = metadata.scopes_supported.iter().any(|scope| scope == OFFLINE);
    if offline && !scopes.is_empty() {
        scopes.insert(OFFLINE.to_owned());
    } else if !offline && settings.scopes.iter().all(|scope| scope != OFFLINE) {
        scopes.remove(OFFLINE);
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;

    fn pending(names_itself: bool) -> Pending {
        let guard = Guard::new(&Target::parse("https://h/mcp").unwrap(), false);
        Pending {
            fetcher: Fetcher::new(guard),
            url: "https://as/authorize".to_owned(),
            redirect: "http://127.0.0.1:1/callback".to_owned(),
            state: "s1".to_owned(),
            proof: Proof::fresh().unwrap(),
            client: Client {
                id: "c".to_owned(),
                secret: None,
                method: None,
                redirect: None,
                expires: None,
                made: Made::Document,
            },
            source: Source {
                issuer: "https://as".to_owned(),
                resource: "https://h/mcp".to_owned(),
                token_endpoint: "https://as/token".to_owned(),
                revocation_endpoint: None,
                methods: None,
            },
            names_itself,
            scopes: BTreeSet::new(),
        }
    }

    #[test]
    fn only_the_answer_to_our_question_is_taken() {
        let taken = |names_itself, query: &str| pending(names_itself).code(query).ok();
        assert_eq!(taken(true, "code=c&state=s1&iss=https%3A%2F%2Fas").as_deref(), Some("c"));
        assert_eq!(taken(false, "code=c&state=s1&iss=https%3A%2F%2Fas").as_deref(), Some("c"));
        assert_eq!(taken(false, "code=c&state=s1").as_deref(), Some("c"));
        for bad in [
            "code=c&state=s1",
            "code=c&state=s1&iss=https%3A%2F%2Fas%2F",
            "code=c&state=s1&iss=HTTPS%3A%2F%2Fas",
            "code=c&state=s2&iss=https%3A%2F%2Fas",
            "code=c&iss=https%3A%2F%2Fas",
            "code=c&code=d&state=s1&iss=https%3A%2F%2Fas",
            "state=s1&iss=https%3A%2F%2Fas",
            "code=&state=s1&iss=https%3A%2F%2Fas",
            "",
        ] {
            assert_eq!(taken(true, bad), None, "{bad}");
        }
        assert_eq!(taken(false, "code=c&state=s1&iss=https%3A%2F%2Fevil"), None);
    }

    #[test]
    fn an_error_counts_only_when_it_comes_from_whom_we_asked() {
        let said = |query: &str| pending(true).code(query).unwrap_err();
        let refused = said("error=access_denied&error_description=no%0Away&state=s1&iss=https%3A%2F%2Fas");
        assert!(matches!(&refused, SignInError::Refused { error, .. } if error == "access_denied"), "{refused}");
        assert!(refused.to_string().ends_with("(no way)"), "{refused}");
        for forged in ["error=access_denied&state=s1", "error=access_denied&state=s1&iss=https%3A%2F%2Fevil", "error=x"]
        {
            assert!(matches!(said(forged), SignInError::Unacceptable { .. }), "{forged}");
        }
        assert!(pending(true).is_mine("error=x&state=s1") && !pending(true).is_mine("code=c&state=s2"));
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn scopes_are_chosen_in_their_order() {
        let resource = Resource { id: String::new(), issuers: Vec::new(), scopes: set(&["all"]), old: false };
        let metadata = Metadata { issuer: "https://as".to_owned(), ..Metadata::default() };
        let offline = Metadata { scopes_supported: vec![OFFLINE.to_owned()], ..metadata.clone() };
        let (none, account) = (OAuth::default(), Account::default());
        let challenge = Challenge { scopes: set(&["read"]), ..Challenge::default() };
        let choose = |settings: &OAuth, account: &Account, challenge: &Challenge, metadata: &Metadata| {
            choose_scopes(settings, account, challenge, &resource, metadata)
        };
        assert_eq!(choose(&none, &account, &challenge, &metadata), set(&["read"]));
        assert_eq!(choose(&none, &account, &Challenge::default(), &metadata), set(&["all"]));
        let own = OAuth { scopes: vec!["mine".to_owned()], ..OAuth::default() };
        assert_eq!(choose(&own, &account, &challenge, &metadata), set(&["mine"]));
        assert_eq!(choose(&none, &account, &challenge, &offline), set(&["read", OFFLINE]));
        let careless = Challenge { scopes: set(&["read", OFFLINE]), ..Challenge::default() };
        assert_eq!(choose(&none, &account, &careless, &metadata), set(&["read"]));
        let unknown = Resource { scopes: BTreeSet::new(), ..resource.clone() };
        assert!(choose_scopes(&none, &account, &Challenge::default(), &unknown, &offline).is_empty());
    }

    #[test]
    fn more_is_asked_for_together_with_what_there_was() {
        let resource = Resource { id: String::new(), issuers: Vec::new(), scopes: set(&["all"]), old: false };
        let metadata = Metadata { issuer: "https://as".to_owned(), ..Metadata::default() };
        let tokens: Tokens = serde_json::from_value(serde_json::json!({
            "issuer": "https://as", "resource": "r", "access": "a", "given": 0, "scopes": ["read"], "token_endpoint": "t",
        }))
        .unwrap();
        let account = Account { tokens: Some(tokens), ..Account::default() };
        let more = Challenge { insufficient: true, scopes: set(&["write"]), ..Challenge::default() };
        assert_eq!(choose_scopes(&OAuth::default(), &account, &more, &resource, &metadata), set(&["read", "write"]));
        let noted = Account { wanted: set(&["write"]), ..account.clone() };
        let first = Challenge { scopes: set(&["read"]), ..Challenge::default() };
        assert_eq!(choose_scopes(&OAuth::default(), &noted, &first, &resource, &metadata), set(&["read", "write"]));
        let moved = Metadata { issuer: "https://other".to_owned(), ..metadata };
        assert_eq!(choose_scopes(&OAuth::default(), &account, &more, &resource, &moved), set(&["write"]));
    }
}
