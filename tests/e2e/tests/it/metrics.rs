//! `/metrics` as others read it: the parsers of the official Python client, `promtool`, and the dashboard
//! and the rules that come with it, which name nothing that is not there.

use e2e::{
    Client as _, Switchboard, command, entry_of, eventually, misbehave, require_peers, require_program, run, send,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);
const OPEN: &str = "application/openmetrics-text; version=1.0.0";

fn board() -> Switchboard {
    let good = misbehave("good", "ok", "dual");
    Switchboard::start(&format!(
        "{good}\ncache.tools = [\"echo\"]\ntools.safe = [\"echo\"]\n{}",
        entry_of("gone", Path::new("/nothing/here"), &[])
    ))
}

fn scrape(board: &Switchboard, accept: &str) -> (String, String) {
    let headers = [("Accept".to_owned(), accept.to_owned())];
    let answer = send(board.address(), "GET", "/metrics", &headers, b"");
    assert_eq!(answer.status, 200);
    (answer.header("content-type").unwrap_or_default().to_owned(), answer.text())
}

/// Runs a program that reads `text`.
fn reading(board: &Switchboard, mut program: std::process::Command, text: &str) -> e2e::Ended {
    let file = board.home().place("scrape");
    std::fs::write(&file, text).unwrap();
    let words: Vec<String> = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    program = command("sh");
    program.arg("-c").arg(format!("{} < '{}'", words.join(" "), file.display()));
    run(&mut program, LONG)
}

/// The value of a sample.
fn sample(families: &Value, family: &str, name: &str, labels: &Value) -> Option<f64> {
    let samples = families[family]["samples"].as_array()?;
    samples.iter().find(|sample| sample[0] == name && sample[1] == *labels)?[2].as_f64()
}

#[test]
fn others_read_both_formats_and_find_what_was_called() {
    let Some(peers) = require_peers() else { return };
    let board = board();
    let client = board.modern();
    for text in ["a", "a", "b"] {
        client.call("good__echo", json!({ "text": text }));
    }
    client.request("tools/call", json!({"name": "good__nothing"}));
    let parsed = |format: &str, accept: &str| -> Value {
        let mut parser = peers.script_command("prometheus_text.py");
        parser.arg(format);
        let (kind, text) = scrape(&board, accept);
        assert_eq!(kind.starts_with("application/openmetrics-text"), format == "openmetrics", "{kind}");
        let ended = reading(&board, parser, &text);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()
    };
    // Records are counted after their calls ended.
    let labels = json!({"server": "good", "outcome": "ok"});
    eventually(LONG, "three calls that are counted", || {
        let families = parsed("openmetrics", OPEN);
        sample(&families, "switchboard_calls", "switchboard_calls_total", &labels) == Some(3.0)
    });
    for (format, accept) in [("openmetrics", OPEN), ("classic", "text/plain"), ("classic", "*/*")] {
        let families = parsed(format, accept);
        let counted = |family: &str, labels: Value| {
            sample(&families, family, &format!("{family}_total"), &labels).unwrap_or(-1.0)
        };
        assert_eq!(counted("switchboard_errors", json!({"kind": "unknown_name"})), 1.0);
        assert_eq!(counted("mcp_tool_calls", json!({"tool_name": "echo", "status": "success"})), 3.0);
        assert_eq!(counted("mcp_tool_calls", json!({"tool_name": "echo", "status": "error"})), 0.0);
        assert_eq!(counted("switchboard_cached_calls", json!({"server": "good"})), 1.0);
        assert_eq!(counted("switchboard_cache_hits", json!({"server": "good"})), 1.0);
        assert!(counted("switchboard_stage_seconds", json!({"stage": "upstream"})) > 0.0);
        let read = |family: &str, name: &str, labels: Value| sample(&families, family, name, &labels);
        let durations = "switchboard_call_duration_seconds";
        assert_eq!(read(durations, &format!("{durations}_count"), json!({"server": "good"})), Some(3.0));
        let all = json!({"server": "good", "le": "+Inf"});
        assert_eq!(read(durations, &format!("{durations}_bucket"), all), Some(3.0));
        for (server, up) in [("good", 1.0), ("gone", 0.0)] {
            assert_eq!(read("switchboard_server_up", "switchboard_server_up", json!({"server": server})), Some(up));
        }
        let said = board.server("gone");
        let state = json!({"server": "gone", "state": said["state"]});
        assert_eq!(read("switchboard_server_state", "switchboard_server_state", state), Some(1.0), "{said}");
        assert!(read("process_resident_memory_bytes", "process_resident_memory_bytes", json!({})) > Some(1e6));
    }
}

#[test]
fn promtool_finds_nothing_wrong() {
    let Some(promtool) = require_program("promtool") else { return };
    let board = board();
    board.modern().call("good__echo", json!({"text": "a"}));
    let mut check = command(&promtool);
    check.args(["check", "metrics"]);
    let ended = reading(&board, check, &scrape(&board, "text/plain").1);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    let ended = run(command(&promtool).args(["check", "rules"]).arg(docs("alerts.yml")), LONG);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn the_dashboard_and_the_rules_name_what_there_is() {
    let board = board();
    let (_, text) = scrape(&board, "text/plain");
    let there: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(there.len() > 30, "{there:?}");
    for file in ["grafana.json", "alerts.yml"] {
        let text = std::fs::read_to_string(docs(file)).unwrap();
        let named = names(&text);
        assert!(named.len() > 5, "{file}: {named:?}");
        let unknown: Vec<_> = named.into_iter().filter(|name| !there.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{file} names what is not told: {unknown:?}");
    }
    let page = std::fs::read_to_string(docs("metrics.md")).unwrap();
    for name in there {
        assert!(page.contains(&format!("| `{name}` |")), "docs/metrics.md lacks {name}: cargo xtask docs");
    }
}

/// Words that are names of metrics, without what is added to the samples of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let ours = words.filter(|word| ["switchboard_", "mcp_", "process_"].iter().any(|prefix| word.starts_with(prefix)));
    let whole = |word: &str| {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        bare.filter(|bare| bare.ends_with("_seconds")).unwrap_or(word).to_owned()
    };
    ours.map(whole).collect()
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}
