//! When a declared server runs, how many of it, and what follows when it ends: these keys among
//! their neighbours.

use std::time::Duration;

use crate::config::{Pin, Reach, Start, WatchedFiles};
use crate::keys::SERVER_KEYS;
use crate::read::{count_or_default, duration_or_default, texts_of};
use crate::server::{Work, owned};

/// A lazy server that does not say otherwise sleeps after so long without a call.
const LAZY_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// A shorter idle time would be a server that never stays awake.
const IDLE_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// What was said about the life of a server.
pub(crate) struct Life {
    pub(crate) restart_delay: Duration,
    pub(crate) restart_delay_max: Duration,
    pub(crate) max_restarts: usize,
    pub(crate) restart_window: Duration,
    pub(crate) stable_after: Duration,
    pub(crate) start: Start,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) replicas: usize,
    pub(crate) pin: Pin,
    pub(crate) watch: Option<WatchedFiles>,
}

pub(crate) fn life(work: &mut Work<'_>, reach: &Reach) -> Life {
    let (restart_delay, restart_delay_max) = delays(work);
    let start = if work.word("start") == "lazy" { Start::Lazy } else { Start::Eager };
    let idle_timeout = idle_timeout(work, start);
    let replicas = replicas(work, reach);
    let pin = pin(work, replicas);
    let watch = watch(work, reach);
    Life {
        restart_delay,
        restart_delay_max,
        max_restarts: count_or_default(work.field("max_restarts"), SERVER_KEYS, "max_restarts"),
        restart_window: duration_or_default(work.field("restart_window"), SERVER_KEYS, "restart_window"),
        stable_after: duration_or_default(work.field("stable_after"), SERVER_KEYS, "stable_after"),
        start,
        idle_timeout,
        replicas,
        pin,
        watch,
    }
}

/// A long delay that came without a longest one is the longest.
fn delays(work: &mut Work<'_>) -> (Duration, Duration) {
    let first = duration_or_default(work.field("restart_delay"), SERVER_KEYS, "restart_delay");
    let field = work.field("restart_delay_max");
    let longest = duration_or_default(field, SERVER_KEYS, "restart_delay_max");
    match field {
        Some(field) if longest < first => {
            work.problem(field.span, "`restart_delay_max` is shorter than `restart_delay`")
                .hint("the delay grows from the one to the other");
            (first, first)
        }
        Some(_) => (first, longest),
        None => (first, longest.max(first)),
    }
}

fn idle_timeout(work: &mut Work<'_>, start: Start) -> Option<Duration> {
    let Some(field) = work.field("idle_timeout") else {
        return (start == Start::Lazy).then_some(LAZY_IDLE_TIMEOUT);
    };
    let idle = duration_or_default(Some(field), SERVER_KEYS, "idle_timeout");
    if !idle.is_zero() && idle < IDLE_TIMEOUT_MIN {
        work.problem(field.span, "`idle_timeout` is shorter than 100ms").hint("0 lets the server never sleep");
    }
    (!idle.is_zero()).then_some(idle)
}

fn replicas(work: &mut Work<'_>, reach: &Reach) -> usize {
    let field = work.field("replicas");
    let replicas = count_or_default(field, SERVER_KEYS, "replicas");
    let (Some(field), true) = (field, replicas > 1) else { return replicas };
    if !matches!(reach, Reach::Stdio { .. }) {
        work.problem(field.span, "`replicas` goes with `command`, not with `url`")
            .hint("how many instances a remote server has is its own business; it is reached once");
    } else if !matches!(work.word("isolation"), "" | "shared") {
        work.problem(field.span, "`replicas` and `isolation` contradict each other")
            .hint("replicas share all calls; isolation gives each caller a process of its own. Keep one of them");
    }
    if work.field("port").is_some() {
        work.problem(field.span, "`replicas` does not go with `port`").hint("a port can be listened on once");
    }
    replicas
}

fn pin(work: &mut Work<'_>, replicas: usize) -> Pin {
    let pin = match work.word("pin") {
        "session" => Pin::Session,
        "principal" => Pin::Principal,
        _ => Pin::None,
    };
    if let (Some(field), true, true) = (work.field("pin"), pin != Pin::None, replicas < 2) {
        let severity = crate::diagnostic::Severity::Warning;
        work.say(severity, field.span, "`pin` says nothing about a single instance").hint("set replicas = 2 or more");
    }
    pin
}

fn watch(work: &mut Work<'_>, reach: &Reach) -> Option<WatchedFiles> {
    let globs = texts_of(work.field("watch"));
    let first = globs.first()?;
    let Reach::Stdio { cwd, .. } = reach else {
        work.problem(first.span, "`watch` goes with `command`, not with `url`");
        return None;
    };
    for glob in globs {
        let outside = glob.text.starts_with('/') || glob.text.split('/').any(|part| part == "..");
        if outside {
            work.problem(glob.span, "`watch` looks only below the working folder of the program")
                .hint("set `cwd` to the folder that holds its files");
        }
        if let Err(error) = globset::Glob::new(&glob.text) {
            work.problem(glob.span, &format!("`watch` holds a broken pattern: {}", error.kind()))
                .hint("`*` stands for any characters of a name, `**` for any folders, `{a,b}` for either");
        }
    }
    let folder = cwd.clone().unwrap_or_else(|| work.declaration.document.folder.clone());
    Some(WatchedFiles { folder, globs: owned(globs) })
}
