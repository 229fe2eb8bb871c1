//! What a person is told aloud, once, while everything else of a server's life is only noted: that it
//! is given up for now. It decides nothing.

use std::time::Duration;

/// An instance of the server ended too often and is left alone for `pause`. It is said aloud where
/// that is news, and not again after each try that fails as those before.
pub(super) fn crash_loop(name: &str, entry: &config::Server, reason: &str, pause: Duration, first: bool) {
    if !first {
        return;
    }
    let (most, window) = (entry.max_restarts, config::show_duration(entry.restart_window));
    let pause = config::show_duration(pause);
    tracing::warn!(
        server = %name,
        reason,
        "`{name}` is in a crash loop: it ended more than {most} times within {window}, and is left alone for {pause} \
         unless somebody says `switchboard start {name}`"
    );
}
