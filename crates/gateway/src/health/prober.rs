//! Checks one server while it is ready: a task per server, which waits most of the time. It never
//! wakes, starts or calls a server in anybody's name; what it wants done it tells the owner.
//!
//! What asks the server itself asks each of its instances, and the worst that comes back counts.

use super::machine::{Around, Finding};
use super::{Level, probe};
use crate::server::{Command, Core, Environment, ServerState, Status};
use crate::upstream::Connection;
use config::{Health as Settings, HealthCheck, Restart};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use supervisor::{Jitter, State};
use tokio::time::{Instant, sleep, timeout};

/// So many times in a row answered calls do instead of a check: its own times are wanted as well.
const SPARED_MAX: u32 = 4;

struct Prober {
    server: Weak<Core>,
    entry: Arc<config::Server>,
    environment: Environment,
    jitter: Jitter,
    /// Calls that were answered when it looked last.
    answered: u64,
    /// Calls that were answered between the two last looks.
    calls: u64,
    spared: u32,
}

/// Checks `server` for as long as there is such a server.
pub(crate) async fn run(server: Weak<Core>, entry: Arc<config::Server>, environment: Environment) {
    let Some(core) = server.upgrade() else { return };
    let (mut status, mut configured) = (core.watch_status(), core.monitor.settings.subscribe());
    drop(core);
    let mut seed = [0; 8];
    // Without randomness all are checked at the same moment, and still so many at once at most.
    let _ = getrandom::fill(&mut seed);
    let jitter = Jitter::seeded(u64::from_le_bytes(seed));
    let mut prober = Prober { server, entry, environment, jitter, answered: 0, calls: 0, spared: 0 };
    loop {
        let speaks = match status.wait_for(|status| status.state == ServerState::Ready).await {
            Ok(status) => speaker(&status),
            Err(_) => return,
        };
        prober.ready();
        // The first ones of many that came up together lie apart.
        let mut share = 0.1 + 0.9 * prober.jitter.fraction();
        loop {
            let settings = configured.borrow_and_update().clone();
            let pause = settings.interval.mul_f64(share);
            tokio::select! {
                biased;
                // What ends meanwhile is no finding: its state says why. Whatever else there is to say
                // of the server, such as of its other instances, puts no check off.
                another = async { status.wait_for(|status| speaker(status) != speaks).await.is_ok() } => match another {
                    true => break,
                    false => return,
                },
                changed = configured.changed() => if changed.is_err() { return },
                () = prober.check_after(pause, &settings) => {}
            }
            share = 0.9 + 0.2 * prober.jitter.fraction();
        }
    }
}

/// What a check of one instance brought.
struct Found {
    instance: usize,
    finding: Finding,
    at: SystemTime,
    took: Duration,
    /// Calls that it had not answered then.
    in_flight: usize,
}

/// The run that is checked: which instance speaks for the server, and since when; none when it is not
/// ready.
fn speaker(status: &Status) -> Option<(usize, SystemTime)> {
    let first = status.instances.iter().find(|instance| instance.state == State::Ready);
    first.map(|instance| (instance.index, instance.since))
}

// === impl Prober ===

impl Prober {
    fn ready(&mut self) {
        if let Some(core) = self.server.upgrade() {
            self.answered = core.counters.answered.load(Ordering::Relaxed);
            core.monitor.lock().ready(SystemTime::now());
            core.changed();
        }
    }

    async fn check_after(&mut self, pause: Duration, settings: &Settings) {
        sleep(pause).await;
        if self.is_spared(settings) {
            return;
        }
        let Ok(_permit) = self.environment.probes.acquire().await else { return };
        let Some(mut links) = self.server.upgrade().map(|core| core.links()) else { return };
        if !matches!(settings.check, HealthCheck::Protocol | HealthCheck::Tool { .. }) {
            links.truncate(1);
        }
        let checks = links.into_iter().map(|(index, link)| self.check(index, link, settings));
        let found = futures_util::future::join_all(checks).await;
        let worst = found.into_iter().flatten().max_by_key(|found| (found.finding.severity(), found.took));
        let (Some(core), Some(mut found)) = (self.server.upgrade(), worst) else { return };
        if found.finding == Finding::TimedOut && self.calls > 0 {
            found.finding = Finding::OnlyCalls;
        }
        self.judge(&core, found, settings);
    }

    /// Checks one instance; nothing where that could not be done for a reason that is not its own.
    async fn check(&self, instance: usize, link: Arc<Connection>, settings: &Settings) -> Option<Found> {
        let (at, begun) = (SystemTime::now(), Instant::now());
        let probe = probe::probe(&settings.check, &link, &self.entry, &self.environment);
        let finding = match timeout(settings.timeout, Box::pin(probe)).await {
            Ok(finding) => finding?,
            Err(_) => Finding::TimedOut,
        };
        // One that ended meanwhile says why by its state, and the others are as they are.
        (self.entry.replicas == 1 || !link.is_closed()).then(|| Found {
            instance,
            finding,
            at,
            took: begun.elapsed(),
            in_flight: link.in_flight(),
        })
    }

    /// Whether calls were answered since the last look, so that nobody need ask whether it lives.
    /// Who has several instances answers with any of them, and a check of a person's own may look
    /// at other things.
    fn is_spared(&mut self, settings: &Settings) -> bool {
        let Some(core) = self.server.upgrade() else { return false };
        let answered = core.counters.answered.load(Ordering::Relaxed);
        let calls = answered - std::mem::replace(&mut self.answered, answered);
        let single = self.entry.replicas == 1 && core.instances() == 0;
        let counts = settings.check == HealthCheck::Protocol && single;
        self.calls = if counts { calls } else { 0 };
        let spared = self.calls > 0 && self.spared < SPARED_MAX && core.monitor.lock().alive(calls);
        self.spared = if spared { self.spared + 1 } else { 0 };
        spared
    }

    fn judge(&self, core: &Core, found: Found, settings: &Settings) {
        let Found { instance, finding, at, took, in_flight } = found;
        let now = Instant::now();
        let remote = !self.entry.is_ours();
        let around = Around {
            remote,
            left_alone: !remote && self.entry.restart == Restart::Never,
            in_flight,
            patience: self.entry.request_timeout,
        };
        let (before, level, reason, recovers) = {
            let mut health = core.monitor.lock();
            let before = health.level();
            health.checked(finding, (at, took), now, settings);
            let recovers = health.recovers(now, around, settings);
            (before, health.level(), health.reason().to_owned(), recovers)
        };
        core.changed();
        if before != level {
            core.log.remark(format!("{level}: {reason}"));
            if level > Level::Healthy {
                tracing::warn!(server = %core.name, %level, reason, "`{}` is {level}: {reason}", core.name);
            } else {
                tracing::info!(server = %core.name, %level, "`{}` is {level}", core.name);
            }
        }
        if recovers {
            core.tell(Command::Recover { instance, reason: format!("{level}: {reason}") });
        }
    }
}
