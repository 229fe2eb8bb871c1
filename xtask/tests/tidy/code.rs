//! Rules about single source files: how long, how they open, what they must not contain.

use crate::files::{is_test, none, read, rust_files};
use crate::source::{Source, words};
use std::path::Path;

const FILE_LINES_MAX: usize = 500;
const TEST_FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const TEST_FUNCTION_LINES_MAX: usize = 120;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "manager"];

/// Files that may contain unsafe code, with the reason in the file. None does.
const UNSAFE: [&str; 0] = [];

/// Crates whose time stands still when a test wants it to: they use tokio's clock.
const TOKIO_CLOCK: [&str; 3] = ["crates/gateway", "crates/outbound", "crates/control"];

/// Words for work that somebody else shall do some day.
const LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

fn sources() -> impl Iterator<Item = (String, bool, Source)> {
    rust_files().into_iter().map(|path| {
        let shown = path.display().to_string();
        (shown, is_test(&path), Source::new(read(&path)))
    })
}

/// Collects what `find` says about each file.
fn check(rule: &str, mut find: impl FnMut(&str, bool, &Source, &mut Vec<String>)) {
    let mut problems = Vec::new();
    let mut seen = 0;
    for (path, test, source) in sources() {
        find(&path, test, &source, &mut problems);
        seen += 1;
    }
    assert!(seen > 50, "only {seen} source files were found");
    none(rule, &problems);
}

#[test]
fn files_are_short() {
    check("too long; cut where the reasons to change differ", |path, test, source, problems| {
        let limit = if test { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
        let lines = source.text.lines().count();
        if lines > limit {
            problems.push(format!("{path}: {lines} lines, the limit is {limit}"));
        }
    });
}

#[test]
fn functions_are_short() {
    check("too long; branches in the parent, straight work in the children", |path, test, source, problems| {
        for function in source.functions() {
            let limit = if test || function.test { TEST_FUNCTION_LINES_MAX } else { FUNCTION_LINES_MAX };
            if function.lines > limit {
                let (name, line, lines) = (function.name, function.line, function.lines);
                problems.push(format!("{path}:{line}: `{name}` has {lines} lines, the limit is {limit}"));
            }
        }
    });
}

#[test]
fn files_say_what_they_are_for() {
    check("a file opens with `//!`: what it is for, what it does not do", |path, test, source, problems| {
        let opens = source.text.strip_prefix("//! ").and_then(|text| text.lines().next());
        let least = if test { 10 } else { 20 };
        if opens.is_none_or(|line| line.len() < least) {
            problems.push(path.to_owned());
        }
    });
}

#[test]
fn names_say_something() {
    let paths = rust_files();
    let parts = paths.iter().flat_map(|path| path.iter().map(move |part| (path, part)));
    let empty = parts.filter(|(_, part)| {
        let stem = Path::new(part).with_extension("");
        let stem = stem.to_string_lossy();
        EMPTY_NAMES.iter().any(|name| stem == *name || stem.ends_with(&format!("_{name}")))
    });
    let problems: Vec<_> = empty.map(|(path, _)| path.display().to_string()).collect();
    none("a name that fits everything says nothing", &problems);
}

#[test]
fn lints_are_expected_and_not_allowed() {
    check(
        "`#[expect(…, reason = \"…\")]` goes away when it is not needed any more",
        |path, _, source, problems| {
            for opening in ["#[", "#!["] {
                let allow = format!("{opening}{}(", "allow");
                for (at, _) in source.code.match_indices(&allow) {
                    problems.push(format!("{path}:{}", source.line(at)));
                }
                let expect = format!("{opening}{}(", "expect");
                for (at, _) in source.code.match_indices(&expect) {
                    let end = source.code[at..].find(")]").map_or(source.code.len(), |length| at + length);
                    if words(&source.code[at..end], "reason").is_empty() {
                        problems.push(format!("{path}:{}: no reason", source.line(at)));
                    }
                }
            }
        },
    );
}

#[test]
fn nothing_is_left_for_later() {
    check("do it, or open an issue", |path, _, source, problems| {
        for word in LATER {
            let found = words(&source.text, word).into_iter();
            problems.extend(found.map(|at| format!("{path}:{}: {word}", source.line(at))));
        }
        for word in ["todo", "unimplemented"] {
            let macros = source.words(word).into_iter().filter(|at| source.code[at + word.len()..].starts_with('!'));
            problems.extend(macros.map(|at| format!("{path}:{}: {word}!", source.line(at))));
        }
    });
}

#[test]
fn code_is_safe() {
    check("no unsafe code outside the list", |path, _, source, problems| {
        if UNSAFE.contains(&path) {
            return;
        }
        let found = source.words("unsafe").into_iter();
        problems.extend(found.map(|at| format!("{path}:{}", source.line(at))));
    });
}

#[test]
fn tests_can_stop_the_clock() {
    check("use tokio::time::Instant", |path, _, source, problems| {
        if !TOKIO_CLOCK.iter().any(|owner| path.starts_with(owner)) {
            return;
        }
        for line in source.code.lines() {
            if line.contains("std::time::") && !words(line, "Instant").is_empty() {
                problems.push(format!("{path}: {}", line.trim()));
            }
        }
    });
}

#[test]
fn no_test_is_ignored() {
    check("assert what is wrong, with a comment, or remove the test", |path, _, source, problems| {
        let ignored = source.code.match_indices("#[ignore");
        problems.extend(ignored.map(|(at, _)| format!("{path}:{}", source.line(at))));
    });
}

#[test]
fn the_rules_understand_rust() {
    let text = "//! x\nfn one() {\n    let a = \"}{\\\"\"; // {\n    let b = '{';\n    let c: &'static str = r#\"{\"#;\n}\n\
                type F = fn(u8) -> u8;\ntrait T { fn none(&self); }\n\
                #[cfg(test)]\nmod tests {\n    #[test]\n    fn two() {}\n}\n";
    let source = Source::new(text.to_owned());
    let found: Vec<_> = source.functions().into_iter().map(|it| (it.name, it.line, it.lines, it.test)).collect();
    assert_eq!(found, [("one".to_owned(), 2, 5, false), ("two".to_owned(), 12, 1, true)]);
    assert_eq!(source.text.len(), source.code.len());
    assert!(!source.code.contains('"'));
}
