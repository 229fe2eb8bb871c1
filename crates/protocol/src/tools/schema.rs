//! Schemas of argument and result structs, made as small as they can be without saying less.
//!
//! A model reads every byte of a definition, so what only repeats (titles, integer widths,
//! nullable twins of optional members) is left out. It deliberately validates nothing.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Keywords that tell a model nothing.
const SILENT: [&str; 3] = ["$schema", "format", "default"];

/// The schema of an argument struct.
pub(super) fn input<T: JsonSchema>() -> Value {
    let mut schema = generated::<T>();
    compact(&mut schema);
    let object = schema.as_object_mut();
    if let Some(object) = object {
        // What the struct says about itself is the tool's description, which stands beside it.
        object.remove("description");
        object.remove("additionalProperties");
        object.entry("type").or_insert_with(|| json!("object"));
    }
    schema
}

/// The schema of a result struct: its members and their types, nothing below them.
pub(super) fn output<T: JsonSchema>() -> Value {
    let mut schema = generated::<T>();
    compact(&mut schema);
    let mut members = Map::new();
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            let kind = property.get("type").filter(|kind| kind.is_string());
            members.insert(name.clone(), kind.map_or_else(|| json!({}), |kind| json!({ "type": kind })));
        }
    }
    // An optional member may be null; saying so would cost more than it tells.
    let mut object = json!({ "type": "object" });
    if !members.is_empty() {
        object["properties"] = Value::Object(loosened::<T>(members));
    }
    object
}

/// Takes the type off members that may be null, so that null fits.
fn loosened<T: JsonSchema>(mut members: Map<String, Value>) -> Map<String, Value> {
    let whole = generated::<T>();
    for (name, member) in &mut members {
        let schema = &whole["properties"][name.as_str()];
        let nullable = schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
            || schema.get("anyOf").is_some();
        if nullable {
            *member = json!({});
        }
    }
    members
}

fn generated<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Leaves out what tells nothing, at every depth.
fn compact(schema: &mut Value) {
    let Value::Object(object) = schema else { return };
    for keyword in SILENT {
        object.remove(keyword);
    }
    // A schema's title is a name of ours; a property called `title` lies one level below.
    object.remove("title");
    if object.get("minimum") == Some(&json!(0)) {
        object.remove("minimum");
    }
    unwrap_nullable(object);
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(compact);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(keyword) {
            compact(inner);
            if *inner == json!(true) || *inner == json!({}) {
                object.remove(keyword);
            }
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(inner)) = object.get_mut(keyword) {
            inner.iter_mut().for_each(compact);
        }
    }
}

/// What may be null may be left out, which `required` says already.
fn unwrap_nullable(object: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = object.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    let Some(Value::Array(mut either)) = object.remove("anyOf") else { return };
    either.retain(|schema| schema != &json!({ "type": "null" }));
    if let [Value::Object(only)] = either.as_slice() {
        for (key, value) in only.clone() {
            object.entry(key).or_insert(value);
        }
    } else {
        object.insert("anyOf".to_owned(), Value::Array(either));
    }
}
