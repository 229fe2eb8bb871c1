//! The manager's words for our states, and its percentages.

use gateway::server::ServerState;

/// The manager's word for a state.
pub(super) fn of(state: ServerState) -> &'static str {
    match state {
        ServerState::Ready => "running",
        ServerState::Starting => "starting",
        ServerState::Draining | ServerState::Stopping => "stopping",
        ServerState::Stopped | ServerState::Asleep | ServerState::Disabled => "stopped",
        ServerState::Backoff | ServerState::Failed | ServerState::NeedsAuth => "error",
        ServerState::CrashLoop => "crashed",
        ServerState::Pending => "unknown",
    }
}

/// So many of so many in percent, with one decimal; of none it is 0.
pub(super) fn percentage(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { super::super::tenths(part as f64 / of as f64 * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_one_of_the_managers_words() {
        let words = ["unknown", "starting", "running", "stopping", "stopped", "error", "crashed", "unreachable"];
        for state in ServerState::ALL {
            assert!(words.contains(&of(state)), "{state}");
        }
        assert_eq!((percentage(1, 3), percentage(0, 0)), (33.3, 0.0));
    }
}
