//! What the entry of a server says about its restarts, as the policy of the supervisor. What is
//! decided by it, and what follows, is not known here.

use config::Restart;
use supervisor::{RestartMode, RestartPolicy};

/// How patient an entry is with its ends. A remote server is not ours to restart: we only look
/// again, however often it takes.
pub(super) fn policy(entry: &config::Server) -> RestartPolicy {
    let mode = match entry.restart {
        Restart::Always => RestartMode::Always,
        Restart::OnFailure => RestartMode::OnFailure,
        Restart::Never => RestartMode::Never,
    };
    let remote = !entry.is_ours();
    RestartPolicy {
        mode,
        delay_min: entry.restart_delay,
        delay_max: entry.restart_delay_max,
        stable_after: entry.stable_after,
        restarts_max: if remote { usize::MAX } else { entry.max_restarts },
        restart_window: entry.restart_window,
        ..RestartPolicy::default()
    }
}
