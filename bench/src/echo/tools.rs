//! The tool list: two real tools and any number of dummies with schemas of about 1 KiB.

use bench::Failure;
use serde_json::{Value, json};

const VERBS: [&str; 6] = ["find", "open", "change", "close", "share", "count"];
const THINGS: [&str; 5] = ["tickets", "reports", "accounts", "builds", "meetings"];

/// Renders the JSON array of all tools, once, at the start.
pub(crate) fn render(dummies: usize) -> Result<String, Failure> {
    let text = json!({
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What comes back"}},
        "required": ["text"],
    });
    let bytes = json!({
        "type": "object",
        "properties": {"bytes": {"type": "integer", "minimum": 0, "description": "How many"}},
        "required": ["bytes"],
    });
    let mut tools = vec![
        json!({"name": "echo", "description": "Gives its text back.", "inputSchema": text}),
        json!({"name": "payload", "description": "Gives that much text.", "inputSchema": bytes}),
    ];
    tools.extend((0..dummies).map(dummy));
    Ok(serde_json::to_string(&tools)?)
}

fn dummy(number: usize) -> Value {
    let verb = VERBS[number % VERBS.len()];
    let thing = THINGS[(number / VERBS.len()) % THINGS.len()];
    json!({
        "name": format!("dummy_{number}_{verb}_{thing}"),
        "title": format!("{verb} {thing}"),
        "description": format!(
            "Lets you {verb} {thing} that you have access to. Narrow the set with `where`, order it \
             with `order`; times are RFC 3339 in UTC. At most `max` {thing} are touched in one call."
        ),
        "inputSchema": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "project": {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,62}$",
                    "description": "Short name of the project, as in its address"},
                "search": {"type": "string", "maxLength": 500, "description": "Words to look for"},
                "where": {"type": "object", "properties": {
                    "state": {"type": "array", "uniqueItems": true, "items": {
                        "type": "string", "enum": ["new", "active", "waiting", "solved", "gone"]}},
                    "owner": {"type": "string", "format": "email"},
                    "since": {"type": "string", "format": "date-time"},
                    "labels": {"type": "array", "maxItems": 16, "items": {"type": "string"}}}},
                "order": {"type": "string", "enum": ["newest", "oldest", "name"]},
                "max": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20},
            },
            "required": ["project"],
        },
        "annotations": {"readOnlyHint": verb == "find" || verb == "count"},
    })
}

#[cfg(test)]
mod tests {
    use super::{dummy, render};

    #[test]
    fn a_dummy_has_the_size_of_a_real_tool() {
        let size = dummy(7).to_string().len();
        assert!((800..1300).contains(&size), "{size} bytes");
    }

    #[test]
    fn all_tools_are_listed() {
        let tools: Vec<serde_json::Value> = serde_json::from_str(&render(6).unwrap()).unwrap();
        assert_eq!(tools.len(), 8);
        assert_eq!(tools[0]["name"], "echo");
    }
}
