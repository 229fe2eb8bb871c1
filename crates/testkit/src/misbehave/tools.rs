//! The tools: which ones a mode has, and the ones that always work.

use super::Mode;
use serde_json::{Value, json};

/// The definitions that a mode lists; `grown` is how many `grow` has added.
pub(super) fn list(mode: Mode, grown: u64) -> Vec<Value> {
    let text = json!({"text": {"type": "string"}});
    let ms = json!({"ms": {"type": "integer", "minimum": 0}});
    let mut tools = vec![
        tool("echo", "Gives its text back.", &text),
        tool("sleep", "Answers after so many milliseconds; reports progress if asked to.", &ms),
        tool("count", "How many calls this process has had, this one included.", &json!({})),
        tool("pid", "The process id of this server.", &json!({})),
    ];
    let special = match mode {
        Mode::DieOnCall => &[("die", "Ends this server without an answer.")][..],
        Mode::LieIds => &[("lost", "Is answered under a wrong id only.")],
        Mode::HugeResult(_) => &[("huge", "Answers with a lot of text.")],
        Mode::BadJson => &[("broken", "Is answered with half a message.")],
        Mode::ChangeList => &[("grow", "Adds a tool.")],
        Mode::Shuffle => &[("shuffle", "Says the same otherwise."), ("lists", "How often tools were listed.")],
        Mode::FloodLine(_) => &[("flood", "Is answered with one very long line.")],
        Mode::HalfClose => &[("hang_up", "Closes a pipe and stays alive.")],
        Mode::Storm(_) => &[("storm", "Asks the client very much.")],
        Mode::Brood(_) => &[("brood", "Leaves many short-lived grandchildren.")],
        Mode::Asks => &[("asked", "What came back when this server asked.")],
        Mode::Hog(_) => &[("hog", "Takes a lot of memory and keeps it.")],
        Mode::Bomb => &[("bomb", "Starts children until the system refuses one.")],
        _ => &[],
    };
    let none = json!({});
    tools.extend(special.iter().map(|(name, about)| tool(name, about, &none)));
    if mode == Mode::Shuffle {
        return if grown.is_multiple_of(2) { tools } else { tools.into_iter().rev().map(turned).collect() };
    }
    tools.extend((1..=grown).map(|number| tool(&format!("grown_{number}"), "New here.", &none)));
    tools
}

/// The same with the members in the other order.
fn turned(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: Vec<_> = members.into_iter().collect();
            Value::Object(members.into_iter().rev().map(|(name, member)| (name, turned(member))).collect())
        }
        other => other,
    }
}

/// One page of a list that never ends.
pub(super) fn endless_page(cursor: Option<&str>) -> (Vec<Value>, String) {
    let page: u64 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
    let name = format!("page_{page}");
    let tools = vec![tool(&name, "One of very many.", &json!({}))];
    (tools, page.saturating_add(1).to_string())
}

fn tool(name: &str, about: &str, properties: &Value) -> Value {
    let schema = json!({"type": "object", "properties": properties});
    json!({"name": name, "description": about, "inputSchema": schema})
}

/// A result with one text.
pub(super) fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": false})
}
