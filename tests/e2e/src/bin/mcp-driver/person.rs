//! The person and the model behind the client: answers to every kind of question, made of the
//! question alone.

use serde_json::{Map, Value, json};

/// The capabilities that go with these answers.
pub(crate) fn capabilities() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}})
}

/// The result of a request of a server; nothing for one that no client knows.
pub(crate) fn answer(method: &str, params: &Value) -> Option<Value> {
    match method {
        "ping" => Some(json!({})),
        "elicitation/create" if params["mode"] == "url" => Some(json!({"action": "accept"})),
        "elicitation/create" => Some(json!({"action": "accept", "content": filled_in(&params["requestedSchema"])})),
        "sampling/createMessage" => Some(json!({
            "role": "assistant", "content": {"type": "text", "text": "Paris"},
            "model": "none", "stopReason": "endTurn"
        })),
        "roots/list" => Some(json!({"roots": [{"uri": "file:///srv", "name": "srv"}]})),
        _ => None,
    }
}

/// A value for every property of a schema of an object: its default if it has one.
pub(crate) fn filled_in(schema: &Value) -> Value {
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let values = properties.iter().map(|(name, property)| (name.clone(), value_of(property)));
    Value::Object(values.collect::<Map<_, _>>())
}

fn value_of(property: &Value) -> Value {
    let first_choice = [&property["default"], &property["enum"][0], &property["oneOf"][0]["const"]];
    if let Some(chosen) = first_choice.into_iter().find(|value| !value.is_null()) {
        return chosen.clone();
    }
    match property["type"].as_str() {
        Some("number" | "integer") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        Some("null") => Value::Null,
        _ => json!("text"),
    }
}
