//! Whether a change of a watched file starts a server anew, or is what the server itself does when it
//! starts: a pure decision with the clock passed in. It watches nothing and starts nothing.

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;
use tokio::time::Instant;

/// A change that comes sooner after a start may be the server's own.
const ECHO: Duration = Duration::from_secs(1);

/// The changes that came with a start, one after the other.
#[derive(Debug)]
pub(super) struct Echoes {
    /// So many within `window` are followed, and no more.
    max: usize,
    window: Duration,
    recent: VecDeque<Instant>,
    says: Option<String>,
}

impl Echoes {
    pub(super) fn new(max: usize, window: Duration) -> Self {
        Self { max, window, recent: VecDeque::new(), says: None }
    }

    /// Told of a change of `path` at `now`, and since when the server is in its state, `None` while it
    /// starts: whether it is to be started anew. One that comes when a start is long over is a
    /// person's, and ends all doubt.
    pub(super) fn heed(&mut self, now: Instant, moved: Option<Instant>, path: &dyn Display) -> bool {
        if moved.is_some_and(|moved| now >= moved + ECHO) {
            self.recent.clear();
            self.says = None;
            return true;
        }
        while self.recent.front().is_some_and(|first| now.saturating_duration_since(*first) >= self.window) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.max {
            self.says = Some(format!(
                "{path} changed at each of its last {} starts, perhaps by its own doing: such a change does not \
                 start it anew now; take the file out of `watch` if it writes it",
                self.max
            ));
            return false;
        }
        self.recent.push_back(now);
        true
    }

    /// What is to be said of changes that start nothing, after one of them.
    pub(super) fn says(&self) -> Option<&str> {
        self.says.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_writes_into_what_it_watches_is_started_anew_a_few_times_only() {
        let mut echoes = Echoes::new(5, 300 * SECOND);
        let mut now = Instant::now();
        for _ in 0..5 {
            assert!(echoes.heed(now, Some(now - SECOND / 2), &"state.db"));
            assert_eq!(echoes.says(), None);
            now += SECOND;
        }
        assert!(!echoes.heed(now, None, &"state.db"));
        assert!(echoes.says().is_some_and(|says| says.contains("state.db")), "{:?}", echoes.says());
        // A person's work, when it runs for long.
        now += 10 * SECOND;
        assert!(echoes.heed(now, Some(now - 5 * SECOND), &"a.py"));
        assert_eq!(echoes.says(), None);
    }

    #[test]
    fn who_saves_often_is_never_taken_for_the_server() {
        let mut echoes = Echoes::new(5, 300 * SECOND);
        let mut now = Instant::now();
        for _ in 0..100 {
            now += 2 * SECOND;
            assert!(echoes.heed(now, Some(now - SECOND), &"a.py"));
        }
        // Nor who does so while it starts, now and then.
        for _ in 0..100 {
            now += 61 * SECOND;
            assert!(echoes.heed(now, None, &"a.py"));
        }
    }
}
