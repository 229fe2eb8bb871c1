//! Whether what depends on what makes sense: every name is known, and nothing waits for itself.
//! It only looks at names; what runs when is found out by running it.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::diagnostic::{Report, Severity, Span};
use crate::load::{Declared, Document, severity_for};
use crate::names::{did_you_mean, reduce};
use crate::raw::RawServer;
use crate::read::texts_of;
use crate::services::DeclaredServices;

/// Who depends on whom, by name.
pub type Needs = BTreeMap<String, Vec<String>>;

/// Reports every name that is unknown or means two things, and every circle. What is in a circle
/// is left out of the configuration, so that nothing waits for ever.
pub(crate) fn check_depends(
    config: &mut Config,
    servers: &Declared,
    services: &DeclaredServices,
    documents: &[Document],
    report: &mut Report,
) {
    for (name, (at, raw)) in services {
        if let Some((other, _)) = servers.get(name) {
            let (document, place) = (&documents[*at], &documents[*other]);
            let message = format!("`{name}` is a service and a server");
            report.at(&document.source, severity_for(document.approval()), raw.name_span, message).hint(format!(
                "`depends_on` must know which is meant: rename one; see {}",
                place.source.path.display()
            ));
        }
    }
    refuse_like_names(services, documents, report);
    let of_services = services.iter().map(|(name, declared)| ("service", name, declared));
    let of_servers = servers.iter().map(|(name, declared)| ("server", name, declared));
    let mut needs = Needs::new();
    for (what, name, (at, raw)) in of_services.chain(of_servers) {
        let document = &documents[*at];
        for needed in texts_of(raw.fields.get("depends_on")) {
            let known = services.contains_key(&needed.text) || (what == "server" && servers.contains_key(&needed.text));
            if !known {
                let names = services.keys().chain(servers.keys().filter(|_| what == "server"));
                let severity = severity_for(document.approval());
                let found = report.at(&document.source, severity, needed.span, unknown(what, name, &needed.text));
                match did_you_mean(&needed.text, names.map(String::as_str)) {
                    Some(near) => found.hint(format!("did you mean `{near}`?")),
                    None if what == "service" => {
                        found.hint("a service depends on services; declare it under `services`")
                    }
                    None => found.hint("declare it under `services` or `servers`"),
                };
            } else if config.servers.get(&needed.text).is_some_and(|server| !server.enabled) {
                let message = format!("{what} `{name}` depends on `{}`, which is disabled", needed.text);
                report.at(&document.source, Severity::Warning, needed.span, message);
            }
            needs.entry(name.clone()).or_default().push(needed.text.clone());
        }
    }
    while let Some(circle) = circle(&needs) {
        report_circle(&circle, (servers, services), documents, report);
        for name in &circle {
            needs.remove(name);
            config.servers.remove(name);
            config.services.remove(name);
        }
    }
}

/// Logs and containers are named by the reduced name.
fn refuse_like_names(services: &DeclaredServices, documents: &[Document], report: &mut Report) {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    for (name, (at, raw)) in services {
        let (document, reduced) = (&documents[*at], reduce(name));
        let message = match first.get(&reduced) {
            _ if reduced.is_empty() => format!("service `{name}`: the name has no letter or digit"),
            Some(other) => {
                format!("the services `{other}` and `{name}` have the same name `{reduced}` after reduction")
            }
            None => {
                first.insert(reduced, name);
                continue;
            }
        };
        let found = report.at(&document.source, severity_for(document.approval()), raw.name_span, message);
        found.hint("logs and containers are named with a-z, 0-9 and -: rename it");
    }
}

fn unknown(what: &str, name: &str, needed: &str) -> String {
    match what {
        "service" => format!("service `{name}` depends on `{needed}`, and there is no service of that name"),
        _ => format!("server `{name}` depends on `{needed}`, and there is no service or server of that name"),
    }
}

fn report_circle(
    circle: &[String],
    (servers, services): (&Declared, &DeclaredServices),
    documents: &[Document],
    report: &mut Report,
) {
    let Some(first) = circle.first() else { return };
    let declared = |name: &String| -> Option<&(usize, RawServer)> { services.get(name).or_else(|| servers.get(name)) };
    let Some((at, raw)) = declared(first) else { return };
    let next = circle.get(1).unwrap_or(first);
    let span = texts_of(raw.fields.get("depends_on")).iter().find(|needed| needed.text == *next);
    let span: Span = span.map_or(raw.name_span, |needed| needed.span);
    let path = circle.iter().chain([first]).map(String::as_str).collect::<Vec<_>>().join(" → ");
    let document = &documents[*at];
    report
        .at(&document.source, severity_for(document.approval()), span, format!("`depends_on` goes in a circle: {path}"))
        .hint("each waits for the next to be ready, so none would ever start: take one of the names out");
}

/// The names of one circle in the order of its arrows, beginning with the first by name.
pub fn circle(needs: &Needs) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in needs.keys() {
        let mut path: Vec<&str> = Vec::new();
        if let Some(circle) = visit(needs, start, &mut path, &mut done) {
            return Some(circle);
        }
    }
    None
}

/// Walks along the arrows without recursion: a file may hold a long chain.
fn visit<'a>(
    needs: &'a Needs,
    start: &'a str,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<String>> {
    let mut open: Vec<(&'a str, usize)> = vec![(start, 0)];
    while let Some((name, at)) = open.pop() {
        if at == 0 {
            if let Some(seen) = path.iter().position(|one| *one == name) {
                let mut circle: Vec<String> = path[seen..].iter().map(|one| (*one).to_owned()).collect();
                let smallest = (0..circle.len()).min_by_key(|at| &circle[*at]).unwrap_or(0);
                circle.rotate_left(smallest);
                return Some(circle);
            }
            if done.contains(name) {
                continue;
            }
            path.push(name);
        }
        match needs.get(name).and_then(|needed| needed.get(at)) {
            Some(next) => {
                open.push((name, at + 1));
                open.push((next, 0));
            }
            None => {
                path.pop();
                done.insert(name);
            }
        }
    }
    None
}

/// How many steps each name is above what needs nothing: what has more is stopped first. Names in
/// a circle get some number.
pub fn heights(needs: &Needs) -> BTreeMap<String, usize> {
    let mut heights: BTreeMap<String, usize> = needs.keys().map(|name| (name.clone(), 0)).collect();
    // Each round settles at least one more name, where there is no circle.
    for _ in 0..needs.len() {
        let mut changed = false;
        for (name, needed) in needs {
            let above = needed.iter().filter_map(|one| heights.get(one)).max().map_or(0, |height| height + 1);
            if heights.get(name).is_some_and(|height| *height < above) {
                heights.insert(name.clone(), above);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn needs(pairs: &[(&str, &[&str])]) -> Needs {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        pairs.iter().map(|(name, needed)| ((*name).to_owned(), owned(needed))).collect()
    }

    #[test]
    fn a_circle_is_named_in_the_order_of_its_arrows() {
        type Pairs = &'static [(&'static str, &'static [&'static str])];
        let cases: &[(Pairs, Option<&[&str]>)] = &[
            (&[("a", &["b"]), ("b", &["c"])], None),
            (&[("a", &["a"])], Some(&["a"])),
            (&[("x", &["b"]), ("c", &["a"]), ("b", &["c"]), ("a", &["b"])], Some(&["a", "b", "c"])),
            (&[("a", &["d", "b"]), ("b", &["d"]), ("d", &[])], None),
        ];
        for (pairs, expected) in cases {
            let found = circle(&needs(pairs));
            let found = found.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), *expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_needs_more_is_higher() {
        let heights = heights(&needs(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["db"])]));
        assert_eq!((heights["a"], heights["b"], heights["c"]), (2, 1, 0));
    }

    proptest! {
        /// Arrows from lower to higher numbers only make no circle, and one arrow back makes one.
        #[test]
        fn circles_are_found_exactly_where_they_are(arrows in proptest::collection::vec((0u8..12, 0u8..12), 0..40)) {
            let mut forward = Needs::new();
            for (from, to) in arrows.iter().filter(|(from, to)| from < to) {
                forward.entry(format!("n{from:02}")).or_default().push(format!("n{to:02}"));
            }
            prop_assert_eq!(circle(&forward), None);
            let heights = heights(&forward);
            for (name, needed) in &forward {
                for one in needed.iter().filter_map(|one| heights.get(one)) {
                    prop_assert!(heights[name] > *one);
                }
            }
            let arrow = forward.iter().find_map(|(name, needed)| Some((name.clone(), needed.first()?.clone())));
            if let Some((from, to)) = arrow {
                forward.entry(to).or_default().push(from);
                let circle = circle(&forward).unwrap();
                for (at, name) in circle.iter().enumerate() {
                    let next = &circle[(at + 1) % circle.len()];
                    prop_assert!(forward[name].contains(next));
                }
            }
        }
    }
}
