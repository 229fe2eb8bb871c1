//! A table of calls with what each answers: played by a real client, compared field by field, and
//! counted, so that no tool, no parameter and no field of the predecessors is left out.
//!
//! What the tools are is in `tables/`; nothing here knows one.

use e2e::{Client as _, Peers, Step, Switchboard, play};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A call, and what comes of it.
pub(super) struct Row {
    tool: &'static str,
    arguments: Value,
    expected: Expected,
}

enum Expected {
    /// A result of this shape.
    Fits(Value),
    /// A failure of this type, with this in its message.
    Fails(&'static str, &'static str),
}

/// A tool of a predecessor: its parameters, and the members of its result.
pub(super) type Known = (&'static str, &'static [&'static str], &'static [&'static str]);

/// A call that is answered with something of the shape `fits`; see [`fits`].
pub(super) fn ok(tool: &'static str, arguments: Value, fits: Value) -> Row {
    Row { tool, arguments, expected: Expected::Fits(fits) }
}

/// A call that fails with the type `kind` and `part` of a message.
pub(super) fn fails(tool: &'static str, arguments: Value, kind: &'static str, part: &'static str) -> Row {
    Row { tool, arguments, expected: Expected::Fails(kind, part) }
}

/// As [`answers`], and every tool of the server is in the table with every parameter that it has.
#[track_caller]
pub(super) fn holds(peers: &Peers, board: &Switchboard, server: &str, rows: &[Row], known: &[Known]) {
    all_is_used(board, server, rows);
    answers(peers, board, server, rows, known);
}

/// Plays the table with the Python SDK, compares every answer, and shows that all that `known` lists
/// was called with everything.
#[track_caller]
pub(super) fn answers(peers: &Peers, board: &Switchboard, server: &str, rows: &[Row], known: &[Known]) {
    let mut client = peers.script_command("py_client.py");
    client.args(["auto", &format!("{}/{server}", board.url())]);
    let steps: Vec<Step> = rows.iter().map(|row| Step::call(row.tool, row.arguments.clone())).collect();
    let played = play(client, &steps);
    let mut seen = BTreeSet::new();
    for (number, (row, step)) in rows.iter().zip(&played.steps).enumerate() {
        let shown = format!("{number}: {} {}\n  answered {step}", row.tool, row.arguments);
        let result = &step["result"];
        assert!(result.is_object(), "expected a result of {shown}");
        match &row.expected {
            Expected::Fits(pattern) => {
                assert_ne!(result["isError"], true, "expected no failure of {shown}");
                let content = &result["structuredContent"];
                fits(pattern, content).unwrap_or_else(|why| panic!("{why} in {shown}"));
                text_says(result, &shown);
                seen.extend(content.as_object().into_iter().flatten().map(|(name, _)| (row.tool, name.clone())));
            }
            Expected::Fails(kind, part) => {
                let (found, message) = failure(result, &shown);
                assert!(found == *kind && message.contains(part), "expected {kind} with `{part}` of {shown}");
            }
        }
    }
    assert_eq!(played.steps.len(), rows.len());
    for (tool, parameters, members) in known {
        let used = used(rows, tool);
        let missing: Vec<_> = parameters.iter().filter(|name| !used.contains(**name)).collect();
        assert!(missing.is_empty(), "{tool} was never called with {missing:?}");
        let missing: Vec<_> = members.iter().filter(|name| !seen.contains(&(*tool, (**name).to_owned()))).collect();
        assert!(missing.is_empty(), "{tool} never answered with {missing:?}");
    }
}

/// Every tool was called, with every parameter that it says it has.
#[track_caller]
fn all_is_used(board: &Switchboard, server: &str, rows: &[Row]) {
    let client = e2e::Modern::new(board.address(), &format!("/mcp/{server}"));
    let listed = client.result("tools/list", json!({}));
    let tools = listed["tools"].as_array().cloned().unwrap_or_default();
    assert!(!tools.is_empty(), "expected tools of {server}");
    for tool in &tools {
        let name = tool["name"].as_str().unwrap_or_default();
        assert!(rows.iter().any(|row| row.tool == name), "{name} is in no row");
        let used = used(rows, name);
        let properties = tool["inputSchema"]["properties"].as_object().cloned().unwrap_or_default();
        let missing: Vec<_> = properties.keys().filter(|key| !used.contains(key.as_str())).collect();
        assert!(missing.is_empty(), "no row calls {name} with {missing:?}");
        assert!(tool["annotations"].is_object(), "{name} says nothing of its effect");
    }
}

fn used<'a>(rows: &'a [Row], tool: &str) -> BTreeSet<&'a str> {
    let of_tool = rows.iter().filter(|row| row.tool == tool);
    of_tool.filter_map(|row| row.arguments.as_object()).flatten().map(|(name, _)| name.as_str()).collect()
}

/// The text block holds the structured content, or one member of it.
#[track_caller]
fn text_says(result: &Value, shown: &str) {
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("expected JSON in the text of {shown}"));
    let content = &result["structuredContent"];
    let is_member = content.as_object().is_some_and(|members| members.values().any(|member| *member == said));
    assert!(said == *content || is_member, "expected the same in text and structure of {shown}");
}

/// Type and message of a failure; it says what to do next as well.
#[track_caller]
fn failure(result: &Value, shown: &str) -> (String, String) {
    assert_eq!(result["isError"], true, "expected a failure of {shown}");
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    let word = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    (word("type"), word("error"))
}

/// Whether a value has a shape: equal, or what a word in angle brackets says. An object has exactly
/// the members of the pattern; with a member `…`, others too. A `?` before the closing bracket: or
/// nothing.
fn fits(pattern: &Value, value: &Value) -> Result<(), String> {
    let wrong = || Err(format!("expected {pattern}, found {value},"));
    match (pattern, value) {
        (Value::String(word), _) if word.starts_with('<') && word.ends_with('>') => {
            let kind = word.trim_matches(['<', '>']);
            let (kind, optional) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
            let right = match kind {
                "any" => true,
                "text" => value.is_string(),
                "number" => value.is_number(),
                "flag" => value.is_boolean(),
                "list" => value.is_array(),
                "object" => value.is_object(),
                "time" => value.as_str().is_some_and(|time| time.len() >= 20 && time.ends_with('Z')),
                part => value.as_str().is_some_and(|text| text.contains(part)),
            };
            if right || (optional && value.is_null()) { Ok(()) } else { wrong() }
        }
        (Value::Object(pattern), Value::Object(value)) => {
            for (name, pattern) in pattern.iter().filter(|(name, _)| *name != "…") {
                fits(pattern, value.get(name).unwrap_or(&Value::Null)).map_err(|why| format!("{name}: {why}"))?;
            }
            let more = value.keys().find(|name| !pattern.contains_key(*name));
            match more.filter(|_| !pattern.contains_key("…")) {
                Some(name) => Err(format!("the member `{name}` is not expected")),
                None => Ok(()),
            }
        }
        (Value::Array(patterns), Value::Array(values)) if patterns.len() == values.len() => {
            patterns.iter().zip(values).try_for_each(|(pattern, value)| fits(pattern, value))
        }
        _ if pattern == value => Ok(()),
        _ => wrong(),
    }
}

#[test]
fn shapes_tell_right_from_wrong() {
    let shape = json!({"id": "<text>", "n": 1, "maybe": "<number?>", "list": ["<m0>", "<any>"]});
    assert_eq!(fits(&shape, &json!({"id": "x", "n": 1, "list": ["m01", null]})), Ok(()));
    for wrong in [
        json!({"n": 1, "list": ["m01", null]}),
        json!({"id": "x", "n": 2, "list": ["m01", null]}),
        json!({"id": "x", "n": 1, "list": ["m01"]}),
        json!({"id": "x", "n": 1, "list": ["m01", null], "more": 1}),
    ] {
        assert!(fits(&shape, &wrong).is_err(), "{wrong}");
    }
    assert_eq!(fits(&json!({"…": true, "a": 1}), &json!({"a": 1, "b": 2})), Ok(()));
}
