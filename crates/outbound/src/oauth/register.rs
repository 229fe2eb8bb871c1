//! Who we are at an authorization server, in the order of protocol.md section 1.19: what a person
//! registered, a client metadata document, what we registered earlier, registering now.
//!
//! Whatever it is belongs to one issuer and is never shown to another.

use super::account::{Account, Client, Made};
use super::discovery::Metadata;
use super::fetch::Fetcher;
use super::grant::refusal;
use super::{SignInError, error};
use config::OAuth;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

const REGISTRATION: &str = "the registration";

/// How a client authenticates at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Basic,
    Post,
    None,
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: Option<String>,
    client_secret_expires_at: Option<u64>,
    token_endpoint_auth_method: Option<String>,
}

/// Everything that decides who we are.
pub(super) struct Applicant<'a> {
    pub(super) settings: &'a OAuth,
    pub(super) account: &'a Account,
    pub(super) metadata: &'a Metadata,
    pub(super) redirect: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl Applicant<'_> {
    /// The client to be, registered where that is needed.
    pub(super) async fn client(&self, fetcher: &Fetcher) -> Result<Client, SignInError> {
        if let Some(client) = self.known()? {
            return Ok(client);
        }
        match &self.metadata.registration_endpoint {
            Some(endpoint) => self.register(fetcher, endpoint).await,
            None => Err(SignInError::NoClient { issuer: error::harmless(&self.metadata.issuer) }),
        }
    }

    /// The client that needs no registration.
    fn known(&self) -> Result<Option<Client>, SignInError> {
        let issuer = &self.metadata.issuer;
        if let Some(client) = configured(self.settings) {
            let bound = self.settings.issuer.as_ref().or_else(|| {
                let mut used = self.account.clients.iter();
                used.find(|(_, known)| known.made == Made::Configured && known.id == client.id)
                    .map(|(issuer, _)| issuer)
            });
            if let Some(bound) = bound.filter(|bound| *bound != issuer) {
                let why =
                    format!("`client_id` belongs to {bound}, and the server now names {}", error::harmless(issuer));
                return Err(SignInError::unacceptable("the authorization server", why));
            }
            return Ok(Some(client));
        }
        if let Some(url) = &self.settings.client_metadata_url
            && self.metadata.client_id_metadata_document_supported
        {
            return Ok(Some(public(url.clone(), Made::Document)));
        }
        let earlier = self.account.clients.get(issuer).filter(|client| {
            let current = client.expires.is_none_or(|expires| expires > self.now);
            client.made == Made::Registered && current && client.redirect.as_deref() == Some(self.redirect)
        });
        Ok(earlier.cloned())
    }

    async fn register(&self, fetcher: &Fetcher, endpoint: &str) -> Result<Client, SignInError> {
        let offered = self.metadata.token_endpoint_auth_methods_supported.as_deref();
        // A program on a person's machine keeps no secret: without one where that is allowed.
        let order = ["none", "client_secret_basic", "client_secret_post"];
        let method = match offered {
            None => "client_secret_basic",
            Some(offered) => {
                order.into_iter().find(|method| offered.iter().any(|one| one == method)).ok_or_else(|| {
                    SignInError::unacceptable(REGISTRATION, "clients can authenticate only in ways that we do not know")
                })?
            }
        };
        let document = json!({
            "client_name": "Switchboard",
            "redirect_uris": [self.redirect],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
            "token_endpoint_auth_method": method,
        });
        let answer = fetcher.post(REGISTRATION, endpoint, "application/json", None, document.to_string()).await?;
        if !answer.status.is_success() {
            return Err(refusal(REGISTRATION, &answer));
        }
        let registered: Registered = serde_json::from_slice(&answer.body)
            .map_err(|error| SignInError::unacceptable(REGISTRATION, format!("the answer cannot be read: {error}")))?;
        Ok(Client {
            id: registered.client_id,
            secret: registered.client_secret.map(SecretString::from),
            method: registered.token_endpoint_auth_method,
            redirect: Some(self.redirect.to_owned()),
            expires: registered.client_secret_expires_at.filter(|expires| *expires > 0),
            made: Made::Registered,
        })
    }
}

/// The client that a person registered.
pub(super) fn configured(settings: &OAuth) -> Option<Client> {
    let id = settings.client_id.clone()?;
    Some(Client { secret: settings.client_secret.clone(), ..public(id, Made::Configured) })
}

fn public(id: String, made: Made) -> Client {
    Client { id, secret: None, method: None, redirect: None, expires: None, made }
}

/// How `client` authenticates where `offered` is offered; without a word that is Basic.
pub(super) fn method(client: &Client, offered: Option<&[String]>) -> Method {
    if client.secret.is_none() {
        return Method::None;
    }
    let named = |name: &str| match name {
        "client_secret_basic" => Some(Method::Basic),
        "client_secret_post" => Some(Method::Post),
        "none" => Some(Method::None),
        _ => None,
    };
    if let Some(method) = client.method.as_deref().and_then(named) {
        return method;
    }
    let Some(offered) = offered else { return Method::Basic };
    let offers = |name: &str| offered.iter().any(|one| one == name);
    match (offers("client_secret_basic"), offers("client_secret_post"), offers("none")) {
        (true, ..) => Method::Basic,
        (false, true, _) => Method::Post,
        (false, false, true) => Method::None,
        (false, false, false) => Method::Basic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(settings: &OAuth, account: &Account, metadata: &Metadata) -> Result<Option<Client>, SignInError> {
        Applicant { settings, account, metadata, redirect: "http://127.0.0.1:9/callback", now: 100 }.known()
    }

    fn at(issuer: &str) -> Metadata {
        Metadata { issuer: issuer.to_owned(), client_id_metadata_document_supported: true, ..Metadata::default() }
    }

    fn registered(redirect: &str, expires: Option<u64>) -> Client {
        Client { redirect: Some(redirect.to_owned()), expires, ..public("dyn".to_owned(), Made::Registered) }
    }

    #[test]
    fn what_a_person_registered_comes_first_and_stays_with_its_issuer() {
        let document = Some("https://us.example/client.json".to_owned());
        let settings = OAuth { client_id: Some("mine".to_owned()), client_metadata_url: document, ..OAuth::default() };
        let mut account = Account::default();
        let client = known(&settings, &account, &at("https://a")).unwrap().unwrap();
        assert_eq!((client.id.as_str(), client.made), ("mine", Made::Configured));
        account.clients.insert("https://a".to_owned(), client);
        assert!(known(&settings, &account, &at("https://a")).unwrap().is_some());
        assert!(known(&settings, &account, &at("https://b")).is_err());
        let bound = OAuth { issuer: Some("https://b".to_owned()), ..settings };
        assert!(known(&bound, &account, &at("https://b")).unwrap().is_some());
        assert!(known(&bound, &account, &at("https://a")).is_err());
    }

    #[test]
    fn a_document_comes_before_an_earlier_registration_and_that_is_used_only_where_it_fits() {
        let mut account = Account::default();
        account.clients.insert("https://a".to_owned(), registered("http://127.0.0.1:9/callback", Some(101)));
        let none = OAuth::default();
        assert_eq!(known(&none, &account, &at("https://a")).unwrap().unwrap().id, "dyn");
        assert!(known(&none, &account, &at("https://b")).unwrap().is_none());
        let document = OAuth { client_metadata_url: Some("https://us/c.json".to_owned()), ..OAuth::default() };
        assert_eq!(known(&document, &account, &at("https://a")).unwrap().unwrap().id, "https://us/c.json");
        let without = Metadata { client_id_metadata_document_supported: false, ..at("https://a") };
        assert_eq!(known(&document, &account, &without).unwrap().unwrap().id, "dyn");
        for stale in
            [registered("http://127.0.0.1:8/callback", None), registered("http://127.0.0.1:9/callback", Some(100))]
        {
            account.clients.insert("https://a".to_owned(), stale);
            assert!(known(&none, &account, &at("https://a")).unwrap().is_none());
        }
    }

    #[test]
    fn a_client_authenticates_as_it_was_registered_or_as_is_offered() {
        let offered = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let secret = Client { secret: Some("s".to_owned().into()), ..public("c".to_owned(), Made::Registered) };
        let cases = [
            (None, None, Method::Basic),
            (None, offered(&["client_secret_post", "client_secret_basic"]), Method::Basic),
            (None, offered(&["none", "client_secret_post"]), Method::Post),
            (None, offered(&["none"]), Method::None),
            (Some("client_secret_post"), offered(&["client_secret_basic"]), Method::Post),
            (Some("private_key_jwt"), offered(&["client_secret_post"]), Method::Post),
        ];
        for (own, offered, expected) in cases {
            let client = Client { method: own.map(str::to_owned), ..secret.clone() };
            assert_eq!(method(&client, offered.as_deref()), expected, "{own:?} {offered:?}");
        }
        assert_eq!(method(&public("c".to_owned(), Made::Document), None), Method::None);
    }
}
