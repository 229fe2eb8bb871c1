//! From `key=value` to a JSON value: what the tool's schema says the value is decides how it is
//! read. The schema is a stranger's: it is looked at, never trusted, and the server has the last
//! word.

use crate::report::Report;
use serde_json::Value;

/// Types in the order in which a text is tried as one of them.
const TRIED: [&str; 7] = ["null", "boolean", "integer", "number", "array", "object", "string"];

/// How deep `anyOf` and `oneOf` are followed.
const DEPTH_MAX: u8 = 4;

/// The value of `key` that `text` stands for under `schema`.
///
/// # Errors
/// When no type that the schema allows fits.
pub(super) fn value(schema: &Value, key: &str, text: &str) -> Result<Value, Report> {
    let properties = schema["properties"].as_object();
    let property = properties.and_then(|properties| properties.get(key));
    let Some(property) = property else {
        if schema["additionalProperties"] == false {
            return Err(unknown(key, properties.into_iter().flat_map(|properties| properties.keys())));
        }
        return Ok(guessed(text));
    };
    let mut types = Vec::new();
    collect_types(property, &mut types, DEPTH_MAX);
    if types.is_empty() {
        return Ok(guessed(text));
    }
    let fitting = TRIED.iter().filter(|kind| types.iter().any(|allowed| allowed == *kind));
    let read = fitting.filter_map(|kind| read_as(kind, text)).next();
    read.ok_or_else(|| {
        let message = format!("`{key}` must be of type {}, not `{text}`", types.join(" or "));
        let example = match types[0].as_str() {
            "array" => "a list is written as JSON: key='[1, 2]'",
            "object" => "an object is written as JSON: key='{\"a\": 1}'",
            _ => "see what the tool takes: switchboard tools --json",
        };
        Report::usage(message).hint(example)
    })
}

fn collect_types(schema: &Value, types: &mut Vec<String>, depth: u8) {
    let mut add = |kind: &str| {
        if TRIED.contains(&kind) && !types.iter().any(|known| known == kind) {
            types.push(kind.to_owned());
        }
    };
    match &schema["type"] {
        Value::String(kind) => add(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).for_each(add),
        _ => {
            let choices = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
            choices.for_each(|choice| add(type_of(choice)));
        }
    }
    if depth == 0 {
        return;
    }
    for branches in ["anyOf", "oneOf"] {
        for branch in schema[branches].as_array().into_iter().flatten() {
            collect_types(branch, types, depth - 1);
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn read_as(kind: &str, text: &str) -> Option<Value> {
    if kind == "string" {
        return Some(Value::String(text.to_owned()));
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let fits = match (kind, type_of(&value)) {
        ("integer", "number") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        ("number", "integer") => true,
        (wanted, found) => wanted == found,
    };
    fits.then_some(value)
}

/// Where the schema says nothing: JSON if it is some, else text.
fn guessed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a String>) -> Report {
    let names: Vec<&str> = known.map(String::as_str).collect();
    let report = Report::usage(format!("the tool has no argument `{key}`"));
    let nearest = names.iter().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= (key.len() / 3).max(1) => report.hint(format!("did you mean `{name}`?")),
        _ if names.is_empty() => report.hint("it takes none"),
        _ => report.hint(format!("it takes: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_decides() {
        let schema = json!({"properties": {
            "n": {"type": "integer"}, "x": {"type": "number"}, "on": {"type": "boolean"}, "s": {"type": "string"},
            "list": {"type": "array"}, "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "either": {"type": ["integer", "string"]}, "choice": {"enum": ["1", "2"]}, "any": {},
        }});
        let cases = [
            ("n", "5", json!(5)),
            ("n", "123456789012345678", json!(123456789012345678u64)),
            ("x", "5", json!(5)),
            ("x", "0.5", json!(0.5)),
            ("on", "true", json!(true)),
            ("s", "5", json!("5")),
            ("s", "true", json!("true")),
            ("s", "", json!("")),
            ("list", "[1,2]", json!([1, 2])),
            ("maybe", "null", json!(null)),
            ("maybe", "7", json!(7)),
            ("either", "7", json!(7)),
            ("either", "a7", json!("a7")),
            ("choice", "1", json!("1")),
            ("any", "{\"a\":1}", json!({"a": 1})),
            ("unknown", "text", json!("text")),
        ];
        for (key, text, expected) in cases {
            assert_eq!(value(&schema, key, text).unwrap(), expected, "{key}={text}");
        }
        for (key, text) in [("n", "five"), ("n", "1.5"), ("on", "yes"), ("list", "1"), ("maybe", "x")] {
            let report = value(&schema, key, text).unwrap_err();
            assert!(report.exit == 2 && report.message.contains(key), "{report:?}");
        }
    }

    #[test]
    fn a_closed_schema_knows_its_names() {
        let schema = json!({"properties": {"timezone": {"type": "string"}}, "additionalProperties": false});
        let report = value(&schema, "timezon", "UTC").unwrap_err();
        assert_eq!(report.hints, ["did you mean `timezone`?"]);
    }
}
