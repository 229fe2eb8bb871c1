//! The owner of one service: the only task that starts, checks and stops it. What follows from who
//! needs it is `Demand`, when it is tried again is `Restarts`; this file only acts on them.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use config::{Approval, Service, ServiceKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::demand::{Demand, Wanted};
use super::lease::Lease;
use super::run::{Down, Run};
use super::seams::Tools;
use super::{Directory, ServiceStatus};
use crate::restart::{Decision, Ending, Jitter, RestartPolicy, Restarts};
use crate::server_log::ServerLog;
use crate::state::State;

/// What lives as long as a service is declared.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    /// Its entry; none when it is not declared any more.
    pub(super) entry: watch::Sender<Option<Arc<Service>>>,
    pub(super) demand: watch::Sender<Demand>,
    /// Whether it is to end as soon as nobody holds it.
    pub(super) closing: watch::Sender<bool>,
    pub(super) ended: watch::Sender<bool>,
    pub(super) log: ServerLog,
    said: Mutex<ServiceStatus>,
    version: Arc<watch::Sender<u64>>,
}

/// The task of one service.
pub(super) struct Owner {
    shared: Arc<Shared>,
    tools: Tools,
    directory: Weak<Directory>,
    signals: Signals,
    restarts: Restarts,
}

/// What tells that a service is not wanted as it is any more.
struct Signals {
    entry: watch::Receiver<Option<Arc<Service>>>,
    demand: watch::Receiver<Demand>,
    closing: watch::Receiver<bool>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(service: &Service, log: ServerLog, version: Arc<watch::Sender<u64>>) -> Arc<Shared> {
        let said = ServiceStatus {
            name: service.name.clone(),
            kind: service.kind.as_str(),
            state: State::Stopped,
            reason: None,
            hint: None,
            since: SystemTime::now(),
            next_try: None,
            restarts: 0,
            needed_by: Vec::new(),
            attempt: 0,
        };
        Arc::new(Shared {
            name: service.name.clone(),
            entry: watch::Sender::new(Some(Arc::new(service.clone()))),
            demand: watch::Sender::default(),
            closing: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            log,
            said: Mutex::new(said),
            version,
        })
    }

    pub(super) fn status(&self) -> ServiceStatus {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        said.needed_by = self.demand.borrow().holders();
        said
    }

    /// Says how it is, to those who read and those who wait.
    fn publish(&self, state: State, change: impl FnOnce(&mut ServiceStatus)) {
        let said = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            (said.state, said.since) = (state, SystemTime::now());
            (said.reason, said.hint, said.next_try) = (None, None, None);
            change(&mut said);
            said.clone()
        };
        self.version.send_modify(|version| *version += 1);
        let reason = said.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        self.log.remark(format!("{state}{reason}"));
        tracing::info!(service = %self.name, %state, "service `{}`: {state}{reason}", self.name);
    }

    /// Another reason for the same state: not worth a line in the log.
    pub(super) fn explain(&self, reason: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.reason.as_ref() != Some(&reason) {
            said.reason = Some(reason);
            drop(said);
            self.version.send_modify(|version| *version += 1);
        }
    }
}

// === impl Owner ===

impl Owner {
    pub(super) fn new(shared: Arc<Shared>, tools: Tools, directory: Weak<Directory>) -> Owner {
        let signals = Signals {
            entry: shared.entry.subscribe(),
            demand: shared.demand.subscribe(),
            closing: shared.closing.subscribe(),
        };
        let external = shared.entry.borrow().as_ref().is_some_and(|entry| matches!(entry.kind, ServiceKind::External));
        let policy = RestartPolicy::default();
        // What others run is not ours to restart: we only look again, however often it takes.
        let policy = RestartPolicy { restarts_max: if external { usize::MAX } else { policy.restarts_max }, ..policy };
        let mut seed = [0; 8];
        // Jitter without randomness is still a backoff.
        let _ = getrandom::fill(&mut seed);
        let restarts = Restarts::new(policy, Jitter::seeded(u64::from_le_bytes(seed)));
        Owner { shared, tools, directory, signals, restarts }
    }

    /// Leads the life of the service until it is not declared any more, or everything ends.
    pub(super) async fn run(mut self) {
        while let Some(entry) = self.signals.until_wanted().await {
            let attempt = self.shared.demand.borrow().asked();
            self.shared.publish(State::Starting, |said| {
                (said.attempt, said.kind) = (attempt, entry.kind.as_str());
            });
            match self.one_life(&entry).await {
                Some(down) => self.pause(down, attempt).await,
                None => {
                    self.restarts.reset();
                    self.shared.publish(State::Stopped, |_| {});
                }
            }
        }
        self.shared.ended.send_replace(true);
    }

    /// Starts it, keeps it while it is wanted, ends it. What it needs itself is let go last.
    async fn one_life(&mut self, entry: &Arc<Service>) -> Option<Down> {
        if entry.approval == Approval::Pending {
            let reason = "it waits for approval: a project brought it".to_owned();
            let hint = "approve a server of that project that needs it, or declare it in your own file".to_owned();
            return Some(Down { ending: Ending::Hopeless, reason, hint: Some(hint) });
        }
        let lease = tokio::select! {
            lease = lease_of(&self.directory, &self.shared, entry) => lease,
            () = self.signals.until_unwanted() => return None,
        };
        let lease = match lease {
            Ok(lease) => lease,
            Err(down) => return Some(down),
        };
        let mut run = tokio::select! {
            run = Run::start(entry, &self.tools, &self.shared.log) => match run {
                Ok(run) => run,
                Err(down) => return Some(down),
            },
            () = self.signals.until_unwanted() => return None,
        };
        let shared = self.shared.clone();
        let tell = |reason| shared.explain(reason);
        let ready = tokio::select! {
            ready = run.until_ready(entry, &self.tools, &tell) => Some(ready),
            () = self.signals.until_unwanted() => None,
        };
        let down = match ready {
            None => None,
            Some(Err(down)) => Some(down),
            Some(Ok(())) => {
                self.restarts.ready(Instant::now());
                self.shared.publish(State::Ready, |_| {});
                tokio::select! {
                    down = run.until_down(entry, &self.tools) => Some(down),
                    () = self.signals.until_unwanted() => None,
                }
            }
        };
        if down.is_none() {
            self.shared.publish(State::Stopping, |_| {});
        }
        run.stop(entry.stop_timeout).await;
        drop(lease);
        down
    }

    /// Waits as long as the restart policy says, or until somebody asks again.
    async fn pause(&mut self, down: Down, attempt: u64) {
        let now = Instant::now();
        let (state, until) = match self.restarts.ended(down.ending, now) {
            Decision::RestartAfter(delay) => (State::Backoff, Some(now + delay)),
            Decision::CrashLoop { until, .. } => (State::CrashLoop, Some(until)),
            Decision::Rest | Decision::Stop => (State::Failed, None),
        };
        self.shared.publish(state, |said| {
            (said.reason, said.hint, said.next_try) = (Some(down.reason), down.hint, until);
            said.restarts += 1;
        });
        let mut demand = self.shared.demand.subscribe();
        let asked_again = async {
            // In a backoff the timer is soon enough.
            let asked = |demand: &Demand| state != State::Backoff && demand.asked() > attempt;
            if demand.wait_for(asked).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let timer = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = timer => {}
            () = asked_again => self.restarts.reset(),
            () = self.signals.until_unwanted() => {
                self.restarts.reset();
                // What failed says so until somebody asks again; the rest is over.
                if state == State::Backoff {
                    self.shared.publish(State::Stopped, |_| {});
                }
            }
        }
    }
}

/// What the service needs itself.
async fn lease_of(directory: &Weak<Directory>, shared: &Arc<Shared>, entry: &Service) -> Result<Lease, Down> {
    let over = || Down { ending: Ending::Hopeless, reason: "everything is ending".to_owned(), hint: None };
    let directory = directory.upgrade().ok_or_else(over)?;
    let tell = |reason| shared.explain(reason);
    let lease = Box::pin(directory.acquire(&entry.name, &entry.depends_on, &tell)).await;
    lease.map_err(|unmet| Down { ending: unmet.ending, reason: unmet.reason, hint: unmet.hint })
}

// === impl Signals ===

impl Signals {
    /// Waits until somebody needs the service; gives its entry, or none when this is the end.
    async fn until_wanted(&mut self) -> Option<Arc<Service>> {
        loop {
            let entry = self.entry.borrow_and_update().clone()?;
            let wanted = self.demand.borrow_and_update().wanted(entry.linger, Instant::now());
            if wanted == Wanted::Now {
                return Some(entry);
            }
            if *self.closing.borrow_and_update() {
                return None;
            }
            tokio::select! {
                _ = self.entry.changed() => {}
                _ = self.demand.changed() => {}
                _ = self.closing.changed() => {}
            }
        }
    }

    /// Waits until nobody needs the service any more as it is.
    async fn until_unwanted(&mut self) {
        loop {
            let linger = match &*self.entry.borrow() {
                Some(entry) if !*self.closing.borrow() => entry.linger,
                _ => std::time::Duration::ZERO,
            };
            let wanted = self.demand.borrow_and_update().wanted(linger, Instant::now());
            let until = match wanted {
                Wanted::Not => return,
                Wanted::Until(until) => Some(until),
                Wanted::Now => None,
            };
            let timer = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Another entry, or none: it is started anew, or not at all.
                _ = self.entry.changed() => return,
                _ = self.demand.changed() => {}
                _ = self.closing.changed() => {}
                () = timer => {}
            }
        }
    }
}
