//! `cargo xtask test`: everything that must hold before a change goes in, in one command.
//!
//! Cheap checks come first and every step runs whatever the one before said, so that one run shows
//! everything that is wrong. Counts are small and fixed here; the large ones are in `lab`.

use crate::databases::Databases;
use crate::{docs, peers, tool};
use anyhow::Result;
use std::io::Write;
use std::path::Path;
use std::time::Instant;
use tool::Watched;

/// Flags of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Arguments for `cargo nextest run`, such as -E 'test(names)'
    #[arg(last = true)]
    nextest: Vec<String>,
}

/// Something failed, and everything about it has been printed.
#[derive(Debug)]
pub(crate) struct Failed;

/// Runs all steps and prints how many passed on the last line.
///
/// # Errors
/// [`Failed`] when anything did.
pub(crate) fn run(root: &Path, args: &TestArgs) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("system", tool::need_system);
    steps.step("nextest", || tool::need_nextest(root));
    steps.step("peers", || peers::install(root));
    steps.step("format", || tool::run(tool::cargo(root).args(["fmt", "--all", "--check"])));
    steps.step("clippy", || {
        let mut clippy = tool::cargo(root);
        clippy.args(["clippy", "--workspace", "--all-targets"]);
        tool::run(clippy.args(["--", "-D", "warnings"]))
    });
    steps.step("rustdoc", || {
        let mut doc = tool::cargo(root);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        tool::run(doc.args(["doc", "--workspace", "--no-deps"]))
    });
    if tool::output(tool::cargo(root).args(["deny", "--version"])).is_some() {
        steps.step("deny", || tool::run(tool::cargo(root).args(["deny", "check", "bans", "licenses", "sources"])));
    }
    // All targets and not only the binaries: with the features of the tests everything is built
    // once, without them the dependencies would be built twice.
    let built = steps.step("build", || tool::run(tool::cargo(root).args(["build", "--workspace", "--all-targets"])));
    let built = steps.step("static", || peers::static_programs(root)) && built;
    if built {
        steps.step("docs", || docs::check(root));
        steps.tests("tests", root, &args.nextest);
    }
    steps.total()
}

/// What has been run, and how it went.
#[derive(Debug, Default)]
struct Steps {
    counts: Counts,
    failed_steps: Vec<&'static str>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

// === impl Steps ===

impl Steps {
    /// Runs one step; it counts like one test.
    fn step(&mut self, name: &'static str, run: impl FnOnce() -> Result<()>) -> bool {
        let began = begin(name);
        let done = run();
        if let Err(error) = &done {
            say(&format!("error: {error:#}"));
        }
        let counts = Counts { passed: u64::from(done.is_ok()), failed: u64::from(done.is_err()) };
        self.end(name, began, counts);
        done.is_ok()
    }

    /// Runs the tests; each counts.
    fn tests(&mut self, name: &'static str, root: &Path, args: &[String]) {
        let began = begin(name);
        let mut counts = Counts::default();
        let mut nextest = tool::cargo(root);
        nextest.args(["nextest", "run", "--workspace"]).args(args);
        // They live as long as the tests run.
        let databases = Databases::start();
        match &databases {
            Ok(databases) => databases.tell(&mut nextest),
            Err(error) => say(&format!("error: {error:#}")),
        }
        let done = tool::watch(&mut nextest, Watched::Stderr, |line| {
            counts = summary(line).unwrap_or(counts);
        });
        counts.failed += u64::from(databases.is_err());
        drop(databases);
        match done {
            Ok(true) => {}
            // It failed before it could count, or was stopped.
            Ok(false) => counts.failed = counts.failed.max(1),
            Err(error) => {
                say(&format!("error: {error:#}"));
                counts.failed += 1;
            }
        }
        self.end(name, began, counts);
    }

    fn end(&mut self, name: &'static str, began: Instant, counts: Counts) {
        let word = if counts.failed == 0 { "ok" } else { "FAILED" };
        let seconds = began.elapsed().as_secs_f64();
        say(&format!("==> {name:<8} {word:<6} {seconds:7.1} s"));
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        if counts.failed > 0 {
            self.failed_steps.push(name);
        }
    }

    /// Prints the last line.
    fn total(self) -> Result<()> {
        if !self.failed_steps.is_empty() {
            say(&format!("failed steps: {}", self.failed_steps.join(", ")));
        }
        let Counts { passed, failed } = self.counts;
        writeln!(std::io::stdout(), "{passed} passed, {failed} failed")?;
        if failed > 0 {
            return Err(Failed.into());
        }
        Ok(())
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("some steps failed")
    }
}

impl std::error::Error for Failed {}

fn begin(name: &str) -> Instant {
    say(&format!("==> {name}"));
    Instant::now()
}

fn say(line: &str) {
    // Where stderr is closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Reads nextest's last words, such as
/// `Summary [ 1.2s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
fn summary(line: &str) -> Option<Counts> {
    let line = plain(line);
    let (_, counted) = line.trim().strip_prefix("Summary [")?.split_once("run: ")?;
    let mut counts = Counts::default();
    for part in without_brackets(counted).split(',') {
        let (number, word) = part.trim().split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match word.trim() {
            "passed" => counts.passed += number,
            "skipped" => {}
            _ => counts.failed += number,
        }
    }
    Some(counts)
}

/// Without the sequences that colour a terminal.
fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let outside = |character: &char| {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    text.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(line: &str) -> Option<(u64, u64)> {
        summary(line).map(|counts| (counts.passed, counts.failed))
    }

    #[test]
    fn the_summary_of_nextest_is_understood() {
        let calm = "     Summary [   0.812s] 120 tests run: 120 passed, 0 skipped";
        assert_eq!(counts(calm), Some((120, 0)));
        let busy = "Summary [ 9.1s] 9/12 tests run: 5 passed (1 slow, 1 leaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped\n";
        assert_eq!(counts(busy), Some((5, 4)));
        let coloured = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m1\u{1b}[0m test run: \u{1b}[1m1\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, 0 skipped";
        assert_eq!(counts(coloured), Some((1, 0)));
        assert_eq!(counts("        PASS [   0.004s] config names"), None);
    }
}
