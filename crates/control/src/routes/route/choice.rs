//! Which of several servers with a tool is called, and whether a call is tried again: decided by values.

use super::UNKNOWN_OUTCOME;
use crate::Problem;

/// The server to call a tool on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    /// No server has it under this name.
    None,
    /// One has it.
    Only(&'a str),
    /// Several have it.
    Best {
        /// The one that is called.
        server: &'a str,
        /// The others, as they fit.
        others: Vec<&'a str>,
        /// Whether it was found for the text at all.
        fits: bool,
    },
}

/// Of the servers that have a tool, the one that stands first among those that were found for the text.
pub(super) fn choose<'a>(having: &[&'a str], ranked: &[&str]) -> Choice<'a> {
    let place = |server: &str| ranked.iter().position(|found| *found == server);
    let mut having: Vec<&str> = having.to_vec();
    having.sort_by_key(|server| (place(server).unwrap_or(usize::MAX), *server));
    match having[..] {
        [] => Choice::None,
        [only] => Choice::Only(only),
        [server, ref others @ ..] => Choice::Best { server, others: others.to_vec(), fits: place(server).is_some() },
    }
}

/// Whether a call that failed so, after so many further tries, is tried once more.
pub(super) fn is_again(problem: &Problem, tries: usize, max_retries: usize) -> bool {
    tries < max_retries && problem.retryable && !UNKNOWN_OUTCOME.contains(&problem.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ErrorKind;

    #[test]
    fn the_best_found_of_those_that_have_it_is_called() {
        assert_eq!(choose(&[], &["a"]), Choice::None);
        assert_eq!(choose(&["b"], &["a"]), Choice::Only("b"));
        let best = Choice::Best { server: "b", others: vec!["a", "c"], fits: true };
        assert_eq!(choose(&["a", "b", "c"], &["x", "b", "a"]), best);
        let unfit = Choice::Best { server: "a", others: vec!["b"], fits: false };
        assert_eq!(choose(&["b", "a"], &["x"]), unfit);
    }

    #[test]
    fn only_what_did_nothing_is_tried_again() {
        let starting = Problem::new(ErrorKind::UpstreamStarting, "x");
        assert!(is_again(&starting, 0, 3) && is_again(&starting, 2, 3));
        assert!(!is_again(&starting, 3, 3) && !is_again(&starting, 0, 0));
        for kind in [ErrorKind::Timeout, ErrorKind::InvalidParams, ErrorKind::UnknownName] {
            assert!(!is_again(&Problem::new(kind, "x"), 0, 3), "{kind:?}");
        }
    }
}
