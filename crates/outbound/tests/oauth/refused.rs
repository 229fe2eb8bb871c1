//! What is not acted on: documents and answers that break a rule, and places that are not open.

use crate::world::{Script, World, headless, recover};
use outbound::guard::GuardError;
use outbound::oauth::{Challenge, SignInError};
use serde_json::json;

async fn refused(script: Script, challenge: Challenge) -> (World, SignInError) {
    let world = World::new(script).await;
    let error = recover(&world.sign_in(&headless()), challenge).await.unwrap_err();
    assert!(world.asked("POST /token").is_empty(), "no code is redeemed: {:?}", world.lines());
    assert!(world.account().is_none_or(|account| account.tokens.is_none()));
    (world, error)
}

#[tokio::test]
async fn metadata_that_breaks_a_rule_ends_the_sign_in_before_a_person_is_asked() {
    let evil = || Some("https://evil.example/mcp".to_owned());
    let scripts = [
        Script { resource: evil(), ..Script::default() },
        Script { metadata: json!({"issuer": "https://evil.example"}), ..Script::default() },
        Script { metadata: json!({"code_challenge_methods_supported": null}), ..Script::default() },
        Script { metadata: json!({"code_challenge_methods_supported": ["plain"]}), ..Script::default() },
        Script { metadata: json!({"authorization_endpoint": "javascript:alert(1)"}), ..Script::default() },
    ];
    for script in scripts {
        let (world, error) = refused(script, Challenge::default()).await;
        assert!(matches!(error, SignInError::Unacceptable { .. }) && error.needs_person(), "{error}");
        assert!(world.asked("GET /authorize").is_empty() && world.asked("POST /register").is_empty());
    }
}

#[tokio::test]
async fn an_answer_from_somebody_else_is_not_redeemed() {
    for iss in ["https://evil.example", "", "http://127.0.0.1:1/"] {
        let (_, error) = refused(Script { iss: Some(iss), ..Script::default() }, Challenge::default()).await;
        assert!(matches!(error, SignInError::Unacceptable { .. }), "{iss}: {error}");
    }
}

#[tokio::test]
async fn the_metadata_of_the_resource_is_on_the_server_itself() {
    for url in ["http://127.0.0.1:1/prm", "https://evil.example/prm", "file:///etc/passwd"] {
        let challenge = Challenge { resource_metadata: Some(url.to_owned()), ..Challenge::default() };
        let (world, error) = refused(Script::default(), challenge).await;
        assert!(matches!(error, SignInError::Unacceptable { .. }), "{url}: {error}");
        assert!(world.lines().is_empty(), "{:?}", world.lines());
    }
}

#[tokio::test]
async fn a_server_that_offers_nothing_is_no_place_to_sign_in_to() {
    let script = Script { resource_at: "", metadata_at: "", ..Script::default() };
    let (_, error) = refused(script, Challenge::default()).await;
    assert!(matches!(error, SignInError::NotOffered { .. }) && !error.needs_person(), "{error}");
}

#[tokio::test]
async fn no_url_leads_into_a_place_that_is_not_open() {
    // The server is on this machine, so loopback is open; everything else is as it always is.
    for (name, url) in [
        ("token_endpoint", "https://169.254.169.254/token"),
        ("token_endpoint", "https://10.0.0.1/token"),
        ("token_endpoint", "http://192.0.2.1/token"),
        ("registration_endpoint", "https://192.168.1.1/register"),
        ("registration_endpoint", "https://[fd00::1]/register"),
        ("authorization_endpoint", "https://172.16.0.1/authorize"),
        ("authorization_endpoint", "http://93.184.216.34/authorize"),
    ] {
        let (_, error) =
            refused(Script { metadata: json!({name: url}), ..Script::default() }, Challenge::default()).await;
        let blocked = matches!(
            &error,
            SignInError::Unreachable { error: GuardError::Blocked { .. } | GuardError::Plain { .. }, .. }
        );
        assert!(blocked && error.needs_person(), "{name} {url}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_is_judged_like_any_url_and_never_carries_a_secret() {
    let document = "/.well-known/oauth-authorization-server";
    for to in ["https://10.0.0.1/x", "https://169.254.169.254/latest/meta-data/", "http://192.0.2.1/"] {
        let redirects = vec![(document, 302, to.to_owned())];
        let (_, error) = refused(Script { redirects, ..Script::default() }, Challenge::default()).await;
        assert!(matches!(error, SignInError::Unreachable { .. }), "{to}: {error}");
    }
    let circle = vec![(document, 302, document.to_owned())];
    let (world, error) = refused(Script { redirects: circle, ..Script::default() }, Challenge::default()).await;
    assert!(matches!(error, SignInError::Unacceptable { .. }), "{error}");
    assert!(world.asked(&format!("GET {document}")).len() <= 4);

    let elsewhere = vec![(document, 301, "/moved".to_owned())];
    let script = Script { redirects: elsewhere, metadata_at: "/moved", ..Script::default() };
    recover(&World::new(script).await.sign_in(&headless()), Challenge::default()).await.unwrap();

    for status in [302, 307, 308] {
        let world =
            World::new(Script { redirects: vec![("/token", status, "/stolen".to_owned())], ..Script::default() }).await;
        let error = recover(&world.sign_in(&headless()), Challenge::default()).await.unwrap_err();
        assert!(matches!(error, SignInError::Unacceptable { .. }), "{status}: {error}");
        assert!(world.lines().iter().all(|line| !line.contains("/stolen")));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let long = "x".repeat(300 * 1024);
    let (_, error) =
        refused(Script { metadata: json!({"long": long}), ..Script::default() }, Challenge::default()).await;
    assert!(matches!(error, SignInError::Unreachable { .. }), "{error}");
}
