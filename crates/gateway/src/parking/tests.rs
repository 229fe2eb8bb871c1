//! Parked calls against a scripted server: first one by one, then many at once in random orders.
//!
//! The clock is paused, so a schedule is one choice of who acts next; nothing here waits for real.

use super::*;
use protocol::{CallContext, Text};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the server does in one call.
#[derive(Debug, Clone, Copy)]
struct Script {
    /// Which call it is; every question and answer says so.
    call: usize,
    /// How often it asks, and how much at once.
    rounds: usize,
    at_once: usize,
    /// Whether it ends by itself while it waits for the answer to its last question.
    ends: bool,
}

/// What the server saw.
#[derive(Debug, Default)]
struct Seen {
    started: AtomicUsize,
    answered: AtomicUsize,
    dropped: AtomicUsize,
    /// Questions that got an answer, of whatever kind.
    replied: AtomicUsize,
    asked: AtomicUsize,
    alive: AtomicUsize,
    /// Answers that belong to another call.
    crossed: AtomicUsize,
}

struct Alive(Arc<Seen>, bool);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
        let counter = if self.1 { &self.0.answered } else { &self.0.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn object(value: &serde_json::Value) -> Object {
    Object::of(&Raw::of(value)).unwrap()
}

fn server(
    script: Script,
    seen: Arc<Seen>,
    restart: Arc<tokio::sync::Notify>,
) -> impl FnOnce(Call, Asker) -> ReplyFuture {
    move |_, asker| {
        Box::pin(async move {
            seen.started.fetch_add(1, Ordering::Relaxed);
            seen.alive.fetch_add(1, Ordering::Relaxed);
            let mut alive = Alive(seen.clone(), false);
            for round in 0..script.rounds {
                let mut answers = Vec::new();
                for at in 0..script.at_once {
                    let (sender, answer) = oneshot::channel();
                    let counted = seen.clone();
                    seen.asked.fetch_add(1, Ordering::Relaxed);
                    let respond = move |reply: Reply| {
                        counted.replied.fetch_add(1, Ordering::Relaxed);
                        drop(sender.send(reply));
                    };
                    let params = object(&serde_json::json!({"message": format!("{}/{round}/{at}", script.call)}));
                    drop(asker.put(Question::new(Text::from_static("elicitation/create"), params, respond)));
                    answers.push(answer);
                }
                if script.ends && round + 1 == script.rounds {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    alive.1 = true;
                    return Err(Error::new(ErrorKind::Upstream, "its own patience is over"));
                }
                for answer in answers {
                    let reply = tokio::select! {
                        reply = answer => reply,
                        () = restart.notified() => {
                            alive.1 = true;
                            return Err(Error::new(ErrorKind::UpstreamGone, "restarted"));
                        }
                    };
                    let of = reply.ok().and_then(Result::ok).and_then(|answer| answer.text("of"));
                    if of.is_some_and(|of| *of != *script.call.to_string()) {
                        seen.crossed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            alive.1 = true;
            Ok(object(&serde_json::json!({"call": script.call})))
        })
    }
}

fn call_of(principal: &str) -> Call {
    let context = CallContext::internal(Principal::new(principal));
    Call { method: Text::from_static("tools/call"), params: Object::new(), context }
}

fn parking(all_max: usize, per_principal_max: usize) -> Arc<Parking> {
    Parking::new(ParkingLimits { all_max, per_principal_max, answer_timeout: Duration::from_secs(600) })
}

/// Answers to all of `requests`, by the call that its messages name.
fn answers(requests: &Object) -> Object {
    let entries: serde_json::Map<String, serde_json::Value> = requests
        .iter()
        .map(|(key, request)| {
            let params = Object::of(request).unwrap().object("params").unwrap();
            let of = params.text("message").unwrap().split('/').next().unwrap().to_owned();
            (key.to_string(), serde_json::json!({"action": "accept", "of": of}))
        })
        .collect();
    object(&serde_json::json!({"inputResponses": entries}))
}

fn asks(answered: Result<Answered, Error>) -> (Object, Ticket) {
    match answered.unwrap() {
        Answered::Asks(requests, ticket) => (requests, ticket),
        Answered::Done(result) => panic!("expected a question, got {result:?}"),
    }
}

async fn resume(parking: &Arc<Parking>, ticket: Ticket, params: &Object) -> Result<Answered, Error> {
    parking.resume(ticket, params, Notifier::none(), None).await
}

fn script(rounds: usize, at_once: usize) -> Script {
    Script { call: 7, rounds, at_once, ends: false }
}

#[tokio::test(start_paused = true)]
async fn a_retry_continues_the_same_call_and_only_once() {
    let (parking, seen) = (parking(9, 9), Arc::new(Seen::default()));
    let begun = parking.call(call_of("me"), Kinds::FORM, server(script(2, 3), seen.clone(), Arc::default())).await;
    let (requests, first) = asks(begun);
    assert_eq!((requests.len(), parking.len()), (3, 1));
    let (requests, second) = asks(resume(&parking, first, &answers(&requests)).await);
    assert_eq!(resume(&parking, first, &answers(&requests)).await.unwrap_err().kind, ErrorKind::InvalidParams);
    let done = resume(&parking, second, &answers(&requests)).await.unwrap();
    assert!(matches!(done, Answered::Done(result) if result.get("call").unwrap().as_str() == "7"));
    assert_eq!((seen.started.load(Ordering::Relaxed), parking.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_is_asked_again() {
    let (parking, seen) = (parking(9, 9), Arc::new(Seen::default()));
    let (requests, ticket) =
        asks(parking.call(call_of("me"), Kinds::FORM, server(script(1, 2), seen.clone(), Arc::default())).await);
    let mut some = Object::new();
    let (key, _) = requests.iter().next().unwrap();
    some.set("inputResponses", Raw::of(&serde_json::json!({&*key: {"action": "decline"}, "unknown": {}})));
    let (rest, again) = asks(resume(&parking, ticket, &some).await);
    assert!(rest.len() == 1 && rest.get(&key).is_none());
    assert!(matches!(resume(&parking, again, &answers(&rest)).await.unwrap(), Answered::Done(_)));
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_and_everything_ends() {
    let (parking, seen) = (parking(9, 9), Arc::new(Seen::default()));
    let (requests, ticket) =
        asks(parking.call(call_of("me"), Kinds::FORM, server(script(1, 1), seen.clone(), Arc::default())).await);
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!((parking.len(), seen.alive.load(Ordering::Relaxed), seen.replied.load(Ordering::Relaxed)), (0, 0, 1));
    assert!(resume(&parking, ticket, &answers(&requests)).await.is_err());
    let (_, ticket) =
        asks(parking.call(call_of("me"), Kinds::FORM, server(script(1, 1), seen.clone(), Arc::default())).await);
    parking.abandon(ticket);
    tokio::task::yield_now().await;
    assert_eq!((parking.len(), seen.alive.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_too_early_is_kept() {
    let (parking, seen) = (parking(9, 9), Arc::new(Seen::default()));
    let ends = Script { ends: true, ..script(1, 1) };
    let (requests, ticket) =
        asks(parking.call(call_of("me"), Kinds::FORM, server(ends, seen.clone(), Arc::default())).await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(parking.len(), 1);
    let error = resume(&parking, ticket, &answers(&requests)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Upstream);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_without_end_fills_no_memory() {
    let (parking, given_up) = (parking(9, 9), Arc::new(AtomicUsize::new(0)));
    let counted = given_up.clone();
    let without_end = move |_, asker: Asker| -> ReplyFuture {
        Box::pin(async move {
            loop {
                let counted = counted.clone();
                let respond = move |_: Reply| {
                    counted.fetch_add(1, Ordering::Relaxed);
                };
                drop(asker.put(Question::new(Text::from_static("elicitation/create"), Object::new(), respond)));
                sleep(Duration::from_millis(1)).await;
            }
        })
    };
    let (_, ticket) = asks(parking.call(call_of("me"), Kinds::FORM, without_end).await);
    sleep(Duration::from_secs(1)).await;
    let asked = given_up.load(Ordering::Relaxed);
    assert!(asked > 900, "only {asked} of about 1000 were turned away");
    let (requests, _) = asks(resume(&parking, ticket, &Object::new()).await);
    assert_eq!(requests.len(), QUESTIONS_MAX);
}

#[tokio::test(start_paused = true)]
async fn limits_hold_per_principal_and_in_all() {
    let (parking, seen) = (parking(3, 2), Arc::new(Seen::default()));
    let ask =
        |who: &'static str| parking.call(call_of(who), Kinds::FORM, server(script(1, 1), seen.clone(), Arc::default()));
    let _one = asks(ask("me").await);
    let _two = asks(ask("me").await);
    assert!(ask("me").await.unwrap_err().message.contains("parked_calls_per_principal_max"));
    let _three = asks(ask("you").await);
    assert!(ask("they").await.unwrap_err().message.contains("`parked_calls_max`"));
    assert_eq!((parking.len(), seen.alive.load(Ordering::Relaxed)), (3, 3), "refused calls do not linger");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_an_earlier_run_says_so() {
    let (parking, seen) = (parking(3, 2), Arc::new(Seen::default()));
    let (requests, ticket) =
        asks(parking.call(call_of("me"), Kinds::FORM, server(script(1, 1), seen, Arc::default())).await);
    let other = Ticket { instance: ticket.instance.wrapping_add(1), ..ticket };
    assert_eq!(resume(&parking, other, &answers(&requests)).await.unwrap_err().kind, ErrorKind::StateLost);
}

/// A small generator: the order of everything that follows hangs on it alone.
struct Choice(u64);

impl Choice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap_or(0)
    }
}

/// How each client's call ended.
#[derive(Debug, Default)]
struct Ends {
    by_call: Mutex<BTreeMap<usize, Vec<&'static str>>>,
}

impl Ends {
    fn note(&self, call: usize, how: &'static str) {
        self.by_call.lock().unwrap().entry(call).or_default().push(how);
    }
}

/// One client: calls, and answers, declines, answers twice, answers in part, vanishes or gives up.
async fn client(
    call: usize,
    seed: u64,
    parking: Arc<Parking>,
    seen: Arc<Seen>,
    restart: Arc<tokio::sync::Notify>,
    ends: Arc<Ends>,
) {
    let mut choice = Choice(seed | 1);
    let script = Script { call, rounds: choice.below(4), at_once: 1 + choice.below(3), ends: choice.below(8) == 0 };
    tokio::time::sleep(Duration::from_millis(choice.below(100) as u64)).await;
    let begun = parking.call(call_of(&format!("p{}", call % 5)), Kinds::FORM, server(script, seen, restart));
    let mut answered = if choice.below(10) == 0 {
        match timeout(Duration::from_millis(choice.below(50) as u64), begun).await {
            Ok(answered) => answered,
            Err(_) => return ends.note(call, "hung up"),
        }
    } else {
        begun.await
    };
    loop {
        let (requests, ticket) = match answered {
            Ok(Answered::Done(result)) => {
                assert_eq!(result.get("call").unwrap().as_str(), call.to_string(), "the answer of another call");
                return ends.note(call, "done");
            }
            Ok(Answered::Asks(requests, ticket)) => (requests, ticket),
            Err(_) => return ends.note(call, "failed"),
        };
        for (_, request) in requests.iter() {
            let message = Object::of(request).unwrap().object("params").unwrap().text("message").unwrap().to_string();
            assert!(message.starts_with(&format!("{call}/")), "asked for another call: {message}");
        }
        tokio::time::sleep(Duration::from_millis(choice.below(8000) as u64)).await;
        let ticket = through_a_token(call, &requests, ticket);
        match choice.below(12) {
            0 => return ends.note(call, "vanished"),
            1 => {
                parking.abandon(ticket);
                return ends.note(call, "abandoned");
            }
            2 => {
                tokio::time::sleep(Duration::from_secs(700)).await;
                assert!(resume(&parking, ticket, &answers(&requests)).await.is_err(), "expired");
                return ends.note(call, "expired");
            }
            3 => {
                // Both at once: one of them is told that there is nothing to answer.
                let params = answers(&requests);
                let (one, two) = tokio::join!(resume(&parking, ticket, &params), resume(&parking, ticket, &params));
                let refused =
                    |it: &Result<Answered, Error>| matches!(it, Err(error) if error.kind == ErrorKind::InvalidParams);
                assert!(refused(&one) != refused(&two), "{one:?} {two:?}");
                answered = if refused(&one) { two } else { one };
            }
            4 => {
                let params = answers(&requests);
                let retry = resume(&parking, ticket, &params);
                match timeout(Duration::from_millis(choice.below(30) as u64), retry).await {
                    Ok(done) => answered = done,
                    Err(_) => return ends.note(call, "hung up"),
                }
            }
            5 => {
                let nothing = Object::new();
                answered = resume(&parking, ticket, &nothing).await;
            }
            _ => answered = resume(&parking, ticket, &answers(&requests)).await,
        }
    }
}

/// The ticket goes to the client in a sealed token, which another principal cannot use, nor its
/// owner for another tool; whoever tries takes nothing away.
fn through_a_token(call: usize, requests: &Object, ticket: Ticket) -> Ticket {
    use crate::interactive::{Asked, Opened, asking, open, wrap};
    let sealer = protocol::seal::Sealer::new(&[1; 32], &[2; 32]);
    let principals = [call % 5, (call + 1) % 5].map(|number| Principal::new(&format!("p{number}")));
    let [own, other] = &principals;
    let asked = Asked { principal: own, method: "tools/call", name: "a__t", server: "a" };
    let mut context = CallContext::internal(own.clone());
    let capabilities = Some(Kinds::ALL.capabilities());
    context.client = Arc::new(protocol::Client { capabilities, ..(*context.client).clone() });
    let mut result = asking(requests);
    wrap(&sealer, asked, &context, &Object::new(), &mut result, Some(ticket), Duration::from_secs(600)).unwrap();
    let mut params = Object::new();
    params.set("requestState", result.get("requestState").unwrap().clone());
    assert!(open(&sealer, Asked { principal: other, ..asked }, &mut params.clone()).is_err(), "another principal");
    assert!(open(&sealer, Asked { name: "a__u", ..asked }, &mut params.clone()).is_err(), "another tool");
    match open(&sealer, asked, &mut params).unwrap() {
        Opened::Parked(opened) => opened,
        Opened::Send => panic!("the token lost its ticket"),
    }
}

fn interleaving(seed: u64, clients: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (parking, seen, ends) = (parking(48, 16), Arc::new(Seen::default()), Arc::new(Ends::default()));
        let restart = Arc::new(tokio::sync::Notify::new());
        let mut choice = Choice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let running: Vec<_> = (0..clients)
            .map(|call| {
                let seed = choice.0.wrapping_add(call as u64).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                tokio::spawn(client(call, seed, parking.clone(), seen.clone(), restart.clone(), ends.clone()))
            })
            .collect();
        // The server is started anew in between: whoever waits for an answer then loses its call.
        for _ in 0..choice.below(3) {
            tokio::time::sleep(Duration::from_millis(choice.below(20_000) as u64)).await;
            restart.notify_waiters();
        }
        for client in running {
            client.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        }
        // Vanished clients' calls end with their time.
        tokio::time::sleep(Duration::from_secs(1300)).await;
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let ends = ends.by_call.lock().unwrap();
        assert_eq!(ends.len(), clients, "seed {seed}: each call ends");
        assert!(ends.values().all(|ends| ends.len() == 1), "seed {seed}: and only once: {ends:?}");
        assert_eq!((parking.len(), count(&seen.alive)), (0, 0), "seed {seed}: nothing is left: {seen:?}");
        assert_eq!(count(&seen.started), count(&seen.answered) + count(&seen.dropped), "seed {seed}: {seen:?}");
        assert_eq!(count(&seen.asked), count(&seen.replied), "seed {seed}: every question is answered: {seen:?}");
        assert_eq!(count(&seen.crossed), 0, "seed {seed}: answers reach the call that asked");
        assert!(parking.lock().by_principal.is_empty(), "seed {seed}: counts go back to nothing");
    });
}

/// `SWITCHBOARD_LAB_INTERLEAVINGS` sets how many; the lab runs 100 000.
#[test]
fn many_clients_in_any_order() {
    let count = std::env::var("SWITCHBOARD_LAB_INTERLEAVINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(40);
    for seed in 0..count {
        interleaving(seed, 64);
    }
}
