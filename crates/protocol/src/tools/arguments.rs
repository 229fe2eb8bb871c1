//! Arguments of a call: read with good will, refused with the name of what is wrong.
//!
//! The predecessors passed lists and objects as strings that hold JSON; such a string is still
//! taken where the schema wants a list or an object. It deliberately knows no tool.

use super::Failure;
use crate::Raw;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the arguments of a call whose schema is `schema`.
///
/// # Errors
/// A failure that names the argument.
pub(super) fn read<T: DeserializeOwned>(raw: Option<&Raw>, schema: &Value) -> Result<T, Failure> {
    let mut arguments = match raw.map(Raw::read::<Value>) {
        None | Some(Ok(Value::Null)) => Map::new(),
        Some(Ok(Value::Object(arguments))) => arguments,
        Some(Ok(_)) => return Err(Failure::validation("`arguments` is not an object")),
        Some(Err(error)) => return Err(Failure::validation(format!("`arguments` cannot be read: {error}"))),
    };
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in &mut arguments {
        let Some(property) = properties.get(name) else { return Err(unknown(name, properties)) };
        settle(name, value, property)?;
    }
    if let Some(missing) = missing(&arguments, schema) {
        return Err(Failure::validation(format!("`{missing}` is missing")));
    }
    serde_json::from_value(Value::Object(arguments)).map_err(|error| Failure::validation(error.to_string()))
}

fn missing<'a>(arguments: &Map<String, Value>, schema: &'a Value) -> Option<&'a str> {
    let required = schema.get("required").and_then(Value::as_array)?;
    required.iter().filter_map(Value::as_str).find(|name| !arguments.contains_key(*name))
}

fn unknown(name: &str, properties: &Map<String, Value>) -> Failure {
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let failure = Failure::validation(format!("there is no argument `{name}`"));
    match known.as_slice() {
        [] => failure.next("call it without arguments"),
        known => failure.next(format!("use {}", known.join(", "))),
    }
}

/// Turns a string that holds JSON into what it holds, where that is wanted; refuses another type.
fn settle(name: &str, value: &mut Value, property: &Value) -> Result<(), Failure> {
    let kinds = kinds(property);
    if kinds.is_empty() || value.is_null() || kinds.iter().any(|kind| is(value, kind)) {
        return Ok(());
    }
    let held = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let composite = |kind: &&str| matches!(*kind, "array" | "object");
    match held {
        Some(held) if kinds.iter().filter(|kind| composite(kind)).any(|kind| is(&held, kind)) => {
            *value = held;
            Ok(())
        }
        _ => {
            let (wanted, found) = (kinds.join(" or "), kind_of(value));
            Err(Failure::validation(format!("`{name}` must be {wanted}, not {found}")))
        }
    }
}

/// The types that a property may have; none where any fits.
fn kinds(property: &Value) -> Vec<&str> {
    match property.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => {
            let either = property.get("anyOf").or_else(|| property.get("oneOf")).and_then(Value::as_array);
            let either = either.map(Vec::as_slice).unwrap_or_default();
            let each: Vec<Vec<&str>> = either.iter().map(kinds).collect();
            // One that takes anything takes everything.
            if each.iter().any(Vec::is_empty) { Vec::new() } else { each.concat() }
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        other => kind_of(value) == other,
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
