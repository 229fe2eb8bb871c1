//! Whether and when an instance that ended is started again: pure decisions, told what happened
//! and what time it is. It never sleeps, spawns or logs.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Which ends lead to a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartMode {
    /// Every end that nobody asked for.
    #[default]
    Always,
    /// Only an end with a failure.
    OnFailure,
    /// None.
    Never,
}

/// How an instance ended, as far as restarts care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with success.
    Clean,
    /// By a crash, a hang, a failed start.
    Failure,
    /// In a way that time alone does not heal: the program is missing, sign-in was refused.
    Hopeless,
}

/// How patient we are with an instance that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Which ends lead to a restart.
    pub mode: RestartMode,
    /// The first delay; it doubles with each further end.
    pub delay_min: Duration,
    /// The longest delay.
    pub delay_max: Duration,
    /// Who was ready for so long begins again with the first delay.
    pub stable_after: Duration,
    /// More restarts than this within `restart_window` are a crash loop.
    pub restarts_max: usize,
    /// The time in which restarts are counted.
    pub restart_window: Duration,
    /// After so long a crash loop is given one more try.
    pub crash_loop_pause: Duration,
}

impl Default for RestartPolicy {
    fn default() -> RestartPolicy {
        RestartPolicy {
            mode: RestartMode::Always,
            delay_min: Duration::from_secs(5),
            delay_max: Duration::from_secs(60),
            stable_after: Duration::from_secs(60),
            restarts_max: 5,
            restart_window: Duration::from_secs(300),
            crash_loop_pause: Duration::from_secs(600),
        }
    }
}

/// What to do now that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Start it again after this time.
    RestartAfter(Duration),
    /// It ends too often: leave it alone until then, or until a person starts it.
    CrashLoop {
        /// When it is given one more try.
        until: Instant,
        /// Whether this is news: it was not left alone before that try.
        first: bool,
    },
    /// It was well and ended as it liked: it is not started again, except by whoever wants it next.
    Rest,
    /// Do not start it again; only a person does.
    Stop,
}

/// The history of one instance and what follows from it.
#[derive(Debug, Clone)]
pub struct Restarts {
    policy: RestartPolicy,
    jitter: Jitter,
    ready_since: Option<Instant>,
    /// Restarts in the window, oldest first; at most `restarts_max` + 1.
    recent: VecDeque<Instant>,
    /// Ends since it was last stable.
    attempt: u32,
    /// A crash loop was declared and it has not been stable since.
    on_probation: bool,
}

impl Restarts {
    /// A fresh history. `jitter` decides where in its range each delay lies.
    pub fn new(policy: RestartPolicy, jitter: Jitter) -> Restarts {
        Restarts { policy, jitter, ready_since: None, recent: VecDeque::new(), attempt: 0, on_probation: false }
    }

    /// It proved to be ready.
    pub fn ready(&mut self, now: Instant) {
        self.ready_since = Some(now);
    }

    /// A person started it, or changed its entry: what was is forgotten.
    pub fn reset(&mut self) {
        self.ready_since = None;
        self.recent.clear();
        self.attempt = 0;
        self.on_probation = false;
    }

    /// It ended, and nobody had asked it to.
    pub fn ended(&mut self, ending: Ending, now: Instant) -> Decision {
        let was_ready_for = self.ready_since.take().map(|since| now.saturating_duration_since(since));
        if was_ready_for.is_some_and(|time| time >= self.policy.stable_after) {
            self.reset();
        }
        if self.stays_down(ending) {
            // One that ends before it was ready would do so at every call.
            let well = ending == Ending::Clean && was_ready_for.is_some();
            return if well { Decision::Rest } else { Decision::Stop };
        }
        self.recent.push_back(now);
        let window = self.policy.restart_window;
        while let Some(first) = self.recent.front()
            && now.saturating_duration_since(*first) >= window
        {
            self.recent.pop_front();
        }
        if self.on_probation || self.recent.len() > self.policy.restarts_max {
            let first = !std::mem::replace(&mut self.on_probation, true);
            self.recent.clear();
            return Decision::CrashLoop { until: now + self.policy.crash_loop_pause, first };
        }
        let delay = self.delay();
        self.attempt = self.attempt.saturating_add(1);
        Decision::RestartAfter(delay)
    }

    fn stays_down(&self, ending: Ending) -> bool {
        match self.policy.mode {
            RestartMode::Never => true,
            RestartMode::OnFailure => ending != Ending::Failure,
            RestartMode::Always => ending == Ending::Hopeless,
        }
    }

    /// Between half and all of the doubled delay, so that many servers that fell together do not
    /// rise together.
    fn delay(&mut self) -> Duration {
        let factor = 2u32.saturating_pow(self.attempt);
        let full = self.policy.delay_min.saturating_mul(factor).min(self.policy.delay_max);
        full.mul_f64(0.5 + 0.5 * self.jitter.fraction())
    }
}

/// A small sequence of evenly spread numbers (SplitMix64); the same seed gives the same sequence.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// A sequence of its own for each seed.
    pub fn seeded(seed: u64) -> Jitter {
        Jitter(seed)
    }

    /// The next number, at least 0 and below 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from((mixed >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests;
