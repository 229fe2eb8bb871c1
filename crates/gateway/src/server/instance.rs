//! One instance of a server: a task of its own that starts, connects, lists and ends it, and starts
//! it again as the restart policy says. It obeys its orders and reports; what the server as a whole
//! shows and does is the owner's business.

use super::goal::{Goal, News, Order};
use super::lanes::Lane;
use super::needs::trouble;
use super::outdated::Outdated;
use super::pool::Pool;
use super::restarts::policy;
use super::start::{Child, Down, Live, attempt, mirrored, with_last_words};
use super::{Cause, Core, Environment, InstanceStatus, alarm};
use crate::DRAIN_TIME_MAX;
use crate::catalog::ServerCatalog;
use crate::upstream::UpstreamEvent;
use protocol::{Era, Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use supervisor::{Decision, Ending, Event, ExitReport, Jitter, ProcessHandle, Restarts, State};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

const EVENTS_MAX: usize = 256;

/// What an instance reports, with its index in the status.
pub(super) enum Report {
    /// It is in another state.
    Moved(Box<InstanceStatus>),
    /// It is ready: this is the way to it, what it listed, and what is not as it should be.
    Up { status: Box<InstanceStatus>, lane: Arc<Lane>, catalog: Box<ServerCatalog>, degraded: Option<String> },
    /// What it needs is gone, or there again.
    Troubled { index: usize, trouble: Option<String> },
    /// It listed something else.
    Listed { index: usize, catalog: Box<ServerCatalog> },
}

/// The task of one instance.
pub(super) struct Instance {
    server: Arc<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    orders: watch::Receiver<Order>,
    /// The orders that were obeyed.
    obeyed: Order,
    reports: mpsc::Sender<Report>,
    status: InstanceStatus,
    restarts: Restarts,
    /// Era from an earlier run or attempt; forgotten when it turns out wrong.
    remembered: Option<Era>,
    /// Whether the next start is one after an end.
    again: bool,
    /// When the process that runs now was started.
    begun: SystemTime,
}

/// How a life ended.
enum Left {
    /// Unasked.
    Down(Down),
    /// As it was told; it is stopped or asleep.
    Told,
}

/// A life that is being led.
struct Led {
    live: Live,
    lane: Arc<Lane>,
    catalog: ServerCatalog,
}

impl Instance {
    pub(super) fn new(
        (server, entry, environment): (&Arc<Core>, &Arc<config::Server>, &Environment),
        index: usize,
        orders: watch::Receiver<Order>,
        reports: mpsc::Sender<Report>,
    ) -> Self {
        let mut seed = [0; 8];
        // Jitter without randomness is still a backoff.
        let _ = getrandom::fill(&mut seed);
        let obeyed = orders.borrow().clone();
        Self {
            server: server.clone(),
            entry: entry.clone(),
            environment: environment.clone(),
            orders,
            obeyed,
            reports,
            status: InstanceStatus::new(index),
            restarts: Restarts::new(policy(entry), Jitter::seeded(u64::from_le_bytes(seed))),
            remembered: server.catalog().era,
            again: false,
            begun: SystemTime::now(),
        }
    }

    /// Leads its lives until it is told to end for good.
    pub(super) async fn run(mut self) {
        loop {
            match self.goal() {
                Goal::Up if !self.heard() => {}
                Goal::Up => {
                    if let Left::Down(down) = Box::pin(self.one_life()).await {
                        self.pause(down).await;
                    }
                }
                Goal::Asleep if self.status.state == State::Stopped => self.go(Event::Idle, "").await,
                Goal::Asleep if self.status.state != State::Asleep => self.go(Event::Stop, "").await,
                Goal::Stopped | Goal::Ended if self.status.state != State::Stopped => self.go(Event::Stop, "").await,
                Goal::Ended => return,
                Goal::Asleep | Goal::Stopped => {
                    self.news().await;
                }
            }
        }
    }

    /// What is wanted of it now; whoever gave the orders being gone, its end.
    fn goal(&mut self) -> Goal {
        let goal = if self.orders.has_changed().is_ok() { self.orders.borrow().goal } else { Goal::Ended };
        self.obeyed.goal = goal;
        goal
    }

    /// What it was told until now is done by starting; whether that is what it is told.
    fn heard(&mut self) -> bool {
        let order = self.orders.borrow_and_update().clone();
        let up = order.goal == Goal::Up;
        if up {
            self.obeyed = order;
        }
        up
    }

    /// Waits for orders that differ from those that were obeyed.
    async fn news(&mut self) -> News {
        loop {
            let order = self.orders.borrow_and_update().clone();
            let news = order.since(&self.obeyed);
            self.obeyed = order;
            if let Some(news) = news {
                return news;
            }
            if self.orders.changed().await.is_err() {
                return News { goal: true, ..News::default() };
            }
        }
    }

    /// Takes a step, if it is one, and reports where it is now.
    async fn go(&mut self, event: Event, reason: &str) {
        self.step(event, reason, None, None, Cause::Other).await;
    }

    async fn step(
        &mut self,
        event: Event,
        reason: &str,
        hint: Option<String>,
        next_try: Option<Instant>,
        cause: Cause,
    ) {
        let state = match self.status.state.next(event) {
            Ok(state) => state,
            Err(refused) => {
                tracing::error!(server = %self.server.name, instance = self.status.index, %refused, "{refused}");
                return;
            }
        };
        self.status = InstanceStatus {
            state,
            cause,
            reason: (!reason.is_empty()).then(|| reason.into()),
            hint: hint.map(Into::into),
            since: SystemTime::now(),
            next_try,
            pid: self.status.pid.filter(|_| state.is_running()),
            meter: self.status.meter.clone().filter(|_| state.is_running()),
            ..self.status.clone()
        };
        self.report(Report::Moved(Box::new(self.status.clone()))).await;
    }

    /// It is starting, and waits for something.
    async fn waits_for(&mut self, what: Arc<str>) {
        self.status.reason = (!what.is_empty()).then_some(what);
        self.report(Report::Moved(Box::new(self.status.clone()))).await;
    }

    async fn report(&self, report: Report) {
        // Nobody listens when everything is being torn down.
        let _ = self.reports.send(report).await;
    }

    /// Starts it, serves while it is up, ends it.
    async fn one_life(&mut self) -> Left {
        if std::mem::replace(&mut self.again, true) && self.status.state != State::Asleep {
            self.status.restarts += 1;
            self.server.counters.restarts.fetch_add(1, Ordering::Relaxed);
        }
        let why = self.status.reason.clone().filter(|_| self.status.state == State::Stopped);
        self.go(Event::Start, why.as_deref().unwrap_or_default()).await;
        self.begun = SystemTime::now();
        let (sender, mut events) = mpsc::channel(EVENTS_MAX);
        let child = Child::default();
        let mut said = child.hears();
        // Lists that changed while they were read for the first time.
        let mut changed = Outdated::new();
        // Whether a person signed in, perhaps after this attempt had looked for that.
        let mut sign_in = false;
        let begun = {
            let (server, entry, environment) = (self.server.clone(), self.entry.clone(), self.environment.clone());
            let attempt = attempt(server.clone(), entry, environment.clone(), self.remembered, sender.clone(), &child);
            // It is several KiB large and over soon: the instance should not keep room for it.
            let mut attempt = Box::pin(attempt);
            loop {
                tokio::select! {
                    begun = &mut attempt => break Some(begun),
                    Some(event) = events.recv() => changed.note(&server, &environment, event),
                    Ok(()) = said.changed() => {
                        let what = said.borrow_and_update().clone();
                        self.waits_for(what).await;
                    }
                    news = self.news() => {
                        sign_in |= news.sign_in;
                        if news.goal || news.restart.is_some() {
                            break None;
                        }
                    }
                }
            }
        };
        match begun {
            None => {
                self.go(Event::Stop, "").await;
                child.end(self.entry.stop_timeout).await;
                self.gone("").await;
                Left::Told
            }
            Some(Err(down)) if down.cause == Cause::SignIn && sign_in && self.is_signed_in().await => {
                self.go(Event::Stop, "").await;
                self.gone("").await;
                Left::Told
            }
            Some(Err(down)) => {
                self.remembered = None;
                Left::Down(down)
            }
            Some(Ok((live, catalog, degraded))) => {
                let led = self.ready(live, catalog, degraded, sender).await;
                self.serve(led, events, changed).await
            }
        }
    }

    /// It is proven ready: the way to it is reported.
    async fn ready(
        &mut self,
        live: Live,
        catalog: ServerCatalog,
        degraded: Option<String>,
        events: mpsc::Sender<UpstreamEvent>,
    ) -> Led {
        self.remembered = catalog.era;
        live.link.set_mirrored(mirrored(&catalog));
        let pool = Pool::new(&self.server, &self.entry, &self.environment, &live.link, events);
        let lane = Lane::new(self.status.index, &live, pool);
        self.restarts.ready(Instant::now());
        match self.status.state.next(Event::Ready) {
            Ok(state) => {
                let (since, pid) = (SystemTime::now(), live.pid);
                let meter = live.process.as_ref().map(ProcessHandle::meter);
                self.status =
                    InstanceStatus { state, since, pid, meter, reason: None, hint: None, ..self.status.clone() };
                let (status, lane, catalog) = (Box::new(self.status.clone()), lane.clone(), Box::new(catalog.clone()));
                self.report(Report::Up { status, lane, catalog, degraded }).await;
            }
            Err(refused) => tracing::error!(server = %self.server.name, %refused, "{refused}"),
        }
        Led { live, lane, catalog }
    }

    /// Serves events and orders until it ends or is ended.
    async fn serve(&mut self, mut led: Led, mut events: mpsc::Receiver<UpstreamEvent>, mut changed: Outdated) -> Left {
        let live = led.live.clone();
        let ended = live.ended();
        tokio::pin!(ended);
        let mut troubled = None;
        let (server, environment) = (self.server.clone(), self.environment.clone());
        loop {
            tokio::select! {
                exit = &mut ended => return Left::Down(self.ended_unasked(&led, exit).await),
                news = self.news() => {
                    if news.refresh {
                        changed.all();
                    }
                    if let Some(left) = self.heed(news, &led).await {
                        return left;
                    }
                }
                Some(event) = events.recv() => match event {
                    UpstreamEvent::SignedOut { error } => {
                        return Left::Down(self.end_sick(&led, Down::signed_out(&error)).await);
                    }
                    event => changed.note(&self.server, &self.environment, event),
                },
                now = trouble(live.lease.as_ref(), &troubled) => {
                    let back = "everything that it needs is there again";
                    self.server.log.remark(now.as_deref().unwrap_or(back));
                    self.report(Report::Troubled { index: self.status.index, trouble: now.clone() }).await;
                    troubled = now;
                }
                catalog = changed.read(&server, &environment, &live.link, &led.catalog) => {
                    live.link.set_mirrored(mirrored(&catalog));
                    led.catalog = catalog.clone();
                    self.report(Report::Listed { index: self.status.index, catalog: Box::new(catalog) }).await;
                }
            }
        }
    }

    /// Does what is new in the orders; returns how its life ended, if it did.
    async fn heed(&mut self, news: News, led: &Led) -> Option<Left> {
        if news.goal {
            self.leave(led, "").await;
            return Some(Left::Told);
        }
        if let Some(why) = news.restart {
            self.restarts.reset();
            self.leave(led, &why).await;
            return Some(Left::Told);
        }
        if let Some(why) = news.sick {
            let down = Down { ending: Ending::Failure, reason: why.to_string(), hint: None, cause: Cause::Other };
            return Some(Left::Down(self.end_sick(led, down).await));
        }
        if news.sign_in
            && let Some(down) = self.signed_out().await
        {
            return Some(Left::Down(self.end_sick(led, down).await));
        }
        None
    }

    /// Lets calls in flight finish, for a bounded time, then ends it.
    async fn leave(&mut self, led: &Led, why: &str) {
        led.lane.close();
        self.go(Event::Drain, why).await;
        let until = Instant::now() + self.entry.stop_timeout.min(DRAIN_TIME_MAX);
        let mut orders = self.orders.clone();
        tokio::select! {
            _ = led.lane.emptied(until) => {}
            _ = orders.wait_for(|order| order.hasty) => {}
        }
        self.go(Event::Stop, why).await;
        led.lane.end(if why.is_empty() { "it was ended" } else { why });
        self.end(led).await;
        self.gone(why).await;
    }

    /// Ends it with the instances beside it, and waits until all of them are gone.
    async fn end(&self, led: &Led) {
        let others = async {
            if let Some(pool) = &led.lane.pool {
                pool.gone().await;
            }
        };
        tokio::join!(led.live.end(self.entry.stop_timeout), others);
    }

    /// Nothing of it is left; it rests as it is told now.
    async fn gone(&mut self, why: &str) {
        let event = if self.goal() == Goal::Asleep { Event::Idle } else { Event::Ended };
        self.go(event, why).await;
    }

    /// Ends what is no good any more, at once.
    async fn end_sick(&mut self, led: &Led, down: Down) -> Down {
        led.lane.end(&down.reason);
        self.go(Event::Stop, &down.reason).await;
        self.end(led).await;
        down
    }

    async fn ended_unasked(&mut self, led: &Led, exit: Option<ExitReport>) -> Down {
        led.lane.close();
        let down = match (exit, &led.live.process) {
            (Some(exit), _) => {
                led.live.last_words().await;
                let reason = format!("the process ended: {exit}");
                Down {
                    ending: if exit.is_success() { Ending::Clean } else { Ending::Failure },
                    reason: with_last_words(&self.server, self.begun, reason),
                    hint: exit.hint().map(str::to_owned),
                    cause: Cause::Other,
                }
            }
            (None, process) => {
                let reason = if process.is_some() {
                    with_last_words(&self.server, self.begun, "it closed its output, and was ended".to_owned())
                } else {
                    "the connection was closed".to_owned()
                };
                Down { ending: Ending::Failure, reason, hint: None, cause: Cause::Other }
            }
        };
        led.lane.end(&down.reason);
        let lives = led.live.process.as_ref().is_some_and(|process| process.exited().is_none());
        if lives || led.lane.pool.as_ref().is_some_and(|pool| pool.len() > 0) {
            self.go(Event::Stop, &down.reason).await;
        }
        self.end(led).await;
        down
    }

    /// Whether the person who was signed in is not any more.
    async fn signed_out(&self) -> Option<Down> {
        let sign_in = self.server.sign_in.as_ref().filter(|sign_in| sign_in.is_signed_in())?;
        match sign_in.look_again().await {
            Ok(None) => {
                let error = Error::new(ErrorKind::NeedsAuth, "it was signed out");
                Some(Down::signed_out(&error.hint(format!("switchboard auth login {}", self.server.name))))
            }
            // What cannot be read now is read again by the next request that needs it.
            Ok(Some(_)) | Err(_) => None,
        }
    }

    async fn is_signed_in(&self) -> bool {
        match &self.server.sign_in {
            Some(sign_in) => matches!(sign_in.look_again().await, Ok(Some(_))),
            None => false,
        }
    }

    /// Waits as long as the restart policy says, or until it is told otherwise.
    async fn pause(&mut self, down: Down) {
        let now = Instant::now();
        let (event, until) = match self.restarts.ended(down.ending, now) {
            _ if down.cause == Cause::SignIn => (Event::GiveUp, None),
            Decision::RestartAfter(delay) => (Event::AgainLater, Some(now + delay)),
            Decision::CrashLoop { until, first } => {
                alarm::crash_loop(&self.server.name, &self.entry, &down.reason, until - now, first);
                (Event::TooOften, Some(until))
            }
            Decision::Rest => (Event::Done, None),
            Decision::Stop => (Event::GiveUp, None),
        };
        let done = (Some(Cause::DONE_HINT.to_owned()), Cause::Done);
        let (hint, cause) = if event == Event::Done { done } else { (down.hint, down.cause) };
        self.step(event, &down.reason, hint, until, cause).await;
        loop {
            let wake = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let news = tokio::select! {
                () = wake => return,
                news = self.news() => news,
            };
            let signed_in = news.sign_in && down.cause == Cause::SignIn && self.is_signed_in().await;
            if news.restart.is_some() || signed_in {
                self.restarts.reset();
                return;
            }
            if self.goal() != Goal::Up {
                self.restarts.reset();
                if self.status.state != State::Asleep {
                    self.go(Event::Stop, "").await;
                }
                return;
            }
        }
    }
}
