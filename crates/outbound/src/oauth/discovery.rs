//! From a server's URL to the endpoints of its authorization server: protected resource metadata
//! (RFC 9728), then authorization server metadata (RFC 8414, OpenID Connect Discovery), in the
//! order of protocol.md section 1.19, with every check that keeps one party from speaking for
//! another. Nothing is asked of a person here and no secret is sent.

use super::challenge::{Challenge, kept};
use super::fetch::Fetcher;
use super::{SignInError, error};
use crate::relay::Target;
use serde::Deserialize;
use std::collections::BTreeSet;

const RESOURCE: &str = "the metadata of the protected resource";
const SERVER: &str = "the metadata of the authorization server";
const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";
const OAUTH_PATH: &str = "/.well-known/oauth-authorization-server";
const OPENID_PATH: &str = "/.well-known/openid-configuration";

/// What a protected resource says about itself.
#[derive(Debug, Default, Deserialize)]
struct ResourceDocument {
    resource: Option<String>,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

/// Who protects a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// The identifier to send as `resource`, exactly as published.
    pub(super) id: String,
    /// Its authorization servers, in its order; at least one.
    pub(super) issuers: Vec<String>,
    /// Scopes that it knows.
    pub(super) scopes: BTreeSet<String>,
    /// Whether it is a server of 2025-03-26, which protects itself and has no document.
    pub(super) old: bool,
}

/// What an authorization server says about itself, as far as we use it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) issuer: String,
    #[serde(default)]
    pub(super) authorization_endpoint: String,
    #[serde(default)]
    pub(super) token_endpoint: String,
    pub(super) registration_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    #[serde(default)]
    pub(super) scopes_supported: Vec<String>,
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(super) client_id_metadata_document_supported: bool,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Scheme and authority of a URL, its path (empty for the root), and its query with `?`.
struct Taken<'a> {
    origin: &'a str,
    path: &'a str,
    query: &'a str,
}

fn take_apart(url: &str) -> Taken<'_> {
    let url = url.split('#').next().unwrap_or(url);
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?']).map_or(url.len(), |at| authority + at);
    let (origin, rest) = url.split_at(end);
    let (path, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
    Taken { origin, path: path.trim_end_matches('/'), query }
}

/// Finds out who protects the server at `server`.
pub(super) async fn resource(fetcher: &Fetcher, server: &str, challenge: &Challenge) -> Result<Resource, SignInError> {
    let own = take_apart(server);
    let candidates = match &challenge.resource_metadata {
        Some(url) => {
            let target = Target::parse(url).map_err(|error| SignInError::unacceptable(RESOURCE, error.to_string()))?;
            if !fetcher.guard().is_own(&target) {
                let why = format!("it is not on the server's own host but at {}", target.authority());
                return Err(SignInError::unacceptable(RESOURCE, why));
            }
            vec![url.clone()]
        }
        None => {
            let mut at = vec![format!("{}{RESOURCE_PATH}{}{}", own.origin, own.path, own.query)];
            if !own.path.is_empty() || !own.query.is_empty() {
                at.push(format!("{}{RESOURCE_PATH}", own.origin));
            }
            at
        }
    };
    for url in candidates {
        if let Some(document) = fetcher.document::<ResourceDocument>(RESOURCE, &url).await? {
            return judge_resource(document, server);
        }
    }
    if challenge.resource_metadata.is_some() {
        return Err(SignInError::unacceptable(RESOURCE, "there is none where the server says"));
    }
    // A server of 2025-03-26 is its own authorization server, at the root of its host.
    Ok(Resource {
        id: format!("{}{}{}", own.origin, own.path, own.query),
        issuers: vec![own.origin.to_owned()],
        scopes: BTreeSet::new(),
        old: true,
    })
}

fn judge_resource(document: ResourceDocument, server: &str) -> Result<Resource, SignInError> {
    let unacceptable = |why: String| Err(SignInError::unacceptable(RESOURCE, why));
    let Some(id) = document.resource else {
        return unacceptable("it does not say which resource it is about".to_owned());
    };
    if !covers(&id, server) {
        return unacceptable(format!("it is about another resource, {}", error::harmless(&id)));
    }
    if document.authorization_servers.is_empty() {
        return unacceptable("it names no authorization server".to_owned());
    }
    Ok(Resource {
        id,
        issuers: document.authorization_servers,
        scopes: kept(document.scopes_supported.into_iter()),
        old: false,
    })
}

/// Whether the resource `id` is the server at `server` or holds it: the same origin, and a path
/// that is the server's own or one above it.
fn covers(id: &str, server: &str) -> bool {
    let place =
        |url: &str| Target::parse(url).map(|target| (target.tls, target.host.to_ascii_lowercase(), target.port));
    let (Ok(one), Ok(other)) = (place(id), place(server)) else { return false };
    let (id, server) = (take_apart(id), take_apart(server));
    let below = server.path.strip_prefix(id.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    one == other && below && (id.query.is_empty() || (id.query == server.query && id.path == server.path))
}

/// Reads what the authorization server `issuer` says about itself.
pub(super) async fn metadata(fetcher: &Fetcher, issuer: &str) -> Result<Metadata, SignInError> {
    Target::parse(issuer).map_err(|error| SignInError::unacceptable(SERVER, error.to_string()))?;
    for url in candidates(issuer) {
        if let Some(found) = fetcher.document::<Metadata>(SERVER, &url).await? {
            return judge_metadata(found, issuer);
        }
    }
    Err(SignInError::NotOffered {
        why: format!("there is no authorization server metadata at {}", error::harmless(issuer)),
    })
}

fn candidates(issuer: &str) -> Vec<String> {
    let Taken { origin, path, .. } = take_apart(issuer);
    if path.is_empty() {
        return vec![format!("{origin}{OAUTH_PATH}"), format!("{origin}{OPENID_PATH}")];
    }
    vec![
        format!("{origin}{OAUTH_PATH}{path}"),
        format!("{origin}{OPENID_PATH}{path}"),
        format!("{origin}{path}{OPENID_PATH}"),
    ]
}

fn judge_metadata(found: Metadata, issuer: &str) -> Result<Metadata, SignInError> {
    let unacceptable = |why: String| Err(SignInError::unacceptable(SERVER, why));
    if found.issuer != issuer {
        return unacceptable(format!("it is that of another issuer, {}", error::harmless(&found.issuer)));
    }
    match &found.code_challenge_methods_supported {
        None => return unacceptable("it does not say that it supports PKCE".to_owned()),
        Some(methods) if !methods.iter().any(|method| method == "S256") => {
            return unacceptable("it does not support PKCE with S256".to_owned());
        }
        Some(_) => {}
    }
    for (name, url) in [("authorization", &found.authorization_endpoint), ("token", &found.token_endpoint)] {
        if url.contains('#') || Target::parse(url).is_err() {
            return unacceptable(format!("its {name} endpoint is not a URL that can be called"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_places_is_that_of_the_specification() {
        assert_eq!(
            candidates("https://as.example/tenant/1"),
            [
                "https://as.example/.well-known/oauth-authorization-server/tenant/1",
                "https://as.example/.well-known/openid-configuration/tenant/1",
                "https://as.example/tenant/1/.well-known/openid-configuration",
            ]
        );
        for root in ["https://as.example", "https://as.example/"] {
            assert_eq!(
                candidates(root),
                [
                    "https://as.example/.well-known/oauth-authorization-server",
                    "https://as.example/.well-known/openid-configuration",
                ]
            );
        }
    }

    #[test]
    fn a_resource_speaks_only_for_itself() {
        let server = "https://h.example/a/mcp";
        for good in
            [server, "https://H.example:443/a/mcp", "https://h.example", "https://h.example/", "https://h.example/a"]
        {
            assert!(covers(good, server), "{good}");
        }
        for bad in [
            "https://evil.example/a/mcp",
            "http://h.example/a/mcp",
            "https://h.example:8443/a/mcp",
            "https://h.example/a/mc",
            "https://h.example/b",
            "https://h.example/a/mcp/deeper",
            "https://h.example/a/mcp?x=1",
            "https://h.example@evil.example/a/mcp",
            "",
            "h.example",
        ] {
            assert!(!covers(bad, server), "{bad}");
        }
    }

    #[test]
    fn metadata_that_breaks_a_rule_is_not_used() {
        let good = Metadata {
            issuer: "https://as.example".to_owned(),
            authorization_endpoint: "https://as.example/a".to_owned(),
            token_endpoint: "https://as.example/t".to_owned(),
            code_challenge_methods_supported: Some(vec!["plain".to_owned(), "S256".to_owned()]),
            ..Metadata::default()
        };
        assert!(judge_metadata(good.clone(), "https://as.example").is_ok());
        let bad = [
            Metadata { issuer: "https://as.example/".to_owned(), ..good.clone() },
            Metadata { issuer: "https://evil.example".to_owned(), ..good.clone() },
            Metadata { code_challenge_methods_supported: None, ..good.clone() },
            Metadata { code_challenge_methods_supported: Some(vec!["plain".to_owned()]), ..good.clone() },
            Metadata { token_endpoint: "javascript:alert(1)".to_owned(), ..good.clone() },
            Metadata { authorization_endpoint: "file:///etc/passwd".to_owned(), ..good },
        ];
        for metadata in bad {
            assert!(judge_metadata(metadata.clone(), "https://as.example").is_err(), "{metadata:?}");
        }
    }
}
