//! Parked calls: a legacy server asks in the middle of a call, and whoever called is told
//! `input_required`; the retry goes on with the same call (protocol.md section 2.3).
//!
//! A parked call is owned by one task. It keeps the exchange with the server alive, holds the
//! questions, remembers an answer that comes too early, and ends when the retry never comes. Whose
//! call it is and whether a retry is a true one is checked before, by the sealed token.

use crate::asking::{Asker, Hold, Kinds, QUESTIONS_MAX, Question};
use protocol::{Call, Error, ErrorKind, Notification, Notifier, Object, Principal, Raw, Reply, ReplyFuture, meta};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

/// Questions that come together are put together.
const GATHER: Duration = Duration::from_millis(20);
/// Notifications of a call that wait to be passed on.
const TOLD_MAX: usize = 256;

/// How much longer a parked call waits than the person behind a legacy client is given, at most.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// What bounds parked calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParkingLimits {
    /// How many there are at once.
    pub(crate) all_max: usize,
    /// How many one principal has at once.
    pub(crate) per_principal_max: usize,
    /// How long a person may take.
    pub(crate) answer_timeout: Duration,
}

impl ParkingLimits {
    /// What the configuration says of them.
    pub(crate) fn of(limits: &config::Limits) -> Self {
        Self {
            all_max: limits.parked_calls_max,
            per_principal_max: limits.parked_calls_per_principal_max,
            // A session that asks its client in time must still find the call.
            answer_timeout: limits.answer_timeout + ANSWER_GRACE.min(limits.answer_timeout / 8),
        }
    }
}

/// All parked calls.
pub(crate) struct Parking {
    limits: ParkingLimits,
    /// Tells the tokens of this run from those of an earlier one.
    instance: u64,
    lots: Mutex<Lots>,
}

#[derive(Default)]
struct Lots {
    next: u64,
    open: HashMap<u64, Lot>,
    by_principal: HashMap<Principal, usize>,
}

/// A place that a call is parked in. The retry takes it, once.
struct Lot {
    principal: Principal,
    retry: oneshot::Sender<Retry>,
}

/// Names a parked call; travels inside a sealed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    instance: u64,
    lot: u64,
}

/// How a call goes on.
#[derive(Debug)]
pub(crate) enum Answered {
    /// It is answered.
    Done(Object),
    /// It is parked: what is asked, as `inputRequests`, and where it goes on.
    Asks(Object, Ticket),
}

/// Whoever waits for the call now: where its notifications go.
#[derive(Debug, Clone)]
struct Listener {
    notifier: Notifier,
    token: Option<Raw>,
}

/// What comes back.
struct Retry {
    answers: Object,
    listener: Listener,
    outcome: oneshot::Sender<Result<Answered, Error>>,
}

/// A call that may be asked, on its way.
struct Running {
    principal: Principal,
    /// `None` once it is answered.
    exchange: Option<ReplyFuture>,
    asked: mpsc::Receiver<Question>,
    told: Notifier,
    hold: Hold,
    pending: Vec<(String, Question)>,
    questions: u32,
    /// The answer, when it came while nobody waited.
    done: Option<Reply>,
    last_progress: Option<Notification>,
}

// === impl Parking ===

impl Parking {
    pub(crate) fn new(limits: ParkingLimits) -> Arc<Self> {
        let mut instance = [0; 8];
        // Without randomness the process number still differs from one run to the next.
        if getrandom::fill(&mut instance).is_err() {
            instance = u64::from(std::process::id()).to_be_bytes();
        }
        Arc::new(Self { limits, instance: u64::from_be_bytes(instance), lots: Mutex::default() })
    }

    /// What bounds them, and whatever else waits for a person.
    pub(crate) fn limits(&self) -> ParkingLimits {
        self.limits
    }

    /// How many calls are parked.
    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// Makes a call of a client that declared `kinds`; `start` begins the exchange with the server.
    ///
    /// # Errors
    /// Those of the call, and of a limit when it had to be parked.
    pub(crate) async fn call(
        self: &Arc<Self>,
        mut call: Call,
        kinds: Kinds,
        start: impl FnOnce(Call, Asker) -> ReplyFuture,
    ) -> Result<Answered, Error> {
        let (asker, asked) = Asker::new(kinds);
        let told = Notifier::bounded(TOLD_MAX);
        let notifier = std::mem::replace(&mut call.context.notifier, told.clone());
        let listener = Listener { notifier, token: call.context.progress_token.clone() };
        let mut running = Running {
            principal: call.context.principal.clone(),
            hold: asker.hold().clone(),
            exchange: Some(start(call, asker)),
            asked,
            told,
            pending: Vec::new(),
            questions: 0,
            done: None,
            last_progress: None,
        };
        running.until_asked(&listener).await;
        self.go_on(running)
    }

    /// The retry of a parked call: its answers go to the server, and it goes on.
    ///
    /// # Errors
    /// Those of the call; [`ErrorKind::InvalidParams`] when it is not parked (any more), and
    /// [`ErrorKind::StateLost`] when it was parked in an earlier run.
    pub(crate) async fn resume(
        self: &Arc<Self>,
        ticket: Ticket,
        params: &Object,
        notifier: Notifier,
        token: Option<Raw>,
    ) -> Result<Answered, Error> {
        let answers = read_answers(params)?;
        let lot = self.take(ticket)?;
        let (outcome, waiting) = oneshot::channel();
        let retry = Retry { answers, listener: Listener { notifier, token }, outcome };
        if lot.retry.send(retry).is_err() {
            return Err(expired());
        }
        waiting.await.unwrap_or_else(|_| Err(expired()))
    }

    /// Whoever was asked will not answer: the server is told so, and the call is cancelled.
    pub(crate) fn abandon(&self, ticket: Ticket) {
        // The task that owns the call sees that nobody can come any more.
        drop(self.take(ticket));
    }

    fn take(&self, ticket: Ticket) -> Result<Lot, Error> {
        if ticket.instance != self.instance {
            let message = "the call was parked before Switchboard was started anew, and ended with that";
            return Err(Error::new(ErrorKind::StateLost, message).hint("call again, without requestState"));
        }
        self.lock().take(ticket.lot).ok_or_else(expired)
    }

    /// Answers what is answered, parks what asks.
    fn go_on(self: &Arc<Self>, mut running: Running) -> Result<Answered, Error> {
        if let Some(reply) = running.done.take() {
            return reply.map(Answered::Done);
        }
        let (sender, retry) = oneshot::channel();
        let lot = self.lock().park(running.principal.clone(), sender, self.limits)?;
        let requests = running.requests();
        running.hold.hold();
        let parked = Parked { parking: self.clone(), lot };
        tokio::spawn(running.wait(parked, retry));
        Ok(Answered::Asks(requests, Ticket { instance: self.instance, lot }))
    }

    fn lock(&self) -> MutexGuard<'_, Lots> {
        self.lots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expired() -> Error {
    Error::new(ErrorKind::InvalidParams, "requestState: this call is not waiting for an answer (any more)")
        .hint("it was answered already, or took too long; call again without requestState and inputResponses")
}

/// `inputResponses`: one object for each question.
pub(crate) fn read_answers(params: &Object) -> Result<Object, Error> {
    let wrong = |what: &str| {
        Error::new(ErrorKind::InvalidParams, format!("inputResponses: {what}"))
            .hint("send an object with one object for each key of inputRequests")
    };
    let Some(answers) = params.get("inputResponses") else { return Ok(Object::new()) };
    let answers = Object::of(answers).map_err(|error| wrong(&error.to_string()))?;
    if let Some((key, _)) = answers.iter().find(|(_, answer)| !answer.is_object()) {
        return Err(wrong(&format!("the answer to `{key}` is no object")));
    }
    Ok(answers)
}

// === impl ParkingLimits ===

impl ParkingLimits {
    /// Whether one more may wait beside `all`, of which `own` are of the same principal.
    pub(crate) fn admit(self, all: usize, own: usize) -> Result<(), Error> {
        let (name, most) = if all >= self.all_max {
            ("parked_calls_max", self.all_max)
        } else if own >= self.per_principal_max {
            ("parked_calls_per_principal_max", self.per_principal_max)
        } else {
            return Ok(());
        };
        let message = format!("{most} calls wait for the answer of a person already (limit `{name}`)");
        Err(Error::new(ErrorKind::Overloaded, message)
            .hint(format!("answer or drop some of them, or raise limits.{name}")))
    }
}

// === impl Lots ===

impl Lots {
    fn park(
        &mut self,
        principal: Principal,
        retry: oneshot::Sender<Retry>,
        limits: ParkingLimits,
    ) -> Result<u64, Error> {
        let own = self.by_principal.get(&principal).copied().unwrap_or(0);
        limits.admit(self.open.len(), own)?;
        let lot = self.next;
        self.next += 1;
        *self.by_principal.entry(principal.clone()).or_default() += 1;
        self.open.insert(lot, Lot { principal, retry });
        Ok(lot)
    }

    fn take(&mut self, lot: u64) -> Option<Lot> {
        let lot = self.open.remove(&lot)?;
        if let Some(count) = self.by_principal.get_mut(&lot.principal) {
            *count -= 1;
            if *count == 0 {
                self.by_principal.remove(&lot.principal);
            }
        }
        Some(lot)
    }
}

/// Gives its place back, if nobody took it.
struct Parked {
    parking: Arc<Parking>,
    lot: u64,
}

impl Drop for Parked {
    fn drop(&mut self) {
        drop(self.parking.lock().take(self.lot));
    }
}

// === impl Running ===

impl Running {
    /// Goes on until the call is answered or asks.
    async fn until_asked(&mut self, listener: &Listener) {
        if let Some(progress) = self.last_progress.take() {
            listener.tell(progress);
        }
        while self.done.is_none() && self.pending.is_empty() {
            self.step(listener).await;
        }
        if self.done.is_none() {
            // More of them are probably on their way.
            let more = async {
                while self.done.is_none() {
                    self.step(listener).await;
                }
            };
            let _ = timeout(GATHER, more).await;
        }
        while let Some(notification) = self.told.take() {
            listener.tell(notification);
        }
    }

    /// Waits for one thing that happens.
    async fn step(&mut self, listener: &Listener) {
        let exchange = async {
            match &mut self.exchange {
                Some(exchange) => exchange.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            notification = self.told.next() => listener.tell(notification),
            reply = exchange => self.end(reply),
            Some(question) = self.asked.recv() => self.ask(question),
        }
    }

    fn end(&mut self, reply: Reply) {
        self.exchange = None;
        self.done = Some(reply);
        // Whatever was asked has lost its meaning.
        self.pending.clear();
    }

    fn ask(&mut self, question: Question) {
        if self.pending.len() >= QUESTIONS_MAX {
            return question.give_up("too many questions of this call wait for an answer already");
        }
        self.questions += 1;
        self.pending.push((format!("question-{}", self.questions), question));
    }

    /// What is asked, as `inputRequests` of an `input_required` result.
    fn requests(&self) -> Object {
        self.pending.iter().map(|(key, question)| (key.as_str(), question.entry())).collect()
    }

    /// Waits for the retry, and goes on with it.
    async fn wait(mut self, parked: Parked, mut retry: oneshot::Receiver<Retry>) {
        let parking = parked.parking.clone();
        let late = sleep(parking.limits.answer_timeout);
        tokio::pin!(late);
        let retry = loop {
            let exchange = async {
                match &mut self.exchange {
                    Some(exchange) => exchange.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                retry = &mut retry => match retry {
                    Ok(retry) => break retry,
                    Err(_) => return self.give_up(),
                },
                () = &mut late => return self.give_up(),
                notification = self.told.next() => self.keep(notification),
                reply = exchange => self.end(reply),
                Some(question) = self.asked.recv() => self.ask(question),
            }
        };
        drop(parked);
        let Retry { answers, listener, mut outcome } = retry;
        for (key, question) in std::mem::take(&mut self.pending) {
            match answers.object(&key) {
                Some(answer) => question.answer(Ok(answer)),
                None => self.pending.push((key, question)),
            }
        }
        self.hold.release();
        let cancelled = tokio::select! {
            biased;
            () = outcome.closed() => true,
            () = self.until_asked(&listener) => false,
        };
        if cancelled {
            return self.give_up();
        }
        // Whoever retried may have gone just now; a parked call then waits for its end.
        drop(outcome.send(parking.go_on(self)));
    }

    /// Of what happens while nobody listens only the latest progress is kept.
    fn keep(&mut self, notification: Notification) {
        if notification.method == *"notifications/progress" {
            self.last_progress = Some(notification);
        }
    }

    /// Nobody will answer: the server hears so, then that the call is cancelled.
    fn give_up(self) {
        for (_, question) in self.pending {
            question.give_up("whoever was asked did not answer in time");
        }
        drop(self.exchange);
    }
}

impl Listener {
    fn tell(&self, mut notification: Notification) {
        if notification.method == *"notifications/progress" {
            let (Some(token), Some(params)) = (&self.token, &mut notification.params) else { return };
            params.set(meta::PROGRESS_TOKEN, token.clone());
        }
        self.notifier.send(notification);
    }
}

#[cfg(test)]
mod tests;
