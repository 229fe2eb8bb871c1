//! Tokens over time: renewed once for all, ended, taken from another process, revoked.

use crate::world::{Script, World, headless, recover};
use config::OAuth;
use outbound::oauth::{Challenge, SignInError, Trial};
use secrecy::ExposeSecret as _;
use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Waker};

const REFUSED: Option<(u16, &str)> = Some((400, r#"{"error":"invalid_grant","error_description":"gone"}"#));

/// A world in which somebody has signed in.
async fn signed_in(script: Script) -> World {
    let world = World::new(script).await;
    recover(&world.sign_in(&headless()), world.challenge("read")).await.unwrap();
    world
}

#[tokio::test]
async fn many_who_are_refused_at_once_cost_one_renewal() {
    let world = signed_in(Script::default()).await;
    let sign_in = world.sign_in(&OAuth::default());
    let used = sign_in.tokens().await.unwrap();
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let (sign_in, used) = (sign_in.clone(), used.clone());
            tokio::spawn(async move { sign_in.recover(Challenge::default(), used, &mut Trial::default()).await })
        })
        .collect();
    for waiter in waiting {
        assert_eq!(waiter.await.unwrap().unwrap().access.expose_secret(), "a2");
    }
    assert_eq!(world.asked("POST /token").len(), 2, "the code, and one renewal");
    assert_eq!(world.asked("POST /token")[1].pairs["resource"], format!("{}/mcp", world.base));
}

#[tokio::test]
async fn what_is_due_is_renewed_before_it_ends() {
    let world = signed_in(Script::default()).await;
    world.vault.edit(|account| account.tokens.as_mut().unwrap().expires = Some(1));
    let sign_in = world.sign_in(&OAuth::default());
    let both = tokio::join!(sign_in.tokens(), sign_in.tokens());
    for tokens in [both.0, both.1] {
        assert_eq!(tokens.unwrap().unwrap().access.expose_secret(), "a2");
    }
    assert_eq!(world.asked("POST /token").len(), 2);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_waste_a_token_that_is_good_once() {
    let world = signed_in(Script::default()).await;
    let sign_in = world.sign_in(&OAuth::default());
    let used = sign_in.tokens().await.unwrap();
    let mut trial = Trial::default();
    {
        let mut renewing = std::pin::pin!(sign_in.recover(Challenge::default(), used, &mut trial));
        assert!(renewing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    while world.account().unwrap().tokens.unwrap().access.expose_secret() != "a2" {
        world.vault.written.notified().await;
    }
    assert_eq!(sign_in.look_again().await.unwrap().unwrap().access.expose_secret(), "a2");
}

#[tokio::test]
async fn a_refused_renewal_ends_the_sign_in_and_is_not_tried_again() {
    let world = signed_in(Script { refresh: REFUSED, ..Script::default() }).await;
    let sign_in = world.sign_in(&OAuth::default());
    let error = recover(&sign_in, Challenge::default()).await.unwrap_err();
    assert!(matches!(&error, SignInError::NeedsPerson { why } if why.contains("gone")), "{error}");
    assert!(sign_in.tokens().await.unwrap().is_none());
    recover(&sign_in, Challenge::default()).await.unwrap_err();
    assert_eq!(world.asked("POST /token").len(), 2);
    let account = world.account().unwrap();
    assert!(account.tokens.is_none() && account.wanted.contains("read") && account.clients.len() == 1);
    // Without a browser the way goes on from there.
    recover(&world.sign_in(&headless()), Challenge::default()).await.unwrap();
    assert_eq!(world.asked("GET /authorize").len(), 2);
}

#[tokio::test]
async fn a_renewal_that_only_failed_is_no_end() {
    let world = signed_in(Script { refresh: Some((503, "busy")), ..Script::default() }).await;
    let sign_in = world.sign_in(&OAuth::default());
    let error = recover(&sign_in, Challenge::default()).await.unwrap_err();
    assert!(matches!(error, SignInError::Failed { .. }) && !error.needs_person(), "{error}");
    assert!(world.account().unwrap().tokens.is_some());
    // Who comes right behind does not wait for the same.
    recover(&sign_in, Challenge::default()).await.unwrap_err();
    assert_eq!(world.asked("POST /token").len(), 2);
    world.change(|script| script.refresh = None);
    let later = world.sign_in(&OAuth::default());
    assert_eq!(recover(&later, Challenge::default()).await.unwrap().access.expose_secret(), "a2");
}

#[tokio::test]
async fn what_another_process_renewed_is_taken_over() {
    let world = signed_in(Script::default()).await;
    let (here, there) = (world.sign_in(&OAuth::default()), world.sign_in(&OAuth::default()));
    let used = here.tokens().await.unwrap();
    recover(&there, Challenge::default()).await.unwrap();
    let tokens = here.recover(Challenge::default(), used, &mut Trial::default()).await.unwrap();
    assert_eq!(tokens.access.expose_secret(), "a2");
    assert_eq!(world.asked("POST /token").len(), 2);
}

#[tokio::test]
async fn what_was_made_for_another_url_is_not_shown() {
    let world = signed_in(Script::default()).await;
    world.vault.edit(|account| account.server = "https://other.example/mcp".to_owned());
    let sign_in = world.sign_in(&OAuth::default());
    assert!(sign_in.tokens().await.unwrap().is_none());
    assert!(recover(&sign_in, Challenge::default()).await.unwrap_err().needs_person());
}

#[tokio::test]
async fn signing_out_ends_the_tokens_and_forgets_them_in_any_case() {
    let world = signed_in(Script::default()).await;
    let sign_in = world.sign_in(&OAuth::default());
    let (was, trouble) = sign_in.logout().await.unwrap();
    assert!(was && trouble.is_none(), "{trouble:?}");
    let revoked: Vec<String> = world.asked("POST /revoke").iter().map(|asked| asked.pairs["token"].clone()).collect();
    assert_eq!(revoked, ["r1", "a1"]);
    assert!(world.account().is_none() && !sign_in.is_signed_in());
    assert!(!sign_in.logout().await.unwrap().0);

    let world = signed_in(Script { refuses_revocation: true, ..Script::default() }).await;
    let sign_in: Arc<_> = world.sign_in(&OAuth::default());
    let (was, trouble) = sign_in.logout().await.unwrap();
    assert!(was && trouble.is_some() && world.account().is_none());
}
