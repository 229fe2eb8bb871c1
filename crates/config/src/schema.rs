//! The JSON Schema of `switchboard.toml`, made from the tables that the reader reads by.

use serde_json::{Map, Value, json};

use crate::keys::{Key, SERVER_KEYS, Shape, TOP_KEYS, is_default};
use crate::profile_keys::{OVERRIDE_KEYS, PROFILE_KEYS};
use crate::quantity::{show_bytes, show_duration};
use crate::service_keys::SERVICE_KEYS;

/// The JSON Schema (draft 2020-12) of `switchboard.toml`.
pub fn json_schema() -> Value {
    let mut schema = table(TOP_KEYS);
    let mut server = table(SERVER_KEYS);
    server["anyOf"] = json!([{ "required": ["command"] }, { "required": ["url"] }, { "required": ["image"] }]);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "switchboard.toml".into();
    schema["properties"]["servers"] = json!({
        "description": "The servers, by name.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/server" },
    });
    schema["properties"]["services"] = json!({
        "description": "What servers need beside themselves, by name.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/service" },
    });
    schema["properties"]["profiles"] = json!({
        "description": "Named views of what the servers offer, each at /mcp/p/NAME; `default` is what /mcp shows.",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/profile" },
    });
    let mut profile = table(PROFILE_KEYS);
    profile["properties"]["tools"] = json!({
        "description": "Other names and texts for tools, by public name.",
        "type": "object",
        "additionalProperties": table(OVERRIDE_KEYS),
    });
    for name in ["mcpServers", "mcp_servers"] {
        schema["properties"][name] = json!({
            "description": "Servers as other tools write them; keys that are not known are kept.",
            "type": "object",
            "additionalProperties": { "type": "object" },
        });
    }
    schema["$defs"] = json!({ "server": server, "service": table(SERVICE_KEYS), "profile": profile });
    schema
}

fn table(keys: &[Key]) -> Value {
    table_of(keys.iter())
}

fn table_of<'a>(keys: impl Iterator<Item = &'a Key>) -> Value {
    let properties: Map<String, Value> = keys.map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut property = match &key.shape {
        Shape::Flag { default } => with_default(json!({ "type": "boolean" }), *default),
        Shape::Text { default } => with_default(json!({ "type": "string" }), *default),
        Shape::Secret => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Command => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Shape::Secrets => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Shape::Object => json!({ "type": "object" }),
        Shape::Word { words, default } => with_default(json!({ "enum": words }), *default),
        Shape::Count { default, min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
        }
        Shape::Bytes { default, .. } => json!({
            "type": ["integer", "string"],
            "pattern": r"^\d+ ?([kKmMgG][iI]?)?[bB]?$",
            "default": show_bytes(*default),
        }),
        Shape::Duration { default, .. } => json!({
            "type": ["integer", "string"],
            "pattern": r"^\d+ ?(ms|s|m|h|d)?$",
            "default": show_duration(std::time::Duration::from_millis(*default)),
        }),
        Shape::Section { keys } => table(keys),
        Shape::Defaults => table_of(SERVER_KEYS.iter().filter(|key| is_default(key.name))),
    };
    property["description"] = key.what.into();
    property
}

fn with_default<T: Into<Value>>(mut property: Value, default: Option<T>) -> Value {
    if let Some(default) = default {
        property["default"] = default.into();
    }
    property
}
