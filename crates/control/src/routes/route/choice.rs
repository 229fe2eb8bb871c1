//! Which of several servers with a tool is called, and whether a call is tried again: decided by values.

use super::UNKNOWN_OUTCOME;
use crate::Problem;
use crate::said::ServerFound;
use search::Band;

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

/// Where nothing fits surely, few servers are chosen: those that a rule of the configuration speaks for, which
/// come first then, or their very name; where there are none such, the best, one for each of the `steps` of
/// the text. Gives how sure that is: a rule makes more of nothing.
pub(super) fn narrow(servers: &mut [ServerFound], band: Band, steps: usize) -> Band {
    let says = |server: &ServerFound, kind: &str| server.reasons.iter().any(|why| why.kind == kind);
    if servers.iter().any(|server| says(server, "rule")) {
        servers.sort_by_key(|server| !says(server, "rule"));
        servers.iter_mut().for_each(|server| server.chosen = says(server, "rule"));
        return Band::Weak;
    }
    let any_named = servers.iter().any(|server| server.chosen && says(server, "exact"));
    let mut left = steps.max(1);
    for server in servers.iter_mut().filter(|server| server.chosen) {
        server.chosen = if any_named { says(server, "exact") } else { left > 0 };
        left = left.saturating_sub(1);
    }
    band
}

/// Whether a call that failed so, after so many further tries, is tried once more.
pub(super) fn is_again(problem: &Problem, tries: usize, max_retries: usize) -> bool {
    tries < max_retries && problem.retryable && !UNKNOWN_OUTCOME.contains(&problem.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::said::FoundBecause;
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
    fn where_nothing_fits_surely_few_are_chosen() {
        let server = |name: &str, kind: &str| ServerFound {
            name: name.into(),
            score: 0.5,
            chosen: true,
            state: "ready".into(),
            url: String::new(),
            tools: Vec::new(),
            reasons: vec![FoundBecause { kind: kind.into(), text: String::new(), more: serde_json::Map::new() }],
            problem: None,
        };
        let chosen = |mut servers: Vec<ServerFound>, steps| {
            let band = narrow(&mut servers, Band::Weak, steps);
            assert_eq!(band, Band::Weak);
            servers.into_iter().filter(|one| one.chosen).map(|one| one.name).collect::<Vec<_>>()
        };
        let all = || vec![server("a", "meaning"), server("b", "terms"), server("c", "meaning")];
        assert_eq!(chosen(all(), 0), ["a"]);
        assert_eq!(chosen(all(), 2), ["a", "b"]);
        assert_eq!(chosen(vec![server("a", "meaning"), server("b", "exact")], 0), ["b"]);
        // A rule speaks for its server where nothing else does.
        let mut ruled = vec![server("a", "meaning"), ServerFound { chosen: false, ..server("b", "rule") }];
        assert_eq!(narrow(&mut ruled, Band::Nothing, 0), Band::Weak);
        assert_eq!(chosen(ruled, 0), ["b"]);
        let mut none = vec![ServerFound { chosen: false, ..server("a", "meaning") }];
        assert_eq!(narrow(&mut none, Band::Nothing, 0), Band::Nothing);
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
