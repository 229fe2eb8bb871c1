//! What the checks of a server say about its health, and what to do about it: a pure machine that
//! is told findings and the time. It never checks, sleeps, restarts or logs.
//!
//! ```text
//!             one slow or failed              `failures` in a row
//!   healthy ─────────────────────► degraded ─────────────────────► unhealthy  no answer, no connection
//!      ▲                             │   ▲                         critical   any other failure
//!      └─────────────────────────────┘   └──────────────────────────┘
//!          `recoveries` good in a row        one good, or started anew
//! ```

use super::history::{Check, History};
use config::Health as Settings;
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How often the pause between attempts to recover a server is doubled: an hour by default.
const DOUBLINGS_MAX: u32 = 6;

/// How well a server is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing can be said: it is starting or stopped.
    Unknown,
    /// It answers in time.
    Healthy,
    /// It answers slowly, not always, or not everything.
    Degraded,
    /// It does not answer, or cannot be reached.
    Unhealthy,
    /// It answers, and wrongly.
    Critical,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Answered,
    TimedOut,
    /// It did not answer the check, but calls: some servers know no check, or do one thing at a time.
    OnlyCalls,
    NotConnected(String),
    /// It wants a person to sign in: no timer helps.
    SignedOut(String),
    Failed(String),
}

/// What is around a server that may have to be recovered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around {
    /// A remote server: it is connected to again, not restarted.
    pub(super) remote: bool,
    /// Whether a person said that it must not be started again.
    pub(super) left_alone: bool,
    /// Calls that it has not answered yet.
    pub(super) in_flight: usize,
    /// How long a call may go without an answer: after that, calls in flight are no excuse.
    pub(super) patience: Duration,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Look,
    Faster,
    Restarting,
    Reconnecting,
    Pause(Duration),
    Calls,
    SignIn,
    Person { remote: bool },
}

/// The health of a server as its checks show it.
#[derive(Debug)]
pub(super) struct Health {
    level: Level,
    since: SystemTime,
    reason: String,
    next: Next,
    /// Failed checks in a row.
    failures: u32,
    /// Good checks in a row.
    goods: u32,
    signed_out: bool,
    /// Since when it is unhealthy or critical.
    sick: Option<Instant>,
    /// When something was done about it.
    acted: Option<Instant>,
    /// What was done since it was healthy last: each attempt that did not help doubles the pause.
    in_vain: u32,
    recoveries: u64,
    history: History,
}

// === impl Level ===

impl Level {
    /// The word used in the CLI, the API and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Critical => "critical",
        }
    }

    /// Whether something must be done.
    #[must_use]
    pub fn is_sick(self) -> bool {
        self >= Self::Unhealthy
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

// === impl Finding ===

impl Finding {
    /// Of what several instances say, the highest counts.
    pub(super) fn severity(&self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::OnlyCalls => 1,
            Self::TimedOut => 2,
            Self::NotConnected(_) => 3,
            Self::Failed(_) => 4,
            // No other instance is let in either.
            Self::SignedOut(_) => 5,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Answered => "good",
            Self::TimedOut | Self::OnlyCalls => "timeout",
            Self::NotConnected(_) => "not_connected",
            Self::SignedOut(_) => "signed_out",
            Self::Failed(_) => "failed",
        }
    }
}

// === impl Next ===

impl Next {
    fn text(self, name: &str) -> String {
        match self {
            Self::Nothing => "nothing to do".to_owned(),
            Self::Look => format!("see its log: switchboard logs {name}"),
            Self::Faster => format!("if it is always so slow, raise health.timeout of `{name}`"),
            Self::Restarting => "it is being restarted".to_owned(),
            Self::Reconnecting => "it is being connected to again".to_owned(),
            Self::Pause(pause) => format!(
                "wait: something was done not long ago, and is again after {} (health.recover_pause); see its log: switchboard logs {name}",
                config::show_duration(pause)
            ),
            Self::Calls => "wait: calls are in flight; it is recovered when they have ended".to_owned(),
            Self::SignIn => format!("switchboard auth login {name}"),
            Self::Person { remote: true } => format!("see to it at its host, then: switchboard restart {name}"),
            Self::Person { remote: false } => format!("restart it: switchboard restart {name}"),
        }
    }
}

// === impl Health ===

impl Health {
    /// Of a server that has not been checked yet.
    pub(super) fn new(at: SystemTime) -> Self {
        Self {
            level: Level::Healthy,
            since: at,
            reason: "ready, and not checked yet".to_owned(),
            next: Next::Nothing,
            failures: 0,
            goods: 0,
            signed_out: false,
            sick: None,
            acted: None,
            in_vain: 0,
            recoveries: 0,
            history: History::default(),
        }
    }

    /// It came up, for the first time or again: who was sick must show that it is well.
    pub(super) fn ready(&mut self, at: SystemTime) {
        (self.failures, self.goods, self.signed_out, self.sick) = (0, 0, false, None);
        if self.level.is_sick() {
            self.set(Level::Degraded, at, format!("it was {} and has come up again", self.level), Next::Look);
        }
    }

    /// So many calls were answered since the last look. Returns whether that will do instead of a
    /// check: only for who is healthy.
    pub(super) fn alive(&mut self, calls: u64) -> bool {
        let enough = self.level == Level::Healthy;
        if enough {
            self.reason = match calls {
                1 => "a call was answered since the last look".to_owned(),
                calls => format!("{calls} calls were answered since the last look"),
            };
        }
        enough
    }

    /// A check was made: it began at `at` and took so long.
    pub(super) fn checked(
        &mut self,
        finding: Finding,
        (at, took): (SystemTime, Duration),
        now: Instant,
        settings: &Settings,
    ) {
        let (limit, percent) = (ms(settings.timeout), settings.degraded_at);
        let slow = finding == Finding::Answered && took > settings.timeout.mul_f64(f64::from(percent) / 100.0);
        let result = if slow { "slow" } else { finding.word() };
        let why = match finding {
            Finding::Answered if slow => {
                let why = format!("it took {} to answer, more than {percent} % of {limit}", ms(took));
                self.limping(at, why, Next::Faster)
            }
            Finding::OnlyCalls => {
                self.limping(at, format!("it answers calls, but did not answer a check within {limit}"), Next::Look)
            }
            Finding::Answered => {
                self.good(at, took, settings);
                None
            }
            Finding::TimedOut => {
                self.bad(Level::Unhealthy, format!("it did not answer a check within {limit}"), at, now, settings)
            }
            Finding::NotConnected(why) => self.bad(Level::Unhealthy, why, at, now, settings),
            Finding::SignedOut(why) => {
                self.signed_out = true;
                self.bad(Level::Unhealthy, why, at, now, settings)
            }
            Finding::Failed(why) => self.bad(Level::Critical, why, at, now, settings),
        };
        self.history.push(Check { at, took, result, why });
    }

    /// It lives, and not well.
    fn limping(&mut self, at: SystemTime, why: String, next: Next) -> Option<String> {
        (self.failures, self.goods, self.signed_out) = (0, 0, false);
        self.set(Level::Degraded, at, why.clone(), next);
        Some(why)
    }

    /// `sick` is what it is when this goes on.
    fn bad(&mut self, sick: Level, why: String, at: SystemTime, now: Instant, settings: &Settings) -> Option<String> {
        self.goods = 0;
        self.failures = self.failures.saturating_add(1);
        if self.signed_out || self.failures >= settings.failures {
            self.sick.get_or_insert(now);
            self.set(sick, at, format!("{why} ({} in a row)", self.failures), Next::Look);
        } else {
            let reason = format!("{why} ({} of {} that make it {sick})", self.failures, settings.failures);
            self.set(Level::Degraded, at, reason, Next::Look);
        }
        Some(why)
    }

    fn good(&mut self, at: SystemTime, took: Duration, settings: &Settings) {
        (self.failures, self.signed_out) = (0, false);
        self.goods = self.goods.saturating_add(1);
        if self.level == Level::Healthy || self.goods >= settings.recoveries {
            self.in_vain = 0;
            self.set(Level::Healthy, at, format!("it answered in {}", ms(took)), Next::Nothing);
        } else {
            let reason = format!("it answers again: {} of {} good checks", self.goods, settings.recoveries);
            self.set(Level::Degraded, at, reason, Next::Nothing);
        }
    }

    /// What is to be done now, if anything: whether the server is to be recovered. Asked after each
    /// check; the answer yes is noted as done.
    pub(super) fn recovers(&mut self, now: Instant, around: Around, settings: &Settings) -> bool {
        let Some(sick) = self.sick.filter(|_| self.level.is_sick()) else { return false };
        let doublings = self.in_vain.saturating_sub(1).min(DOUBLINGS_MAX);
        let pause = settings.recover_pause.saturating_mul(1 << doublings);
        self.next = if self.signed_out {
            Next::SignIn
        } else if !settings.recover || around.left_alone {
            Next::Person { remote: around.remote }
        } else if self.acted.is_some_and(|acted| now.saturating_duration_since(acted) < pause) {
            Next::Pause(pause)
        } else if around.in_flight > 0 && now.saturating_duration_since(sick) < around.patience {
            Next::Calls
        } else {
            self.acted = Some(now);
            self.in_vain = self.in_vain.saturating_add(1);
            self.recoveries += 1;
            if around.remote { Next::Reconnecting } else { Next::Restarting }
        };
        matches!(self.next, Next::Restarting | Next::Reconnecting)
    }

    fn set(&mut self, level: Level, at: SystemTime, reason: String, next: Next) {
        if self.level != level {
            self.since = at;
        }
        if !level.is_sick() {
            self.sick = None;
        }
        (self.level, self.reason, self.next) = (level, reason, next);
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    pub(super) fn since(&self) -> SystemTime {
        self.since
    }

    pub(super) fn reason(&self) -> &str {
        &self.reason
    }

    /// The next thing that is done or can be done.
    pub(super) fn action(&self, name: &str) -> String {
        self.next.text(name)
    }

    pub(super) fn recoveries(&self) -> u64 {
        self.recoveries
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }
}

fn ms(time: Duration) -> String {
    match time.as_millis() {
        0..10 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        whole => format!("{whole} ms"),
    }
}

#[cfg(test)]
mod tests;
