//! The official conformance suite against the gateway, with the fixture behind it. No list of
//! expected failures: the counts and the names of what fails are asserted here, and a scenario that
//! was renamed or not run at all counts as failed.

use e2e::{Listening, Peers, Switchboard, built, command, entry_at, require_peers, run, tell};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

#[test]
fn modern_to_modern_passes_37_of_37() {
    let report = through_the_gateway("modern", "2026-07-28");
    let Some(report) = report else { return };
    assert_eq!(report.required.len(), 37, "the required set changed: {:?}", report.required.keys());
    assert_eq!(report.failing(), Vec::<String>::new(), "{}", report.shown);
}

#[test]
fn legacy_to_legacy_passes_26_of_30() {
    let report = through_the_gateway("legacy", "2025-11-25");
    let Some(report) = report else { return };
    assert_eq!(report.required.len(), 30, "the required set changed: {:?}", report.required.keys());
    // These four need the server to ask the client; translating that comes with the next issue.
    let interactive =
        ["elicitation-sep1034-defaults", "elicitation-sep1330-enums", "tools-call-elicitation", "tools-call-sampling"];
    assert_eq!(report.failing(), interactive, "{}", report.shown);
}

/// The fixture itself, without us between: so that a failure above is ours.
#[test]
fn the_fixture_passes_by_itself() {
    let Some(peers) = require_peers() else { return };
    for (era, revision, count) in [("modern", "2026-07-28", 37), ("legacy", "2025-11-25", 30)] {
        let fixture = start_fixture(era);
        let report = Report::of(&peers, &fixture.url(), revision);
        assert_eq!((report.required.len(), report.failing()), (count, vec![]), "{}", report.shown);
    }
}

fn start_fixture(era: &str) -> Listening {
    let mut fixture = command(built("mcp-fixture"));
    fixture.args(["http", "--port", "0", "--era", era]);
    Listening::start(fixture)
}

fn through_the_gateway(era: &str, revision: &str) -> Option<Report> {
    let peers = require_peers()?;
    let fixture = start_fixture(era);
    let board = Switchboard::start(&(entry_at("fixture", &fixture.url()) + "prefix = \"never\"\n"));
    let report = Report::of(&peers, &board.url(), revision);
    tell(&report.shown);
    Some(report)
}

/// Failures and warnings of each scenario; nothing for one that did not run.
struct Report {
    required: BTreeMap<String, Option<Vec<String>>>,
    shown: String,
}

impl Report {
    fn of(peers: &Peers, url: &str, revision: &str) -> Self {
        let out = tempfile::tempdir().unwrap();
        let mut suite = peers.conformance();
        suite.args(["server", "--url", url, "--requirements", revision, "-o"]).arg(out.path());
        suite.current_dir(out.path());
        let outcome = run(&mut suite, Duration::from_secs(240));
        let ran = read_checks(out.path());
        let rules = peers.package("conformance").with_file_name("..").join(format!("requirements/{revision}.yaml"));
        let rules = fs::read_to_string(&rules).unwrap_or_else(|why| panic!("{}: {why}", rules.display()));
        let required: BTreeMap<_, _> =
            required_scenarios(&rules).into_iter().map(|name| (name.clone(), ran.get(&name).cloned())).collect();
        let mut shown = format!("{revision}, exit code {:?}\n", outcome.code);
        for (name, problems) in &ran {
            let scored = if required.contains_key(name) { "" } else { " (not scored)" };
            let verdict = if problems.is_empty() { "ok".to_owned() } else { problems.join("; ") };
            shown.push_str(&format!("  {name}{scored}: {verdict}\n"));
        }
        Self { required, shown }
    }

    fn failing(&self) -> Vec<String> {
        let bad = self.required.iter().filter(|(_, problems)| problems.as_ref().is_none_or(|all| !all.is_empty()));
        bad.map(|(name, _)| name.clone()).collect()
    }
}

/// The list under `server:` in the suite's own file.
fn required_scenarios(rules: &str) -> Vec<String> {
    let after = rules.lines().skip_while(|line| *line != "server:").skip(1);
    let list = after.take_while(|line| line.is_empty() || line.starts_with(' '));
    list.filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect()
}

/// `server-SCENARIO-TIMESTAMP/checks.json` of each scenario that ran.
fn read_checks(out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(out).unwrap().flatten() {
        let folder = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = folder.strip_prefix("server-") else { continue };
        // The timestamp at the end has one length: `-2026-11-21T06-41-13-494Z`.
        let Some(name) = rest.len().checked_sub(25).and_then(|end| rest.get(..end)) else { continue };
        let checks = fs::read(entry.path().join("checks.json")).unwrap_or_default();
        let checks: Vec<Value> = serde_json::from_slice(&checks).unwrap_or_default();
        let mut problems: Vec<String> = checks
            .iter()
            .filter(|check| check["status"] == "FAILURE" || check["status"] == "WARNING")
            .map(|check| format!("{}: {}", check["id"], check["errorMessage"]))
            .collect();
        if checks.is_empty() {
            problems.push("no checks".to_owned());
        }
        found.insert(name.to_owned(), problems);
    }
    found
}
