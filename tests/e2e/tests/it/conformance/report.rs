//! What one run of the suite found, read from the files that it leaves, scenario by scenario; what
//! is required is read from the suite's own lists. It starts the suite and nothing else.

use e2e::{Peers, run, tell};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);
/// How long one client may take; most of that it waits for its turn.
const CLIENT_LIMIT_MS: &str = "200000";
/// `-2026-11-21T06-41-13-494Z`, at the end of the folder of a scenario.
const STAMP_LENGTH: usize = 25;
/// How much of what a client said is shown.
const SAID_MAX: usize = 2000;

/// Which side the suite looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// The failures and warnings of each scenario; nothing for one that did not run.
pub(super) struct Report {
    /// What ran, for people.
    title: String,
    required: BTreeMap<String, Option<Vec<String>>>,
    /// Those that count for nothing.
    others: BTreeMap<String, Vec<String>>,
    code: Option<i32>,
}

impl Report {
    /// Runs the suite for servers of this revision against a URL.
    pub(super) fn of_server(peers: &Peers, url: &str, revision: &str) -> Self {
        let mut suite = peers.conformance();
        suite.args(["server", "--url", url]);
        Self::of(peers, Side::Server, suite, revision)
    }

    /// Runs the suite for clients of this revision with a command as the client.
    pub(super) fn of_client(peers: &Peers, client: &str, revision: &str) -> Self {
        let mut suite = peers.conformance();
        suite.args(["client", "--command", client, "--timeout", CLIENT_LIMIT_MS]);
        let turns = tempfile::tempdir().unwrap();
        suite.env("MCP_DRIVER_TURNS", turns.path());
        Self::of(peers, Side::Client, suite, revision)
    }

    fn of(peers: &Peers, side: Side, mut suite: Command, revision: &str) -> Self {
        let out = tempfile::tempdir().unwrap();
        suite.args(["--requirements", revision, "-o"]).arg(out.path()).current_dir(out.path());
        let ended = run(&mut suite, LIMIT);
        let mut ran = BTreeMap::new();
        read(side, out.path(), "", &mut ran);
        let rules = peers.package("conformance").with_file_name("..").join(format!("requirements/{revision}.yaml"));
        let rules = fs::read_to_string(&rules).unwrap_or_else(|why| panic!("{}: {why}", rules.display()));
        let required = required_scenarios(side, &rules);
        let required = required.into_iter().map(|name| (name.clone(), ran.remove(&name))).collect();
        let report = Self { title: format!("{side:?} suite {revision}"), required, others: ran, code: ended.code };
        tell(&report.to_string());
        report
    }

    /// Asserts that so many scenarios are required, and that exactly these fail.
    #[track_caller]
    pub(super) fn expect(&self, count: usize, exceptions: &[&str]) {
        assert_eq!(self.required.len(), count, "the required set changed: {:?}", self.required.keys());
        let bad = self.required.iter().filter(|(_, problems)| problems.as_ref().is_none_or(|all| !all.is_empty()));
        let bad: Vec<&str> = bad.map(|(name, _)| name.as_str()).collect();
        let mut exceptions = exceptions.to_vec();
        exceptions.sort_unstable();
        assert_eq!(bad, exceptions, "{self}");
        assert!(!bad.is_empty() || self.code == Some(0), "the suite has another opinion: {:?}\n{self}", self.code);
    }

    /// Asserts that these scenarios pass, though they count for nothing.
    #[track_caller]
    pub(super) fn expect_unscored(&self, names: &[&str]) {
        let bad: Vec<_> = names.iter().filter(|name| !self.others.get(**name).is_some_and(Vec::is_empty)).collect();
        assert!(bad.is_empty(), "expected {bad:?} to pass: {self}");
    }
}

/// The counts, and everything that is wrong.
impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let missing = vec!["did not run".to_owned()];
        let required: Vec<_> =
            self.required.iter().map(|(name, problems)| (name, problems.as_ref().unwrap_or(&missing))).collect();
        let others: Vec<_> = self.others.iter().collect();
        writeln!(out, "{}, exit code {:?}", self.title, self.code)?;
        for (what, scenarios) in [("required", required), ("not scored", others)] {
            let passed = scenarios.iter().filter(|(_, problems)| problems.is_empty()).count();
            writeln!(out, "  {what}: {passed} of {} pass", scenarios.len())?;
            for (name, problems) in scenarios {
                for problem in problems {
                    writeln!(out, "    {name}: {problem}")?;
                }
            }
        }
        Ok(())
    }
}

/// The list under `server:` or `client:` in the suite's own file.
fn required_scenarios(side: Side, rules: &str) -> Vec<String> {
    let heading = if side == Side::Server { "server:" } else { "client:" };
    let after = rules.lines().skip_while(|line| *line != heading).skip(1);
    let list = after.take_while(|line| line.is_empty() || line.starts_with(' '));
    list.filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect()
}

/// Each scenario is a folder with a time at the end of its name; names with a slash are folders in a folder.
fn read(side: Side, folder: &Path, above: &str, found: &mut BTreeMap<String, Vec<String>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().join("checks.json").is_file() {
            if entry.path().is_dir() {
                read(side, &entry.path(), &format!("{above}{name}/"), found);
            }
            continue;
        }
        let Some(name) = name.len().checked_sub(STAMP_LENGTH).and_then(|end| name.get(..end)) else { continue };
        let name = format!("{above}{name}");
        let name = if side == Side::Server { name.replacen("server-", "", 1) } else { name };
        found.insert(name.clone(), problems(side, &name, &entry.path()));
    }
}

fn problems(side: Side, name: &str, folder: &Path) -> Vec<String> {
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let checks: Vec<Value> = serde_json::from_str(&text("checks.json")).unwrap_or_default();
    let bad = checks.iter().filter(|check| check["status"] == "FAILURE" || check["status"] == "WARNING");
    let mut problems: Vec<String> = bad
        .map(|check| {
            let why = check["errorMessage"].as_str().or(check["description"].as_str()).unwrap_or_default();
            format!("{} {}: {why}", check["status"].as_str().unwrap_or_default(), check["id"])
        })
        .collect();
    if checks.is_empty() {
        problems.push("no checks".to_owned());
    }
    if side == Side::Client && !text("stdout.txt").contains("driver: done") && !super::clients::MAY_FAIL.contains(&name)
    {
        let said = text("stderr.txt");
        let said: String = said.chars().take(SAID_MAX).collect();
        problems.push(format!("the driver did not get through: {}", said.trim().replace('\n', "\n        ")));
    }
    problems
}
