//! The published schema and the reader agree, key by key.

use config::json_schema;
use serde_json::Value;

use crate::fixture::Fixture;

#[test]
fn the_schema_is_as_published() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&json_schema()).expect("it is JSON"));
}

#[test]
fn each_key_of_the_schema_is_read() {
    let schema = json_schema();
    let mut lines = Vec::new();
    for (name, property) in properties(&schema) {
        match name.as_str() {
            "servers" | "services" | "profiles" | "mcpServers" | "mcp_servers" => {}
            _ => keys(name, property, &mut lines),
        }
    }
    for line in &lines {
        let text = format!("{line}\nlisten.token = \"0123456789abcdef\"\n");
        let text = if line.starts_with("listen.token") { line.clone() } else { text };
        assert_eq!(Fixture::named("switchboard.toml", &text).said(), [""; 0], "{line}");
    }
    let mut server = Vec::new();
    for (name, property) in properties(&schema["$defs"]["server"]) {
        keys(name, property, &mut server);
    }
    assert!(lines.len() > 25 && server.len() > 20);
    for line in &server {
        let reach = match line.split(' ').next() {
            Some("command" | "url" | "builtin" | "image") => "",
            Some("allow_changes" | "options") => "builtin = \"switchboard\"\n",
            Some(key) if key.starts_with("container.") => "image = \"x\"\n",
            Some(key) if key.starts_with("oauth.") && key != "oauth.client_id" => {
                "url = \"https://h/mcp\"\noauth.client_id = \"me\"\n"
            }
            Some("oauth.client_id" | "auth" | "type" | "headers") => "url = \"https://h/mcp\"\n",
            Some("priority" | "weight") => "command = \"x\"\ngroup = \"g\"\n",
            Some("health_check.arguments") => "command = \"x\"\nhealth_check.tool = \"t\"\n",
            _ => "command = \"x\"\n",
        };
        let line = match line.split(' ').next() {
            Some("depends_on") => "depends_on = []".to_owned(),
            Some("container.volumes") => "container.volumes = [\"a:/b\"]".to_owned(),
            _ => line.replace("type = \"stdio\"", "type = \"http\""),
        };
        let fixture =
            Fixture::named("switchboard.toml", &format!("[servers.a]\n{reach}{line}\n")).file("text", "A=b\n");
        assert_eq!(fixture.said(), [""; 0], "{line}");
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().expect("properties").iter()
}

/// A line of TOML for each key, with a value that the schema allows.
fn keys(name: &str, property: &Value, lines: &mut Vec<String>) {
    let value = match (property["type"].as_str(), property.get("default")) {
        (Some("object"), _) if property["properties"].is_object() => {
            for (inner, property) in properties(property) {
                keys(&format!("{name}.{inner}"), property, lines);
            }
            return;
        }
        (_, Some(default)) => default.to_string(),
        (Some("object"), None) => "{ A = \"b\" }".to_owned(),
        (Some("array"), None) if name.ends_with("check.command") => "[\"x\"]".to_owned(),
        (Some("array"), None) => "[]".to_owned(),
        (Some("boolean"), None) => "true".to_owned(),
        (Some("string"), None) if name == "state.url" => "\"postgres://h/d\"".to_owned(),
        (Some("string"), None) if name == "cache.url" => "\"redis://h/0\"".to_owned(),
        (Some("string"), None) if name.ends_with("url") => "\"https://h/mcp\"".to_owned(),
        (Some("string"), None) if name.ends_with("token") => "\"0123456789abcdef\"".to_owned(),
        (Some("string"), None) if name.ends_with("http") => "\"http://localhost/\"".to_owned(),
        (Some("string"), None) if name.ends_with("tcp") => "\"127.0.0.1:7421\"".to_owned(),
        (Some("string"), None) => "\"text\"".to_owned(),
        (None, None) if property["type"].is_array() => "\"a text of words\"".to_owned(),
        (None, None) => property["enum"][0].to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert!(property["description"].is_string(), "{name}");
    lines.push(format!("{name} = {value}"));
}
