//! `switchboard call`.

use crate::sandbox::{Sandbox, eventually, snapshot};
use serde_json::Value;

#[test]
fn arguments_come_in_every_form() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    std::fs::write(sandbox.root.join("text"), "from a file").unwrap();
    std::fs::write(sandbox.root.join("all.json"), r#"{"text": "from JSON"}"#).unwrap();
    let cases = [
        (&["ok.echo", "text=hello world"][..], "hello world\n"),
        (&["ok__echo", "text=5"], "5\n"),
        (&["ok.echo", "text=@text"], "from a file\n"),
        (&["ok.echo", "@all.json"], "from JSON\n"),
        (&["ok.echo", "-a", r#"{"text": "a"}"#], "a\n"),
        (&["ok.echo", r#"{"text": "b"}"#], "b\n"),
    ];
    for (arguments, expected) in cases {
        let finished = sandbox.run(&[&["call"], arguments].concat());
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), expected), "{}", finished.shown(&sandbox));
    }
    let as_the_issue_says = sandbox.run(&["call", "ok.echo", "--json", r#"{"text": "c"}"#]);
    let result: Value = serde_json::from_str(&as_the_issue_says.stdout).unwrap();
    assert_eq!(result["content"][0]["text"], "c");
}

#[test]
fn what_does_not_fit_is_refused_with_a_hint() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    let wrong: [&[&str]; 6] = [
        &["ok.sleep", "ms=soon"],
        &["ok.eco"],
        &["okk.echo"],
        &["ok.echo", "text"],
        &["ok.echo", "{broken"],
        &["ok.echo", "@absent.json"],
    ];
    let shown: Vec<String> = wrong
        .iter()
        .map(|arguments| {
            let finished = sandbox.run(&[&["call"], *arguments].concat());
            format!("$ switchboard call {}\n{}", arguments.join(" "), finished.shown(&sandbox))
        })
        .collect();
    snapshot!("call_refused", shown.join("\n"));
}

#[test]
fn each_call_leaves_a_record() {
    let sandbox = Sandbox::with_server();
    let _daemon = sandbox.daemon();
    assert_eq!(sandbox.run(&["call", "ok.count"]).stdout, "1\n");
    let record = eventually("a record", || sandbox.json(&["logs", "--calls"])["calls"].get(0).cloned());
    let told = ["method", "server", "name", "principal", "outcome"].map(|key| record[key].as_str().unwrap());
    assert_eq!(told, ["tools/call", "ok", "count", "local", "ok"]);
    let shown = sandbox.run(&["logs", "--calls", "ok", "--since", "1h", "--grep", "COUNT"]).stdout;
    assert!(shown.lines().count() == 2 && shown.contains("tools/call  count"), "{shown}");
    for none in [["logs", "--calls", "other"], ["logs", "--calls", "--since=0s"]] {
        assert_eq!(sandbox.json(&none)["calls"], serde_json::json!([]), "{none:?}");
    }
}
