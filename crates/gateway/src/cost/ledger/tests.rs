//! The ledger with fake lists: who pays what, and when.

use super::*;
use protocol::{Client, Notifier, Version};

fn session(name: &str) -> CallContext {
    let client = Client {
        version: Version::V2025_06_18,
        info: Some(Raw::from_static(r#"{"name":"agent"}"#)),
        capabilities: Some(Raw::from_static("{}")),
    };
    CallContext {
        client: Arc::new(client),
        session: Some(name.into()),
        notifier: Notifier::none(),
        ..CallContext::internal(Principal::new("me"))
    }
}

/// A list of fresh bytes.
fn list(tools: &[&str]) -> Vec<Raw> {
    vec![Raw::of(&tools.iter().map(|name| serde_json::json!({ "name": name })).collect::<Vec<_>>())]
}

fn cost(tools: &[&str]) -> u64 {
    tools.iter().map(|name| tokens::count(&format!(r#"{{"name":"{name}"}}"#)) as u64).sum()
}

#[test]
fn each_list_read_counts_and_a_change_breaks_what_was_read() {
    let (ledger, prices) = (Ledger::default(), Prices::default());
    let (one, two) = (session("a"), session("b"));
    let (former, later) = (["search", "fetch"], ["search"]);
    ledger.reads(&one, "", &list(&former));
    ledger.reads(&one, "", &list(&former));
    ledger.reads(&two, "", &list(&former));
    ledger.settle(&prices);
    let told = ledger.broken();
    assert_eq!(*told.borrow(), Broken::default(), "the same bytes in another place are the same list");
    let shown = |name: &str| ledger.sessions().into_iter().find(|costs| costs.session == name).unwrap();
    assert_eq!((shown("a").lists, shown("a").definitions_tokens), (2, 2 * cost(&former)));
    ledger.changed([&"github".into()]);
    assert!(ledger.reads(&one, "", &list(&later)));
    assert!(!ledger.reads(&two, "/p/work", &list(&later)));
    ledger.settle(&prices);
    let broken = Broken { tokens: cost(&former), sessions: 1, servers: ["github".into()].into() };
    assert_eq!(*told.borrow(), broken, "another endpoint is another list");
    assert_eq!((shown("a").breaks, shown("a").broken_tokens), (1, cost(&former)));
    assert_eq!((shown("b").breaks, shown("b").definitions_tokens), (0, cost(&former) + cost(&later)));
    assert_eq!(shown("a").client.as_deref(), Some("agent"));
    assert!(!ledger.has_open());
}

#[test]
fn a_list_that_was_counted_is_not_held_and_known_when_it_comes_again() {
    let (ledger, prices) = (Ledger::default(), Prices::default());
    let read = list(&["search"]);
    ledger.reads(&session("a"), "", &read);
    assert!(ledger.has_open());
    ledger.settle(&prices);
    assert!(!ledger.has_open());
    drop(read);
    ledger.reads(&session("a"), "", &list(&["search"]));
    ledger.settle(&prices);
    assert_eq!(ledger.broken().borrow().sessions, 0);
    assert_eq!(ledger.sessions()[0].definitions_tokens, 2 * cost(&["search"]));
    assert_eq!(ledger.lock().lists.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_busy_until_its_last_call_has_an_answer() {
    let ledger = Arc::new(Ledger::default());
    let context = session("a");
    let reader = Reader::of(&context).unwrap();
    assert_eq!(ledger.activity(&reader), Activity::default());
    let (mut first, second) = (ledger.begins(&context).unwrap(), ledger.begins(&context).unwrap());
    assert_eq!(ledger.activity(&reader), Activity { in_flight: 2, quiet: None });
    first.answered(3_900);
    drop(first);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(ledger.activity(&reader).in_flight, 1);
    drop(second);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ledger.activity(&reader), Activity { in_flight: 0, quiet: Some(Duration::from_secs(1)) });
    let shown = &ledger.sessions()[0];
    assert_eq!((shown.calls, shown.results_tokens, shown.idle_ms), (2, 1_000, 1_000));
}

#[test]
fn accounts_are_bounded_and_modern_requests_of_one_client_are_one() {
    let ledger = Arc::new(Ledger::default());
    let working = ledger.begins(&session("working"));
    for number in 0..SESSIONS_MAX + 10 {
        drop(ledger.begins(&session(&number.to_string())));
    }
    let sessions = ledger.sessions();
    assert_eq!(sessions.len(), SESSIONS_MAX);
    assert!(sessions.iter().any(|costs| costs.session == "working"), "who has a call in flight is kept");
    drop(working);
    let modern = CallContext { session: None, ..session("") };
    assert_eq!(Reader::of(&modern), Reader::of(&modern.clone()));
    let other = CallContext { principal: Principal::new("other"), ..modern.clone() };
    assert_ne!(Reader::of(&modern), Reader::of(&other));
    assert_eq!(Reader::of(&CallContext::internal(Principal::new("switchboard"))), None);
}
