//! Every key makes a difference: set to something else than its default it shows in the
//! configuration in force, and a reload notices it on a server. What it does to a running
//! switchboard is shown by the tests that `xtask/tests/tidy/effects.rs` names for each key.

use config::{changes, json_schema, to_json};
use serde_json::{Value, json};

use crate::fixture::Fixture;

/// Keys whose value must be one that makes sense, or that go with others: key, value, more lines.
const SPECIAL: &[(&str, &str, &str)] = &[
    ("listen.address", "\"127.0.0.1:1\"", ""),
    ("listen.tcp", "\"127.0.0.1:1\"", ""),
    ("listen.public_url", "\"https://h\"", ""),
    ("listen.token", "\"0123456789abcdef\"", ""),
    ("roots", "[\"file:///x\"]", ""),
    ("type", "\"sse\"", "url = \"http://h/\""),
    ("command", "\"y\"", ""),
    ("url", "\"http://other/\"", ""),
    ("headers", "{ A = \"b\" }", "url = \"http://h/\""),
    ("auth", "\"none\"", "url = \"http://h/\""),
    ("env_file", "\"text\"", "command = \"x\""),
    ("disabled", "true", "command = \"x\""),
    ("enabled", "false", "command = \"x\""),
    ("request_timeout_max", "\"20m\"", "command = \"x\""),
    ("container_engine", "\"unix:///x\"", ""),
    ("services", "{ s = { command = \"x\" } }", ""),
    ("profiles", "{ p = { exposure = \"search\" } }", ""),
    ("state.url", "\"postgres://h/d\"", ""),
    ("cache.url", "\"redis://h/0\"", ""),
    ("telemetry.otlp_url", "\"http://h\"", ""),
    ("log.level", "\"warn\"", ""),
    ("options", "{ A = \"b\" }", "builtin = \"files\""),
    ("builtin", "\"switchboard\"", ""),
    ("allow_changes", "true", "builtin = \"switchboard\""),
    ("restart_delay_max", "\"2m\"", "command = \"x\""),
    ("install", "\"npm ci\"", "command = \"x\""),
    ("install_timeout", "\"1s\"", "command = \"x\"\ninstall = \"npm ci\""),
    ("pin", "\"session\"", "command = \"x\"\nreplicas = 2"),
    ("priority", "7", "command = \"x\"\ngroup = \"g\""),
    ("weight", "7", "command = \"x\"\ngroup = \"g\""),
    ("depends_on", "[\"s\"]", "command = \"x\""),
    ("resources.memory", "\"32MiB\"", "command = \"x\""),
    ("resources.open_files", "64", "command = \"x\""),
    ("health_check.http", "\"http://127.0.0.1/\"", "command = \"x\""),
    ("health_check.arguments", "{ A = \"b\" }", "command = \"x\"\nhealth_check.tool = \"t\""),
    ("cache.ttl", "\"1s\"", "command = \"x\"\ncache.tools = [\"x\"]"),
    ("cache.entries", "9", "command = \"x\"\ncache.tools = [\"x\"]"),
    ("cache.bytes", "\"2MiB\"", "command = \"x\"\ncache.tools = [\"x\"]"),
    ("image", "\"y:1\"", ""),
    ("container.volumes", "[\"v:/v\"]", "image = \"x\""),
    ("container.path", "\"/other\"", "image = \"x\"\ncontainer.port = 80"),
    ("oauth.issuer", "\"https://issuer/\"", "url = \"http://h/\"\noauth.client_id = \"me\""),
    ("oauth.client_secret", "\"word\"", "url = \"http://h/\"\noauth.client_id = \"me\""),
    ("oauth.client_metadata_url", "\"https://h/m.json\"", "url = \"http://h/\""),
    ("oauth.client_id", "\"me\"", "url = \"http://h/\""),
];

/// Another value than the default, as TOML.
fn other(property: &Value) -> String {
    let default = &property["default"];
    match property["type"].as_str() {
        Some("boolean") => (default != &json!(true)).to_string(),
        Some("integer") => {
            let (number, min) = (default.as_u64().unwrap_or(0), property["minimum"].as_u64().unwrap_or(0));
            if number > min { (number - 1).to_string() } else { (number + 1).to_string() }
        }
        Some("array") => "[\"x\"]".to_owned(),
        Some("object") => "{ A = \"b\" }".to_owned(),
        Some("string") => "\"other\"".to_owned(),
        _ if property["pattern"].as_str().is_some_and(|pattern| pattern.contains("ms")) => {
            if default == "1s" {
                "\"2s\"".to_owned()
            } else {
                "\"1s\"".to_owned()
            }
        }
        _ if property["pattern"].is_string() => {
            if default == "2MiB" {
                "\"3MiB\"".to_owned()
            } else {
                "\"2MiB\"".to_owned()
            }
        }
        _ => {
            let words = property["enum"].as_array().cloned().unwrap_or_default();
            words.into_iter().find(|word| word != default).unwrap_or_default().to_string()
        }
    }
}

/// Every key below a table, with a dot for each section.
fn keys(table: &Value, before: &str, all: &mut Vec<(String, Value)>) {
    for (name, property) in table["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        match property["properties"].is_object() {
            true => keys(property, &format!("{path}."), all),
            false => all.push((path, property.clone())),
        }
    }
}

fn special(key: &str) -> Option<(String, String)> {
    let found = SPECIAL.iter().find(|(name, ..)| *name == key)?;
    Some((found.1.to_owned(), found.2.to_owned()))
}

/// A key of `[defaults]` is one of servers: value, lines before, lines of the server.
fn special_default(key: &str) -> Option<(String, String, String)> {
    let (value, lines) = special(key.strip_prefix("defaults.")?)?;
    let (mut before, mut of_server) = (String::new(), String::new());
    for line in lines.lines().filter(|line| !line.starts_with("command")) {
        match line.split('=').next().is_some_and(|key| key.contains('.')) {
            true => before.push_str(&format!("defaults.{line}\n")),
            false => of_server.push_str(&format!("{line}\n")),
        }
    }
    Some((value, before, of_server))
}

#[test]
fn every_setting_shows_in_the_configuration() {
    let mut all = Vec::new();
    let mut schema = json_schema();
    for servers in ["servers", "mcpServers", "mcp_servers"] {
        schema["properties"].as_object_mut().expect("properties").remove(servers);
    }
    keys(&schema, "", &mut all);
    assert!(all.len() > 40);
    for (key, property) in all {
        let own = special(&key).map(|(value, _)| (value, String::new(), String::new()));
        let special = own.or_else(|| special_default(&key));
        let (value, before, of_server) = special.unwrap_or_else(|| (other(&property), String::new(), String::new()));
        let server = format!("[servers.a]\ncommand = \"x\"\n{of_server}");
        let plain = Fixture::named("switchboard.toml", &format!("{before}{server}")).good().config;
        let set = Fixture::named("switchboard.toml", &format!("{before}{key} = {value}\n{server}"));
        let config = set.good().config;
        let (mut old, mut new) = (to_json(&plain), to_json(&config));
        for shown in [&mut old, &mut new] {
            shown["origins"] = Value::Null;
        }
        assert_ne!(old, new, "{key} = {value} changes nothing that is shown");
    }
}

#[test]
fn every_key_of_a_server_shows_and_a_reload_notices_it() {
    let mut all = Vec::new();
    keys(&json_schema()["$defs"]["server"], "", &mut all);
    assert!(all.len() > 30);
    for (key, property) in all {
        let around = match key.split('.').next() {
            Some("oauth") => "url = \"http://h/\"",
            Some("command" | "url") => "",
            Some("container") => "image = \"x\"",
            _ => "command = \"x\"",
        };
        let (value, around) = special(&key).unwrap_or_else(|| (other(&property), around.to_owned()));
        let before = match key.as_str() {
            "command" | "builtin" | "image" => "command = \"x\"".to_owned(),
            "url" => "url = \"http://h/\"".to_owned(),
            _ => around.clone(),
        };
        let load = |lines: &str| {
            let fixture =
                Fixture::named("switchboard.toml", &format!("[servers.a]\n{lines}\n[services.s]\ncommand = \"s\"\n"))
                    .file("text", "A=b\n");
            fixture.good().config
        };
        let (old, new) = (load(&before), load(&format!("{around}\n{key} = {value}")));
        let difference = changes(&old, &new);
        assert!(!difference.is_empty(), "{key} = {value}: a reload would not notice it");
        let shown = |config| to_json(config)["servers"]["a"].clone();
        assert_ne!(shown(&old), shown(&new), "{key} = {value} changes nothing that is shown");
    }
}
