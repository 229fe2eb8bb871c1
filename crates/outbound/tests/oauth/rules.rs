//! What is asked of whom, and in which order.

use crate::world::{Script, World, headless, recover};
use config::OAuth;
use outbound::oauth::{Challenge, SignInError, Trial};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

#[tokio::test]
async fn a_sign_in_without_a_browser_says_everything_that_it_must() {
    let world = World::new(Script::default()).await;
    let sign_in = world.sign_in(&headless());
    assert!(sign_in.tokens().await.unwrap().is_none());
    let tokens = recover(&sign_in, world.challenge("read")).await.unwrap();
    assert_eq!(tokens.access.expose_secret(), "a1");
    assert_eq!(
        world.lines(),
        [
            "GET /.well-known/oauth-protected-resource/mcp",
            "GET /.well-known/oauth-authorization-server",
            "POST /register",
            "GET /authorize",
            "POST /token",
        ]
    );
    let registration: Value = serde_json::from_str(&world.asked("POST /register")[0].body).unwrap();
    assert_eq!(registration["application_type"], "native");
    assert_eq!(registration["grant_types"], json!(["authorization_code", "refresh_token"]));
    let resource = format!("{}/mcp", world.base);
    let authorize = &world.asked("GET /authorize")[0].pairs;
    let redeem = &world.asked("POST /token")[0].pairs;
    assert_eq!((&authorize["resource"], &redeem["resource"]), (&resource, &resource));
    assert_eq!((authorize["code_challenge_method"].as_str(), authorize["scope"].as_str()), ("S256", "read"));
    assert_eq!((&redeem["redirect_uri"], redeem["client_id"].as_str()), (&authorize["redirect_uri"], "client-of"));
    assert!(authorize["state"].len() >= 43 && redeem["code_verifier"].len() >= 43);
    let account = world.account().unwrap();
    assert_eq!((account.server, account.tokens.unwrap().issuer), (resource, world.base.clone()));
}

#[tokio::test]
async fn metadata_is_found_where_each_kind_of_server_has_it() {
    let root = "/.well-known/oauth-protected-resource";
    let places = [
        (root, "", "/.well-known/openid-configuration"),
        (root, "/t", "/.well-known/oauth-authorization-server/t"),
        (root, "/t", "/.well-known/openid-configuration/t"),
        (root, "/t", "/t/.well-known/openid-configuration"),
        // A server of 2025-03-26 is its own authorization server.
        ("", "", "/.well-known/oauth-authorization-server"),
    ];
    for (resource_at, tenant, metadata_at) in places {
        let world = World::new(Script { resource_at, tenant, metadata_at, ..Script::default() }).await;
        recover(&world.sign_in(&headless()), Challenge::default()).await.unwrap();
        assert_eq!(world.account().unwrap().tokens.unwrap().issuer, format!("{}{tenant}", world.base));
    }
}

#[tokio::test]
async fn the_identifier_of_the_resource_is_sent_as_it_was_published() {
    let world = World::new(Script::default()).await;
    let root = world.base.clone();
    world.change(|script| script.resource = Some(root));
    recover(&world.sign_in(&headless()), Challenge::default()).await.unwrap();
    assert_eq!(world.asked("GET /authorize")[0].pairs["resource"], world.base);
    assert_eq!(world.asked("POST /token")[0].pairs["resource"], world.base);
}

#[tokio::test]
async fn clients_are_chosen_in_their_order_and_secrets_go_where_they_are_taken() {
    let configured =
        OAuth { client_id: Some("mine".to_owned()), client_secret: Some("s 1".to_owned().into()), ..headless() };
    let document = OAuth { client_metadata_url: Some("https://us.example/c.json".to_owned()), ..headless() };
    let world = World::new(Script {
        metadata: json!({
            "client_id_metadata_document_supported": true,
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        }),
        ..Script::default()
    })
    .await;
    recover(&world.sign_in(&configured), Challenge::default()).await.unwrap();
    let redeem = &world.asked("POST /token")[0];
    assert_eq!(redeem.authorization.as_deref(), Some("Basic bWluZTpzJTIwMQ=="));
    assert!(!redeem.pairs.contains_key("client_secret"));
    world.vault.edit(|account| account.tokens = None);
    recover(&world.sign_in(&document), Challenge::default()).await.unwrap();
    assert_eq!(world.asked("POST /token")[1].pairs["client_id"], "https://us.example/c.json");
    assert!(world.asked("POST /register").is_empty());
    assert!(
        !serde_json::to_string(&world.account().unwrap()).unwrap().contains("s 1"),
        "configured secrets stay there"
    );

    let closed = World::new(Script { metadata: json!({"registration_endpoint": null}), ..Script::default() }).await;
    let error = recover(&closed.sign_in(&headless()), Challenge::default()).await.unwrap_err();
    assert!(matches!(error, SignInError::NoClient { .. }) && error.needs_person(), "{error}");
    assert!(
        error.hint("s").contains("client_id") && error.hint("s").contains("[servers.s.oauth]"),
        "{}",
        error.hint("s")
    );
}

#[tokio::test]
async fn another_authorization_server_never_sees_the_client_of_the_first() {
    let world = World::new(Script { gives_refresh: false, ..Script::default() }).await;
    let sign_in = world.sign_in(&headless());
    recover(&sign_in, world.challenge("read")).await.unwrap();
    world.change(|script| {
        script.tenant = "/new";
        script.metadata_at = "/.well-known/oauth-authorization-server/new";
    });
    let tokens = recover(&sign_in, world.challenge("read")).await.unwrap();
    assert_eq!(tokens.issuer, format!("{}/new", world.base));
    assert_eq!(world.asked("POST /new/register").len(), 1);
    for asked in world.asked("GET /new/").iter().chain(&world.asked("POST /new/token")) {
        assert_eq!(asked.pairs["client_id"], "client-of-new");
    }
    let clients = world.account().unwrap().clients;
    assert_eq!(clients.values().map(|client| client.id.as_str()).collect::<Vec<_>>(), ["client-of", "client-of-new"]);

    // One that a person registered is refused, rather than shown.
    let mine = OAuth { client_id: Some("mine".to_owned()), ..headless() };
    let world = World::new(Script { gives_refresh: false, ..Script::default() }).await;
    let sign_in = world.sign_in(&mine);
    recover(&sign_in, Challenge::default()).await.unwrap();
    world.change(|script| {
        script.tenant = "/new";
        script.metadata_at = "/.well-known/oauth-authorization-server/new";
    });
    let error = recover(&sign_in, Challenge::default()).await.unwrap_err();
    assert!(matches!(error, SignInError::Unacceptable { .. }), "{error}");
    assert!(world.asked("GET /new/").is_empty());
}

#[tokio::test]
async fn more_scopes_are_asked_for_once_with_the_old_ones() {
    let world = World::new(Script::default()).await;
    let sign_in = world.sign_in(&headless());
    recover(&sign_in, world.challenge("read")).await.unwrap();
    let more = Challenge { insufficient: true, ..world.challenge("write") };
    recover(&sign_in, more.clone()).await.unwrap();
    assert_eq!(world.asked("GET /authorize")[1].pairs["scope"], "read write");
    for again in [more, Challenge { insufficient: true, ..Challenge::default() }] {
        let error = recover(&sign_in, again).await.unwrap_err();
        assert!(matches!(error, SignInError::Refused { .. }), "{error}");
    }
    // Each answer may name something new: that ends as well.
    let mut trial = Trial::default();
    let mut rounds = 0;
    loop {
        let used = sign_in.tokens().await.unwrap();
        let next = Challenge { insufficient: true, ..world.challenge(&format!("more{rounds}")) };
        if sign_in.recover(next, used, &mut trial).await.is_err() {
            break;
        }
        rounds += 1;
    }
    assert_eq!((rounds, world.asked("GET /authorize").len()), (2, 4));
}

#[tokio::test]
async fn a_person_is_told_and_what_was_asked_for_is_remembered_for_them() {
    let world = World::new(Script::default()).await;
    let sign_in = world.sign_in(&OAuth::default());
    let error = recover(&sign_in, world.challenge("read")).await.unwrap_err();
    assert!(error.needs_person() && error.hint("s") == "switchboard auth login s", "{error}");
    assert!(world.asked("POST ").is_empty() && world.asked("GET /authorize").is_empty(), "{:?}", world.lines());

    let pending = sign_in.login().await.unwrap().begin("http://127.0.0.1:9/callback".to_owned()).await.unwrap();
    let query = pending.follow().await.unwrap();
    sign_in.complete(pending, &query).await.unwrap();
    let more = Challenge { insufficient: true, ..world.challenge("write") };
    let error = recover(&sign_in, more).await.unwrap_err();
    assert!(matches!(error, SignInError::NeedsScopes { .. }) && error.needs_person(), "{error}");
    let login = sign_in.login().await.unwrap();
    assert!(login.scopes().contains("write") && login.port() == 9);
}
