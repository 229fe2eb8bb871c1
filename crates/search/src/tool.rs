//! What the index reads of a tool, and how it is taken out of a definition as MCP lists it.
//!
//! Everything here is text that a server wrote: it is cut to a size and never believed.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// A parameter of a tool.
#[derive(Debug, Clone)]
pub struct Param<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its description, with the values of an enumeration appended.
    pub description: Cow<'a, str>,
}

/// A tool as the index reads it.
#[derive(Debug, Clone)]
pub struct Tool<'a> {
    /// The unique public name, by which results name the tool.
    pub id: &'a str,
    /// The server's name.
    pub server: &'a str,
    /// The server's title; may be empty.
    pub server_title: &'a str,
    /// The server's description; may be empty.
    pub server_description: &'a str,
    /// The name that the server gave the tool.
    pub name: Cow<'a, str>,
    /// Its description, with its title in front where it has one; may be empty.
    pub description: Cow<'a, str>,
    /// Its parameters, nested ones included.
    pub params: Vec<Param<'a>>,
}

/// How deep parameters within parameters are read.
const DEPTH_MAX: usize = 4;

/// How many parameters of a tool are read.
const PARAMS_MAX: usize = 64;

/// How many values of one enumeration are read.
const VALUES_MAX: usize = 16;

impl<'a> Tool<'a> {
    /// Reads a definition as `tools/list` has it: `name`, `title`, `description`, `inputSchema`
    /// (MCP 2025-11-25, server/tools, data types). None when it is no object with a name.
    #[must_use]
    pub fn of_definition(
        id: &'a str,
        server: &'a str,
        server_title: &'a str,
        server_description: &'a str,
        definition: &(impl AsRef<[u8]> + ?Sized),
    ) -> Option<Self> {
        let Ok(Value::Object(definition)) = serde_json::from_slice(definition.as_ref()) else { return None };
        let text = |key: &str| definition.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = definition.get("name")?.as_str()?.to_owned();
        let annotated = definition.get("annotations").and_then(|notes| notes.get("title")).and_then(Value::as_str);
        let title = if text("title").is_empty() { annotated.unwrap_or_default() } else { text("title") };
        let description = match (title, text("description")) {
            ("", description) => description.to_owned(),
            (title, "") => title.to_owned(),
            (title, description) => format!("{title}. {description}"),
        };
        let mut params = Vec::new();
        if let Some(Value::Object(schema)) = definition.get("inputSchema") {
            read_schema(schema, DEPTH_MAX, &mut params);
        }
        Some(Self {
            id,
            server,
            server_title,
            server_description,
            name: Cow::Owned(name),
            description: Cow::Owned(description),
            params,
        })
    }
}

/// Reads the properties of a JSON Schema, of its items and alternatives, and of its definitions.
fn read_schema(schema: &Map<String, Value>, depth: usize, params: &mut Vec<Param<'_>>) {
    if depth == 0 {
        return;
    }
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            if params.len() >= PARAMS_MAX {
                return;
            }
            params.push(Param { name: Cow::Owned(name.clone()), description: Cow::Owned(describe(property)) });
            if let Value::Object(inner) = property {
                read_schema(inner, depth - 1, params);
            }
        }
    }
    if let Some(Value::Object(items)) = schema.get("items") {
        read_schema(items, depth - 1, params);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for alternative in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            if let Value::Object(inner) = alternative {
                read_schema(inner, depth - 1, params);
            }
        }
    }
    for key in ["$defs", "definitions"] {
        for inner in schema.get(key).and_then(Value::as_object).into_iter().flat_map(Map::values) {
            if let Value::Object(inner) = inner {
                read_schema(inner, depth - 1, params);
            }
        }
    }
}

/// A property's title and description and the values it may have.
fn describe(property: &Value) -> String {
    let text = |key: &str| property.get(key).and_then(Value::as_str).unwrap_or_default();
    let values = property.get("enum").or_else(|| property.get("items").and_then(|items| items.get("enum")));
    let values = values.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).take(VALUES_MAX);
    let parts = [text("title"), text("description")].into_iter().chain(values).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_read_with_nested_parameters_and_values() {
        let definition = r#"{"name":"create_issue","title":"New issue","description":"Opens one.","inputSchema":{
            "type":"object","properties":{
                "state":{"enum":["open","closed"],"description":"What it is"},
                "labels":{"type":"array","items":{"type":"object","properties":{"color":{"type":"string"}}}},
                "who":{"anyOf":[{"type":"null"},{"properties":{"login":{"title":"Login"}}}]}}}}"#;
        let tool = Tool::of_definition("g__create_issue", "g", "G", "", definition).unwrap();
        assert_eq!((tool.name.as_ref(), tool.description.as_ref()), ("create_issue", "New issue. Opens one."));
        let params: Vec<_> = tool.params.iter().map(|param| (&*param.name, &*param.description)).collect();
        let expected =
            [("state", "What it is open closed"), ("labels", ""), ("color", ""), ("who", ""), ("login", "Login")];
        assert_eq!(params, expected);
    }

    #[test]
    fn what_is_no_definition_is_refused_and_odd_members_are_passed_over() {
        for bad in ["", "[]", "{}", r#"{"name":1}"#, r#"{"name":"x""#] {
            assert!(Tool::of_definition("x", "s", "", "", bad).is_none(), "{bad}");
        }
        let odd = r#"{"name":"x","title":3,"description":[],"inputSchema":{"properties":[1]}}"#;
        let tool = Tool::of_definition("x", "s", "", "", odd).unwrap();
        assert!(tool.description.is_empty() && tool.params.is_empty());
    }

    #[test]
    fn a_schema_bomb_is_read_as_far_as_its_limits() {
        let wide: Vec<String> = (0..1000).map(|at| format!(r#""p{at}":{{}}"#)).collect();
        let bomb = format!(r#"{{"name":"x","inputSchema":{{"properties":{{{}}}}}}}"#, wide.join(","));
        assert_eq!(Tool::of_definition("x", "s", "", "", &bomb).unwrap().params.len(), PARAMS_MAX);
    }
}
